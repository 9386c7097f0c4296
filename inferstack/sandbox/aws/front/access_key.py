"""Who may call the embedded AWS: whoever knows the random access key of the run, which stands in daemon.json (0600) alone."""

from __future__ import annotations

import hmac

from inferstack.sandbox.aws.front.answers import Refusal
from inferstack.sandbox.aws.front.calls import Call

MESSAGE = "the access key of this call is not that of the running rehearsal; inferstack env prints it"
BY_PROTOCOL = {"ec2": ("AuthFailure", 401), "json": ("UnrecognizedClientException", 400), "rest-json": ("UnrecognizedClientException", 403)}
"""As AWS answers an access key that it does not know; S3 has a code of its own."""


def unknown_key(call: Call, access_key: str) -> Refusal | None:
    """None for a call that carries the key."""
    if hmac.compare_digest(call.access_key.encode(), access_key.encode()):
        return None
    if call.service == "s3":
        return Refusal("InvalidAccessKeyId", MESSAGE, 403)
    code, status = BY_PROTOCOL.get(call.protocol, ("InvalidClientTokenId", 403))
    return Refusal(code, MESSAGE, status)
