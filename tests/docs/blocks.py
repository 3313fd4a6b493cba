"""The fenced code blocks of a Markdown document, with the marks that stand above them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_FENCE = re.compile(r"^(?P<indent>\s*)(?P<fence>`{3,})(?P<language>[\w+-]*)\s*$")
_MARK = re.compile(r"^\s*<!--\s*(?P<name>[a-z]+)(?::\s*(?P<value>.*?))?\s*-->\s*$")


class DocumentInvalid(ValueError):
    """A document whose code blocks cannot be read; the message names the line."""


@dataclass(frozen=True, slots=True)
class Block:
    """A code block: `line` is the line of its fence; `marks` are the comments right above it."""

    path: Path
    line: int
    language: str
    text: str
    marks: dict[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Where the block is, as editors can jump to it."""
        return f"{self.path}:{self.line}"


def read_blocks(path: Path) -> list[Block]:
    """Return the code blocks of the document at `path`; raises DocumentInvalid."""
    return list(_parse(path, path.read_text(encoding="utf-8")))


def read_marks(path: Path) -> dict[str, str]:
    """Return the marks in the first lines of the document, up to the first line of text."""
    marks: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        mark = _MARK.match(line)
        if mark is None and line.strip():
            break
        if mark is not None:
            marks[mark["name"]] = mark["value"] or ""
    return marks


def _parse(path: Path, text: str) -> Iterator[Block]:
    lines = enumerate(text.splitlines(), start=1)
    marks: dict[str, str] = {}
    for number, line in lines:
        if mark := _MARK.match(line):
            marks[mark["name"]] = mark["value"] or ""
        elif opening := _FENCE.match(line):
            body = []
            closing = opening["indent"] + opening["fence"]
            for _, inner in lines:
                if inner.rstrip() == closing:
                    break
                body.append(inner.removeprefix(opening["indent"]))
            else:
                raise DocumentInvalid(f"{path}:{number}: the code block is not closed")
            content = "".join(f"{inner}\n" for inner in body)
            yield Block(path, number, opening["language"], content, marks)
            marks = {}
        elif line.strip():
            if line.lstrip().startswith("```"):
                raise DocumentInvalid(f"{path}:{number}: a fence is followed by one word alone")
            marks = {}
