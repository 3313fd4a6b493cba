from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from outcrop.cli.demo import example_directory, fetch_models, prepare, program_name
from outcrop.cli.main import main
from outcrop.cli.messages import Messages
from outcrop.cli.terminal import terminal_of
from outcrop.config import CONFIG_FILE, load_config
from outcrop.errors import FileUnavailable
from outcrop.providers.model_store import MODELS

SCRIPTED = '[providers.bedrock]\nkind = "scripted"\n'


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return the directory of a demo whose models are scripted."""
    (tmp_path / CONFIG_FILE).write_text(SCRIPTED, encoding="utf-8")
    return tmp_path


def test_the_second_run_reuses_every_answer(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--keep", str(directory)]) == 0
    first = capsys.readouterr()
    assert "\n10 calls, 5 answers reused, " in first.err
    assert f"outcrop -w {directory} sql" in first.err
    assert main(["-w", str(directory), "demo"]) == 0
    second = capsys.readouterr()
    assert "\nEvery answer was reused: 15 of them, 0 calls, " in second.err
    assert answers(first.out) == answers(second.out)
    assert (directory / CONFIG_FILE).read_text() == SCRIPTED


@pytest.mark.parametrize(
    ("program", "on_path", "called"),
    [
        (".venv/bin/outcrop", None, ".venv/bin/outcrop"),
        ("my env/bin/outcrop", "/usr/bin/outcrop", "'my env/bin/outcrop'"),
        ("/usr/bin/outcrop", "/usr/bin/outcrop", "outcrop"),
        ("outcrop/cli/__main__.py", None, "outcrop"),
    ],
)
def test_the_program_is_named_as_a_shell_finds_it(
    program: str, on_path: str | None, called: str
) -> None:
    assert program_name(Path(program), on_path) == called


def answers(output: str) -> list[str]:
    return [line for line in output.splitlines() if "answer to: " in line]


def test_each_step_is_shown_with_its_result(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["demo", "--keep", str(directory)])
    out = capsys.readouterr().out
    assert "CREATE TABLE patients (\n    patient_id integer ENCODE az64," in out
    assert "\nCOPY 12\n\n2. LISTAGG as a window function" in out
    assert " Ingrid Sørbø   │ celiac disease, iron deficiency      │ vitamin B12, " in out
    assert " 1 │ somebody who has celiac disease, iron deficiency and takes vitamin B12" in out
    assert "CREATE TABLE AS 7\n" in out


def test_a_failing_step_ends_the_demo(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = '[providers.bedrock]\nkind = "scripted"\nfail_matching = "pre-diabetes"\n'
    (directory / CONFIG_FILE).write_text(text, encoding="utf-8")
    assert main(["demo", "--keep", str(directory)]) == 1
    captured = capsys.readouterr()
    assert "ERROR:  38000:" in captured.err
    assert "8. A RAW model" not in captured.out


def test_the_example_is_routed_to_a_model_that_can_be_fetched(tmp_path: Path) -> None:
    prepare(tmp_path / "demo", example_directory())
    routes = load_config(tmp_path / "demo" / CONFIG_FILE).routes
    assert set(routes) == {"anthropic.claude-v2", "amazon.titan-text-express-v1"}
    assert {route.model_id for route in routes.values()} <= set(MODELS)


def test_only_the_models_of_the_routes_are_fetched(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch_models(directory, Messages(sys.stderr, terminal_of(sys.stderr)))
    assert capsys.readouterr().err == ""


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(FileUnavailable, match="the demo cannot write to"):
        prepare(blocked / "demo", example_directory())


@pytest.mark.local_model
def test_a_real_model_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = tmp_path / "demo"
    shutil.copytree(example_directory(), directory)
    assert main(["demo", "--keep", str(directory)]) == 0
    captured = capsys.readouterr()
    assert "is answered by 'smollm2-135m-instruct' of 'local'" in captured.err
    assert "\n10 calls, 5 answers reused, " in captured.err
