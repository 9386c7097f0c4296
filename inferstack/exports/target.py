"""What the file of a tool in this folder says of it. To add a tool, write `inferstack/exports/<name>.py` with an `ExportTarget`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

from inferstack.exports.deployment import Deployment


@dataclass(frozen=True)
class Content:
    """The document without its header. `use`: the commands that take it; `needs`: what must be there before; `lacks`: what the document
    does not carry, beside what no export carries."""

    body: str
    use: tuple[str, ...]
    needs: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    carries_revision: bool = False
    """Whether the revision of the weights is in the document, although the engine's command line has no option for it."""


class ExportTarget(Protocol):
    """A tool that takes a plan."""

    name: ClassVar[str]
    spellings: ClassVar[tuple[str, ...]]
    """Other names by which people ask for it."""
    file_name: ClassVar[str]
    engines: ClassVar[tuple[str, ...]]
    """The engines that it can run."""
    across_nodes: ClassVar[tuple[str, ...]]
    """Those of them that it can run with several nodes for one replica."""

    def content(self, deployment: Deployment, file: str) -> Content:
        """Return the document; `file` is its name as a shell reads it. Raises InputError for a value that it has no way to hold."""
        ...
