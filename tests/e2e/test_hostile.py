"""A whole `up` of what others gave (a model's files, a plan, settings, a manifest), each text of which tries to run something."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from inferstack.chain import plan_check
from inferstack.records.errors import InferstackError
from inferstack.records.plan import Plan
from infra import naming
from infra.calls import weights
from tests.e2e.conftest import Checkout
from tests.sizing import gguf_files
from tests.sizing.test_local_model import TENSORS, safetensors

pytestmark = pytest.mark.e2e

STACK = "hostile"
MARKER = "inferstack-pwned"
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
FORGED = re.compile("^ *(ExecStartPre|FAKE LINE)", re.MULTILINE)
# One text with all of it: Jinja, a unit's directive, a shell, systemd's and nginx's own signs, a terminal's, a page's, a table's.
WHOLE = (
    "\x1b]0;OWNED\x07\x1b[2J\u202e{{{{ lookup('pipe', 'touch {marker}') }}}}{{% set x = lookup('pipe', 'touch {marker}') %}}"
    "\nExecStartPre=+/bin/touch {marker}\nFAKE LINE: $0.01/h $(touch {marker})`touch {marker}`; touch {marker}; '; touch {marker}; '"
    '%H ${{PATH}} "; }} location /y {{ return 200; }} # {{}} </style></script><script>alert(1)</script> | |'
)
SHAPE = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 131072, "torch_dtype": "bfloat16",
}  # fmt: skip
RUN_CODE = ("chat-template", "middleware", "reasoning-parser-plugin", "hf-overrides")
LOAD = ("--request-rate", "1", "--isl", "512", "--osl", "64", "--ttft-ms", "2000")


@pytest.fixture
def hostile(checkout: Checkout) -> Iterator[str]:
    """Process hosts: a marker of a node lies on this machine too. Whatever is said or written by then holds nothing that acts."""
    checkout.environment["INFERSTACK_HOSTS"] = "process"
    yield WHOLE.format(marker=checkout.folder / MARKER)
    assert [] == [str(path) for path in checkout.folder.parent.rglob(f"{MARKER}*")], "something of the text has run"


def as_name(checkout: Checkout, text: str) -> str:
    """As much of the text as a file's name holds; commands in it would leave their marker where they run."""
    return text.replace(f"{checkout.folder}/", "").replace("/", "\u2215")[:100]


def harmless(text: str) -> str:
    assert not CONTROLS.search(text), repr(CONTROLS.search(text))
    assert not FORGED.search(text)
    return text


def run(checkout: Checkout, *arguments: str, code: int = 0) -> str:
    """What a command says holds no control character; a refusal is one line."""
    done = checkout.run(*arguments, code=code)
    assert "Traceback" not in done.stderr
    assert code == 0 or 1 == done.stderr.count("Error:"), done.stderr
    return harmless(done.stdout + done.stderr)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield from leaves(one, (*path, name))
    if isinstance(value, str):
        yield path


def with_text(value: Any, path: tuple[Any, ...], text: str) -> Any:
    if not path:
        return text
    if isinstance(value, dict):
        return {**value, path[0]: with_text(value[path[0]], path[1:], text)}
    return [with_text(one, path[1:], text) if number == path[0] else one for number, one in enumerate(value)]


def accepted(plan: Any) -> bool:
    try:
        plan_check.refuse_nonsense(Plan.model_validate(plan), where="plan.json")
    except (InferstackError, ValueError):
        return False
    return True


def changed(plan: dict[str, Any], hostile: str) -> tuple[dict[str, Any], list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """The plan with the text in every field that takes it; those fields, and those that refuse it (flags: by the engine's table)."""
    taken, refused = [], []
    for path in [one for one in leaves(plan) if one[0] != "engine_flags"]:
        other = with_text(plan, path, hostile)
        if accepted(other):
            plan = other
            taken.append(path)
        else:
            refused.append(path)
    return plan, taken, refused


def model_files(folder: Path, hostile: str, **config: Any) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({**SHAPE, "_name_or_path": hostile, **config}))
    return folder


