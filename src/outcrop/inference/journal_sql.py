"""The journal's SQL, and the rows that go with it: plain functions from records to tuples."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any, TypeAlias

from outcrop.inference.records import (
    CallDetail,
    CallStatus,
    NewCall,
    NewStatement,
    Payment,
    StatementDetail,
    StatementOutcome,
    StatementTotals,
)
from outcrop.providers.base import TokenUsage

# A row for SQLite to store. Rows that it returns are `Any`: its STRICT tables hold the types.
Row: TypeAlias = tuple[str | int | float | bytes | None, ...]


def _placeholders(count: int) -> str:
    return ", ".join("?" * count)


# Python's lock is waited for after each statement, so rows are inserted many at a time.
_ROWS_AT_ONCE = (64, 8, 1)


def _insert_sql(into: str, columns: int) -> tuple[tuple[int, str], ...]:
    """Return the statements that insert rows into a table, each with how many."""
    values = f"({_placeholders(columns)})"
    return tuple((rows, f"{into} VALUES {', '.join([values] * rows)}") for rows in _ROWS_AT_ONCE)


def insert(
    connection: sqlite3.Connection, statements: Sequence[tuple[int, str]], rows: Sequence[Row]
) -> None:
    """Insert rows by the statements of `_insert_sql`."""
    start = 0
    for count, sql in statements:
        while start + count <= len(rows):
            connection.execute(sql, tuple(chain.from_iterable(rows[start : start + count])))
            start += count


# A new answer replaces the old one: that is what asking afresh (reuse_answers off) means.
INSERT_ANSWERS = _insert_sql("INSERT OR REPLACE INTO answer", 13)
_CALL_COLUMNS = (
    "statement_id, fingerprint, provider, model_id, status, attempts, throttles, retries, "
    "possibly_paid, input_tokens, output_tokens, cost_usd, started_at, duration_ms, "
    "error_code, error_message"
)
INSERT_CALLS = _insert_sql(f"INSERT INTO call ({_CALL_COLUMNS})", 16)
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


def answer_row(call: NewCall, packed: bytes, created_at: float) -> Row:
    """Return the row of table `answer` for a call that has one."""
    answer = call.answer
    assert answer is not None
    return (
        call.fingerprint,
        call.provider,
        call.model_id,
        packed,
        *_tokens(call.usage),
        call.cost_usd,
        answer.priced_as_of,
        _text(answer.owner),
        answer.query_id,
        created_at,
    )


def call_row(call: NewCall) -> Row:
    """Return the row of table `call`, without its id."""
    return (
        call.statement_id,
        call.fingerprint,
        call.provider,
        call.model_id,
        call.status.value,
        call.attempts,
        call.throttles,
        call.retries,
        call.possibly_paid,
        None if call.usage is None else call.usage.all_input_tokens,
        None if call.usage is None else call.usage.output_tokens,
        call.cost_usd,
        call.started_at,
        call.duration_ms,
        call.error_code,
        None if call.error_message is None else _text(call.error_message),
    )


def _tokens(usage: TokenUsage | None) -> Row:
    if usage is None:
        return (None, None, None, None)
    return (
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
    )


def usage_rows(calls: Iterable[NewCall]) -> Sequence[Row]:
    """Return the rows by which table `model_usage` grows: one for each model with known usage."""
    sums: dict[tuple[str, str], list[int]] = {}
    for call in calls:
        answer = call.answer
        if answer is not None and call.usage is not None:
            total = sums.setdefault((call.provider, call.model_id), [0, 0, 0, 0])
            total[0] += 1
            total[1] += answer.request_chars
            total[2] += call.usage.all_input_tokens
            total[3] += call.usage.output_tokens
    return [(*model, *total) for model, total in sums.items()]


def predicate_rows(tested: Mapping[str, tuple[int, int]]) -> Sequence[Row]:
    """Return the rows by which table `predicate` grows."""
    found: list[Row] = []
    for condition, (rows, passed) in tested.items():
        if rows:
            weight = min(1.0, PREDICATE_ROWS_MAX / rows)
            found.append((_text(condition), rows * weight, passed * weight))
    return found


def spent_rows(calls: Iterable[NewCall]) -> Sequence[Row]:
    """Return the rows by which table `spending` grows: one for each day, user and model."""
    sums: dict[tuple[str, str, str], int] = {}
    for call in calls:
        for payment in call.payments:
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
