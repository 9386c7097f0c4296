"""llama.cpp's server: one buffer of tokens for all slots, layers that are pipelined and never cut, files in GGUF."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from sizing.catalog import GIB, Gpu
from sizing.engines.engine import EngineVersion
from sizing.engines.launch import Flags, Launch, LaunchSettings, SettingFlags
from sizing.memory.budget import Budget
from sizing.memory.kv_cost import KvCost
from sizing.memory.paged_layers import LayerKind
from sizing.models.shape import ModelShape
from sizing.models.weights import Shards

# llama.cpp pads the context up to a multiple of 256 (src/llama-context.cpp: GGML_PAD(cparams.n_ctx, 256)). A size
# between two multiples would be rounded up past what fits, so the plan rounds down.
BLOCK_TOKENS = 256


class LlamaCpp(EngineVersion):
    setting_flags = SettingFlags("ctx-size", "parallel", "batch-size", shared_length=True)
    cuts_matrices = False
    limits_its_memory = True  # by the size of its context
    adapter_notes = ("llama-server loads only adapters given at its start: pass each file with --lora",)
    simulation_notes = ("llama.cpp: simulated figures were never compared with measurements of this engine",)

    def flags(self, launch: Launch) -> Flags:
        """One unified KV buffer of as many tokens as all slots together may hold, within what fits. Named slots divide the buffer among
        themselves unless it is said to be one (tools/server/server.cpp)."""
        wanted = launch.settings.max_model_len * launch.settings.max_num_seqs
        made: Flags = {
            "alias": launch.model,
            "ctx-size": min(wanted, math.floor(launch.kv_tokens / BLOCK_TOKENS) * BLOCK_TOKENS),
            "parallel": launch.settings.max_num_seqs,
            "kv-unified": True,
            "batch-size": launch.settings.max_num_batched_tokens,
            # llama.cpp counts the output head as one layer more; without the + 1 it stays on the CPU.
            "gpu-layers": launch.layers + 1,
        }
        return made | self._speculation(launch)

    def _speculation(self, launch: Launch) -> Flags:
        if not launch.speculative_method:
            return {}
        made: Flags = {"spec-type": self.facts["special"]["speculative_methods"][launch.speculative_method]}
        if launch.speculative_method == "ngram":
            return made | {"spec-ngram-simple-size-m": launch.speculative_tokens}
        if launch.speculative_model:
            made["spec-draft-model"] = launch.speculative_model
        return made | {"spec-draft-n-max": launch.speculative_tokens}

    def kv_rule(self, cost: KvCost, layers: tuple[LayerKind, ...], *, batched_tokens: int, slots: int) -> KvCost:
        """Return the cost with windows of its own for each slot."""
        if not cost.span_bytes:
            return cost
        # A windowed layer holds window + micro batch of each slot, because --swa-full is off by default since about
        # May 2025 (tools/server/README.md).
        slots, batch = slots or self.default("max_num_seqs")[0]["serve"], self.default("ubatch")[0]["serve"]
        return replace(cost, in_flight=(slots - 1) * cost.span_tokens + batch)

    def budget_beside(self, weights_gib: float, shape: ModelShape, shards: Shards, *, gpu: Gpu, settings: LaunchSettings) -> Budget:
        """`--fit` leaves a margin on each device; the compute buffer is that of flash attention."""
        micro_batch: Any = self.default("ubatch")[0]["serve"]
        # Logits and one hidden state in 32 bit for each token of a micro batch: 258.5 MiB for Llama 3 8B, as logged
        # with contexts of 512 and 2,048. Without flash attention the buffer grows with the context (560 MiB at
        # 8,192); it is `auto` since about September 2025, so that case is left out.
        buffer = 4 * micro_batch * (shape.vocab + shape.hidden) / GIB
        other, margin = self.memory("context_gib"), self.memory("fit_margin_gib")
        usable = gpu.total_gib * settings.utilization - margin
        return Budget(gpu.total_gib, usable, weights_gib, buffer, 0.0, other, usable - weights_gib - buffer - other)


ENGINE = LlamaCpp
