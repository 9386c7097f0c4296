"""`python -m inferstack.sandbox.provider.properties.schema_writer` writes schema.json: arguments and outputs of each type served, as
pulumi_aws's classes have them.

A provider that imports pulumi_aws would start seconds later; the file stands for it, and a test holds the two equal.
"""

from __future__ import annotations

import collections.abc
import enum
import importlib
import json
import re
import typing
from pathlib import Path
from typing import Any

SCHEMA = Path(__file__).with_name("schema.json")


def schema(tokens: typing.Iterable[str]) -> dict[str, Any]:
    """{"resources": {token: {"inputs", "required", "outputs"}}, "types": {name: {"properties", "required"}}}."""
    types: dict[str, Any] = {}
    resources = {token: _resource(token, types) for token in sorted(tokens)}
    return {"resources": resources, "types": dict(sorted(types.items()))}


def text(tokens: typing.Iterable[str]) -> str:
    found = schema(tokens)
    parts = [f' "{part}": {{\n{_rows(rows)}\n }}' for part, rows in found.items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _rows(rows: dict[str, Any]) -> str:
    return ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in rows.items())


def main() -> None:
    from inferstack.sandbox.provider.resources.table import TYPES

    SCHEMA.write_text(text(TYPES))


def _resource(token: str, types: dict[str, Any]) -> dict[str, Any]:
    module_name, class_name = token.split(":")[1:]
    package, leaf = module_name.split("/")
    # Whole before its leaf: a leaf that is imported first leaves pulumi_aws's lazy package empty for the rest of the process.
    assert hasattr(importlib.import_module(f"pulumi_aws.{package}"), class_name)
    module = importlib.import_module(f"pulumi_aws.{package}.{re.sub('([A-Z])', lambda m: '_' + m[1].lower(), leaf)}")
    arguments = getattr(module, f"{class_name}InitArgs", None) or getattr(module, f"{class_name}Args")
    state = getattr(module, f"_{class_name}State")
    described = _described(arguments, types)
    return {"inputs": described["properties"], "required": described["required"], "outputs": sorted(_types().input_type_types(state))}


def _described(cls: type, types: dict[str, Any]) -> dict[str, Any]:
    resolved = _types().input_type_types(cls)
    translated = _types().input_type_py_to_pulumi_names(cls)
    annotations = {translated.get(name, name): value for name, value in vars(cls)["__init__"].__annotations__.items() if name != "return"}
    required = sorted(name for name, value in annotations.items() if type(None) not in typing.get_args(value))
    return {"properties": {name: _type(value, types) for name, value in sorted(resolved.items())}, "required": required}


def _type(hint: Any, types: dict[str, Any]) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Union:
        return _type(next(each for each in arguments if each is not type(None)), types)
    if origin is collections.abc.Sequence:
        return {"list": _type(arguments[0], types)}
    if origin is collections.abc.Mapping:
        return {"map": _type(arguments[1], types)}
    if _types().is_input_type(hint):
        return _reference(hint, types)
    scalars = {str: "string", int: "integer", float: "number", bool: "boolean"}
    return scalars.get(hint) or ("string" if isinstance(hint, type) and issubclass(hint, enum.Enum) else "any")


def _reference(cls: type, types: dict[str, Any]) -> dict[str, str]:
    name = f"{cls.__module__.split('.')[1]}.{cls.__name__.removesuffix('Args')}"
    if name not in types:
        types[name] = {}
        types[name] = _described(cls, types)
    return {"ref": name}


def _types() -> Any:
    return importlib.import_module("pulumi._types")


if __name__ == "__main__":
    main()
