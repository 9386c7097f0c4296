"""Malformed requests, plans, configurations and calls: exit 2, file and field named, no traceback, nothing written."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from inferstack.records.plan import Plan
from inferstack.records.request import Request
from inferstack.stack.workdir import StackRecord
from tests.inferstack.command_line import CommandLine

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LLAMA = "meta-llama/Llama-3.1-8B-Instruct"

# What the file holds, and what must be said beside the file's name.
REQUESTS: dict[str, tuple[str, str]] = {
    "empty": ("", ":1: is empty"),
    "a list": ("- model\n", ":1: contains a list"),
    "only a word": ("llama\n", ":1: contains a text"),
    "not YAML": ("model: [\n", ":2:"),
    "tab for blanks": ("model: a\n\tisl: 5\n", ":2:"),
    "alias bomb": ("a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nmodel: m\n", ":2: aliases are not allowed"),
    "nesting bomb": ("config: " + "{a: " * 80 + "1" + "}" * 80, "nested deeper than 40 levels"),
    "code": (f"model: {LLAMA}\nengine: !!python/object/apply:os.system [id]\n", ":2: could not determine a constructor"),
    "key twice": (f"model: {LLAMA}\nmodel: b\n", ":2: 'model' is given twice"),
    "unknown key": (f"model: {LLAMA}\nconcurency: 4\n", ":2: concurency: unknown field; did you mean concurrency?"),
    "no model": ("users: 4\n", "give exactly one of model and config"),
    "model and config": (f"model: {LLAMA}\nconfig: {{}}\n", "give exactly one of model and config"),
    "negative rate": (f"model: {LLAMA}\nrequest_rate: -4\n", ":2: request_rate: must be a number from 0.000001 to 10,000,000 (given: -4)"),
    "no users": (f"model: {LLAMA}\nusers: 0\n", ":2: users: must be a whole number from 1 to 100,000,000 (given: 0)"),
    "half a user": (f"model: {LLAMA}\nusers: 2.5\n", ":2: users: must be a whole number from 1 to 100,000,000 (given: 2.5)"),
    "rate as text": (
        f"model: {LLAMA}\nrequest_rate: plenty\n",
        ":2: request_rate: must be a number from 0.000001 to 10,000,000 (given: plenty)",
    ),
    "list for a number": (f"model: {LLAMA}\nisl: [1, 2]\n", ":2: isl: must be a number from 0.01 to 20,000,000"),
    "infinite load": (f"model: {LLAMA}\nrequest_rate: .inf\n", "request_rate: must be"),
    "no number": (f"model: {LLAMA}\nttft_ms: .nan\n", "ttft_ms: must be"),
    "hit rate over 1": (f"model: {LLAMA}\nprefix_hit_rate: 1.5\n", ":2: prefix_hit_rate: must be a number from 0 to 1 (given: 1.5)"),
    "two loads": (f"model: {LLAMA}\nusers: 5\ntokens_per_day: 9\n", "give one load, not 2: users, tokens_per_day"),
    "unknown engine": (f"model: {LLAMA}\nengine: none\n", ":2: engine: must be 'vllm'"),
    "future version": (f"schema_version: 7\nmodel: {LLAMA}\n", "schema_version: 7 is newer than this inferstack reads (1)"),
    "nested unknown key": (f"model: {LLAMA}\ngpu_override:\n  memory: 80\n", ":3: gpu_override.memory: unknown field"),
    "binary": ("model: \x00\n", "special characters are not allowed"),
}

CALLS: dict[str, tuple[str, str]] = {
    "unknown model": ("plan --model meta-llama/Llama-3.4-70B", "Llama-3.3-70B"),
    "unknown instance type": (f"plan --model {LLAMA} --instance-type p5.xlarge", "p5.4xlarge"),
    "unknown GPU": (f"plan --model {LLAMA} --gpu H1000", "gpu"),
    "unknown quantisation": (f"plan --model {LLAMA} --weight-quant fp3", "weight_quant"),
    "unknown KV quantisation": (f"plan --model {LLAMA} --kv-quant fp3", "--kv-quant: must be"),
    "unknown engine": (f"plan --model {LLAMA} --engine none", "--engine: must be"),
    "negative load": (
        f"plan --model {LLAMA} --request-rate -4",
        "--request-rate: must be a number from 0.000001 to 10,000,000",
    ),
    "two loads": (f"plan --model {LLAMA} --users 4 --concurrency 4", "give one load"),
    "zero parallel": (f"plan --model {LLAMA} --tp 0", "--tp: must be a whole number from 1 to 1,024 (given: 0)"),
    "region that is none": (f"plan --model {LLAMA} --region moon", "--region: must be an AWS region like us-east-1 (given: moon)"),
    "negative ceiling": (f"plan --model {LLAMA} --max-usd-per-hour -1", "--max-usd-per-hour: must be a number above 0 (given: -1)"),
    "no model": ("plan --users 4", "no model"),
    "no such request": ("plan nowhere.yaml", "nowhere.yaml: no such file"),
    "a folder as request": ("plan .", ".: is a folder"),
    "no such config": ("plan --config nowhere.json", "nowhere.json: no such file"),
    "stack name with slash": (f"plan --model {LLAMA} --stack ../up", "--stack"),
    "stack name of ours": (f"plan --model {LLAMA} --stack sandbox", "--stack sandbox: this name is reserved"),
    "unknown stack, preview": ("preview --stack nowhere", "--stack nowhere: no such stack"),
    "unknown stack, up": ("up --stack nowhere --yes", "--stack nowhere: no such stack"),
    "unknown stack, down": ("down --stack nowhere --yes", "--stack nowhere: no such stack"),
    "unknown stack, bench": ("bench --stack nowhere", "--stack nowhere: no such stack"),
    "unknown stack, env": ("env --stack nowhere", "--stack nowhere: no such stack"),
    "unknown stack, weights": ("weights put a/b --stack nowhere", "--stack nowhere: no such stack"),
    "fault that is none": ("up --stack other --rehearse --yes --fault Earthquake", "fault 'Earthquake' is not known"),
    "fault of a real stack": ("up --stack other --yes --fault Throttling", "--fault: stack other is not a rehearsal"),
    "key file missing": ("up --stack nowhere --yes --api-key-file nowhere.txt", "--api-key-file nowhere.txt: no such file"),
    "extend for ever": ("extend --by 9d --stack nowhere", "--expires-in: must be between 10m and 7d"),
}


def changed(*path: str, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(plan: dict[str, Any]) -> None:
        part: Any = plan
        for name in path[:-1]:
            part = part[name]
        part[path[-1]] = to

    return change


# How a plan.json was edited by hand, and the field that must be named.
PLANS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "unknown key": (changed("colour", to="red"), "colour: unknown field"),
    "future version": (changed("schema_version", to=2), "schema_version: 2 is newer"),
    "version of another world": (changed("schema_version", to="two"), "schema_version: 'two' is not a version"),
    "no instances": (changed("instance_count", to=0), "instance_count: must be greater than or equal to 1"),
    "too many instances": (changed("instance_count", to=10**6), "instance_count: must be less than or equal to 1000"),
    "more GPUs than there are": (changed("layout", "tp", to=16), "layout"),
    "free of charge": (changed("usd_per_hour", to=0), "usd_per_hour: must be greater than 0"),
    "cheaper than it is": (changed("usd_per_hour", to=0.01), "usd_per_mtok"),
    "another type": (changed("instance_type", to="m5.large"), "instance_type"),
    "an invented type": (changed("instance_type", to="p9.48xlarge"), "instance_type"),
    "other vCPUs": (changed("vcpus_per_instance", to=3), "vcpus_per_instance: 3, but"),
    "a disk too small": (changed("storage", "weights_gib", to=0.5), "storage.weights_gib: 0.5 GiB cannot hold"),
    "a band inside out": (changed("prediction", "ttft_ms", "low", to=1e9), "prediction.ttft_ms"),
    "a date that is none": (changed("price_date", to="yesterday"), "price_date: must be a valid date"),
    "no candidates": (changed("candidates", to=[]), "candidates"),
    "request unfit": (changed("request", "isl", to=-1), "request.isl: must be a number from 0.01 to 20,000,000"),
    "flags of the wrong kind": (changed("engine_flags", to=["--max-model-len"]), "engine_flags: must be a valid dictionary"),
    "another region": (changed("region", to="eu-north-1"), "region: eu-north-1, but request.region"),
}


def test_there_are_enough_of_them() -> None:
    """The promise is forty."""
    assert 40 <= len(REQUESTS) + len(CALLS) + len(PLANS)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_malformed_request(name: str, command_line: CommandLine) -> None:
    """File, line where there is one, and field."""
    text, expected = REQUESTS[name]
    (command_line.here / "request.yaml").write_text(text)
    refuses(command_line, ["plan", "request.yaml"], ["request.yaml", expected])


@pytest.mark.parametrize("name", CALLS)
def test_a_malformed_call(name: str, command_line: CommandLine) -> None:
    """The flag or what it names."""
    call, expected = CALLS[name]
    refuses(command_line, call.split(), [expected])


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("verb", ["up", "preview"])
def test_a_plan_edited_into_nonsense(verb: str, name: str, command_line: CommandLine, planned: Plan) -> None:
    """The stack's own plan.json is looked at before anything is started."""
    change, expected = PLANS[name]
    path = stack_with(command_line, planned)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    refuses(command_line, [verb, "--stack", "edited", "--yes"], [str(path), expected])


