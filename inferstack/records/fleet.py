"""Fleet: many models with their loads, the limits of the whole, and the instances that hold them all."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, ClassVar

from pydantic import Field, field_validator

from inferstack.records.engines import EngineName
from inferstack.records.files.keys import Keys
from inferstack.records.plan import PurchaseOption, Rejected
from inferstack.records.record import Part, Record
from inferstack.records.request import LOADS, REGION, REGION_FORM, Request


class FleetModel(Part):
    """One model of the fleet: a name of its own, and what a plan of it alone would be asked. Its load has to be said."""

    name: str = Field(min_length=1, max_length=100)
    request: Request

    @field_validator("request")
    @classmethod
    def _has_a_load(cls, request: Request) -> Request:
        if all(getattr(request, name) is None for name in LOADS):
            raise ValueError(f"no load is given; give one of {', '.join(LOADS)}")
        return request


class FleetRequest(Keys, Record):
    """`fleet.yaml`. Limits hold for the whole fleet; `quotas` are vCPUs by instance family (g6e, p5 ...)."""

    file_name: ClassVar[str] = "fleet.yaml"

    models: tuple[FleetModel, ...] = Field(min_length=1, max_length=1000)
    region: Annotated[str | None, REGION_FORM] = Field(None, pattern=REGION)
    instance_types: tuple[str, ...] | None = None
    max_usd_per_hour: float | None = Field(None, gt=0)
    quotas: dict[str, int] = Field(
        default_factory=dict, description="largest number of vCPUs per instance family; a family without an entry has no limit"
    )
    headroom: float | None = Field(None, gt=0, le=1)
    colocate: bool = Field(True, description="whether several models may share one GPU")
    seconds: float = Field(2.0, gt=0, le=600, description="time limit of the solver")

    @field_validator("models")
    @classmethod
    def _names_differ(cls, models: tuple[FleetModel, ...]) -> tuple[FleetModel, ...]:
        first: dict[str, int] = {}
        for number, one in enumerate(models):
            if first.setdefault(one.name, number) != number:
                raise ValueError(f"the name {one.name} is used twice, by entries {first[one.name]} and {number}; names must differ")
        return models


class Placement(Part):
    """One replica on one node. `gpus` are its GPUs by number; `share` is below 1 where others run on the same GPU."""

    name: str
    gpus: tuple[int, ...]
    share: float = Field(gt=0, le=1)
    tp: int = Field(ge=1)
    pp: int = Field(ge=1)
    gpu_memory_utilization: float | None = Field(gt=0, le=1, description="vLLM only; the other engines have no such setting")
    memory_gib: float = Field(gt=0, description="most memory that the process may use on each of its GPUs")
    environment: dict[str, str] = Field(description="environment of the process: its GPUs, and its share of the threads under MPS")
    utilisation: float = Field(ge=0, description="utilisation of the replica, on its share")


class FleetNode(Part):
    """One instance and what runs on each of its GPUs."""

    instance_type: str
    gpu: str
    gpu_count: int = Field(ge=1)
    usd_per_hour: float = Field(gt=0)
    placements: tuple[Placement, ...]


class Served(Part):
    """One model of the fleet as it is served; latencies are means, on a share with every neighbour busy. Each replica is a process of its
    own with these flags."""

    name: str
    model: str
    engine: EngineName
    engine_version: str
    engine_flags: dict[str, str | int | float | bool] = Field(description="option without dashes -> value; true is a bare flag")
    weight_quant: str
    weights: str = Field(description="the model whose file is loaded")
    instance_type: str
    replicas: int = Field(ge=1)
    share: float = Field(gt=0, le=1)
    ttft_ms: float
    itl_ms: float | None = Field(None, description="null where answers are of one token")
    alone_usd_per_hour: float = Field(description="cheapest plan for this model alone")


class Purchase(Part):
    """The instances of one type, and what all of them cost by the ways to buy them. The fleet is chosen by the price on demand."""

    instance_type: str
    count: int = Field(ge=1)
    options: tuple[PurchaseOption, ...]


class NotServed(Part):
    """A model that no instance type serves within its targets."""

    name: str
    model: str
    reason: str
    rejected: tuple[Rejected, ...]


class FleetPlan(Record):
    """`fleet-plan.json`. No fleet of the same columns costs less than `lower_bound_usd_per_hour`."""

    file_name: ClassVar[str] = "fleet-plan.json"

    created_at: datetime
    request: FleetRequest
    region: str
    nodes: tuple[FleetNode, ...]
    served: tuple[Served, ...]
    not_served: tuple[NotServed, ...]
    usd_per_hour: float = Field(ge=0)
    lower_bound_usd_per_hour: float = Field(ge=0)
    proven_gap: float = Field(ge=0)
    alone_usd_per_hour: float = Field(description="every model on its own cheapest instances")
    purchases: tuple[Purchase, ...]
    columns: int = Field(ge=0, description="number of ways to serve one model on one node type, from which the program chose")
    columns_s: float
    solve_s: float
    price_date: date | None
    assumptions: tuple[str, ...]
