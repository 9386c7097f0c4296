"""Options that run code: every option of every frozen table is judged, and what is dangerous is named with its reason."""

from __future__ import annotations

from typing import Any

import pytest

from inferstack.records import engines
from inferstack.records.errors import InputError
from playbooks import flag_classes, flags

ENGINES = engines.deployed()

DANGEROUS = [
    ("vllm", {"trust-remote-code": True}),
    ("vllm", {"tool-parser-plugin": "/opt/inferstack/models/x/evil.py"}),
    ("vllm", {"reasoning-parser-plugin": "x.py"}),
    ("vllm", {"io-processor-plugin": "evil"}),
    ("vllm", {"middleware": "os.system"}),
    ("vllm", {"worker-cls": "evil.Worker"}),
    ("vllm", {"worker-extension-cls": "evil.Extension"}),
    ("vllm", {"logits-processors": "evil:Processor"}),
    ("vllm", {"scheduler-cls": "evil.Scheduler"}),
    ("vllm", {"load-format": "pt"}),
    ("vllm", {"distributed-executor-backend": "evil.Executor"}),
    ("vllm", {"config": "/tmp/x.yaml"}),
    ("vllm", {"hf-config-path": "/x"}),
    ("vllm", {"hf-overrides": "{}"}),
    ("vllm", {"tokenizer": "evil/tokenizer"}),
    ("vllm", {"chat-template": "{{ x }}"}),
    ("vllm", {"kv-transfer-config": '{"kv_connector_module_path": "evil"}'}),
    ("vllm", {"ec-transfer-config": "{}"}),
    ("vllm", {"compilation-config": "{}"}),

    ("vllm", {"logging-config": "{}"}),
    ("vllm", {"allowed-local-media-path": "/"}),
    ("vllm", {"allowed-origins": '["*"]'}),
    ("vllm", {"ssl-ca-certs": "/x"}),
    ("vllm", {"headless": True}),
    ("vllm", {"grpc": True}),
    ("vllm", {"enable-log-requests": True}),
    ("tensorrt-llm", {"trust_remote_code": True}),
    ("tensorrt-llm", {"extra_llm_api_options": "/x.yml"}),
    ("tensorrt-llm", {"tokenizer": "x$(id)"}),
    ("llama.cpp", {"rpc": "10.0.0.1:50052"}),
    ("llama.cpp", {"models-dir": "/"}),
    ("llama.cpp", {"tools": "all"}),
    ("llama.cpp", {"hf-repo": "evil/x"}),
    ("llama.cpp", {"hfr": "evil/x"}),
    ("llama.cpp", {"mmproj-url": "http://x"}),
    ("llama.cpp", {"slot-save-path": "/x"}),
    ("llama.cpp", {"log-file": "/x"}),
    ("llama.cpp", {"mcp-servers-json": "{}"}),
]  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_every_option_of_the_frozen_table_is_in_one_class(engine: str) -> None:
    """An option of a new version is judged before it is taken: one that nobody judged is refused."""
    told, known = flag_classes.classes(engine), flags.options(engine)
    assert [] == sorted({option.spellings for option in known.values() if flag_classes.class_of(engine, option) is None})
    listed = [*told["runs_code"], *told["reaches_out"], *told["harmless"]]
    table = {spelling.lstrip("-") for row in _rows(engine) for spelling in row["options"]}
    assert [] == sorted(name for name in (*listed, *told["safe_values"]) if name not in table)
    assert len(set(listed)) == len(listed)
    assert all(told["runs_code"].values()) and all(told["reaches_out"].values())


def _rows(engine: str) -> list[dict[str, Any]]:
    return engines.options(engine)


@pytest.mark.parametrize(("engine", "given"), DANGEROUS)
def test_an_option_that_runs_code_is_named_with_its_reason_unless_it_is_allowed(engine: str, given: dict[str, flags.Value]) -> None:
    """By any of its spellings; allowed by its name alone, and harmless where it is switched off."""
    [name] = given
    if name not in flags.options(engine):
        with pytest.raises(InputError, match=r"has no such option|not known on both sides"):
            flags.argv(engine, given)
        return
    [danger] = flag_classes.dangers(engine, given)
    assert (name, True) == (danger.flag, bool(danger.why))
    assert () == flag_classes.dangers(engine, given, allowed=[f"--{name}"])
    assert 1 == len(flag_classes.dangers(engine, given, allowed=["another"]))
    assert () == flag_classes.dangers(engine, {name: False})


@pytest.mark.parametrize("given", [{"load-format": "safetensors"}, {"distributed-executor-backend": "mp"}, {"tensor-parallel-size": 8}])
def test_a_value_that_does_no_harm_is_let_through(given: dict[str, flags.Value]) -> None:
    """The planner's own flags and the plain values of a dangerous option."""
    assert () == flag_classes.dangers("vllm", given)


def test_an_option_without_a_class_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail closed: what is missing from the classes is no harmless option."""
    monkeypatch.setattr(flag_classes, "classes", lambda engine: {})
    assert ["max-model-len"] == [danger.flag for danger in flag_classes.dangers("vllm", {"max-model-len": 1})]
