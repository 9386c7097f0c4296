"""What `--policy-pack stacks/policy` runs. Making the pack starts its server and does not return: the policies are in `cost.py`."""

from __future__ import annotations

from pulumi_policy import PolicyPack

from stacks.policy import configuration
from stacks.policy.cost import POLICIES

configuration.take_from_the_engine()
PolicyPack("inferstack-cost", policies=POLICIES)
