"""sizing.engines.table: engines are found by their files, and no other file of sizing holds the name of one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from inferstack.records import engines
from inferstack.records.files.facts import ROOT, load
from playbooks import flags
from sizing.engines import table

SIZING = ROOT / "sizing"
OWN = {SIZING / "engines" / f"{facts['file']}.py" for facts in engines.table().values()}
SPELLINGS = {*engines.sized(), *(one for names in load("sizing")["engines"]["unsized"]["spellings"].values() for one in names)}
NAMES = re.compile("|".join(re.escape(one) for one in sorted(SPELLINGS | {str(facts["file"]) for facts in engines.table().values()})), re.I)


def named_in(source: str) -> Iterator[str]:
    """Texts and identifiers that hold an engine's name; docstrings and comments may explain."""
    tree = ast.parse(source)
    explaining = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) in explaining:
            continue
        for word in (getattr(node, field, None) for field in ("value", "name", "id", "attr", "module", "arg")):
            if isinstance(word, str) and NAMES.search(word):
                yield word


@pytest.mark.parametrize(
    "source", ['x = "vllm"', "def _sglang(): ...", "from sizing.engines import llama_cpp", 'f(f"plan with tensorrt-llm {x}")', "trtllm = 1"]
)
def test_a_planted_name_is_found(source: str) -> None:
    assert [*named_in(source)]


@pytest.mark.parametrize("path", sorted(set(SIZING.rglob("*.py")) - OWN), ids=lambda path: path.relative_to(SIZING).as_posix())
def test_no_other_file_of_sizing_names_an_engine(path: Path) -> None:
    assert [] == [*named_in(path.read_text())]


def test_every_facts_file_has_its_module() -> None:
    assert OWN == {path for path in OWN if path.exists()}
    for name in engines.sized():
        assert f"sizing.engines.{table.facts(name)['file']}" == table.engine_named(name).__module__


@pytest.mark.parametrize("name", engines.sized())
def test_facts_and_module_agree_on_what_is_deployed(name: str) -> None:
    """What a plan starts has options for its settings, a role, and a table that the role's reader reads."""
    deployed = name in engines.deployed()
    assert deployed == (table.engine_named(name).setting_flags is not None)
    assert deployed == (name in engines.roles())
    if deployed:
        names = table.engine_named(name).setting_flags
        assert names is not None
        assert {one for one in names.names if one} <= set(flags.options(name))


def test_roles_of_the_table_are_folders_of_the_playbooks() -> None:
    for role in engines.roles().values():
        assert (ROOT / "playbooks" / "roles" / role["name"] / "tasks").is_dir()
        assert (ROOT / "playbooks" / "roles" / role["name"] / "templates" / f"{role['unit']}.j2").is_file()
    assert len(engines.roles()) == len({role["name"] for role in engines.roles().values()})


def test_defaults_come_from_the_order_of_the_facts() -> None:
    assert ("vllm", "tensorrt-llm", "sglang", "llama.cpp") == engines.sized()
    assert ("vllm", "vllm", "llama.cpp") == (table.default(), table.for_format("fp8"), table.for_format("gguf-q4_k_m"))
    assert ("vllm", "tensorrt-llm") == table.chosen_unasked()
    assert "llama.cpp" == engines.rehearsed()
