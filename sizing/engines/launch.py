"""What one engine process is started with, in the words of no engine; each engine's file makes its own options of it."""

from __future__ import annotations

from dataclasses import dataclass

Value = str | int | float | bool
Flags = dict[str, Value]
"""Option without dashes -> value."""


@dataclass(frozen=True, slots=True)
class LaunchSettings:
    """What the engine runs under. `utilization` is 1 where the engine has no such share."""

    max_model_len: int
    max_num_seqs: int
    max_num_batched_tokens: int
    utilization: float


@dataclass(frozen=True, slots=True)
class SettingFlags:
    """The options that carry the settings; `utilization` is empty where the engine has none. With `shared_length` the first says tokens
    of all sequences together."""

    max_model_len: str
    max_num_seqs: str
    max_num_batched_tokens: str
    utilization: str = ""
    shared_length: bool = False

    @property
    def names(self) -> tuple[str, str, str, str]:
        return self.max_model_len, self.max_num_seqs, self.max_num_batched_tokens, self.utilization

    def of(self, settings: LaunchSettings) -> Flags:
        """Return the options of these settings."""
        values = (settings.max_model_len, settings.max_num_seqs, settings.max_num_batched_tokens, settings.utilization)
        return {name: value for name, value in zip(self.names, values, strict=True) if name}


@dataclass(frozen=True, slots=True)
class Launch:
    """`kv_tokens` fit the KV cache. `online_format`: the engine makes these narrow weights while it reads a wide file; empty for none.
    `lora_modules` is empty where adapters are not limited to some modules."""

    model: str
    layers: int
    compute_capability: float
    tp: int
    pp: int
    ep: int
    settings: LaunchSettings
    kv_tokens: int
    kv_quant: str
    online_format: str = ""
    replicas: int = 1
    nodes: int = 1
    speculative_method: str = ""
    speculative_tokens: int = 0
    speculative_model: str | None = None
    lora_slots: int = 0
    lora_rank: int = 0
    lora_modules: tuple[str, ...] = ()
