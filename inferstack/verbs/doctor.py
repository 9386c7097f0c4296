"""`inferstack doctor`: what is missing on this machine, and the one line that mends it."""

from __future__ import annotations

import typer

from inferstack.cli import options
from inferstack.cli.options import DEFAULT_STACK, Json, Stack, Verbose, Yes


def app() -> typer.Typer:
    return options.one(doctor)


def doctor(stack: Stack = DEFAULT_STACK, as_json: Json = False, yes: Yes = False, verbose: Verbose = False) -> int:
    """Say what is missing on this machine and the command that mends it; exit 3 if nothing works without it."""
    from inferstack.actions import doctor as examination
    from inferstack.cli import command

    at = command.begin("doctor", stack, as_json=as_json, yes=yes, verbose=verbose)
    found = examination.findings()
    code = examination.exit_code(found)
    at.screen.answer({"ready": code == 0, "findings": [one.as_dict() for one in found]})
    for one in found:
        mark = "ok     " if one.ok else "missing"
        at.screen.say(f"{mark} {one.name:<24} {one.found}" + ("" if one.ok else f"  [for {one.needed_for}]  mend: {one.mend}"))
    at.screen.say("Ready." if code == 0 else "Not ready: mend the lines marked missing for everything.")
    return code
