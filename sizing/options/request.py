"""What a question asks beyond text on a plain replica: speculation, LoRA adapters, images. Read once, then put on every replica."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from inferstack.records.errors import InputError
from inferstack.records.files.facts import load
from inferstack.records.request import SPECIAL, Request, refuse_half_special_loads
from sizing.catalog import asked_model, find_model, in_the_facts
from sizing.engines.engine import EngineVersion
from sizing.engines.layouts import ReplicaLayout
from sizing.models.image_tokens import Images, images
from sizing.models.parameters import count
from sizing.models.shape import ModelShape
from sizing.options import lora
from sizing.options.lora import Adapters
from sizing.options.replica import with_adapters, with_images, with_speculation
from sizing.options.speculation import Speculation, speculation
from sizing.speed.replica import Replica

QUANTISED = re.compile(r"-(fp8|nvfp4|mxfp4|fp4|int8|int4|awq|gptq|w8a8|w4a16|quantized)\b.*", re.IGNORECASE)
Keys = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Special:
    """What a request asks for besides plain text, compared by value. `prompt_tokens` is the whole mean prompt, images included."""

    speculation: Speculation | None = None
    adapters: Adapters | None = None
    images: Images | None = None
    prompt_tokens: float = 1.0

    def on(self, r: Replica) -> Replica:
        """The replica that carries it; the plain one itself where nothing is asked."""
        return r if self is NONE else _carried(self, r)

    def takes(self, layout: ReplicaLayout) -> bool:
        """Whether the speculation runs over pipeline stages."""
        return layout.pp == 1 or self.speculation is None or self.speculation.method in _facts()["pipeline"]["methods"]

    def parts(self) -> tuple[str, ...]:
        named = {"speculation": self.speculation, "adapters": self.adapters, "images": self.images}
        return tuple(name for name, part in named.items() if part)


NONE = Special()


def of_request(request: Request, shape: ModelShape, engine: EngineVersion) -> Special:
    """Raises InputError for what the model or the engine cannot do."""
    if all(getattr(request, name) is None for name in SPECIAL):
        return NONE
    return _of({name: getattr(request, name) for name in SPECIAL}, shape, engine, isl=request.isl)


def of_question(question: Keys, shape: ModelShape, engine: EngineVersion) -> Special:
    """Read the special loads of the batch interface. Raises InputError as `of_request` does, and for half a question."""
    if SPECIAL.isdisjoint(question):
        return NONE
    given = {name: question.get(name) for name in SPECIAL}
    try:
        refuse_half_special_loads(given)
    except ValueError as error:
        raise InputError(str(error)) from None
    return _of(given, shape, engine, isl=question.get("isl") or 0.0)


def images_of(request: Request) -> Images | None:
    """What joins the prompt, whichever engine reads it. Raises InputError for a model without a vision tower."""
    if request.images_per_request is None:
        return None
    return images(asked_model(request), per_request=request.images_per_request, pixels=request.image_pixels, tokens=request.image_tokens)


def refused(asked: Keys | Request, shape: ModelShape, engine: EngineVersion) -> str | None:
    """Why the engine cannot do what is asked beyond text, or no longer has the model's class. Only keys are looked at, no figures."""
    get = asked.get if isinstance(asked, Mapping) else functools.partial(getattr, asked)
    facts, method = engine.facts["special"], get("speculative_method", None)
    wanted = {"speculation": method, "adapters": get("lora_slots", None), "images": get("images_per_request", None)}
    for part, value in wanted.items():
        if value is not None and part in facts["refuses"]:
            return f"{part}: {facts['refuses'][part]}"
    if method is not None and method not in facts["speculative_methods"]:
        return f"speculation: {engine.name} has no {method}"
    return engine.gave_up(shape.architecture)


def assumptions(special: Special, shape: ModelShape, engine: EngineVersion) -> Iterator[str]:
    """Yield the assumptions for a plan, a line each."""
    if special.speculation:
        yield from _of_speculation(special.speculation, shape, engine)
    if special.adapters:
        yield from _of_adapters(special.adapters, shape, engine)
    if special.images:
        yield from _of_images(special.images, shape)


def _of(given: Keys, shape: ModelShape, engine: EngineVersion, *, isl: float) -> Special:
    get = given.get
    seen = None
    if get("images_per_request") is not None:
        seen = images(shape, per_request=float(given["images_per_request"]), pixels=get("image_pixels"), tokens=get("image_tokens"))
    modules = tuple(given["lora_modules"]) if get("lora_modules") else None
    held = lora.adapters(shape, engine, slots=given["lora_slots"], rank=get("lora_rank"), modules=modules) if get("lora_slots") else None
    if get("lora_slots") == 0:
        raise InputError("lora_slots: must be at least 1, not 0")
    guessed = _speculation(given, shape) if get("speculative_method") is not None else None
    return Special(guessed, held, seen, prompt_tokens=max(isl + (seen.prompt_tokens if seen else 0.0), 1.0))


