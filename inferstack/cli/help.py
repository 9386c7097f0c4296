"""What `--help` prints: verbs in groups, options in panels, examples; and the verb or flag that is meant by another tool's word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from inferstack.records.errors import InputError
from inferstack.records.files.keys import Section

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Decide": ("plan", "explain", "simulate", "compare", "fleet", "bill", "diff", "report", "export"),
    "Build": ("preview", "up", "configure", "connect", "bench", "extend", "down", "demo"),
    "Look": ("status", "runs"),
    "Set up": ("doctor", "env", "weights", "model", "prices", "settings"),
}
"""Each verb of the list, in the order in which a newcomer meets it. `migrate` is not listed while there is one version of the records."""

PANELS: Mapping[Section, str] = {
    Section.MODEL: "Model",
    Section.LENGTHS: "Load",
    Section.LOAD: "Load",
    Section.PEOPLE: "Load",
    Section.RUN: "Load",
    Section.TARGETS: "Targets",
    Section.SERVICE: "Targets",
    Section.CONTEXT: "Engine",
    Section.LAYOUT: "Layout",
    Section.MACHINES: "Where",
    Section.LIMITS: "Where",
    Section.SPECIAL: "Layout",
}
OWN_PANELS: Mapping[str, str] = {
    "engine": "Engine",
    "engine_version": "Engine",
    "prefix_hit_rate": "Load",
    "domicile": "Where",
    "guards": "Model",
    "split": "Layout",
    "max_usd_per_hour": "Limits",
    "max_usd": "Limits",
    "expires_in": "Limits",
    "max_increase": "Limits",
    **dict.fromkeys(("speculative_method", "speculative_tokens", "acceptance_rate", "speculative_model"), "Speculation"),
    **dict.fromkeys(("lora_slots", "lora_rank", "lora_modules"), "LoRA"),
    **dict.fromkeys(("images_per_request", "image_pixels", "image_tokens"), "Images"),
    **dict.fromkeys(("stack", "as_json", "yes", "verbose", "help", "version"), "Every verb"),
    **dict.fromkeys(("profile", "backend", "rehearse", "ami", "base", "egress"), "Account"),
}
"""Options that stand in another panel than their section's, and options that are no key of a request."""
ORDER = (
    "Model", "Engine", "Load", "Targets", "Layout", "Where", "Limits", "Speculation", "LoRA", "Images", "Options", "Account", "Every verb",
)  # fmt: skip

LLAMA = "--model meta-llama/Llama-3.3-70B-Instruct"
EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "plan": (
        "inferstack plan --model Llama-3.3-70B-Instruct --request-rate 20 --itl-ms 33",
        "inferstack plan --model Llama-3.1-8B-Instruct --users 50 --weight-quant fp8",
        "inferstack plan request.yaml --max-usd-per-hour 60",
    ),
    "explain": (
        'inferstack explain "does Llama 3.3 70B fit on one H100?"',
        "inferstack explain --model Llama-3.1-8B-Instruct --users 16",
    ),
    "simulate": ("inferstack simulate", "inferstack simulate --arrivals gamma:0.1 --svg burst.svg"),
    "compare": (
        "inferstack compare --model Llama-3.3-70B-Instruct --tokens-per-day 50000000",
        "inferstack compare --hours-per-week 40 --months 12",
    ),
    "fleet": ("inferstack fleet examples/fleet-of-five/fleet.yaml", "inferstack fleet fleet.yaml --region us-west-2"),
    "bill": ("inferstack bill plan.json", "inferstack bill registrations.json --markdown"),
    "diff": ("inferstack diff a/plan.json b/plan.json", "inferstack diff RUN_A RUN_B --max-increase 10"),
    "report": ("inferstack report", "inferstack report plan.json --out decision.html"),
    "export": ("inferstack export --to vllm plan.json", "inferstack export --to kubernetes plan.json"),
    "preview": ("inferstack preview --rehearse", "inferstack preview --stack chat --max-usd 200 --expires-in 8h"),
    "up": ("inferstack up --rehearse", "inferstack up --stack chat --expires-in 8h --max-usd 500"),
    "configure": ("inferstack configure", "inferstack configure --stack chat --verbose"),
    "connect": ("inferstack connect", "inferstack connect --stack chat"),
    "bench": ("inferstack bench", "inferstack bench --request-rate 10 --num-requests 500"),
    "extend": ("inferstack extend --by 4h", "inferstack extend --stack chat --by 1d"),
    "down": ("inferstack down", "inferstack down --stack chat --yes"),
    "demo": ("inferstack demo", "inferstack demo --yes"),
    "status": ("inferstack status", "inferstack status --all"),
    "runs": ("inferstack runs", "inferstack runs --stack chat --json"),
    "doctor": ("inferstack doctor", "inferstack doctor --json"),
    "env": ('eval "$(inferstack env --stack chat)"', "inferstack env --unset"),
    "weights": ("inferstack weights put ./my-model --stack chat", "inferstack weights put ./my-model --as me/my-model"),
    "model": ("inferstack model list", "inferstack model show Llama-3.3-70B-Instruct"),
    "prices": ("inferstack prices list --regions", "inferstack prices refresh --region us-east-1"),
    "settings": ("inferstack settings", "inferstack settings --json"),
    "migrate": ("inferstack migrate", "inferstack migrate --stack chat"),
}
START = (
    "Start here:",
    f"  inferstack plan {LLAMA} --request-rate 20",
    "  inferstack VERB -h           options and examples of one verb",
    "  docs/README.md               tutorial, how-to pages and reference",
)

