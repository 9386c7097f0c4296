"""What the program registered, as the bill reads it: camelCase inputs, the unknown marked, and which resource each input was taken from."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import rpc

from inferstack.pricing.bill.registration import Registration

SECRET = "1b47061264138c4ac30d75fd1eb44270"
SIGNATURE = "4dabf18193072939515e22adb298388d"


@dataclass
class ProgramResource:
    """Collects while the program runs; `all` answers when everything is registered."""

    _seen: list[tuple[pulumi.Resource, str, str, dict[str, Any]]] = field(default_factory=list)

    def note(self, resource: pulumi.Resource, type_token: str, name: str, inputs: dict[str, Any]) -> None:
        self._seen.append((resource, type_token, name, dict(inputs)))

    async def all(self) -> tuple[Registration, ...]:
        return tuple([await _registration(*one) for one in self._seen])


def plain(value: Any) -> Any:
    """Return the value without secrets; whole numbers as whole numbers (the wire has only floats)."""
    if isinstance(value, dict):
        if SIGNATURE in value:
            return "[secret]" if value[SIGNATURE] == SECRET else value
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


async def _registration(resource: pulumi.Resource, type_token: str, name: str, inputs: dict[str, Any]) -> Registration:
    from google.protobuf.json_format import MessageToDict

    sources: dict[str, list[pulumi.Resource]] = {}
    content = MessageToDict(await rpc.serialize_properties(inputs, sources, resource, typ=_arguments(type(resource))))
    refs = {key: tuple([await _urn(one) for one in found]) for key, found in sources.items() if found}
    return Registration(type=type_token, name=name, urn=await _urn(resource), inputs=plain(content), refs=refs)


def _arguments(kind: type) -> Any:
    """`VpcArgs` of `Vpc`: it knows the engine's name of each input."""
    return getattr(sys.modules[kind.__module__], f"{kind.__name__}Args")


async def _urn(resource: pulumi.Resource) -> str:
    return str(await resource.urn.future())
