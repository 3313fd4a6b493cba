"""Any journal, exported and imported, is the same journal: who asks again pays nothing."""

from __future__ import annotations

import asyncio
import io
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.inference.journal import Journal
from outcrop.inference.journal_archive import Exported, Imported, export, import_from
from outcrop.inference.journal_upkeep import Selection, verify
from outcrop.inference.records import CallStatus, NewAnswers, NewCalls
from outcrop.providers.base import TokenUsage
from tests.unit.inference.support import ask, house, invocation, texts

T = TypeVar("T")

# Lone surrogates are text that a model can send as JSON; SQLite's own columns cannot hold them.
ANY_TEXT = st.text(st.characters(), max_size=30)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | ANY_TEXT,
    lambda members: st.lists(members, max_size=4) | st.dictionaries(ANY_TEXT, members, max_size=4),
    max_leaves=20,
)
TOKENS = st.integers(0, 2**40)
RESPONSES = st.dictionaries(ANY_TEXT, JSON, max_size=5) | st.builds(
    lambda text, count: {"text": text * count}, ANY_TEXT, st.integers(0, 200)
)
USAGES = st.none() | st.builds(TokenUsage, TOKENS, TOKENS, TOKENS, TOKENS)


@st.composite
def groups_of_calls(draw: st.DrawFn) -> NewCalls:
    """Draw some calls that were answered together."""
    count = draw(st.integers(1, 10))

    def column(values: st.SearchStrategy[T]) -> list[T]:
        return draw(st.lists(values, min_size=count, max_size=count))

    answers = NewAnswers(
        responses=column(RESPONSES),
        texts=[None] * count,
        request_chars=column(st.integers(0, 1_000)),
        priced_as_of=draw(st.none() | TEXT),
        owner=draw(TEXT),
        query_id=draw(TEXT),
    )
    return NewCalls(
        statement_id=1,
        provider=draw(TEXT),
        model_id=draw(TEXT),
        status=CallStatus.ANSWERED,
        fingerprints=column(st.binary(min_size=20, max_size=20)),
        usages=column(USAGES),
        costs_usd=column(st.none() | st.floats(0, 1e6)),
        started_at=[0.0] * count,
        durations_ms=[1] * count,
        attempts=1,
        throttles=0,
        retries=0,
        possibly_paid=0,
        answers=answers,
    )


def rows(path: Path) -> list[tuple[object, ...]]:
    """Return the answers with their times to the microsecond, and their responses unpacked."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT * FROM answer ORDER BY fingerprint").fetchall()
    return [(*row[:3], *row[4:-1], round(row[-1], 6)) for row in found]


@settings(max_examples=50, deadline=None)
@given(st.lists(groups_of_calls(), max_size=8), st.floats(0, 4e9))
def test_what_is_imported_is_what_was_exported(groups: Sequence[NewCalls], now: float) -> None:
    fingerprints = sorted({fingerprint for calls in groups for fingerprint in calls.fingerprints})
    with TemporaryDirectory() as folder:
        first, second = Path(folder) / "first.sqlite", Path(folder) / "second.sqlite"
        with (
            closing(Journal.open(first, wall=lambda: now)) as journal,
            closing(Journal.open(second)) as other,
        ):
            for calls in groups:
                asyncio.run(journal.store(calls))
            out = io.BytesIO()
            assert export(first, out, Selection()) == Exported(len(fingerprints), 0)
            for expected in (Imported(len(fingerprints), 0), Imported(0, len(fingerprints))):
                out.seek(0)
                assert import_from(second, out) == expected
            assert other.lookup(fingerprints) == journal.lookup(fingerprints)
            assert rows(second) == rows(first)
            assert verify(second).problems == ()


@settings(max_examples=20, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=30, unique=True), st.data())
def test_who_asks_again_elsewhere_pays_for_what_is_new(
    prompts: Sequence[str], data: st.DataObject
) -> None:
    known = data.draw(st.lists(st.sampled_from(prompts), unique=True))
    with TemporaryDirectory() as here, TemporaryDirectory() as there:
        with house(Path(here)) as home:
            ask(home.statement(), [invocation(prompt) for prompt in known])
        out = io.BytesIO()
        export(Path(here) / "journal.sqlite", out, Selection())
        out.seek(0)
        with house(Path(there)) as home:
            import_from(Path(there) / "journal.sqlite", out)
            answered = ask(home.statement(), [invocation(prompt) for prompt in prompts])
            assert texts(answered) == {f"answer to {prompt}" for prompt in prompts}
            assert sorted(home.provider.requests) == sorted(set(prompts) - set(known))
