"""One inference engine at one version: what its file in this folder says of it, and what holds where the file says nothing else.

To add an engine, write `sizing/engines/<name>.py` with a subclass of `EngineVersion` and `sizing/facts/engines/<name>.yaml`.
"""

from __future__ import annotations

import functools
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from inferstack.records.errors import InputError
from sizing.catalog import GIB, Gpu
from sizing.engines.launch import Flags, Launch, LaunchSettings, SettingFlags
from sizing.memory.budget import Budget
from sizing.memory.kv_cost import KvCost
from sizing.memory.paged_layers import LayerKind
from sizing.models.quantisation.formats import Bits
from sizing.models.shape import ModelShape
from sizing.models.weights import Shards, per_gpu_bytes

Version = tuple[int, int, int]


@dataclass(frozen=True, eq=False, repr=False)
class EngineVersion(ABC):
    """One version of an engine, compared by identity: `engine_version` returns one object for each pair of name and version."""

    name: str
    text: str
    version: Version
    facts: dict[str, Any]

    setting_flags: ClassVar[SettingFlags | None] = None
    """The options that carry the settings; None for an engine that no plan starts."""
    remote_code_flag: ClassVar[str] = ""
    """The option that consents to code of the model's repository; empty where the engine runs none."""
    cuts_prompts: ClassVar[bool] = True
    """Whether a prompt that does not fit what is left of a step begins in it all the same; else it waits for the next one."""
    reserves_answers: ClassVar[bool] = False
    """Whether a request is admitted only when its prompt and its whole answer fit, so that none is ever taken back."""
    sequences_per_rank: ClassVar[bool] = False
    """Whether max_num_seqs is of each attention-parallel rank."""
    counts_by_length: ClassVar[bool] = True
    """Whether the capacity in tokens depends on the length of a request where layers keep spans or states."""
    checks_whole_length: ClassVar[bool] = False
    """Whether it ends at its start where one sequence of its own max_model_len does not fit, if no length is asked."""
    cuts_matrices: ClassVar[bool] = True
    """Whether a plan may use tensor parallelism."""
    keeps_blocks_whole: ClassVar[bool] = False
    """Whether blocks and groups of a quantised matrix must not be cut over GPUs."""
    images_in_all_layers: ClassVar[bool] = False
    """Whether blocks of all layers are taken for an image that only cross-attention layers keep."""
    limits_its_memory: ClassVar[bool] = False
    """Whether it keeps to a part of a GPU that others use too."""
    takes_share_of_total: ClassVar[bool] = False
    """Whether its memory fraction is one of the whole GPU."""
    spares_share_nodes: ClassVar[bool] = False
    """Whether replicas may share nodes although one of them is a spare for another."""
    adapter_notes: ClassVar[tuple[str, ...]] = ()
    """What a plan with LoRA adapters has to say of it."""
    simulation_notes: ClassVar[tuple[str, ...]] = ()
    """What a simulation has to say of it."""

    @abstractmethod
    def budget_beside(self, weights_gib: float, shape: ModelShape, shards: Shards, *, gpu: Gpu, settings: LaunchSettings) -> Budget:
        """Return how the engine divides a GPU's memory beside weights of `weights_gib`."""

    def flags(self, launch: Launch) -> Flags:
        """Return the options of one process; consent to remote code is added by the caller."""
        raise NotImplementedError(f"no plan starts {self.name}")

    def budget(self, shape: ModelShape, bits: Bits, shards: Shards, *, gpu: Gpu, settings: LaunchSettings) -> Budget:
        """Return the memory of the fullest GPU, part by part."""
        return _budget(self, shape, bits, shards, gpu, settings)

    def padding(self, bits: Bits, gpu: Gpu) -> tuple[int, int]:
        """Return the multiples to which kernels pad the hidden width and the width of an expert on one GPU."""
        return 1, 1

    def kv_rule(self, cost: KvCost, layers: tuple[LayerKind, ...], *, batched_tokens: int, slots: int) -> KvCost:
        """Return the cost with what the engine does otherwise than to hold each layer's tokens in blocks."""
        return cost

    def auto_kv_bytes(self, shape: ModelShape, bits: Bits, *, hopper: bool) -> float:
        """Return the bytes of an element of the KV cache by the engine's own choice."""
        # vLLM follows an FP8 cache that the checkpoint declares from 0.14.0 only (vllm/utils/torch_utils.py). The
        # same file then holds twice as many tokens as before.
        declared = shape.quantization.kv_cache if shape.quantization and bits.own else None
        return 1.0 if declared == "fp8" and self.default("kv_follows_checkpoint") else 2.0

    def step_tokens(self, tokens: int, *, sequences: int, length: int) -> int:
        """Return the tokens of a step that the engine's own default comes to."""
        return tokens

    def utilization(self, gpu: Gpu, *, offline: bool) -> float:
        """Return the share of the memory that it takes by itself; 1 where it has no such setting."""
        defaults = self.facts["defaults"]
        # Only TensorRT-LLM has an offline share: NVIDIA runs its maximum-throughput tables with 0.95, and the offline
        # constants were fitted to these. A server keeps the default of 0.90.
        if offline and "gpu_memory_utilization_offline" in defaults:
            return float(self.default("gpu_memory_utilization_offline"))
        return float(self.default("gpu_memory_utilization")) if "gpu_memory_utilization" in defaults else 1.0

    def start_refusal(self, kv: KvCost, budget: Budget, *, gpu: Gpu, settings: LaunchSettings) -> str | None:
        """Return the engine's own start-up check that does not hold although weights and KV cache fit, with its numbers."""
        return None

    def admitted(self, budget: Budget, settings: LaunchSettings) -> LaunchSettings:
        """Return the settings with no more requests at once than the memory lets in."""
        return settings

    def beyond_share_gib(self, shape: ModelShape, shards: Shards, *, gpu: Gpu, settings: LaunchSettings) -> float:
        """Return the memory that a process takes beside its own fraction of the GPU."""
        return 0.0

    def keeps_replicas_apart(self, shape: ModelShape) -> bool:
        """Return whether the data parallelism of one process gives replicas that know nothing of each other."""
        return False

    @property
    def admits_by_prompt(self) -> bool:
        """Whether a request is admitted as soon as its prompt fits. Where the answers then outgrow the cache, the request admitted last
        is preempted. The prefix cache is on by default."""
        return False

    @property
    def offline_attention_dp(self) -> bool:
        """Whether attention runs data-parallel where a model with experts is run for throughput."""
        return False

    @property
    def cuts_towers(self) -> bool:
        """Whether tensor parallelism is counted as cutting the vision tower."""
        return "towers_on_each_gpu" not in self.facts["memory"]

    def default(self, setting: str) -> Any:
        """Return the value of the setting at this version."""
        return ranged(self.facts["defaults"][setting], self.version)["value"]

    def tier(self, setting: str, gpu: Gpu, *, offline: bool) -> Any:
        """Return the default of a setting that depends on the GPU and on what the engine is started for."""
        return by_size(self.default(setting), gpu.total_gib, name=gpu.id)["offline" if offline else "serve"]

    def memory(self, name: str) -> Any:
        """Return a fact of its memory."""
        return self.facts["memory"][name]

    def saves_span(self, span: str) -> bool:
        """Return whether layers that look back over a span keep no more than it."""
        return bool(self.default("chunked_layers_save_kv" if span == "chunk" else "window_layers_save_kv"))

    def group(self, *, offline: bool) -> str:
        """Return the calibration group."""
        row = self._calibration()
        return str(row.get("offline", row["group"]) if offline else row["group"])

    @property
    def stratum(self) -> str:
        """The engine in the name of a stratum of residuals."""
        # vLLM before 0.8 has bands of its own: before its rewrite it errs in another way, above all under arrivals.
        return str(self._calibration().get("stratum", self.name))

    def _calibration(self) -> dict[str, Any]:
        rows: list[dict[str, Any]] = self.facts["calibration_groups"]
        return next(row for row in rows if row["before"] is None or self.version < parsed(row["before"]))

    def gave_up(self, architecture: str) -> str | None:
        """Return a reason where this version no longer has the model class."""
        # vLLM names the classes that it dropped in _PREVIOUSLY_SUPPORTED_MODELS (registry.py, read 2026-11-27). Llama
        # 3.2 Vision ends with 0.10.2: a newer version would pass every memory check and end at its start.
        last = self.facts.get("last_version_of_class", {}).get(architecture)
        if last is None or self.version <= parsed(last):
            return None
        return f"{self.name} {self.text} no longer has {architecture}; the last version with it is {last}"


