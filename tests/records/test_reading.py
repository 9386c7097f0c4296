"""A file that is not the record that it should be is one line with file, line and field."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from inferstack.records.errors import InputError
from inferstack.records.request import Request

WRONG = {
    "empty": ("", "is empty"),
    "only blanks": ("  \n\n", "is empty"),
    "a list": ("- 1\n- 2\n", "must be a mapping of fields"),
    "a text": ("hello\n", "must be a mapping of fields"),
    "unclosed": ("model: [a\n", ":2:"),
    "alias bomb": ("a: &a [x]\nb: &b [*a, *a]\nmodel: m\n", ":2: aliases are not allowed"),
    "deep nesting": ("model: " + "[" * 60 + "]" * 60 + "\n", "nested deeper"),
    "twice": ("model: a\nmodel: b\n", ":2: 'model' is given twice"),
    "python tag": ("model: !!python/object/apply:os.system ['true']\n", "could not determine a constructor"),
    "unknown key": ("model: a\nrequest_rat: 4\n", ":2: request_rat: unknown field; did you mean request_rate?"),
    "negative load": ("model: a\nrequest_rate: -1\n", ":2: request_rate: must be a number from 0.000001 to 10,000,000 (given: -1)"),
    "text for number": ("model: a\nisl: many\n", ":2: isl: must be a number from 0.01 to 20,000,000 (given: many)"),
    "not a number": ("model: a\nisl: .nan\n", ":2: isl: must be a number from 0.01 to 20,000,000 (given: nan)"),
    "infinite": ("model: a\nrequest_rate: .inf\n", "request_rate: must be"),
    "two loads": ("model: a\nusers: 5\nconcurrency: 4\n", "give one load, not 2: concurrency, users"),
    "no model": ("isl: 5\n", "give exactly one of model and config"),
    "future version": ("schema_version: 2\nmodel: a\n", "schema_version: 2 is newer than this inferstack reads (1)"),
    "version as text": ("schema_version: 'one'\nmodel: a\n", "is not a version of this record"),
    "version as truth": ("schema_version: true\nmodel: a\n", "is not a version of this record"),
    "unknown engine": ("model: a\nengine: steam\n", ":2: engine: must be 'vllm', 'tensorrt-llm', 'sglang' or 'llama.cpp' (given: steam)"),
    "fraction for a count": ("model: a\nusers: 2.5\n", ":2: users: must be a whole number from 1 to 100,000,000 (given: 2.5)"),
    "nested key": ("model: a\ngpu_override:\n  memory_gb: 80\n", ":3: gpu_override.memory_gb: unknown field"),
    "true for a count": ("model: a\nusers: true\n", ":2: users: must be a whole number from 1 to 100,000,000 (given: true)"),
    "true for a number": ("model: a\nisl: true\n", ":2: isl: must be a number from 0.01 to 20,000,000 (given: true)"),
    "one for a truth": ("model: a\nn_plus_1: 1\n", ":2: n_plus_1: must be true or false (given: 1)"),
    "text for a truth": ("model: a\nn_plus_1: 'yes'\n", ":2: n_plus_1: must be true or false (given: yes)"),
    "text with a nought": ("model: a\nusers: '0100'\n", ":2: users: must be a whole number from 1 to 100,000,000 (given: 0100)"),
    "nine with a nought": ("model: a\nusers: 09\n", ":2: users: must be a whole number from 1 to 100,000,000 (given: 09)"),
    "nested truth": (
        "model: a\ngpu_override:\n  memory_gib: true\n",
        ":3: gpu_override.memory_gib: must be a number from 1 to 100,000 (given: true)",
    ),
    "list as a key": ("model: a\n? [a, b]\n: 1\n", ":2: a key must be a string, not a list or a mapping"),
    "mapping as a key": ("model: a\n? {a: b}\n: 1\n", ":2: a key must be a string, not a list or a mapping"),
    "tagged number": ("model: a\nusers: !!int 0100\n", ":2: tags are not allowed"),
    "control characters": ("model: \x01\n", "special characters are not allowed"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_request_names_file_and_field(name: str, tmp_path: Path) -> None:
    """Where, what is wrong, what is allowed; exit code 2."""
    text, expected = WRONG[name]
    path = tmp_path / "request.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        Request.read(path)
    assert 2 == caught.value.code
    assert caught.value.message.startswith(f"{path}")
    assert expected in caught.value.message
    assert "\n" not in caught.value.message


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are said to be so."""
    path = tmp_path / "request.yaml"
    path.write_bytes(b"\xff\xfe\x00m")
    with pytest.raises(InputError, match="is not UTF-8 text"):
        Request.read(path)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """A record has a size that a person could have meant."""
    path = tmp_path / "request.yaml"
    with path.open("wb") as file:
        file.truncate(5 * 2**20)
    with pytest.raises(InputError, match="larger than 4 MiB"):
        Request.read(path)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    """The line says which of the two it is."""
    with pytest.raises(InputError, match="no such file"):
        Request.read(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="is a folder"):
        Request.read(tmp_path)


