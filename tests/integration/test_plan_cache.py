"""A statement that comes again has its plan, unless anything that bears on it has changed."""

from __future__ import annotations

import decimal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import outcrop.commands.context
from outcrop.commands.plan_cache import PlanCache, PlanKey
from outcrop.config import parse_config
from outcrop.errors import DatatypeMismatch, UndefinedColumn, UndefinedFunction, UndefinedRelation
from outcrop.planner.bind import BoundQuery
from outcrop.planner.plan import StagedPlan
from outcrop.planner.plan_query import plan_query
from outcrop.session import Session
from outcrop.settings import SETTINGS
from outcrop.sql.statements import Query
from outcrop.warehouse import Warehouse

MODEL = (
    "CREATE OR REPLACE EXTERNAL MODEL m FUNCTION f IAM_ROLE default MODEL_TYPE BEDROCK "
    "SETTINGS (MODEL_ID 'id', PROMPT '{}')"
)
Rows = list[tuple[Any, ...]]


class Planner:
    """The planner, and how often it was asked."""

    def __init__(self) -> None:
        self.planned = 0

    def plan(self, bound: BoundQuery, *arguments: Any, **options: Any) -> StagedPlan:
        self.planned += 1
        return plan_query(bound, *arguments, **options)


@pytest.fixture
def planner(monkeypatch: pytest.MonkeyPatch) -> Planner:
    planner = Planner()
    monkeypatch.setattr(outcrop.commands.context, "plan_query", planner.plan)
    return planner


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    config = parse_config({"providers": {"bedrock": {"kind": "scripted"}}})
    with Warehouse.open(tmp_path / "w", config=config) as opened:
        session = opened.open_session()
        session.execute("CREATE TABLE t (a integer, b varchar(20))")
        session.execute("INSERT INTO t VALUES (1, 'one'), (2, 'two')")
        session.execute(MODEL.format("Say"))
        session.close()
        yield opened


@pytest.fixture
def session(warehouse: Warehouse) -> Session:
    return warehouse.open_session()


def run(session: Session, sql: str, params: Any = None) -> Rows:
    return list(session.execute(sql, params).rows())


def test_a_statement_is_planned_once_for_all_sessions(
    warehouse: Warehouse, session: Session, planner: Planner
) -> None:
    sql = "SELECT a, f(b) FROM t WHERE a < 2 ORDER BY a"
    expected = run(session, sql)
    assert [run(session, sql) for _ in range(3)] == [expected] * 3
    assert run(warehouse.open_session(), sql) == expected
    assert planner.planned == 1


def test_each_run_reads_the_rows_of_its_time(session: Session, planner: Planner) -> None:
    assert run(session, "SELECT count(*) FROM t") == [(2,)]
    session.execute("INSERT INTO t SELECT 3, 'three' FROM t WHERE a = 1")
    planner.planned = 0
    assert run(session, "SELECT count(*) FROM t") == [(3,)]
    assert planner.planned == 0


@pytest.mark.parametrize(
    ("query", "change", "after"),
    [
        (
            "SELECT * FROM t ORDER BY 1 LIMIT 1",
            "DROP TABLE t; CREATE TABLE t AS SELECT 'x' AS z, 7 AS y",
            [("x", 7)],
        ),
        ("SELECT a FROM v ORDER BY a", "CREATE OR REPLACE VIEW v AS SELECT 9 AS a", [(9,)]),
        (
            "SELECT count(*) FROM mv",
            "DROP MATERIALIZED VIEW mv; CREATE MATERIALIZED VIEW mv AS SELECT 1 AS i",
            [(1,)],
        ),
        ("SELECT a FROM u", "CREATE SCHEMA s; CREATE TABLE s.u AS SELECT 2 AS a", [(2,)]),
    ],
    ids=["table", "view", "materialized view", "a name found earlier in the search path"],
)
@pytest.mark.parametrize("by", ["the same session", "another session"])
def test_a_changed_catalog_is_seen(
    warehouse: Warehouse, session: Session, query: str, change: str, after: Rows, by: str
) -> None:
    for statement in (
        "CREATE VIEW v AS SELECT a FROM t",
        "CREATE MATERIALIZED VIEW mv AS SELECT 1 AS i UNION ALL SELECT 2",
        "CREATE TABLE u AS SELECT 1 AS a",
        "SET search_path TO s, public",
    ):
        session.execute(statement)
    before = run(session, query)
    assert run(session, query) == before != after
    changing = session if by == "the same session" else warehouse.open_session()
    for statement in change.split(";"):
        changing.execute(statement)
    assert run(session, query) == after


