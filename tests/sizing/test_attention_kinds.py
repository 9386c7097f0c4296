"""sizing.attention: a kind is one file. A made-up one is read from a config, sized, cut and planned, and no other file knows it."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import sizing.attention
from inferstack.records.errors import InputError
from inferstack.records.files.facts import ROOT, load
from inferstack.records.request import Request
from sizing import estimate
from sizing.attention.table import KindTable, kinds
from sizing.catalog import find_gpu
from sizing.engines.layouts import ReplicaLayout, refused
from sizing.engines.versions import engine_version
from sizing.explaining.memory_parts import kv_kinds
from sizing.memory.kv_cache import kv_cost
from sizing.models import local_files
from sizing.models.facts_record import from_record
from sizing.models.hf_config import from_config
from sizing.models.parameters import count
from sizing.models.quantisation.formats import bits_of
from sizing.models.weights import Shards, per_gpu_bytes
from sizing.planning import planner
from sizing.planning.replica_of_plan import replica_of
from sizing.speed.iteration_work import features

TIDAL = '''
"""Tidal attention: made up for a test. One key of all heads for each token, and a square state for each head."""

from sizing.attention.kind import AttentionKind, LayerType, Matrix, TokenWork


class Tidal(AttentionKind):
    name = "tidal"
    family = "tidal"
    label = "tidal keys"
    fields = ("tidal_heads", "tidal_dim")
    layer_types = {"tidal_attention": LayerType()}

    def widths(self, record):
        return record["tidal_heads"], record["tidal_dim"]

    def params(self, shape, group):
        heads, dim = group.widths
        return 4 * shape.hidden * heads * dim

    def work(self, shape, group):
        heads, dim = group.widths
        return TokenWork(self.params(shape, group), attended=2 * heads * dim)

    def token_bytes(self, shape, group, shards, *, element_bytes):
        return group.widths[1] * element_bytes

    def state_bytes(self, shape, group, shards):
        heads, dim = group.widths
        return heads * dim * dim * 4 / shards

    def refuse_tp(self, group, tp):
        return f"{group.widths[0]} tidal heads do not divide by tp={tp}" if group.widths[0] % tp else None


KIND = Tidal()
'''
HIDDEN, HEADS, KV_HEADS, HEAD_DIM, TIDAL_HEADS, TIDAL_DIM, TIDAL_LAYERS, FULL_LAYERS = 4096, 32, 8, 128, 12, 64, 24, 8
TIDAL_PARAMS = 4 * HIDDEN * TIDAL_HEADS * TIDAL_DIM
FULL_PROJECTIONS = HIDDEN * HEAD_DIM * (2 * HEADS + 2 * KV_HEADS)
CONFIG: dict[str, Any] = {
    "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": HIDDEN, "intermediate_size": 12288,
    "num_hidden_layers": TIDAL_LAYERS + FULL_LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "head_dim": HEAD_DIM,
    "vocab_size": 151936, "max_position_embeddings": 40960, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
    "layer_types": ["tidal_attention", "tidal_attention", "tidal_attention", "full_attention"] * FULL_LAYERS,
    "tidal_heads": TIDAL_HEADS, "tidal_dim": TIDAL_DIM,
}  # fmt: skip
TRT = engine_version("tensorrt-llm", None)
LOAD = {"isl": 1024, "osl": 256}


def add_kind(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch, *, name: str = "tidal") -> None:
    (folder / f"{name}.py").write_text(text)
    monkeypatch.setattr(sizing.attention, "__path__", [*sizing.attention.__path__, str(folder)])
    importlib.invalidate_caches()
    kinds.cache_clear()


@pytest.fixture(autouse=True)
def _forget_made_up_kinds() -> Iterator[None]:
    yield
    kinds.cache_clear()
    for name in ("tidal", "twice"):
        sys.modules.pop(f"sizing.attention.{name}", None)


@pytest.fixture
def tidal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the kind's file into the room of attention kinds."""
    (tmp_path / "kinds").mkdir()
    add_kind(TIDAL, tmp_path / "kinds", monkeypatch)


