"""`status` asks AWS where it can, and says as of when it speaks."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from inferstack.chain import aws_state
from inferstack.cli.command import Command
from inferstack.cli.screen import Screen
from inferstack.stack import rehearsal
from inferstack.stack.workdir import StackRecord, Workdir
from inferstack.verbs import status
from infra import naming

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


def command(tmp_path: Path, **more: Any) -> Command:
    made = Command("status", "x", Screen(out=io.StringIO()), Workdir(tmp_path), {})
    record = {"stack": "x", "rehearsal": True, "region": "us-east-1", "base": "x-base", "created_at": NOW, "account_id": "0" * 12}
    made.stack.write(StackRecord(**{**record, **more}))
    return made


def shown(made: Command) -> str:
    told = status.of_stack(made, made.stack)
    status.show(made.screen, told)
    out: Any = made.screen.out
    return str(out.getvalue())


def test_without_an_answer_it_says_that_aws_was_not_asked(tmp_path: Path) -> None:
    """And why; what follows is then as recorded."""
    said = shown(command(tmp_path, built_at=NOW, expires_at=NOW))
    assert "AWS was not queried (the embedded AWS is not running); nothing recorded" in said


@pytest.fixture(scope="module")
def moto_url() -> Any:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


def test_what_bills_is_what_aws_lists_now_not_what_was_recorded(tmp_path: Path, moto_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that nobody recorded is shown; nodes that are gone are not, and nothing is said to be removed later."""
    import httpx

    from infra.calls.aws import Aws

    httpx.post(f"{moto_url}/moto-api/reset", timeout=60)
    monkeypatch.setattr(rehearsal, "door", lambda workdir: (moto_url, "x"))
    aws = Aws("us-east-1", endpoint_url=moto_url)
    tags = [{"ResourceType": "elastic-ip", "Tags": [{"Key": naming.STACK_TAG, "Value": "x"}]}]
    aws.client("ec2").allocate_address(Domain="vpc", TagSpecifications=tags)
    made = command(tmp_path, account_id=aws.account_id(), built_at=NOW, expires_at=datetime(2099, 1, 1, tzinfo=UTC))
    said = shown(made)
    assert "1 Eip" in said
    assert "AWS removes the GPUs" not in said
    told = aws_state.of_stack(made, made.stack.record())
    assert ([], "aws:ec2/eip:Eip") == (told["nodes"], told["billed"][0]["type"])


def test_another_account_is_not_asked(tmp_path: Path, moto_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer would be of somebody else's resources."""
    monkeypatch.setattr(rehearsal, "door", lambda workdir: (moto_url, "x"))
    assert "this identity is in account" in shown(command(tmp_path, account_id="9" * 12, built_at=NOW))