def test_what_was_dropped_is_missed(session: Session) -> None:
    session.execute("CREATE VIEW v AS SELECT a FROM t")
    for query, drop, error in (
        ("SELECT f(b) FROM t", "DROP MODEL m", UndefinedFunction),
        ("SELECT a FROM v", "DROP VIEW v", UndefinedRelation),
        ("SELECT a FROM t", "DROP TABLE t", UndefinedRelation),
    ):
        run(session, query)
        session.execute(drop)
        with pytest.raises(error):
            session.execute(query)


def test_a_replaced_model_is_asked(warehouse: Warehouse, session: Session) -> None:
    query = "SELECT f(b) FROM t WHERE a = 1"
    [(first,)] = run(session, query)
    warehouse.open_session().execute(MODEL.format("Shout"))
    [(second,)] = run(session, query)
    assert first != second


def test_a_transaction_sees_its_own_changes_and_nobody_else_does(
    warehouse: Warehouse, session: Session
) -> None:
    other = warehouse.open_session()
    query = "SELECT * FROM t ORDER BY 1"
    before = run(session, query)
    session.execute("BEGIN")
    session.execute("DROP TABLE t")
    session.execute("CREATE TABLE t AS SELECT 'mine' AS c")
    assert run(session, query) == [("mine",)]
    assert run(other, query) == before
    session.execute("ROLLBACK")
    assert run(session, query) == before


def test_a_plan_of_what_was_rolled_back_is_not_used(session: Session) -> None:
    session.execute("BEGIN")
    session.execute("CREATE TABLE u AS SELECT 1 AS a")
    assert run(session, "SELECT a FROM u") == [(1,)]
    session.execute("ROLLBACK")
    with pytest.raises(UndefinedRelation):
        session.execute("SELECT a FROM u")
    session.execute("CREATE TABLE u AS SELECT 2 AS b")
    with pytest.raises(UndefinedColumn):
        session.execute("SELECT a FROM u")


def test_a_transaction_goes_on_with_the_catalog_that_it_began_with(
    warehouse: Warehouse, session: Session
) -> None:
    session.execute("CREATE VIEW v AS SELECT 1 AS a")
    other = warehouse.open_session()
    other.execute("BEGIN")
    assert run(other, "SELECT a FROM v") == [(1,)]
    session.execute("CREATE OR REPLACE VIEW v AS SELECT 2 AS a")
    assert run(session, "SELECT a FROM v") == [(2,)]
    assert run(other, "SELECT a FROM v") == [(1,)]
    other.execute("COMMIT")
    assert run(other, "SELECT a FROM v") == [(2,)]


def test_what_was_committed_is_seen_at_once_by_all(warehouse: Warehouse, session: Session) -> None:
    session.execute("CREATE VIEW v AS SELECT 0 AS a")
    committed, seen = [0], []
    done = threading.Event()

    def read() -> None:
        reader = warehouse.open_session()
        while not done.is_set():
            before = committed[-1]
            [(value,)] = run(reader, "SELECT a FROM v")
            seen.append((before, value))
        reader.close()

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(1, 40):
        session.execute(f"CREATE OR REPLACE VIEW v AS SELECT {number} AS a")
        committed.append(number)
    done.set()
    for thread in threads:
        thread.join()
    assert all(before <= value for before, value in seen)
    assert run(session, "SELECT a FROM v") == [(39,)]


