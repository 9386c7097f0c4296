"""Which operation of which service an HTTP request is, found the way an AWS endpoint finds it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

import botocore.session

SEARCHED_BYTES = 65536
APPLICATION = re.compile(r"\bapp/inferstack-([a-z][a-z0-9-]*)")
LABEL = "(?:arn:.+|[^/]+)"
SIGNING_NAMES = {"monitoring": "cloudwatch", "tagging": "resourcegroupstaggingapi", "servicequotas": "service-quotas", "email": "ses"}


@dataclass(frozen=True)
class Call:
    """`stack` is the rehearsal whose environment the caller has, by the application id in its user agent; empty where it has none.

    `text` is what a fault's resource is looked for in: operation, path, query and (not for S3 objects) body."""

    service: str
    operation: str
    region: str
    protocol: str
    access_key: str
    text: str
    stack: str = ""

    @property
    def creates(self) -> bool:
        return self.operation.startswith(("Create", "Run", "Put", "Allocate", "Request", "Register"))

    def concerns(self, resource: str) -> bool:
        return not resource or resource.lower() in self.text.lower()


def identify(environ: dict[str, Any], body: bytes) -> Call:
    signed, region, key = _scope(environ)
    service, operation, protocol = _operation(environ, body, signed)
    searched = "" if service == "s3" else unquote_plus(body[:SEARCHED_BYTES].decode("utf-8", "replace"))
    path = unquote_plus(f"{environ.get('PATH_INFO', '')}?{environ.get('QUERY_STRING', '')}")
    told = APPLICATION.search(environ.get("HTTP_USER_AGENT", ""))
    text = f"{service}.{operation} {service}:{operation} {path} {searched}"
    return Call(service, operation, region, protocol, key, text, stack=told.group(1) if told else "")


def _scope(environ: dict[str, Any]) -> tuple[str, str, str]:
    """Service, region and access key from the signature; an unsigned request is S3's, as with AWS's own front end."""
    signed = re.search(r"Credential=([^/]*)/\d{8}/([^/]+)/([^/]+)/aws4_request", environ.get("HTTP_AUTHORIZATION", ""))
    if signed is None:
        query = parse_qs(environ.get("QUERY_STRING", "")).get("X-Amz-Credential", [""])[0].split("/")
        return ("s3", query[2], query[0]) if len(query) == 5 else ("s3", "us-east-1", "")
    key, region, name = signed.groups()
    return SIGNING_NAMES.get(name, name), region, key


def _operation(environ: dict[str, Any], body: bytes, service: str) -> tuple[str, str, str]:
    """Service, operation and protocol; several services may sign with one name."""
    if target := environ.get("HTTP_X_AMZ_TARGET", ""):
        return service, target.rsplit(".", 1)[-1], "json"
    if service != "s3" and "/operation/" in (path := environ.get("PATH_INFO", "")):
        return service, path.rsplit("/", 1)[-1], "cbor"
    if service != "s3" and environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        found = re.search(rb"(?:^|&)Action=([A-Za-z0-9]+)", body)
        return service, (found.group(1).decode() if found else ""), "ec2" if service == "ec2" else "query"
    for candidate in _signing_with(service):
        if operation := _by_route(environ, candidate):
            return candidate, operation, _protocol(candidate)
    return service, "", "rest-xml" if service == "s3" else "rest-json"


@cache
def _signing_with(name: str) -> tuple[str, ...]:
    """The services with a REST protocol that sign with this name."""
    held = json.loads((Path(__file__).parents[1] / "recorded" / "signing_names.json").read_text(encoding="utf-8"))
    return tuple(held["services"].get(name, (name,)))


@cache
def _protocol(service: str) -> str:
    return str(botocore.session.Session().get_service_model(service).metadata["protocol"])


def _by_route(environ: dict[str, Any], service: str) -> str:
    given = set(parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    path = _undecoded_path(environ)
    for method, pattern, needed, name in _routes(service):
        if method == environ["REQUEST_METHOD"] and needed <= given and pattern.fullmatch(path):
            copies = name == "PutObject" and "HTTP_X_AMZ_COPY_SOURCE" in environ
            return "CopyObject" if copies else name
    return ""


def _undecoded_path(environ: dict[str, Any]) -> str:
    """The path as it was sent, where the server keeps it: a slash inside a label comes as %2F and ends no label."""
    sent = str(environ.get("RAW_URI") or environ.get("REQUEST_URI") or "")
    return urlsplit(sent).path if sent.startswith("/") else str(environ.get("PATH_INFO", ""))


@cache
def _routes(service: str) -> tuple[tuple[str, re.Pattern[str], frozenset[str], str], ...]:
    """Return the routes of a REST service, the most particular first."""
    session = botocore.session.Session()
    if service not in session.get_available_services():
        return ()
    model = session.get_service_model(service)
    found = []
    for name in model.operation_names:
        if name == "CopyObject":
            continue
        operation = model.operation_model(name)
        path, _, query = operation.http["requestUri"].partition("?")
        needed = frozenset(parse_qs(query, keep_blank_values=True)) | _required_in_query(operation)
        found.append((operation.http["method"], _pattern(path), needed, name, len(re.sub(r"\{[^}]*\}", "", path))))
    found.sort(key=lambda route: (-len(route[2]), -route[4], route[3]))
    return tuple(route[:4] for route in found)


def _required_in_query(operation: Any) -> frozenset[str]:
    shape = operation.input_shape
    if shape is None:
        return frozenset()
    where = {name: shape.members[name].serialization for name in shape.required_members}
    return frozenset(at["name"] for at in where.values() if at.get("location") == "querystring")


def _pattern(path: str) -> re.Pattern[str]:
    """A label ends at a slash, except an ARN's: some clients and servers decode the path before it is matched."""
    parts = re.split(r"(\{[^}]+\})", path)
    as_regex = [".+" if p.endswith("+}") else LABEL if p.startswith("{") else re.escape(p) for p in parts]
    return re.compile("".join(as_regex) + "/?")