def test_without_its_file_a_kind_is_refused_by_the_name_of_its_layers() -> None:
    """The refusal names the entries that are known."""
    with pytest.raises(InputError, match="layer_types holds 'tidal_attention'; known: full_attention, attention, sliding_attention"):
        from_config(CONFIG)


@pytest.mark.usefixtures("tidal")
def test_a_kind_of_one_file_is_counted() -> None:
    """Its layers are counted by its own rule, the others as before, with norms of q and k beside the projections."""
    shape = from_config(CONFIG)
    assert {"tidal": TIDAL_LAYERS, "gqa": FULL_LAYERS} == {group.attn: group.n for group in shape.layers}
    assert TIDAL_LAYERS * TIDAL_PARAMS + FULL_LAYERS * (FULL_PROJECTIONS + 2 * HEAD_DIM) == count(shape).attn


@pytest.mark.usefixtures("tidal")
def test_its_cache_and_its_states_are_on_each_gpu() -> None:
    """Its keys are whole on both GPUs; states and KV heads are cut."""
    cost = kv_cost(from_config(CONFIG), Shards(2, 2, 1, 1), element_bytes=2.0, engine=TRT)
    assert TIDAL_LAYERS * TIDAL_DIM * 2 + FULL_LAYERS * 2 * (KV_HEADS / 2) * HEAD_DIM * 2 == cost.full_bytes
    assert TIDAL_LAYERS * TIDAL_HEADS * TIDAL_DIM**2 * 4 / 2 == cost.state_bytes


@pytest.mark.usefixtures("tidal")
def test_its_work_and_its_weights_are_in_an_iteration() -> None:
    """An iteration holds its FLOP for each token that it looks back at, and the weights of its matrices."""
    shape, gpu, shards = from_config(CONFIG), find_gpu("H100"), Shards(2, 2, 1, 1)
    bits = bits_of(shape, None)
    f = features(shape, gpu, bits, shards=shards, kv=kv_cost(shape, shards, element_bytes=2.0, engine=TRT), hop_bytes_per_s=1e10)
    attended = TIDAL_LAYERS * 2 * TIDAL_HEADS * TIDAL_DIM + FULL_LAYERS * 4 * HEADS * HEAD_DIM
    assert attended / 2 / gpu.flops_bf16 == pytest.approx(f.attention_compute, rel=1e-12)
    dense = TIDAL_LAYERS * TIDAL_PARAMS + FULL_LAYERS * FULL_PROJECTIONS + (TIDAL_LAYERS + FULL_LAYERS) * 3 * HIDDEN * 12288
    assert dense / 2 / gpu.flops_bf16 == pytest.approx(f.dense_compute, rel=1e-12)
    plain = from_config({**CONFIG, "layer_types": ["full_attention"] * (TIDAL_LAYERS + FULL_LAYERS)})
    fewer = TIDAL_LAYERS * (FULL_PROJECTIONS + 2 * HEAD_DIM - TIDAL_PARAMS) * 2 / 2
    assert fewer == pytest.approx(per_gpu_bytes(plain, bits, shards) - per_gpu_bytes(shape, bits, shards))


@pytest.mark.usefixtures("tidal")
def test_its_rule_of_tensor_parallelism_holds() -> None:
    """Twelve heads are cut over four GPUs and not over eight, over which the other layers go."""
    shape = from_config(CONFIG)
    bits = bits_of(shape, None)
    assert refused(shape, bits, ReplicaLayout(tp=4), engine=TRT) is None
    assert "12 tidal heads do not divide by tp=8" == refused(shape, bits, ReplicaLayout(tp=8), engine=TRT)


