"""DuckDB's own statistics as ours: read from the metadata of a table, whatever its size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from outcrop.catalog.objects import STORE
from outcrop.catalog.statistics import ColumnStatistics

ROWS_SQL = (
    "SELECT estimated_size FROM duckdb_tables() "
    f"WHERE database_name = '{STORE}' AND schema_name = ? AND table_name = ?"
)


def columns_sql(table: str, columns: Sequence[str]) -> str:
    """Return the query for the statistics of quoted `columns`; it gives no row for no rows.

    `stats` is folded to a constant when the query is planned: LIMIT 1 reads one block at most.
    """
    return f"SELECT {', '.join(f'stats({column})' for column in columns)} FROM {table} LIMIT 1"


def column_statistics(facts: object, rows: int) -> ColumnStatistics:
    """Return what DuckDB's `stats` says of one column of a table of `rows` rows."""
    if not isinstance(facts, Mapping):
        return ColumnStatistics()
    distinct, length = facts.get("approx_unique"), facts.get("total_string_length")
    return ColumnStatistics(
        distinct=float(distinct) if isinstance(distinct, int) else None,
        width=length / rows if isinstance(length, int) and rows else None,
    )