def test_a_request_survives_its_own_file(tmp_path: Path) -> None:
    """What is written reads back equal."""
    request = Request(model="meta-llama/Llama-3.3-70B-Instruct", request_rate=4, ttft_ms=1000)
    assert request == Request.read(request.write(tmp_path))


def test_a_record_is_never_half_written(tmp_path: Path) -> None:
    """The file appears whole and no temporary file stays."""
    Request(model="a").write(tmp_path)
    assert ["request.yaml"] == [entry.name for entry in tmp_path.iterdir()]


def test_a_wrong_field_of_a_json_file_is_named_with_its_line(tmp_path: Path) -> None:
    """The lines of a JSON file are looked for when there is something to tell."""
    path = tmp_path / "request.json"
    path.write_text('{"model": "Qwen3-32B",\n "isl": 100,\n "osl": "many"}', encoding="utf-8")
    with pytest.raises(InputError, match=r"request\.json:3: osl: "):
        Request.read(path)


def test_a_json_file_that_is_nested_too_deep_is_refused(tmp_path: Path) -> None:
    """As a YAML file is: what follows walks through records by recursion."""
    path = tmp_path / "request.json"
    path.write_text('{"config": ' + "[" * 50 + "]" * 50 + "}", encoding="utf-8")
    with pytest.raises(InputError, match="nested deeper than 40 levels"):
        Request.read(path)


def test_json_that_yaml_cannot_hold_still_names_the_field(tmp_path: Path) -> None:
    """A control character in a text: JSON takes it, YAML does not, so no line is known."""
    path = tmp_path / "request.json"
    path.write_text('{"model": "a\x7fb", "isl": 100, "osl": "many"}', encoding="utf-8")
    with pytest.raises(InputError, match=r"request\.json: osl: "):
        Request.read(path)


OLD_NUMBERS = ("0100", "00", "1:30", "1:30.5", "0x1F", "0b11", "1_000", "1_0.5", "+0x0A", "007.5")
OLD_TRUTHS = ("yes", "No", "ON", "off")


@pytest.mark.parametrize("text", [*OLD_NUMBERS, *OLD_TRUTHS])
@pytest.mark.parametrize("place", ["users: {}", "model: {}", "config: {{a: [{}]}}", "{}: 4"])
def test_what_only_old_yaml_takes_for_a_number_or_a_truth_is_refused_everywhere(text: str, place: str, tmp_path: Path) -> None:
    """In silence it would plan for another load: `0100` is 64 there, `1:30` is 90, `yes` is one. Held to the reader of YAML 1.1 itself."""
    assert not isinstance(yaml.safe_load(text), str)
    path = tmp_path / "request.yaml"
    path.write_text(f"isl: 5\n{place.format(text)}\n")
    with pytest.raises(InputError) as caught:
        Request.read(path)
    assert caught.value.message.startswith(f"{path}:2: {text!r} ") and "quotes" in caught.value.message


@pytest.mark.parametrize(("text", "value"), [("100", 100), ("1e2", 100), ("1.0e+2", 100), ("+100", 100), ("'100'", 100)])
def test_numbers_of_yaml_1_2_are_read(text: str, value: int, tmp_path: Path) -> None:
    """Decimals, with an exponent too; a plain number in quotes is one."""
    path = tmp_path / "request.yaml"
    path.write_text(f"model: a\nisl: {text}\n")
    assert value == Request.read(path).isl


@pytest.mark.parametrize("text", ["0100", "1:30", "yes", "2026-07-20", "1e5", "-2E+3"])
def test_a_text_in_quotes_stays_one_and_is_written_so(text: str, tmp_path: Path) -> None:
    """What we write ourselves is read again, whatever a name looks like; a date is a text until a field asks for one."""
    request = Request(model=text)
    request.write(tmp_path)
    assert request == Request.read(tmp_path / "request.yaml")
