"""Invariants that every sizing facts file inherits."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest

from inferstack.records import engines
from inferstack.records.files.facts import ROOT, load
from sizing.catalog import find_gpu, find_instance, find_model, instances
from sizing.models.parameters import count
from sizing.models.quantisation.formats import bits_of
from sizing.models.weights import checkpoint_bytes

KINDS = {"measured", "vendor", "derived", "assumed"}


def records(kind: str) -> list[dict[str, Any]]:
    return [record for group in load("sizing")[kind].values() for record in group["records"]]


@pytest.mark.parametrize("record", records("models"), ids=lambda record: record["id"])
def test_a_model_record_has_the_parameters_of_its_shape(record: dict[str, Any]) -> None:
    """total, active and stored, to the parameter."""
    counts = count(find_model(record["id"]))
    assert (record["params_total"], record["params_active"], record["params_stored"]) == (counts.total, counts.active, counts.stored)


@pytest.mark.parametrize("record", [one for one in records("models") if one["checkpoint"].get("bytes")], ids=lambda record: record["id"])
def test_a_known_checkpoint_weighs_what_its_shape_says(record: dict[str, Any]) -> None:
    """Published bytes against arithmetic, 0.5 %; the published figure itself is set aside."""
    import dataclasses

    shape = dataclasses.replace(find_model(record["id"]), checkpoint_bytes=None)
    assert record["checkpoint"]["bytes"] == pytest.approx(checkpoint_bytes(shape, bits_of(shape, None)), rel=0.005)


def test_every_record_has_a_source_a_date_and_a_kind() -> None:
    """Decision 7."""
    for kind in ("models", "gpus", "instances"):
        for name, group in load("sizing")[kind].items():
            assert re.fullmatch(r"\d{4}-\d\d-\d\d", group["as_of"]), name
            for record in group["records"]:
                assert record["sources"], record
                assert record["kind"] in KINDS, record


def test_every_source_key_of_an_instance_is_explained() -> None:
    """Codes stand in the file's own table."""
    for group in load("sizing")["instances"].values():
        assert {key for record in group["records"] for key in record["sources"].values()} <= set(group["sources"])


def test_every_gpu_of_an_instance_exists() -> None:
    """And an instance that a plan may use has a price-independent shape: GPUs, vCPUs, memory, network."""
    for one in instances():
        if one.why_unsupported is None:
            assert find_gpu(one.gpu or "")
            assert one.gpu_count in (1, 2, 4, 8)
            assert one.vcpus > 0 < one.memory_gib
            assert one.quota_code


def test_prices_are_not_in_the_sizing_facts() -> None:
    """They are dated and live in pricing."""
    assert not [key for record in records("instances") for key in record if "price" in key or "usd" in key]


def test_names_are_unique() -> None:
    """One record an id; short names of GPUs clash with nothing."""
    ids = [record["id"] for record in records("models")]
    assert len(set(ids)) == len(ids)
    short = [name for record in records("gpus") for name in (record["id"], *record["short_names"])]
    assert len(set(short)) == len(short)
    assert len({one.instance_type for one in instances()}) == len(instances())


def test_a_h200_has_141_gb_and_p5_has_no_xlarge() -> None:
    """Claims in circulation that are wrong."""
    assert 141 == next(record for record in records("gpus") if record["id"] == "H200-SXM-141")["memory_gb_nominal"]
    assert 8 == find_instance("p5en.48xlarge").gpu_count
    assert {"p5.4xlarge", "p5.48xlarge"} == {one.instance_type for one in instances() if one.family == "p5"}


def test_ranges_of_engine_defaults_join_without_gap() -> None:
    """from inclusive, before exclusive, each range beginning where the one before it ends."""
    for engine, setting, values in _ranges():
        for before, after in itertools.pairwise(values):
            assert before["before"] == after["from"], (engine, setting)
        assert values[-1]["before"] is None or setting == "chunked_layers_save_kv", (engine, setting)


def test_no_facts_file_names_a_path_of_a_machine_or_a_registry() -> None:
    """Facts travel."""
    for path in (ROOT / "sizing" / "facts").rglob("*.yaml"):
        assert not re.search(r"(?:^|[\s\"'(])/(?:work|root|farm|home|tmp)/|\bshared/|pypi|npmjs", path.read_text(), re.IGNORECASE), path


def _ranges() -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    for engine, facts in engines.table().items():
        for setting, values in facts["defaults"].items():
            yield engine, setting, values
