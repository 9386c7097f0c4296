"""sizing.engines.layouts: each rule at its boundary, on shapes and engines that are made for it."""

from __future__ import annotations

from typing import Any

import pytest

from sizing.engines.layouts import ReplicaLayout, legal, refused
from sizing.models.quantisation.formats import Bits
from sizing.models.shape import LayerGroup, ModelShape, OwnQuantization
from sizing.models.weights import Shards

BF16 = Bits("bf16", 16.0, 16.0, 16.0, own=True, compute="bf16")


class Engine:
    """What layouts ask of an engine; by default one that takes every model and cuts no block of a matrix."""

    version = (1, 2, 0)

    def __init__(self, *, blocks: bool = True, gone: str = "", cuts: dict[str, Any] | None = None) -> None:
        self.keeps_blocks_whole, self.gone, self.facts = blocks, gone, {"cuts_expert_blocks": cuts} if cuts else {}

    def gave_up(self, architecture: str) -> str | None:
        return f"no {architecture}" if architecture == self.gone else None


ANY = Engine()


def layer(**changes: Any) -> LayerGroup:
    plain = {"n": 4, "attn": "gqa", "ffn": "dense", "heads": 32, "kv_heads": 8, "intermediate": 8192, "norms": 2}
    return LayerGroup(**{**plain, **changes})


def shape(*layers: LayerGroup, **changes: Any) -> ModelShape:
    plain = {
        "id": "m", "architecture": "A", "model_type": "a", "source": "", "hidden": 4096, "heads": 32, "kv_heads": 8, "head_dim": 128,
        "intermediate": 8192, "vocab": 128_000, "max_positions": 4096,
    }  # fmt: skip
    return ModelShape(layers=layers or (layer(),), **{**plain, **changes})


def moe(*layers: LayerGroup, **changes: Any) -> ModelShape:
    return shape(*(layers or (layer(ffn="moe"),)), **{"experts": 8, "experts_per_token": 2, "expert_width": 1024, **changes})


def why(model: ModelShape, bits: Bits = BF16, *, engine: Any = ANY, **layout: Any) -> str | None:
    return refused(model, bits, ReplicaLayout(**layout), engine=engine)


def test_a_layout_is_its_gpus_and_their_parts() -> None:
    """tp x pp GPUs; attention is cut as far as matrices unless it runs data-parallel."""
    assert (6, 1) == (ReplicaLayout(tp=2, pp=3).gpus, ReplicaLayout().gpus)
    assert Shards(gpus=4, attention=4, pp=2, experts=4) == ReplicaLayout(tp=4, pp=2, ep=4).shards
    assert Shards(gpus=4, attention=1, pp=1, experts=1) == ReplicaLayout(tp=4, attention_dp=True).shards
    assert ReplicaLayout() == ReplicaLayout(tp=1, pp=1, ep=1, attention_dp=False, gpus_per_node=0)
    assert 1 == len({ReplicaLayout(), ReplicaLayout(tp=1)})


def test_a_model_that_the_engine_gave_up_is_refused_first() -> None:
    """Whatever else is wrong."""
    assert "no A" == why(shape(), engine=Engine(gone="A"), pp=99)
    assert why(shape(), engine=Engine(gone="B")) is None


@pytest.mark.parametrize(("pp", "said"), [(4, None), (5, "pp=5 is more than the 4 layers")])
def test_a_stage_has_a_layer(pp: int, said: str | None) -> None:
    """As many stages as layers are allowed."""
    assert said == why(shape(), pp=pp)


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ({"tp": 8, "gpus_per_node": 8}, None),
        ({"tp": 16, "gpus_per_node": 0}, None),
        ({"tp": 4, "gpus_per_node": 8}, None),
        ({"tp": 2, "gpus_per_node": 1}, "tp=2 is more than the 1 GPUs of a node"),
        ({"tp": 16, "gpus_per_node": 8}, "2 nodes are tp=8 with pp=2"),
        ({"tp": 16, "pp": 2, "gpus_per_node": 8}, "4 nodes are tp=8 with pp=4"),
        ({"tp": 16, "gpus_per_node": 12}, "2 nodes are tp=12 with pp=2"),
    ],
)
def test_tensor_parallelism_stays_within_a_node_that_is_named(layout: dict[str, int], said: str | None) -> None:
    """A whole node is within it; the way over nodes is told. Without a named node nothing is known of it."""
    found = why(shape(layer(kv_heads=16)), **layout)
    assert found is None if said is None else said in str(found)


