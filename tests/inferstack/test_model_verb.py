"""`inferstack model add|show|list`, against a hub on the loopback."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import constants

from inferstack.records.files import places
from inferstack.records.plan import Plan
from tests.inferstack.command_line import CommandLine
from tests.inferstack.hub import SHA, Hub, Repository, serving

CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 256, "intermediate_size": 704, "num_hidden_layers": 2,
    "num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 32000, "max_position_embeddings": 8192, "torch_dtype": "bfloat16",
}  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]
SECRET = "hf_canary0123456789"


def weights(*, padding: int = 0, layers: tuple[int, ...] = (0, 1)) -> bytes:
    """One file whose tensors are those of CONFIG; the header may be made long."""
    shapes = {"model.embed_tokens.weight": 32000 * 256, "lm_head.weight": 32000 * 256, "model.norm.weight": 256}
    for layer in layers:
        at = f"model.layers.{layer}."
        shapes |= {at + "input_layernorm.weight": 256, at + "post_attention_layernorm.weight": 256}
        shapes |= {at + f"self_attn.{name}_proj.weight": 256 * size for name, size in (("q", 256), ("k", 64), ("v", 64), ("o", 256))}
        shapes |= {at + f"mlp.{name}_proj.weight": 256 * 704 for name in ("gate", "up", "down")}
    header: dict[str, Any] = {"__metadata__": {"padding": "x" * padding}}
    end = 0
    for name, n in shapes.items():
        header[name] = {"dtype": "BF16", "shape": [n], "data_offsets": [end, end + 2 * n]}
        end += 2 * n
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)


WEIGHTS, LONG = weights(), weights(padding=400_000)


def repository(**more: Any) -> Repository:
    content = {"model.safetensors": WEIGHTS, **more.pop("files", {})}
    return Repository(
        {"config.json": json.dumps({**CONFIG, **more.pop("config", {})}).encode(), "tokenizer.json": bytes(900), **content}, **more
    )


@pytest.fixture
def login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file in which `hf auth login` keeps its token, in place of that of whoever runs the tests."""
    path = tmp_path / "login"
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(path))
    monkeypatch.setattr(constants, "HF_STORED_TOKENS_PATH", str(tmp_path / "logins"))
    return path


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, login: Path) -> Iterator[Hub]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(
        org__open=repository(),
        org__gated=repository(gated=True),
        org__long=repository(files={"model.safetensors": LONG}),
        org__noranges=repository(files={"model.safetensors": LONG}, fault="no-ranges"),
        org__truncated=repository(fault="truncated"),
        org__broken=repository(fault="500"),
        org__busy=repository(fault="429"),
        org__loop=repository(fault="loop"),
        org__parrot=repository(config={"architectures": ["ParrotForCausalLM"]}),
        org__damaged=Repository({"config.json": b'{"architectures": ["Llama'}),
        org__bare=Repository({"README.md": b"hello"}),
        org__bins=Repository({"config.json": json.dumps(CONFIG).encode(), "pytorch_model.bin": bytes(10)}),
    ) as here:
        monkeypatch.setenv("HF_ENDPOINT", here.address)
        yield here


def stored(command_line: CommandLine, name: str) -> Path:
    return command_line.work / "facts.d" / "models" / f"org--{name}.yaml"


def test_an_added_model_is_stored_with_its_source_and_can_be_planned(hub: Hub, command_line: CommandLine) -> None:
    """Revision, date, kind, licence and exact bytes; the plan's request stands alone."""
    answer = command_line.run("model", "add", "org/open", "--json")
    assert (0, True) == (answer.code, answer.document["added"])
    record = yaml.safe_load(stored(command_line, "open").read_text())
    assert ("org/open", "vendor", SHA, "apache-2.0", False) == tuple(record[key] for key in ("id", "kind", "revision", "license", "gated"))
    assert f"{hub.address}/org/open" == record["source"]
    assert (len(WEIGHTS), 900) == (record["config"]["inferstack"]["checkpoint_bytes"], record["config"]["inferstack"]["tokenizer_bytes"])
    assert [] == answer.document["model"]["not_verified"]

    planned = command_line.run("plan", "--model", "org/open", "--users", "4", "--json")
    plan = Plan.model_validate_json(planned.out)
    assert (None, "org/open", len(WEIGHTS)) == (plan.request.model, plan.model.id, plan.model.checkpoint_bytes)
    stored(command_line, "open").unlink()
    request = next((command_line.work / "default" / "runs").glob("*/request.yaml"))
    assert plan.weights and ("org/open", SHA) == (plan.weights.repository, plan.weights.revision)
    again = Plan.model_validate_json(command_line.run("plan", str(request), "--json").out)
    assert plan.replaced(created_at=again.created_at) == again


