"""Settings: defaults < AWS's own variables < inferstack.yaml < INFERSTACK_* < flags, each with its source."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import botocore.session
import pytest
import yaml

from inferstack.cli import settings
from inferstack.records.errors import InputError
from inferstack.records.settings import LONGEST_VALUE, OWN_TAGS, TAG_SIGNS, resource_tags
from infra import naming
from tests.inferstack.command_line import CommandLine


def load(tmp_path: Path, text: str | None = None, flags: dict[str, object] | None = None, **environment: str) -> settings.Loaded:
    if text is not None:
        (tmp_path / "inferstack.yaml").write_text(text)
        environment["INFERSTACK_SETTINGS"] = str(tmp_path / "inferstack.yaml")
    return settings.load(root=tmp_path, flags=flags, environment=environment)


def test_each_layer_wins_over_the_one_below_it_and_is_named(tmp_path: Path) -> None:
    """The strongest layer that says something decides, and the source says which it was."""
    file = "region: eu-west-1\n"
    layers = [
        ("us-east-1", "default", load(tmp_path)),
        ("ap-south-1", "environment AWS_DEFAULT_REGION", load(tmp_path, AWS_DEFAULT_REGION="ap-south-1")),
        ("ap-east-1", "environment AWS_REGION", load(tmp_path, AWS_REGION="ap-east-1", AWS_DEFAULT_REGION="ap-south-1")),
        ("eu-west-1", f"{tmp_path / 'inferstack.yaml'}:1", load(tmp_path, file, AWS_REGION="ap-east-1")),
        ("eu-west-2", "environment INFERSTACK_REGION", load(tmp_path, file, INFERSTACK_REGION="eu-west-2")),
        ("eu-west-3", "flag --region", load(tmp_path, file, {"region": "eu-west-3"}, INFERSTACK_REGION="eu-west-2")),
    ]
    assert [(region, source) for region, source, _ in layers] == [
        (found.settings.region, found.sources["region"]) for _, _, found in layers
    ]


def test_lists_and_mappings_come_from_the_environment_as_well(tmp_path: Path) -> None:
    """Every setting can be given in every layer."""
    found = load(tmp_path, INFERSTACK_SUBNET_IDS="subnet-1, subnet-2", INFERSTACK_TAGS="team=ml,cost=42").settings
    assert (("subnet-1", "subnet-2"), {"team": "ml", "cost": "42"}) == (found.subnet_ids, found.tags)


WRONG_FILES = {
    "unknown key": ("regoin: eu-west-1\n", ":1: regoin: unknown field; did you mean region?"),
    "wrong type": ("tags: 5\n", ":1: tags: must be a mapping"),
    "second line": ("region: eu-west-1\negress: maybe\n", ":2: egress: must be 'nat' or 'none' (given: maybe)"),
    "too long a life": ("expires_in: 8d\n", ":1: expires_in: must be between 10m and 7d"),
    "too short a life": ("expires_in: 1m\n", ":1: expires_in: must be between 10m and 7d"),
    "no time": ("expires_in: soon\n", ":1: expires_in: string should match pattern"),
    "negative price": ("max_usd_per_hour: -3\n", ":1: max_usd_per_hour: must be a number above 0"),
    "free of charge": ("max_usd: 0\n", ":1: max_usd: must be a number above 0"),
    "nobody to tell": ("budget_alarm_to: [me]\n", ":1: budget_alarm_to: 'me' is neither a mail address nor the ARN of an SNS topic"),
    "too many to tell": (f"budget_alarm_to: [{', '.join(f'a{n}@b.cd' for n in range(11))}]\n", ":1: budget_alarm_to: at most 10 mail"),
    "no subnet": ("subnet_ids: [vpc-1]\n", ":1: subnet_ids: 'vpc-1' is not a subnet id"),
    "a secret": ("api_key: hunter2\n", ":1: api_key: unknown field"),
    "twice": ("region: eu-west-1\nregion: eu-west-2\n", ":2: 'region' is given twice"),
    "alias": ("tags: &t {a: b}\nbase: *t\n", ":2: aliases are not allowed"),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_wrong_settings_file_names_file_line_and_field(tmp_path: Path, name: str) -> None:
    """Exit code 2 and where to look."""
    text, expected = WRONG_FILES[name]
    with pytest.raises(InputError) as caught:
        load(tmp_path, text)
    assert caught.value.message.startswith(str(tmp_path / "inferstack.yaml"))
    assert expected in caught.value.message


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    """The line says which variable is wrong, not only which field."""
    with pytest.raises(InputError, match=r"^INFERSTACK_EGRESS: egress"):
        load(tmp_path, INFERSTACK_EGRESS="maybe")
    with pytest.raises(InputError, match=r"^INFERSTACK_TAGS: "):
        load(tmp_path, INFERSTACK_TAGS="just-a-word")


def test_a_settings_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    """Never fall back silently from what the user asked for."""
    with pytest.raises(InputError, match="no such file"):
        load(tmp_path, INFERSTACK_SETTINGS=str(tmp_path / "none.yaml"))


def test_a_lifetime_is_a_number_and_a_unit(tmp_path: Path) -> None:
    """m, h and d; four hours unless something else is said."""
    assert timedelta(hours=4) == load(tmp_path).settings.lifetime
    assert timedelta(minutes=90) == load(tmp_path, INFERSTACK_EXPIRES_IN="90m").settings.lifetime
    assert timedelta(days=7) == load(tmp_path, INFERSTACK_EXPIRES_IN="7d").settings.lifetime


def test_the_verb_prints_each_setting_with_its_source(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """One JSON document on stdout with every setting."""
    (command_line.here / "inferstack.yaml").write_text("max_usd_per_hour: 5\n")
    monkeypatch.setenv("INFERSTACK_PROFILE", "dev")
    found = command_line.run("settings", "--region", "eu-west-1", "--json").document
    assert {"value": "eu-west-1", "source": "flag --region"} == found["settings"]["region"]
    assert {"value": "dev", "source": "environment INFERSTACK_PROFILE"} == found["settings"]["profile"]
    assert (5.0, "default") == (found["settings"]["max_usd_per_hour"]["value"], found["settings"]["egress"]["source"])
    assert set(settings.Settings.model_fields) == set(found["settings"])


def tagged(key: str, value: str) -> str:
    return yaml.safe_dump({"tags": {key: value}}, allow_unicode=True)


WRONG_TAGS = {
    "AWS's key": (tagged("aws:x", "1"), "keys that begin with aws: are AWS's own"),
    "AWS's key in capitals": (tagged("AWS:x", "1"), "keys that begin with aws: are AWS's own"),
    "AWS's value": (tagged("x", "aws:y"), "values that begin with aws: are AWS's own"),
    "our key": (tagged("inferstack:stack", "other"), "keys that begin with inferstack: are inferstack's own"),
    "our key in capitals": (tagged("Inferstack:Key", "other"), "keys that begin with inferstack: are inferstack's own"),
    "no key": (tagged("", "1"), "a key of 1 to 128 characters is needed, this one has 0"),
    "long key": (tagged("k" * 129, "1"), "a key of 1 to 128 characters is needed, this one has 129"),
    "long value": (tagged("x", "v" * 257), "a value of at most 256 characters is needed, this one has 257"),
    "emoji": (tagged("x", "\U0001f600"), "is not allowed; letters, digits, blanks and"),
    "angle brackets": (tagged("<x>", "1"), "'<' is not allowed"),
    "comma": (tagged("x", "a,b"), "',' is not allowed"),
    "line end": (tagged("x", "a\nb"), "is not allowed"),
    "too many": (yaml.safe_dump({"tags": {f"k{number}": "v" for number in range(46)}}), "46 tags: at most 45"),
}


@pytest.mark.parametrize("name", WRONG_TAGS)
def test_tags_that_aws_would_refuse_are_refused_before_anything_is_made(name: str, tmp_path: Path) -> None:
    """In a file, in the environment and in a stack's configuration for plain Pulumi alike."""
    text, expected = WRONG_TAGS[name]
    with pytest.raises(InputError) as caught:
        load(tmp_path, text)
    assert expected in caught.value.message and caught.value.message.startswith(f"{tmp_path / 'inferstack.yaml'}:")
    with pytest.raises(ValueError, match="tag"):
        resource_tags(yaml.safe_load(text)["tags"])