def _speculation(given: Keys, shape: ModelShape) -> Speculation:
    method, model = given["speculative_method"], given.get("speculative_model")
    found = speculation(method, tokens=given.get("speculative_tokens"), acceptance=given.get("acceptance_rate"), model=model)
    if method == "mtp" and not shape.mtp_layers:
        raise InputError(
            f"speculative_method: mtp needs multi-token-prediction layers, and {shape.id} has none in its config",
            hint="ngram needs no draft; eagle3 and draft need a draft model",
        )
    if method == "eagle3" and model is None:
        return dataclasses.replace(found, model=known_draft(shape))
    return _with_draft(found, shape) if method == "draft" and model else found


def known_draft(shape: ModelShape) -> str | None:
    """The EAGLE-3 head of the facts that was trained for this model, whatever its weight format."""
    name = QUANTISED.sub("", shape.id.split("/")[-1]).removeprefix("Meta-")
    found: dict[str, str] = _facts()["drafts"]["records"]
    return found.get(name)


def _with_draft(s: Speculation, shape: ModelShape) -> Speculation:
    """A draft of the facts weighs and takes what it is of the target. Raises InputError where the two do not share a vocabulary."""
    assert s.model is not None
    if not in_the_facts(s.model):
        return s
    draft = find_model(s.model)
    if draft.vocab != shape.vocab:
        raise InputError(
            f"speculative_model: {draft.id} has {draft.vocab} tokens in its vocabulary, but {shape.id} has {shape.vocab}; they must match"
        )
    share = count(draft).active / count(shape).active
    if share >= 1:
        raise InputError(f"speculative_model: {draft.id} is not smaller than {shape.id}")
    return dataclasses.replace(
        s, model=draft.id, draft_share=share, basis=f"{s.basis}; draft {draft.id}: {share:.1%} of the target's parameters and time"
    )


@functools.lru_cache(65536)
def _carried(special: Special, r: Replica) -> Replica:
    plain = r
    if special.images:
        r = with_images(r, special.images, prompt_tokens=special.prompt_tokens)
    if special.adapters:
        r = with_adapters(r, special.adapters)
    if special.speculation:
        r = with_speculation(r, special.speculation)
    if r is plain:
        return r
    widening = 1.0
    for part in special.parts():
        widening *= _facts()["band"][part]["value"]
    return dataclasses.replace(r, widening=widening, assumed="; ".join(_assumed(special)))


def _assumed(special: Special) -> Iterator[str]:
    if special.images:
        yield "the time of the vision encoder is an estimate by arithmetic"
    if special.adapters:
        yield special.adapters.basis
    if special.speculation:
        yield special.speculation.basis


def _of_speculation(s: Speculation, shape: ModelShape, engine: EngineVersion) -> Iterator[str]:
    yield f"{s.method}: {s.tokens} proposed per step, each accepted at {s.acceptance:.0%}, {s.tokens_a_step:.2f} tokens expected of a step"
    if s.method not in ("eagle3", "draft"):
        return
    if s.model is None:
        known = f"no EAGLE-3 head of {shape.id} is known" if s.method == "eagle3" else "no draft model is given"
        yield f"{known}: one is assumed, and the engine's flags leave speculation out; --speculative-model names it"
    else:
        yield f"the draft {s.model} is not fetched by up: put its files on the nodes and give their folder as --speculative-model"


def _of_adapters(a: Adapters, shape: ModelShape, engine: EngineVersion) -> Iterator[str]:
    rank = f"rank {a.rank}" if a.held_rank == a.rank else f"rank {a.rank}, stored as {a.held_rank}"
    yield f"{a.slots} adapters loaded at once, {rank}, on {', '.join(a.modules)}; {a.basis}"
    yield from engine.adapter_notes


def _of_images(seen: Images, shape: ModelShape) -> Iterator[str]:
    kept = f", and {seen.cross_tokens:,.0f} in the cross-attention layers" if seen.cross_tokens else ""
    yield f"images: {seen.per_request:g} per request, each {seen.tokens:,.0f} in the prompt{kept}; {seen.says}"
    if shape.vision_params:
        yield (
            f"vision encoder: 2 x {shape.vision_params / 1e6:,.0f} M parameters x {seen.patches:,.0f} patches per image (an estimate); "
            "decoding and scaling images on the CPU is not counted"
        )
    else:
        yield f"the size of the vision tower of {shape.id} is not known: neither its weights nor its time are counted"


def _facts() -> dict[str, Any]:
    facts: dict[str, Any] = load("sizing")["calibration"]["speculation"]
    return facts
