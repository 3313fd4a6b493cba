"""`python -m tests.shapes` writes the page of the reference."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

from tests.shapes.document import PAGE, write_page
from tests.shapes.run import Run
from tests.shapes.smallest import PlainDatabase


def main() -> None:
    """Run every shape, and write what it costs."""
    with closing(PlainDatabase()) as database, tempfile.TemporaryDirectory() as folder:
        run = Run(database, Path(folder))
        PAGE.write_text(write_page(run.findings()), encoding="utf-8")


if __name__ == "__main__":
    main()
