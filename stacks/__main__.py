"""What plain `pulumi` runs: `main: stacks` in Pulumi.yaml."""

from __future__ import annotations

from stacks.program import main

main()
