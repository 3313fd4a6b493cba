"""The cases of a .sql file of rules. `tests/rules/README.md` describes the format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

UNCHANGED = "UNCHANGED"


@dataclass(frozen=True, slots=True)
class Case:
    """A query before and after a rule; `after` is None where the rule must not fire."""

    rule: str
    line: int
    before: str
    after: str | None

    def __str__(self) -> str:
        return f"{self.rule}:{self.line}"


def read_cases(path: Path) -> list[Case]:
    """Return the cases of the file at `path`."""
    statements = list(_statements(path.read_text(encoding="utf-8")))
    assert len(statements) % 2 == 0, f"{path}: the last query has no second form"
    pairs = zip(statements[::2], statements[1::2], strict=True)
    return [
        Case(path.stem, line, before, None if after == UNCHANGED else after)
        for (line, before), (_, after) in pairs
    ]


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each statement with the number of its first line."""
    pending: list[str] = []
    first = 0
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("--"):
            continue
        first = first if pending else number
        pending.append(stripped)
        if stripped.endswith(";"):
            yield first, " ".join(pending).removesuffix(";")
            pending = []
    assert not pending, f"line {first}: the statement does not end with a semicolon"
