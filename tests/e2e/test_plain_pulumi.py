"""With `inferstack env` the ordinary `pulumi` commands work on the same program and the same state."""

from __future__ import annotations

import shutil
import subprocess

import boto3
import pytest

from tests.e2e import leftovers
from tests.e2e.conftest import PLAN, Checkout

pytestmark = pytest.mark.e2e

STACK = "plain"


def test_preview_up_drift_repair_and_destroy_with_the_plain_command(checkout: Checkout) -> None:
    """The cost is an output; a second up changes nothing; drift is shown and mended; destroy leaves nothing; base is protected."""
    checkout.run("plan", "--stack", STACK, "--rehearse", *PLAN)
    checkout.run("preview", "--stack", STACK)
    environment = checkout.pulumi_environment(STACK)
    pulumi = shutil.which("pulumi", path=environment["PATH"])
    assert pulumi, "inferstack env puts the CLI on PATH"

    def run(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [pulumi, *arguments, "--non-interactive"],
            cwd=checkout.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert code == done.returncode, f"pulumi {arguments}: {done.stdout[-3000:]}{done.stderr[-2000:]}"
        return done.stdout + done.stderr

    run("up", "--yes", "--skip-preview", "--stack", f"{STACK}-base")
    shown = run("preview", "--stack", STACK)
    for output in ("estimatedUsdPerHour", "estimatedUsdUntilExpiry", "priceDate", "unpricedCount"):
        assert output in shown
    run("up", "--yes", "--stack", STACK)
    again = run("up", "--yes", "--stack", STACK)
    assert "unchanged" in again
    for word in ("created", "updated", "deleted", "replaced"):
        assert f" {word}" not in again.split("Resources:")[1]

    change_a_tag(checkout, environment)
    assert "by-hand" in run("preview", "--refresh", "--diff", "--stack", STACK)
    run("up", "--refresh", "--yes", "--stack", STACK)
    assert [] == tags_by_hand(checkout)

    run("destroy", "--yes", "--stack", STACK)
    assert [] == leftovers.in_the_embedded_aws(checkout.endpoint(), checkout.access_key(), STACK)
    refused = run("destroy", "--yes", "--stack", f"{STACK}-base", code=1)
    assert "protect" in refused
    checkout.run("down", "--stack", STACK, "--yes")
    assert {} == checkout.left_on_this_machine()


def test_env_unset_gives_the_shell_back_as_it_was(checkout: Checkout) -> None:
    """Set, unset: not one variable differs."""
    checkout.run("plan", "--stack", STACK, "--rehearse", *PLAN)
    command = " ".join(checkout.command("env", "--stack", STACK))
    unset = " ".join(checkout.command("env", "--unset"))
    script = f'env | sort > before; eval "$({command})"; env | sort > during; eval "$({unset})"; env | sort > after; diff before after'
    done = checkout.shell(["sh", "-c", script], AWS_PROFILE="mine", PULUMI_HOME="somewhere")
    assert (0, "") == (done.returncode, done.stdout), done.stdout + done.stderr
    during = (checkout.folder / "during").read_text()
    assert "AWS_ENDPOINT_URL=http://127.0.0.1:" in during
    assert "AWS_PROFILE" not in during
    checkout.run("down", "--stack", STACK, "--yes")


def change_a_tag(checkout: Checkout, environment: dict[str, str]) -> None:
    assert environment["AWS_ENDPOINT_URL"] == checkout.endpoint()
    client = _ec2(checkout)
    group = _node_group(client)
    client.create_tags(Resources=[group["GroupId"]], Tags=[{"Key": "by-hand", "Value": "yes"}])
    assert tags_by_hand(checkout)


def tags_by_hand(checkout: Checkout) -> list[str]:
    return [tag["Key"] for tag in _node_group(_ec2(checkout)).get("Tags", []) if tag["Key"] == "by-hand"]


def _node_group(client: boto3.client) -> dict:
    return client.describe_security_groups(Filters=[{"Name": "tag:inferstack:stack", "Values": [STACK]}])["SecurityGroups"][0]


def _ec2(checkout: Checkout) -> boto3.client:
    return boto3.client(
        "ec2",
        region_name="us-east-1",
        endpoint_url=checkout.endpoint(),
        aws_access_key_id=checkout.access_key(),
        aws_secret_access_key="rehearsal",
    )
