"""Bad input gets a clear error and loses nothing: each kind of it, end to end.

Of each error the SQLSTATE, the remedy and, where it is about a piece of the statement, its place
are checked; and that no model was asked in vain, that no answer was lost, and that the session goes
on. A full disk, a killed process and a warehouse opened twice are in `tests/durability`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from outcrop.errors import (
    AuthFailed,
    ConfigInvalid,
    Error,
    FileUnavailable,
    JournalCorrupted,
    LoadFailed,
    ModelNotFound,
    NotAWarehouse,
    NotConfigured,
    RowsFailed,
)
from outcrop.warehouse import Warehouse
from tests.emulated import (
    KEYS,
    Command,
    OpenShop,
    Shop,
    answers_to,
    bedrock_environment,
    count_answers,
    scripted_emulator,
    shop_opener,
)

Place = tuple[int, int]


@pytest.fixture
def open_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenShop]:
    with shop_opener(tmp_path, monkeypatch.setenv) as opener:
        yield opener


def failure(shop: Shop, sql: str) -> Error:
    """Return the error of `sql`; the session must go on after it."""
    with pytest.raises(Error) as caught:
        shop.query(sql)
    assert shop.query("SELECT count(*) > 0 FROM notes") == [(True,)]
    return caught.value


# The statement, and its error: SQLSTATE, a part of the message, a part of the hint, its place.
MISTAKES: dict[str, tuple[str, str, str, str, Place | None]] = {
    "no statement": ("SELEC 1", "42601", "'SELEC'", "Did you mean 'SELECT'?", (1, 1)),
    "unknown function": (
        "SELECT\n  id,\n  advize(body)\nFROM notes",
        "42883",
        "'advize'",
        "Did you mean 'advise'?",
        (3, 3),
    ),
    "unknown relation": (
        "SELECT advise(body) FROM note",
        "42P01",
        "'note'",
        "Did you mean 'notes'?",
        (1, 26),
    ),
    "unknown column": (
        "SELECT advise(bdy) FROM notes",
        "42703",
        "'bdy'",
        "Did you mean 'body'?",
        (1, 15),
    ),
    "unknown parameter": (
        "SELECT advise(body, object('maxtokens', 5)) FROM notes",
        "22023",
        "'maxtokens'",
        "Did you mean 'maxTokens'?",
        (1, 28),
    ),
    "parameter of another type": (
        "SELECT advise(body, object('temperature', 'warm')) FROM notes",
        "22023",
        "must be a number",
        "",
        (1, 43),
    ),
    "parameter out of range": (
        "SELECT advise(body, object('temperature', 7)) FROM notes",
        "22023",
        "from 0 to 1",
        "",
        (1, 43),
    ),
    "argument of another type": (
        "SELECT advise(id) FROM notes",
        "42804",
        "must be VARCHAR, not integer",
        "CAST(",
        (1, 15),
    ),
    "text instead of an object": (
        "SELECT advise(body, 'warm') FROM notes",
        "42804",
        "must be SUPER",
        "OBJECT(",
        (1, 21),
    ),
    "no argument": ("SELECT advise()", "42883", "0 arguments", "advise(input_text", (1, 8)),
    "too many arguments": (
        "SELECT advise(body, object('topP', 1), object('a', 1), 4) FROM notes",
        "42883",
        "4 arguments",
        "advise(input_text",
        (1, 8),
    ),
    "unknown setting": (
        "SET outcrop.on_eror TO 'null'",
        "42704",
        "'outcrop.on_eror'",
        "Did you mean 'outcrop.on_error'?",
        None,
    ),
    "setting out of its domain": (
        "SET outcrop.on_error TO 'nul'",
        "22023",
        "'nul'",
        "'fail' or 'null'",
        None,
    ),
    "unknown model": ("SHOW MODEL advic", "42704", "'advic'", "Did you mean 'advice'?", None),
    "unknown setting of a model": (
        "CREATE EXTERNAL MODEL m FUNCTION f IAM_ROLE default MODEL_TYPE BEDROCK "
        "SETTINGS (MODEL_IDD 'x')",
        "42601",
        "'MODEL_IDD'",
        "Did you mean 'MODEL_ID'?",
        (1, 82),
    ),
    "missing setting of a model": (
        "CREATE EXTERNAL MODEL m FUNCTION f IAM_ROLE default MODEL_TYPE BEDROCK "
        "SETTINGS (PROMPT 'x')",
        "42P17",
        "MODEL_ID is missing",
        "MODEL_ID '",
        (1, 1),
    ),
    "unknown type of model": (
        "CREATE EXTERNAL MODEL m FUNCTION f IAM_ROLE default MODEL_TYPE BEDROK "
        "SETTINGS (MODEL_ID 'x')",
        "22023",
        "'BEDROK'",
        "Did you mean 'BEDROCK'?",
        None,
    ),
    "taken name": (
        "CREATE EXTERNAL MODEL advice FUNCTION f IAM_ROLE default MODEL_TYPE BEDROCK "
        "SETTINGS (MODEL_ID 'x')",
        "42710",
        "'advice'",
        "DROP MODEL advice",
        None,
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found_before_any_call(open_shop: OpenShop, mistake: str) -> None:
    sql, sqlstate, message, hint, place = MISTAKES[mistake]
    shop, emulator = open_shop(["one", "two"])
    error = failure(shop, sql)
    assert error.sqlstate == sqlstate
    assert message in error.message
    assert hint in (error.hint or "")
    if place is not None:
        assert error.position is not None
        assert (error.position.line, error.position.column) == place
    assert emulator.ledger().requests == 0
    assert shop.ask() == answers_to(["one", "two"])


# The environment, and its error: a part of the message, a part of the hint.
ACCESSES: dict[str, tuple[dict[str, str], str, str]] = {
    "no region": ({}, "no AWS region is set", "AWS_DEFAULT_REGION"),
    "no keys": ({"AWS_REGION": "us-east-1"}, "no AWS credentials", "AWS_ACCESS_KEY_ID"),
    "no such profile": ({**KEYS, "AWS_PROFILE": "clinic"}, "(clinic)", "AWS_PROFILE"),
}


@pytest.mark.parametrize("access", ACCESSES)
def test_a_missing_key_or_region_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, access: str
) -> None:
    environment, message, hint = ACCESSES[access]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    shop = Shop(tmp_path / "shop", ["one", "two"])
    error = failure(shop, "SELECT advise(body) FROM notes")
    shop.close()
    assert isinstance(error, NotConfigured)
    assert error.sqlstate == "38000"
    assert "0 calls, 0 reused, 1 failed" in shop.notices[-1].message
    assert message in error.message
    assert hint in (error.hint or "")


@pytest.mark.parametrize(
    ("kind", "variable"), [("ANTHROPIC", "ANTHROPIC_API_KEY"), ("OPENAI", "OPENAI_API_KEY")]
)
def test_a_missing_key_of_another_provider_says_which(
    tmp_path: Path, kind: str, variable: str
) -> None:
    shop = Shop(tmp_path / "shop", ["one"])
    shop.query(
        f"CREATE EXTERNAL MODEL other FUNCTION other IAM_ROLE default MODEL_TYPE {kind} "
        "SETTINGS (MODEL_ID 'some-model')"
    )
    error = failure(shop, "SELECT other(body) FROM notes")
    shop.close()
    assert isinstance(error, NotConfigured)
    assert f"{variable} is not set" in error.message
    assert f"Set {variable}" in (error.hint or "")


def test_a_wrong_key_is_said_once_and_stops_the_statement(open_shop: OpenShop) -> None:
    shop, emulator = open_shop([f"note {n}" for n in range(100)], secret_key="another")
    shop.query("SET outcrop.max_concurrency TO 4")
    error = failure(shop, "SELECT advise(body) FROM notes")
    assert isinstance(error, AuthFailed)
    assert "Check the secret key, the region" in (error.hint or "")
    assert emulator.ledger().requests <= 8, "asking on is pointless where no request can succeed"


def test_a_model_that_the_provider_does_not_have(open_shop: OpenShop) -> None:
    shop, emulator = open_shop([f"note {n}" for n in range(100)], faults={"not-found": 1.0})
    shop.query("SET outcrop.max_concurrency TO 4")
    error = failure(shop, "SELECT advise(body) FROM notes")
    assert isinstance(error, ModelNotFound)
    assert '[routes."anthropic.claude-v2"]' in (error.hint or "")
    assert emulator.ledger().requests <= 8


def test_a_prompt_too_long_costs_its_row_only(open_shop: OpenShop) -> None:
    prompts = ["one", "word " * 60, "three"]
    shop, emulator = open_shop(prompts, {"context_tokens": 20})
    error = failure(shop, "SELECT advise(body) FROM notes")
    assert isinstance(error, RowsFailed)
    assert "row 2 ('word word" in error.message
    assert "takes 20" in error.message
    assert "pays for the failed calls alone" in (error.hint or "")
    assert emulator.ledger().paid == count_answers(shop.path) == 2


# What is wrong with every answer: the fault, and a part of the message.
UNUSABLE = {
    "empty": "the answer is empty",
    "guardrail": "blocked (guardrail_intervened)",
    "filtered": "blocked (content_filtered)",
}


@pytest.mark.parametrize("fault", UNUSABLE)
def test_an_unusable_answer_is_paid_once_and_told_each_time(
    open_shop: OpenShop, fault: str
) -> None:
    shop, emulator = open_shop(["one", "two"], faults={fault: 1.0})
    for _ in range(2):
        error = failure(shop, "SELECT advise(body) FROM notes")
        assert isinstance(error, RowsFailed)
        assert "2 model calls gave no answer" in error.message
        assert UNUSABLE[fault] in error.message
        assert emulator.ledger().paid == 2
    shop.query("SET outcrop.on_error TO 'null'")
    assert shop.ask() == [(0, None), (1, None)]
    assert "2 failed (2 given as NULL)" in shop.notices[-1].message
    assert emulator.ledger().paid == 2


def test_a_truncated_answer_is_a_counted_warning(open_shop: OpenShop) -> None:
    shop, _ = open_shop(["one", "two"], faults={"max-tokens": 1.0})
    rows = shop.ask()
    whole = answers_to(["one", "two"])
    assert [str(text) for _, text in rows] == [
        str(text)[: len(str(text)) // 2] for _, text in whole
    ]
    assert "2 answers cut" in shop.notices[-1].message
    assert "MAX_TOKENS" in (shop.notices[-1].hint or "")


def test_an_answer_that_is_not_of_the_declared_type(open_shop: OpenShop) -> None:
    script = {"answers": [{"match": "two", "answer": "forty-two"}]}
    shop, emulator = open_shop(["one", "two"], script)
    shop.query(
        "CREATE EXTERNAL MODEL number FUNCTION number_of IAM_ROLE default MODEL_TYPE BEDROCK "
        "SETTINGS (MODEL_ID 'anthropic.claude-v2', RETURNS integer)"
    )
    error = failure(shop, "SELECT number_of(body) FROM notes")
    assert isinstance(error, RowsFailed)
    assert "1 model call gave no answer; row 2 ('two')" in error.message
    assert "not of the declared type: 'forty-two'" in error.message
    shop.query("SET outcrop.on_error TO 'null'")
    [(first,), (second,)] = shop.query("SELECT number_of(body) FROM notes ORDER BY id")
    assert isinstance(first, int)
    assert second is None
    assert emulator.ledger().paid == 2


def test_an_empty_prompt_is_never_sent(open_shop: OpenShop) -> None:
    shop, emulator = open_shop(["one", "", "  "])
    error = failure(shop, "SELECT advise(body) FROM notes")
    assert isinstance(error, RowsFailed)
    assert "2 model calls gave no answer" in error.message
    assert "the prompt is empty" in error.message
    assert (emulator.ledger().requests, count_answers(shop.path)) == (1, 1)


# A fault that meets every request, a part of the message, and whether the model ran.
BROKEN = {
    "hang": ("did not answer within 0.2 s", False),
    "reset-before": ("closed the connection before it answered", False),
    "reset-after": ("closed the connection before it answered", True),
    "truncated-body": ("closed the connection within its answer", True),
    "garbage": ("sent an answer that is not JSON", True),
    "service-unavailable": ("temporarily unavailable", False),
    "throttling": ("Too many requests", False),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_provider_that_stays_broken_ends_in_an_error(open_shop: OpenShop, fault: str) -> None:
    message, is_paid = BROKEN[fault]
    shop, emulator = open_shop(["one"], faults={fault: 1.0})
    shop.query("SET outcrop.request_timeout TO '200ms'")
    shop.query("SET outcrop.retry_timeout TO '500ms'")
    error = failure(shop, "SELECT advise(body) FROM notes")
    assert isinstance(error, RowsFailed)
    assert error.sqlstate == "38000"
    assert message in error.message
    ledger = emulator.ledger()
    assert ledger.requests > 1, "it may have passed: it is tried again"
    assert ledger.paid == (ledger.requests if is_paid else 0)


def test_an_endpoint_where_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted_emulator() as emulator:
        environment = bedrock_environment(emulator)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    shop = Shop(tmp_path / "shop", ["one"])
    shop.query("SET outcrop.retry_timeout TO '300ms'")
    error = failure(shop, "SELECT advise(body) FROM notes")
    shop.close()
    assert "cannot connect to http://127.0.0.1:" in error.message
    assert "that it is running" in (error.hint or "")


def test_a_torn_journal_gives_what_is_whole_and_pays_for_the_rest(
    open_shop: OpenShop, tmp_path: Path
) -> None:
    prompts = [f"note {number}" for number in range(60)]
    shop, emulator = open_shop(prompts)
    shop.query("SET outcrop.max_concurrency TO 1")  # one commit for each answer
    shop.ask()
    torn = tmp_path / "torn"
    shutil.copytree(shop.path, torn)  # as a crash of the machine leaves it: never closed
    (torn / "journal.sqlite-shm").unlink()
    log = torn / "journal.sqlite-wal"
    with log.open("r+b") as file:
        file.truncate(log.stat().st_size // 2 + 1_000)  # in the middle of a record
    whole = count_answers(torn)
    assert 0 < whole < 60
    with Warehouse.open(torn) as warehouse:
        session = warehouse.open_session()
        rows = list(session.execute("SELECT id, advise(body) FROM notes ORDER BY id").rows())
        session.close()
    assert rows == answers_to(prompts)
    assert emulator.ledger().paid == 60 + (60 - whole)


def test_a_journal_that_is_none_is_never_written_over(open_shop: OpenShop) -> None:
    shop, emulator = open_shop(["one"])
    shop.close()
    (shop.path / "journal.sqlite").write_bytes(b"garbage " * 1_000)
    with pytest.raises(JournalCorrupted) as caught:
        Warehouse.open(shop.path)
    assert caught.value.sqlstate == "XX001"
    assert "outcrop journal verify" in (caught.value.hint or "")
    assert (shop.path / "journal.sqlite").read_bytes() == b"garbage " * 1_000
    assert emulator.ledger().requests == 0


# The CSV, the place that its error names, and a part of the rest of the message.
BAD_FILES: dict[str, tuple[bytes, str, str]] = {
    "another type": (b"1,a\nx,b\n", "line 2, column 'id'", "'x' is no whole number"),
    "a field too few": (b"1,a\n2\n", "line 2", "1 field"),
    "a field too many": (b"1,a,b\n", "line 1", "3 fields"),
    "too long": (b"1," + b"a" * 501 + b"\n", "line 1, column 'body'", "501 bytes"),
    "open quote": (b'1,a\n2,"b\n3,c\n', "line 2", "quotation mark is not closed"),
    "no UTF-8": (b"1,a\n2,\xff\n", "line 2, column 'body'", "not UTF-8"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_row_of_a_file_loads_nothing(open_shop: OpenShop, tmp_path: Path, case: str) -> None:
    content, place, message = BAD_FILES[case]
    file = tmp_path / "notes.csv"
    file.write_bytes(content)
    shop, _ = open_shop(["one"])
    error = failure(shop, f"COPY notes FROM '{file}' CSV")
    assert isinstance(error, LoadFailed)
    assert error.message.startswith(f"{file}, {place}: ")
    assert message in error.message
    assert "Nothing was loaded" in (error.hint or "")
    assert shop.query("SELECT count(*) FROM notes") == [(1,)]


def test_bad_rows_can_be_skipped(open_shop: OpenShop, tmp_path: Path) -> None:
    file = tmp_path / "notes.csv"
    file.write_bytes(b"1,a\nx,b\n3,c\n")
    shop, _ = open_shop(["one"])
    shop.query(f"COPY notes FROM '{file}' CSV MAXERROR 2")
    assert shop.query("SELECT id FROM notes ORDER BY id") == [(0,), (1,), (3,)]


def test_a_file_that_is_not_there(open_shop: OpenShop, tmp_path: Path) -> None:
    shop, _ = open_shop(["one"])
    error = failure(shop, f"COPY notes FROM '{tmp_path / 'nothing.csv'}' CSV")
    assert isinstance(error, FileUnavailable)
    assert "nothing.csv" in error.message


@pytest.mark.parametrize(
    ("toml", "message", "hint"),
    [
        ("[setings]\n", "[setings]", "'settings'"),
        ("[settings]\nmax_cals = 3\n", "settings.max_cals", "'max_calls'"),
        ('[settings]\non_error = "nul"\n', "'nul'", "'fail' or 'null'"),
        ('[providers.x]\nkind = "bedrok"\n', "'bedrok'", "'bedrock'"),
        ("x =", "outcrop.toml", "TOML"),
    ],
)
def test_a_bad_configuration(tmp_path: Path, toml: str, message: str, hint: str) -> None:
    (tmp_path / "outcrop.toml").write_text(toml, encoding="utf-8")
    with pytest.raises(ConfigInvalid) as caught:
        Warehouse.open(tmp_path)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_a_place_that_can_be_no_warehouse(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(NotAWarehouse, match="is no directory"):
        Warehouse.open(tmp_path / "file")
    with pytest.raises(NotAWarehouse, match="there is no warehouse in"):
        Warehouse.open(tmp_path / "none", create=False)


def test_the_command_shows_the_place_the_code_and_the_remedy(
    open_shop: OpenShop, tmp_path: Path
) -> None:
    shop, emulator = open_shop(["one"])
    shop.close()
    (tmp_path / "bad.csv").write_bytes(b"1,\xff\n")
    command = Command(shop.path, bedrock_environment(emulator))
    done = command.sql("SELECT 1 AS one;\nSELECT id,\n  advize(body) FROM notes")
    assert (done.returncode, done.stdout.split()) == (1, ["one", "1"])
    assert done.stderr.splitlines() == [
        "ERROR:  42883: function 'advize' does not exist",
        "LINE 3:   advize(body) FROM notes",
        "          ^",
        "HINT:  Did you mean 'advise'?",
    ]
    done = command.sql(f"COPY notes FROM '{tmp_path / 'bad.csv'}' CSV")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("ERROR:  XX006: ")
    assert "Traceback" not in done.stderr


def test_what_was_answered_before_an_error_is_not_paid_again(
    open_shop: OpenShop,
) -> None:
    shop, emulator = open_shop(["one", "two", "poison"], {"fail_matching": "poison"})
    failure(shop, "CREATE TABLE answers AS SELECT advise(body) AS answer FROM notes")
    failure(shop, "INSERT INTO notes SELECT id, advise(body) FROM notes")
    assert emulator.ledger().paid == 2
    statuses = shop.query("SELECT status, count(*) FROM sys_llm_call GROUP BY 1 ORDER BY 1")
    assert statuses == [("answered", 2), ("failed", 2)]
    text = shop.query(
        "SELECT error_message FROM sys_llm_call WHERE status = 'failed' ORDER BY call_id LIMIT 1"
    )
    assert text == [("the request is refused",)]
