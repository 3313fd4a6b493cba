"""The journal's SQL, and the rows that go with it: plain functions from records to tuples."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

from outcrop.inference.records import (
    CallDetail,
    CallStatus,
    NewAnswers,
    NewCalls,
    NewStatement,
    Payment,
    StatementDetail,
    StatementOutcome,
    StatementTotals,
)
from outcrop.providers.base import TokenUsage

# A row for SQLite to store. Rows that it returns are `Any`: its STRICT tables hold the types.
# Blobs that come by the thousand are bytearrays: of `bytes`, and not of these, Python's module asks
# each time whether somebody registered an adapter, which takes longer than to copy them.
Row: TypeAlias = tuple[str | int | float | bytes | bytearray | None, ...]


def _placeholders(count: int) -> str:
    return ", ".join("?" * count)


@dataclass(frozen=True, slots=True)
class Into:
    """A table that takes many rows at once, and `columns` of it, in their order."""

    table: str
    columns: Sequence[str]
    verb: str = "INSERT"


# A new answer replaces the old one: that is what asking afresh (reuse_answers off) means.
INTO_ANSWER = Into(
    "answer",
    (
        *("provider", "model_id", "priced_as_of", "owner", "query_id", "created_at"),
        *("fingerprint", "response", "input_tokens", "output_tokens"),
        *("cache_read_tokens", "cache_write_tokens", "cost_usd"),
    ),
    "INSERT OR REPLACE",
)
INTO_CALL = Into(
    "call",
    (
        *("statement_id", "provider", "model_id", "status", "attempts", "throttles", "retries"),
        *("possibly_paid", "error_code", "error_message"),
        *("started_at", "duration_ms", "fingerprint", "input_tokens", "output_tokens", "cost_usd"),
    ),
)
# A statement of more rows takes no less time for each.
_ROWS_AT_ONCE_MAX = 256


class Rows(NamedTuple):
    """Rows of a table: their first columns are the same for all, the others differ."""

    shared: Row
    different: Sequence[Row]


def insert(connection: sqlite3.Connection, into: Into, parts: Sequence[Rows]) -> None:
    """Insert rows, as many as possible by one statement: after each, Python's lock is waited for.

    What all of them share is bound once.
    """
    if not parts:
        return
    shared = parts[0].shared
    if all(part.shared == shared for part in parts):
        rows = list(chain.from_iterable([part.different for part in parts]))
    else:
        rows = [(*part.shared, *row) for part in parts for row in part.different]
        shared = ()
    start = 0
    while left := len(rows) - start:
        count = 1 << (min(left, _ROWS_AT_ONCE_MAX).bit_length() - 1)
        sql = _insert_sql(into, len(shared), count)
        connection.execute(sql, (*shared, *chain.from_iterable(rows[start : start + count])))
        start += count


@lru_cache(maxsize=64)
def _insert_sql(into: Into, shared: int, rows: int) -> str:
    """Return the statement that inserts so many rows, which share their first columns."""
    width = len(into.columns) - shared
    first = [f"?{number}" for number in range(1, shared + 1)]
    values = (
        [*first, *(f"?{shared + row * width + number}" for number in range(1, width + 1))]
        for row in range(rows)
    )
    return f"{into.verb} INTO {into.table} ({', '.join(into.columns)}) VALUES " + ", ".join(
        [f"({', '.join(row)})" for row in values]
    )


_TOTALS = (
    "outcome",
    "ended_at",
    "invocations",
    "calls",
    "reused",
    "failed",
    "attempts",
    "throttles",
    "retries",
    "truncated",
    "possibly_paid",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "saved_input_tokens",
    "saved_output_tokens",
    "saved_cost_usd",
)
_STATEMENT_COLUMNS = "query_id, user_name, query_group, query_text, model, function, started_at"
INSERT_STATEMENT = (
    f"INSERT INTO statement ({_STATEMENT_COLUMNS}, {', '.join(_TOTALS)}) "
    f"VALUES ({_placeholders(7 + len(_TOTALS))})"
)
UPDATE_STATEMENT = (
    f"UPDATE statement SET {', '.join(f'{name} = ?' for name in _TOTALS)} WHERE statement_id = ?"
)
UPSERT_USAGE = """
INSERT INTO model_usage VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (provider, model_id) DO UPDATE SET
  answers = answers + excluded.answers,
  request_chars = request_chars + excluded.request_chars,
  input_tokens = input_tokens + excluded.input_tokens,
  output_tokens = output_tokens + excluded.output_tokens
