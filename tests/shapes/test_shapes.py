"""Every shape makes the fewest calls that it can, and the reference says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.shapes.document import PAGE, write_page
from tests.shapes.measure import Measured, Refusal, measure, refuse
from tests.shapes.shapes import REFUSED, SHAPES, Refused, Shape
from tests.shapes.smallest import PlainDatabase

# A refusal's SQLSTATE: "feature not supported".
NOT_SUPPORTED = "0A000"


class Run:
    """What was measured so far, so that each shape runs once, in whatever order tests come."""

    def __init__(self, database: PlainDatabase, new_folder: Callable[[str], Path]) -> None:
        self._database = database
        self._new_folder = new_folder
        self._measured: dict[Shape, Measured] = {}
        self._refusals: dict[Refused, Refusal] = {}

    def measured(self, shape: Shape) -> Measured:
        """Return what a shape costs."""
        if shape not in self._measured:
            self._measured[shape] = measure(shape, self._database, self._new_folder("shape"))
        return self._measured[shape]

    def refusal(self, refused: Refused) -> Refusal:
        """Return how a statement is refused."""
        if refused not in self._refusals:
            self._refusals[refused] = refuse(refused, self._new_folder("refused"))
        return self._refusals[refused]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with closing(PlainDatabase()) as database:
        yield Run(database, tmp_path_factory.mktemp)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.place)
def test_a_shape_makes_the_fewest_calls(shape: Shape, run: Run) -> None:
    measured = run.measured(shape)
    assert measured.is_right
    assert measured.calls_before == len(shape.known)
    assert measured.calls == measured.calls_min


@pytest.mark.parametrize("refused", REFUSED, ids=lambda refused: refused.place)
def test_a_refused_shape_says_what_to_write(refused: Refused, run: Run) -> None:
    refusal = run.refusal(refused)
    assert refusal.error.sqlstate == NOT_SUPPORTED
    assert refusal.error.hint
    assert refusal.calls == 0


def test_every_shape_has_its_own_name() -> None:
    places = [shape.place for shape in SHAPES]
    assert len(set(places)) == len(places)


def test_the_page_is_what_the_run_makes(run: Run) -> None:
    page = write_page(
        [run.measured(shape) for shape in SHAPES], [run.refusal(refused) for refused in REFUSED]
    )
    assert PAGE.read_text(encoding="utf-8") == page, "`make docs` writes the page anew"
