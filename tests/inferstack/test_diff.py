"""`inferstack diff`: two previews beside each other; golden text, Markdown and JSON; exit codes; what is no run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from inferstack.pricing.bill.bill import Registration, bill
from inferstack.pricing.bill.difference import difference
from inferstack.records.difference import Difference
from inferstack.records.preview import Preview
from inferstack.show import difference as render_difference
from inferstack.stack.workdir import StackDir, StackRecord
from tests.inferstack.command_line import CommandLine
from tests.pricing.cluster import REGION, cluster, group, registration, template

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


def changed(*changes: Registration, without: Iterable[str] = ()) -> tuple[Registration, ...]:
    """The cluster with these in the place of those of the same name, or beside them."""
    named = {one.name: one for one in changes}
    kept = tuple(named.pop(one.name, one) for one in cluster() if one.name not in without)
    return (*kept, *named.values())


DEARER = changed(
    template(
        instanceType="g6.48xlarge", blockDeviceMappings=[{"deviceName": "/dev/sda1", "ebs": {"volumeType": "gp3", "volumeSize": 700}}]
    ),
    group(maxSize=3),
    registration("aws:kms/key:Key", "second|key"),
    without=["nat", "nat-address"],
)
UNPRICED = changed(template(instanceType="p9.48xlarge"))


def preview(program: Iterable[Registration]) -> Preview:
    told = bill(program, region=REGION, hours_until_expiry=4)
    return Preview(created_at=NOW, stack="default", base_stack="default-base", rehearsal=True, changes=(), bill=told)


@pytest.fixture
def runs(command_line: CommandLine) -> dict[str, str]:
    """Three previewed runs of the stack `default`, the last one current: as it was, dearer, without a total."""
    stack = StackDir(command_line.work / "default")
    stack.write(StackRecord(stack="default", rehearsal=True, region=REGION, base="default-base", created_at=NOW))
    found = {}
    for name, program in (("old", cluster()), ("unpriced", UNPRICED), ("dearer", DEARER)):
        run = stack.new_run(NOW)
        run.write(preview(program))
        found[name] = run.name
    return found


def told(**more: Any) -> Difference:
    before, after = preview(cluster()).bill, preview(DEARER).bill
    return difference(before, after, old_name="run-a", new_name="run-b", **more)


@pytest.mark.parametrize("form", ["txt", "md", "json"])
def test_every_form_is_as_it_was_read(form: str) -> None:
    """Golden files: `python tools/write_examples.py` does not touch them; read the change before you copy it over."""
    found = told(replaced=["aws:kms/key:Key::key"])
    text = {"txt": "\n".join(render_difference.lines(found)) + "\n", "md": render_difference.markdown(found), "json": found.to_json()}[form]
    assert (GOLDEN / f"difference.{form}").read_text(encoding="utf-8") == text


def test_the_document_keeps_its_published_schema(command_line: CommandLine, runs: dict[str, str]) -> None:
    """One document on stdout, the lines for people on stderr; the changes are those of the two files."""
    done = command_line.run("diff", runs["old"], "current", "--json")
    assert 0 == done.code
    jsonschema.validate(done.document, json.loads((ROOT / "docs/reference/schemas/difference.schema.json").read_text()))
    found = Difference.model_validate(done.document)
    assert (runs["old"], runs["dearer"]) == (found.old.name, found.new.name)
    assert told().changes == found.changes
    assert "Total:" in done.err


def test_a_run_a_file_and_a_folder_are_the_same_preview(command_line: CommandLine, runs: dict[str, str]) -> None:
    """A review has the files, a person has the run's id or its beginning."""
    folder = command_line.work / "default" / "runs" / runs["old"]
    unique = runs["old"]
    totals = {
        line
        for text in (unique, str(folder / "preview.json"), str(folder))
        for line in command_line.run("diff", text, "current").out.splitlines()
        if line.startswith("Total:")
    }
    assert 1 == len(totals)


@pytest.mark.parametrize(("limit", "code"), [("0", 1), ("0%", 1), ("30", 1), ("100000", 0), ("100%", 1), ("100000%", 0)])
def test_more_than_the_limit_is_exit_1(command_line: CommandLine, runs: dict[str, str], limit: str, code: int) -> None:
    """A share of the old total, or USD an hour; the lines are shown in any case."""
    done = command_line.run("diff", runs["old"], runs["dearer"], "--max-increase", limit)
    assert (code, True) == (done.code, "Total:" in done.out)
    assert bool(code) == (f"over --max-increase {limit}: " in done.err)


def test_a_limit_holds_no_saving_back(command_line: CommandLine, runs: dict[str, str]) -> None:
    """And exactly the limit is allowed."""
    assert 0 == command_line.run("diff", runs["dearer"], runs["old"], "--max-increase", "0").code
    assert 0 == command_line.run("diff", runs["old"], runs["old"], "--max-increase", "0%").code


def test_over_the_limit_the_document_stays_the_only_one(command_line: CommandLine, runs: dict[str, str]) -> None:
    """Exit 1, and stdout can still be parsed."""
    done = command_line.run("diff", runs["old"], runs["dearer"], "--max-increase", "1%", "--json")
    assert (1, "Error: over --max-increase 1%" in done.err) == (done.code, True)
    assert "changes" in done.document


