"""The process in which a play runs: what it is given, and how it ends."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import pytest

from inferstack.records.errors import CloudRefused, Interrupted
from playbooks import process
from playbooks.process import Play


@pytest.fixture
def play(tmp_path: Path) -> Play:
    here = {"ansible_connection": "local", "inferstack_connect_deadline_s": 5}
    inventory = {"all": {"vars": here, "children": {"nodes": {"hosts": {"i-0a": {}}}}}}
    return Play(tmp_path / "private", inventory, {"AWS_REGION": "us-east-1", "INFERSTACK_API_KEY": "canary"}, tmp_path / "facts", 60)


def test_ansible_gets_a_closed_list_of_variables(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret in the person's environment reaches neither Ansible nor what it writes."""
    monkeypatch.setenv("HF_TOKEN", "canary")
    given = process._environment(play)
    assert "us-east-1" == given["AWS_REGION"]
    assert [] == [name for name, value in given.items() if "canary" in value]


def test_a_broken_playbook_is_one_line(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that a play needs and that nobody gave end in CloudRefused with host and task."""
    with pytest.raises(CloudRefused) as refused:
        process.run_play(play, "drain.yml", on_event=lambda *words: None, cancelled=lambda: False)
    assert "host" == refused.value.kind
    assert refused.value.message.startswith("i-0a: Stop accepting requests and wait for the running ones: ")
    assert "'inferstack_drain_wait_s' is undefined" in refused.value.message


def test_a_cancelled_play_ends_soon(play: Play) -> None:
    """The first Ctrl-C ends Ansible and its children within seconds, and says that the state is safe."""
    began = time.monotonic()
    with pytest.raises(Interrupted):
        process.run_play(play, "drain.yml", on_event=lambda *words: None, cancelled=lambda: True)
    assert 15 > time.monotonic() - began


def test_text_of_others_is_no_template(play: Play, tmp_path: Path) -> None:
    """A Jinja expression in a variable, in a list, in a nested key's value, of a host or of all, stays text: nothing of it runs."""
    marker = tmp_path / "ran"
    hostile = f"{{{{ lookup('ansible.builtin.pipe', 'touch {marker}') }}}}"
    everywhere = {**play.inventory["all"]["vars"], "inferstack_drain_wait_s": hostile, "listed": [{"deep": hostile}]}
    hosts = {"i-0a": {"endpoint_proxy_engine_port": hostile, "endpoint_proxy_engine_unit": f"/{tmp_path}/{hostile}"}}
    told = dataclasses.replace(play, inventory={"all": {"vars": everywhere, "children": {"nodes": {"hosts": hosts}}}})
    process.run_play(told, "drain.yml", on_event=lambda *words: None, cancelled=lambda: False, check=True)
    assert not marker.exists()
    written = json.loads((told.private_dir / "drain" / "inventory" / "hosts.json").read_text())
    assert {"__ansible_unsafe": hostile} == written["all"]["vars"]["inferstack_drain_wait_s"]
    assert [] == _plain_texts(written)


def _plain_texts(value: Any) -> list[str]:
    """Text leaves that Ansible would take for templates of ours."""
    if isinstance(value, dict):
        return [] if set(value) == {"__ansible_unsafe"} else [leaf for inner in value.values() for leaf in _plain_texts(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in _plain_texts(inner)]
    return [value] if isinstance(value, str) else []
