"""The flags of a request, made from its keys; and from flags and an optional file to one Request."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from inferstack.records.errors import InputError
from inferstack.records.files import keys
from inferstack.records.files.keys import Flag
from inferstack.records.files.reading import first_wrong, read_mapping
from inferstack.records.request import LOADS, Request

FLAGS = keys.flags(Request)
"""The keys that the command line takes, in the order of its help."""
KEY = re.compile(r"\b[a-z]+(?:_[a-z0-9]+)+\b")


def with_flags_of_a_request(function: Callable[..., int], *, before: str) -> Any:
    """Return the verb with the flags of a request in front of one of its own parameters. They reach it as text, so that the record alone
    says what is a number: in a file, in a question of the estimate and on the command line alike."""
    own = [one for one in inspect.signature(function, eval_str=True).parameters.values() if one.kind is not one.VAR_KEYWORD]
    at = next(number for number, one in enumerate(own) if one.name == before)
    parameters = [*own[:at], *(_parameter(name, one) for name, one in FLAGS.items()), *own[at:]]

    def with_flags(**given: Any) -> int:
        return function(**given)

    with_flags.__name__, with_flags.__doc__ = function.__name__, function.__doc__
    with_flags.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": int}
    with_flags.__signature__ = inspect.Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]
    return with_flags


def _parameter(name: str, flag: Flag) -> inspect.Parameter:
    kind: Any = list[str] if flag.name else str
    if not flag.metavar:
        kind = bool
    elif flag.metavar == "FILE":
        kind = Path
    option = typer.Option(spelling(name), metavar=flag.metavar or None, help=_help(name, flag), show_default=False)
    annotation = Annotated[kind | None, option]
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=annotation)


def _help(name: str, flag: Flag) -> str:
    """Return the description of the key as a sentence that names flags, not keys."""
    own = flag.help if isinstance(flag.help, str) else flag.help()
    said = KEY.sub(lambda found: spelling(found[0]) if found[0] in FLAGS else found[0], own or Request.model_fields[name].description or "")
    return f"{said[:1].upper()}{said[1:]}."


def spelling(name: str) -> str:
    """Return the flag of a parameter as it is typed."""
    own = FLAGS[name].name if name in FLAGS else ""
    return own or "--" + name.replace("_", "-")


def build(file: Path | None, flags: Mapping[str, Any], *, region: str) -> Request:
    """Flags win over the file. Raises InputError naming file, line and field, or the command line."""
    stated = {name: value for name, value in flags.items() if value is not None}
    content = Request.read(file).model_dump(exclude_unset=True, exclude_none=True) if file else {}
    if not file and "model" not in stated and "config" not in stated:
        raise InputError(
            "no model: give --model, --config or a REQUEST.yaml", hint="inferstack plan --model meta-llama/Llama-3.1-8B-Instruct"
        )
    merged = standing_alone({**_without_rivals(content, stated), **stated})
    merged.setdefault("region", region)
    try:
        return Request.model_validate(merged)
    except ValidationError as error:
        wrong = first_wrong(error, Request)
        said_by = spelling(wrong.at[0]) if wrong.at else "command line"
        raise InputError(f"{said_by}: {wrong.says}", hint=wrong.hint) from None


def model_config(file: Path | None) -> dict[str, Any] | None:
    """A Hugging Face `config.json`. Raises InputError for a file that is none."""
    if file is None:
        return None
    content, _ = read_mapping(file)
    if "architectures" not in content and "model_type" not in content:
        raise InputError(f"{file}: neither architectures nor model_type: not a Hugging Face config.json", hint="--model takes a model's id")
    config: dict[str, Any] = json.loads(json.dumps(content, default=str))
    if "_name_or_path" not in config and "name" not in config:
        return config
    from sizing.models import local_files

    return local_files.named(config, file)


def standing_alone(content: dict[str, Any]) -> dict[str, Any]:
    """A model of this machine, by path or from the added ones, becomes its config with sizes: request.yaml alone gives the plan again."""
    from sizing.catalog import in_the_facts

    name = content.get("model")
    if not isinstance(name, str) or in_the_facts(name):
        return content
    from sizing.models import local_files, user_models

    if local_files.names_a_path(name):
        config = local_files.config_of(Path(name))
    else:
        added = user_models.record(name)
        if added is None:
            return content
        config = added.config
    return {**{key: value for key, value in content.items() if key != "model"}, "config": config}


def _without_rivals(content: dict[str, Any], stated: Mapping[str, Any]) -> dict[str, Any]:
    """A load on the command line replaces the file's load, a model its model, a size of images the other way to say it."""
    rivals: set[str] = set()
    for group in (LOADS, ("model", "config"), ("instance_type", "instance_types", "gpu"), ("image_pixels", "image_tokens")):
        if any(name in stated for name in group):
            rivals.update(group)
    return {name: value for name, value in content.items() if name not in rivals}
