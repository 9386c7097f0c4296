"""Every call has a name, whatever its path holds: a call without one can be judged by no policy and met by no fault."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

import botocore.session
import pytest
from botocore.serialize import create_serializer
from botocore.utils import percent_encode_sequence

from inferstack.sandbox.aws.front.calls import identify

ARN = "arn:aws:service:us-east-1:000000000000:kind/one/two"
# Tags and resources by ARN, a service that signs with another's name, and labels that another label follows.
SERVICES = (
    "scheduler",
    "eks",
    "batch",
    "kafka",
    "lambda",
    "backup",
    "pipes",
    "imagebuilder",
    "pinpoint",
    "mwaa",
    "s3control",
    "supplychain",
)


def calls(service: str) -> list[tuple[str, dict[str, Any]]]:
    """Operation and request of each call whose path holds an ARN, as botocore writes it."""
    model = botocore.session.Session().get_service_model(service)
    serializer = create_serializer(model.metadata["protocol"], include_validation=False)
    found = []
    for name in model.operation_names:
        shape = model.operation_model(name).input_shape
        members = shape.members if shape else {}
        in_path = [one for one, of in members.items() if of.serialization.get("location") == "uri"]
        if not any("arn" in (one + members[one].serialization.get("name", "")).lower() for one in in_path):
            continue
        in_host = [one for one, of in members.items() if of.serialization.get("hostLabel")]
        in_query = [one for one in shape.required_members if members[one].serialization.get("location") == "querystring"]
        given = {one: ARN if "arn" in one.lower() else "x" for one in in_path} | {one: _sample(members[one]) for one in in_query}
        given |= dict.fromkeys(in_host, "x")
        found.append((name, serializer.serialize_to_request(given, model.operation_model(name))))
    return found


def _sample(shape: Any) -> Any:
    return {"list": ["x"], "integer": 1, "boolean": True, "string": "x"}.get(shape.type_name, "x")


def sent(service: str, request: dict[str, Any], *, decoded: bool) -> dict[str, Any]:
    """As the server hands it over; some keep only the decoded path."""
    signed = botocore.session.Session().get_service_model(service).signing_name
    url = urlsplit(request["url_path"])
    query = "&".join(filter(None, (url.query, percent_encode_sequence(request["query_string"]) if request["query_string"] else "")))
    scope = f"AWS4-HMAC-SHA256 Credential=rehearsal/20261130/us-east-1/{signed}/aws4_request"
    environ = {"REQUEST_METHOD": request["method"], "PATH_INFO": unquote(url.path), "QUERY_STRING": query, "HTTP_AUTHORIZATION": scope}
    return environ if decoded else environ | {"RAW_URI": f"{url.path}?{query}"}


@pytest.mark.parametrize("decoded", [True, False])
@pytest.mark.parametrize("service", SERVICES)
def test_a_call_with_an_arn_in_its_path_has_its_name(service: str, decoded: bool) -> None:
    """Held against the requests that botocore makes."""
    asked = calls(service)
    assert asked, "the service has none: name another"
    named = {name: identify(sent(service, request, decoded=decoded), b"") for name, request in asked}
    assert {} == {name: (call.service, call.operation) for name, call in named.items() if (call.service, call.operation) != (service, name)}