@functools.cache
def parsed(text: str) -> Version:
    """`0.33.0rc1` -> (0, 33, 0). Raises InputError where there is no number."""
    numbers = [int(one) for one in re.findall(r"\d+", text)[:3]]
    if not numbers:
        raise InputError(f"engine_version: {text!r} contains no version number", hint="write it as the engine prints it: 0.33.0")
    numbers += [0] * (3 - len(numbers))
    return numbers[0], numbers[1], numbers[2]


def ranged(values: list[dict[str, Any]], version: Version) -> dict[str, Any]:
    """Return the entry whose range holds the version; before the first range the first, as the nearest that is known."""
    for value in values:
        if version >= parsed(value["from"]) and (value["before"] is None or version < parsed(value["before"])):
            return value
    return values[0]


def by_size(rows: list[dict[str, Any]], total_gib: float, name: str = "") -> dict[str, Any]:
    """Return the first row that a GPU of this size and name falls under, else the last."""
    for row in rows:
        # Size alone does not decide: vLLM 0.8.0 to 0.8.4 asks for H100 or H200 by name, and from 0.9.0 the A100 of 80
        # GB is taken out of the tier above 70 GiB (vllm/engine/arg_utils.py).
        named = "only" not in row or any(name.startswith(one) for one in row["only"])
        excepted = any(name.startswith(one) for one in row.get("except", ()))
        if total_gib >= row.get("min_gib", 0) and named and not excepted:
            return row
    return rows[-1]


@functools.lru_cache(65536)
def _budget(engine: EngineVersion, shape: ModelShape, bits: Bits, shards: Shards, gpu: Gpu, settings: LaunchSettings) -> Budget:
    hidden, expert = engine.padding(bits, gpu)
    weights = per_gpu_bytes(shape, bits, shards, hidden_multiple=hidden, expert_multiple=expert, tower_cut=engine.cuts_towers) / GIB
    return engine.budget_beside(weights, shape, shards, gpu=gpu, settings=settings)
