"""The statements of the AWS post, verbatim, against a Bedrock and an S3 on loopback.

The script is read from `OUTCROP_CONFORMANCE`, or from beside the checkout; the bucket and the role
that its readers fill in are the only change. What each statement must give is said above it there.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from outcrop.catalog.objects import RelationKind, ResponseType
from outcrop.datatypes import TypeKind
from outcrop.emulator.server import RunningEmulator
from outcrop.providers.scripted import scripted_answer
from outcrop.session import Session
from outcrop.warehouse import Warehouse
from tests.emulated import Command, bedrock_environment, object_store, scripted_emulator

ROLE = "arn:aws:iam::123456789012:role/clinic"
MODEL_ID = "anthropic.claude-v2"
PREFIX = "Generate personalized diet plan for following patient:"

# What the CSV holds, by patient: each condition and medication once, in order of first occurrence;
# NULL where there is none.
PATIENTS = {
    101: ("Amara Osei", "pre-diabetes,hypertension", "metformin,lisinopril,aspirin"),
    102: ("Bo Lindqvist", "asthma,seasonal allergy", "albuterol,cetirizine"),
    103: ("Castro, Inês", "hypothyroidism", "levothyroxine"),
    104: ("Dmitri Волков", "hyperlipidemia,gout", "atorvastatin,allopurinol"),
    105: ("Eun-ji 박", "iron deficiency", "ferrous sulfate"),
    106: ("Farida Haddad", "migraine", None),
    107: ("Goran Petrović", None, "vitamin D"),
}
ROWS_BY_PATIENT = {101: 3, 102: 2, 103: 1, 104: 3, 105: 1, 106: 1, 107: 1}
PROMPTS = {
    pid: f"{name} has {conditions} taking {medications}" if conditions and medications else None
    for pid, (name, conditions, medications) in PATIENTS.items()
}
PAID = {8: 2, 9: 1, 10: 1, 11: 1, 13: 1}
STATEMENTS = 15

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Outcome:
    """What one statement gave, and how many model calls it paid for."""

    tag: str
    columns: tuple[str, ...]
    kinds: tuple[TypeKind, ...]
    rowcount: int
    rows: Rows
    paid: int


@pytest.fixture(scope="module")
def folder(repository: Path, developer_environment: dict[str, str]) -> Path:
    named = developer_environment.get("OUTCROP_CONFORMANCE")
    found = Path(named) if named else repository.parent / "shared" / "conformance"
    if not (found / "aws_post.sql").is_file():
        pytest.skip(f"the conformance script is not in {found}")
    return found


@pytest.fixture(scope="module")
def store(folder: Path) -> Iterator[tuple[str, str]]:
    body = (folder / "sample_patientsinfo.csv").read_bytes()
    with object_store(**{"sample_patientsinfo.csv": body}) as served:
        yield served


@pytest.fixture(scope="module")
def script(folder: Path, store: tuple[str, str]) -> str:
    text = (folder / "aws_post.sql").read_text(encoding="utf-8")
    filled = text.replace("<<your_s3_bucket>>", store[1]).replace(
        "<<provide the arn of IAM role created in pre-requisites>>", ROLE
    )
    assert "<<" not in filled
    return filled


@pytest.fixture
def emulator(store: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningEmulator]:
    with scripted_emulator() as running:
        for name, value in environment_of(running, store).items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def session(tmp_path: Path, emulator: RunningEmulator) -> Iterator[Session]:
    with Warehouse.open(tmp_path / "clinic") as warehouse:
        opened = warehouse.open_session()
        yield opened
        opened.close()


def environment_of(emulator: RunningEmulator, store: tuple[str, str]) -> dict[str, str]:
    return {**bedrock_environment(emulator), "AWS_ENDPOINT_URL_S3": store[0]}


def run(session: Session, script: str, emulator: RunningEmulator) -> dict[int, Outcome]:
    """Run the whole script; return what each statement gave, by its number."""
    outcomes: dict[int, Outcome] = {}
    before = emulator.ledger().paid
    for number, result in enumerate(session.run_script(script), start=1):
        columns, rows = result.columns, list(result.rows())
        after = emulator.ledger().paid
        outcomes[number] = Outcome(
            tag=result.tag,
            columns=tuple(column.name for column in columns),
            kinds=tuple(column.datatype.kind for column in columns),
            rowcount=result.rowcount,
            rows=rows,
            paid=after - before,
        )
        before = after
    assert len(outcomes) == STATEMENTS
    return outcomes


def paid_by(outcomes: dict[int, Outcome]) -> dict[int, int]:
    return {number: outcome.paid for number, outcome in outcomes.items() if outcome.paid}


def drop_all(session: Session) -> None:
    for statement in (
        "DROP MATERIALIZED VIEW mv_prompts",
        "DROP TABLE patientsinfo",
        "DROP MODEL patient_recommendations",
        "DROP MODEL titan_raw",
        "DROP MODEL patient_recommendations_v2",
    ):
        session.execute(statement)


def test_each_statement_gives_what_is_said_above_it(
    session: Session, script: str, emulator: RunningEmulator
) -> None:
    outcomes = run(session, script, emulator)
    assert paid_by(outcomes) == PAID
    check_tables(outcomes)
    check_prompts(outcomes, session)
    check_answers(outcomes)
    check_super_answers(outcomes)
    check_models(session)
    ledger = emulator.ledger()
    assert (ledger.requests, ledger.paid, ledger.paid_twice) == (6, 6, 0)
    assert (ledger.failed, ledger.throttled) == (0, 0)


def check_tables(outcomes: dict[int, Outcome]) -> None:
    """Statements 1 to 3: the table, its rows, and what a patient has and takes on each of them."""
    assert (outcomes[1].tag, outcomes[1].columns) == ("CREATE TABLE", ())
    assert (outcomes[2].tag, outcomes[2].rowcount) == ("COPY", 12)
    assert outcomes[3].columns == ("pname", "conditions", "medications")
    expected = Counter({PATIENTS[pid]: count for pid, count in ROWS_BY_PATIENT.items()})
    assert Counter(outcomes[3].rows) == expected


def check_prompts(outcomes: dict[int, Outcome], session: Session) -> None:
    """Statements 4 to 6: one prompt for each patient, and the view that stores them."""
    assert outcomes[4].columns == ("patient_prompt",)
    # GROUP BY 1 makes one row of the two patients without a prompt.
    assert Counter(outcomes[4].rows) == Counter({(prompt,): 1 for prompt in PROMPTS.values()})
    assert outcomes[5].tag == "CREATE MATERIALIZED VIEW"
    view = next(r for r in session.catalog().relations if r.name.name == "mv_prompts")
    assert (view.kind, view.is_auto_refreshed) == (RelationKind.MATERIALIZED_VIEW, True)
    assert outcomes[6].columns == ("pid", "patient_prompt")
    assert outcomes[6].kinds == (TypeKind.INTEGER, TypeKind.VARCHAR)
    assert outcomes[6].rows == [(pid, PROMPTS[pid]) for pid in (101, 102, 103, 104, 105)]


def check_answers(outcomes: dict[int, Outcome]) -> None:
    """Statements 8 to 11: the answers, as text."""
    first, second = PROMPTS[101], PROMPTS[102]
    assert outcomes[8].columns == ("patient_recommendations_func",)
    assert outcomes[8].kinds == (TypeKind.VARCHAR,)
    assert outcomes[8].rows == [(answer_to(first),), (answer_to(second),)]
    assert outcomes[9].rows == [(answer_to("Generate diet plan for pre-diabetes"),)]
    assert outcomes[10].rows == outcomes[11].rows == [(answer_to(first),)]


def answer_to(prompt: str | None) -> str:
    return scripted_answer(f"{PREFIX} {prompt}")


def check_super_answers(outcomes: dict[int, Outcome]) -> None:
    """Statements 13 and 15: the family's own JSON, and the whole response of Converse."""
    assert outcomes[13].kinds == outcomes[15].kinds == (TypeKind.SUPER,)
    [(text,)] = outcomes[13].rows
    raw = json.loads(text)
    prompt = f"Generate personalized diet plan for following: {PROMPTS[101]}"
    assert raw["results"][0]["outputText"] == scripted_answer(prompt)
    assert raw["results"][0]["completionReason"] == "FINISHED"
    assert raw["inputTextTokenCount"] > 0
    [(text,)] = outcomes[15].rows
    whole = json.loads(text)
    assert whole["output"]["message"]["content"] == [{"text": answer_to(PROMPTS[101])}]
    assert whole["usage"]["inputTokens"] > 0
    assert whole["usage"]["outputTokens"] > 0
    assert isinstance(whole["metrics"]["latencyMs"], int)


