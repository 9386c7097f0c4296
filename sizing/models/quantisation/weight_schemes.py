"""Bits a weight by what a checkpoint says of its numbers: their type, how many share a scale, and whether they have zero points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inferstack.records.errors import InputError

# One 16-bit scale for a row of 4,096 weights. Rows differ from model to model; a row of 2,048 would make it 0.008, so
# no size depends on it by more than 0.1 %.
CHANNEL_SCALE_BITS = 0.004
SCALE_BITS, ZERO_POINT_SCALE_BITS = 16, 32
LARGEST_GROUP = 65536
KNOWN = "awq, gptq, auto-round, fp8, mxfp4, nvfp4, compressed-tensors, modelopt, quark, bitsandbytes and torchao"


@dataclass(frozen=True, slots=True)
class Scheme:
    """`format` is a weight format of the facts; `group`: weights of a row that share a scale, 0 for a whole row; `block`: both ways."""

    format: str
    bits: float
    group: int = 0
    block: bool = False

    @property
    def says(self) -> str:
        if not self.group:
            return self.format
        return f"{self.format}, block {self.group}x{self.group}" if self.block else f"{self.format}, group {self.group}"


WIDE = Scheme("bf16", 16.0)
FP8 = Scheme("fp8", 8 + CHANNEL_SCALE_BITS)
FP8_TENSOR = Scheme("fp8", 8.0)
INT8 = Scheme("int8", 8 + CHANNEL_SCALE_BITS)
# NVFP4: an FP8 scale for each 16 weights; the one 32-bit scale of a tensor counts nothing. MXFP4 and MXFP8: a power
# of two in 8 bits (E8M0) for each 32.
NVFP4 = Scheme("nvfp4", 4 + 8 / 16, 16)
MXFP4 = Scheme("mxfp4", 4 + 8 / 32, 32)
MXFP8 = Scheme("fp8", 8 + 8 / 32, 32)


def refused(what: str) -> InputError:
    return InputError(f"config.quantization_config: {what} is not known; known: {KNOWN}")


def fp8_block(size: Any) -> Scheme:
    """Read `weight_block_size`: rows and columns that share a scale of 32 bits. Raises InputError."""
    if not (isinstance(size, list | tuple) and len(size) == 2 and all(_whole(one) and 1 <= one <= LARGEST_GROUP for one in size)):
        raise refused(f"weight_block_size {size!r:.60}")
    # DeepSeek-V3's files keep `weight_scale_inv` in 32 bit, one for each block of 128 x 128.
    return Scheme("fp8", 8 + ZERO_POINT_SCALE_BITS / (size[0] * size[1]), int(size[1]), block=True)


def grouped_int(bits: Any, group: Any, *, format_: str, zero_points: bool = True, known: tuple[int, ...] = (2, 3, 4, 8)) -> Scheme:
    """Return integers with a 16-bit scale, and perhaps a zero point, for each group; a whole row's scale is negligible. Raises
    InputError."""
    if not _whole(bits) or bits not in known:
        raise refused(f"{format_} with bits {bits!r:.20}")
    if group is not None and (not _whole(group) or not -1 <= group <= LARGEST_GROUP):
        raise refused(f"{format_} with group_size {group!r:.20}")
    if group is None or group <= 0:
        return Scheme("int8", bits + CHANNEL_SCALE_BITS) if bits == 8 else Scheme(format_, bits + CHANNEL_SCALE_BITS)
    return Scheme(format_, bits + (SCALE_BITS + (bits if zero_points else 0)) / group, int(group))


def compressed(weights: Any) -> Scheme:
    """Read a `weights` entry of compressed-tensors. Raises InputError."""
    if weights is None:
        return WIDE
    if not isinstance(weights, Mapping):
        raise refused(f"compressed-tensors with weights {weights!r:.60}")
    type_, bits, group = weights.get("type", "int"), weights.get("num_bits", 8), weights.get("group_size")
    if type_ == "float":
        return _compressed_float(weights, bits, group)
    if type_ != "int" or not _whole(bits) or bits not in (4, 8):
        raise refused(f"compressed-tensors with weights of num_bits {bits!r:.20} and type {type_!r:.20}")
    zero = not weights.get("symmetric", True)
    return grouped_int(bits, group, format_="int4-gptq", zero_points=zero) if bits == 4 or group else INT8


def _compressed_float(weights: Mapping[str, Any], bits: Any, group: Any) -> Scheme:
    block = weights.get("block_structure")
    if bits == 4 and group in (16, 32):
        return NVFP4 if group == 16 else MXFP4
    if bits == 8 and weights.get("strategy") == "block":
        return fp8_block(block if block is not None else [128, 128])
    if bits == 8 and group in (None, -1, 32):
        return MXFP8 if group == 32 else FP8_TENSOR if weights.get("strategy") == "tensor" else FP8
    raise refused(f"compressed-tensors with weights of num_bits {bits!r:.20}, type float and group_size {group!r:.20}")


def modelopt(algo: Any, group: Any = None) -> Scheme:
    """Read a `quant_algo` as vLLM's table has it. Raises InputError."""
    known = {
        "FP8": FP8_TENSOR, "FP8_PER_CHANNEL_PER_TOKEN": FP8, "FP8_PB_WO": fp8_block([128, 128]), "FP8_BLOCK_SCALES": fp8_block([128, 128]),
        "NVFP4": NVFP4, "W4A16_NVFP4": NVFP4, "MXFP8": MXFP8, "NVFP4_AWQ": NVFP4,
    }  # fmt: skip
    name = str(algo).upper()
    if name in ("W4A16_AWQ", "W4A8_AWQ"):
        return grouped_int(4, group if group is not None else 128, format_="int4-awq", zero_points=False)
    if name not in known:
        raise refused(f"modelopt with quant_algo {algo!r:.60}")
    return known[name]


