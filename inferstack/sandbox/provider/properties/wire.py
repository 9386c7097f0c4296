"""Pulumi property values on the wire (protobuf Struct) and as plain Python; secrets stay wrapped until somebody unwraps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import struct_pb2

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"


@dataclass(frozen=True)
class Secret:
    value: Any


def decode(struct: struct_pb2.Struct) -> dict[str, Any]:
    return {name: _decoded(value) for name, value in struct.fields.items()}


def encode(tree: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    for name, value in tree.items():
        struct.fields[name].CopyFrom(_encoded(value))
    return struct


def _decoded(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return _unwrapped(decode(value.struct_value))
        case "list_value":
            return [_decoded(each) for each in value.list_value.values]
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
    return None


def _unwrapped(tree: dict[str, Any]) -> Any:
    return Secret(tree.get("value")) if tree.get(SIGNATURE_KEY) == SECRET_SIGNATURE else tree


def _encoded(value: Any) -> struct_pb2.Value:
    if isinstance(value, Secret):
        value = {SIGNATURE_KEY: SECRET_SIGNATURE, "value": value.value}
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, (int, float)):
        return struct_pb2.Value(number_value=float(value))
    if isinstance(value, Mapping):
        return struct_pb2.Value(struct_value=encode(value))
    if isinstance(value, (list, tuple)):
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[_encoded(each) for each in value]))
    return struct_pb2.Value(string_value=str(value))