def test_only_headers_are_read(hub: Hub, command_line: CommandLine) -> None:
    """36 MB of weights, 100 kB asked for."""
    assert 0 == command_line.run("model", "add", "org/open").code
    assert hub.sent_bytes <= 100_001 < len(WEIGHTS) / 100
    assert {"bytes=0-100000"} == {ranged for _, path, ranged, _ in hub.asked if path.endswith(".safetensors")}
    assert all(SHA in path for _, path, _, _ in hub.asked if "/resolve/" in path)


def test_a_long_header_is_read_whole(hub: Hub, command_line: CommandLine) -> None:
    """A second request for the rest; never the weights."""
    assert 0 == command_line.run("model", "add", "org/long").code
    assert hub.sent_bytes < 600_000 < len(LONG) / 50
    assert len(LONG) == yaml.safe_load(stored(command_line, "long").read_text())["config"]["inferstack"]["checkpoint_bytes"]


def test_a_mirror_that_sends_whole_files_is_refused(hub: Hub, command_line: CommandLine) -> None:
    """The library would read the weights into memory."""
    answer = command_line.run("model", "add", "org/noranges")
    assert 4 == answer.code
    assert "sends all of model.safetensors where only its first 100001 bytes were requested" in answer.err
    assert not stored(command_line, "noranges").exists()


@pytest.mark.parametrize(
    "header",
    [
        "{", ["a"], {"a": 7}, {"a": {"dtype": "F32"}}, {"a": {"dtype": "F32", "shape": [1], "data_offsets": 4}},
        {"a": {"dtype": "F32", "shape": ["x", 10**12], "data_offsets": [0, 4]}},
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}},
        {"a": {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 4 * 10**9]}},
    ],
)  # fmt: skip
def test_a_header_that_is_none_is_one_line(header: Any, hub: Hub, command_line: CommandLine) -> None:
    """Anybody may upload one. What the library takes is held against the rules for files of this machine."""
    text = header.encode() if isinstance(header, str) else json.dumps(header).encode()
    hub.repositories["org/odd"] = repository(files={"model.safetensors": struct.pack("<Q", len(text)) + text + bytes(4)})
    answer = command_line.run("model", "add", "org/odd")
    assert (2, 1) == (answer.code, len(answer.err.splitlines())), answer.err
    assert "model.safetensors" in answer.err


