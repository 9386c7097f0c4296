"""A refusal of AWS in one line: quota, capacity, permission, throttling and missing support told apart, with the next step. Pure."""

from __future__ import annotations

import re

from inferstack.records.errors import CloudRefused, RefusalKind
from infra.calls import quotas
from infra.calls.quotas import Quota

QUOTA = {"VcpuLimitExceeded", "InstanceLimitExceeded", "MaxSpotInstanceCountExceeded", "LimitExceeded", "LimitExceededException"}
QUOTA |= {"ServiceQuotaExceededException", "ResourceLimitExceeded", "VolumeLimitExceeded", "TooManyBuckets", *quotas.OTHERS}
CAPACITY = {"InsufficientInstanceCapacity", "InsufficientCapacity", "InsufficientHostCapacity", "InsufficientReservedInstanceCapacity"}
CAPACITY |= {"ReservationCapacityExceeded", "InsufficientFreeAddressesInSubnet", "UnfulfillableCapacity"}
PERMISSION = {"UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "UnauthorizedAccess", "NotAuthorized", "Forbidden"}
PERMISSION |= {"AuthFailure", "InvalidClientTokenId", "ExpiredToken", "ExpiredTokenException", "SignatureDoesNotMatch", "OptInRequired"}
PERMISSION |= {"UnrecognizedClientException", "InvalidAccessKeyId", "KMSAccessDeniedException", "UnauthorizedException"}
THROTTLED = {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "SlowDown", "RequestThrottled"}
THROTTLED |= {"RequestThrottledException", "PriorRequestNotComplete", "EC2ThrottledException"}
UNSUPPORTED = {"Unsupported", "UnsupportedOperation", "InvalidInstanceType", "UnsupportedHostConfiguration", "InvalidAMIID.NotFound"}
IDENTITY = {"AuthFailure", "InvalidClientTokenId", "ExpiredToken", "ExpiredTokenException", "SignatureDoesNotMatch", "InvalidAccessKeyId"}
IDENTITY |= {"UnrecognizedClientException"}

TABLE: tuple[tuple[set[str], RefusalKind], ...] = (
    (QUOTA, "quota"),
    (CAPACITY, "capacity"),
    (PERMISSION, "permission"),
    (THROTTLED, "throttled"),
    (UNSUPPORTED, "unsupported"),
)
KNOWN = sorted(code for codes, _ in TABLE for code in codes)
# Auto Scaling's activities speak in sentences; a code stands in them only for mixed groups.
SENTENCES = (
    (r"do not have sufficient .* capacity|insufficient capacity|no .* capacity available", "InsufficientInstanceCapacity"),
    (r"not enough free addresses", "InsufficientFreeAddressesInSubnet"),
    (r"more vCPU capacity than your current vCPU limit", "VcpuLimitExceeded"),
    (r"exceeded .* quota|quota .* exceeded|maximum number of .* has been reached", "LimitExceeded"),
    (r"not authorized to (perform|use)|is not authorized", "UnauthorizedOperation"),
    (r"rate exceeded|request limit exceeded", "Throttling"),
    (r"is not supported in your requested Availability Zone|configuration is currently not supported", "Unsupported"),
)
LONGEST = 300


def explained(code: str, message: str, *, operation: str = "", instance_type: str | None = None, region: str | None = None) -> CloudRefused:
    """`operation` is the IAM action of the refused call, ec2:RunInstances."""
    kind = kind_of(code)
    said = _one_line(message)
    if kind == "quota":
        return CloudRefused(f"quota: {_coded(code, said)}", kind=kind, hint=_quota_hint(code, said, instance_type, region))
    if kind == "capacity":
        return CloudRefused(f"capacity: {_coded(code, said)}", kind=kind, hint=CAPACITY_HINT)
    if kind == "permission":
        return CloudRefused(f"permission: {_coded(code, said)}", kind=kind, hint=_permission_hint(code, said, operation))
    if kind == "throttled":
        return CloudRefused(f"throttled: {_coded(code, said)}", kind=kind, hint=THROTTLED_HINT)
    if kind == "unsupported":
        return CloudRefused(f"unsupported: {_coded(code, said)}", kind=kind, hint=UNSUPPORTED_HINT)
    return CloudRefused(
        f"AWS refused{f' {operation}' if operation else ''}: {_coded(code, said)}",
        hint="fix what the message names, then run the same command again",
    )


CAPACITY_HINT = (
    "AWS has no free capacity of this type there now: try another region (--region) or type (plan --instance-type), "
    "or run the same command later; a Capacity Block or a reservation guarantees capacity"
)
THROTTLED_HINT = "AWS limits the request rate: wait a minute and run the same command again; what was created is kept"
UNSUPPORTED_HINT = "this region or zone does not offer it: plan again with --region or --instance-type"


def explained_text(text: str, *, instance_type: str | None = None, region: str | None = None) -> CloudRefused:
    """Explain prose: a provider's diagnostic or the status message of a scaling activity."""
    return explained(
        code_in(text), text, operation=_operation_in(text), instance_type=instance_type or _instance_type_in(text), region=region
    )


def local(kind: str, message: str) -> CloudRefused:
    """boto3 could not even ask: no credentials, an expired login, no connection."""
    said = _one_line(message)
    if "Credential" in kind or "Token" in kind or "SSO" in kind or "Profile" in kind or "Login" in kind:
        hint = "run aws configure sso and aws sso login, or set AWS_PROFILE; inferstack settings shows which profile is used"
        return CloudRefused(f"no usable AWS identity: {said}", kind="permission", hint=hint)
    if "Connect" in kind or "Timeout" in kind or "SSL" in kind or "Proxy" in kind or "HTTP" in kind:
        hint = "check the network, HTTPS_PROXY and AWS_CA_BUNDLE, then run the same command again"
        return CloudRefused(f"AWS cannot be reached: {said}", kind="timeout", hint=hint)
    return CloudRefused(f"AWS client: {said}", hint="inferstack doctor checks the set-up")


def kind_of(code: str) -> RefusalKind:
    return next((kind for codes, kind in TABLE if code in codes), "other")


def code_in(text: str) -> str:
    """The first of AWS's codes that the text names or, failing that, paraphrases; empty when there is none."""
    named = [(match.start(), code) for code in KNOWN if (match := re.search(rf"\b{re.escape(code)}\b", text))]
    if named:
        return min(named)[1]
    return next((code for pattern, code in SENTENCES if re.search(pattern, text, re.IGNORECASE | re.DOTALL)), "")


def _quota_hint(code: str, message: str, instance_type: str | None, region: str | None) -> str:
    quota: Quota | None = quotas.OTHERS.get(code)
    if quota is None and instance_type:
        quota = quotas.on_demand(instance_type)
    if quota is None:
        request = "aws service-quotas request-service-quota-increase"
        return f"request an increase: {request} (inferstack doctor names the quota), or plan a smaller cluster"
    return (
        f"quota {quota.code} ({quota.name}, in {quota.unit}): {quotas.increase(quota, region=region)}; or plan with another instance family"
    )


def _permission_hint(code: str, message: str, operation: str) -> str:
    if code in IDENTITY:
        return "the credentials are wrong or expired: run aws sso login, or set AWS_PROFILE"
    action = _action_in(message) or operation
    needed = f"the identity lacks {action}" if action else "the identity lacks the action"
    return f"{needed}: add it to the identity's policy, then run the same command again"


def _action_in(message: str) -> str:
    match = re.search(r"perform:?\s+([a-z0-9-]+:[A-Za-z]+)", message)
    return match.group(1) if match else ""


def _operation_in(text: str) -> str:
    match = re.search(r"operation error ([A-Za-z0-9 ]+): ([A-Za-z]+)", text) or re.search(r"calling the ()([A-Z][A-Za-z]+) operation", text)
    if not match:
        return ""
    service = match.group(1).lower().replace(" ", "")
    return f"{service}:{match.group(2)}" if service else match.group(2)


def _instance_type_in(text: str) -> str | None:
    match = re.search(r"\b[a-z]+\d[a-z0-9-]*\.(?:\d*xlarge|metal(?:-\d+xl)?|large|medium)\b", text)
    return match.group() if match else None


def _coded(code: str, message: str) -> str:
    return message if not code or code in message else f"{code}: {message}"


def _one_line(text: str) -> str:
    line = " ".join(text.split()).rstrip(".")
    return line if len(line) <= LONGEST else line[: LONGEST - 3] + "..."