@pytest.mark.parametrize(
    ("model", "layout", "said"),
    [
        (moe(experts=8), {"tp": 8, "ep": 8}, None),
        (moe(experts=4), {"tp": 8, "ep": 8}, "ep=8 is more than the 4 experts"),
        (moe(experts=7), {"tp": 8, "ep": 8}, "ep=8 is more than the 7 experts"),
        (moe(experts=1), {"tp": 2, "ep": 2}, "ep=2 is more than the 1 experts"),
        (moe(experts=1), {"tp": 1, "ep": 1}, None),
        (shape(), {"tp": 2, "ep": 2}, "ep=2 needs experts: m is dense"),
        (shape(), {"tp": 2, "ep": 1}, None),
    ],
)
def test_expert_parallelism_is_over_no_more_gpus_than_experts(model: ModelShape, layout: dict[str, int], said: str | None) -> None:
    """One expert on each is allowed; a GPU without an expert, or a model without any, is not."""
    assert said == why(model, **layout)


@pytest.mark.parametrize(
    ("group", "tp", "said"),
    [
        ({"heads": 32, "kv_heads": 8}, 8, None),
        ({"heads": 32, "kv_heads": 8}, 16, None),
        ({"heads": 32, "kv_heads": 8}, 4, None),
        ({"heads": 32, "kv_heads": 8}, 3, "32 query heads do not divide by tp=3"),
        ({"heads": 40, "kv_heads": 8}, 5, "8 KV heads and tp=5: neither divides the other (40 query heads do, but the KV heads decide)"),
        ({"heads": 6, "kv_heads": 3}, 2, "3 KV heads and tp=2: neither divides the other (6 query heads do, but the KV heads decide)"),
        ({"heads": 48, "kv_heads": 6}, 4, "6 KV heads and tp=4: neither divides the other (48 query heads do, but the KV heads decide)"),
        ({"heads": 48, "kv_heads": 6, "attn": "cross"}, 4, "6 KV heads and tp=4: neither divides the other (48 query"),
        ({"heads": 48, "kv_heads": 6, "attn": "mla"}, 4, None),
        ({"heads": 32, "kv_heads": 6, "attn": "mla"}, 3, "32 query heads do not divide by tp=3"),
        ({"heads": 33, "kv_heads": 7, "attn": "mamba2"}, 4, None),
        ({"heads": 33, "kv_heads": 7, "attn": "none"}, 4, None),
    ],
)
@pytest.mark.parametrize("first", [(), (layer(attn="mamba2", heads=33),)])
def test_heads_divide_over_the_gpus(group: dict[str, Any], tp: int, said: str | None, first: tuple[LayerGroup, ...]) -> None:
    """Query heads always; KV heads divide or are copied; latent attention has one for all. Layers without heads say nothing, but do not
    end the look at those behind them."""
    found = why(shape(*first, layer(**{**group, "intermediate": 8192 * 3 * 5}), vocab=128_000 * 3), tp=tp)
    assert found is None if said is None else said in str(found)


def test_attention_that_runs_data_parallel_is_not_cut() -> None:
    """Its heads need not divide; the experts are."""
    model = moe(layer(ffn="moe", heads=33, kv_heads=7), vocab=100, vision_heads=15)
    assert "33 query heads" in str(why(model, tp=4))
    assert why(model, tp=4, attention_dp=True) is None


@pytest.mark.parametrize(
    ("model", "layout", "said"),
    [
        (shape(layer(intermediate=8192)), {"tp": 8}, None),
        (shape(layer(intermediate=8190)), {"tp": 8}, "FFN width 8190 does not divide by tp=8"),
        (shape(layer(), layer(intermediate=8190)), {"tp": 8}, "FFN width 8190 does not divide by tp=8"),
        (shape(layer(ffn="none", intermediate=8190)), {"tp": 8}, None),
        (moe(expert_width=1024), {"tp": 8}, None),
        (moe(expert_width=1020), {"tp": 8}, "expert width 1020 does not divide by tp=8"),
        (moe(expert_width=1020), {"tp": 8, "ep": 8}, None),
        (moe(expert_width=1020), {"tp": 8, "attention_dp": True}, None),
        (shape(expert_width=1020), {"tp": 8}, None),
        (moe(layer(ffn="moe", intermediate=8190)), {"tp": 8}, None),
    ],
)
def test_widths_divide_over_the_gpus(model: ModelShape, layout: dict[str, Any], said: str | None) -> None:
    """Of dense layers, and of experts unless each GPU holds whole ones."""
    assert said == why(model, **layout)


@pytest.mark.parametrize(("heads", "said"), [(0, None), (16, None), (15, "15 vision heads do not divide by tp=4")])
def test_heads_of_the_tower_divide(heads: int, said: str | None) -> None:
    """Where there is one."""
    assert said == why(shape(vision_heads=heads), tp=4)


