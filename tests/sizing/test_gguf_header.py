"""sizing.models.gguf.header and sizing.models.gguf.config: a GGUF file's shape and exact bytes, and refusals of what is cut off or
hostile."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferstack.records.errors import InputError
from inferstack.records.files.facts import load
from sizing.attention.gated_delta_net import DeltaNetWidths
from sizing.models.gguf import config, header
from sizing.models.hf_config import from_config
from sizing.models.parameters import count
from sizing.models.quantisation.formats import bits_of, own_format
from sizing.models.weights import checkpoint_bytes
from tests.sizing import gguf_files
from tests.sizing.gguf_files import LLAMA, Q4_K, Q6_K, tensors, written


def test_a_block_type_has_the_size_that_the_gguf_package_knows() -> None:
    """Weights and bytes of a block, for every type of the facts."""
    gguf = pytest.importorskip("gguf")
    for number, told in load("sizing")["architectures"]["gguf"]["types"].items():
        known = gguf.GGMLQuantizationType(int(number))
        assert (told["name"], told["weights"], told["bytes"]) == (known.name, *gguf.GGML_QUANT_SIZES[known])


@pytest.mark.parametrize("version", [2, 3])
def test_a_file_gives_its_shape_and_its_bytes(version: int, tmp_path: Path) -> None:
    """Layers, heads, vocabulary and context from the keys; parameters as the rule gives them; bytes as the file is."""
    path = written(tmp_path / "small.gguf", version=version)
    shape = from_config(config.config_of(path))
    assert (2, 512, 8, 2, 64, 1024, 1000, 4096) == (
        shape.num_layers, shape.hidden, shape.heads, shape.kv_heads, shape.head_dim, shape.intermediate, shape.vocab, shape.max_positions
    )  # fmt: skip
    assert ("LlamaForCausalLM", "a-small-llama", False, ()) == (shape.architecture, shape.id, shape.tied, shape.uncertain)
    bits = bits_of(shape, None)
    assert "gguf-q4_k_m" == own_format(shape) == bits.format
    assert path.stat().st_size == checkpoint_bytes(shape, bits)
    assert sum(tensor.weights for tensor in header.read(path).tensors) == count(shape).total


def test_the_bits_of_a_part_are_those_of_its_tensors(tmp_path: Path) -> None:
    """Attention: three Q4_K matrices and one Q6_K; weights before names."""
    shape = from_config(config.config_of(written(tmp_path / "small.gguf")))
    q4, q6 = 144 / 256 * 8, 210 / 256 * 8
    attention = (q4 * (512 * 512 * 2 + 512 * 128) + q6 * 512 * 128) / (512 * 512 * 2 + 512 * 128 * 2)
    assert attention == pytest.approx(bits_of(shape, None).attn, rel=1e-6)
    assert (2 * q4 + q6) / 3 == pytest.approx(bits_of(shape, None).ffn, rel=1e-6)


def test_a_tied_head_and_biases_are_read_from_the_tensors(tmp_path: Path) -> None:
    """A config says them in words, a GGUF file by what it holds."""
    listed = [one for one in tensors() if one[0] != "output.weight"] + [("blk.0.attn_q.bias", [512], gguf_files.F32)]
    shape = from_config(config.config_of(written(tmp_path / "tied.gguf", listed=listed)))
    assert (True, True) == (shape.tied, shape.attention_bias)


def test_experts_make_a_llama_a_mixtral(tmp_path: Path) -> None:
    """The architecture's name alone does not tell."""
    keys = {**LLAMA, "llama.expert_count": 4, "llama.expert_used_count": 2}
    listed = [one for one in tensors() if ".ffn_g" not in one[0] and ".ffn_u" not in one[0] and ".ffn_d" not in one[0]]
    for layer in range(2):
        listed += [(f"blk.{layer}.ffn_{name}_exps.weight", [512, 1024, 4], Q4_K) for name in ("gate", "up")]
        listed += [(f"blk.{layer}.ffn_down_exps.weight", [1024, 512, 4], Q6_K), (f"blk.{layer}.ffn_gate_inp.weight", [512, 4], 0)]
    shape = from_config(config.config_of(written(tmp_path / "moe.gguf", keys, listed)))
    assert ("MixtralForCausalLM", 4, 2, 1024, ()) == (
        shape.architecture, shape.experts, shape.experts_per_token, shape.expert_width, shape.uncertain
    )  # fmt: skip


