"""The stack's configuration inside a policy pack."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi_policy import policy


def take_from_the_engine() -> None:
    """Engines of today tell a pack its stack's configuration by ConfigureStack, of which pulumi-policy 1.21 keeps the tags alone.

    Older ones set PULUMI_CONFIG, which pulumi-policy reads by itself.
    """
    servicer: Any = policy._PolicyAnalyzerServicer
    tags_alone = servicer.ConfigureStack

    def configure_stack(self: Any, request: Any, context: Any) -> Any:
        for key, value in request.config.items():
            pulumi.runtime.set_config(key, value)
        return tags_alone(self, request, context)

    servicer.ConfigureStack = configure_stack