def quark(weight: Any) -> Scheme:
    """Read a `weight` entry; of a list the narrowest, which is what the file holds. Raises InputError."""
    if isinstance(weight, list) and weight:
        return min((quark(one) for one in weight), key=lambda one: one.bits)
    if not isinstance(weight, Mapping):
        return WIDE
    dtype, group, how = str(weight.get("dtype")), weight.get("group_size"), str(weight.get("qscheme"))
    if dtype == "mx":
        dtype = str(weight.get("mx_element_dtype"))
    if dtype in ("fp8_e4m3", "fp8_e5m2"):
        return MXFP8 if group == 32 else fp8_block([group, group]) if how == "per_group" else FP8_TENSOR if how == "per_tensor" else FP8
    if dtype in ("fp4", "fp4_e2m1"):
        return NVFP4 if group == 16 else MXFP4
    if dtype in ("int4", "uint4"):
        return grouped_int(4, group, format_="int4-gptq", zero_points=not weight.get("symmetric", True))
    if dtype in ("int8", "uint8"):
        return INT8
    raise refused(f"quark with weights of dtype {dtype!r:.40}")


def torchao(config: Any) -> Scheme | None:
    """Read a serialised config, or the older name of one; None leaves the module wide. Raises InputError."""
    if config is None:
        return None
    name = str(config.get("_type") if isinstance(config, Mapping) else config)
    data = config.get("_data") if isinstance(config, Mapping) else {}
    group = data.get("group_size", 128) if isinstance(data, Mapping) else 128
    plain = name.lower().replace("_", "").removesuffix("config")
    if plain in ("int4weightonly", "int4wo"):
        # Scale and zero point are both of 16 bits.
        if not _whole(group) or not 1 <= group <= LARGEST_GROUP:
            raise refused(f"torchao with group_size {group!r:.20}")
        return Scheme("int4-torchao", 4 + ZERO_POINT_SCALE_BITS / group, int(group))
    if plain in ("int8weightonly", "int8dynamicactivationint8weight", "int8dqint8weight"):
        return INT8
    if plain in ("float8weightonly", "float8dynamicactivationfloat8weight", "float8staticactivationfloat8weight"):
        return FP8
    raise refused(f"torchao with {name!r:.60}")


def bitsandbytes(config: Mapping[str, Any]) -> Scheme:
    """Return NF4 or FP4 with a scale for each 64 weights, itself in 8 bit where it is quantised a second time, or 8-bit integers with a
    scale for each row."""
    if config.get("load_in_8bit") or config.get("_load_in_8bit"):
        return INT8
    twice = bool(config.get("bnb_4bit_use_double_quant"))
    # Without the second quantisation 4.5 bits: a vLLM 0.17.1 log of Llama 3.1 8B shows 5.65 GiB. With it the scales
    # take 8 bits, and one of 32 stands for 256 of them.
    return Scheme("int4-bnb", 4 + (8 / 64 + 32 / (64 * 256) if twice else 32 / 64), 64)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
