from __future__ import annotations

import gc

from outcrop.cli.collector import spared_collector


def test_the_collector_looks_at_less_and_is_as_before_at_the_end() -> None:
    before = gc.get_threshold()
    with spared_collector():
        assert gc.get_threshold()[0] > before[0]
        assert gc.get_freeze_count()
    assert gc.get_threshold() == before
    assert not gc.get_freeze_count()