"""

# Of each condition no more than the last 10,000 rows or so count, so that an answer which changes
# (another model under the name, other rows in the table) is learned again.
PREDICATE_ROWS_MAX = 10_000
UPSERT_PREDICATE = f"""
INSERT INTO predicate VALUES (?, ?, ?)
ON CONFLICT (condition) DO UPDATE SET
  passed = (passed + excluded.passed)
    * min(1.0, {PREDICATE_ROWS_MAX}.0 / (row_count + excluded.row_count)),
  row_count = min(row_count + excluded.row_count, {PREDICATE_ROWS_MAX}.0)
"""
UPSERT_SPENT = """
INSERT INTO spending VALUES (?, ?, ?, ?, 0)
ON CONFLICT (day, user_name, model_id) DO UPDATE SET spent_pico = spent_pico + excluded.spent_pico
"""
UPSERT_RESERVED = """
INSERT INTO spending VALUES (?, ?, ?, 0, ?)
ON CONFLICT (day, user_name, model_id) DO UPDATE SET reserved_pico = excluded.reserved_pico
"""
SPEND_RESERVED = """
UPDATE spending SET spent_pico = spent_pico + reserved_pico, reserved_pico = 0
WHERE reserved_pico > 0
"""
HAS_RESERVED = "SELECT EXISTS (SELECT 1 FROM spending WHERE reserved_pico > 0)"
SELECT_SPENDING = """
SELECT day, user_name, model_id, spent_pico FROM spending WHERE day >= ? AND spent_pico > 0
"""

SELECT_PREDICATES = "SELECT condition, row_count, passed FROM predicate WHERE condition IN ({})"

SELECT_ANSWERS = """
SELECT fingerprint, response, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
  cost_usd, query_id
FROM answer WHERE fingerprint IN ({}) AND (?{} IS NULL OR query_id = ?{})
"""
SELECT_KNOWN = "SELECT count(*) FROM answer WHERE fingerprint IN ({})"
UPSERT_LIMITS = "INSERT OR REPLACE INTO model_limit VALUES (?, ?, ?, ?, ?)"
SELECT_LIMITS = """
SELECT requests_per_s, tokens_per_s FROM model_limit WHERE provider = ? AND model_id = ?
"""
SELECT_USAGE = """
SELECT answers, request_chars, input_tokens, output_tokens FROM model_usage
WHERE provider = ? AND model_id = ?
"""
# Of the latest calls alone, so that it takes as long in a large journal as in a small one.
SELECT_SPEED = """
SELECT count(*), sum(duration_ms) / 1000.0,
  max(started_at + duration_ms / 1000.0) - min(started_at)
FROM call
WHERE call_id > (SELECT coalesce(max(call_id), 0) - 10000 FROM call)
  AND provider = ? AND model_id = ? AND status = 'answered'
GROUP BY statement_id ORDER BY statement_id DESC LIMIT 8
"""
# The newest first.
SELECT_OUTPUT_LENGTHS = """
SELECT c.output_tokens FROM call AS c JOIN statement AS s USING (statement_id)
WHERE call_id > (SELECT coalesce(max(call_id), 0) - 10000 FROM call)
  AND provider = ? AND model_id = ? AND s.model = ? AND status = 'answered'
  AND c.output_tokens IS NOT NULL
ORDER BY call_id DESC LIMIT ?
"""
SELECT_CALLS = """
SELECT call_id, query_id, fingerprint, user_name, model, function, provider, model_id, status,
  c.attempts, c.throttles, c.retries, c.possibly_paid, c.input_tokens, c.output_tokens, c.cost_usd,
  c.started_at, duration_ms, error_code, error_message
FROM call AS c JOIN statement USING (statement_id) ORDER BY call_id
"""
SELECT_DETAILS = """
SELECT query_id, user_name, query_group, query_text, model, function, started_at, ended_at, outcome,
  invocations, calls, reused, failed, attempts, throttles, retries, truncated, possibly_paid,
  input_tokens, output_tokens, cost_usd, saved_input_tokens, saved_output_tokens, saved_cost_usd
