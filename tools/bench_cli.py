"""Start-up and answer time of `inferstack plan`, beside `python -c pass` in the same run: median of ten, interleaved."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 10
MODEL = "--model meta-llama/Llama-3.3-70B-Instruct --weight-quant fp8"
PLAN = f"plan {MODEL} --request-rate 4 --isl 1024 --osl 256 --ttft-ms 1000 --itl-ms 40 --json"
ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    subprocess.run([sys.executable, "-m", "compileall", "-q", *packages()], cwd=ROOT, check=True)
    commands = {
        "inferstack plan": [str(Path(sys.executable).with_name("inferstack")), *PLAN.split()],
        "python -c pass": [sys.executable, "-c", "pass"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "INFERSTACK_DIR": folder}
        for number in range(ROUNDS + 1):
            for name, command in commands.items():
                begun = time.perf_counter()
                subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
                if number:  # the first round warms the page cache
                    seconds[name].append(time.perf_counter() - begun)
    for name, values in seconds.items():
        print(f"{name:18} median {statistics.median(values):.3f} s   min {min(values):.3f}   max {max(values):.3f}   ({ROUNDS} runs)")
    return 0


def packages() -> list[str]:
    return [entry.name for entry in ROOT.iterdir() if (entry / "__init__.py").exists() and entry.name != "tests"]


if __name__ == "__main__":
    sys.exit(main())