@pytest.mark.parametrize(
    ("vocab", "tp", "said"),
    [
        (128_256, 3, None),
        (64, 64, None),
        (65, 64, None),
        (1, 64, None),
        (128_000, 5, None),
        (128_064, 5, "the vocabulary, padded to 128064, does not divide by tp=5"),
        (128_001, 5, "the vocabulary, padded to 128064, does not divide by tp=5"),
        (128, 64, None),
    ],
)
def test_the_vocabulary_is_padded_to_a_multiple_of_64(vocab: int, tp: int, said: str | None) -> None:
    """Before it is divided."""
    assert said == why(shape(layer(heads=tp, kv_heads=1, intermediate=tp), vocab=vocab), tp=tp)


def quantised(format_: str, *, own: bool = False, ffn: float = 4.0, experts: float = 4.0) -> Bits:
    return Bits(format_, 4.0, ffn, experts, own=own, compute=format_)


def stored(**changes: Any) -> OwnQuantization:
    return OwnQuantization(**{"scheme": "x", "bits": {}, "group": 128, "method": "m", **changes})


AWQ = quantised("int4-awq")
EXPERTS = "int4-awq groups of 128: expert width {width} / tp={tp} is not a multiple; use ep={tp}"
DENSE = "int4-awq groups of 128: FFN width {width} / tp={tp} is not a multiple"


@pytest.mark.parametrize(
    ("model", "bits", "layout", "said"),
    [
        (moe(expert_width=1024), AWQ, {"tp": 8}, None),
        (moe(expert_width=768), AWQ, {"tp": 8}, EXPERTS.format(width=768, tp=8)),
        (moe(expert_width=768), AWQ, {"tp": 8, "ep": 8}, None),
        (moe(expert_width=768), AWQ, {"tp": 8, "attention_dp": True}, None),
        (moe(expert_width=768), BF16, {"tp": 8}, None),
        (moe(expert_width=768), quantised("int4-awq", experts=16.0), {"tp": 8}, None),
        (moe(expert_width=768), quantised("int4-awq", experts=15.9), {"tp": 8}, EXPERTS.format(width=768, tp=8)),
        (shape(layer(intermediate=1024)), AWQ, {"tp": 8}, None),
        (shape(layer(intermediate=768)), AWQ, {"tp": 8}, DENSE.format(width=768, tp=8)),
        (shape(layer(), layer(intermediate=768)), AWQ, {"tp": 8}, DENSE.format(width=768, tp=8)),
        (shape(layer(ffn="none", intermediate=768)), AWQ, {"tp": 8}, None),
        (shape(layer(intermediate=768)), quantised("int4-awq", ffn=16.0), {"tp": 8}, None),
        (shape(layer(intermediate=768)), quantised("int4-awq", ffn=15.9), {"tp": 8}, DENSE.format(width=768, tp=8)),
        (shape(layer(intermediate=768)), AWQ, {"tp": 8, "attention_dp": True}, None),
        (shape(layer(intermediate=768), expert_width=768), AWQ, {"tp": 2}, None),
        (shape(expert_width=768), AWQ, {"tp": 8}, None),
    ],
)
def test_groups_of_a_quantised_matrix_are_not_cut(model: ModelShape, bits: Bits, layout: dict[str, Any], said: str | None) -> None:
    """Of what is quantised: each GPU's part is a multiple of the group. An engine that pads takes all of them."""
    assert said == why(model, bits, **layout)
    assert why(model, bits, engine=Engine(blocks=False), **layout) is None


