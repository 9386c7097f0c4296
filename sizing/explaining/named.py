"""What a sentence was found to name: ids of the facts, amounts, and what nobody read."""

from __future__ import annotations

from dataclasses import dataclass, field

from sizing.catalog import find_model
from sizing.explaining.amounts import Amount
from sizing.models import licence


@dataclass(frozen=True, slots=True)
class Named:
    """Ids of the facts; `gpus` is the count before the GPU, else that of the instance type, else 1. `left` is what nobody read.

    `family` are the models of a family that a question about its licence names without a size; `counted` is False where the question is
    how many GPUs there must be.
    """

    model: str | None
    weight_quant: str | None
    gpu: str | None
    gpus: int
    instance_type: str | None
    tokens: int | None
    counted: bool = True
    region: str | None = None
    amounts: tuple[Amount, ...] = ()
    engines: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    family: tuple[str, ...] = ()
    left: tuple[str, ...] = field(default=())

    @property
    def users(self) -> int | None:
        """How many at once, as far as the sentence says it."""
        return next((round(one.value) for one in self.amounts if one.kind in ("users", "concurrency")), None)

    def says(self) -> str:
        counted = f"{self.gpus} x " if self.counted else "the fewest possible "
        parts = [
            self.model or (f"the family of {', '.join(self.family)}" if self.family else "no known model is named"),
            f"in {self.weight_quant}" if self.weight_quant else None,
            f"on {counted}{self.gpu}" if self.gpu else None,
        ]
        parts += [self.instance_type, self.region, f"{self.tokens:,} tokens" if self.tokens else None]
        parts += [f"for {self.users} users" if self.users else None]
        return ", ".join(part for part in parts if part)

    def sources(self) -> tuple[str, ...]:
        found = [find_model(self.model).source] if self.model else [licence.of_model(find_model(one)).source for one in self.family[:1]]
        return (*found, "facts about GPUs, instance types and prices; to plan for a load: inferstack plan")
