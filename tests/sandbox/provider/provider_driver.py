"""Speaks to the provider as the engine does, in plain Python values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import provider_pb2_grpc, status_pb2

from inferstack.sandbox.provider.properties.wire import decode, encode

SEED = b"0123456789abcdef"


class Refusal(Exception):
    """What a failed call says; `id` when the resource exists all the same."""

    def __init__(self, text: str, id: str = "") -> None:
        super().__init__(text)
        self.text, self.id = text, id


@dataclass
class Made:
    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any] = field(default_factory=dict)


class Driver:
    def __init__(self, port: int) -> None:
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.stub = provider_pb2_grpc.ResourceProviderStub(self._channel)

    def close(self) -> None:
        self._channel.close()

    def configure(self, *, region: str = "us-east-1", accounts: str = '["000000000000"]', tags: str = "") -> None:
        given = {"region": region, "allowedAccountIds": accounts, **({"defaultTags": tags} if tags else {})}
        self._call("Configure", pb.ConfigureRequest(args=encode(given)))

    def check_config(self, **given: Any) -> list[tuple[str, str]]:
        return self._failures(self._call("CheckConfig", pb.CheckRequest(news=encode(given))))

    def check(
        self, token: str, logical: str = "it", /, *, olds: dict[str, Any] | None = None, **news: Any
    ) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        request = pb.CheckRequest(urn=urn(token, logical), news=encode(news), olds=encode(olds or {}), randomSeed=SEED)
        answer = self._call("Check", request)
        return decode(answer.inputs), self._failures(answer)

    def diff(self, token: str, olds: dict[str, Any], news: dict[str, Any]) -> Any:
        return self._call("Diff", pb.DiffRequest(urn=urn(token), old_inputs=encode(olds), news=encode(news)))

    def preview(self, token: str, logical: str = "it", /, **news: Any) -> dict[str, Any]:
        request = pb.CreateRequest(urn=urn(token, logical), properties=encode(self._checked(token, logical, news)), preview=True)
        return decode(self._call("Create", request).properties)

    def create(self, token: str, logical: str = "it", /, **news: Any) -> Made:
        inputs = self._checked(token, logical, news)
        answer = self._call("Create", pb.CreateRequest(urn=urn(token, logical), properties=encode(inputs)))
        return Made(answer.id, inputs, decode(answer.properties))

    def read(self, token: str, made: Made | str) -> Made:
        """A string is an import: an id and nothing else."""
        made = Made(made, {}) if isinstance(made, str) else made
        request = pb.ReadRequest(urn=urn(token), id=made.id, inputs=encode(made.inputs), properties=encode(made.outputs))
        answer = self._call("Read", request)
        return Made(answer.id, decode(answer.inputs), decode(answer.properties))

    def update(self, token: str, made: Made, /, *, preview: bool = False, **news: Any) -> Made:
        inputs, failures = self.check(token, olds=made.inputs, **news)
        assert [] == failures
        request = pb.UpdateRequest(
            urn=urn(token), id=made.id, olds=encode(made.outputs), old_inputs=encode(made.inputs), news=encode(inputs), preview=preview
        )
        return Made(made.id, inputs, decode(self._call("Update", request).properties))

    def delete(self, token: str, made: Made, *, seconds: float = 0) -> None:
        request = pb.DeleteRequest(
            urn=urn(token), id=made.id, properties=encode(made.outputs), old_inputs=encode(made.inputs), timeout=seconds
        )
        self._call("Delete", request)

    def invoke(self, token: str, **args: Any) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        answer = self._call("Invoke", pb.InvokeRequest(tok=token, args=encode(args)))
        return decode(getattr(answer, "return")), self._failures(answer)

    def cancel(self) -> Any:
        return self._call("Cancel", empty_pb2.Empty())

    def _checked(self, token: str, logical: str, news: dict[str, Any]) -> dict[str, Any]:
        inputs, failures = self.check(token, logical, **news)
        assert [] == failures
        return inputs

    def _failures(self, answer: Any) -> list[tuple[str, str]]:
        return [(each.property, each.reason) for each in answer.failures]

    def _call(self, name: str, request: Any) -> Any:
        try:
            return getattr(self.stub, name)(request, timeout=60)
        except grpc.RpcError as error:
            raise Refusal(error.details(), _id_in(error)) from None


def urn(token: str, name: str = "it") -> str:
    return f"urn:pulumi:t::inferstack::inferstack:infra:Base${token}::{name}"


def _id_in(error: Any) -> str:
    """The id in an ErrorResourceInitFailed, as the engine finds it."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status = status_pb2.Status.FromString(value)
            detail = pb.ErrorResourceInitFailed()
            packed: any_pb2.Any = status.details[0]
            packed.Unpack(detail)
            return str(detail.id)
    return ""
