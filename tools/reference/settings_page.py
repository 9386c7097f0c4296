"""docs/reference/settings.md: every setting with its sources and default, the secrets, and the other variables that are read."""

from __future__ import annotations

from typing import Any

from tools.reference.markdown import code, page, table

FLAGS = {"ami_id": "--ami"}
INTRODUCTION = """
A setting comes from, the later the stronger: its default, AWS's own variables, the settings file, the environment, a flag.
`inferstack settings` prints each value with the place it came from.

The settings file is `inferstack.yaml` in the current folder, else beside the checkout; `INFERSTACK_SETTINGS` names another one. A
setting that is not known, or a value that cannot be, ends the command with exit code 2, the file and the line.
"""
LISTS = "In the environment a list is `a,b` and a mapping is `name=value,name=value`.\n"
STACK = """
## What is fixed with a stack

Region, base, and whether the stack is a rehearsal are recorded in `.inferstack/<stack>/stack.json` when the stack is made.
Account and image are recorded by its first `preview` or `up`, the expiry by its first `up`, and later settings do not move them;
`inferstack extend` moves the expiry, `inferstack down` clears image and expiry. What the Pulumi program is told stands in
`stacks/Pulumi.<stack>.yaml`; the keys are these.
"""
SECRETS = (
    ("API key of the endpoint", "`INFERSTACK_API_KEY`, or `--api-key-file FILE`", "made at random when neither is given"),
    ("Hugging Face token", "`HF_TOKEN`, or `--hf-token-file FILE`", "needed only for gated models that are fetched from the hub"),
)
VARIABLES = {
    "INFERSTACK_STACK": "which stack, where `--stack` is left out",
    "INFERSTACK_SETTINGS": "the settings file",
    "INFERSTACK_DIR": "the work folder instead of the `.inferstack/` of the current folder or its nearest parent",
    "INFERSTACK_PULUMI": "the `pulumi` command to use",
    "INFERSTACK_OFFICIAL_PULUMI": "`no`: never run Pulumi's own installer",
    "INFERSTACK_CALLER_POLICIES": (
        "what the caller of a rehearsal may: paths of policy documents, separated by commas, or `none` (everything); "
        "left out: the [published policies](permissions.md)"
    ),
    "INFERSTACK_HOSTS": "kind of rehearsal hosts: `nspawn`, `process` (an error where it cannot run) or `none` (instances are records)",
    "XDG_CACHE_HOME": "where caches lie: `$XDG_CACHE_HOME/inferstack`, default `~/.cache/inferstack`",
    "XDG_STATE_HOME": "of an installed wheel: the work folder's place",
    "NO_COLOR": "no colours",
    "HF_ENDPOINT": "a mirror of the Hugging Face hub",
    "HF_HUB_OFFLINE": "`1`: the hub is not asked; a command that would need it says so",
    "PULUMI_BACKEND_URL": "where the state of a real stack is kept, where `backend` is not set",
    "SYSTEM_PACKAGES": "`no`: `make` installs no Debian package",
}
INTERNAL = {
    "INFERSTACK_API_KEY": "a secret, above",
    "INFERSTACK_ENV_BEFORE": "file (0600) of what `inferstack env` found, for `--unset`",
    "INFERSTACK_COMMAND": "marks the processes of a command, so that the next one can end what a killed one left",
    "INFERSTACK_COMPLETE": "completion in the shell",
    "INFERSTACK_LOADED": "on a node, digest of what an engine was started with",
}
KEYS = {
    "region": "AWS region",
    "account_id": "the one account that the stack is bound to",
    "kind": "`base` or `cluster`",
    "rehearsal": "whether it lives on the embedded AWS",
    "base": "cluster only: its base stack",
    "expires_at": "cluster only: when AWS removes the nodes",
    "egress": "how nodes reach package indexes: `nat` or `none`",
    "ami_id": "cluster only: image of the nodes",
    "ssh_public_key": "cluster only: the key that the nodes' login accepts",
    "vpc_id": "the network to adopt",
    "subnet_ids": "its private subnets",
    "max_usd_per_hour": "the ceiling that `preview` holds",
    "budget_usd_per_month": "base only: limit of the AWS budget",
    "tags": "additional tags for every resource",
}


def text() -> str:
    from inferstack.cli.settings import Settings

    rows = [_row(name, field) for name, field in Settings.model_fields.items()]
    return page(
        "Settings",
        INTRODUCTION,
        table(("setting", "meaning", "default", "environment", "flag", "allowed"), rows),
        LISTS,
        "## Secrets\n",
        "A secret is never a flag's value and never stands in a file of inferstack.\n",
        table(("secret", "from", "note"), SECRETS),
        "## Other variables that are read\n",
        table(("variable", "meaning"), [(code(name), meaning) for name, meaning in VARIABLES.items()]),
        "`HTTPS_PROXY`, `NO_PROXY`, `AWS_CA_BUNDLE`, `AWS_PROFILE` and the rest of AWS's and Pulumi's variables mean what they mean\n"
        "there. A rehearsal takes away every `AWS_*` and `PULUMI_*` variable of yours while it works.\n",
        STACK,
        table(("key", "field", "meaning", "default"), list(_stack_keys())),
    )


def variables_in_code() -> set[str]:
    """Every INFERSTACK_ variable that the source of the packages names."""
    import re
    from pathlib import Path

    root = Path(__file__).resolve().parents[2]
    packages = ("inferstack", "infra", "stacks", "playbooks")
    sources = [path for package in packages for path in (root / package).rglob("*.py")]
    return {found for path in sources for found in re.findall(r"\bINFERSTACK_[A-Z]+(?:_[A-Z]+)*\b", path.read_text(encoding="utf-8"))}


def _row(name: str, field: Any) -> tuple[str, ...]:
    from inferstack.cli.settings import AWS_OWN, PREFIX

    variables = [f"{PREFIX}{name.upper()}", *AWS_OWN.get(name, ())]
    return (code(name), field.description or "", _default(field), ", ".join(map(code, variables)), _flag(name), _allowed(field))


def _flag(name: str) -> str:
    """Where a verb has it."""
    from tools.reference.options import verbs_by_option

    flag = FLAGS.get(name, "--" + name.replace("_", "-"))
    verbs = verbs_by_option().get(flag, [])
    return f"{code(flag)} ({', '.join(verbs)})" if verbs else ""


def _default(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    return "" if value in (None, (), {}) else code(value)


def _allowed(field: Any) -> str:
    from typing import get_args

    patterns = [code(getattr(one, "pattern", None)) for one in field.metadata if getattr(one, "pattern", None)]
    if patterns:
        return patterns[0]
    choices = [str(one) for one in get_args(field.annotation) if isinstance(one, str)]
    return " or ".join(map(code, choices))


def _stack_keys() -> Any:
    from inferstack.records.settings import StackConfig
    from stacks.settings import ACCOUNTS, FIELDS, REGION

    for key, name in ((REGION, "region"), (ACCOUNTS, "account_id"), *((key, name) for name, key in FIELDS.items())):
        field = StackConfig.model_fields[name]
        yield code(key), code(name), field.description or KEYS[name], "required" if field.is_required() else _default(field)
