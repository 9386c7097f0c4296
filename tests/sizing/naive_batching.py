"""One replica simulated token by token, with nothing remembered between steps: what the simulator's jumps are held against.

Written from the rules alone: every step recounts the memory of every sequence and asks the replica itself for the step's cost.
"""

from __future__ import annotations

from dataclasses import dataclass

from sizing.simulation.sequence import Ask
from sizing.speed.replica import Replica


@dataclass
class Naive:
    number: int
    ask: Ask
    made: int = 0
    computed: int = 0
    target: int = 0
    first_s: float = -1.0
    finished_s: float = -1.0
    preemptions: int = 0
    token_s: tuple[float, ...] = ()

    @property
    def decoding(self) -> bool:
        return self.made > 0 and self.computed >= self.target


class Free:
    """All memory that nobody holds, in the order in which it was given back, with who held it where that can be found again."""

    def __init__(self, r: Replica) -> None:
        self.pieces: list[tuple[Naive | None, int]] = [(None, _capacity(r))]

    def give(self, one: Naive | None, size: int) -> None:
        self.pieces.append((one, size))

    def take(self, size: int) -> None:
        while size > 0 and self.pieces:
            one, first = self.pieces.pop(0)
            if first > size:
                self.pieces.insert(0, (one, first - size))
            size -= first

    def left(self, one: Naive) -> int:
        return sum(size for who, size in self.pieces if who is one)

    def take_of(self, one: Naive, size: int) -> None:
        again = self.left(one)
        self.pieces = [piece for piece in self.pieces if piece[0] is not one]
        self.take(size - again)


def run(r: Replica, asks: list[Ask], *, reserves: bool) -> list[Naive]:
    free = Free(r)
    todo = [Naive(number, ask) for number, ask in enumerate(asks)]
    everyone, waiting, running, now = list(todo), [], [], 0.0
    while todo or waiting or running:
        if not waiting and not running:
            now = max(now, todo[0].ask.sent_s)
        while todo and todo[0].ask.sent_s <= now:
            waiting.append(todo.pop(0))
        now = _step(r, waiting, running, now, reserves, free)
    return everyone


def _step(r: Replica, waiting: list[Naive], running: list[Naive], now: float, reserves: bool, free: Free) -> float:
    preempted = _make_room(r, waiting, running, reserves, free)
    free.take(_used(r, running, reserves, growing=True) - _used(r, running, reserves, growing=False))
    decoding = [one for one in running if one.decoding]
    chunks, budget = [], r.settings.max_num_batched_tokens - len(decoding)
    for one in running:
        if not one.decoding:
            chunks.append((one, min(one.target - one.computed, budget)))
            budget -= chunks[-1][1]
    while not preempted and waiting and budget > 0 and len(running) < r.settings.max_num_seqs:
        one = waiting[0]
        tokens = one.ask.prompt + (one.ask.output - 1 if reserves else one.made)
        if _used(r, running, reserves, growing=True) + _bytes(r, tokens) > _capacity(r):
            break
        running.append(waiting.pop(0))
        one.target = one.ask.prompt + one.made
        one.computed = max(one.ask.cached, min(_tokens(r, free.left(one)), one.target - 1))
        free.take_of(one, _bytes(r, tokens))
        chunks.append((one, min(one.target - one.computed, budget)))
        budget -= chunks[-1][1]
    ending = [one for one, size in chunks if one.computed + size == one.target]
    contexts = [one.ask.prompt + one.made for one in decoding] + [one.target for one in ending]
    mean = sum(contexts) / len(contexts) if contexts else float(chunks[0][0].target)
    cost = r.decode_s(max(len(contexts), 1), mean)
    if chunks:
        cost -= r.hidden_s(sum(size for _, size in chunks), max(len(contexts), 1), per_step=0.0)
    for one, size in chunks:
        done = one.computed - one.ask.cached
        cost += r.efficiency.prefill_share * (r.prefill_s(done + size) - (r.prefill_s(done) if done else 0.0))
        one.computed += size
    now += cost
    for one in [*decoding, *ending]:
        one.made += 1
        one.token_s = (*one.token_s, now)
        one.first_s = now if one.first_s < 0 else one.first_s
        if one.made == one.ask.output:
            one.finished_s = now
            free.give(None, _bytes(r, _held(one, reserves, False)))
            running.remove(one)
    return now


def _make_room(r: Replica, waiting: list[Naive], running: list[Naive], reserves: bool, free: Free) -> bool:
    preempted = False
    while _used(r, running, reserves, growing=True) > _capacity(r):
        one = running.pop()
        computed = _bytes(r, one.ask.prompt + one.made - 1 if one.decoding else one.computed)
        free.give(None, _bytes(r, _held(one, reserves, False)) - computed)
        free.give(one, computed)
        one.computed, one.preemptions, preempted = 0, one.preemptions + 1, True
        waiting.insert(0, one)
    return preempted


def _used(r: Replica, running: list[Naive], reserves: bool, *, growing: bool) -> int:
    return sum(_bytes(r, _held(one, reserves, growing)) for one in running)


def _held(one: Naive, reserves: bool, growing: bool) -> int:
    """A decoding sequence needs room for its newest token in the coming step."""
    if reserves:
        return one.ask.prompt + one.ask.output - 1
    return one.ask.prompt + one.made - (0 if growing else 1) if one.decoding else one.target


def _bytes(r: Replica, tokens: int) -> int:
    kv, block = r.kv, r.kv.block_tokens
    blocks, span = -(-tokens // block), -(-kv.span_tokens // block) if kv.span_bytes else 0
    return blocks * round(kv.full_bytes * block) + min(blocks, span) * round(kv.span_bytes * block) + round(kv.state_bytes)


def _tokens(r: Replica, size: int) -> int:
    """Whole blocks of a prompt's begin."""
    kv, block = r.kv, r.kv.block_tokens
    return 0 if kv.state_bytes else size // (round(kv.full_bytes * block) + round(kv.span_bytes * block)) * block


def _capacity(r: Replica) -> int:
    return int(r.kv_bytes * r.features.attention_dp)