@pytest.mark.usefixtures("tidal")
def test_a_width_of_it_that_is_missing_or_wrong_is_refused() -> None:
    """The refusal names the config's key, as it does for the kinds of the product."""
    with pytest.raises(InputError, match="config: tidal_dim is missing; it is the width of a tidal layer"):
        from_config({key: value for key, value in CONFIG.items() if key != "tidal_dim"})
    with pytest.raises(InputError, match="config: tidal_heads must be a whole number from 1 to 1000000000, not -3"):
        from_config({**CONFIG, "tidal_heads": -3})


@pytest.mark.usefixtures("tidal")
def test_a_model_that_uses_it_is_estimated() -> None:
    """A question of the estimate takes it like any model; the layout that it refuses does not fit."""
    answer = estimate.answer({"id": "a", "config": CONFIG, "gpu": "H100", "tp": 4, "engine": "tensorrt-llm", "concurrency": 8, **LOAD})
    assert answer["fits"], answer
    assert answer["output_tokens_per_s"] > 0
    token = TIDAL_LAYERS * TIDAL_DIM * 2 + FULL_LAYERS * 2 * (KV_HEADS / 4) * HEAD_DIM * 2
    assert answer["kv_cache_gib"] * 2**30 / token == pytest.approx(answer["kv_cache_tokens"], rel=0.01)
    refusal = estimate.answer({"id": "b", "config": CONFIG, "gpu": "H100", "tp": 8, **LOAD})
    assert (False, "12 tidal heads do not divide by tp=8") == (refusal["fits"], refusal["why_not"])


@pytest.mark.usefixtures("tidal")
def test_a_model_that_uses_it_is_planned(tmp_path: Path) -> None:
    """No candidate is cut in a way that the kind refuses, though one of the same model without the kind is."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**CONFIG, "_name_or_path": "moon/Tidal-8B"}))
    config = local_files.config_of(path)
    plan, plain = (
        planner.plan(Request.model_validate({"config": one, "request_rate": 2, **LOAD}), now=datetime.now(UTC))
        for one in (config, {**config, "layer_types": None})
    )
    assert "moon/Tidal-8B" == plan.model.id
    assert plan.weights is not None
    assert 2 * count(from_config(CONFIG)).stored == plan.weights.bytes
    assert {"tidal keys", "full attention"} == {one.kind for one in kv_kinds(replica_of(plan))}
    assert {1, 2, 4} == {one.layout.tp for one in plan.candidates}
    assert {1, 2, 4, 8} == {one.layout.tp for one in plain.candidates}


def test_no_other_file_names_it() -> None:
    """The test would show nothing if the product knew the kind."""
    assert not [path for path in (ROOT / "sizing").rglob("*") if path.suffix in (".py", ".yaml") and "tidal" in path.read_text().lower()]


def test_two_kinds_of_one_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second would hide the first."""
    add_kind(TIDAL, tmp_path, monkeypatch)
    add_kind(TIDAL, tmp_path, monkeypatch, name="twice")
    with pytest.raises(AssertionError, match="two kinds of attention have the name 'tidal'"):
        kinds()


def test_a_record_of_a_kind_without_a_file_is_refused_by_name() -> None:
    """One clear line names the kinds that there are."""
    records = (one for group in load("sizing")["models"].values() for one in group["records"])
    record = next(one for one in records if one["id"].endswith("Llama-3.1-8B-Instruct"))
    with pytest.raises(InputError, match="attention kind 'tidal' is not known") as refusal:
        from_record({**record, "layers": [{**group, "attn": "tidal"} for group in record["layers"]]})
    assert "gqa" in str(refusal.value.hint)


def test_every_kind_that_facts_name_has_a_file() -> None:
    """Layers of the models' records, and the other layers of an architecture, are of a kind that has a file."""
    known: KindTable = kinds()
    layers = {group["attn"] for facts in load("sizing")["models"].values() for record in facts["records"] for group in record["layers"]}
    others = {rule["else"] for rule in load("sizing")["architectures"]["known"]["records"].values() if "else" in rule}
    assert layers | others <= set(known.by_name)
