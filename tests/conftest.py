"""Which lanes this machine allows. A skipped lane is named with its reason at the end of the run (-ra)."""

from __future__ import annotations

import os
import shutil

import pytest
from hypothesis import settings

settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")
"""A deadline in milliseconds tries the machine, not the code."""

os.environ.pop("COLUMNS", None)
"""Workers of xdist get a width of 80 from it; a test that needs a width says which."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for lane, reason_of in {"engine": no_engine, "hosts": no_hosts, "e2e": no_engine, "browser": no_browser}.items():
        marked = [item for item in items if item.get_closest_marker(lane)]
        reason = reason_of() if marked else None
        for item in marked if reason else []:
            item.add_marker(pytest.mark.skip(reason=f"lane {lane}: {reason}"))


def no_engine() -> str | None:
    from inferstack.records.errors import MissingTool
    from inferstack.stack import toolchain

    try:
        return None if toolchain.find() else "no Pulumi CLI yet (make toolchain gets it)"
    except MissingTool as error:
        return error.message


def no_hosts() -> str | None:
    from inferstack.sandbox.hosts.nspawn import why_not

    return why_not()


def no_browser() -> str | None:
    return None if shutil.which("chromium") else "no chromium (make test-packages gets it)"
