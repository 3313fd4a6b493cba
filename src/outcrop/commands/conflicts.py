"""Whether rows that a statement is about to change were changed by others while it asked models.

The engine finds two transactions that change the same column of a row, or delete it. It lets an
UPDATE of another column pass, so that a row could be deleted, or get an answer, for what it no
longer says. So whole rows are compared, right before they are written.
"""

from __future__ import annotations

from contextlib import closing

import pyarrow as pa

from outcrop.catalog.objects import Relation
from outcrop.commands.context import CommandContext
from outcrop.commands.storage import physical_name, quoted
from outcrop.errors import SerializationConflict
from outcrop.planner.stored_rows import ROW_NUMBER

_SEEN = "_outcrop_seen"
_SCHEMA = pa.schema([("number", pa.int64()), ("content", pa.string())])


def refuse_changed_rows(context: CommandContext, table: Relation, numbers: str) -> None:
    """Raise SerializationConflict if others have changed a row since this transaction began.

    `numbers` is the query for the numbers of the rows. What this transaction has changed itself is
    not compared, since its rows are its own.
    """
    if table.oid in context.changed:
        return
    with closing(context.open_engine_session()) as latest:
        seen, now = context.store.versions(context.engine), context.store.versions(latest)
        if seen.get(table.oid) == now.get(table.oid):
            return
        columns = ", ".join(quoted(column.name) for column in table.columns)
        rows = (
            f"SELECT {ROW_NUMBER} AS number, md5(CAST(row({columns}) AS VARCHAR)) AS content "
            f"FROM {physical_name(table)}"
        )
        found = context.engine.query(f"{rows} WHERE {ROW_NUMBER} IN ({numbers})")
        latest.load_arrow(_SEEN, found.batches(), _SCHEMA)
        changed = latest.query(
            f'SELECT count(*) FROM "{_SEEN}" AS seen LEFT JOIN ({rows}) AS now '
            "ON seen.number = now.number WHERE seen.content IS DISTINCT FROM now.content"
        )
        count = next(iter(changed.batches())).column(0)[0].as_py()
        if count:
            rows_changed = "row" if count == 1 else "rows"
            raise SerializationConflict(
                f"another transaction changed {count:,} {rows_changed} of {str(table.name)!r} "
                "that this one was to change"
            )
