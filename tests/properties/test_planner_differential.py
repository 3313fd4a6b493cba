"""Staged plans against plain DuckDB: rows, names and types of columns, contents of tables, calls.

Rows and tables are compared with those of the same statement on DuckDB, types with Redshift's rules
(`result_types`), calls with those that SQL's rules of evaluation need (`needs`): no call is made
twice, and no more are made than an evaluation by these rules may make. A few hundred statements run
by default; OUTCROP_FUZZ_CASES=20000 runs that many, and OUTCROP_FUZZ_SEED starts elsewhere. A
difference names the seed of its data and the number of its statement, which `make fuzz CASES=1
SEED=` of that seed finds again. What was compared is logged as it goes on.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

import outcrop.providers.scripted
from outcrop.config import parse_config
from outcrop.errors import Error, FeatureNotSupported
from outcrop.session import Notice, Result, Session
from outcrop.warehouse import Warehouse
from tests.properties.needs import Call, bounds
from tests.properties.random_queries import QueryWriter, RandomQuery
from tests.properties.random_schemas import VIEWS, Schema, random_schema
from tests.properties.random_writes import (
    CREATE_TARGET,
    FILL_TARGET,
    TARGET_COLUMNS,
    RandomWrite,
    WriteWriter,
)
from tests.properties.recorded_calls import recorded
from tests.properties.reference import (
    ANSWERS,
    TYPES,
    Row,
    insert_statements,
    open_reference,
    provider_options,
    random_rows,
    value_of,
)
from tests.properties.result_types import ResultTypes

CASES = int(os.environ.get("OUTCROP_FUZZ_CASES", "210"))
SEED = int(os.environ.get("OUTCROP_FUZZ_SEED", "1"))
CASES_A_DATA_SET = 30
DATA_SETS_A_REPORT = 10
REFUSED_SHARE_MAX = 0.02
_log = logging.getLogger(__name__)
_STILL_REFUSED = "in a subquery that refers to the query around it"
_SEEDS = range(SEED, SEED + math.ceil(CASES / CASES_A_DATA_SET))
_FUNCTIONS = frozenset(TYPES)
_RETURNS = {name: "character varying" if t == "VARCHAR" else t.lower() for name, t in TYPES.items()}


@pytest.fixture(scope="module")
def tally() -> Iterator[Counter[str]]:
    """How many statements were compared, and how their calls stood to what is needed."""
    counts: Counter[str] = Counter()
    yield counts
    _log.info("compared: %s", dict(counts))
    if counts["statements"] >= 200:
        assert counts["refused"] <= REFUSED_SHARE_MAX * counts["statements"], counts


class Difference(Exception):
    """What the two sides disagree about."""

    def __init__(self, kind: str, found: object, expected: object, where: str) -> None:
        super().__init__(f"{kind} of {where}\n  found    {found!r}\n  expected {expected!r}")
        self.kind = kind


class Ours:
    """A session on a warehouse, and the calls that its statements make."""

    def __init__(self, session: Session, notices: list[Notice], calls: list[Call]) -> None:
        self.session = session
        self._notices, self._calls = notices, calls

    def run(self, sql: str) -> tuple[Result, list[Row], list[Call]]:
        """Return the result of a statement, its rows, and its calls."""
        self._notices.clear()
        self._calls.clear()
        try:
            result = self.session.execute(sql)
            rows = list(result.rows())
        except FeatureNotSupported:
            raise
        except Error as error:
            raise Difference(
                "failure", f"{type(error).__name__} {error.message}", None, sql
            ) from error
        calls = [(name.removeprefix("scripted_"), prompt) for name, prompt in self._calls]
        found = (re.match(r"([\d,]+) calls?, ", notice.message) for notice in self._notices)
        told = sum(int(m[1].replace(",", "")) for m in found if m)
        if told != len(calls):
            raise Difference("closing notice", told, len(calls), sql)
        return result, rows, calls


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Ours]:
    """A warehouse for each schema, so that what it learns of predicates is of that schema alone."""
    calls: list[Call] = []
    config = parse_config(
        {
            "providers": {f"scripted_{name}": provider_options(name) for name in ANSWERS},
            "settings": {"on_error": "null", "reuse_answers": "off"},
        }
    )
    notices: list[Notice] = []
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(outcrop.providers.scripted, "build", recorded(calls))
        told = logging.getLogger("outcrop")  # of each statement
        stack.callback(told.setLevel, told.level)
        told.setLevel(logging.CRITICAL)
        warehouse = stack.enter_context(Warehouse.open(tmp_path / "warehouse", config=config))
        session = warehouse.open_session(on_notice=notices.append)
        for name, datatype in TYPES.items():
            returns = "" if datatype == "VARCHAR" else f", RETURNS {datatype}"
            session.execute(
                f"CREATE EXTERNAL MODEL {name} FUNCTION {name} IAM_ROLE default MODEL_TYPE BEDROCK "
                f"SETTINGS (MODEL_ID 'a.model', ENDPOINT 'scripted_{name}'{returns})"
            )
        session.execute(CREATE_TARGET)
        yield Ours(session, notices, calls)


@pytest.mark.parametrize("seed", _SEEDS)
def test_staged_plans_give_what_sql_means(ours: Ours, tally: Counter[str], seed: int) -> None:
    try:
        with contextlib.closing(_Comparison(seed, random_schema(seed), ours, tally)) as comparison:
            comparison.compare_all()
    finally:
        if seed % DATA_SETS_A_REPORT == DATA_SETS_A_REPORT - 1:
            _log.info("compared up to seed %d: %s", seed, dict(tally))


class _Comparison:
    """One schema with its rows, on both sides, and the statements that are run on both."""

    def __init__(self, seed: int, schema: Schema, ours: Ours, tally: Counter[str]) -> None:
        self._seed, self._schema, self._tally = seed, schema, tally
        self._ours = ours
        self._rows = random_rows(seed, schema)
        columns = {
            table.name: {name.strip('"').lower(): kind for name, kind in table.columns}
            for table in schema.tables
        }
        self._types = ResultTypes(columns, VIEWS, _RETURNS)
        self._tables = {name: (tuple(kinds), self._rows[name]) for name, kinds in columns.items()}
        at = tuple(columns["t"]).index
        target = [(row[at("i")], row[at("p")], row[at("q")]) for row in self._rows["t"]]
        self._tables["w"] = (tuple(TARGET_COLUMNS), target)
        for statement in self._set_up():
            self._ours.session.execute(statement)
        self._theirs = self._open_theirs()

    def _set_up(self) -> tuple[str, ...]:
        """Return what creates and fills the tables and the views."""
        return (*self._schema.create, *insert_statements(self._rows))

    def _open_theirs(self) -> duckdb.DuckDBPyConnection:
        theirs = open_reference()
        for statement in (CREATE_TARGET, *self._set_up()):
            theirs.execute(statement)
        return theirs

    def close(self) -> None:
        """Close the reference."""
        self._theirs.close()

    def compare_all(self) -> None:
        """Run statements of each kind, and compare them."""
        queries = QueryWriter(self._seed, self._schema)
        writes = WriteWriter(self._seed, self._schema)
        differences: list[str] = []
        for number in range(CASES_A_DATA_SET):
            place = f"seed {self._seed}, statement {number}"
            try:
                if number % 5 == 4:
                    self._compare_write(writes.write_change(), place)
                elif number % 10 == 3:
                    self._compare_stored(queries.write(), place)
                else:
                    self._compare_query(queries.write(), place)
            except FeatureNotSupported as error:
                if _STILL_REFUSED not in error.message:
                    raise
                self._tally["refused"] += 1
            except duckdb.InternalException:  # after which it does not go on
                self._tally["faults of DuckDB's own"] += 1
                self._theirs.close()
                self._theirs = self._open_theirs()
            except Difference as difference:
                _log.info("%s", difference)
                differences.append(str(difference))
                self._tally[f"differences: {difference.kind}"] += 1
            self._tally["statements"] += 1
        if differences:
            pytest.fail("\n\n".join(differences), pytrace=False)

    def _compare_query(self, query: RandomQuery, place: str) -> None:
        plain = query.plain_sql
        where = f"{place}: {plain}"
        rows = self._theirs.execute(plain).fetchall()
        result, found, calls = self._ours.run(self._prepared(query))
        _compare("names", tuple(c.name for c in result.columns), query.names, where)
        types = tuple(str(c.datatype) for c in result.columns)
        _compare("types", types, self._types.of(plain), where)
        _compare("rows", _comparable(found, query), _comparable(rows, query), where)
        self._compare_calls(plain, calls, where)

    def _prepared(self, query: RandomQuery) -> str:
        """Return the statement to run, which for a query with parameters is EXECUTE."""
        if not query.parameters:
            return query.sql
        types = ", ".join(kind for kind, _ in query.parameters)
        self._ours.session.execute("DEALLOCATE ALL")
        self._ours.session.execute(f"PREPARE prepared ({types}) AS {query.sql}")
        return f"EXECUTE prepared ({', '.join(value for _, value in query.parameters)})"

    def _compare_write(self, write: RandomWrite, place: str) -> None:
        for statement in FILL_TARGET:
            self._ours.session.execute(statement)
            self._theirs.execute(statement)
        self._theirs.execute(write.sql)
        _, _, calls = self._ours.run(write.sql)
        stored = Counter(self._ours.run("SELECT * FROM w")[1])
        expected = Counter(self._theirs.execute("SELECT * FROM w").fetchall())
        where = f"{place}: {write.sql}"
        _compare("contents", stored, expected, where)
        self._compare_calls(write.reads, calls, where)

    def _compare_stored(self, query: RandomQuery, place: str) -> None:
        """Compare a table or a materialized view of a query, before and after its data change."""
        plain = query.plain_sql
        word = "TABLE" if self._seed % 2 else "MATERIALIZED VIEW"
        _, _, calls = self._ours.run(f"CREATE {word} stored AS {plain}")
        self._theirs.execute(f"CREATE OR REPLACE TABLE stored AS {plain}")
        try:
            self._compare_contents(f"{place}: {plain}")
            self._compare_calls(plain, calls, f"{place}: {plain}")
            if word != "TABLE":
                self._ours.run("REFRESH MATERIALIZED VIEW stored")
                self._compare_contents(f"{place}, refreshed: {plain}")
        finally:
            self._ours.run(f"DROP {word} stored")

    def _compare_contents(self, where: str) -> None:
        expected = Counter(self._theirs.execute("SELECT * FROM stored").fetchall())
        _compare("contents", Counter(self._ours.run("SELECT * FROM stored")[1]), expected, where)

    def _compare_calls(self, sql: str, calls: list[Call], where: str) -> None:
        """Compare the calls of a statement with what its query needs."""
        needed = bounds(sql, self._tables, VIEWS, lambda f, p: value_of(f)(p), _FUNCTIONS)
        made = set(calls)
        _compare("calls made again", len(calls) - len(made), 0, where)
        if len(made) > len(needed.allowed):
            needless = sorted(made - needed.allowed)
            raise Difference(
                "calls", f"{len(made)}", f"{len(needed.allowed)}", f"{where}\n  needless {needless}"
            )
        if made - needed.allowed:
            self._tally["calls: others than the oracle finds, not more"] += 1
        elif len(made) < needed.least:
            self._tally["calls: fewer than the oracle finds"] += 1
        elif needed.least == len(needed.allowed):
            self._tally["calls: exact"] += 1
        elif len(made) == needed.least:
            self._tally["calls: the least that SQL allows"] += 1
        else:
            self._tally["calls: between the bounds"] += 1


def _compare(kind: str, found: object, expected: object, where: str) -> None:
    if found != expected:
        raise Difference(kind, found, expected, where)


def _comparable(rows: list[Row], query: RandomQuery) -> object:
    return rows if query.is_ordered else Counter(rows)