def test_without_the_library_it_says_the_line_that_installs_it(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain install plans a model of the facts or a local folder; only the hub needs more."""
    monkeypatch.setattr(metadata, "requires", lambda name: ["not-there>=2; extra == 'hub'"])
    monkeypatch.setattr(places, "is_checkout", lambda: False)
    answer = command_line.run("model", "add", "org/open")
    assert 3 == answer.code
    assert "Error: inferstack model add needs not-there, which is not installed\npip install 'inferstack[hub]'\n" == answer.err
    assert 0 == command_line.run("model", "add", "Llama-3.1-8B-Instruct").code


def test_the_token_of_a_login_is_used(hub: Hub, command_line: CommandLine, login: Path) -> None:
    """`hf auth login` has stored it; HF_TOKEN goes before it."""
    login.write_text(f"{hub.token}\n")
    assert 0 == command_line.run("model", "add", "org/gated").code


@pytest.mark.parametrize(("offline", "code"), [("0", 0), ("1", 4)])
def test_a_process_of_its_own_asks_for_the_model_alone(hub: Hub, tmp_path: Path, offline: str, code: int) -> None:
    """The library reads its settings when it is imported. Its telemetry would ask for a list of programs and name the one that runs it."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "INFERSTACK_DIR": str(tmp_path / "work"), "NO_PROXY": "127.0.0.1"}
    environment |= {"HF_ENDPOINT": hub.address, "HF_HUB_OFFLINE": offline, "PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-m", "inferstack", "model", "add", "org/open"]
    done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (code, bool(code)) == (done.returncode, "HF_HUB_OFFLINE is set" in done.stderr), done.stderr
    assert bool(code) != bool(hub.asked)
    assert not [path for _, path, _, _ in hub.asked if "org/open" not in path]


def test_a_gated_model_needs_a_token(hub: Hub, command_line: CommandLine) -> None:
    """One clear line, exit 4, nothing stored; with the token it is added."""
    answer = command_line.run("model", "add", "org/gated")
    assert 4 == answer.code
    assert "permission: org/gated is gated or private, the hub does not give it to this identity (HTTP 401)" in answer.err
    assert not stored(command_line, "gated").exists()
    (command_line.here / "token").write_text(hub.token)
    assert 0 == command_line.run("model", "add", "org/gated", "--hf-token-file", "token").code
    assert yaml.safe_load(stored(command_line, "gated").read_text())["gated"]


def test_the_token_goes_to_the_hub_alone_and_is_never_shown(hub: Hub, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not to the store that the hub redirects to, not to a line, not to a file."""
    for name, code in (("open", 0), ("gated", 4)):
        monkeypatch.setenv("HF_TOKEN", SECRET)
        answer = command_line.run("model", "add", f"org/{name}", "-v")
        assert code == answer.code
        assert SECRET not in answer.out + answer.err
    assert {f"Bearer {SECRET}"} == {sent for host, _, _, sent in hub.asked if host == "hub"}
    assert {None} == {sent for host, _, _, sent in hub.asked if host == "store"}
    assert not [path for path, content in command_line.tree().items() if SECRET.encode() in content]


@pytest.mark.parametrize(
    ("model", "code", "message"),
    [
        ("org/nowhere", 2, "model org/nowhere: the hub has no such repository"),
        ("org/bare", 2, "model org/bare: the hub has no config.json"),
        ("org/parrot", 2, "config: architecture ParrotForCausalLM is not known"),
        ("org/damaged", 4, "org/damaged: config.json is not JSON: it is cut off or damaged"),
        ("org/truncated", 4, "cannot be reached"),
        ("org/broken", 4, "the hub answers HTTP 500"),
        ("org/busy", 4, "throttled: the hub takes no more requests"),
        ("org/loop", 4, "sends from one address to the next without end"),
        ("just-a-name", 2, "not an id of the hub"),
        ("org/../etc", 2, "not an id of the hub"),
    ],
)
def test_what_cannot_be_added_is_one_line_and_leaves_nothing(
    model: str, code: int, message: str, hub: Hub, command_line: CommandLine
) -> None:
    """The exit code says whose fault it is."""
    answer = command_line.run("model", "add", model)
    assert (code, True) == (answer.code, message in answer.err), answer.err
    assert "Traceback" not in answer.err
    assert not list(command_line.work.rglob("*.yaml"))


def test_no_network_is_one_line(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 4 with what to do instead."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    answer = command_line.run("model", "add", "org/open")
    assert (4, True) == (answer.code, "http://127.0.0.1:9 cannot be reached" in answer.err)
    assert "give a local folder" in answer.err


def test_a_repository_without_safetensors_is_sized_by_arithmetic_and_says_so(hub: Hub, command_line: CommandLine) -> None:
    """Nothing silent."""
    answer = command_line.run("model", "add", "org/bins")
    assert (0, True) == (answer.code, "holds no safetensors: sizes are arithmetic" in answer.out)


def test_files_that_differ_from_the_rule_are_said(hub: Hub, command_line: CommandLine) -> None:
    """A config that tells of four layers over files with two."""
    hub.repositories["org/short"] = repository(config={"num_hidden_layers": 4})
    answer = command_line.run("model", "add", "org/short", "--json")
    assert [True] == ["the rule of LlamaForCausalLM gives" in note for note in answer.document["model"]["not_verified"]]


def test_a_model_of_the_facts_is_not_added_again(command_line: CommandLine) -> None:
    """No network is asked."""
    answer = command_line.run("model", "add", "meta-llama/Llama-3.1-8B-Instruct", "--json")
    assert (0, False) == (answer.code, answer.document["added"])


def test_an_added_model_is_listed_and_shown(hub: Hub, command_line: CommandLine) -> None:
    """By its id or its last part, beside the facts."""
    command_line.run("model", "add", "org/open")
    rows = command_line.run("model", "list", "org/open", "--json").document["models"]
    assert [("org/open", "added")] == [(row["id"], row["source"]) for row in rows]
    assert "org/open" == command_line.run("model", "show", "open", "--json").document["id"]


def test_a_damaged_record_is_named_and_the_rest_is_listed(command_line: CommandLine) -> None:
    """One bad file does not hide the others."""
    path = stored(command_line, "bad")
    path.parent.mkdir(parents=True)
    path.write_text("id: 7\n")
    answer = command_line.run("model", "list", "--json")
    assert (0, 1) == (answer.code, len(answer.document["damaged"]))
    assert len(answer.document["models"]) > 100
    assert 2 == command_line.run("plan", "--model", "org/bad", "--users", "4").code


def test_show_says_where_the_bytes_are(command_line: CommandLine) -> None:
    """Llama 3.1 8B: 16.06 GB, and 128 KiB of KV a token in 16 bit."""
    document = command_line.run("model", "show", "Llama-3.1-8B-Instruct", "--json").document
    assert 131072 == document["kv_bytes_per_token"]["bf16"]["all_tokens"]
    assert document["checkpoint_bytes"] == pytest.approx(sum(document["bytes"].values()), rel=0.001)
    answer = command_line.run("model", "show", "Llama-3.1-8B-Instruct")
    assert "KV cache in bf16: 128.0 KiB a token" in answer.out


def test_list_takes_words(command_line: CommandLine) -> None:
    """All of them must be there."""
    rows = command_line.run("model", "list", "llama", "fp8", "--json").document["models"]
    assert rows
    assert all("fp8" == row["format"] and "llama" in f"{row['id']} {row['architecture']}".lower() for row in rows)