# Whether another value of a setting makes another plan. A new setting must be put here, and, if it
# bears on planning, into `PlanKey`.
OTHER_VALUES = {
    "enable_case_sensitive_identifier": ("on", True),
    "enable_case_sensitive_super_attribute": ("off", True),
    "search_path": ("other", True),
    "outcrop.on_error": ("null", False),
    "outcrop.reuse_answers": ("off", False),
    "outcrop.max_cost_usd": ("1", False),
    "outcrop.session_max_cost_usd": ("1", False),
    "outcrop.max_calls": ("5", False),
    "outcrop.max_concurrency": ("2", False),
    "outcrop.max_tokens_default": ("7", False),
    "outcrop.priority": ("high", False),
    "outcrop.prompt_caching": ("off", False),
    "outcrop.request_timeout": ("7s", False),
    "outcrop.retry_timeout": ("7s", False),
    "statement_timeout": ("1h", False),
    "query_group": ("g", False),
    "timezone": ("Europe/Oslo", False),
}


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_settings_that_bear_on_planning_make_another_plan(
    session: Session, planner: Planner, name: str
) -> None:
    value, bears_on_planning = OTHER_VALUES[name]
    session.execute("CREATE SCHEMA other")
    query = "SELECT count(*) FROM public.t"
    run(session, query)
    session.execute(f"SET {name} TO '{value}'")
    planner.planned = 0
    run(session, query)
    assert planner.planned == bears_on_planning


def test_settings_change_what_names_mean(session: Session) -> None:
    session.execute("CREATE SCHEMA other")
    session.execute("CREATE TABLE other.t AS SELECT 5 AS a")
    assert run(session, "SELECT max(a) FROM t") == [(2,)]
    session.execute("SET search_path TO other")
    assert run(session, "SELECT max(a) FROM t") == [(5,)]
    session.execute("RESET search_path")
    assert run(session, "SELECT max(a) FROM t") == [(2,)]

    path = """SELECT r.Key FROM (SELECT JSON_PARSE('{"Key": 1}') AS r)"""
    assert run(session, path) == [("1",)]
    session.execute("SET enable_case_sensitive_super_attribute TO off")
    assert run(session, path) == [(None,)]

    assert session.execute('SELECT 1 AS "Big"').columns[0].name == "big"
    session.execute("SET enable_case_sensitive_identifier TO on")
    assert session.execute('SELECT 1 AS "Big"').columns[0].name == "Big"


def test_each_user_is_called_by_their_own_name(warehouse: Warehouse) -> None:
    for name in ("ada", "grace"):
        assert run(warehouse.open_session(user=name), "SELECT current_user") == [(name,)]


@pytest.mark.parametrize(
    "values", [(1, "1", True, 1.0, decimal.Decimal("1.0")), ("it''s", "it's"), (None, "NULL")]
)
def test_parameters_of_another_type_make_another_plan(
    session: Session, values: tuple[object, ...]
) -> None:
    for _ in range(2):
        for value in values:
            [(given,)] = run(session, "SELECT ?", (value,))
            assert (type(given), given) == (type(value), value)


def test_equal_parameters_have_one_plan(session: Session, planner: Planner) -> None:
    for key in (1, 2, 1, 2):
        assert len(run(session, "SELECT b FROM t WHERE a = :key", {"key": key})) == 1
    assert planner.planned == 2


def test_parameters_by_position_and_by_name_are_told_apart(session: Session) -> None:
    assert run(session, "SELECT :x, :y", {"x": 1, "y": 2}) == [(1, 2)]
    assert run(session, "SELECT :x, :y", {"x": 2, "y": 1}) == [(2, 1)]


