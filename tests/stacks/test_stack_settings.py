"""StackConfig survives its way through Pulumi's configuration, and a wrong configuration is one line that names a command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import recording
import yaml

from inferstack.records.errors import InputError
from inferstack.records.settings import StackConfig
from stacks import settings


def as_the_engine_tells(values: dict[str, Any]) -> dict[str, str]:
    """Lists, mappings and booleans arrive as JSON text."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


@pytest.mark.parametrize(
    "config",
    [
        recording.base_config(protect=False, zones=["us-east-1c", "us-east-1d"], budget_usd_per_month=50, budget_alarm_to=["a@b.cd"]),
        recording.cluster_config(tags={"team": "a:b"}, egress="none", max_usd_per_hour=60.5, max_usd=120),
        recording.cluster_config(vpc_id="vpc-0abc", subnet_ids=["subnet-1", "subnet-2"], account_id="111122223333", rehearsal=False),
    ],
)
def test_what_is_written_is_what_is_read(config: StackConfig) -> None:
    """Every field, through the engine's texts."""
    assert config == settings.from_pulumi(config.stack, as_the_engine_tells(settings.to_pulumi(config)))


def test_the_file_keeps_what_is_not_ours(tmp_path: Path) -> None:
    """The salt of the user's passphrase must survive, or their secrets are lost."""
    path = settings.file_of(tmp_path, "x")
    path.parent.mkdir()
    path.write_text(
        yaml.safe_dump({"encryptionsalt": "v1:abc", "config": {"other:key": "1", "inferstack:egress": "none", "aws:region": "eu-west-1"}})
    )
    settings.write(tmp_path, recording.cluster_config())
    held = yaml.safe_load(path.read_text())
    assert "v1:abc" == held["encryptionsalt"]
    assert {"other:key": "1", "aws:region": "us-east-1"}.items() <= held["config"].items()
    assert "inferstack:egress" not in held["config"]
    assert ["000000000000"] == held["config"]["aws:allowedAccountIds"]


def test_an_account_of_leading_zeros_stays_text(tmp_path: Path) -> None:
    """YAML would make a number of it."""
    path = settings.write(tmp_path, recording.base_config())
    assert "'000000000000'" in path.read_text()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"inferstack:kind": "custer"}, "inferstack:kind"),
        ({"inferstack:expiresAt": "soon"}, "inferstack:expiresAt"),
        ({"aws:allowedAccountIds": '["1","2"]'}, "aws:allowedAccountIds"),
        ({"inferstack:egres": "nat"}, "unknown setting inferstack:egres"),
        ({"aws:region": "mars-1"}, "aws:region"),
    ],
)
def test_a_wrong_value_is_named(change: dict[str, str], said: str) -> None:
    """One line with the key, and the command that writes a right one."""
    values = as_the_engine_tells(settings.to_pulumi(recording.cluster_config())) | change
    with pytest.raises(InputError, match=said) as told:
        settings.from_pulumi("x", values)
    assert told.value.hint


def test_a_stack_without_configuration_names_the_command() -> None:
    """What plain `pulumi up` in a fresh checkout says."""
    with pytest.raises(InputError, match="stack x is not configured") as told:
        settings.from_pulumi("x", {"aws:region": "us-east-1"})
    assert "inferstack preview --stack x" in told.value.hint
