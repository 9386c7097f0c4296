"""An error in the shape of the asked service's protocol, so that boto3 reads it as AWS's own."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from xml.sax.saxutils import escape

from inferstack.sandbox.aws.front.calls import Call


@dataclass(frozen=True)
class HttpAnswer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True)
class Refusal:
    """What is wrong, before it has a protocol."""

    code: str
    message: str
    status: int = 400


def refusal(call: Call, what: Refusal) -> HttpAnswer:
    request_id = str(uuid.uuid4())
    if call.protocol in ("json", "rest-json"):
        body = json.dumps({"__type": what.code, "message": what.message})
        return _answer(what.status, body, "application/x-amz-json-1.1", request_id, ("x-amzn-ErrorType", what.code))
    if call.protocol == "cbor":
        body_of_map = b"\xa2" + b"".join(_cbor(text) for text in ("__type", what.code, "message", what.message))
        return _bytes(what.status, body_of_map, "application/cbor", request_id, ("smithy-protocol", "rpc-v2-cbor"))
    code, message = escape(what.code), escape(what.message)
    error = f"<Code>{code}</Code><Message>{message}</Message>"
    body = {
        "ec2": f"<Response><Errors><Error>{error}</Error></Errors><RequestID>{request_id}</RequestID></Response>",
        "query": f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error><RequestId>{request_id}</RequestId></ErrorResponse>",
    }.get(call.protocol, f"<Error>{error}<RequestId>{request_id}</RequestId></Error>")
    return _answer(what.status, f'<?xml version="1.0" encoding="UTF-8"?>\n{body}', "text/xml", request_id)


def as_json(status: int, content: object) -> HttpAnswer:
    return _answer(status, json.dumps(content), "application/json", str(uuid.uuid4()))


def as_text(status: int, content: str) -> HttpAnswer:
    return _answer(status, content, "text/plain", str(uuid.uuid4()))


def _answer(status: int, body: str, kind: str, request_id: str, *more: tuple[str, str]) -> HttpAnswer:
    return _bytes(status, body.encode(), kind, request_id, *more)


def _bytes(status: int, content: bytes, kind: str, request_id: str, *more: tuple[str, str]) -> HttpAnswer:
    headers = (("Content-Type", kind), ("Content-Length", str(len(content))), ("x-amzn-RequestId", request_id), *more)
    return HttpAnswer(status, headers, content)


def _cbor(text: str) -> bytes:
    """A text string; its length always in two bytes."""
    content = text.encode()
    return b"\x79" + len(content).to_bytes(2, "big") + content
