"""Every .slt file, each on a warehouse of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

import outcrop.providers.scripted
import outcrop.warehouse
from tests.slt.kept_plans import WatchedPlanCache
from tests.slt.runner import RequestCount, Runner
from tests.slt.script import read_script, scripts

FOLDER = Path(__file__).parent


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=str(path.relative_to(FOLDER))) for path in scripts(FOLDER)]
)
def test_script(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing is replaced: the provider's own `build` is called, and what it built is watched; and
    # so are the plans.
    count = RequestCount(outcrop.providers.scripted.build)
    monkeypatch.setattr(outcrop.providers.scripted, "build", count.build)
    plans: list[WatchedPlanCache] = []
    monkeypatch.setattr(outcrop.warehouse, "PlanCache", lambda: WatchedPlanCache.into(plans))
    Runner(read_script(path), tmp_path, count.total).run()
    for cache in plans:
        cache.check()