def test_tags_that_aws_takes_are_taken(tmp_path: Path) -> None:
    """Letters and digits of any script, blanks and nine signs; empty values; up to 45 beside our own five."""
    tags = {"Kostenstelle Süd": "42", "部門": "機械学習", "a_b.c:d/e=f+g-h@i": "", **{f"k{number}": "v" * 256 for number in range(42)}}
    assert tags == load(tmp_path, yaml.safe_dump({"tags": tags}, allow_unicode=True)).settings.tags


def test_the_characters_of_a_tag_are_those_of_botocores_model() -> None:
    """IAM's model holds the pattern that AWS checks by: every sign that we let through, and none that we refuse, is in it."""
    model = botocore.session.get_session().get_service_model("iam").shape_for("tagKeyType").metadata
    pattern = str(model["pattern"])
    assert pattern.startswith(r"[\p{L}\p{Z}\p{N}") and (1, 128) == (model["min"], model["max"])
    signs = set(pattern.partition(r"\p{N}")[2].partition("]")[0].replace("\\", ""))
    assert signs == TAG_SIGNS
    assert 256 == botocore.session.get_session().get_service_model("iam").shape_for("tagValueType").metadata["max"] == LONGEST_VALUE


def test_five_tags_of_every_resource_are_our_own() -> None:
    """The room that is left for others is counted from what the program really sets."""
    shared = naming.stack_tags("demo", base="demo-base", expires_at=datetime(2026, 1, 1, tzinfo=UTC), extra={})
    assert OWN_TAGS == len(naming.resource_tags(shared, "aws:ec2/vpc:Vpc", "vpc"))
