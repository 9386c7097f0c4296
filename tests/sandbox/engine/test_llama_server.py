"""The engine that answers: llama-server's flags, its key, real tokens of the tiny model."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inferstack.sandbox.engine import server, tiny_model

KEY = "canary"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    tiny_model.make(folder)
    return folder / "tiny.gguf"


@pytest.fixture(scope="module")
def url(model: Path) -> Iterator[str]:
    keys = model.parent / "keys"
    keys.write_text(KEY + "\n")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    argv = [sys.executable, "-I", server.__file__, "--model", str(model), "--alias", tiny_model.NAME, "--port", str(port), "--metrics"]
    running = subprocess.Popen([*argv, "--api-key-file", str(keys)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert running.stdout
    while not running.stdout.readline().startswith("ready"):
        assert running.poll() is None, "the engine ended"
    yield f"http://127.0.0.1:{port}"
    running.terminate()
    assert 0 == running.wait(20)
    running.stdout.close()


def ask(url: str, *, key: str = KEY, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(url, data=data, headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def test_a_completion_has_exactly_the_tokens_asked_for(url: str) -> None:
    """Rule: prompt and output lengths are known beforehand: one token for BOS and each word, ignore_eos gives max_tokens."""
    asked = {"prompt": " ab cd ef", "max_tokens": 12, "temperature": 0, "ignore_eos": True}
    status, text = ask(f"{url}/v1/completions", body=asked)
    answer = json.loads(text)
    assert (200, 4, 12) == (status, answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"])
    words = answer["choices"][0]["text"].split()
    assert 12 == len(words)
    assert all(word.isalpha() and word.islower() and len(word) <= 2 for word in words)
    assert answer["choices"][0]["text"] == json.loads(ask(f"{url}/v1/completions", body=asked)[1])["choices"][0]["text"]


def test_a_stream_ends_with_its_usage(url: str) -> None:
    """Rule: the load generator counts tokens from the last chunk of a stream."""
    asked = {"messages": [{"role": "user", "content": " ab cd"}], "max_tokens": 5, "ignore_eos": True, "stream": True}
    _, text = ask(f"{url}/v1/chat/completions", body={**asked, "stream_options": {"include_usage": True}})
    chunks = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    assert (5, 5) == (chunks[-1]["usage"]["completion_tokens"], chunks[-1]["usage"]["prompt_tokens"])
    assert "data: [DONE]" in text


def test_only_health_is_open_without_the_key(url: str) -> None:
    """Rule: the key covers everything but /health, metrics included."""
    codes = {path: ask(url + path, key="wrong")[0] for path in ("/health", "/metrics", "/v1/models", "/slots")}
    assert {"/health": 200, "/metrics": 401, "/v1/models": 401, "/slots": 401} == codes
    assert "llamacpp:requests_processing" in ask(f"{url}/metrics")[1]


@pytest.mark.parametrize(
    "flags", [["--gpu-layers", "3"], ["--threads", "0"], ["--ctx", "512"], ["--port", "http"], ["--api-key-file", "missing"]]
)
def test_an_unknown_flag_or_value_exits_2(model: Path, flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Rule: as llama-server does, so that a wrong flag of the role is found in a rehearsal; abbreviations are unknown too."""
    with pytest.raises(SystemExit) as ended:
        server.parser().parse_args(["--model", str(model), "--alias", "a", *flags])
    assert 2 == ended.value.code
    assert flags[0] in capsys.readouterr().err
