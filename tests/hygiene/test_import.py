"""`import outcrop` is cheap: what is heavy is loaded with the first connection."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import outcrop

CPU_S_MAX = 0.5
HEAVY = ("aiohttp", "botocore", "duckdb", "numpy", "pandas", "pyarrow", "sqlglot", "xllamacpp")

_PROBE = """
import json, sys, time
before = time.process_time()
import outcrop
spent = time.process_time() - before
print(json.dumps({"cpu_s": spent, "modules": sorted(sys.modules)}))
"""


def _probe() -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", _PROBE], capture_output=True, text=True, check=True, timeout=60
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_import_takes_little_time() -> None:
    # The least of three: the first one may have to compile, and the machine may be busy.
    assert min(float(str(_probe()["cpu_s"])) for _ in range(3)) < CPU_S_MAX


def test_import_loads_nothing_heavy() -> None:
    modules = _probe()["modules"]
    assert isinstance(modules, list)
    assert [name for name in HEAVY if name in modules] == []


@pytest.mark.parametrize("name", outcrop.__all__)
def test_every_exported_name_is_there(name: str) -> None:
    assert getattr(outcrop, name) is not None
    assert name in dir(outcrop)
