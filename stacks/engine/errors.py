"""What the engine's failures mean: refusals of the cloud, mistakes of the user, a lock held by another."""

from __future__ import annotations

import re
from collections.abc import Iterable

from inferstack.records.errors import CloudRefused, InferstackError, InputError
from infra.calls import refusals

HOLDER = re.compile(r"created by (?P<user>[^@\s]+)@(?P<host>\S+) \(pid (?P<pid>\d+)\)")
PROVIDER_DIED = re.compile(r"reading from server: EOF|transport is closing|error reading from server|plugin .* exited|connection refused")
PROTECTED = re.compile(r"(cannot be deleted|marked for protection|is protected|protected resource)")


def locked(text: str, stack: str) -> InputError:
    """Another engine is at work, or one on another machine was."""
    held = HOLDER.search(text)
    who = f"{held['user']}@{held['host']}, process {held['pid']}" if held else "another pulumi"
    hint = "wait for it or stop it with Ctrl-C; if its machine no longer exists: pulumi cancel --stack " + stack
    return InputError(f"stack {stack} is locked by {who}", hint=hint)


def explained(
    errors: Iterable[str], *, output: str, stack: str, instance_type: str | None = None, region: str | None = None
) -> InferstackError:
    """`errors` are the diagnostics of severity error, each once; `output` is what else the engine said."""
    told = [text for text in errors if text]
    whole = "\n".join(told) or output
    first = told[0] if told else _last_error(output)
    if "passphrase" in whole and ("must be set" in whole or "incorrect" in whole):
        return InputError(_line(whole), hint="set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE for this backend")
    if PROTECTED.search(whole):
        named = next((text for text in told if PROTECTED.search(text)), first)
        return InputError(
            f"stack {stack} is protected: {_line(named)}",
            hint=f"inferstack down removes clusters; pulumi state unprotect --all --stack {stack} lifts the protection",
        )
    if PROVIDER_DIED.search(whole):
        named = next((text for text in told if PROVIDER_DIED.search(text)), first)
        hint = "run the same command again: it first looks for resources that the provider may have created without reporting them"
        return CloudRefused(f"the AWS provider ended during an operation: {_line(named)}", kind="provider", hint=hint)
    code = refusals.code_in(whole)
    if code:
        named = next((text for text in told if refusals.code_in(text)), whole)
        return refusals.explained_text(_line(named), instance_type=instance_type, region=region)
    return CloudRefused(
        _line(first) or "the engine failed without a message", hint="fix what the message names, then run the same command again"
    )


def _last_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if line.startswith("error:")), lines[-1] if lines else "")


def _line(text: str) -> str:
    return " ".join(text.split()).removeprefix("error: ")