FROM statement ORDER BY statement_id
"""


_UNKNOWN: Row = (None, None, None, None)


def answer_rows(
    calls: Sequence[NewCalls], packed: Sequence[Sequence[bytes]], created_at: float
) -> list[Rows]:
    """Return the rows of INTO_ANSWER for those calls that have answers, which are `packed`."""
    return [
        _answer_rows(group, group.answers, texts, created_at)
        for group, texts in zip(calls, packed, strict=True)
        if group.answers is not None
    ]


def _answer_rows(
    calls: NewCalls, answers: NewAnswers, packed: Sequence[bytes], created_at: float
) -> Rows:
    columns = (calls.fingerprints, packed, calls.usages, calls.costs_usd)
    return Rows(
        (
            calls.provider,
            calls.model_id,
            answers.priced_as_of,
            _text(answers.owner),
            answers.query_id,
            created_at,
        ),
        [
            (bytearray(fingerprint), bytearray(text), *(usage or _UNKNOWN), cost_usd)
            for fingerprint, text, usage, cost_usd in zip(*columns, strict=True)
        ],
    )


def call_rows(calls: Sequence[NewCalls]) -> list[Rows]:
    """Return the rows of INTO_CALL."""
    return [
        Rows(
            (
                group.statement_id,
                group.provider,
                group.model_id,
                group.status.value,
                group.attempts,
                group.throttles,
                group.retries,
                group.possibly_paid,
                group.error_code,
                None if group.error_message is None else _text(group.error_message),
            ),
            [
                (started_at, duration_ms, bytearray(fingerprint), *_totals(usage), cost_usd)
                for started_at, duration_ms, fingerprint, usage, cost_usd in zip(
                    group.started_at,
                    group.durations_ms,
                    group.fingerprints,
                    group.usages,
                    group.costs_usd,
                    strict=True,
                )
            ],
        )
        for group in calls
    ]


def _totals(usage: TokenUsage | None) -> Row:
    return (None, None) if usage is None else (usage.all_input_tokens, usage.output_tokens)


def usage_rows(calls: Iterable[NewCalls]) -> Sequence[Row]:
    """Return the rows by which table `model_usage` grows: one for each model with known usage."""
    sums: dict[tuple[str, str], list[int]] = {}
    for group in calls:
        if group.answers is None:
            continue
        columns = (group.answers.request_chars, group.usages)
        known = [(chars, usage) for chars, usage in zip(*columns, strict=True) if usage is not None]
        if known:
            total = sums.setdefault((group.provider, group.model_id), [0, 0, 0, 0])
            total[0] += len(known)
            total[1] += sum([chars for chars, _ in known])
            total[2] += sum([usage.all_input_tokens for _, usage in known])
            total[3] += sum([usage.output_tokens for _, usage in known])
    return [(*model, *total) for model, total in sums.items()]


def predicate_rows(tested: Mapping[str, tuple[int, int]]) -> Sequence[Row]:
    """Return the rows by which table `predicate` grows."""
    found: list[Row] = []
    for condition, (rows, passed) in tested.items():
        if rows:
            weight = min(1.0, PREDICATE_ROWS_MAX / rows)
            found.append((_text(condition), rows * weight, passed * weight))
    return found


def spent_rows(calls: Iterable[NewCalls]) -> Sequence[Row]:
    """Return the rows by which table `spending` grows: one for each day, user and model."""
    sums: dict[tuple[str, str, str], int] = {}
    for group in calls:
        for payment in group.payments:
            key = (payment.day, payment.user, payment.model_id)
            sums[key] = sums.get(key, 0) + payment.cost_pico
    return [(day, _text(user), model, cost) for (day, user, model), cost in sums.items()]


def reserved_row(reserved: Payment) -> Row:
    """Return what may be paid at most, as a row of table `spending`."""
    return (reserved.day, _text(reserved.user), reserved.model_id, reserved.cost_pico)


def statement_row(statement: NewStatement) -> Row:
    """Return what a statement knows of itself when it begins."""
    return (
        statement.query_id,
        _text(statement.user),
        _text(statement.query_group),
        _text(statement.query_text),
        statement.model,
        statement.function,
        statement.started_at,
    )


def totals_row(totals: StatementTotals) -> Row:
    """Return the totals in the order of their columns."""
    return tuple(getattr(totals, name) for name in _TOTALS)


def call_detail(row: Sequence[Any]) -> CallDetail:
    """Return a row of SELECT_CALLS as a record."""
    values = list(row)
    values[8] = CallStatus(values[8])
    values[16] = _moment(values[16])
    return CallDetail(*values)


def statement_detail(row: Sequence[Any]) -> StatementDetail:
    """Return a row of SELECT_DETAILS as a record."""
    values = list(row)
    values[6], values[7] = _moment(values[6]), _moment(values[7])
    values[8] = StatementOutcome(values[8])
    return StatementDetail(*values)


def _moment(seconds: object) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, float) else None


def _text(text: str) -> str:
    """Return `text` without lone surrogates, which UTF-8 and so SQLite cannot hold."""
    return text.encode("utf-8", "replace").decode()
