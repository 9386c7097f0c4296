"""A fifth engine: it keeps 12 GiB of each GPU, serves at most 64 requests at once, and reserves their answers."""

from __future__ import annotations

from sizing.catalog import Gpu
from sizing.engines.engine import EngineVersion
from sizing.engines.launch import Flags, Launch, LaunchSettings, SettingFlags
from sizing.memory.budget import Budget
from sizing.memory.kv_cost import KvCost
from sizing.models.shape import ModelShape
from sizing.models.weights import Shards


class Fifth(EngineVersion):
    setting_flags = SettingFlags("length", "at-once", "step", "share")
    reserves_answers = True

    def budget_beside(self, weights_gib: float, shape: ModelShape, shards: Shards, *, gpu: Gpu, settings: LaunchSettings) -> Budget:
        kept = float(self.memory("kept_gib"))
        usable = gpu.total_gib * settings.utilization
        return Budget(gpu.total_gib, usable, weights_gib, kept, 0.0, 0.0, usable - weights_gib - kept)

    def start_refusal(self, kv: KvCost, budget: Budget, *, gpu: Gpu, settings: LaunchSettings) -> str | None:
        most = int(self.memory("most_at_once"))
        if settings.max_num_seqs <= most:
            return None
        return f"at-once {settings.max_num_seqs} is more than the {most} of {self.name} {self.text}"

    def flags(self, launch: Launch) -> Flags:
        return {"cut": launch.tp, "stages": launch.pp} | self.setting_flags.of(launch.settings)


ENGINE = Fifth
