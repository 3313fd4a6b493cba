"""The documents are there, short enough, and their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs import documents

# [text](target), not an image's and not in a code span.
_LINK = re.compile(r"(?<!`)\[[^\]\n]+\]\((?P<target>[^)\s]+)\)")
_FENCED = re.compile(r"^\s*(`{3,})\w*\n.*?^\s*\1\s*$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6}\s+(?P<title>.+?)\s*$", re.MULTILINE)
_EXPECTED = (
    "docs/README.md",
    "docs/tutorial.md",
    "docs/concepts.md",
)


@pytest.mark.parametrize("name", [*documents.LINES_MAX, *_EXPECTED])
def test_is_written(name: str) -> None:
    path = documents.REPOSITORY / name
    assert path.exists(), f"{name} is missing"
    assert path.read_text(encoding="utf-8").strip(), f"{name} is empty"


@pytest.mark.parametrize(("name", "lines_max"), documents.LINES_MAX.items())
def test_is_short(name: str, lines_max: int | None) -> None:
    path = documents.REPOSITORY / name
    count = len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0
    assert lines_max is None or count <= lines_max


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=documents.name(path)) for path in documents.all_documents()]
)
def test_links_lead_somewhere(path: Path) -> None:
    assert list(broken_links(path)) == []


def test_every_page_is_in_the_index() -> None:
    docs = documents.REPOSITORY / "docs"
    index = (docs / "README.md").read_text(encoding="utf-8")
    pages = [str(page.relative_to(docs)) for page in sorted(docs.rglob("*.md"))]
    assert [page for page in pages if page != "README.md" and f"({page})" not in index] == []


def broken_links(path: Path) -> list[str]:
    """Return the targets of relative links that are no file, or no heading of one."""
    text = _FENCED.sub("", path.read_text(encoding="utf-8"))
    broken = []
    for target in (match["target"] for match in _LINK.finditer(text)):
        if re.match(r"[a-z]+:", target):
            continue  # another site's; no test reaches the network
        file, _, anchor = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        if not linked.exists() or (anchor and anchor not in _anchors(linked)):
            broken.append(target)
    return broken


def _anchors(path: Path) -> set[str]:
    """Return the anchors of the headings of a Markdown file, as GitHub makes them."""
    text = _FENCED.sub("", path.read_text(encoding="utf-8"))
    titles = (match["title"].lower() for match in _HEADING.finditer(text))
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}
