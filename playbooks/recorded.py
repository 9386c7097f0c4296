"""Facts of a GPU host that a host without GPU cannot tell: composed for the planned instance from `playbooks/recorded/`.

Each file says of what kind it is (recorded or synthetic) and where it comes from; nothing of it is ever taken for a measurement.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from inferstack.records import engines
from inferstack.records.errors import InputError
from inferstack.records.plan import Plan

FOLDER = Path(__file__).parent / "recorded"
IMAGE_FILE = "image-dlami-ubuntu-24.04.yml"
PLAIN_FILE = "image-plain-ubuntu-24.04.yml"


def variables(plan: Plan) -> dict[str, Any]:
    """The `_recorded` variables of the roles. Raises InputError when nothing is recorded for the instance's family."""
    family = plan.instance_type.split(".")[0]
    gpu, image, plain = _family(family), _read(IMAGE_FILE), _read(PLAIN_FILE)
    seen = {"lspci": lspci(gpu, plan.gpus_per_instance, nvswitch=plan.nvswitch)}
    smi = nvidia_smi(gpu, plan.gpus_per_instance, driver=str(image["driver"]))
    return {
        "inferstack_recorded_family": family,
        "inferstack_recorded_kind": _kind(gpu, image, plain),
        "nvidia_driver_recorded": {**seen, **image["nvidia_driver"], "nvidia_smi": smi},
        "nvidia_driver_recorded_plain": {**seen, **plain["nvidia_driver"]},
        "storage_nvme_recorded": image["storage_nvme"],
        "storage_nvme_recorded_plain": plain["storage_nvme"],
        **{f"{role['name']}_recorded": image[role["name"]] for role in engines.gpu_roles().values()},
    }


def lspci(gpu: dict[str, Any], count: int, *, nvswitch: bool) -> str:
    """Return what `lspci -n -d 10de:` prints: one line for each GPU, then one for each NVSwitch that the host can see."""
    lines = [f"{0x10 + 9 * number:02x}:00.0 0302: {gpu['pci_id']} (rev a1)" for number in range(count)]
    if nvswitch and gpu.get("nvswitch_pci_id"):
        lines += [f"{0x80 + number:02x}:00.0 0680: {gpu['nvswitch_pci_id']} (rev a1)" for number in range(gpu["nvswitches"])]
    return "\n".join(lines)


def nvidia_smi(gpu: dict[str, Any], count: int, *, driver: str) -> str:
    """Return what `nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader,nounits` prints."""
    return "\n".join([f"{gpu['nvidia_smi_name']}, {driver}, {gpu['memory_mib']}"] * count)


def families() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yml") if not path.stem.startswith("image-")))


def _kind(*facts: dict[str, Any]) -> str:
    """All of one kind, or synthetic: one composed part is enough to make the whole of it composed."""
    return "recorded" if all(one["kind"] == "recorded" for one in facts) else "synthetic"


def _family(name: str) -> dict[str, Any]:
    if name not in families():
        raise InputError(
            f"instance family {name}: no facts are recorded for it, so its GPU roles cannot be checked",
            hint=f"recorded: {', '.join(families())}",
        )
    return _read(f"{name}.yml")


def _read(name: str) -> dict[str, Any]:
    import yaml

    content: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return content
