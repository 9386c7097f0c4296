"""Try texts of one module against its tests, each in a fork of one process that has imported all that does not depend on the module.

Reads `{"module", "tests", "sources"}` as JSON on standard input, in the folder of a copy of the tree. Writes a line of JSON for each text:
`{"outcome": "killed" | "survived", "by", "seconds"}`, seconds of processor time. The first line is that of the module as it stands; where
its tests are not green, it ends there.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import json
import math
import os
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import grimp
import pytest

LANES = "not engine and not hosts and not e2e and not lint and not browser"
OPTIONS = (
    "-x",
    "-q",
    "--no-header",
    "--tb=no",
    "--assert=plain",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "--hypothesis-seed=0",
    "-m",
    LANES,
)
MOST_MEMORY = 6 << 30
"""A mutant whose loop never ends collects until the machine has none left."""
LEAST_SECONDS, MOST_OF_WHOLE, MOST_WALL_S = 5, 4, 300.0
"""A mutant ends after so much processor time, which a busy machine does not change; one that only waits, after so long a time."""


class Observer:
    """Run the tests that killed before first, then the quickest; note what each took, and which failed."""

    def __init__(self, killers: dict[str, int], seconds: dict[str, float]) -> None:
        self.killers, self.seconds, self.failed = killers, dict(seconds), ""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: (-self.killers.get(item.nodeid, 0), self.seconds.get(item.nodeid, 0.0)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.failed:
            self.failed = f"{report.nodeid} is not imported"


def main() -> int:
    task = json.load(sys.stdin)
    path = Path(task["module"])
    original = path.read_text(encoding="utf-8")
    killers: dict[str, int] = {}
    whole = _forked(task["tests"], killers, {}, limit_s=600, module=path)
    _say(whole)
    if whole["outcome"] != "survived":
        return 1
    _import_ahead(whole["modules"], path)
    limit_s = max(LEAST_SECONDS, math.ceil(MOST_OF_WHOLE * whole["seconds"]))
    for source in task["sources"]:
        _write(path, source)
        try:
            found = _forked(task["tests"], killers, whole["tests"], limit_s=limit_s, module=path)
        finally:
            _write(path, original)
        killers[found["by"]] = killers.get(found["by"], 0) + 1
        _say(found)
    return 0


def _say(found: dict[str, Any]) -> None:
    print(json.dumps({name: found[name] for name in ("outcome", "by", "seconds")}), flush=True)


def _write(path: Path, source: str) -> None:
    """Write a module, and forget its byte-code: two texts of one length in one second have the same stamp."""
    path.write_text(source, encoding="utf-8")
    Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)


def _import_ahead(names: list[str], module: Path) -> None:
    """Import what the tests need and what does not import the module, however indirectly: forks have it at once."""
    packages = sorted({name.partition(".")[0] for name in names if (Path(name.partition(".")[0]) / "__init__.py").is_file()} - {"tests"})
    graph = grimp.build_graph(*packages, cache_dir=None)
    mutated = {_name(module)} | graph.find_downstream_modules(_name(module))
    for name in names:
        if name in mutated or not (name in graph.modules or "." not in name or name.partition(".")[0] not in packages):
            continue
        try:
            importlib.import_module(name)
        except Exception:  # noqa: BLE001  what cannot be imported by itself is imported by the tests
            continue
    assert not mutated & sys.modules.keys(), "a fork would have the module as it stands"
    gc.freeze()


def _name(module: Path) -> str:
    return ".".join(module.with_suffix("").parts)


def _forked(tests: list[str], killers: dict[str, int], seconds: dict[str, float], *, limit_s: int, module: Path) -> dict[str, Any]:
    """Run the tests in a fork and say how it ended; past the limit the fork and all that it started is ended."""
    with tempfile.TemporaryDirectory() as folder:
        answer, before = Path(folder) / "answer.json", _seconds_of_children()
        child = os.fork()
        if not child:
            _in_child(tests, Observer(killers, seconds), answer, module, limit_s=limit_s)
        ended = _waited(child, time.monotonic() + MOST_WALL_S)
        try:
            os.killpg(child, signal.SIGKILL)
        except ProcessLookupError:
            pass
        if not ended:
            os.waitpid(child, 0)
        told = json.loads(answer.read_text(encoding="utf-8")) if answer.exists() else {"code": -1, "by": ""}
    spent = _seconds_of_children() - before
    if told["code"] == 0:
        return {**told, "seconds": spent, "outcome": "survived", "by": ""}
    return {"seconds": spent, "outcome": "killed", "by": told["by"] or ("the end of the interpreter" if ended else "the time limit")}


def _seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _waited(child: int, until: float) -> bool:
    while time.monotonic() < until:
        if os.waitpid(child, os.WNOHANG)[0]:
            return True
        time.sleep(0.01)
    return False


def _in_child(tests: list[str], observer: Observer, answer: Path, module: Path, *, limit_s: int) -> None:
    """Never comes back: the fork ends here, without the clean-up of its parent."""
    code = 70
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 1))
        quiet = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(quiet, stream)
        code = int(pytest.main([*OPTIONS, *tests], plugins=[observer]))
        if code == 0 and not _imported(module):
            code, observer.failed = 1, f"none of the tests imports {module}"
        told = {"code": code, "by": observer.failed, "tests": observer.seconds, "modules": [one for one in sys.modules if _is_plain(one)]}
        answer.write_text(json.dumps(told), encoding="utf-8")
    finally:
        os._exit(code)


def _imported(module: Path) -> bool:
    """Whether the module was imported from this folder, and not from the checkout that is installed in the environment."""
    return str(module.resolve()) == getattr(sys.modules.get(_name(module)), "__file__", None)


def _is_plain(name: str) -> bool:
    """Whether a module may be imported outside of pytest: its plug-ins and the tests themselves may not."""
    top = name.partition(".")[0]
    return not any(part in name for part in ("conftest", "pytest_", "pytestplugin", "pytest_plugin", "__editable__", "__main__")) and not (
        top in ("tests", "xdist") or top.startswith("test_")
    )


if __name__ == "__main__":
    sys.exit(main())
