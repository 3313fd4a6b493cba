"""What a benchmark gives, and how it is printed: a title, a table, a verdict."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

MARGIN = "  "


@dataclass(frozen=True, slots=True)
class Target:
    """A number that was reached, and the least, or the most, that is expected of it."""

    what: str
    reached: float
    least: float | None = None
    most: float | None = None
    unit: str = "x"

    @property
    def is_met(self) -> bool:
        """Whether it was reached."""
        is_enough = self.least is None or self.reached >= self.least
        return is_enough and (self.most is None or self.reached <= self.most)

    def __str__(self) -> str:
        limits = {"at least": self.least, "at most": self.most}
        wanted = " and ".join(
            f"{word} {limit:.2f}{self.unit}" for word, limit in limits.items() if limit is not None
        )
        verdict = "met" if self.is_met else "MISSED"
        return f"{self.what}: {self.reached:.2f}{self.unit}, expected {wanted}: {verdict}"


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one benchmark. `notes` say how it was measured; `header` names `rows`."""

    title: str
    notes: Sequence[str]
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    targets: Sequence[Target] = ()


def format_report(report: Report) -> str:
    """Return a report as text; the first column is left-aligned, the others are numbers."""
    lines = [report.title, "=" * len(report.title), *report.notes, ""]
    lines += _format_table([report.header, *report.rows])
    lines += [f"-> {target}" for target in report.targets]
    return "\n".join(lines) + "\n"


def _format_table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        MARGIN.join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return [lines[0], MARGIN.join("-" * width for width in widths), *lines[1:], ""]


def ratio(number: float) -> str:
    """Return a ratio as text."""
    return f"{number:,.0f}x" if number >= 10 else f"{number:.2f}x"


def milliseconds(number: float) -> str:
    """Return a duration, given in seconds, as text."""
    return f"{number * 1e3:,.2f} ms"


def seconds(number: float) -> str:
    """Return a duration as text."""
    return f"{number:,.0f} s" if number >= 100 else f"{number:.2f} s"


def describe_machine() -> str:
    """Return the line that says what the numbers were measured on."""
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    load = os.getloadavg()[0]
    return (
        f"{_processor()}, {len(os.sched_getaffinity(0))} cores, {memory_gb:.0f} GB, "
        f"load {load:.1f}; Python {platform.python_version()}, DuckDB {version('duckdb')}, "
        f"aiohttp {version('aiohttp')}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