def test_an_up_of_what_others_gave_runs_nothing_of_it(checkout: Checkout, hostile: str) -> None:
    """Names are slugged with a sentence or refused in one line; no marker on the machine or a node; no control on a screen or in a page."""
    folder = model_files(checkout.folder / as_name(checkout, hostile), hostile)
    said = run(checkout, "plan", "--model", str(folder), "--stack", STACK, "--rehearse", *LOAD)
    assert "is not a model id: the model is called" in said
    plan = json.loads((checkout.work(STACK, "current") / "plan.json").read_text())

    whole, taken, refused = changed(plan, hostile)
    assert 20 < len(taken) and ("model", "id") in refused and ("instance_type",) in refused
    given = checkout.folder / "plan.json"
    for path in (("model", "id"), ("region",), ("instance_type",)):
        given.write_text(json.dumps(with_text(plan, path, hostile)))
        run(checkout, "up", "plan.json", "--stack", "other", "--rehearse", "--yes", code=2)
    assert not checkout.work("other").exists()
    given.write_text(json.dumps(with_text(plan, ("engine_flags", "dtype"), hostile)))
    run(checkout, "up", "plan.json", "--stack", STACK, "--yes", code=2)
    allowed = [word for flag in RUN_CODE for word in ("--allow-flag", flag)]
    whole["engine_flags"] |= dict.fromkeys(RUN_CODE, hostile)
    given.write_text(json.dumps(whole))
    assert "control character" in run(checkout, "up", "plan.json", "--stack", STACK, "--yes", *allowed, code=2)
    whole["engine_flags"] |= dict.fromkeys(RUN_CODE, CONTROLS.sub("", hostile).replace("\n", " "))
    given.write_text(json.dumps(whole))
    assert "runs code on the node" in run(checkout, "up", "plan.json", "--stack", STACK, "--yes", code=2)

    up = run(checkout, "up", "plan.json", "--stack", STACK, "--yes", *allowed)
    assert f"{STACK} is up" in up
    for verb in ("status", "runs", "bench", "bill", "env"):
        run(checkout, verb, "--stack", STACK)
    run(checkout, "report", "--stack", STACK, "--out", "report.html")
    page = (checkout.folder / "report.html").read_text()
    assert not CONTROLS.search(page) and "<script>alert" not in page
    assert "<script>" not in run(checkout, "bill", "--stack", STACK, "--markdown")

    a_manifest_of_others(checkout, hostile)
    run(checkout, "down", "--stack", STACK, "--yes")
    assert {} == checkout.left_on_this_machine()


def a_manifest_of_others(checkout: Checkout, hostile: str) -> None:
    """Somebody who may write the bucket changes the manifest of what is served; nothing is fetched by it, and no node is asked."""
    keys = {"aws_access_key_id": checkout.access_key(), "aws_secret_access_key": "rehearsal", "endpoint_url": checkout.endpoint()}
    s3 = boto3.client("s3", region_name="us-east-1", **keys)
    configured = json.loads((checkout.work(STACK, "current") / "configured.json").read_text())
    place = {
        "Bucket": naming.bucket(f"{STACK}-base", account_id="0" * 12, region="us-east-1"),
        "Key": f"{weights.prefix(configured['served_model'])}/manifest.json",
    }
    manifest = json.loads(s3.get_object(**place)["Body"].read())
    for entry in ({"path": hostile}, {"path": f"../../{MARKER}"}, {"sha256": hostile}):
        files = [{**manifest["files"][0], **entry}, *manifest["files"][1:]]
        s3.put_object(**place, Body=json.dumps({**manifest, "files": files}).encode())
        assert "is not a weights manifest" in run(checkout, "configure", "--stack", STACK, "--yes", code=2)


def test_names_in_files_and_settings_of_others_do_nothing(checkout: Checkout, hostile: str) -> None:
    """A GGUF file's own name, names of files to upload, and each setting that a colleague's inferstack.yaml may hold."""
    file = checkout.folder / f"{as_name(checkout, hostile)}.gguf"
    gguf_files.written(file, {**gguf_files.LLAMA, "general.name": hostile})
    assert "is not a model id: the model is called" in run(checkout, "plan", "--model", str(file), "--stack", STACK, "--rehearse", *LOAD)

    settings = checkout.folder / "inferstack.yaml"
    for held in ({"tags": {"note": hostile}}, {"tags": {hostile: "v"}}, {"base": hostile}, {"profile": hostile}, {"region": hostile}):
        settings.write_text(yaml.safe_dump(held))
        assert next(iter(held)) in run(checkout, "preview", "--stack", STACK, code=2)
    settings.write_text(yaml.safe_dump({"tags": {"note": "a = b @ c:/d + e"}, "profile": "$(touch x)'; {{ x }}"}))
    run(checkout, "preview", "--stack", STACK)
    settings.unlink()

    folder = model_files(checkout.folder / "files", hostile, hidden_size=64)
    (folder / "model.safetensors").write_bytes(safetensors(TENSORS))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "{{ lookup('pipe', 'touch x') }}$(touch x);.json").write_text("{}")
    run(checkout, "weights", "put", "files", "--as", "acme/x", "--stack", STACK, "--yes")
    (folder / f"{as_name(checkout, hostile)}.json").write_text("{}")
    assert "control character" in run(checkout, "weights", "put", "files", "--as", "acme/x", "--stack", STACK, "--yes", code=2)
    run(checkout, "down", "--stack", STACK, "--yes")
    assert {} == checkout.left_on_this_machine()
