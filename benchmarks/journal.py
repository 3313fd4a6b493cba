"""The journal at its full size: how long it takes to open, to look answers up, and to store one.

The entries are made as the gateway's calls end, an answer and the record of its call, and stored by
the journal's own SQL. Answers are words of a fixed vocabulary: they compress as prose does.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from benchmarks.report import Report, Target, milliseconds
from outcrop.config import WarehouseConfig
from outcrop.inference import journal_file, journal_sql
from outcrop.inference.invocation import FINGERPRINT_BYTES
from outcrop.inference.journal import JOURNAL_FILE, LOOKUP_MAX, Journal
from outcrop.inference.records import CallStatus, NewAnswers, NewCalls
from outcrop.providers.base import JsonObject, TokenUsage
from outcrop.warehouse import Warehouse

NAME = "journal"
ENTRIES = 1_000_000
OPENING_MOST_S = 1.0

ANSWER_WORDS = 40
LONG_ANSWER_WORDS = 600
COMMIT = 10_000
LOOKUPS = 100
_VOCABULARY = [
    f"{stem}{ending}" for stem in "abcdefghijklmnopqr" for ending in ("aste", "ondry", "u", "il")
]


def measure(*, is_quick: bool) -> Report:
    """Fill a journal, then open it and look answers up."""
    entries = 20_000 if is_quick else ENTRIES
    lookups = 5 if is_quick else LOOKUPS
    with TemporaryDirectory(prefix="outcrop-bench-") as name:
        folder = Path(name)
        Warehouse.open(folder, config=WarehouseConfig()).close()
        path = folder / JOURNAL_FILE
        _fill(path, entries)
        opening_s = _fastest(lambda: Journal.open(path).close())
        warehouse_s = _fastest(lambda: Warehouse.open(folder, config=WarehouseConfig()).close())
        with closing(Journal.open(path)) as journal:
            random = Random(1)
            scattered = _rate(journal, _scattered(random, entries, lookups))
            in_order = _rate(journal, _in_order(entries, lookups))
            absent = _rate(journal, _in_order(entries, lookups, first=entries))
        entry_bytes = path.stat().st_size / entries
    short_us, short_share = _storing(ANSWER_WORDS)
    long_us, long_share = _storing(LONG_ANSWER_WORDS)
    return Report(
        f"A journal of {entries:,} entries",
        (
            f"Answers of {ANSWER_WORDS} words, each with the record of its call. The "
            "system's cache holds the file.",
            f"Lookups are of {LOOKUP_MAX:,} fingerprints at a time, by one thread.",
        ),
        ("", "figure"),
        (
            ("open and close the journal", milliseconds(opening_s)),
            ("open and close the warehouse", milliseconds(warehouse_s)),
            ("lookups a second: answers of one statement", f"{in_order:,.0f}"),
            ("lookups a second: answers from anywhere", f"{scattered:,.0f}"),
            ("lookups a second: no answer", f"{absent:,.0f}"),
            ("bytes an entry", f"{entry_bytes:,.0f}"),
            (
                f"packing {ANSWER_WORDS} words",
                f"{short_us:.1f} us, {short_share:.0%} of their JSON",
            ),
            (f"packing {LONG_ANSWER_WORDS} words", f"{long_us:.1f} us, {long_share:.0%} of it"),
        ),
        (Target("opening the warehouse", warehouse_s, most=OPENING_MOST_S, unit=" s"),),
    )


def _fill(path: Path, entries: int) -> None:
    random = Random(0)
    with closing(journal_file.connect(path)) as connection:
        for start in range(0, entries, COMMIT):
            calls = _calls(random, range(start, min(start + COMMIT, entries)))
            assert calls.answers is not None
            packed = [
                journal_file.compress(journal_file.encode(r)) for r in calls.answers.responses
            ]
            answers = journal_sql.answer_rows([calls], [packed], calls.started_at[0])
            with journal_file.transaction(connection, path):
                journal_sql.insert(connection, journal_sql.INTO_ANSWER, answers)
                journal_sql.insert(
                    connection, journal_sql.INTO_CALL, journal_sql.call_rows([calls])
                )


def _calls(random: Random, numbers: Sequence[int]) -> NewCalls:
    count = len(numbers)
    responses = [_response(random, ANSWER_WORDS) for _ in numbers]
    return NewCalls(
        statement_id=1,
        provider="bedrock",
        model_id="anthropic.claude-v2",
        status=CallStatus.ANSWERED,
        fingerprints=[_fingerprint(number) for number in numbers],
        usages=[TokenUsage(80, 60)] * count,
        costs_usd=[0.001] * count,
        started_at=[1e9 + numbers[0]] * count,
        durations_ms=[200] * count,
        attempts=1,
        throttles=0,
        retries=0,
        possibly_paid=0,
        answers=NewAnswers(
            responses, [None] * count, [300] * count, "2026-11-01", "ann", "query-1"
        ),
    )


def _response(random: Random, words: int) -> JsonObject:
    text = " ".join(random.choices(_VOCABULARY, k=words))
    content = [{"text": text}]
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 80, "outputTokens": 60, "totalTokens": 140},
    }


def _fingerprint(number: int) -> bytes:
    return hashlib.blake2b(str(number).encode(), digest_size=FINGERPRINT_BYTES).digest()


def _fastest(work: Callable[[], None]) -> float:
    """Return the least time of five that `work` takes, in seconds."""
    return min(_seconds(work) for _ in range(5))


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _scattered(random: Random, entries: int, lookups: int) -> list[list[bytes]]:
    return [
        [_fingerprint(random.randrange(entries)) for _ in range(LOOKUP_MAX)] for _ in range(lookups)
    ]


def _in_order(entries: int, lookups: int, first: int = 0) -> list[list[bytes]]:
    lookups = min(lookups, entries // LOOKUP_MAX)
    starts = range(first, first + lookups * LOOKUP_MAX, LOOKUP_MAX)
    return [[_fingerprint(n) for n in range(start, start + LOOKUP_MAX)] for start in starts]


def _rate(journal: Journal, asked: Sequence[Sequence[bytes]]) -> float:
    """Return how many fingerprints are looked up in a second."""
    started = time.perf_counter()
    for fingerprints in asked:
        journal.lookup(fingerprints)
    return sum(map(len, asked)) / (time.perf_counter() - started)


def _storing(words: int) -> tuple[float, float]:
    """Return the microseconds of packing an answer, and its size as a share of its JSON text."""
    random = Random(2)
    texts = [journal_file.encode(_response(random, words)) for _ in range(200)]
    packed: list[bytes] = []

    def pack() -> None:
        packed[:] = map(journal_file.compress, texts)

    elapsed_s = _fastest(pack)
    return elapsed_s / len(texts) * 1e6, sum(map(len, packed)) / sum(map(len, texts))
