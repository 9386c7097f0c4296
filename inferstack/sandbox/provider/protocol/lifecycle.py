"""Create, read, update and delete of one row of the table, with the meaning that Pulumi gives them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from inferstack.sandbox.provider.cloud import request_shapes
from inferstack.sandbox.provider.cloud.clients import Cloud, wait
from inferstack.sandbox.provider.cloud.guard import RehearsalRefused
from inferstack.sandbox.provider.cloud.refusals import is_gone, is_in_use, line
from inferstack.sandbox.provider.properties import schema
from inferstack.sandbox.provider.properties.values import given, plain, project, project_map, same
from inferstack.sandbox.provider.properties.wire import UNKNOWN, Secret
from inferstack.sandbox.provider.resources.resource_type import ResourceType, State

Tree = dict[str, Any]


class Unfinished(Exception):
    """It exists in AWS, but a later step failed: the engine records it, with what is known, and the next `up` goes on."""

    def __init__(self, id: str, outputs: Tree, reason: str) -> None:
        super().__init__(reason)
        self.id, self.outputs, self.reason = id, outputs, reason


def preview(kind: ResourceType, inputs: Mapping[str, Any]) -> Tree:
    """What a creation will answer: the inputs, and unknown for all that AWS decides."""
    arguments = schema.loaded()["resources"][kind.token]["inputs"]
    decided = {name for name in schema.outputs(kind.token) if name not in arguments or name in kind.filled}
    return {**dict.fromkeys(decided, UNKNOWN), **_shown(inputs)}


def create(kind: ResourceType, cloud: Cloud, inputs: Tree) -> tuple[str, Tree]:
    wanted = given(inputs)
    id = kind.create(cloud, wanted) if kind.create else _called(kind, cloud, wanted)
    try:
        kind.born(cloud, id)
        state = wait(lambda: _found(kind, cloud, id, wanted), until=bool, what=f"{kind.token} {id}", seconds=30)
        kind.converge(cloud, state or {}, wanted)
        return id, _outputs(kind, cloud, _found(kind, cloud, id, wanted) or {}, inputs)
    except Exception as error:
        raise Unfinished(id, _shown(inputs), line(error)) from error


def read(
    kind: ResourceType, cloud: Cloud, id: str, *, inputs: Tree, outputs: Tree, default_tags: Mapping[str, str]
) -> tuple[str, Tree, Tree] | None:
    """(id, inputs, outputs) as AWS has them now; None when it is gone. Without inputs it is an import."""
    state = _found(kind, cloud, id, given(inputs or outputs))
    if state is None:
        return None
    seen = _refreshed(kind, inputs, outputs, state) if inputs else _imported(kind, state)
    if kind.tagger:
        seen |= _seen_tags(inputs, state.get("tagsAll", {}), default_tags)
    seen = {name: value for name, value in seen.items() if value is not None}
    return str(state["id"]), seen, _outputs(kind, cloud, state, seen)


def update_preview(kind: ResourceType, *, old_inputs: Tree, outputs: Tree, news: Tree) -> Tree:
    dropped = {name for name in old_inputs if name not in news and name not in kind.filled}
    kept = {name: value for name, value in outputs.items() if name not in dropped}
    changed = any(not same(old_inputs.get(name), news.get(name)) for name in kind.mutable)
    return {**kept, **_shown(news), **(dict.fromkeys(kind.moving - news.keys(), UNKNOWN) if changed else {})}


def update(kind: ResourceType, cloud: Cloud, id: str, *, old_inputs: Tree, outputs: Tree, news: Tree) -> Tree:
    """Touches only what the program changed, as the real provider does: what drifted since the last refresh stays as it is (a group
    that was scaled by hand keeps its size). After an unfinished creation, whose outputs have no id yet, everything is brought in line.
    """
    wanted = given(news)
    state = _found(kind, cloud, id, wanted)
    if state is None:
        raise RehearsalRefused(f"{kind.token} {id} is gone: run pulumi refresh, then pulumi up to create it again")
    kept = {name for name in news if "id" in outputs and same(old_inputs.get(name), news[name])}
    if "tagsAll" not in kept:
        _converge_tags(kind, cloud, state, dict(wanted.get("tagsAll") or {}))
    kind.converge(cloud, {**state, **{name: wanted[name] for name in kept & state.keys()}}, wanted)
    return _outputs(kind, cloud, _found(kind, cloud, id, wanted) or {}, news)


def delete(kind: ResourceType, cloud: Cloud, id: str, inputs: Tree, *, seconds: float = 120.0) -> None:
    """Gone is done. What others still hold on to is tried again until the time is over."""
    end, pause = time.monotonic() + seconds, 0.1
    while True:
        try:
            kind.delete(cloud, id, given(inputs))
            return
        except Exception as error:
            if is_gone(error):
                return
            if not is_in_use(error) or time.monotonic() + pause > end:
                raise
        time.sleep(pause)
        pause = min(pause * 1.6, 5.0)


def _called(kind: ResourceType, cloud: Cloud, wanted: Any) -> str:
    params, problems = request_shapes.fit(kind.service, kind.operation, kind.request(wanted))
    if problems:
        raise RehearsalRefused("; ".join(f"{path}: {reason}" for path, reason in problems))
    return kind.identify(getattr(cloud.client(kind.service), kind.operation)(**params), wanted)


def _found(kind: ResourceType, cloud: Cloud, id: str, inputs: Any) -> State | None:
    try:
        return kind.read(cloud, id, inputs)
    except Exception as error:
        if is_gone(error):
            return None
        raise


def _outputs(kind: ResourceType, cloud: Cloud, state: State, inputs: Mapping[str, Any]) -> Tree:
    """Inputs are echoed, secrets included; all else is what AWS answered."""
    region = {"region": cloud.region} if "region" in schema.outputs(kind.token) else {}
    known = {name: value for name, value in state.items() if value is not None}
    return _guarded(kind, {**region, **known, **_shown(inputs)})


def _guarded(kind: ResourceType, tree: Tree) -> Tree:
    return {name: Secret(value) if name in kind.secret and not isinstance(value, Secret) else value for name, value in tree.items()}


def _shown(inputs: Mapping[str, Any]) -> Tree:
    return {name: value for name, value in inputs.items() if not name.startswith("__")}


def _refreshed(kind: ResourceType, inputs: Tree, outputs: Tree, state: State) -> Tree:
    """The inputs as AWS has them; and what the program never set, where it is no longer what it was."""
    seen = {name: project(value, state[name]) if name in state else value for name, value in inputs.items()}
    foreign = kind.mutable - inputs.keys() - kind.filled if outputs else frozenset()
    return seen | {name: state[name] for name in foreign if not same(state.get(name), outputs.get(name))}


def _imported(kind: ResourceType, state: State) -> Tree:
    arguments = kind.arguments - {"region", "tags", "tagsAll"}
    found = {name: state[name] for name in arguments if state.get(name) not in (None, "", [], {})}
    return {**kind.defaults, **_guarded(kind, found), "__defaults": []}


def _seen_tags(inputs: Tree, found: Mapping[str, str], default_tags: Mapping[str, str]) -> Tree:
    before = inputs.get("tags")
    own = plain(before) or {}
    tags = {key: value for key, value in found.items() if key in own or default_tags.get(key) != value}
    shown = project_map(before, tags) if tags or before is not None else None
    return {"tags": shown, "tagsAll": project_map(inputs.get("tagsAll"), found)}


def _converge_tags(kind: ResourceType, cloud: Cloud, state: State, wanted: Mapping[str, str]) -> None:
    if not kind.tagger:
        return
    has = state.get("tagsAll") or {}
    if gone := sorted(has.keys() - wanted.keys()):
        kind.tagger.drop(cloud, state, gone)
    if changed := {key: value for key, value in wanted.items() if has.get(key) != value}:
        kind.tagger.put(cloud, state, changed)