VERBS_ELSEWHERE: Mapping[str, str] = {
    "apply": "up", "create": "up", "deploy": "up", "launch": "up", "start": "up", "provision": "up",
    "destroy": "down", "delete": "down", "remove": "down", "rm": "down", "stop": "down", "terminate": "down", "teardown": "down",
    "ps": "status", "show": "status", "info": "status", "list": "runs", "ls": "runs", "history": "runs",
    "logs": "status", "log": "status", "ssh": "env", "exec": "env", "shell": "env",
    "estimate": "simulate", "size": "plan", "cost": "bill", "price": "bill", "breakdown": "bill", "offer": "plan", "recommend": "plan",
    "init": "plan", "new": "plan", "check": "doctor",
    "benchmark": "bench", "load-test": "bench", "curl": "connect", "port-forward": "connect", "serve": "up", "run": "up",
    "convert": "export", "refresh": "prices refresh", "models": "model list", "config": "settings",
}  # fmt: skip
"""Words of other tools (Terraform, SkyPilot, dstack, kubectl, infracost, aiconfigurator) -> the verb that is meant."""
FLAGS_ELSEWHERE: Mapping[str, str] = {
    "--tpot-ms": "--itl-ms", "--tpot": "--itl-ms", "--ttft": "--ttft-ms", "--itl": "--itl-ms", "--e2e": "--e2e-ms",
    "--max-price": "--max-usd-per-hour", "--budget": "--max-usd", "--quantization": "--weight-quant", "--dtype": "--weight-quant",
    "--quant": "--weight-quant", "--input-len": "--isl", "--output-len": "--osl", "--input-tokens": "--isl", "--output-tokens": "--osl",
    "--rps": "--request-rate", "--qps": "--request-rate", "--rate": "--request-rate", "--max-concurrency": "--concurrency",
    "--tensor-parallel-size": "--tp", "--pipeline-parallel-size": "--pp", "--data-parallel-size": "--dp", "--replicas": "--dp",
    "--gpus": "--gpu", "--accelerator": "--gpu", "--instance": "--instance-type", "--backend-version": "--engine-version",
    "--min-bits": "--any-quant", "--ttl": "--expires-in", "--for": "--by", "--until": "--by", "--infra": "--region",
    "--kv-cache-dtype": "--kv-quant", "--num-prompts": "--num-requests", "--auto-approve": "--yes", "--output": "--out",
}  # fmt: skip


class Verb(TyperCommand):
    """A verb whose help has its options in panels and ends with examples."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Raises InputError where an option is another tool's word for one of this verb."""
        try:
            return super().parse_args(ctx, args)
        except TyperException as error:
            word = str(getattr(error, "option_name", ""))
            meant = flag_meant(word, frozenset(name for one in self.params for name in one.opts))
            if meant is None:
                raise
            raise InputError(
                f"{word}: no such option of {ctx.command_path}; did you mean {meant}?", hint=f"{ctx.command_path} --help"
            ) from None

    def format_options(self, ctx: Any, formatter: Any) -> None:
        panels: dict[str, list[tuple[str, str]]] = {}
        for one in self.get_params(ctx):
            record = one.get_help_record(ctx)
            if record is not None:
                panels.setdefault(panel(one), []).append(record)
        for title in sorted(panels, key=lambda title: ORDER.index(title) if title in ORDER else -1):
            with formatter.section(title):
                formatter.write_dl(panels[title], col_max=28)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        _examples(formatter, self.name)


class VerbGroup(TyperGroup):
    """A verb with verbs of its own; its help ends with examples."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        _examples(formatter, self.name)


def panel(parameter: Any) -> str:
    """Return the panel of an option; an argument has its own."""
    from inferstack.cli.request_flags import FLAGS

    if parameter.param_type_name == "argument":
        return "Arguments"
    own = OWN_PANELS.get(parameter.name)
    return own or (PANELS[FLAGS[parameter.name].section] if parameter.name in FLAGS else "Options")


def groups(formatter: Any, summaries: Mapping[str, str]) -> None:
    """Write the verbs by group, a line each."""
    width = max(map(len, summaries)) + 2
    for title, names in GROUPS.items():
        with formatter.section(title):
            for name in names:
                formatter.write(f"{'':>{formatter.current_indent}}{name:<{width}}{summaries[name]}\n")
    formatter.write_paragraph()
    formatter.write("\n".join(START) + "\n")


def _examples(formatter: Any, name: str | None) -> None:
    if name is not None and name in EXAMPLES:
        with formatter.section("Examples"):
            for one in EXAMPLES[name]:
                formatter.write(f"{'':>{formatter.current_indent}}{one}\n")


def verb_meant(word: str) -> str | None:
    """Return the verb that other tools call so."""
    return VERBS_ELSEWHERE.get(word.lower())


def flag_meant(word: str, known: frozenset[str]) -> str | None:
    """Return the flag of this verb that other tools call so."""
    meant = FLAGS_ELSEWHERE.get(word.partition("=")[0])
    return meant if meant in known else None
