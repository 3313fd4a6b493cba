"""The runtime in simulated worlds: whatever happens, nothing is lost, paid twice or overshot.

Each seed is a world of models, users, budgets and mishaps (`world.py`), in virtual time
(`virtual_time.py`). While it lives, and at its end, it is seen to that

* every row of a statement has exactly one outcome, and the answer is the right one;
* nothing is paid twice but what was in flight at a crash, or was asked for afresh;
* in each budget `spent + reserved <= limit`, at every request, and by the ledger at every payment;
* no answer leaves the journal, and no row is released whose answer is not in it;
* quotas are ridden, not hit: few requests are throttled, and nobody waits much beyond their turn;
* everything ends: in virtual time a hang is a moment at which all wait, and nothing will come.

`make soak CALLS=5000000 SEED=1000` simulates more. A seed that ever failed stays in `FAILED`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.world import World

CALLS = int(os.environ.get("OUTCROP_SOAK_CALLS", "1000000"))
SEED = int(os.environ.get("OUTCROP_SOAK_SEED", "1"))
PROCESSES = 2
CALLS_OF_SMALL = 500
CALLS_OF_LARGE = 20_000
THROTTLED_MAX = 0.05
WAITED_MAX_S = 10.0

# Seeds of small worlds that failed once, and why.
FAILED = {
    20: "a question of one row waited for a slow statement that asked the same before",
    24: "what a full disk kept reserved under a budget was never taken back",
    43: "the same; and who waited for the same as a statement that stopped was told nothing",
    72: "a payment that a full disk kept in memory was counted twice after a restart",
    216: "the books of the test forgot at a restart that there had been days before",
}


@pytest.mark.timeout(600 + CALLS // 200)
def test_a_world_of_faults_loses_nothing_and_pays_nothing_twice(tmp_path: Path) -> None:
    small = CALLS // 2 // CALLS_OF_SMALL
    large = CALLS // 2 // CALLS_OF_LARGE
    seeds = dict.fromkeys([*FAILED, *range(SEED, SEED + small)])
    lived = simulate(tmp_path / "small", CALLS_OF_SMALL, list(seeds))
    lived += simulate(tmp_path / "large", CALLS_OF_LARGE, range(SEED, SEED + large))
    failed = [f"seed {one['seed']}:\n{one['failure']}" for one in lived if "failure" in one]
    assert not failed, "\n".join(failed)
    total = {key: sum(one["figures"][key] for one in lived) for key in lived[0]["figures"]}
    assert total["requests"] >= CALLS * 0.6
    assert total["throttled"] <= THROTTLED_MAX * total["quota_requests"], total
    waited = {one["seed"]: one["figures"]["waited_max_s"] for one in lived}
    assert {seed: s for seed, s in waited.items() if s > WAITED_MAX_S} == {}


def test_a_seed_gives_the_same_world_again(tmp_path: Path) -> None:
    lives = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        lives.append(World(5, 1_000, folder).run())
    assert lives[0] == lives[1]
    assert lives[0].crashes > 0


def simulate(folder: Path, calls: int, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Return what became of the worlds of some seeds, which share the machine's cores."""
    folder.mkdir()
    command = [sys.executable, "-m", "tests.simulation.run", str(folder), str(calls)]
    shares = [[str(seed) for seed in seeds[number::PROCESSES]] for number in range(PROCESSES)]
    running = [
        subprocess.Popen([*command, *share], stdout=subprocess.PIPE, text=True) for share in shares
    ]
    lines = [line for process in running for line in process.communicate()[0].splitlines()]
    assert [process.returncode for process in running] == [0] * PROCESSES
    assert len(lines) == len(seeds)
    return [json.loads(line) for line in lines]