CUTS = [0, 1, 100, -3]


@pytest.mark.parametrize("cut", CUTS)
def test_a_truncated_plan(cut: int, command_line: CommandLine, planned: Plan) -> None:
    """A record that was cut off is said to be one, wherever the cut is."""
    path = stack_with(command_line, planned)
    path.write_text(path.read_text()[:cut])
    refuses(command_line, ["up", "--stack", "edited", "--yes"], [str(path)])


def test_a_plan_given_as_a_file_is_looked_at_as_well(command_line: CommandLine, planned: Plan) -> None:
    """`up plan.json` of somebody else is no way around."""
    content = json.loads(planned.to_json())
    content["vcpus_per_instance"] = 1
    (command_line.here / "mine.json").write_text(json.dumps(content))
    refuses(command_line, ["up", "mine.json", "--stack", "fresh", "--rehearse", "--yes"], ["mine.json", "vcpus_per_instance"])


@pytest.mark.parametrize("verb", ["status", "runs", "up", "down"])
def test_a_broken_stack_record(verb: str, command_line: CommandLine, planned: Plan) -> None:
    """Which world a stack is in is never guessed."""
    stack_with(command_line, planned)
    path = command_line.work / "edited" / "stack.json"
    path.write_text(path.read_text().replace('"rehearsal": true', '"rehearsal": "perhaps"'))
    if verb != "runs":
        refuses(command_line, [verb, "--stack", "edited", *(["--yes"] if verb in ("up", "down") else [])], [str(path), "rehearsal"])


