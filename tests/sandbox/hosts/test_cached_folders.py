"""What is made once for a machine: whole or not there, whatever kills its maker."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from inferstack.records.errors import MissingTool
from inferstack.sandbox.hosts import artefacts, cache, rootfs
from inferstack.sandbox.hosts.aptsources import AptSource

SOURCES = (AptSource("http://archive.example/debian", "bookworm", "main"),)


def test_a_folder_is_built_once(tmp_path: Path) -> None:
    """Rule: the second asker gets the first one's folder."""
    built: list[Path] = []

    def build(folder: Path) -> None:
        built.append(folder)
        (folder / "content").write_text("whole")

    first, second = (cache.made("thing", build, folder=tmp_path) for _ in range(2))
    assert (1, first, "whole") == (len(built), second, (second / "content").read_text())


def test_a_failed_build_leaves_nothing_and_a_killed_one_is_cleared(tmp_path: Path) -> None:
    """Rule: half a folder never has the final name, and the next build removes it."""
    (tmp_path / ".thing.part-1").mkdir()
    (tmp_path / ".thing.part-1.log").write_text("killed here")

    def fails(folder: Path) -> None:
        (folder / "half").write_text("")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        cache.made("thing", fails, folder=tmp_path)
    assert [".thing.lock"] == [path.name for path in tmp_path.iterdir()]


def test_old_folders_are_forgotten_and_younger_ones_kept(tmp_path: Path) -> None:
    """Rule: the cache does not grow by an image each month."""
    for name, days in (("rootfs-old", 63), ("rootfs-new", 61), ("other-old", 63)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - days * 86400,) * 2)
    cache.forgotten("rootfs-*", older_than_days=62, folder=tmp_path)
    assert ["other-old", "rootfs-new"] == sorted(path.name for path in tmp_path.iterdir())


def test_the_root_file_systems_key_follows_sources_and_month() -> None:
    """Rule: another archive or another month is another image."""
    november, december = (datetime(2026, month, 1, tzinfo=UTC) for month in (11, 12))
    keys = {
        rootfs.key("bookworm", SOURCES, today=november),
        rootfs.key("bookworm", SOURCES, today=december),
        rootfs.key("bookworm", (*SOURCES, AptSource("http://b.example/debian", "bookworm-updates", "main")), today=november),
    }
    assert 3 == len(keys)
    assert rootfs.key("bookworm", SOURCES, today=november).startswith("bookworm-2026-11-")


def test_the_engines_pin_comes_from_the_lock_file_with_its_hashes(tmp_path: Path) -> None:
    """Rule: hosts install what the lock file pins and nothing beside it; without a lock file the reason is said."""
    lock = tmp_path / "all.lock"
    lock.write_text("wheel==1 \\\n    --hash=sha256:aa\n    # via x\nxllamacpp==2 \\\n    --hash=sha256:bb\n    # via y\nyarl==3\n")
    assert "xllamacpp==2 \\\n    --hash=sha256:bb\n" == artefacts.pinned(lock)
    with pytest.raises(MissingTool, match=r"all.lock is missing"):
        artefacts.pinned(tmp_path / "none" / "all.lock")
