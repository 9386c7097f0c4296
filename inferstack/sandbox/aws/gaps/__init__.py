"""The gaps of moto 5.2.5 that the chain meets, each filled in a file of its service; the registry is the list below."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from inferstack.sandbox.aws.gaps.patch import Patch, applied
from inferstack.sandbox.aws.world import SandboxWorld

SERVICES = (
    "autoscaling",
    "budgets",
    "iam",
    "instances",
    "kms",
    "launch_templates",
    "logs",
    "nat_gateways",
    "offers",
    "quotas",
    "s3",
    "scheduler",
    "security_groups",
    "ssm",
    "ssm_images",
    "vpc_endpoints",
    "zones",
)


def patches(world: SandboxWorld) -> list[Patch]:
    """Return the patches of every service, in the order of the registry."""
    return [patch for service in SERVICES for patch in import_module(f"inferstack.sandbox.aws.gaps.{service}").patches(world)]


@contextmanager
def filled(world: SandboxWorld) -> Iterator[None]:
    """While it holds, moto's classes answer with our additions."""
    with applied(patches(world)):
        yield
