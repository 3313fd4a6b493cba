"""Our own walk through the same grammar, `examples/diet_plans`, against the same two services.

It needs nothing beside the repository. Without the example's `outcrop.toml`, whose routes lead to a
local model, its models are Bedrock's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from outcrop.cli.variables import substitute
from outcrop.cli.walkthrough import steps_of
from outcrop.emulator.server import RunningEmulator
from outcrop.warehouse import Warehouse
from tests.emulated import Command, bedrock_environment, object_store, scripted_emulator

# The calls of each statement that may make any, in the order of the script: two rows, no table, two
# temperatures, a RAW request, the two rows again as SUPER, all five prompts, and one new patient.
CALLS = [2, 1, 1, 1, 1, 0, 3, 1]
# What each patient has and takes, each thing once, in order of first occurrence.
LISTED = [
    ("Hana Dvořáková", None, "vitamin D"),
    ("Ingrid Sørbø", "celiac disease, iron deficiency", "vitamin B12, ferrous sulfate"),
    ("Mateo Quispe", "type 2 diabetes, high blood pressure", "metformin, lisinopril"),
    ("Okafor, Adaeze", "high cholesterol", "atorvastatin"),
    ("Tomás Brennan", "gout, kidney stones", "allopurinol, potassium citrate"),
    ("Zofia Wójcik", "migraine", None),
    ("林 美玲", "lactose intolerance", "lactase"),
]
PROMPTS = [
    "somebody who has celiac disease, iron deficiency and takes vitamin B12, ferrous sulfate",
    "somebody who has type 2 diabetes, high blood pressure and takes metformin, lisinopril",
    "somebody who has high cholesterol and takes atorvastatin",
    "somebody who has lactose intolerance and takes lactase",
    "somebody who has gout, kidney stones and takes allopurinol, potassium citrate",
    None,
    None,
    "somebody who has anemia and takes folic acid",
]


@pytest.fixture(scope="module")
def example(repository: Path) -> Path:
    return repository / "examples" / "diet_plans"


@pytest.fixture(scope="module")
def store(example: Path) -> Iterator[tuple[str, str]]:
    with object_store(**{"patients.csv": (example / "patients.csv").read_bytes()}) as served:
        yield served


@pytest.fixture
def emulator(store: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningEmulator]:
    with scripted_emulator() as running:
        for name, value in environment_of(running, store).items():
            monkeypatch.setenv(name, value)
        yield running


def environment_of(emulator: RunningEmulator, store: tuple[str, str]) -> dict[str, str]:
    return {**bedrock_environment(emulator), "AWS_ENDPOINT_URL_S3": store[0]}


def test_the_walk_pays_once_for_each_question(
    tmp_path: Path, example: Path, store: tuple[str, str], emulator: RunningEmulator
) -> None:
    csv = f"s3://{store[1]}/patients.csv"
    text = substitute((example / "diet_plans.sql").read_text("utf-8"), {"patients_csv": csv})
    functions = re.findall(r"^FUNCTION (\w+)", text, re.MULTILINE)
    with Warehouse.open(tmp_path / "clinic") as warehouse:
        session = warehouse.open_session()
        for calls in (CALLS, [0] * len(CALLS)):
            paid = []
            for step in steps_of(text):
                before = emulator.ledger().paid
                rows = list(session.execute(step.statement).rows())
                if "SELECT DISTINCT" in step.statement:
                    assert rows == LISTED
                if any(f"{function}(" in step.statement for function in functions):
                    paid.append(emulator.ledger().paid - before)
            assert paid == calls
        prompts = session.execute("SELECT prompt FROM prompts ORDER BY patient_id").rows()
        assert [prompt for (prompt,) in prompts] == PROMPTS
        advice = session.execute("SELECT count(*), count(advice) FROM advice").rows()
        assert list(advice) == [(7, 5)]
        session.close()
    assert emulator.ledger().paid_twice == 0


def test_the_command_walks_with_a_local_file(
    tmp_path: Path, example: Path, store: tuple[str, str], emulator: RunningEmulator
) -> None:
    command = Command(tmp_path / "clinic", environment_of(emulator, store))
    variable = f"patients_csv={example / 'patients.csv'}"
    for paid in (sum(CALLS), sum(CALLS)):
        done = command.run("sql", "-v", variable, "-f", str(example / "diet_plans.sql"))
        assert done.returncode == 0, done.stderr
        assert emulator.ledger().paid == paid
