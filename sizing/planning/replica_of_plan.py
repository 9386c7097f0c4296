"""From a plan back to the replica that it starts: its engine runs under the flags that the plan wrote."""

from __future__ import annotations

from inferstack.records.errors import InputError
from inferstack.records.plan import Plan
from sizing.catalog import Gpu, find_gpu, find_instance, find_model, overridden
from sizing.engines import table
from sizing.engines.engine import EngineVersion
from sizing.engines.launch import LaunchSettings
from sizing.engines.layouts import ReplicaLayout
from sizing.engines.versions import engine_version
from sizing.models.hf_config import from_config
from sizing.models.quantisation.formats import bits_of
from sizing.models.shape import ModelShape
from sizing.options.request import of_request
from sizing.planning.demand import planning
from sizing.speed.replica import Replica, replica


def replica_of(plan: Plan) -> Replica:
    """Raises InputError where the facts no longer know what the plan names."""
    asked, shape = plan.request, shape_of(plan)
    gpu, engine = _gpu(plan), engine_version(plan.engine, plan.engine_version)
    plain = replica(
        shape, gpu, bits_of(shape, asked.weight_quant or plan.model.weight_quant),
        layout=ReplicaLayout(tp=plan.layout.tp, pp=plan.layout.pp, ep=plan.layout.ep),
        engine=engine, settings=_settings(plan, engine), kv_quant=asked.kv_quant, offline=False,
        hop_bytes_per_s=gpu.link_bytes_per_s if plan.nodes_per_replica == 1 else find_instance(plan.instance_type).network_bytes_per_s,
        reserve_gib=planning("reserve_gib"),
    )  # fmt: skip
    return of_request(asked, shape, engine).on(plain)


def shape_of(plan: Plan) -> ModelShape:
    """Return the shape of the file that is loaded: the asked model's, or the re-quantisation of it that the plan took."""
    asked = plan.request
    shape = find_model(asked.model) if asked.model else from_config(asked.config or {})
    return shape if shape.id == plan.model.id else find_model(plan.model.id)


def _gpu(plan: Plan) -> Gpu:
    gpu = find_gpu(plan.gpu)
    return overridden(gpu, plan.request.gpu_override) if plan.request.gpu_override else gpu


def _settings(plan: Plan, engine: EngineVersion) -> LaunchSettings:
    flags = engine.setting_flags
    if flags is None:
        raise InputError(f"engine: no plan starts {plan.engine}; simulated: {', '.join(table.deployed())}")
    length, seqs, tokens, share = (plan.engine_flags.get(name, 1.0) for name in flags.names)
    length = min(int(length), plan.model.max_position_embeddings)
    return LaunchSettings(length, int(seqs), int(tokens), float(share))
