"""TensorRT-LLM: it reserves a request's whole answer before it begins (GUARANTEED_NO_EVICT), and takes a share of what is free."""

from __future__ import annotations

from sizing.catalog import GIB, Gpu
from sizing.engines.engine import EngineVersion, Version
from sizing.engines.launch import Flags, Launch, LaunchSettings, SettingFlags
from sizing.memory.budget import Budget, dense_forward_bytes
from sizing.models.quantisation.formats import Bits
from sizing.models.shape import ModelShape
from sizing.models.weights import Shards

# The offline constants of 1.x were fitted to NVIDIA's maximum-throughput tables (calibration group t10), whose models
# with experts run so. Predicted in another layout these rows would no longer be met.
ATTENTION_DP_SINCE: Version = (1, 0, 0)


class TensorrtLlm(EngineVersion):
    setting_flags = SettingFlags("max_seq_len", "max_batch_size", "max_num_tokens", "kv_cache_free_gpu_memory_fraction")
    remote_code_flag = "trust_remote_code"
    cuts_prompts = False
    # Reserving the whole request (GUARANTEED_NO_EVICT) also meets published throughput better than prompt + half of
    # the answer did (fit of 2026-11-21).
    reserves_answers = True
    sequences_per_rank = True
    # Windowed and chunked layers keep every token here. A cache that saves them was tried in the fit and gave no gain
    # (docs/accuracy.md, "What was tried and not kept").
    counts_by_length = False
    # limits_its_memory stays False: it takes a fraction of what is free when it starts, which is another amount with each neighbour.

    @property
    def offline_attention_dp(self) -> bool:
        """Say whether NVIDIA's own maximum-throughput tables are run with attention data parallelism: from 1.0 on."""
        return self.version >= ATTENTION_DP_SINCE

    def auto_kv_bytes(self, shape: ModelShape, bits: Bits, *, hopper: bool) -> float:
        # ModelOpt's FP8 and NVFP4 exports declare an FP8 cache, and TensorRT-LLM follows them (llmapi/llm_args.py).
        # FP8 keys of gpt-oss on Hopper were tried in the fit without gain (docs/accuracy.md), so MXFP4 keeps 16 bit
        # there.
        return 1.0 if bits.format in ("fp8", "nvfp4") or (bits.format == "mxfp4" and not hopper) else 2.0

    def flags(self, launch: Launch) -> Flags:
        made: Flags = {"tp_size": launch.tp, "pp_size": launch.pp}
        made |= self.setting_flags.of(launch.settings)
        if launch.ep > 1:
            made["ep_size"] = launch.ep
        return made

    def budget_beside(self, weights_gib: float, shape: ModelShape, shards: Shards, *, gpu: Gpu, settings: LaunchSettings) -> Budget:
        """KV is a share of what is free after weights and the profile run, whose buffers grow with max_num_tokens."""
        # 3.3 GiB is fitted to published maximum throughput, not read from start-up logs. The buffers exceed their
        # part of it only above about 8,192 tokens a step.
        reserve, share = self.memory("reserve_gib"), self.memory("activation_share")
        buffers = dense_forward_bytes(shape, shards, tokens=settings.max_num_batched_tokens, copies=self.memory("hidden_copies")) / GIB
        activation, other = max(reserve * share, buffers), reserve * (1 - share)
        free = gpu.total_gib - weights_gib - activation - other
        usable = gpu.total_gib - free * (1 - settings.utilization)
        return Budget(gpu.total_gib, usable, weights_gib, activation, 0.0, other, settings.utilization * free)


ENGINE = TensorrtLlm
