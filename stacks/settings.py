"""StackConfig in Pulumi's configuration: how it is written into `Pulumi.<stack>.yaml` and how the program reads it back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from inferstack.records.errors import InputError
from inferstack.records.record import write_text
from inferstack.records.settings import StackConfig

NAMESPACE = "inferstack"
REGION = "aws:region"
ACCOUNTS = "aws:allowedAccountIds"
ELSEWHERE = ("stack", "region", "account_id")
FIELDS = {name: f"{NAMESPACE}:{to_camel(name)}" for name in StackConfig.model_fields if name not in ELSEWHERE}
FOLDER = "stacks"


def to_pulumi(config: StackConfig) -> dict[str, Any]:
    """Key -> value, as the YAML file holds them. Defaults are left out, except those that say what the stack is."""
    said = config.model_dump(mode="json")
    defaults = {name: field.get_default(call_default_factory=True) for name, field in StackConfig.model_fields.items()}
    ours = {key: said[name] for name, key in FIELDS.items() if getattr(config, name) != defaults[name]}
    return {**ours, REGION: config.region, ACCOUNTS: [config.account_id]}


def from_pulumi(stack: str, values: Mapping[str, str]) -> StackConfig:
    """`values` are texts as the engine hands them over: lists and mappings as JSON. Raises InputError that names the command."""
    fields: dict[str, Any] = {name: _value(values[key]) for name, key in FIELDS.items() if key in values}
    fields |= {"stack": stack, "region": values.get(REGION), "account_id": _account(values.get(ACCOUNTS))}
    unknown = sorted(key for key in values if key.startswith(f"{NAMESPACE}:") and key not in FIELDS.values())
    if not any(key in values for key in FIELDS.values()):
        raise InputError(f"stack {stack} is not configured", hint=_command(stack))
    if unknown:
        raise InputError(f"stack {stack}: unknown setting {unknown[0]}", hint=f"allowed: {', '.join(FIELDS.values())}")
    try:
        return StackConfig.model_validate({name: value for name, value in fields.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"stack {stack}: {_where(first['loc'])}{first['msg'].removeprefix('Value error, ')}", hint=_command(stack)
        ) from None


def write(root: Path, config: StackConfig) -> Path:
    """`Pulumi.<stack>.yaml`: our keys and the account's are replaced, the salt and whatever else a person put there stay."""
    import yaml

    path = file_of(root, config.stack)
    held = (yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None) or {}
    kept = {key: value for key, value in (held.get("config") or {}).items() if not _ours(key)}
    held["config"] = {**kept, **to_pulumi(config)}
    return write_text(path, yaml.safe_dump(held, sort_keys=True))


def file_of(root: Path, stack: str) -> Path:
    return root / FOLDER / f"Pulumi.{stack}.yaml"


def _ours(key: str) -> bool:
    return key.startswith(f"{NAMESPACE}:") or key in (REGION, ACCOUNTS)


def _value(text: str) -> Any:
    if text[:1] in "[{":
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _account(text: str | None) -> str | None:
    listed = _value(text or "")
    return str(listed[0]) if isinstance(listed, list) and len(listed) == 1 else None


def _where(loc: tuple[int | str, ...]) -> str:
    name = str(loc[0]) if loc else ""
    return f"{FIELDS.get(name, {'region': REGION, 'account_id': ACCOUNTS}.get(name, name))}: " if name else ""


def _command(stack: str) -> str:
    return f"inferstack preview --stack {stack.removesuffix('-base')} writes the configuration"
