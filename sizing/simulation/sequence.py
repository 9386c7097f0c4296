"""A request on its way through a simulated engine, and the rules under which the engine takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sizing.speed.replica import Replica


class Ask(NamedTuple):
    """One request: when it is sent (ignored in a closed loop) and its tokens; `cached` of the prompt are in the prefix cache."""

    sent_s: float
    prompt: int
    output: int
    cached: int = 0


@dataclass(slots=True, eq=False)
class Sequence:
    """Tokens are whole numbers, times seconds since the first moment of the simulation; -1 is not yet.

    `startup_s` passes between the client and the scheduler and is part of TTFT; `computed` and `made` are prompt tokens
    (after a preemption: of prompt and answer) and answer tokens; `held` is bytes of KV.
    """

    number: int
    sent_s: float
    prompt: int
    output: int
    cached: int
    startup_s: float
    entered_s: float = -1.0
    admitted_s: float = -1.0
    first_s: float = -1.0
    last_s: float = -1.0
    finished_s: float = -1.0
    computed: int = 0
    made: int = 0
    held: int = 0
    joined: int = -1
    phase: int = 0
    with_span: bool = False
    preemptions: int = 0
    longest_gap_s: float = 0.0
    rejected: str = ""

    @property
    def ttft_s(self) -> float:
        return self.first_s - self.sent_s

    @property
    def e2e_s(self) -> float:
        return self.finished_s - self.sent_s

    @property
    def itl_s(self) -> float | None:
        return (self.finished_s - self.first_s) / (self.output - 1) if self.output > 1 else None

    @property
    def queue_s(self) -> float:
        """Return the time in the scheduler's queue before the first admission."""
        return self.admitted_s - self.entered_s

    @property
    def to_compute(self) -> int:
        """Tokens that a prefill runs over: the prompt, and after a preemption the answer so far."""
        return self.prompt + self.made


@dataclass(frozen=True, slots=True)
class Policy:
    """How the engine admits: `reserves` the whole request before it begins, or grows and preempts; `chunked` cuts prompts; what is `kept`
    in the prefix cache of a request that was taken back is not computed anew."""

    reserves: bool
    chunked: bool
    max_sequences: int
    step_tokens: int
    max_model_len: int
    kept: bool = False

    @property
    def says(self) -> str:
        how = (
            "reserves prompt and answer before admission (GUARANTEED_NO_EVICT)"
            if self.reserves
            else "grows block by block, with preemption"
        )
        return f"{how}; at most {self.max_sequences} requests and {self.step_tokens} tokens a step{', prompts in chunks' * self.chunked}"


def policy(r: Replica) -> Policy:
    """Return the policy by which the engine admits."""
    ranks = r.features.attention_dp
    sequences = r.settings.max_num_seqs * (ranks if r.engine.sequences_per_rank else 1)
    tokens = r.settings.max_num_batched_tokens * ranks
    return Policy(r.engine.reserves_answers, r.engine.cuts_prompts, sequences, tokens, r.settings.max_model_len, r.engine.admits_by_prompt)
