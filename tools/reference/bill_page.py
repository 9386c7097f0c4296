"""docs/reference/bill.md: what a usage.yaml may set, and in which class each resource type is, from the facts and the pricers."""

from __future__ import annotations

from collections.abc import Iterator

from tools.reference.markdown import code, page, table

INTRODUCTION = """
Every resource of a program ends in exactly one of four buckets, by its worst part:

| bucket | what it says | in the total |
|---|---|---|
| unpriced | charged, or perhaps, and no price is known: it refuses the total (exit 1) or makes it a lower bound (`at least`) | no |
| priced | quantity x unit price, all the time that it exists | yes |
| usage-based | charged by what is used; the assumption stands on the line | where a usage.yaml sets it |
| free | no charge of its own, with the reason | nothing to add |

`inferstack bill FILE` prices a program of anyone: FILE is what `pulumi preview --json --show-sames` wrote. How to read a bill:
[read the bill](../how-to/read-the-bill.md). Worked examples: [examples/bills](../../examples/bills).
"""
USAGE = """
`usage.yaml` beside `inferstack.yaml`, or the file of `--usage`:

```yaml
usage:
  "aws:ec2/natGateway:NatGateway":            # a type: all resources of it
    data_gb: 300
  "aws:s3/bucket:Bucket::weights-*":          # type::name, with * and ?
    storage_gb: 900
```

A later entry wins over an earlier one that fits the same resource. What is not set keeps its default: it is shown, and is in no total.

Beside every key of an amount a month stands a `KEY_once`: an amount over the whole life of the stack. It is in no hour and no month, and
counts whole until the stack expires and against `--max-usd`. Said alone it takes the place of the default.

`rates:` are prices of your own, each for one key (`inferstack prices list`) and one region:

```yaml
rates:
  - {key: ec2/on-demand/p5.48xlarge, region: us-east-1, usd: 38.5, as_of: "2026-11-01", source: our agreement}
```
"""
UNREAD = """
An input that decides a price and that no rule reads makes a line unpriced, whatever it is set to but the values that ask for nothing: a
line of its own where a charge comes on top, every line of the resource where the price is another. Every other input of the provider's
schema is read or costs nothing.
"""
STARTS = """
Each may bear a GPU, unless every instance type that it names has none: then it is unpriced and does not refuse the total. So may a type
that the bill does not know, where an input names an instance type with an accelerator, a GPU, or a launch template.
`*` stands for any text.
"""


def text() -> str:
    from inferstack.records.files.facts import load

    classes = load("pricing")["classes"]
    return page(
        "The bill",
        INTRODUCTION,
        "## What a usage.yaml sets\n",
        USAGE,
        _usage(),
        "## Types with a price\n",
        table(("type", "rules of"), _priced()),
        "## Inputs that no rule reads\n",
        UNREAD,
        table(("type", "input", "what it decides", "values that ask for nothing"), _unread()),
        "## Types that may start GPUs\n",
        STARTS,
        table(("type", "why"), _starts()),
        "## Types whose price no source gives\n",
        "Each is unpriced and counted in every bill that holds one.\n",
        table(("type", "why"), [(code(kind), why) for kind, why in classes["rate_missing"].items()]),
        "## Types without a charge\n",
        f"Source: {classes['source']}. `*` stands for every type that begins so.\n",
        table(("type", "why"), [(code(kind), why) for kind, why in classes["free"].items()]),
    )


def _usage() -> str:
    from inferstack.pricing.bill import usage

    rows = [
        (code(kind), code(key), one["unit"], "none" if one["default"] is None else f"{one['default']:,}", one["basis"])
        for kind, keys in usage.table().items()
        for key, one in keys.items()
        if not one.get("once")
    ]
    return table(("type", "key", "unit", "default", "the default is"), rows)


def _unread() -> Iterator[tuple[str, str, str, str]]:
    from inferstack.pricing.bill import deciding

    for kind, known in sorted(deciding.table().items()):
        for name in ("decides", "adds"):
            for path, why in known.get(name, {}).items():
                harmless = ", ".join(code(str(value)) for value in known.get("harmless", {}).get(path, ()))
                yield code(kind), code(path), why, harmless


def _starts() -> Iterator[tuple[str, str]]:
    from inferstack.records.files.facts import load

    classes = load("pricing")["classes"]
    yield from ((code(kind), why) for kind, why in classes["starts_instances"].items())
    for kind, settings in classes["starts_instances_when"].items():
        yield from ((f"{code(kind)} with {code(path)}", why) for path, why in settings.items())


def _priced() -> Iterator[tuple[str, str]]:
    from inferstack.pricing.bill.bill import pricers

    for kind, pricer in sorted(pricers().items()):
        yield code(kind), code(f"{pricer.__module__.replace('.', '/')}.py")
