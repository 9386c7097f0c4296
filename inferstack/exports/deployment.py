"""What a plan's cluster runs, in no tool's words: the model, the command of one process, how many of them, and on what."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from inferstack.records import engines, model_ids
from inferstack.records.errors import InputError
from inferstack.records.plan import Plan
from playbooks import flags
from sizing import catalog

PORT = 8000
MODELS_FOLDER = "/models"
CACHE_FOLDER = "/cache"
CACHE_VARIABLE = "XDG_CACHE_HOME"
"""Names the folder below which the hub's library and vLLM keep what they download, whoever the container's user is."""
LONGEST_NAME = 40
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""As an image's tag may be written."""
SHARE_FOR_THE_ENGINE = 0.75
"""Of a node's processors and memory: the rest is left to the system, the kubelet and its daemons. Assumed."""
READY_MARGIN = 3
"""A start may take so many times the plan's upper estimate: the weights come from a hub and not from a bucket beside the node. Assumed."""
Value = str | int | float | bool


@dataclass(frozen=True)
class Deployment:
    """`processes` of the engine make the cluster, each on `nodes` nodes with `gpus` GPUs of each node."""

    plan: Plan
    container: dict[str, Any]

    @property
    def engine(self) -> str:
        return self.plan.engine

    @property
    def processes(self) -> int:
        return self.plan.instance_count // self.nodes

    @property
    def nodes(self) -> int:
        return self.plan.nodes_per_replica

    @property
    def gpus(self) -> int:
        layout = self.plan.layout
        return layout.tp * layout.pp * self.plan.replicas_per_node // self.nodes

    @cached_property
    def repository(self) -> str | None:
        """The hub's repository of the weights; None where the plan knows of none that holds them."""
        weights = self.plan.weights
        known = self.plan.model.id if weights is None else weights.repository
        return None if self.plan.request.config is not None else known

    @property
    def revision(self) -> str | None:
        return None if self.plan.weights is None or self.repository is None else self.plan.weights.revision

    @property
    def model(self) -> str:
        """What the engine is told to load: the repository, else a file or folder below `MODELS_FOLDER`."""
        if self.repository is None:
            return f"{MODELS_FOLDER}/{self.name}{'.gguf' if self.gguf_type else ''}"
        return self.repository

    @property
    def gguf_type(self) -> str | None:
        """The type of a GGUF file in the spelling of its makers, such as Q4_K_M; None for another format."""
        format_ = self.plan.model.weight_quant if self.plan.weights is None else self.plan.weights.format
        return format_.removeprefix("gguf-").upper() if format_.startswith("gguf-") else None

    @cached_property
    def name(self) -> str:
        """A DNS label (RFC 1035) from the last part of the model's id."""
        plain = re.sub(r"[^a-z0-9]+", "-", self.plan.model.id.rpartition("/")[2].lower()).strip("-")
        return (plain if plain[:1].isalpha() else f"m-{plain}")[:LONGEST_NAME].rstrip("-")

    @property
    def image(self) -> str:
        return f"{self.container['image']}:{self.tag}"

    @property
    def tag(self) -> str:
        return str(self.container["tag"]).format(version=self.plan.engine_version)

    @property
    def words(self) -> list[str]:
        """The plan's flags as words of a command line."""
        return flags.argv(self.engine, self.plan.engine_flags)

    def words_without(self, *names: str) -> list[str]:
        """The words of all flags but these."""
        return flags.argv(self.engine, {name: value for name, value in self.plan.engine_flags.items() if name not in names})

    @property
    def start(self) -> list[str]:
        """The program and the model, before where it listens and the plan's flags."""
        return [*self.container["command"], *self._model_words(), *self.revision_words]

    @property
    def revision_words(self) -> list[str]:
        return [self.container["revision"], self.revision] if self.revision and "revision" in self.container else []

    @property
    def command(self) -> list[str]:
        """One process on one node, that answers to every address."""
        return [*self.start, "--host", "0.0.0.0", "--port", str(PORT), *self.words]

    def node_words(self, rank: str, first_node: str) -> list[str]:
        """The words that each node of a replica gets beside the command."""
        across = self.container["across_nodes"]
        return [across["rank"], rank, across["first_node"], first_node]

    @property
    def other_node_words(self) -> list[str]:
        """The words that all nodes of a replica but its first get too: they answer no requests."""
        return list(self.container["across_nodes"]["others"])

    @property
    def settings(self) -> dict[str, Value | list[str]]:
        """The plan's flags as keys of a file, of an engine that reads each as if it stood on the command line."""
        found: dict[str, Value | list[str]] = {}
        for name, value in self.plan.engine_flags.items():
            words = flags.argv(self.engine, {name: value})
            if len(words) == 1:
                found[words[0].removeprefix("--")] = True
            elif words:
                found[name] = words[1:] if len(words) > 2 else value
        return found

    @property
    def key_words(self) -> str:
        """How an endpoint's key is given to the engine."""
        return " or ".join(self.container["key"]) if "key" in self.container else "a proxy before it: the engine has no option for a key"

    @property
    def share(self) -> float:
        """The part of a node that one process may take."""
        return self.gpus / self.plan.gpus_per_instance

    @property
    def cpus(self) -> int:
        return max(math.floor(self.plan.vcpus_per_instance * self.share * SHARE_FOR_THE_ENGINE), 1)

    @property
    def memory_gib(self) -> int:
        """Raises InputError for an instance type that is not in the facts."""
        return max(math.floor(catalog.find_instance(self.plan.instance_type).memory_gib * self.share * SHARE_FOR_THE_ENGINE), 1)

    @property
    def shared_memory_gib(self) -> int:
        """The size of /dev/shm, through which the processes of one node talk: a quarter of the memory, 16 GiB at most. Assumed."""
        return max(min(self.memory_gib // 4, 16), 1)

    @property
    def weights_gib(self) -> int:
        """The disk that the weights need, a tenth of them free."""
        size = self.plan.model.checkpoint_bytes if self.plan.weights is None else self.plan.weights.bytes
        return math.ceil(size * 1.1 / 2**30)

    @property
    def disk_gib(self) -> int:
        """The disk of a node: what the plan keeps for the system and the engine, and the weights, which lie beside them here."""
        return max(self.plan.storage.root_volume_gib, 100) + self.weights_gib

    @property
    def ready_s(self) -> int:
        """How long a start may take before it is taken for a failure."""
        expected = self.plan.time_to_ready.total.high if self.plan.time_to_ready else 1200.0
        return math.ceil(expected * READY_MARGIN / 60) * 60

    @property
    def gated(self) -> bool:
        """Whether the hub is known to hand out the weights only to those who accepted their licence."""
        return bool(self.plan.model.gated or (self.plan.licence and self.plan.licence.gate))

    def _model_words(self) -> list[str]:
        if self.repository is None:
            return [self.container["by_file"], self.model] if "by_file" in self.container else [self.model]
        if "by_repository" in self.container:
            return [self.container["by_repository"], f"{self.model}:{self.gguf_type}" if self.gguf_type else self.model]
        return [self.model]


def of_plan(plan: Plan) -> Deployment:
    """Raises InputError for an engine that is in no container, and for text of the plan that would end a word, a line or a name."""
    container = engines.table()[plan.engine].get("container")
    if container is None:
        raise InputError(f"plan: no container image of {plan.engine} is known, so no other tool can be told to start it")
    deployment = Deployment(plan, container)
    _refuse("engine_version", plan.engine_version, VERSION.fullmatch(plan.engine_version) is not None)
    _refuse("model.weight_quant", plan.model.weight_quant, VERSION.fullmatch(plan.model.weight_quant) is not None)
    _refuse("instance_type", plan.instance_type, re.fullmatch(r"[a-z0-9.-]+", plan.instance_type) is not None)
    if plan.weights is not None:
        _refuse("weights.format", plan.weights.format, VERSION.fullmatch(plan.weights.format) is not None)
    if deployment.repository is not None:
        _refuse("weights.repository", deployment.repository, model_ids.legal(deployment.repository))
    if deployment.revision is not None:
        _refuse("weights.revision", deployment.revision, model_ids.legal(deployment.revision))
    _ = deployment.words, deployment.memory_gib  # every flag is known and every value fits, before a word is written
    return deployment


def _refuse(field: str, text: str, legal: bool) -> None:
    if not legal:
        raise InputError(f"plan: {field}: {text!r:.60} has characters that no such name has")
