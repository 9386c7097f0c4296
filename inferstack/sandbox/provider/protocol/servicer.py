"""The resource provider protocol: each call is decoded, handed to the module that knows, and its answer or its one-line refusal encoded."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc, status_pb2
from pulumi.runtime.proto import provider_pb2 as pb

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.cloud.guard import RehearsalRefused
from inferstack.sandbox.provider.cloud.refusals import Mistake, line
from inferstack.sandbox.provider.invokes.table import invoke
from inferstack.sandbox.provider.properties.values import plain
from inferstack.sandbox.provider.properties.wire import decode, encode
from inferstack.sandbox.provider.protocol import check, configuration, faults, lifecycle
from inferstack.sandbox.provider.protocol.diff import PropertyDifference, diff
from inferstack.sandbox.provider.resources.resource_type import ResourceType
from inferstack.sandbox.provider.resources.table import TYPES

Handler = TypeVar("Handler", bound=Callable[..., Any])
UNTIL_GONE_S = 120.0


def one_line(handler: Handler) -> Handler:
    """No exception ends the process or reaches the user as more than a line; an unfinished creation keeps its id."""

    @functools.wraps(handler)
    def guarded(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return handler(self, request, context)
        except lifecycle.Unfinished as error:
            reason, trailer = error.reason, _unfinished(error)
            context.set_trailing_metadata((("grpc-status-details-bin", trailer),))
        except Exception as error:  # noqa: BLE001  whatever boto3 raises becomes the line that Pulumi prints
            reason = line(error)
        return context.abort(grpc.StatusCode.UNKNOWN, reason)

    return guarded  # type: ignore[return-value]


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """One process of it serves one command of the CLI."""

    def __init__(self, sandbox: Path, *, version: str) -> None:
        self._cloud = Cloud(sandbox)
        self._version = version
        self._default_tags: dict[str, str] = {}

    def Handshake(self, request: Any, context: Any) -> Any:
        return pb.ProviderHandshakeResponse(accept_secrets=True)

    def Attach(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=self._version)

    def GetSchema(self, request: Any, context: Any) -> Any:
        return pb.GetSchemaResponse(schema="{}")

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    @one_line
    def CheckConfig(self, request: Any, context: Any) -> Any:
        failures = configuration.failures(decode(request.news))
        return pb.CheckResponse(inputs=request.news, failures=_failures(failures))

    @one_line
    def DiffConfig(self, request: Any, context: Any) -> Any:
        return _answer(configuration.diff(decode(request.old_inputs), decode(request.news)))

    @one_line
    def Configure(self, request: Any, context: Any) -> Any:
        settings = configuration.settings(decode(request.args), dict(request.variables))
        self._cloud = self._cloud.at(settings.region)
        self._default_tags = dict(settings.default_tags)
        return pb.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    @one_line
    def Check(self, request: Any, context: Any) -> Any:
        token, name = _token_and_name(request.urn)
        if token not in TYPES:
            return pb.CheckResponse(inputs=request.news, failures=_failures([("", check.unknown_type(token, TYPES))]))
        asked = check.CheckContext(name, request.randomSeed, decode(request.olds), self._default_tags)
        inputs, failures = check.check(TYPES[token], decode(request.news), asked)
        return pb.CheckResponse(inputs=encode(inputs), failures=_failures(failures))

    @one_line
    def Diff(self, request: Any, context: Any) -> Any:
        return _answer(diff(_kind(request.urn), decode(request.old_inputs), decode(request.news)))

    @one_line
    def Create(self, request: Any, context: Any) -> Any:
        token, name = _token_and_name(request.urn)
        kind, inputs = _kind(request.urn), decode(request.properties)
        if request.preview:
            return pb.CreateResponse(id="", properties=encode(lifecycle.preview(kind, inputs)))
        faults.die_if_armed(self._cloud.sandbox, token=token, name=name)
        id, outputs = lifecycle.create(kind, self._of(kind, inputs), inputs)
        return pb.CreateResponse(id=id, properties=encode(outputs))

    @one_line
    def Read(self, request: Any, context: Any) -> Any:
        kind, inputs, outputs = _kind(request.urn), decode(request.inputs), decode(request.properties)
        cloud = self._of(kind, inputs or outputs)
        found = lifecycle.read(kind, cloud, request.id, inputs=inputs, outputs=outputs, default_tags=self._default_tags)
        if found is None:
            return pb.ReadResponse(id="")
        id, seen, known = found
        return pb.ReadResponse(id=id, inputs=encode(seen), properties=encode(known))

    @one_line
    def Update(self, request: Any, context: Any) -> Any:
        kind, news = _kind(request.urn), decode(request.news)
        before = {"old_inputs": decode(request.old_inputs), "outputs": decode(request.olds), "news": news}
        if request.preview:
            outputs = lifecycle.update_preview(kind, **before)
        else:
            outputs = lifecycle.update(kind, self._of(kind, news), request.id, **before)
        return pb.UpdateResponse(properties=encode(outputs))

    @one_line
    def Delete(self, request: Any, context: Any) -> Any:
        kind, inputs = _kind(request.urn), decode(request.old_inputs) or decode(request.properties)
        lifecycle.delete(kind, self._of(kind, inputs), request.id, inputs, seconds=request.timeout or UNTIL_GONE_S)
        return empty_pb2.Empty()

    @one_line
    def Invoke(self, request: Any, context: Any) -> Any:
        try:
            answer = invoke(request.tok, decode(request.args), self._cloud)
        except Mistake as mistake:
            return pb.InvokeResponse(failures=_failures([(mistake.property, mistake.reason)]))
        return pb.InvokeResponse(**{"return": encode(answer)})

    def _of(self, kind: ResourceType, inputs: dict[str, Any]) -> Cloud:
        return self._cloud.at(kind.home or plain(inputs.get("region")))


def _token_and_name(urn: str) -> tuple[str, str]:
    """urn:pulumi:stack::project::Parent$aws:ec2/vpc:Vpc::name."""
    parts = urn.split("::")
    return parts[2].split("$")[-1], "::".join(parts[3:])


def _kind(urn: str) -> ResourceType:
    token, _ = _token_and_name(urn)
    if token not in TYPES:
        raise RehearsalRefused(check.unknown_type(token, TYPES))
    return TYPES[token]


def _failures(found: list[tuple[str, str]]) -> list[Any]:
    return [pb.CheckFailure(property=path, reason=reason) for path, reason in found]


def _answer(found: PropertyDifference) -> Any:
    detailed = {path: pb.PropertyDiff(kind=_change(change, path, found), inputDiff=True) for path, change in found.changes.items()}
    return pb.DiffResponse(
        changes=pb.DiffResponse.DIFF_SOME if found.changes else pb.DiffResponse.DIFF_NONE,
        diffs=found.properties,
        replaces=found.replaces,
        deleteBeforeReplace=found.delete_before_replace,
        detailedDiff=detailed,
        hasDetailedDiff=True,
    )


def _change(change: str, path: str, found: PropertyDifference) -> Any:
    replaces = any(path == name or path.startswith((f"{name}.", f"{name}[")) for name in found.replaces)
    return getattr(pb.PropertyDiff, f"{change}_REPLACE" if replaces else change)


def _unfinished(error: lifecycle.Unfinished) -> bytes:
    detail = any_pb2.Any()
    detail.Pack(pb.ErrorResourceInitFailed(id=error.id, properties=encode(error.outputs), reasons=[error.reason]))
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=error.reason, details=[detail])
    return bytes(status.SerializeToString())