def check_models(session: Session) -> None:
    models = {model.name.name: model for model in session.catalog().models}
    assert set(models) == {"patient_recommendations", "titan_raw", "patient_recommendations_v2"}
    assert {model.iam_role for model in models.values()} == {ROLE}
    assert models["patient_recommendations"].model_id == MODEL_ID
    assert models["patient_recommendations"].prompt == PREFIX
    assert models["titan_raw"].response_type is ResponseType.SUPER
    assert models["patient_recommendations_v2"].response_type is ResponseType.SUPER


def test_the_response_can_be_navigated_as_typed(
    session: Session, script: str, emulator: RunningEmulator
) -> None:
    run(session, script, emulator)
    paid = emulator.ledger().paid
    [row] = session.execute(
        "SELECT resp.usage.inputTokens, resp.output.message.content[0].text, resp.metrics.latencyMs"
        " FROM (SELECT patient_recommendations_func_v2(patient_prompt) AS resp"
        " FROM mv_prompts WHERE pid = 101)"
    ).rows()
    tokens, text, latency_ms = (json.loads(str(value)) for value in row)
    assert tokens > 0
    assert text == answer_to(PROMPTS[101])
    assert latency_ms >= 0
    assert emulator.ledger().paid == paid


def test_the_view_follows_its_table_and_pays_for_new_prompts_alone(
    session: Session, script: str, emulator: RunningEmulator
) -> None:
    run(session, script, emulator)
    session.execute("INSERT INTO patientsinfo VALUES (108, 'Hugo', 'anemia', 'iron')")
    rows = list(session.execute("SELECT patient_prompt FROM mv_prompts WHERE pid = 108").rows())
    assert rows == [("Hugo has anemia taking iron",)]
    paid = emulator.ledger().paid
    session.execute(
        "CREATE TABLE plans AS SELECT patient_recommendations_func(patient_prompt) "
        "AS plan FROM mv_prompts"
    )
    # Six prompts, of which statement 8 has asked two.
    assert emulator.ledger().paid - paid == 4


