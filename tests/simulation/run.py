"""Simulates worlds in a process of its own, and prints what became of each as a line of JSON.

python -m tests.simulation.run FOLDER CALLS SEED ...
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
import traceback
from dataclasses import asdict
from pathlib import Path

from tests.simulation.world import World


def simulate(folder: Path, calls: int, seed: int) -> dict[str, object]:
    """Return the figures of a world, or how it failed; what failed keeps its journal."""
    home = folder / f"seed {seed}"
    home.mkdir()
    try:
        figures = World(seed, calls, home).run()
    except Exception:  # noqa: BLE001  # whatever it is, the test names the seed
        return {"seed": seed, "failure": traceback.format_exc()}
    shutil.rmtree(home)
    return {"seed": seed, "figures": asdict(figures)}


def main() -> None:
    logging.disable()  # faults are what it is about
    folder, calls = Path(sys.argv[1]), int(sys.argv[2])
    for seed in sys.argv[3:]:
        sys.stdout.write(json.dumps(simulate(folder, calls, int(seed))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
