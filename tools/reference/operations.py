"""Which operations of AWS our own code calls, found in its source: names of AWS's service models in a file that names their service."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("infra", "inferstack", "playbooks", "stacks")
REHEARSAL = ROOT / "inferstack" / "sandbox"


@cache
def called() -> tuple[tuple[str, str, str], ...]:
    """(service, operation, file): ("ec2", "DescribeVpcs", "infra/leftovers/ec2.py")."""
    sources = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")) if _calls_aws(path)]
    return tuple(one for path in sources for one in called_in(path.read_text(encoding="utf-8"), file=path.relative_to(ROOT).as_posix()))


def _calls_aws(path: Path) -> bool:
    """Neither what is copied to nodes nor the rehearsal, which answers calls."""
    return "/files/" not in path.as_posix() and not path.is_relative_to(REHEARSAL)


def called_in(source: str, *, file: str) -> Iterator[tuple[str, str, str]]:
    tree = ast.parse(source)
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    words = texts | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    named = texts | {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}  # a client is called as its service
    for service in sorted(named & services()):
        yield from ((service, operation, file) for called, operation in sorted(operations_of(service).items()) if called in words)


@cache
def services() -> frozenset[str]:
    return frozenset(_session().get_available_services())


@cache
def operations_of(service: str) -> dict[str, str]:
    """Return AWS's name of each operation by boto3's."""
    from botocore import xform_name

    return {xform_name(name): name for name in _session().get_service_model(service).operation_names}


@cache
def _session():  # type: ignore[no-untyped-def]
    import botocore.session

    return botocore.session.Session()
