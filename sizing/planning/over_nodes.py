"""A model that no node holds: its replica is cut over the nodes of several instances, and what would hold it on one node stands beside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sizing.planning.candidates import fits
from sizing.planning.demand import planning
from sizing.planning.formats_and_engines import FoundFits
from sizing.planning.search import Fit, Search

TOO_LARGE = frozenset({"memory", "context"})


def needed(found: FoundFits) -> bool:
    """Whether some type fails for lack of memory alone: no node of it holds the weights, or no sequence fits beside them."""
    return any(one.constraint in TOO_LARGE for one in found.bad)


def allowed(asked: Search) -> Search:
    """The same search with pipelines over the network: tensor parallelism stays on the links of a node."""
    return replace(asked, max_nodes=planning("max_nodes_a_replica"))


def on_one_node(search: Search, best: Fit) -> Iterator[str]:
    """The cheapest that needs no second node: another type, where the request leaves some out."""
    if best.nodes_per_replica == 1 or search.max_nodes == 1:
        return
    open_ = search.request.replaced(instance_type=None, instance_types=None, gpu=None, max_usd_per_hour=None)
    ways, _ = fits(replace(search, request=open_, max_nodes=1))
    if not ways:
        yield f"nodes: no known instance type in {search.region} holds {search.shape.id} in {search.bits.format} on one node"
        return
    one = ways[0]
    yield (
        f"nodes: {one.count} x {one.instance.instance_type} (tp{one.layout.tp}) would hold each replica on one node, for "
        f"${one.usd_per_hour:.2f}/h instead of ${best.usd_per_hour:.2f}/h; the request excludes that type"
    )