@pytest.mark.parametrize("more", [(), ("--max-increase", "50%"), ("--markdown",)])
def test_a_side_without_total_is_exit_1_and_says_which(command_line: CommandLine, runs: dict[str, str], more: tuple[str, ...]) -> None:
    """A GPU without a price may cost anything."""
    done = command_line.run("diff", runs["old"], runs["unpriced"], *more)
    assert (1, True) == (done.code, f"{runs['unpriced']}: no total: aws:autoscaling/group:Group::nodes may have a GPU" in done.err)


def test_the_markdown_is_a_table_that_github_folds(command_line: CommandLine, runs: dict[str, str]) -> None:
    """Every row has as many cells as its head; a bar in a name does not make one more."""
    done = command_line.run("diff", runs["old"], "current", "--markdown")
    assert "<details>\n<summary>" in done.out and done.out.rstrip().endswith("</details>")
    rows = [line.replace("\\|", "") for line in done.out.splitlines() if line.startswith("|")]
    assert {5, 9} == {line.count("|") for line in rows}
    assert "second\\|key" in done.out


WRONG = {
    "no such run": (("nope", "current"), "RUN_A: 'nope' is neither a run nor a file"),
    "ambiguous": (("2026", "current"), "RUN_A: '2026' matches 3 runs"),
    "neither share nor amount": (("current", "current", "--max-increase", "much"), "--max-increase: 'much' is neither"),
    "negative": (("current", "current", "--max-increase=-5%"), "--max-increase: '-5%' is neither"),
    "two forms": (("current", "current", "--markdown", "--json"), "--markdown and --json"),
    "no stack": (("current", "current", "--stack", "other"), "--stack other: no such stack"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use_is_one_line_and_exit_2(command_line: CommandLine, runs: dict[str, str], name: str) -> None:
    """It names the argument."""
    arguments, said = WRONG[name]
    done = command_line.run("diff", *arguments)
    assert (2, True) == (done.code, said in done.err), done.err


def test_a_run_that_was_never_previewed_is_said(command_line: CommandLine, runs: dict[str, str]) -> None:
    """Not as a missing file of ours."""
    run = StackDir(command_line.work / "default").new_run(NOW)
    done = command_line.run("diff", runs["old"], "current")
    assert (2, f"RUN_B: run {run.name} has no preview.json and no plan.json" in done.err) == (done.code, True)


def test_a_preview_that_is_none_names_its_field(command_line: CommandLine, tmp_path: Path) -> None:
    """File, line, field."""
    path = tmp_path / "preview.json"
    path.write_text('{"stack": 3}')
    done = command_line.run("diff", str(path), str(path))
    assert (2, True) == (done.code, f"{path}" in done.err)


def test_two_plans_differ_without_a_preview(command_line: CommandLine) -> None:
    """By file, by run and by `current`: what they would cost, from the plans alone."""
    for users in ("4", "400"):
        assert 0 == command_line.run("plan", "--model", "Llama-3.1-8B-Instruct", "--users", users, "--stack", f"s{users}").code
    a, b = (str(command_line.work / f"s{users}" / "current" / "plan.json") for users in ("4", "400"))
    by_file = command_line.run("diff", a, b, "--json")
    assert 0 == by_file.code, by_file.err
    names = [next((command_line.work / f"s{users}" / "runs").iterdir()).name for users in ("4", "400")]
    by_run = command_line.run("diff", *names, "--json").document
    assert by_file.document["changes"] == by_run["changes"] and by_file.document["change_usd_per_hour"] > 0
    assert 0 == command_line.run("diff", "current", b, "--stack", "s400", "--json").document["change_usd_per_hour"]


def test_two_plans_stand_beside_each_other_above_their_bills(command_line: CommandLine) -> None:
    """Type, count, latency and price of each, without a preview, a login or a network; equal lines are marked."""
    for name, users in (("a", "20"), ("b", "40")):
        answer = command_line.run("plan", "--model", "Llama-3.1-8B-Instruct", "--users", users, "--json")
        (command_line.here / f"{name}.json").write_text(answer.out, encoding="utf-8")
    said = command_line.run("diff", str(command_line.here / "a.json"), str(command_line.here / "b.json"))
    assert 0 == said.code
    rows = {line.split("  ")[0]: line for line in said.out.splitlines()}
    assert "2 x g6.xlarge" in rows["instances"] and "1 x g6e.xlarge" in rows["instances"]
    assert rows["model"].endswith("same") and not rows["$/h"].endswith("same")
    assert "1.61" in rows["$/h"] and "1.86" in rows["$/h"]
    assert "Total: " in said.out


def test_runs_are_told_apart_by_price_and_model(command_line: CommandLine) -> None:
    """And what there is not is a dash, not a word of the program's language."""
    assert 0 == command_line.run("plan", "--model", "Llama-3.1-8B-Instruct", "--users", "20").code
    said = command_line.run("runs").out
    assert "None" not in said
    assert "2 x g6.xlarge" in said and "1.61" in said and "Llama-3.1-8B-Instruct" in said and "20 requests in flight" in said
