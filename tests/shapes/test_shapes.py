"""Every shape makes the fewest calls that it can, and the reference says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.shapes.document import PAGE, write_page
from tests.shapes.run import Run
from tests.shapes.shapes import REFUSED, SHAPES, Refused, Shape
from tests.shapes.smallest import PlainDatabase

# A refusal's SQLSTATE: "feature not supported".
NOT_SUPPORTED = "0A000"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with closing(PlainDatabase()) as database:
        yield Run(database, tmp_path_factory.mktemp("shapes"))


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
    assert PAGE.read_text(encoding="utf-8") == write_page(run.findings()), (
        "`make docs` writes the page anew"
    )
