"""docs/reference/exit-codes.md: the exit codes, the error tree, and how a refusal of AWS is told."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from tools.reference.markdown import code, page, table

MEANINGS = {
    "Finding": "the work was done and found something: no plan holds the load, the verdict failed, something is left, a ceiling is passed",
    "InputError": "wrong use or wrong input; the line names the file, the line and the field, or the option",
    "MissingTool": "a thing is missing on this machine (`inferstack doctor` lists all), or it refuses: a full disk, a forbidden file",
    "CloudRefused": "AWS or a host refused; the line begins with the kind of refusal",
    "Interrupted": "stopped by Ctrl-C; the state is safe, the hint names the next command",
}
SURPRISE = "a mistake of inferstack itself: a traceback, and a request to report it"
INTRODUCTION = """
Every error is one line on stderr that begins with `Error:`, and under it a hint that names the next step. With `--json` the same
is the one document on stdout: `{"error": {"code", "message", "hint"}}`.
"""
KINDS = """
A refusal (exit code 4) carries one of these kinds in front, so that quota, capacity and permission are never mixed up. The codes
are AWS's own. A wrong or expired identity is of kind permission too; its hint names the login.
"""


def text() -> str:
    return page(
        "Exit codes and errors",
        INTRODUCTION,
        table(("exit code", "class", "meaning"), _codes()),
        "## Refusals\n",
        KINDS,
        table(("kind", "AWS's codes", "hint"), _refusals()),
        "The kinds `timeout` (AWS cannot be reached, nodes do not come into service), `provider` (the Pulumi provider died), `host`\n"
        "(a host of a rehearsal) and `other` (any other answer of AWS) carry hints of their own.\n",
        "## Quotas\n",
        "Which service quota an instance type counts against, in vCPUs of all running instances of its family:\n",
        table(("family", "quota", "name"), _quotas()),
    )


def _codes() -> Iterator[tuple[object, ...]]:
    from inferstack.cli import edge
    from inferstack.records import errors

    yield 0, "", "done"
    kinds = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, errors.InferstackError)]
    told = [(kind.code, code(kind.__name__), MEANINGS[kind.__name__]) for kind in kinds if kind is not errors.InferstackError]
    yield from sorted([*told, (edge.SURPRISE, "", SURPRISE)])


def _refusals() -> Iterator[tuple[object, ...]]:
    from infra.calls import refusals

    hints = {kind: refusals.explained(sorted(codes)[0], "").hint for codes, kind in refusals.TABLE}
    hints["permission"] = refusals.explained("UnauthorizedOperation", "not authorized to perform: ec2:RunInstances").hint
    hints["quota"] = refusals.explained("VcpuLimitExceeded", "", instance_type="p5.48xlarge", region="us-east-1").hint
    for codes, kind in refusals.TABLE:
        yield code(kind), ", ".join(map(code, sorted(codes))), hints[kind]


def _quotas() -> Iterator[tuple[object, ...]]:
    from infra.calls import quotas

    for family, quota in quotas.ON_DEMAND.items():
        yield code(family), code(quota.code), quota.name
    yield "standard (" + ", ".join(map(code, sorted(quotas.STANDARD_FAMILIES))) + ")", code(quotas.STANDARD.code), quotas.STANDARD.name
