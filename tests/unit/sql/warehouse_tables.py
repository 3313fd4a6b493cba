"""The tables that tests of Redshift's semantics read, and the way of a query to the engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
from sqlglot import exp
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from outcrop.sql.duckdb_dialect import render
from outcrop.sql.parser import parse_statement
from outcrop.sql.semantics import apply
from outcrop.sql.statements import Query

COLUMNS = {
    "t": {
        "g": "int",
        "i": "int",
        "b": "bigint",
        "n": "decimal(10,2)",
        "f": "double precision",
        "s": "varchar(20)",
        "c": "char(5)",
        "d": "date",
        "ts": "timestamp",
        "r": "super",
        "k": "int",
        "si": "smallint",
    }
}

_JSON = (
    '{"a":{"b":[10,20,{"c":"x"}]},"n":5,"f":1.5,"s":"str","t":true,"z":null,"Mixed":"M",'
    '"day":"2024-01-02"}'
)

_ROWS = f"""
    (1, 1, 10, 1.50, 1.5, 'b', 'ab', DATE '2024-01-31', TIMESTAMP '2024-01-31 10:20:30.5',
     json('{_JSON}')::VARIANT, 1, 1),
    (1, 2, 20, 2.50, 2.5, 'a', 'ab ', DATE '2024-02-29', TIMESTAMP '2024-02-29 00:00:00',
     json('{{"n":"7"}}')::VARIANT, 1, 2),
    (1, 3, 20, 2.50, 2.5, 'b ', 'x', DATE '2024-03-01', TIMESTAMP '2024-03-01 00:00:00',
     json('[1,2,[3]]')::VARIANT, 1, 2),
    (2, 4, 30, 3.50, 3.5, '', 'y', NULL, NULL, NULL, 2, 3),
    (2, 5, 40, 4.50, 4.5, NULL, NULL, NULL, NULL, json('"text"')::VARIANT, 2, 4),
    (2, 6, 50, 5.50, 5.5, 'é', 'z', NULL, NULL, json('3')::VARIANT, 1, 5)
"""


def schema() -> MappingSchema:
    """Return the types of the columns, as a binder knows them."""
    return MappingSchema(COLUMNS, dialect="outcrop")


def bind(sql: str) -> exp.Expr:
    """Return the tree of a query with names resolved and types on its nodes."""
    statement = parse_statement(sql)
    assert isinstance(statement, Query)
    tree = qualify(
        statement.tree,
        schema=schema(),
        dialect="outcrop",
        quote_identifiers=False,
        validate_qualify_columns=False,
    )
    return annotate_types(tree, schema=schema(), dialect="outcrop")


def translate(sql: str, *, is_super_case_sensitive: bool = True) -> str:
    """Return a query of Redshift as DuckDB's SQL, with every rule applied."""
    return render(apply(bind(sql), is_super_case_sensitive=is_super_case_sensitive))


@contextmanager
def engine_with_tables() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB with the settings of our engine and the tables in it."""
    with duckdb.connect() as connection:
        connection.execute("SET integer_division = true")
        connection.execute("SET default_null_order = 'NULLS_LAST'")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            "CREATE TABLE t (g INT, i INT, b BIGINT, n DECIMAL(10, 2), f DOUBLE, s VARCHAR, "
            "c VARCHAR, d DATE, ts TIMESTAMP, r VARIANT, k INT, si SMALLINT)"
        )
        connection.execute(f"INSERT INTO t VALUES {_ROWS}")
        yield connection
