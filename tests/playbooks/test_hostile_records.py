"""A hostile text in every text of every record that reaches a node: refused, or text for Ansible, a word in every unit, a word of nginx."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from inferstack.records.configured import Inventory
from inferstack.records.errors import InferstackError
from inferstack.records.outputs import ClusterOutputs
from inferstack.records.plan import Plan
from playbooks import inventory, process
from tests.playbooks.units import FOLDER, environment, read_yaml, rendered

HOSTILE = [
    "{{ lookup('ansible.builtin.pipe', 'touch /tmp/pwned') }}",
    "x\nExecStartPre=+/bin/touch /pwned\nX=",
    "x --trust-remote-code $(touch /pwned) ; %H ${PATH} \"'",
    "x; } location /y { return 200; } #",
]
KEYS = {"ca_folder": Path("ca"), "key_file": Path("k"), "known_hosts": Path("kh"), "python": "py", "region": "us-east-1"}


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all texts."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(inner, (*path, number))
    elif isinstance(value, str):
        yield path


def _with(value: Any, path: tuple[Any, ...], text: str) -> Any:
    if not path:
        return text
    if isinstance(value, dict):
        return {**value, path[0]: _with(value[path[0]], path[1:], text)}
    return [_with(one, path[1:], text) if number == path[0] else one for number, one in enumerate(value)]


def _plain(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [] if set(value) == {"__ansible_unsafe"} else [leaf for inner in value.values() for leaf in _plain(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in _plain(inner)]
    return [value] if isinstance(value, str) else []


def _held(told: Inventory) -> None:
    """What Ansible is given, and what the roles make of it."""
    given = process.as_text(inventory.ansible(told, **KEYS))
    assert [] == _plain(given)
    for role, engine in (("engine_vllm", "vllm"), ("engine_trtllm", "tensorrt-llm"), ("engine_llamacpp", "llama.cpp")):
        names = {key: told.variables.get(f"{role}_{key}") for key in ("served_name", "model_folder")}
        known = {key: value for key, value in names.items() if value is not None}
        try:
            argv = environment().filters["inferstack_argv"](told.variables.get(f"{role}_flags", {}), engine)
            unit = rendered(role, **known, argv=argv)
        except AnsibleFilterError:
            continue
        directives = [line.split("=")[0] for line in unit.splitlines() if "/pwned" in line and not line.startswith((" ", "\t"))]
        assert set(directives) <= {"Description", "ExecStart", "RequiresMountsFor"}, unit
        assert '" --trust-remote-code' not in unit.replace('"x --trust-remote-code', "")
    role = FOLDER / "roles" / "endpoint_proxy"
    host = told.hosts[0].variables
    variables = {**read_yaml(role / "defaults" / "main.yml"), **told.variables, **host, "ansible_managed": "a"}
    try:
        text = environment().from_string((role / "templates" / "nginx.conf.j2").read_text()).render(variables)
    except AnsibleFilterError:
        return
    assert "location /y" not in text and "pwned" not in text


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("world", ["rehearsal", "real"])
def test_every_text_of_a_plan(
    planned: Callable[..., Plan], built: Callable[..., ClusterOutputs], rehearsal: dict[str, Any], now: datetime, hostile: str, world: str
) -> None:
    """A colleague's plan.json: flags, names, engine, instance, everything."""
    whole = planned().model_dump(mode="json")
    whole["engine_flags"] |= {"quantization": "fp8", "dtype": "auto"}
    tried = 0
    for path in _leaves(whole):
        try:
            plan = Plan.model_validate(_with(whole, path, hostile))
            told = inventory.build(
                plan, built(rehearsal=world == "rehearsal"), rehearsal=rehearsal if world == "rehearsal" else None, now=now
            )
        except (ValueError, InferstackError):
            continue
        tried += 1
        _held(told)
    assert 10 < tried


@pytest.mark.parametrize("hostile", HOSTILE)
def test_every_text_of_a_clusters_outputs(
    planned: Callable[..., Plan], built: Callable[..., ClusterOutputs], rehearsal: dict[str, Any], now: datetime, hostile: str
) -> None:
    """What a state file of somebody else says of a cluster."""
    whole, tried = built().model_dump(mode="json"), 0
    for path in _leaves(whole):
        try:
            outputs = ClusterOutputs.model_validate(_with(whole, path, hostile))
            told = inventory.build(planned(), outputs, rehearsal=rehearsal, now=now)
        except (ValueError, InferstackError):
            continue
        tried += 1
        _held(told)
    assert 5 < tried