def test_a_mix_that_the_facts_do_not_hold_is_said(tmp_path: Path) -> None:
    """IQ4_XS: its own bits, the embedding's table of the nearest mix, and a line in the plan."""
    shape = from_config(config.config_of(written(tmp_path / "iq.gguf", {**LLAMA, "general.file_type": 30})))
    assert any("the file is iq4_xs" in note for note in shape.uncertain)


def test_tensors_that_are_not_the_rules_are_said(tmp_path: Path) -> None:
    """A third layer that no key tells of."""
    shape = from_config(config.config_of(written(tmp_path / "more.gguf", listed=tensors(layers=3))))
    assert any("the rule of LlamaForCausalLM gives" in note for note in shape.uncertain)


def test_a_split_file_is_all_its_pieces(tmp_path: Path) -> None:
    """Bytes of both; a missing piece is named."""
    listed = tensors()
    first = written(tmp_path / "big-00001-of-00002.gguf", {**LLAMA, "split.count": 2}, listed[:8])
    with pytest.raises(InputError, match=r"one of its pieces is missing: big-00002-of-00002\.gguf"):
        config.config_of(first)
    second = written(tmp_path / "big-00002-of-00002.gguf", {"split.count": 2}, listed[8:])
    shape = from_config(config.config_of(first))
    assert (first.stat().st_size + second.stat().st_size, ()) == (shape.checkpoint_bytes, shape.uncertain)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({**LLAMA, "general.architecture": "parrot"}, "general.architecture 'parrot' is not known"),
        ({**LLAMA, "general.architecture": 7}, "general.architecture 7 is not known"),
        ({key: value for key, value in LLAMA.items() if "block_count" not in key}, "llama.block_count is missing"),
        ({**LLAMA, "llama.attention.head_count": [8, 4]}, "head_count: differs between layers"),
        ({**LLAMA, "llama.embedding_length": 2**32 - 1}, "hidden_size must be a whole number"),
        ({**LLAMA, "general.alignment": 0}, "general.alignment is 0"),
    ],
)
def test_keys_that_make_no_model_are_refused(keys: dict[str, Any], message: str, tmp_path: Path) -> None:
    """By name, in one line."""
    with pytest.raises(InputError, match=message):
        from_config(config.config_of(written(tmp_path / "wrong.gguf", keys)))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda whole: b"", "is cut off"),
        (lambda whole: b"GGML" + whole[4:], "not a GGUF file"),
        (lambda whole: whole[:4] + struct.pack("<I", 1) + whole[8:], "GGUF version 1 is not supported"),
        (lambda whole: whole[:4] + struct.pack(">I", 3) + whole[8:], "big-endian"),
        (lambda whole: whole[:8] + struct.pack("<Q", 2**63) + whole[16:], "tells of 9223372036854775808 tensors"),
        (lambda whole: whole[:16] + struct.pack("<Q", 2**40) + whole[24:], "tells of 1099511627776 keys"),
        (lambda whole: whole[:24] + struct.pack("<Q", 2**62) + whole[32:], "a string of 4611686018427387904 bytes"),
        (lambda whole: whole[:100], "is cut off inside its header"),
        (lambda whole: whole[:-1000], "is cut off: its header announces"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(damage: Any, message: str, tmp_path: Path) -> None:
    """Cut off, another version, or counts that no model has."""
    path = tmp_path / "damaged.gguf"
    path.write_bytes(damage(gguf_files.content(LLAMA, tensors())))
    with pytest.raises(InputError, match=message) as raised:
        header.read(path)
    assert "\n" not in raised.value.message


def test_a_hostile_header_takes_no_memory(tmp_path: Path) -> None:
    """A list that would have 20 million texts, in a file of a few bytes."""
    path = tmp_path / "hostile.gguf"
    name = b"a"
    path.write_bytes(b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + name + struct.pack("<IIQ", 9, 8, 20_000_000))
    tracemalloc.start()
    with pytest.raises(InputError, match="is cut off inside its header"):
        header.read(path)
    assert tracemalloc.get_traced_memory()[1] < 2 * 2**20
    tracemalloc.stop()


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, 700), value=st.binary(min_size=1, max_size=8))
def test_no_damage_ends_in_anything_but_a_refusal(tmp_path_factory: pytest.TempPathFactory, at: int, value: bytes) -> None:
    """Bytes overwritten anywhere in the header: a shape or an InputError."""
    whole = bytearray(gguf_files.content(LLAMA, tensors()))
    whole[at : at + len(value)] = value
    path = tmp_path_factory.getbasetemp() / "fuzzed.gguf"
    path.write_bytes(bytes(whole))
    try:
        from_config(config.config_of(path))
    except InputError as error:
        assert "\n" not in error.message


