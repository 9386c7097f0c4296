"""What holds for every run of a person or a team: defaults < `inferstack.yaml` < environment < flags, each with its source.

Secrets are no settings: they come by INFERSTACK_API_KEY, HF_TOKEN or a file (see `secrets_in.py`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator

from inferstack.records.errors import InputError
from inferstack.records.files.keys import Keys
from inferstack.records.files.reading import first_wrong, read_mapping, validated
from inferstack.records.request import REGION, REGION_FORM
from inferstack.records.settings import POLICY_NAME, STACK_NAME, alarm_addresses, resource_tags

if TYPE_CHECKING:
    from inferstack.pricing.bill.usage import Usage

FILE_NAME = "inferstack.yaml"
USAGE_FILE_NAME = "usage.yaml"
PREFIX = "INFERSTACK_"
SHORTEST, LONGEST = timedelta(minutes=10), timedelta(days=7)
SUBNET = re.compile(r"subnet-[0-9a-f]+")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
AWS_OWN = {"region": ("AWS_REGION", "AWS_DEFAULT_REGION"), "profile": ("AWS_PROFILE",)}


class Settings(Keys):
    """Every setting and its default. Lists and mappings in the environment: `a,b` and `name=value,name=value`."""

    region: Annotated[str, REGION_FORM] = Field("us-east-1", pattern=REGION, description="AWS region of new stacks")
    profile: str | None = Field(None, min_length=1, description="profile of the AWS configuration; SSO and MFA work as in the aws command")
    vpc_id: str | None = Field(None, pattern=r"^vpc-[0-9a-f]+$", description="use this existing network instead of creating one")
    subnet_ids: tuple[str, ...] = Field((), description="private subnets of vpc_id, in at least two zones")
    ami_id: str | None = Field(
        None, pattern=r"^ami-[0-9a-f]+$", description="image of the nodes instead of the newest Deep Learning Base GPU AMI"
    )
    permissions_boundary: str = Field(
        "inferstack-boundary", pattern=POLICY_NAME, description="managed policy of the account that bounds every role"
    )
    tags: dict[str, str] = Field(default_factory=dict, description="additional tags for every resource")
    base: str | None = Field(None, pattern=STACK_NAME, description="base stack to build on; default: <stack>-base")
    expires_in: str = Field("4h", pattern=r"^[0-9]{1,5}[mhd]$", description="AWS removes the GPUs after this time; 10m to 7d")
    max_usd_per_hour: float | None = Field(None, gt=0, description="refuse a higher cost per hour")
    max_usd: float | None = Field(None, gt=0, description="refuse a higher total cost until the stack expires")
    budget_usd_per_month: float = Field(1000.0, gt=0, description="AWS Budget for the base stack and all its clusters")
    budget_alarm_to: tuple[str, ...] = Field(
        (), description="mail addresses (at most 10) or one SNS topic alerted at 50, 80 and 100 % of the budget and at a forecast of 100 %"
    )
    usage: str | None = Field(
        None, min_length=1, description="file with quantities for usage-based prices; default: usage.yaml beside inferstack.yaml"
    )
    egress: Literal["nat", "none"] = Field("nat", description="how nodes reach package indexes; none: only artefacts in the bucket")
    backend: str | None = Field(None, min_length=3, description="Pulumi backend of real stacks, as `pulumi login` takes it")

    @field_validator("expires_in")
    @classmethod
    def _is_a_sensible_time(cls, text: str) -> str:
        if not SHORTEST <= _span(text) <= LONGEST:
            raise ValueError("must be between 10m and 7d")
        return text

    @field_validator("profile", "usage", "backend")
    @classmethod
    def _is_one_line(cls, text: str | None) -> str | None:
        if text is not None and not text.isprintable():
            raise ValueError(f"{text!r:.60} contains a character that does not print")
        return text

    @field_validator("subnet_ids")
    @classmethod
    def _are_subnets(cls, ids: tuple[str, ...]) -> tuple[str, ...]:
        for given in ids:
            if not SUBNET.fullmatch(given):
                raise ValueError(f"{given!r:.40} is not a subnet id")
        return ids

    @field_validator("budget_alarm_to")
    @classmethod
    def _can_be_told(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        return alarm_addresses(addresses)

    @field_validator("tags")
    @classmethod
    def _are_tags(cls, tags: dict[str, str]) -> dict[str, str]:
        return resource_tags(tags)

    @property
    def lifetime(self) -> timedelta:
        return _span(self.expires_in)


@dataclass(frozen=True)
class Loaded:
    """The settings, and for each field where its value came from."""

    settings: Settings
    sources: dict[str, str]
    file: Path | None


def load(*, root: Path, flags: Mapping[str, Any] | None = None, environment: Mapping[str, str] = os.environ) -> Loaded:
    """Raises InputError naming file, line and field, or the variable, or the flag."""
    file = settings_file(root, environment)
    values: dict[str, Any] = {}
    sources = dict.fromkeys(Settings.model_fields, "default")
    for layer in (_from_aws(environment), _from_file(file), _from_environment(environment), _from_flags(flags or {})):
        for name, (value, source) in layer.items():
            values[name], sources[name] = value, source
    return Loaded(Settings.model_validate(values), sources, file)


def usage_file(loaded: Loaded) -> Path | None:
    """The file that was named, else the usage.yaml beside inferstack.yaml (in the working folder where there is none), else None."""
    if loaded.settings.usage is not None:
        return Path(loaded.settings.usage)
    beside = (loaded.file.parent if loaded.file else Path.cwd()) / USAGE_FILE_NAME
    return beside if beside.exists() else None


def usage(loaded: Loaded) -> Usage:
    """Raises InputError with file, line, field and what is allowed."""
    from inferstack.pricing.bill.usage import Usage, read

    path = usage_file(loaded)
    return Usage() if path is None else read(path)


def settings_file(root: Path, environment: Mapping[str, str] = os.environ) -> Path | None:
    chosen = environment.get(f"{PREFIX}SETTINGS")
    if chosen:
        return Path(chosen)
    for folder in (Path.cwd(), root):
        if (folder / FILE_NAME).exists():
            return folder / FILE_NAME
    return None


def _from_file(file: Path | None) -> dict[str, tuple[Any, str]]:
    if file is None:
        return {}
    content, lines = read_mapping(file)
    validated(content, Settings, where=str(file), lines=lines)
    return {name: (value, f"{file}:{lines.get((name,), 1)}") for name, value in content.items()}


def _from_aws(environment: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    """AWS's own variables are weaker than our file: they are set for many tools at once."""
    found = {}
    for name, variables in AWS_OWN.items():
        for variable in variables:
            if name not in found and environment.get(variable):
                found[name] = (_checked(name, environment[variable], variable), f"environment {variable}")
    return found