def test_a_second_run_pays_nothing_and_asking_afresh_pays_again(
    session: Session, script: str, emulator: RunningEmulator
) -> None:
    first = run(session, script, emulator)
    drop_all(session)
    second = run(session, script, emulator)
    assert paid_by(second) == {}
    for number in (8, 9, 10, 11, 13, 15):
        assert second[number].rows == first[number].rows
    drop_all(session)
    session.execute("SET outcrop.reuse_answers TO off")
    # Statement 15 asks what statement 8 asked, and is another statement: it asks afresh as well.
    assert paid_by(run(session, script, emulator)) == {**PAID, 15: 1}
    assert emulator.ledger().paid == 13


def test_a_restart_in_between_pays_nothing(
    tmp_path: Path, script: str, emulator: RunningEmulator
) -> None:
    for expected in (PAID, {}):
        with Warehouse.open(tmp_path / "clinic") as warehouse:
            session = warehouse.open_session()
            assert paid_by(run(session, script, emulator)) == expected
            drop_all(session)
            session.close()


def test_the_command_runs_the_script_as_a_file(
    tmp_path: Path, script: str, store: tuple[str, str], emulator: RunningEmulator
) -> None:
    file = tmp_path / "aws_post.sql"
    file.write_text(script, encoding="utf-8")
    command = Command(tmp_path / "clinic", environment_of(emulator, store))
    done = command.run("sql", "--format", "json", "-f", str(file))
    assert done.returncode == 0, done.stderr
    assert answer_to(PROMPTS[101]) in done.stdout
    assert emulator.ledger().paid == sum(PAID.values())
    assert "0 calls, 1 reused" in done.stderr
