"""SGLang: a static fraction of the memory, a pool for recurrent states beside the KV cache, and a table of requests. No plan starts it."""

from __future__ import annotations

import math
from dataclasses import replace

from sizing.catalog import GIB, Gpu
from sizing.engines.engine import EngineVersion, by_size, parsed
from sizing.engines.launch import LaunchSettings
from sizing.memory.budget import Budget
from sizing.memory.kv_cache import states_bytes
from sizing.memory.kv_cost import KvCost
from sizing.memory.paged_layers import LayerKind
from sizing.models.shape import ModelShape
from sizing.models.weights import Shards


class Sglang(EngineVersion):
    keeps_blocks_whole = True

    def utilization(self, gpu: Gpu, *, offline: bool) -> float:
        return self.static_fraction(gpu.total_gib, gpus=1)

    def static_fraction(self, total_gib: float, *, gpus: int) -> float:
        """Return mem_fraction_static: (memory - reserve) / memory, the reserve by version and size of the GPU."""
        # Both rules are sglang/srt/server_args.py, as of 0.4.8 to 0.5.2 and as of 0.5.3. Up to 0.4.6 a table by the
        # number of GPUs stood there (0.88 on one, 0.81 on eight); it is not modelled, and 0.4.7 was not read.
        if self.version < parsed(self.memory("reserve_old_before")):
            row = next(one for one in self.memory("reserve_old") if total_gib < one.get("below_gib", float("inf")))
            reserve = row["base_gib"] + row["per_gpu_gib"] * gpus
        else:
            rule = self.memory("reserve_mib")
            chunk = by_size(self.default("max_num_batched_tokens"), total_gib)["serve"]
            graphs = by_size(self.default("graph_batch"), total_gib)["serve"]
            mib = rule["base"] + rule["per_chunk_token"] * chunk + rule["per_graph_batch"] * graphs + rule["per_gpu"] * gpus
            reserve = max(mib, rule["floor"] if total_gib > rule["floor_above_gib"] else 0) / 1024
        return float((total_gib - reserve) / total_gib)

    def budget_beside(self, weights_gib: float, shape: ModelShape, shards: Shards, *, gpu: Gpu, settings: LaunchSettings) -> Budget:
        """KV = static fraction x what is free before loading - what loading takes, to three digits in three logs of 0.4 and 0.5."""
        gpus = shards.gpus * shards.pp
        other = self._non_torch_gib(gpu, gpus)
        # Settings hold the fraction for one GPU. Where nobody changed it the engine's own rule decides, and that
        # keeps more back on more GPUs.
        default = self.static_fraction(gpu.total_gib, gpus=1)
        fraction = settings.utilization if settings.utilization != default else self.static_fraction(gpu.total_gib, gpus=gpus)
        free = max(gpu.total_gib - other, 0.0)
        reserve, loading = free * (1 - fraction), float(self.memory("loading_gib"))
        rest = free - reserve - weights_gib - loading
        # The engine keeps one reserve for activations and graphs together. The two halves below are for the
        # breakdown; only their sum is the engine's.
        states, each = self._states(shape, shards, rest_gib=rest, settings=settings)
        return Budget(
            gpu.total_gib, gpu.total_gib - reserve, weights_gib, reserve / 2, reserve / 2, other + loading, rest - states * each,
            states_gib=states * each, states=states,
        )  # fmt: skip

    def kv_rule(self, cost: KvCost, layers: tuple[LayerKind, ...], *, batched_tokens: int, slots: int) -> KvCost:
        """Return the cost with a pool for spans whatever their length, and one for states."""
        return replace(cost, span_pool=float(self.memory("span_pool")) if cost.span_bytes else 0.0, states_apart=cost.state_bytes > 0)

    def start_refusal(self, kv: KvCost, budget: Budget, *, gpu: Gpu, settings: LaunchSettings) -> str | None:
        return self._no_state(kv, budget) or self._table_too_large(kv, budget, settings=settings)

    def admitted(self, budget: Budget, settings: LaunchSettings) -> LaunchSettings:
        """Return the settings with no more requests at once than the pool of states lets in."""
        if not budget.states:
            return settings
        most = max(budget.states // int(self.default("state_pool")["per_request"]), 1)
        return replace(settings, max_num_seqs=min(settings.max_num_seqs, most))

    def _states(self, shape: ModelShape, shards: Shards, *, rest_gib: float, settings: LaunchSettings) -> tuple[int, float]:
        """How many recurrent states the pool beside the KV cache holds, and GiB of one."""
        each, rule = states_bytes(shape, shards) / GIB, self.default("state_pool")
        if not each:
            return 0, 0.0
        # 0.5.2 and 0.5.3: max_mamba_cache_size = max_running_requests, or 512 where that is not set
        # (model_runner.py). From 0.5.4 the pool gets 0.9 of what the tokens get (mamba_full_memory_ratio in
        # handle_max_mamba_cache), and a request takes three states.
        if "states" in rule:
            given = settings.max_num_seqs != self.default("max_num_seqs")[0]["serve"]
            return settings.max_num_seqs if given else int(rule["states"]), each
        return max(math.floor(rest_gib * rule["of_tokens"] / (1 + rule["of_tokens"]) / each), 0), each

    def _non_torch_gib(self, gpu: Gpu, gpus: int) -> float:
        # Over NVLink: solved for, not predicted. The logged pool of Qwen3-235B FP8 on four H100 (367,404 tokens) is
        # met when 1.9 GiB are gone before loading (n = 1); a little more is kept back. Over PCIe: two logs of 24 GB
        # cards.
        linked = gpus > 1 and gpu.nvlink_bytes_per_s
        return float(self.memory("non_torch_gib_nvlink" if linked else "non_torch_gib"))

    def _no_state(self, kv: KvCost, budget: Budget) -> str | None:
        if not kv.states_apart:
            return None
        needs = int(self.default("state_pool")["per_request"])
        if budget.states >= needs:
            return None
        return f"the pool of recurrent states holds {budget.states}, and a request takes {needs}: {self.name} {self.text} ends at its start"

    def _table_too_large(self, kv: KvCost, budget: Budget, *, settings: LaunchSettings) -> str | None:
        """Return why the table of requests does not fit: it has a row of every position for each request, in what the pools leave of the
        GPU."""
        # ReqToTokenPool is an int32 for each position of each request, at least 2,048 requests (0.4.8 to 0.5.23). At
        # the 10,485,760 positions of Llama 4 Scout that is 80 GiB, more than most GPUs have: the length must be
        # given.
        rule = self.memory("request_table")
        requests = settings.max_num_seqs
        if requests == self.default("max_num_seqs")[0]["serve"]:
            tokens = kv.tokens(budget.kv_gib * GIB, length=settings.max_model_len, windowed=True)
            requests = min(max(tokens * int(rule["over_length"]) // settings.max_model_len, int(rule["least"])), int(rule["most"]))
        table = requests * (settings.max_model_len + int(rule["extra_tokens"])) * int(rule["entry_bytes"]) / GIB
        left = budget.total_gib - budget.usable_gib
        if table <= left:
            return None
        return (
            f"the table of requests takes {table:.1f} GiB ({requests:,} requests x {settings.max_model_len:,} positions x "
            f"{rule['entry_bytes']} bytes), and {left:.1f} GiB a GPU are left beside weights and pools: lower max_model_len or max_num_seqs"
        )


ENGINE = Sglang
