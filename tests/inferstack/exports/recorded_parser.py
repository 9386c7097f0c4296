"""A parser of the options that `vllm serve` was recorded to have: the frozen table of the facts, read out of vLLM's own parser."""

from __future__ import annotations

import argparse

from inferstack.records import engines


class Vllm(argparse.ArgumentParser):
    """Options with their types, choices and numbers of words; nothing is said of defaults."""

    def __init__(self) -> None:
        super().__init__(allow_abbrev=False, exit_on_error=False)
        for row in engines.options("vllm"):
            if row["options"][0].startswith("-"):
                self._of(row)

    def _of(self, row: dict[str, str]) -> None:
        kind, names = row["kind"], row["options"]
        if kind in ("flag", "bool"):
            switches_off = [name for name in names if name.startswith(("--no-", "--disable-"))] if kind == "bool" else []
            on = self.add_argument(*[name for name in names if name not in switches_off], action="store_true")
            if switches_off:
                self.add_argument(*switches_off, action="store_false", dest=on.dest)
            return
        type_ = {"int": int, "float": float}.get(row.get("type", ""), str)
        choices = [type_(choice) for choice in row["choices"].split("|")] if "choices" in row else None
        many = {"nargs": row["nargs"]} if row.get("nargs") in ("+", "*") else {}
        self.add_argument(*names, type=type_, choices=choices, **many)
