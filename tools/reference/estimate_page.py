"""docs/reference/estimate.md: the batch interface, key by key."""

from __future__ import annotations

from tools.reference.markdown import code, page, table

INTRODUCTION = """
`python -m sizing.estimate` reads questions, a JSON object a line, and writes one answer a line in the same order. It needs no
network. Exit code 0 when every line got an answer or an `error`; 2 when a line is no JSON object, which is named on stderr.
A question gives one of `model` and `config`, one of `gpu` and `instance_type`, and, unless it is of memory alone, `isl` and `osl`. Its keys
are keys of a [request](records.md#requestyaml): what a request may hold, a question may, and what is refused is refused in the same words.

```console
$ echo '{"model": "Llama-3.3-70B-Instruct", "gpu": "H100", "tp": 4, "isl": 1024, "osl": 256, "concurrency": 16}' | python -m sizing.estimate
```
"""


def text() -> str:
    from inferstack.records.files import keys
    from sizing.batch.keys import BEYOND, QUESTION, answer_keys

    asked = [(code(name), _marked(keys.allowed(field) or ""), field.description or "") for name, field in QUESTION.items()]
    answered = [(code(name), unit, says) for name, (unit, says) in answer_keys().items()]
    return page(
        "The batch interface",
        INTRODUCTION,
        "## A question\n",
        table(("key", "allowed", "meaning"), asked),
        "## An answer\n",
        table(("key", "unit", "meaning"), answered),
        "## What lies beyond the estimate\n",
        "No key says these, and a question that holds one is answered with an `error`. The contract of a figure ends where "
        "one of them holds.\n",
        table(("asked elsewhere as", "why it is beyond the estimate"), [(code(name), says) for name, says in BEYOND.items()]),
    )


def _marked(words: str) -> str:
    """Set the values that a sentence quotes as code."""
    return words.replace("'", "`")
