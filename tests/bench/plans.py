"""A plan and a measurement of it, for the judge: 2 x g6.12xlarge, 32 at a time, 1024 tokens in, 256 out."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from inferstack.records.load import Load
from inferstack.records.measurement import ClientLoad, Measurement, PromptLength, Quantiles, Workload
from inferstack.records.plan import Figure, Layout, ModelFacts, Plan, Prediction, Storage
from inferstack.records.request import Request
from inferstack.records.serving import Serving

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def figure(value: float, *, share: float = 0.2) -> Figure:
    return Figure(value=value, low=value * (1 - share), high=value * (1 + share), band="80 % of held-out errors")


def sent(**changes: Any) -> Workload:
    """The closed loop of the plan as it is measured; `changes` are of the load."""
    load = {"kind": "closed", "concurrency": 32, "num_requests": 256, "isl": 1024, "osl": 256} | changes
    return Workload(load=Load(**load), seed=1)


def plan(*, request: dict[str, Any] | None = None, requests_per_s: float = 4.0, load: Load | None = None) -> Plan:
    asked = Request.model_validate({"model": "m", "isl": 1024, "osl": 256, "concurrency": 32} | (request or {}))
    return Plan(
        created_at=NOW,
        request=asked,
        load=load or (None if asked.images_per_request is None else Load(kind="closed", concurrency=32, isl=1536, osl=256)),
        region="us-east-1",
        model=ModelFacts(
            id="m",
            architecture="LlamaForCausalLM",
            params_total=1,
            params_active=1,
            weight_quant="fp8",
            checkpoint_bytes=1,
            max_position_embeddings=8192,
            source="test",
        ),
        engine="vllm",
        engine_version="0.33.0",
        engine_flags={},
        kv_quant="auto",
        instance_type="g6.12xlarge",
        instance_count=2,
        gpu="L4",
        gpus_per_instance=4,
        vcpus_per_instance=48,
        nvswitch=False,
        layout=Layout(tp=4, pp=1, ep=1, dp=2),
        nodes_per_replica=1,
        replicas_per_node=1,
        prediction=prediction(requests_per_s),
        storage=Storage(
            weights_medium="gp3", weights_gib=70, root_volume_gib=200, root_iops=3000, root_throughput_mib_s=125, load_s=figure(60)
        ),
        usd_per_hour=9.2,
        usd_per_mtok=2.5,
        price_date=date(2026, 7, 20),
        price_source="test",
        binding_constraint="bandwidth",
        candidates=(),
        rejected=(),
    )


def prediction(requests_per_s: float) -> Prediction:
    return Prediction(
        output_tokens_per_s=figure(1000),
        requests_per_s=figure(requests_per_s),
        ttft_ms=figure(500),
        itl_ms=figure(30),
        e2e_ms=figure(8200),
        weights_gib=17,
        activation_gib=1,
        cuda_graph_gib=1,
        non_torch_gib=1,
        kv_cache_gib=2,
        kv_cache_tokens=10_000,
        max_concurrency=10,
        bound="bandwidth",
        saturated=False,
        basis="test",
    )


def same(value: float) -> Quantiles:
    return Quantiles(mean=value, min=value, p50=value, p90=value, p95=value, p99=value, max=value)


def measurement(**changes: Any) -> Measurement:
    """Exactly what the plan predicts, on the planned hardware, under the planned load."""
    known: dict[str, Any] = {
        "started_at": NOW,
        "stack": "demo",
        "rehearsal": False,
        "served_model": "m",
        "served_engine": "vllm",
        "instance_type": "g6.12xlarge",
        "instance_count": 2,
        "workload": sent(),
        "duration_s": 64.0,
        "completed": 256,
        "failed": 0,
        "prompt_tokens": 256 * 1024,
        "completion_tokens": 256 * 256,
        "output_tokens_per_s": 1000.0,
        "requests_per_s": 4.0,
        "ttft_ms": same(500),
        "itl_ms": same(30),
        "tpot_ms": same(30),
        "e2e_ms": same(8200),
        "content_chunks": 256 * 256,
        "cached_prompt_tokens": 0,
        "cached_by": "metrics",
        "prompt_length": PromptLength(words=1000, tokens_per_word=1.01, template_tokens=14),
        "client": ClientLoad(cpu_share=0.2, lag_ms=same(0.1), first_token_lag_ms=0.1),
        "serving": Serving.of_plan(plan()),
    }
    return Measurement(**known | changes)
