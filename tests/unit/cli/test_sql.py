from __future__ import annotations

import contextlib
import io
import json
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from outcrop.cli.main import main

MODEL = (
    "CREATE EXTERNAL MODEL m FUNCTION ask IAM_ROLE DEFAULT MODEL_TYPE BEDROCK "
    "SETTINGS (MODEL_ID 'anthropic.claude-v2');"
)
NUMBERS = "SELECT n FROM (SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3) ORDER BY n"


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """Return the directory of a warehouse, whose models are scripted and slow."""
    directory = tmp_path / "shop"
    directory.mkdir()
    (directory / "outcrop.toml").write_text(
        '[providers.bedrock]\nkind = "scripted"\nlatency_ms = 20\n', encoding="utf-8"
    )
    return directory


def sql(warehouse: Path, *arguments: str) -> int:
    return main(["-w", str(warehouse), "sql", *arguments])


def test_statements_give_results_and_tags(
    warehouse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = (
        "CREATE TABLE t (n integer); INSERT INTO t VALUES (1), (20); SELECT n FROM t ORDER BY n"
    )
    assert sql(warehouse, "-c", script) == 0
    captured = capsys.readouterr()
    assert captured.out == "CREATE TABLE\nINSERT 2\n  n\n----\n  1\n 20\n(2 rows)\n\n" or (
        captured.out == "CREATE TABLE\nINSERT 2\n  n\n────\n  1\n 20\n(2 rows)\n\n"
    )
    assert captured.err == ""


def test_several_commands_share_a_session(
    warehouse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        sql(warehouse, "-c", "SET query_group TO 'x'", "-c", "SHOW query_group", "--format", "csv")
        == 0
    )
    assert capsys.readouterr().out.splitlines()[-1] == "x"


def test_csv_and_json_hold_results_alone(
    warehouse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = f"CREATE TABLE t (n integer); {NUMBERS}"
    assert sql(warehouse, "-c", script, "--format", "json") == 0
    assert json.loads(capsys.readouterr().out) == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert sql(warehouse, "-c", NUMBERS, "--format", "csv") == 0
    assert capsys.readouterr().out == "n\n1\n2\n3\n"


def test_a_script_stops_at_its_first_error_and_points_at_it(
    warehouse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = "SELECT 1 AS one;\n\nSELECT nn\nFROM (SELECT 1 AS name);\nSELECT 2 AS two"
    assert sql(warehouse, "-c", script, "--format", "csv") == 1
    captured = capsys.readouterr()
    assert captured.out == "one\n1\n"
    lines = captured.err.splitlines()
    assert lines[0].startswith("ERROR:  42703: column")
    assert lines[1:3] == ["LINE 3: SELECT nn", "               ^"]


def test_a_script_comes_from_a_file_with_variables(
    warehouse: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "script.sql"
    script.write_text("SELECT :'name' AS name, :n + 1 AS n;", encoding="utf-8-sig")
    arguments = ["-f", str(script), "-v", "name=Inês", "-v", "n=2", "--format", "json"]
    assert sql(warehouse, *arguments) == 0
    assert json.loads(capsys.readouterr().out) == [{"name": "Inês", "n": 3}]


@pytest.mark.parametrize("arguments", [[], ["-f", "-"]])
def test_a_script_comes_from_stdin(
    arguments: list[str],
    warehouse: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT 1 AS n;"))
    assert sql(warehouse, *arguments, "--format", "csv") == 0
    assert capsys.readouterr().out == "n\n1\n"


def test_a_script_that_is_not_there(warehouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sql(warehouse, "-f", "missing.sql") == 1
    assert "58030: cannot read the script 'missing.sql': No such file" in capsys.readouterr().err


def test_a_new_warehouse_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = tmp_path / "new"
    for notice in (f"NOTICE:  made a new warehouse in {directory}\n", ""):
        assert sql(directory, "-c", "SELECT 1") == 0
        assert capsys.readouterr().err == notice


def test_notices_go_to_stderr(warehouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sql(warehouse, "-c", f"{MODEL} SELECT ask('hello') AS answer", "--format", "csv") == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("answer\n")
    assert "NOTICE:" not in captured.out
    assert "NOTICE:  " in captured.err


def test_a_reader_that_leaves_is_no_error(warehouse: Path) -> None:
    numbers = "SELECT a.n FROM " + ", ".join(f"({NUMBERS}) {alias}" for alias in "abcdefghij")
    with subprocess.Popen(
        [sys.executable, "-m", "outcrop.cli", "-w", str(warehouse), "sql", "-c", numbers],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 141


def wait_for_answers(journal: Path) -> int:
    """Return how many answers are on disk, as soon as there are any."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as file:
            if count := file.execute("SELECT count(*) FROM answer").fetchone()[0]:
                return int(count)
        time.sleep(0.02)
    raise AssertionError("no answer came")


def test_ctrl_c_cancels_and_keeps_the_answers(warehouse: Path) -> None:
    """The statement asks 300 times, 4 at once: it is interrupted long before it is done."""
    prompts = "SELECT n::varchar AS prompt FROM prompts"
    fill = "CREATE TABLE prompts (n integer); INSERT INTO prompts VALUES " + ", ".join(
        f"({n})" for n in range(300)
    )
    assert sql(warehouse, "-c", f"{MODEL} {fill}") == 0
    script = f"SET outcrop.max_concurrency TO 4; SELECT ask(prompt) FROM ({prompts})"
    with subprocess.Popen(
        [sys.executable, "-m", "outcrop.cli", "-w", str(warehouse), "sql", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "SET\n"
        wait_for_answers(warehouse / "journal.sqlite")
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=60)
        assert process.returncode == 130
    assert "Canceling; what was answered is kept." in messages
    assert "ERROR:  57014:" in messages
    assert 1 <= wait_for_answers(warehouse / "journal.sqlite") < 300
