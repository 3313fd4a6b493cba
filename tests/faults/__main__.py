"""`python -m tests.faults` writes the page of the reference."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.faults.document import PAGE, write_page
from tests.faults.run import Run


def main() -> None:
    """Let 1,000 calls meet each fault, and write what becomes of them."""
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(write_page(Run(Path(folder)).measured()), encoding="utf-8")


if __name__ == "__main__":
    main()
