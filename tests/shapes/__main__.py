"""`python -m tests.shapes` writes the page of the reference."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.shapes.document import PAGE, write_page
from tests.shapes.measure import measure, refuse
from tests.shapes.shapes import REFUSED, SHAPES
from tests.shapes.smallest import PlainDatabase


def main() -> None:
    """Run every shape, and write what it costs."""
    with closing(PlainDatabase()) as database:
        measured = []
        for shape in SHAPES:
            with _folder() as folder:
                measured.append(measure(shape, database, folder))
    refusals = []
    for refused in REFUSED:
        with _folder() as folder:
            refusals.append(refuse(refused, folder))
    PAGE.write_text(write_page(measured, refusals), encoding="utf-8")


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


if __name__ == "__main__":
    main()
