"""What is known of stored rows without reading them: what plain EXPLAIN estimates from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """About how many distinct values a column has, and how wide one is in bytes; None: unknown."""

    distinct: float | None = None
    width: float | None = None


@dataclass(frozen=True, slots=True)
class TableStatistics:
    """About how many rows a table has, and what is known of its columns, by name."""

    rows: int
    columns: Mapping[str, ColumnStatistics] = field(default_factory=dict)
