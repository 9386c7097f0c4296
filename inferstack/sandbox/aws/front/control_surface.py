"""The control surface under `/_inferstack/`: loopback only, with the token of daemon.json."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from typing import Any

from inferstack.records.errors import InputError
from inferstack.sandbox.aws.front.answers import HttpAnswer, as_json

Question = Callable[[dict[str, Any]], dict[str, Any]]


class Controls:
    def __init__(self, token: str, questions: dict[str, Question]) -> None:
        self._token = token
        self._questions = questions

    def __call__(self, what: str, environ: dict[str, Any], body: bytes) -> HttpAnswer:
        if not hmac.compare_digest(environ.get("HTTP_X_INFERSTACK_TOKEN", "").encode(), self._token.encode()):
            return as_json(403, {"error": "wrong token"})
        if what not in self._questions:
            return as_json(404, {"error": f"no control {what!r}; there are {', '.join(sorted(self._questions))}"})
        try:
            return as_json(200, self._questions[what](json.loads(body or b"{}")))
        except InputError as error:
            return as_json(400, {"error": error.message})
        except (KeyError, TypeError, ValueError) as error:
            return as_json(400, {"error": f"{type(error).__name__}: {error}"})
