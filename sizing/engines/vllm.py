"""vLLM: its memory by the profile run at its start, its pages of unlike layers, its checks and its options."""

from __future__ import annotations

import json
import math
from dataclasses import replace

from sizing.catalog import GIB, Gpu
from sizing.engines.engine import EngineVersion, Version, parsed, ranged
from sizing.engines.launch import Flags, Launch, LaunchSettings, SettingFlags
from sizing.engines.start_checks import state_pages
from sizing.memory.budget import ACTIVATION_BYTES, Budget, dense_forward_bytes
from sizing.memory.kv_cost import KvCost
from sizing.memory.paged_layers import LayerKind, paging
from sizing.models.quantisation.formats import Bits
from sizing.models.shape import ModelShape
from sizing.models.weights import ROPE_BYTES, Shards, rope_bytes

# 0.8.0 made V1 the default (vllm/envs.py; V0 was removed in 0.11). Two rules change with it: a request is admitted by
# its prompt alone, and the profile run sees one budget of images in place of one image per sequence.
V1_ENGINE: Version = (0, 8, 0)
# The T4 (7.5) has no bfloat16, in which most checkpoints are published. The option is written, not left to what each
# version does by itself.
BF16_SINCE = 8.0
# Lengths of the n-grams at the end of the text that are looked up in it. Assumed: vLLM asks for both bounds, and
# nothing that was measured says which are best.
LOOKUP_MIN, LOOKUP_MAX = 2, 4


