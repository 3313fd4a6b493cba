"""Which documents the project has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent.parent

# What a newcomer looks for at the root, with the most lines that it may have.
LINES_MAX = {
    "README.md": 150,
    "ARCHITECTURE.md": 200,
    "CONTRIBUTING.md": 150,
    "CHANGELOG.md": None,
}


def all_documents() -> Iterator[Path]:
    """Yield the documents for users and developers: those at the root, in docs/, in examples/."""
    yield from (REPOSITORY / name for name in LINES_MAX if (REPOSITORY / name).exists())
    for folder in ("docs", "examples"):
        yield from sorted((REPOSITORY / folder).rglob("*.md"))


def name(path: Path) -> str:
    """Return the path of a document as the repository has it."""
    return str(path.relative_to(REPOSITORY))


def reference_text() -> str:
    """Return the text of every page of the reference."""
    pages = sorted((REPOSITORY / "docs" / "reference").rglob("*.md"))
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)
