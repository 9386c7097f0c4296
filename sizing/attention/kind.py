"""What one kind of attention says of itself. A file of this folder with a `KIND` is a kind; `table` finds it, nothing else names it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from sizing.models.shape import LayerGroup, ModelShape, Span

Record = Mapping[str, Any]
ReadNumber = Callable[[str], int | None]
LayerOverhead = Literal["recurrent_layers", "latent_layers", "sparse_layers"]


@dataclass(frozen=True, slots=True)
class TokenWork:
    """Work of one layer for one token, over all GPUs that share the layer.

    `projections`: weights that its matrix products read. `attended`: FLOP for each token that it looks back at; `attended_in_span` where a
    window or a chunk ends the look back; `attended_latents` where decoding works on compressed keys and values instead. `overheads`: which
    fixed times, fitted for a kind of layer, such a layer takes beside those of every layer.
    """

    projections: int
    attended: int = 0
    attended_in_span: int = 0
    attended_latents: int = 0
    overheads: tuple[LayerOverhead, ...] = ()


@dataclass(frozen=True, slots=True)
class LayerType:
    """An entry of a config's `layer_types`: how far back it reaches, where the entry says so, and the key that it needs beside it."""

    reach: Span | None = None
    needs: str | None = None


@dataclass(frozen=True, slots=True)
class LayerLetter:
    """A letter of NemotronH's pattern, where a layer is a token mixer or an FFN: its FFN, and the GGUF tensor that such a layer has."""

    ffn: str
    tensor: str


@dataclass(frozen=True, slots=True)
class MatrixNames:
    """What a family of models calls its attention module, a matrix of q, k and v in one, and the output matrix."""

    module: tuple[str, ...] = ("self_attn",)
    fused: tuple[str, ...] = ("qkv_proj",)
    output: tuple[str, ...] = ("o_proj",)


@dataclass(frozen=True, slots=True)
class Matrix:
    """One matrix of a layer: its `weights`, and the names of its module and of itself in lists of quantised checkpoints."""

    weights: int
    module: tuple[str, ...]
    names: tuple[str, ...]


class AttentionKind(Protocol):
    """One kind of token mixer. `shape` is the whole model, `group` the layers of this kind, whose `widths` this kind made itself."""

    name: str
    """In records of the facts and in rules of architectures."""
    family: str = ""
    """As a message names it: `latent` attention; empty for what is none."""
    label: str = "full attention"
    """Of its layers in a memory breakdown."""
    has_spans: bool = False
    """Whether its layers may look back over a window or a chunk only."""
    caches_heads: bool = True
    """Whether the number and the width of KV heads are the model's own; those of a latent cache differ from config to config."""
    reads_images: bool = False
    """Whether its keys and values are those of images rather than of the text."""
    sized_with_adapters: bool = False
    """Whether the memory of LoRA adapters is known for it."""

    fields: tuple[str, ...] = ()
    """Fields of a record that its widths are computed from."""
    optional_fields: tuple[str, ...] = ()
    may_be_zero: tuple[str, ...] = ()
    """Fields of which 0 is a value; any other whole number of a config is at least 1."""
    attention_key: str | None = None
    """For a kind that configs call just "attention": the field that marks such a config, or "" for configs without any such field."""
    layer_types: Mapping[str, LayerType] = {}
    """Entries of a config's `layer_types` that are this kind."""
    letters: Mapping[str, LayerLetter] = {}
    gguf_keys: Mapping[str, str] = {}
    """Field -> key of a GGUF header, below the architecture's name."""

    @abstractmethod
    def params(self, shape: ModelShape, group: LayerGroup) -> int:
        """Count the parameters of one layer, norms inside the attention included."""

    @abstractmethod
    def work(self, shape: ModelShape, group: LayerGroup) -> TokenWork:
        """Return the work of one layer for one token."""

    def widths(self, record: Record) -> Any:
        """Make this kind's own widths of a record that holds `fields`; None where the shape's general widths are enough."""
        return None

    def rotary_width(self, record: Record) -> int:
        """Return the width that rotary embeddings turn, 0 for none."""
        return 0

    def params_per_gpu(self, shape: ModelShape, group: LayerGroup, shards: int) -> float:
        """Count the parameters of one layer that one of `shards` GPUs holds."""
        return self.params(shape, group) / shards

    def decode_copy_bytes(self, shape: ModelShape, group: LayerGroup) -> float:
        """Return the bytes of second copies of weights of one layer that engines make for decoding."""
        return 0.0

    def token_bytes(self, shape: ModelShape, group: LayerGroup, shards: int, *, element_bytes: float) -> float:
        """Return what one GPU keeps of one token in one layer."""
        return 0.0

    def state_bytes(self, shape: ModelShape, group: LayerGroup, shards: int) -> float:
        """Return what one GPU keeps of a sequence of any length in one layer."""
        return 0.0

    def refuse_tp(self, group: LayerGroup, tp: int) -> str | None:
        """Say why an engine does not cut these layers over `tp` GPUs; None where it does."""
        return None

    def heads_per_key(self, group: LayerGroup) -> float:
        """Return how many query heads read one key. Attention kernels for GPUs before Ampere read it once for each."""
        return 1.0

    def image_weights(self, shape: ModelShape, group: LayerGroup) -> int:
        """Count the weights of one layer that an image's tokens pass."""
        return 0

    def image_flop(self, shape: ModelShape, group: LayerGroup) -> int:
        """Return the FLOP of one layer for each pair of a text token and an image token."""
        return 0

    def complete(self, values: dict[str, Any], names: Mapping[str, str], *, kv_heads_are_heads: bool) -> None:
        """Fill in what a config leaves to its class. `names`: our field -> the config's key. Raises InputError for what is missing."""
        return

    def refuse(self, values: Record, names: Mapping[str, str]) -> None:
        """Raise InputError, with the config's key, for widths that no model can have."""
        return

    def gguf_fields(self, fields: Record, read: ReadNumber) -> dict[str, Any]:
        """Read this kind's fields from a GGUF header. `fields` are the general ones; `read` gives the whole number of a key, or None."""
        told = {name: read(key) for name, key in self.gguf_keys.items()}
        return {name: value for name, value in told.items() if value is not None}

    def gguf_projections(self, shape: ModelShape, group: LayerGroup) -> tuple[int, int, int, int]:
        """Count the weights of one layer in GGUF's tensors of q, of k and v, of the three in one, and of the output; others count as q."""
        return self.params(shape, group), 0, 0, 0

    def matrices(self, shape: ModelShape, group: LayerGroup, names: MatrixNames) -> Iterator[Matrix]:
        """Yield the matrices of one layer that a checkpoint may quantise."""
        yield from ()
