"""Long instructions before every prompt, against a provider that caches prompts: what is billed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from outcrop.emulator.config import EmulatorConfig
from outcrop.emulator.ledger import LedgerSnapshot
from outcrop.emulator.server import RunningEmulator
from outcrop.session import Session
from outcrop.warehouse import Warehouse
from tests.emulated import bedrock_environment

INSTRUCTIONS = "Say in one word how the customer feels. " * 128
HEAD_TOKENS = 1_280
DOCUMENT = "The contract says that goods are returned within a month. " * 128
CACHING, PLAIN = "us.amazon.nova-lite-v1:0", "amazon.titan-text-lite-v1"


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningEmulator]:
    with RunningEmulator(EmulatorConfig(latency_ms=5)) as running:
        for name, value in bedrock_environment(running).items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def session(tmp_path: Path, emulator: RunningEmulator) -> Iterator[Session]:
    warehouse = Warehouse.open(tmp_path / "shop")
    session = warehouse.open_session()
    session.execute("CREATE TABLE notes (id integer, body varchar(100))")
    values = ", ".join(f"({i}, 'note number {i}')" for i in range(100))
    session.execute(f"INSERT INTO notes VALUES {values}")
    _create(session, "feel", CACHING)
    yield session
    session.close()
    warehouse.close()


def _create(session: Session, function: str, model_id: str, settings: str = "") -> None:
    session.execute(
        f"CREATE EXTERNAL MODEL {function}_model FUNCTION {function} IAM_ROLE default "
        f"MODEL_TYPE BEDROCK SETTINGS (MODEL_ID '{model_id}'{settings})"
    )


def _ask(session: Session, emulator: RunningEmulator, sql: str) -> LedgerSnapshot:
    emulator.reset_ledger()
    list(session.execute(sql).rows())
    return emulator.ledger()


def _is_head_billed_once(ledger: LedgerSnapshot, calls: int) -> bool:
    return (
        ledger.paid == calls
        and ledger.cache_write_tokens == HEAD_TOKENS
        and ledger.cache_read_tokens == (calls - 1) * HEAD_TOKENS
    )


def test_instructions_are_written_once_and_read_by_all_other_calls(
    session: Session, emulator: RunningEmulator
) -> None:
    ask = f"SELECT id, feel('{INSTRUCTIONS}' || body) FROM notes"
    with_cache = _ask(session, emulator, ask)
    assert _is_head_billed_once(with_cache, calls=100)
    session.execute("SET outcrop.prompt_caching TO off")
    session.execute("SET outcrop.reuse_answers TO off")
    without = _ask(session, emulator, ask)
    assert (without.cache_read_tokens, without.cache_write_tokens) == (0, 0)
    assert without.input_tokens > 80 * with_cache.input_tokens
    written, read = with_cache.cache_write_tokens, with_cache.cache_read_tokens
    assert without.input_tokens == with_cache.input_tokens + written + read


def test_answers_are_the_same_with_and_without_marks_and_are_reused(
    session: Session, emulator: RunningEmulator
) -> None:
    ask = f"SELECT feel('{INSTRUCTIONS}' || body) FROM notes ORDER BY id"
    marked = list(session.execute(ask).rows())
    emulator.reset_ledger()
    session.execute("SET outcrop.prompt_caching TO off")
    assert list(session.execute(ask).rows()) == marked
    assert emulator.ledger().requests == 0


@pytest.mark.parametrize("setting", ["PROMPT", "SYSTEM"])
def test_the_text_of_a_model_is_written_once(
    session: Session, emulator: RunningEmulator, setting: str
) -> None:
    _create(session, "judge", CACHING, f", {setting} '{INSTRUCTIONS}'")
    ledger = _ask(session, emulator, "SELECT judge(body) FROM notes")
    assert ledger.paid == 100
    assert abs(ledger.cache_write_tokens - HEAD_TOKENS) <= 1
    assert ledger.cache_read_tokens == 99 * ledger.cache_write_tokens


def test_each_document_that_is_asked_about_is_written_once(
    session: Session, emulator: RunningEmulator
) -> None:
    session.execute("CREATE TABLE documents (name char(1), text varchar(65000))")
    for name in "abc":
        session.execute(f"INSERT INTO documents VALUES ('{name}', '{name} {DOCUMENT}')")
    ledger = _ask(
        session,
        emulator,
        "SELECT feel(d.text || n.body) FROM notes AS n CROSS JOIN documents AS d WHERE n.id < 10",
    )
    tokens = ledger.cache_write_tokens // 3
    assert tokens > 1_000
    assert (ledger.paid, ledger.cache_read_tokens) == (30, 27 * tokens)


def test_a_model_that_takes_no_marks_gets_none(session: Session, emulator: RunningEmulator) -> None:
    _create(session, "plain", PLAIN)
    ledger = _ask(session, emulator, f"SELECT plain('{INSTRUCTIONS}' || body) FROM notes")
    assert (ledger.answered, ledger.failed, ledger.cache_write_tokens) == (100, 0, 0)


def test_short_prompts_and_single_rows_get_no_marks(
    session: Session, emulator: RunningEmulator
) -> None:
    short = _ask(session, emulator, "SELECT feel('How is this? ' || body) FROM notes")
    assert (short.answered, short.cache_write_tokens) == (100, 0)
    one = _ask(session, emulator, f"SELECT feel('{INSTRUCTIONS}' || body) FROM notes LIMIT 1")
    assert (one.answered, one.cache_write_tokens) == (1, 0)


def test_the_instructions_stay_warm_from_batch_to_batch(
    session: Session, emulator: RunningEmulator
) -> None:
    ledger = _ask(
        session,
        emulator,
        f"SELECT id FROM notes WHERE feel('{INSTRUCTIONS}' || body) LIKE '%never said%' LIMIT 5",
    )
    assert _is_head_billed_once(ledger, calls=100)
