"""docs/reference/bill.md: what a usage.yaml may set, and in which class each resource type is, from the facts and the pricers."""

from __future__ import annotations

from collections.abc import Iterator

from tools.reference.markdown import code, page, table

INTRODUCTION = """
Every resource of a program ends in exactly one of four buckets, by its worst part:

| bucket | what it says | in the total |
|---|---|---|
| unpriced | it is charged, or may be, and no price is known; one that may bear a GPU refuses the total (exit 1) | no |
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
"""


def text() -> str:
    from records.facts import load

    classes = load("pricing")["classes"]
    return page(
        "The bill",
        INTRODUCTION,
        "## What a usage.yaml sets\n",
        USAGE,
        _usage(),
        "## Types with a price\n",
        table(("type", "rules of"), _priced()),
        "## Types whose price no source gives\n",
        "Each is unpriced and counted in every bill that holds one.\n",
        table(("type", "why"), [(code(kind), why) for kind, why in classes["rate_missing"].items()]),
        "## Types without a charge\n",
        f"Source: {classes['source']}. `*` stands for every type that begins so.\n",
        table(("type", "why"), [(code(kind), why) for kind, why in classes["free"].items()]),
    )


def _usage() -> str:
    from pricing import usage

    rows = [
        (code(kind), code(key), one["unit"], "none" if one["default"] is None else f"{one['default']:,}", one["basis"])
        for kind, keys in usage.table().items()
        for key, one in keys.items()
    ]
    return table(("type", "key", "unit", "default", "the default is"), rows)


def _priced() -> Iterator[tuple[str, str]]:
    from pricing.bill import pricers

    for kind, pricer in sorted(pricers().items()):
        yield code(kind), code(f"{pricer.__module__.replace('.', '/')}.py")