@pytest.mark.parametrize("text", ["regoin: x\n", "region: [a]\n", "- a\n", "tags: &a {b: c}\nbase: *a\n"])
def test_a_malformed_settings_file(text: str, command_line: CommandLine) -> None:
    """Every verb refuses it, with file and line."""
    (command_line.here / "inferstack.yaml").write_text(text)
    refuses(command_line, ["plan", "--model", LLAMA], ["inferstack.yaml:"])


def test_a_world_is_not_changed_afterwards(command_line: CommandLine, planned: Plan) -> None:
    """A rehearsal never becomes a real stack, and the other way round."""
    stack_with(command_line, planned)
    refuses(command_line, ["up", "--stack", "edited", "--no-rehearse", "--yes"], ["--no-rehearse", "was created as a rehearsal"])
    refuses(command_line, ["plan", "--stack", "edited", "--no-rehearse", "--model", LLAMA], ["--no-rehearse"])


def test_a_model_config_that_is_none(command_line: CommandLine) -> None:
    """Any JSON file is not a model."""
    (command_line.here / "package.json").write_text('{"name": "web"}')
    refuses(command_line, ["plan", "--config", "package.json"], ["package.json", "not a Hugging Face config.json"])
    (command_line.here / "list.json").write_text("[1]")
    refuses(command_line, ["plan", "--config", "list.json"], ["list.json:1: contains a list"])


def test_a_secret_that_could_not_be_sent(command_line: CommandLine, planned: Plan) -> None:
    """Empty, too short, or of several lines: refused before anything is built, and never repeated."""
    stack_with(command_line, planned)
    for content, said in (("", "is empty"), ("s3cr3t\n", "must be 16 to 512 of"), ("two words in it, or more\n", "without blanks")):
        (command_line.here / "key").write_text(content)
        answer = refuses(command_line, ["up", "--stack", "edited", "--yes", "--api-key-file", "key"], [said])
        assert not content.strip() or content.strip() not in answer


def refuses(command_line: CommandLine, arguments: Iterable[str], expected: Iterable[str]) -> str:
    """Runs it, holds it to the rules, and answers what it said."""
    before = command_line.tree()
    answer = command_line.run(*arguments)
    assert 2 == answer.code, answer
    assert "Traceback" not in answer.err
    first = answer.err.splitlines()[0]
    assert first.startswith("Error: ")
    for text in expected:
        assert text in first, f"{text!r} is not in {first!r}"
    assert before == command_line.tree(), "nothing may be written"
    return answer.err


def stack_with(command_line: CommandLine, planned: Plan) -> Path:
    """A rehearsal stack `edited` whose current run holds this plan; the path of its plan.json."""
    folder = command_line.work / "edited"
    StackRecord(stack="edited", rehearsal=True, region=planned.region, base="edited-base", created_at=NOW).write(folder)
    run = folder / "runs" / "20261123T120000Z-000000"
    planned.write(run)
    planned.request.write(run)
    (folder / "current").symlink_to("runs/20261123T120000Z-000000")
    return run / "plan.json"


@pytest.fixture(scope="module")
def planned() -> Plan:
    from sizing.planning import planner

    return planner.plan(Request(model=LLAMA, request_rate=4, region="us-east-1"), now=NOW)


@pytest.mark.parametrize(
    "call",
    [
        "plan {}",
        "preview {}",
        "bill {}",
        "fleet {}",
        "diff {} {}",
        "simulate {}",
        "plan --model ./{}.gguf --users 4",
        "plan --model ./{}.json --users 4",
    ],
)
@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_stands_in_a_files_place_is_one_line_and_nothing_waits(call: str, kind: str, command_line: CommandLine) -> None:
    """A pipe without a writer, a folder, a device: exit code 2 at once, whichever verb reads it."""
    for name in ("odd", "odd.gguf", "odd.json"):
        path = command_line.here / name
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        else:
            path.symlink_to("/dev/zero")
    answer = command_line.run(*call.replace("{}", "odd").split())
    assert 2 == answer.code and answer.err.startswith("Error: ") and "odd" in answer.err.splitlines()[0]
    assert "Traceback" not in answer.err