@pytest.mark.parametrize(
    ("own", "bits", "group"),
    [
        (None, quantised("int4-awq"), 128),
        (None, quantised("int4-gptq"), 128),
        (None, quantised("nvfp4"), 16),
        (None, quantised("fp8"), None),
        (None, quantised("int4-bnb"), None),
        (stored(group=64), quantised("int4-awq", own=True), 64),
        (stored(group=64), quantised("int4-awq", own=False), 128),
        (stored(group=0), quantised("int4-awq", own=True), None),
        (stored(group=32), quantised("mxfp4", own=True), None),
        (stored(group=64), quantised("int4-bnb", own=True), None),
        (stored(group=64, block=True), quantised("fp8", own=True), 64),
        (stored(group=64, block=False), quantised("fp8", own=True), None),
        (stored(group=64, block=False), quantised("int8", own=True), 64),
    ],
)
def test_a_group_is_the_checkpoints_own_or_that_of_its_format(own: OwnQuantization | None, bits: Bits, group: int | None) -> None:
    """A row that shares one scale, and what kernels pad, can be cut anywhere."""
    narrow = shape(layer(intermediate=8 * 8), quantization=own)
    wide = shape(layer(intermediate=8 * (group or 8)), quantization=own)
    assert why(wide, bits, tp=8) is None
    assert (group is None or group == 8) is (why(narrow, bits, tp=8) is None)
    if group:
        half = shape(layer(intermediate=8 * group // 2), quantization=own)
        assert f"{bits.format} groups of {group}: FFN width" in str(why(half, bits, tp=8))


CUTS = {"one": {"methods": ["other"], "from": "0.1", "least": 8}, "two": {"methods": ["m", "awq", "gptq"], "from": "1.2", "least": 32}}


@pytest.mark.parametrize(
    ("own", "bits", "version", "width", "starts"),
    [
        (stored(), quantised("fp4", own=True), (1, 2, 0), 768, True),  # 96: scales of 32
        (stored(), quantised("fp4", own=True), (1, 1, 9), 768, False),
        (stored(), quantised("fp4", own=True), (1, 3, 0), 768, True),
        (stored(), quantised("fp4", own=True), (1, 2, 0), 896, False),  # 112: 16 is below the 32 that kernels take
        (stored(method="third"), quantised("fp4", own=True), (1, 2, 0), 768, False),
        (stored(method="other"), quantised("fp4", own=True), (1, 2, 0), 896, True),
        (None, quantised("int4-awq"), (1, 2, 0), 768, True),
        (None, quantised("int4-gptq"), (1, 2, 0), 768, True),
        (None, quantised("int4-awq"), (1, 2, 0), 896, False),
        (stored(method="third"), quantised("int4-awq"), (1, 2, 0), 768, True),
        (None, quantised("nvfp4"), (1, 2, 0), 8 * 24, False),
    ],
)
def test_experts_are_cut_by_a_method_from_its_version_to_its_least_group(
    own: OwnQuantization | None, bits: Bits, version: tuple[int, int, int], width: int, starts: bool
) -> None:
    """The finer group divides the width on a GPU, the old group and the hidden width."""
    engine = Engine(cuts=CUTS)
    engine.version = version
    found = why(moe(expert_width=width, quantization=own), bits, engine=engine, tp=8)
    assert starts is (found is None)
    assert why(moe(expert_width=width, quantization=own), bits, tp=8) is not None, "without the rule of the engine it is refused"


def test_a_finer_group_divides_the_hidden_width_too() -> None:
    """Scales lie along both."""
    engine = Engine(cuts=CUTS)
    assert why(moe(expert_width=768, hidden=4096 + 16, quantization=stored()), quantised("fp4", own=True), engine=engine, tp=8) is not None


def found(model: ModelShape, **more: Any) -> list[tuple[int, int, int]]:
    return [(one.tp, one.pp, one.ep) for one in legal(model, BF16, engine=ANY, **more)]


def test_a_node_is_filled_with_powers_of_two() -> None:
    """The fewest GPUs first, then the fewest stages, then without expert parallelism."""
    assert [(1, 1, 1), (2, 1, 1), (1, 2, 1), (4, 1, 1), (2, 2, 1), (1, 4, 1)] == found(shape(), gpus_per_node=4)
    assert [(1, 1, 1), (2, 1, 1), (1, 2, 1)] == found(shape(), gpus_per_node=3)
    assert [(1, 1, 1)] == found(shape(), gpus_per_node=1)
    assert [] == found(shape(), gpus_per_node=0)


def test_experts_are_cut_whole_or_over_all_gpus() -> None:
    """Only with several GPUs: one holds all experts anyway."""
    assert [(1, 1, 1), (2, 1, 1), (2, 1, 2), (1, 2, 1)] == found(moe(), gpus_per_node=2)


def test_nodes_are_added_as_stages_of_whole_nodes() -> None:
    """Two to `max_nodes` of them, each with all its GPUs."""
    one = found(shape(), gpus_per_node=2)
    assert one == found(shape(), gpus_per_node=2, max_nodes=1)
    assert [*one, (2, 2, 1)] == found(shape(), gpus_per_node=2, max_nodes=2)
    assert [*one, (2, 2, 1), (2, 3, 1), (2, 4, 1)] == found(shape(), gpus_per_node=2, max_nodes=4)
    assert (2, 5, 1) not in found(shape(), gpus_per_node=2, max_nodes=5), "four layers are four stages at most"


def test_what_is_refused_is_not_legal() -> None:
    """Three heads leave one GPU, or stages."""
    assert [(1, 1, 1), (1, 2, 1)] == found(shape(layer(heads=3, kv_heads=3)), gpus_per_node=2)