def _from_environment(environment: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    found = {}
    for name, field in Settings.model_fields.items():
        variable = f"{PREFIX}{name.upper()}"
        text = environment.get(variable)
        if text:
            found[name] = (_checked(name, _parsed(text, field.annotation, variable), variable), f"environment {variable}")
    return found


def _from_flags(flags: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    return {name: _from_flag(name, "--" + name.replace("_", "-"), value) for name, value in flags.items() if value is not None}


def _from_flag(name: str, flag: str, value: Any) -> tuple[Any, str]:
    """The flag is the name of the setting, so the message needs no other."""
    try:
        Settings.model_validate({name: value})
    except ValidationError as error:
        raise InputError(f"{flag}: {first_wrong(error, Settings).says}") from None
    return value, f"flag {flag}"


def _checked(name: str, value: Any, where: str) -> Any:
    validated({name: value}, Settings, where=where)
    return value


def _parsed(text: str, annotation: Any, variable: str) -> Any:
    if annotation == tuple[str, ...]:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if annotation == dict[str, str]:
        pairs = [part.partition("=") for part in text.split(",") if part.strip()]
        if any(not name.strip() or not equals for name, equals, _ in pairs):
            raise InputError(f"{variable}: {text!r:.60} is not name=value,name=value")
        return {name.strip(): value.strip() for name, _, value in pairs}
    return text


def _span(text: str) -> timedelta:
    return timedelta(**{UNITS[text[-1]]: int(text[:-1])})