def test_prepared_statements_are_told_apart(session: Session, planner: Planner) -> None:
    for declared, value, rows in (("(int)", "1.6", [(2,)]), ("(text)", "1.6", [("1.6",)])):
        session.execute(f"PREPARE p {declared} AS SELECT $1")
        assert run(session, f"EXECUTE p ({value})") == rows
        assert run(session, f"EXECUTE p ({value})") == rows
        session.execute("DEALLOCATE p")
    assert planner.planned == 2


def test_unloads_with_parameters_are_told_apart(session: Session, tmp_path: Path) -> None:
    for key in (1, 2):
        session.execute(
            f"UNLOAD ('SELECT a FROM t WHERE a = :key') TO '{tmp_path}/rows_' "
            "ALLOWOVERWRITE PARALLEL OFF",
            {"key": key},
        )
        [file] = tmp_path.glob("rows_*")
        assert file.read_text().strip() == str(key)


def test_errors_are_not_kept(session: Session) -> None:
    for _ in range(2):
        with pytest.raises(DatatypeMismatch):
            session.execute("SELECT f(a) FROM t")
    with pytest.raises(UndefinedRelation):
        session.execute("SELECT a FROM later")
    session.execute("CREATE TABLE later AS SELECT 1 AS a")
    assert run(session, "SELECT a FROM later") == [(1,)]


def key_of(text: str) -> PlanKey:
    return PlanKey(text, (), "ada", ("public",), False, True, 0)


def plan_of(text: str) -> StagedPlan:
    statement = PlanCache().statement(text, has_parameters=False)
    assert isinstance(statement, Query)
    return StagedPlan((), statement.tree, ())


def test_memory_is_bounded_and_what_was_used_last_stays() -> None:
    cache = PlanCache(statement_bytes_max=100_000, plan_bytes_max=100_000)
    often = "SELECT 'often'"
    kept = cache.plan(key_of(often), lambda: plan_of(often))
    for number in range(1_000):
        text = f"SELECT {number}, a + b FROM t"
        statement = cache.statement(text, has_parameters=False)
        assert cache.statement(text, has_parameters=False) is statement
        cache.plan(key_of(text), lambda text=text: plan_of(text))  # type: ignore[misc]  # its default
        assert cache.plan(key_of(often), lambda: plan_of(often)) is kept
        assert cache.bytes_kept <= 200_000
    assert cache.bytes_kept > 150_000


def test_what_is_larger_than_the_cache_is_not_kept() -> None:
    cache = PlanCache(statement_bytes_max=10_000, plan_bytes_max=10_000)
    cache.statement("SELECT 1", has_parameters=False)
    before = cache.bytes_kept
    long = f"SELECT '{'x' * 10_000}'"
    cache.statement(long, has_parameters=False)
    cache.plan(key_of(long), lambda: plan_of(long))
    assert cache.bytes_kept == before > 0


def test_statements_that_may_hold_secrets_are_not_kept() -> None:
    cache = PlanCache()
    cache.statement(
        "COPY t FROM 's3://b/k' ACCESS_KEY_ID 'id' SECRET_ACCESS_KEY 'secret'",
        has_parameters=False,
    )
    cache.statement("INSERT INTO t VALUES (1)", has_parameters=False)
    assert cache.bytes_kept == 0
    cache.statement("INSERT INTO t VALUES (?)", has_parameters=True)
    assert cache.bytes_kept > 0


def test_a_plan_that_is_no_longer_current_is_replaced() -> None:
    cache = PlanCache()
    first, second = plan_of("SELECT 1"), plan_of("SELECT 1")
    key = PlanKey("SELECT 1", (), "ada", ("public",), False, True, 0)
    assert cache.plan(key, lambda: first) is first
    assert cache.plan(key, lambda: second) is first
    kept = cache.bytes_kept
    assert cache.plan(key, lambda: second, lambda plan: plan is not first) is second
    assert cache.plan(key, lambda: first) is second
    assert cache.bytes_kept == kept