def renamed(architecture: str, **changes: Any) -> dict[str, Any]:
    """The keys of a small llama under another architecture; None takes one out."""
    keys = {name.replace("llama.", f"{architecture}.", 1): value for name, value in LLAMA.items()}
    keys |= {
        "general.architecture": architecture,
        **{f"{architecture}.{name.replace('__', '.')}": value for name, value in changes.items()},
    }
    return {name: value for name, value in keys.items() if value is not None}


@pytest.mark.parametrize("architecture", sorted(load("sizing")["architectures"]["gguf"]["architectures"]))
def test_every_architecture_of_the_facts_is_a_class_that_is_modelled(architecture: str, tmp_path: Path) -> None:
    """It gives a shape, or the key that is missing; never that the class is not known."""
    try:
        config.config_of(written(tmp_path / "m.gguf", renamed(architecture)))
    except InputError as error:
        assert "is not known: what its layers hold" not in error.message
        assert "missing" in error.message or "must be" in error.message


@pytest.mark.parametrize(
    "key",
    ["context_length", "block_count", "embedding_length", "attention__head_count", "feed_forward_length"],
)
def test_a_missing_key_is_named_as_the_header_has_it(key: str, tmp_path: Path) -> None:
    """Not by the name that a config.json would give it."""
    with pytest.raises(InputError, match=f"llama.{key.replace('__', '.')} is missing"):
        config.config_of(written(tmp_path / "m.gguf", renamed("llama", **{key: None})))


def test_a_gated_delta_net_is_read(tmp_path: Path) -> None:
    """Qwen3-Next: state, groups and time steps are widths and heads of keys and values."""
    keys = renamed(
        "qwen3next", block_count=4, full_attention_interval=4, expert_count=8, expert_used_count=2, expert_feed_forward_length=64,
        expert_shared_feed_forward_length=64, ssm__conv_kernel=4, ssm__state_size=32, ssm__group_count=4, ssm__time_step_rank=8,
        ssm__inner_size=256,
    )  # fmt: skip
    shape = from_config(config.config_of(written(tmp_path / "m.gguf", keys)))
    assert DeltaNetWidths(key_heads=4, key_dim=32, value_heads=8, value_dim=32, conv=4) == shape.layers[0].widths
    assert {"gated_deltanet": 3, "gqa": 1} == {one.attn: one.n for one in shape.layers}


def test_a_pattern_of_layers_is_read_from_the_tensors(tmp_path: Path) -> None:
    """NemotronH: state space, attention, dense and expert layers, each of one part only."""
    keys = renamed(
        "nemotron_h", block_count=3, attention__head_count_kv=[0, 2, 0], feed_forward_length=[0, 0, 1024], ssm__conv_kernel=4,
        ssm__state_size=32, ssm__group_count=2, ssm__time_step_rank=8, ssm__inner_size=512,
    )  # fmt: skip
    listed = [("token_embd.weight", [512, 1000], 12), ("output.weight", [512, 1000], 14), ("blk.0.ssm_in.weight", [512, 1160], 12),
              ("blk.1.attn_q.weight", [512, 512], 12), ("blk.2.ffn_up.weight", [512, 1024], 12)]  # fmt: skip
    shape = from_config(config.config_of(written(tmp_path / "m.gguf", keys, listed)))
    assert {("mamba2", "none"), ("none", "dense"), ("gqa", "none")} == {(one.attn, one.ffn) for one in shape.layers}
