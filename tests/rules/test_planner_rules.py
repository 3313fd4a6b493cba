"""Every rule of the planner turns SQL into SQL that gives the same rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from outcrop.catalog.objects import (
    PUBLIC_SCHEMA,
    STORE,
    Column,
    ExternalModel,
    ModelType,
    QualifiedName,
    Relation,
    RelationKind,
    Volatility,
)
from outcrop.catalog.snapshot import CatalogSnapshot
from outcrop.datatypes import INTEGER, VARCHAR, DataType
from outcrop.planner.bind import BindOptions, BoundQuery, bind_query
from outcrop.planner.blocks import Names, blocks
from outcrop.planner.plan_query import normalize
from outcrop.planner.rules import BLOCK_RULES, QUERY_RULES
from outcrop.sql.dialect import Outcrop
from outcrop.sql.duckdb_dialect import render
from outcrop.sql.fragments import parse_query_text
from outcrop.sql.semantics import apply
from tests.rules.cases import Case, read_cases
from tests.rules.readable import readable, with_named_calls

FOLDER = Path(__file__).parent / "planner"
NORMALIZE = "normalize"

_MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)
FUNCTIONS: Mapping[int, str] = {100: "f", 101: "g", 102: "s", 103: "v"}

ROWS = {
    "t": (
        (1, "a", "x"),
        (2, "b", "y"),
        (3, "a", None),
        (4, None, "x"),
        (5, "", "é"),
        (6, "Zürich", "y"),
        (7, "b", "x"),
    ),
    "u": ((1, "a"), (1, "c"), (3, None), (6, "é"), (9, ""), (None, "b")),
}


def _relation(oid: int, name: str, **columns: DataType) -> Relation:
    return Relation(
        oid=oid,
        name=QualifiedName(PUBLIC_SCHEMA, name),
        kind=RelationKind.TABLE,
        columns=tuple(Column(column, datatype) for column, datatype in columns.items()),
        owner="tester",
        created_at=_MADE_AT,
    )


def _model(oid: int, name: str) -> ExternalModel:
    return ExternalModel(
        oid=oid,
        name=QualifiedName(PUBLIC_SCHEMA, name),
        function=QualifiedName(PUBLIC_SCHEMA, name),
        owner="tester",
        created_at=_MADE_AT,
        iam_role="default",
        model_type=ModelType.LOCAL,
        model_id="a.model",
        volatility=Volatility.VOLATILE if name == "v" else Volatility.STABLE,
    )


TABLES = (
    _relation(1, "t", i=INTEGER, p=VARCHAR, q=VARCHAR),
    _relation(2, "u", i=INTEGER, b=VARCHAR),
)
MODELS = tuple(_model(oid, name) for oid, name in FUNCTIONS.items())
SNAPSHOT = CatalogSnapshot(
    relations_by_name={table.name: table for table in TABLES},
    models_by_name={model.name: model for model in MODELS},
)


def _apply_query_rule(rule: Callable[[exp.Query], exp.Query]) -> Callable[[BoundQuery], exp.Query]:
    return lambda bound: rule(bound.tree)


def _apply_block_rule(
    rule: Callable[[exp.Select, Names], None],
) -> Callable[[BoundQuery], exp.Query]:
    def rewrite(bound: BoundQuery) -> exp.Query:
        names = Names()
        for block in blocks(bound.tree):
            rule(block, names)
        return bound.tree

    return rewrite


RULES: Mapping[str, Callable[[BoundQuery], exp.Query]] = {
    **{rule.__name__: _apply_query_rule(rule) for rule in QUERY_RULES},
    **{rule.__name__: _apply_block_rule(rule) for rule in BLOCK_RULES},
    NORMALIZE: lambda bound: normalize(bound, Names()),
}
CASES = [case for path in sorted(FOLDER.glob("*.sql")) for case in read_cases(path)]


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET default_null_order = 'nulls_last_on_asc_first_on_desc'")
        connection.execute("SET integer_division = true")
        connection.execute(f"ATTACH ':memory:' AS {STORE}")
        connection.execute(f"CREATE SCHEMA {STORE}.{PUBLIC_SCHEMA}")
        connection.execute(f"CREATE TABLE {STORE}.{PUBLIC_SCHEMA}.t (i INT, p VARCHAR, q VARCHAR)")
        connection.execute(f"CREATE TABLE {STORE}.{PUBLIC_SCHEMA}.u (i INT, b VARCHAR)")
        for table, rows in ROWS.items():
            holders = ", ".join("?" for _ in rows[0])
            sql = f"INSERT INTO {STORE}.{PUBLIC_SCHEMA}.{table} VALUES ({holders})"
            connection.executemany(sql, rows)
        for number, name in enumerate(FUNCTIONS.values()):
            connection.create_function(name, _function(number), ["VARCHAR"], "VARCHAR")
        yield connection


def _function(number: int) -> Callable[[str], str]:
    """Return a function of few answers, so that predicates select and groups collide."""
    answers = "xya"

    def call(prompt: str) -> str:
        return answers[(sum(prompt.encode()) + number) % len(answers)]

    return call


def test_every_rule_has_cases() -> None:
    assert {case.rule for case in CASES} == set(RULES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule_rewrites_as_stated(case: Case, engine: duckdb.DuckDBPyConnection) -> None:
    bound = bind_query(parse_query_text(case.before), SNAPSHOT, BindOptions(), parse_query_text)
    before = bound.tree.copy()
    after = RULES[case.rule](bound)
    wanted = before if case.after is None else sqlglot.parse_one(case.after, dialect=Outcrop)
    assert readable(after, FUNCTIONS) == readable(wanted, FUNCTIONS)
    is_translated = case.rule == NORMALIZE
    assert _run(after, engine, is_translated=is_translated) == _run(before, engine)


def _run(
    tree: exp.Query, engine: duckdb.DuckDBPyConnection, *, is_translated: bool = False
) -> object:
    """Return the names and rows that a query gives: in order where it has one."""
    named = with_named_calls(tree, FUNCTIONS)
    result = engine.execute(render(named if is_translated else apply(named)))
    names = [column[0] for column in result.description or ()]
    rows = result.fetchall()
    return names, rows if tree.args.get("order") else Counter(rows)
