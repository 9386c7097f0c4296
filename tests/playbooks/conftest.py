"""A plan and a cluster to configure, without the planner and without a cloud."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from inferstack.records.outputs import ClusterOutputs, Node
from inferstack.records.plan import Figure, Layout, ModelFacts, Plan, Prediction, Storage
from inferstack.records.request import Request

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MODEL = "meta-llama/Llama-3.3-70B-Instruct"


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def planned() -> Callable[..., Plan]:
    """A plan of one p5.48xlarge with vLLM at TP 8; fields can be replaced."""

    def made(**changes: Any) -> Plan:
        return Plan.model_validate({**_fields(), **changes})

    return made


@pytest.fixture
def built() -> Callable[..., ClusterOutputs]:
    """Outputs of a cluster with one node; fields can be replaced."""

    def made(**changes: Any) -> ClusterOutputs:
        return ClusterOutputs.model_validate({**_outputs(), **changes})

    return made


@pytest.fixture
def rehearsal() -> dict[str, Any]:
    return {
        "node_endpoint_url": "http://10.77.0.1:5000",
        "node_imds_url": "http://10.77.0.1:5001",
        "package_proxy_url": "http://10.77.0.1:3128",
        "artefacts_path": "/mnt/artefacts",
        "served_model": "inferstack/tiny-llama",
        "host_kind": "nspawn",
    }


def _fields() -> dict[str, Any]:
    one = Figure(value=1, low=0.8, high=1.2, band="of the test")
    figures = dict.fromkeys(("output_tokens_per_s", "requests_per_s", "ttft_ms", "itl_ms", "e2e_ms"), one)
    memory = dict.fromkeys(("weights_gib", "activation_gib", "cuda_graph_gib", "non_torch_gib", "kv_cache_gib", "max_concurrency"), 1.0)
    return {
        "created_at": NOW,
        "request": Request(model=MODEL, concurrency=4),
        "region": "us-east-1",
        "model": ModelFacts(
            id=MODEL,
            architecture="LlamaForCausalLM",
            params_total=70_000_000_000,
            params_active=70_000_000_000,
            weight_quant="fp8",
            checkpoint_bytes=70_000_000_000,
            max_position_embeddings=131072,
            source="the test",
        ),
        "engine": "vllm",
        "engine_version": "0.33.0",
        "engine_flags": {"tensor-parallel-size": 8, "max-model-len": 8192, "kv-cache-dtype": "fp8"},
        "kv_quant": "fp8",
        "instance_type": "p5.48xlarge",
        "instance_count": 1,
        "gpu": "H100-SXM-80",
        "gpus_per_instance": 8,
        "vcpus_per_instance": 192,
        "nvswitch": True,
        "layout": Layout(tp=8, pp=1, ep=1, dp=1),
        "nodes_per_replica": 1,
        "replicas_per_node": 1,
        "prediction": Prediction(**figures, **memory, kv_cache_tokens=1, bound="weights", saturated=False, basis="the test"),
        "storage": Storage(
            weights_medium="nvme", weights_gib=70, root_volume_gib=100, root_iops=3000, root_throughput_mib_s=125, load_s=one
        ),
        "usd_per_hour": 55.0,
        "usd_per_mtok": 1.0,
        "price_date": date(2026, 11, 1),
        "price_source": "the test",
        "binding_constraint": "none",
        "candidates": (),
        "rejected": (),
    }


def _outputs() -> dict[str, Any]:
    return {
        "created_at": NOW,
        "stack": "demo",
        "base_stack": "demo-base",
        "rehearsal": True,
        "region": "us-east-1",
        "account_id": "000000000000",
        "expires_at": NOW,
        "autoscaling_group_name": "inferstack-demo",
        "launch_template_id": "lt-1",
        "schedule_group_name": "inferstack-demo",
        "log_group_name": "/inferstack/demo",
        "node_role_name": "inferstack-demo-node",
        "security_group_id": "sg-1",
        "weights_bucket": "inferstack-demo-base-weights-000000000000-us-east-1",
        "kms_key_arn": "arn:aws:kms:us-east-1:000000000000:key/1",
        "api_key_secret_arn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:inferstack/demo/api-key",
        "endpoint_hostname": "demo.inferstack.internal",
        "egress": "nat",
        "ami_id": "ami-1",
        "nodes": (Node(instance_id="i-0a", private_ip="10.0.0.4", availability_zone="us-east-1a", instance_type="p5.48xlarge"),),
    }
