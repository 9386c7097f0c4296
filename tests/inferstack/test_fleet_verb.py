"""`inferstack fleet`: files with mistakes are one line with file, line and field; what is infeasible is a finding."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.inferstack.command_line import CommandLine

SMALL = "request: {model: meta-llama/Llama-3.2-1B-Instruct, request_rate: 1}"
HUGE = "request: {model: meta-llama/Llama-3.1-405B-Instruct, request_rate: 1, itl_ms: 0.1}"
ONE = f"models:\n  - name: a\n    {SMALL}\n"

# What the file holds, and what is said behind the file's name.
MISTAKES: dict[str, tuple[str, str]] = {
    "empty file": ("", ":1: is empty"),
    "no models": ("models: []\n", ":1: models: must have at least 1 (given: 0)"),
    "misspelt key": (f"{ONE}quota: {{g6: 8}}\n", ":4: quota: unknown field; did you mean quotas?"),
    "not YAML": ("models: [\n", ":2: "),
    "a name twice": (f"{ONE}  - name: a\n    {SMALL}\n", ":1: models: the name a is used twice, by entries 0 and 1"),
    "no name": (f"models:\n  - {SMALL}\n", ":2: models.0.name: is missing"),
    "no request": ("models:\n  - name: a\n", ":2: models.0.request: is missing"),
    "no load": (
        "models:\n  - name: a\n    request: {model: meta-llama/Llama-3.2-1B-Instruct}\n",
        ":3: models.0.request: no load is given; give one of concurrency, request_rate, tokens_per_s, users, tokens_per_day",
    ),
    "two loads": (ONE.replace("request_rate: 1", "request_rate: 1, users: 2"), ":3: models.0.request: give one load, not 2"),
    "negative load": (
        ONE.replace("rate: 1", "rate: -1"),
        ":3: models.0.request.request_rate: must be a number from 0.000001 to 10,000,000 (given: -1)",
    ),
    "unknown model": (
        f"{ONE}  - name: b\n    request:\n      model: meta-llama/Llama-9\n      users: 2\n",
        ":6: models.1.request.model: there is no model 'meta-llama/Llama-9'",
    ),
    "unknown format": (ONE.replace("rate: 1", "rate: 1, weight_quant: fp3"), ":3: models.0.request.weight_quant: 'fp3' is not"),
    "engine that is not deployed": (ONE.replace("rate: 1", "rate: 1, engine: sglang"), ":3: models.0.request.engine: sglang is sized"),
    "prompt too long": (ONE.replace("rate: 1", "rate: 1, isl: 1000000"), ":3: models.0.request.isl: 1e+06 + osl 256"),
    "unknown type of one model": (
        ONE.replace("rate: 1", "rate: 1, instance_type: g6e.xlrge"),
        ":3: models.0.request.instance_type: there is no instance type 'g6e.xlrge'",
    ),
    "unknown type": (f"{ONE}instance_types: [g6.xlarge, g6e.xlrge]\n", ":4: instance_types.1: there is no instance type 'g6e.xlrge'"),
    "unknown family": (f"{ONE}quotas: {{g66: 8}}\n", ":4: quotas: g66 is not a family of GPU instances"),
    "unknown region": (f"{ONE}region: moon\n", ":4: region: must be an AWS region like us-east-1 (given: moon)"),
    "two regions": (
        f"models:\n  - name: a\n    {SMALL[:-1]}, region: us-west-2}}\n  - name: b\n    {SMALL[:-1]}, region: us-east-1}}\n",
        ":1: models: they request us-east-1 and us-west-2",
    ),
    "folder that holds no model": (ONE.replace("meta-llama/Llama-3.2-1B-Instruct", "./nothing"), ":3: models.0.request.model: "),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_the_file_is_one_line_with_file_line_and_field(name: str, command_line: CommandLine) -> None:
    """Exit code 2, no traceback, nothing planned and nothing written."""
    text, said = MISTAKES[name]
    file = command_line.here / "fleet.yaml"
    file.write_text(text)
    before = command_line.tree()
    answer = command_line.run("fleet", str(file))
    assert 2 == answer.code
    assert answer.err.startswith(f"Error: {file}{said}")
    assert len(answer.err.splitlines()) <= 2
    assert "" == answer.out
    assert before == command_line.tree()


def test_a_missing_file_is_named(command_line: CommandLine) -> None:
    """Exit code 2."""
    answer = command_line.run("fleet", "no.yaml")
    assert (2, "Error: no.yaml: no such file\n") == (answer.code, answer.err)


def test_a_flag_is_named_where_it_is_wrong(command_line: CommandLine) -> None:
    """Not the file, which says nothing of it."""
    file = written(command_line.here, ONE)
    answer = command_line.run("fleet", file, "--region", "zz-nowhere-1")
    assert 2 == answer.code
    assert answer.err.startswith("Error: --region: region: zz-nowhere-1 has no known GPU instance")


def test_other_entries_are_not_counted_as_mistakes(command_line: CommandLine) -> None:
    """One wrong entry is one mistake: the list that is left without it is none."""
    answer = command_line.run("fleet", written(command_line.here, MISTAKES["negative load"][0]))
    assert "more" not in answer.err


def test_a_model_that_fits_nowhere_is_a_finding(command_line: CommandLine) -> None:
    """Exit code 1: its reason is said and the rest is planned; where nothing is left no table of nothing is shown."""
    some = command_line.run("fleet", written(command_line.here, f"{ONE}  - name: b\n    {HUGE}\n"))
    assert 1 == some.code
    assert "1 models on 1 instances" in some.out
    assert "Not served: b (meta-llama/Llama-3.1-405B-Instruct): " in some.out
    none = command_line.run("fleet", written(command_line.here, f"models:\n  - name: b\n    {HUGE}\n"))
    assert 1 == none.code
    assert none.out.startswith("Not served: b ")


def test_quotas_that_hold_no_fleet_are_a_finding(command_line: CommandLine) -> None:
    """Nothing is wrong with the file: exit code 1."""
    answer = command_line.run("fleet", written(command_line.here, f"{ONE}instance_types: [g6.xlarge]\nquotas: {{g6: 0}}\n"))
    assert 1 == answer.code
    assert "no fleet within quotas" in answer.err


def test_the_table_says_engine_format_fraction_and_what_else_it_costs(command_line: CommandLine) -> None:
    """Two small models on one GPU: each with half of the memory."""
    answer = command_line.run("fleet", written(command_line.here, f"{ONE}  - name: b\n    {SMALL}\ninstance_types: [g6.xlarge]\n"))
    assert 0 == answer.code
    assert "0: a x 0.5 at 0.46 of the memory, 0: b x 0.5 at 0.46 of the memory" in answer.out
    assert "pricing options: on demand $0.8048" in answer.out
    row = next(line for line in answer.out.splitlines() if line.startswith("a "))
    assert ["vllm", "bf16", "g6.xlarge"] == row.split()[2:5]


def test_a_model_of_this_machine_is_planned_by_its_config(command_line: CommandLine) -> None:
    """A path that plan takes is taken in a fleet too."""
    folder = command_line.here / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    answer = command_line.run("fleet", written(command_line.here, ONE.replace("meta-llama/Llama-3.2-1B-Instruct", str(folder))), "--json")
    assert 0 == answer.code
    assert "config" in answer.document["request"]["models"][0]["request"]


CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 8192, "torch_dtype": "bfloat16",
}  # fmt: skip


def written(folder: Path, text: str) -> str:
    file = folder / "fleet.yaml"
    file.write_text(text)
    return str(file)
