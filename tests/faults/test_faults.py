"""No fault loses a row, gives one a wrong answer, or pays for one twice; and the page says so."""

from __future__ import annotations

import pytest

from outcrop.emulator.faults import FAULTS
from tests.faults.document import PAGE, write_page
from tests.faults.faults import INJECTED, OUTAGES
from tests.faults.run import Run

FAULT_NAMES = [fault.name for fault in (*INJECTED, *OUTAGES)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("faults"))


@pytest.mark.parametrize("name", FAULT_NAMES)
def test_a_fault_loses_no_row_and_pays_for_none_twice(name: str, run: Run) -> None:
    measured = run.measured()[name]
    assert (measured.rows_lost, measured.rows_wrong, measured.paid_twice) == (0, 0, 0)


def test_every_fault_of_the_emulator_is_met() -> None:
    met = {name for fault in INJECTED for name in fault.names}
    assert met == {name for name, fault in FAULTS.items() if not fault.is_of_streams}


def test_the_page_is_what_the_run_makes(run: Run) -> None:
    assert PAGE.read_text(encoding="utf-8") == write_page(run.measured()), (
        "`make docs` writes the page anew"
    )
