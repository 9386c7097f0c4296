"""Continuous batching on one replica: which requests each engine step runs, how long it takes, and what memory it needs.

A step gives every decoding request one token and fills the rest of the token budget with prefill; admission is first come, first
served by KV blocks; where KV runs out the request that was admitted last is taken back and computed anew. Decode steps
between two events are alike but for the context, which grows by one: they are added up at once (`jump`).
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_right
from collections import deque
from typing import NamedTuple

from sizing.simulation.kv_blocks import Blocks
from sizing.simulation.prefix_cache import Kept
from sizing.simulation.sequence import Policy, Sequence
from sizing.speed.linear_step import IterationCost

FINISH, SPAN = 0, 1


class BatchSample(NamedTuple):
    """The replica from `begin_s` to `end_s`."""

    begin_s: float
    end_s: float
    waiting: int
    running: int
    kv_share: float


class BatchingEngine:
    """One replica. `end_s` is when the piece in hand (a step or several alike) ends; infinite while it has nothing to do."""

    def __init__(self, policy: Policy, cost: IterationCost, *, blocks: Blocks, jump: bool = True) -> None:
        self.policy, self.cost, self.blocks, self.jump = policy, cost, blocks, jump
        self.end_s = math.inf
        self.waiting: deque[Sequence] = deque()
        self.running: dict[Sequence, None] = {}
        self.samples: list[BatchSample] = []
        self.request_seconds = 0.0
        self.steps = 0
        self._events: list[tuple[int, int, int, Sequence, int]] = []
        self._decoding = 0
        self._context = 0
        self._begin_s, self._first_s, self._slope_s, self._alike = 0.0, 0.0, 0.0, 0
        self._chunks: list[tuple[Sequence, int]] = []
        self._partial: dict[Sequence, None] = {}
        self._gap_steps: list[int] = []
        self._gap_s: list[float] = []
        self._counted_s = 0.0
        self._kept = Kept()

    @property
    def in_flight(self) -> int:
        return len(self.waiting) + len(self.running)

    def refuses(self, s: Sequence) -> str:
        """Return why this request can never run here; empty when it can."""
        length = s.prompt + s.output
        if length > self.policy.max_model_len:
            return f"longer than max_model_len {self.policy.max_model_len}"
        return "more KV than the replica has" if self.blocks.need(length) > self.blocks.capacity else ""

    def submit(self, s: Sequence, now_s: float) -> None:
        """Queue a request, which the scheduler sees at the begin of the next step."""
        self._count(now_s)
        s.entered_s = now_s
        alone = not self.waiting
        self.waiting.append(s)
        if self.end_s == math.inf:
            self.end_s = now_s  # it begins once all that come at this moment are there
        elif alone and self._alike > 1 and self._could_enter(s):
            self._cut(now_s)

    def advance(self) -> list[Sequence]:
        """End the current piece and begin the next; return the requests that finished."""
        now_s, alike = self.end_s, self._alike
        self._count(now_s)
        if not alike:
            self._begin(now_s)
            return []
        self._take(self.blocks.growth_of(self.steps + 2, alike - 1))
        self.samples.append(
            BatchSample(self._begin_s, now_s, len(self.waiting), len(self.running), self.blocks.used / self.blocks.capacity)
        )
        self.steps += alike
        self._context += alike * self._decoding
        self._keep_longest(max(self._first_s, self._first_s + self._slope_s * (alike - 1)))
        done = self._due(now_s)
        for s, size in self._chunks:
            self._computed(s, size, now_s=now_s, done=done)
        self._begin(now_s)
        return done

    def _begin(self, now_s: float) -> None:
        """Plan the next piece; its steps differ in the context alone."""
        preempted = self._make_room()
        self._take(self.blocks.growth(self.steps + 1))
        self._chunks = self._prefills(now_s, admits=not preempted)
        self._begin_s = now_s
        if not self._decoding and not self._chunks:
            self.end_s, self._alike = math.inf, 0
            return
        if self._chunks:
            self._first_s, self._slope_s, self._alike = self._mixed_s(), 0.0, 1
        else:
            self._plan_decode()
        self.end_s = now_s + self._lasts(self._alike)

    def _plan_decode(self) -> None:
        context = self._context / self._decoding
        line = self.cost.line(self._decoding, context)
        self._first_s, self._slope_s = line.base_s + line.slope_s * context, line.slope_s
        self._alike = 1
        if self.jump and not (self.waiting and self._could_enter(self.waiting[0])):
            until = min(self._next_event() - self.steps, line.upto - context + 1, 1e9)
            self._alike = 1 + self.blocks.steps_that_fit(self.steps + 2, max(int(until), 1) - 1)

    def _mixed_s(self) -> float:
        """Requests whose prefill ends in this step get a token too; a step in which none does costs that of one sequence."""
        ending = [s.to_compute for s, size in self._chunks if s.computed + size == s.to_compute]
        batch = self._decoding + len(ending)
        context = (self._context + sum(ending)) / batch if batch else float(self._chunks[0][0].to_compute)
        line = self.cost.line(max(batch, 1), context)
        # What is in the prefix cache is no part of the prompt's cost; the closed form shortens the prompt by it.
        chunks = ((s.computed - s.cached, s.computed - s.cached + size) for s, size in self._chunks)
        return self.cost.mixed_s(line.base_s + line.slope_s * context, chunks, max(batch, 1))

    def _take(self, size: int) -> None:
        self.blocks.take(size)
        self._kept.taken(size)

    def _lasts(self, steps: int) -> float:
        return steps * self._first_s + self._slope_s * (steps * (steps - 1) / 2)

    def _cut(self, now_s: float) -> None:
        """Shorten the piece so that a request that can enter does so at the next step's end."""
        passed, low, high = now_s - self._begin_s, 1, self._alike
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._lasts(middle) >= passed else (middle + 1, high)
        self._alike = low
        self.end_s = self._begin_s + self._lasts(low)

    def _could_enter(self, s: Sequence) -> bool:
        return len(self.running) < self.policy.max_sequences and self.blocks.used + self._at_admission(s) <= self.blocks.capacity

    def _at_admission(self, s: Sequence) -> int:
        return self.blocks.need(s.prompt + s.output - 1 if self.policy.reserves else s.to_compute)

    def _prefills(self, now_s: float, *, admits: bool) -> list[tuple[Sequence, int]]:
        """Chunks of prompts already begun, then new ones while tokens, seats and blocks last."""
        budget = self.policy.step_tokens - self._decoding
        chunks = []
        for s in self._partial:
            size = min(s.to_compute - s.computed, budget)
            if size:
                chunks.append((s, size))
            budget -= size
        while admits and self.waiting and budget > 0 and self._could_enter(self.waiting[0]):
            s = self.waiting[0]
            size = min(s.to_compute - self._begins_at(s), budget)
            if not self._takes(s, size):
                break
            self._admit(self.waiting.popleft(), now_s)
            chunks.append((s, size))
            budget -= size
        return chunks

    def _begins_at(self, s: Sequence) -> int:
        """Tokens that the prefix cache holds; the last one is always computed."""
        return max(s.cached, min(self.blocks.tokens_in(self._kept.left(s)), s.to_compute - 1))

    def _takes(self, s: Sequence, size: int) -> bool:
        """Return whether a prompt of which `size` tokens fit may begin. An engine that does not chunk prompts still chunks those longer
        than a step."""
        whole = size == s.to_compute - s.cached
        return whole or self.policy.chunked or s.to_compute - s.cached > self.policy.step_tokens - self._decoding

    def _admit(self, s: Sequence, now_s: float) -> None:
        if s.admitted_s < 0:
            s.admitted_s = now_s
        s.computed, s.held = self._begins_at(s), self._at_admission(s)
        self.blocks.take(s.held)
        self._kept.claimed(s, s.held)
        self.running[s] = self._partial[s] = None

    def _computed(self, s: Sequence, size: int, *, now_s: float, done: list[Sequence]) -> None:
        s.computed += size
        if s.computed < s.to_compute:
            return
        del self._partial[s]
        if s.first_s < 0:
            s.first_s = now_s
        else:
            s.longest_gap_s = max(s.longest_gap_s, now_s - s.last_s)
        s.made += 1
        s.last_s = now_s
        if s.made == s.output:
            done.append(self._finished(s, now_s))
        else:
            self._join(s)

    def _join(self, s: Sequence) -> None:
        """Let the sequence decode from the next step on. It holds one token less than it has made and been given."""
        tokens = s.prompt + s.made - 1
        s.joined = self.steps
        self._decoding += 1
        self._context += tokens + 1
        heapq.heappush(self._events, (self.steps + s.output - s.made, s.number, FINISH, s, s.joined))
        if self.policy.reserves:
            return
        span = self.blocks.steps_until_span_is_full(tokens)
        s.phase, s.with_span = self.blocks.phase(self.steps, tokens), span is not None
        self.blocks.begin_growth(s.phase, with_span=s.with_span)
        if span is not None:
            heapq.heappush(self._events, (self.steps + span, s.number, SPAN, s, s.joined))

    def _leave(self, s: Sequence) -> None:
        """Take the sequence out of the decoding batch, and give its memory back."""
        tokens = s.prompt + s.made - 1 + self.steps - s.joined
        self._decoding -= 1
        self._context -= tokens + 1
        s.longest_gap_s = max(s.longest_gap_s, self._longest_since(s.joined))
        s.made += self.steps - s.joined
        s.last_s = self._counted_s
        if not self.policy.reserves:
            self.blocks.end_growth(s.phase, with_span=s.with_span)
            s.held = self.blocks.need(tokens)
        s.joined = -1

    def _finished(self, s: Sequence, now_s: float) -> Sequence:
        self.blocks.give(s.held)
        self._kept.given(s.held)
        s.finished_s, s.held = now_s, 0
        del self.running[s]
        return s

    def _make_room(self) -> bool:
        """Takes back the requests admitted last until the step's growth fits; they go to the queue's head."""
        preempted = False
        while self.blocks.used + self.blocks.growth(self.steps + 1) > self.blocks.capacity:
            s, _ = self.running.popitem()
            computed = s.computed
            if s.joined >= 0:
                self._leave(s)
                computed = s.prompt + s.made - 1
            self._partial.pop(s, None)
            self._give_back(s, self.blocks.need(computed) if computed else 0)
            s.held, s.computed, s.preemptions = 0, 0, s.preemptions + 1
            self.waiting.appendleft(s)
            preempted = True
        return preempted

    def _give_back(self, s: Sequence, computed: int) -> None:
        if self.policy.kept:
            self._kept.taken_back(s, computed, besides=s.held - computed, free=self.blocks.capacity - self.blocks.used)
        self.blocks.give(s.held)

    def _due(self, now_s: float) -> list[Sequence]:
        done = []
        while self._events and self._events[0][0] <= self.steps:
            _, _, kind, s, joined = heapq.heappop(self._events)
            if s.joined != joined:
                continue
            if kind == SPAN:
                s.with_span = False
                self.blocks.span_full(s.phase)
            else:
                self._leave(s)
                done.append(self._finished(s, now_s))
        return done

    def _next_event(self) -> int:
        """Return the step at whose end a request finishes or fills its span."""
        while self._events[0][3].joined != self._events[0][4]:
            heapq.heappop(self._events)
        return self._events[0][0]

    def _keep_longest(self, seconds: float) -> None:
        while self._gap_s and self._gap_s[-1] <= seconds:
            self._gap_s.pop()
            self._gap_steps.pop()
        self._gap_s.append(seconds)
        self._gap_steps.append(self.steps)

    def _longest_since(self, step: int) -> float:
        at = bisect_right(self._gap_steps, step)
        return self._gap_s[at] if at < len(self._gap_s) else 0.0

    def _count(self, now_s: float) -> None:
        """Requests in the engine x seconds, for Little's law."""
        self.request_seconds += self.in_flight * (now_s - self._counted_s)
        self._counted_s = now_s