class Vllm(EngineVersion):
    setting_flags = SettingFlags("max-model-len", "max-num-seqs", "max-num-batched-tokens", "gpu-memory-utilization")
    remote_code_flag = "trust-remote-code"
    checks_whole_length = True
    keeps_blocks_whole = True
    images_in_all_layers = True  # block tables of its V0 engine
    limits_its_memory = True  # by its fraction
    takes_share_of_total = True
    spares_share_nodes = True

    @property
    def admits_by_prompt(self) -> bool:
        """Say whether a request is admitted by its prompt alone: from 0.8 on."""
        return self.version >= V1_ENGINE

    def keeps_replicas_apart(self, shape: ModelShape) -> bool:
        """Return whether the model is dense. Experts are cut over all data-parallel ranks (`flatten_tp_across_dp_and_pcp` in
        FusedMoEParallelConfig, 0.33.0), which run in step: another layout than the one that was sized, with other weights on each GPU."""
        return not shape.is_moe

    def step_tokens(self, tokens: int, *, sequences: int, length: int) -> int:
        # vLLM cuts its own default to max_num_seqs x max_model_len (vllm/engine/arg_utils.py); a larger profile run
        # would be charged to short contexts otherwise.
        return min(tokens, sequences * length)

    def flags(self, launch: Launch) -> Flags:
        made: Flags = {"served-model-name": launch.model, "tensor-parallel-size": launch.tp}
        made |= self.setting_flags.of(launch.settings)
        if launch.pp > 1:
            made["pipeline-parallel-size"] = launch.pp
        if launch.ep > 1:
            made["enable-expert-parallel"] = True
        if launch.online_format:
            made["quantization"] = launch.online_format
        if launch.kv_quant != "auto":
            # The parser takes any text here and refuses it only at start (vllm/config/cache.py, 0.33.0). Its name for
            # 16 bit is bfloat16.
            made["kv-cache-dtype"] = {"bf16": "bfloat16"}.get(launch.kv_quant, launch.kv_quant)
        if launch.compute_capability < BF16_SINCE:
            made["dtype"] = "float16"
        if launch.replicas > 1:
            made["data-parallel-size"] = launch.replicas
        if launch.nodes > 1:
            made["nnodes"] = launch.nodes
        if launch.speculative_method:
            made["speculative-config"] = json.dumps(self._speculation(launch))
        return made | _adapters(launch)

    def _speculation(self, launch: Launch) -> dict[str, str | int]:
        """Return the JSON object whose method is one of the choices of --spec-method."""
        made: dict[str, str | int] = {"method": self.facts["special"]["speculative_methods"][launch.speculative_method]}
        if launch.speculative_model:
            made["model"] = launch.speculative_model
        made["num_speculative_tokens"] = launch.speculative_tokens
        if launch.speculative_method == "ngram":
            made |= {"prompt_lookup_min": LOOKUP_MIN, "prompt_lookup_max": LOOKUP_MAX}
        return made

    def kv_rule(self, cost: KvCost, layers: tuple[LayerKind, ...], *, batched_tokens: int, slots: int) -> KvCost:
        """Return the cost in pages where layers are unlike; tokens of the steps in flight are held beside a span."""
        # All three from vllm/v1/core/kv_cache_utils.py: the threshold rose from 1.25 to 1.5 in 0.18.0, and from
        # 0.26.0 asynchronous scheduling has two batches in flight. Two pages of a state since 0.24: 408 pages hold
        # 1.196 requests of 262,144 tokens in a log of August 2026; that it began with 0.24 is assumed.
        merge_below, pages_of_states = self.default("layer_kinds_merge_below"), self.default("state_pages")
        pages = paging(layers, block_tokens=cost.block_tokens, merge_below=merge_below, state_pages=pages_of_states)
        flight = batched_tokens * int(self.default("in_flight_batches")) if pages else 0
        return replace(cost, paging=pages, in_flight=flight, prints_concurrency=bool(self.default("tokens_printed_by_concurrency")))

    def padding(self, bits: Bits, gpu: Gpu) -> tuple[int, int]:
        """Return the multiples of MXFP4 experts, by the kernel that runs them."""
        if bits.compute != "mxfp4":
            return 1, 1
        # gpt-oss-20b takes 12.83 GiB by arithmetic, 13.47 as logged on H100 (hidden width 2,880 padded to 3,072) and
        # 13.72 on A100, where Marlin pads the experts to 2,944 too.
        rows = (one for one in self.memory("mxfp4_hidden_multiple") if gpu.compute_capability >= one["min_capability"])
        rule = next(one for one in rows if "before" not in one or self.version < parsed(one["before"]))
        return rule["hidden"], rule["expert"]

    def budget_beside(self, weights_gib: float, shape: ModelShape, shards: Shards, *, gpu: Gpu, settings: LaunchSettings) -> Budget:
        """KV = util x total - weights - profile run - non-torch - graphs; reproduces start-up logs to 0.2 % in the median."""
        # 0.20.0 moved the graphs into the budget and the default share from 0.90 to 0.92 (vllm/envs.py,
        # vllm/config/cache.py): about -0.5 and +1.6 GiB on a card of 79.2 GiB. Older versions capture graphs outside
        # their share.
        activation = self._profile_bytes(shape, shards, settings=settings) / GIB
        graphs = self._graphs_gib(shape, shards, gpu=gpu, settings=settings) if self.default("graphs_in_budget") else 0.0
        other = self._non_torch_gib(gpu, shards.gpus * shards.pp)
        usable = settings.utilization * gpu.total_gib
        rest = usable - weights_gib - activation - graphs - other
        return Budget(gpu.total_gib, usable, weights_gib, activation, graphs, other, rest)

    def beyond_share_gib(self, shape: ModelShape, shards: Shards, *, gpu: Gpu, settings: LaunchSettings) -> float:
        """Return CUDA graphs and the context, where this version counts neither within `gpu_memory_utilization`."""
        graphs = 0.0 if self.default("graphs_in_budget") else self._graphs_gib(shape, shards, gpu=gpu, settings=settings)
        return graphs + float(ranged(self.memory("uncounted_context_gib"), self.version)["value"])

    def start_refusal(self, kv: KvCost, budget: Budget, *, gpu: Gpu, settings: LaunchSettings) -> str | None:
        """Return why sequences with recurrent states find too few pages."""
        # 0.20.0 and later raise where max_num_reqs > num_blocks (vllm/config/compilation.py). 0.18 and 0.19 capture
        # smaller graphs instead. 0.11 to 0.17 assert in causal_conv1d.py, for the largest captured graph:
        # vllm-project/vllm#34094.
        pages, needed = state_pages(kv, budget), self._sequences_with_page(gpu, settings)
        if pages is None or needed <= pages:
            return None
        return (
            f"max_num_seqs {settings.max_num_seqs:,}: {needed:,} sequences are more than the {pages:,} pages of the cache, and each needs "
            f"one for its recurrent states: {self.name} {self.text} ends at its start; max_num_seqs of {pages:,} and less start"
        )

    def captured_sequences(self, gpu: Gpu, settings: LaunchSettings) -> tuple[int, int]:
        """Return the largest batch of a piecewise graph, and the largest batch of a full graph, which holds decoding sequences only."""
        # From 0.28.0 graphs go up to 1,024 on SM100 (vllm/config/vllm.py): Blackwell with NVLink. The RTX PRO cards
        # are Blackwell without it, and keep 512.
        row = ranged(self.memory("graph_sizes"), self.version)
        most = row.get("sm100", row["value"]) if gpu.generation == "Blackwell" and gpu.nvlink_bytes_per_s else row["value"]
        piecewise = min(2 * settings.max_num_seqs, int(most), settings.max_num_batched_tokens)
        return piecewise, min(settings.max_num_seqs, piecewise)

    def _sequences_with_page(self, gpu: Gpu, settings: LaunchSettings) -> int:
        """Return how many sequences want a page before the engine serves."""
        needed = {"none": 0, "captured": self.captured_sequences(gpu, settings)[1], "all": settings.max_num_seqs}
        return needed[self.default("states_needed")]

    def _profile_bytes(self, shape: ModelShape, shards: Shards, *, settings: LaunchSettings) -> float:
        """The peak of the profile run: the encoder; then, beside its outputs, a forward pass, the sampler, or a wide copy of the rope
        table."""
        # Over 38 start-up logs a fixed reserve of 2 GiB in place of this maximum errs by 38 % of the KV cache at the
        # 90th percentile, the forward pass alone by 21 %, this rule by 2.2 % (fitted 2026-11-21). At the defaults of
        # a large GPU the sampler decides: 1,024 sequences x 128,256 entries x 38.3 bytes = 4.7 GiB, against 0.9 GiB
        # of an 8B model at 8,192 tokens.
        forward = self._forward_bytes(shape, shards, tokens=settings.max_num_batched_tokens)
        # A profile run stopped at an allocation of 5.00 GiB: the 10,485,760 positions of Llama Guard 4 x 128 x 4
        # bytes. For short models this term never decides.
        rope = rope_bytes(shape) / ROPE_BYTES * self.memory("rope_copy_bytes")["value"]
        encoder, kept = self._vision_bytes(shape, settings=settings)
        return max(encoder, kept + max(forward, self._sampler_bytes(shape, settings), rope))

    def _vision_bytes(self, shape: ModelShape, *, settings: LaunchSettings) -> tuple[float, float]:
        """Peak of the vision encoder over the budget of the profile run, and its outputs."""
        if not shape.vision_params:
            return 0.0, 0.0
        rows = self.memory("vision_items")
        row = next(one for one in rows if shape.model_type in one.get("model_types", (shape.model_type,)))
        # V0 profiles one image for each sequence: 36.63 GiB for 128 sequences of Llama 3.2 11B (log of 0.6.6).
        if self.version < V1_ENGINE:
            return float(row.get("v0_bytes_a_sequence", 0) * settings.max_num_seqs), 0.0
        tokens = max(settings.max_num_batched_tokens, row["item_tokens"])
        kept = tokens * shape.hidden * ACTIVATION_BYTES
        return tokens * row["patches_a_token"] * self.memory("vision_bytes_a_patch")["value"] + kept, kept

    def _graphs_gib(self, shape: ModelShape, shards: Shards, *, gpu: Gpu, settings: LaunchSettings) -> float:
        """The engine's own estimate grows with layers x captured sizes: piecewise ones up to twice the sequences, whole ones up to them."""
        piecewise, whole = self.captured_sequences(gpu, settings)
        sizes = captured_sizes(piecewise) + captured_sizes(whole)
        # Median of nine logs of 0.10 to 0.28: 0.27 MiB for a layer and a size (0.16 to 0.38), in dense, MoE and
        # recurrent models alike. The floor of 0.36 GiB is a 0.20.0 log with one size of each kind.
        mib = self.memory("graph_mib_a_layer_and_size")["value"] * sizes * math.ceil(shape.num_layers / shards.pp)
        return float(max(mib / 1024, self.memory("graph_gib_at_least")["value"]))

    def _forward_bytes(self, shape: ModelShape, shards: Shards, *, tokens: int) -> float:
        copies = ranged(self.memory("forward_hidden_copies"), self.version)["value"]
        dense = dense_forward_bytes(shape, shards, tokens=tokens, copies=copies)
        if not shape.is_moe:
            return dense
        # Read from vllm/model_executor/layers/fused_moe (chunks of 32,768 tokens, 16,384 from 0.17) and not measured:
        # at the defaults of a server the sampler is larger.
        width, hidden = shape.expert_width / shards.gpus, shape.hidden
        chunk = min(tokens, ranged(self.memory("moe_chunk_tokens"), self.version)["value"])
        experts = chunk * shape.experts_per_token * (max(2 * width, hidden) + max(width, hidden)) * ACTIVATION_BYTES
        return float(max(dense, experts + tokens * ACTIVATION_BYTES * hidden))

    def _sampler_bytes(self, shape: ModelShape, settings: LaunchSettings) -> float:
        """The profile run samples for every sequence over the whole vocabulary, which tensor parallelism does not cut."""
        # 38.3 bytes an entry is a sort in torch, 14.1 the samplers of FlashInfer and Triton (from 0.17.0), both
        # fitted to logs of 2026-11-21: 3 GiB of KV on an H100. The 2 to 6 bytes of the second model runner (0.22 to
        # 0.32) are read from source; no log of these versions tests them.
        row = ranged(self.memory("sampler_bytes"), self.version)
        each = row.get("moe", row["value"]) if shape.is_moe else row["value"]
        tokens = settings.max_num_batched_tokens
        return float(each * min(settings.max_num_seqs, tokens) * shape.vocab + tokens * ACTIVATION_BYTES * shape.hidden)

    def _non_torch_gib(self, gpu: Gpu, gpus: int) -> float:
        # One GPU: 0.5 GiB in 0.8.0 to 0.9.0, where the CUDA context was counted, else 0.1; from 0.27.0 free memory
        # lost since the start counts, 0.30 to 0.56 in three logs. Several: NCCL's buffers. 2.3 GiB over NVLink is
        # fitted to two rows; logs print 1.39 (TP4) and 2.10 (TP8).
        if gpus == 1:
            return float(ranged(self.memory("non_torch_gib_one_gpu"), self.version)["value"])
        if not gpu.nvlink_bytes_per_s:
            return float(self.memory("non_torch_gib_pcie")["value"])
        return float(next(row["value"] for row in self.memory("non_torch_gib_nvlink") if gpus <= row.get("gpus_at_most", gpus)))


def captured_sizes(most: int) -> int:
    """Count the sizes up to `most`: 1, 2, 4, then every 8 to 256, then every 16."""
    # vLLM's own list since 0.11.1: 51 sizes up to 512. Before that it had 67 up to 512.
    return sum(size <= most for size in (1, 2, 4)) + min(most, 256) // 8 + max(most - 256, 0) // 16


def _adapters(launch: Launch) -> Flags:
    """Slots are set aside for every module that takes adapters, unless they are limited."""
    if not launch.lora_slots:
        return {}
    made: Flags = {"enable-lora": True, "max-loras": launch.lora_slots, "max-lora-rank": launch.lora_rank}
    return made | ({"lora-target-modules": " ".join(launch.lora_modules)} if launch.lora_modules else {})


ENGINE = Vllm
