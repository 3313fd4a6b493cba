"""`outcrop journal`: what each command prints, refuses, and leaves behind."""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from outcrop.cli.main import main
from outcrop.config import WarehouseConfig
from outcrop.warehouse import Warehouse

MODEL_ID = "anthropic.claude-v2"
CONFIG = WarehouseConfig(providers={"bedrock": {"kind": "scripted"}})
ASK = "SELECT count(ask('note ' || n)) FROM (SELECT generate_series(1, 20) AS n)"

Outcome = tuple[int, str, str]
Run = Callable[..., Outcome]


def ask_all(folder: Path) -> str:
    """Ask 20 prompts in a warehouse; return what the statement said at its end."""
    notices: list[str] = []
    with Warehouse.open(folder, config=CONFIG) as warehouse:
        session = warehouse.open_session(on_notice=lambda notice: notices.append(notice.message))
        session.execute(
            "CREATE OR REPLACE EXTERNAL MODEL asked FUNCTION ask IAM_ROLE default "
            f"MODEL_TYPE BEDROCK SETTINGS (MODEL_ID '{MODEL_ID}')"
        )
        assert list(session.execute(ASK).rows()) == [(20,)]
        session.close()
    return notices[-1]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A warehouse in which a model has answered 20 prompts."""
    folder = tmp_path / "shop"
    assert "20 calls, 0 reused" in ask_all(folder)
    return folder


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def run(folder: Path, *arguments: str) -> Outcome:
        code = main(["journal", *arguments, "--warehouse", str(folder)])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


def count_answers(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "journal.sqlite")) as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM answer")
    return int(count)


def test_stats(shop: Path, run: Run) -> None:
    code, out, err = run(shop, "stats", "--format", "json")
    [model] = json.loads(out)
    assert (code, model["provider"], model["model_id"]) == (0, "bedrock", MODEL_ID)
    assert (model["answers"], model["input_tokens"]) == (20, 40)
    assert "20 answers, 20 calls of 1 statement" in err
    assert "provider │ model_id" in run(shop, "stats")[1]


def test_verify(shop: Path, run: Run) -> None:
    assert run(shop, "verify") == (0, "20 answers, 20 calls: no damage found\n", "")


def test_what_is_damaged_is_saved_as_verify_says(shop: Path, run: Run, tmp_path: Path) -> None:
    with closing(sqlite3.connect(shop / "journal.sqlite")) as connection:
        connection.execute("UPDATE answer SET response = x'00' WHERE rowid = 7")
        connection.commit()
    code, out, err = run(shop, "verify")
    assert code == 1
    assert out.startswith("answer ")
    assert out.count("\n") == 1
    steps = [line.split() for line in err.splitlines() if line.startswith("  ")]
    assert [step[:1] for step in steps] == [["outcrop"], ["mkdir"], ["mv"], ["outcrop"]]

    saved = str(tmp_path / "saved.jsonl.gz")
    code, _, err = run(shop, "export", saved)
    assert (code, err) == (1, "19 answers exported\n1 answer left out: damaged\n")
    (shop / "damaged").mkdir()
    for file in shop.glob("journal.sqlite*"):
        file.rename(shop / "damaged" / file.name)
    assert run(shop, "import", saved)[0] == 0
    assert run(shop, "verify")[0] == 0
    assert "1 call, 19 reused" in ask_all(shop)


def test_a_dry_run_removes_nothing(shop: Path, run: Run) -> None:
    code, _, err = run(shop, "prune", "--model", MODEL_ID, "--dry-run")
    assert code == 0
    assert err.startswith("20 answers (")
    assert err.endswith("would be removed\n")
    assert count_answers(shop) == 20


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (["--model", MODEL_ID], 0),
        (["--older-than", "0h"], 0),
        (["--older-than", "0h", "--history"], 0),
        (["--older-than", "1h"], 20),
    ],
)
def test_what_is_pruned_is_asked_again(
    shop: Path, run: Run, arguments: list[str], left: int
) -> None:
    code, _, err = run(shop, "prune", *arguments, "--yes")
    assert (code, count_answers(shop)) == (0, left)
    assert "removed; the file is" in err
    assert f"{20 - left} calls, {left} reused" in ask_all(shop)


@pytest.mark.parametrize(("said", "left"), [("y\n", 0), ("YES\n", 0), ("n\n", 20), ("", 20)])
def test_on_a_terminal_it_asks_first(
    shop: Path, run: Run, monkeypatch: pytest.MonkeyPatch, said: str, left: int
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(said))
    code, _, err = run(shop, "prune", "--model", MODEL_ID)
    assert "Remove? [y/N]" in err
    assert (code, count_answers(shop)) == (1 if left else 0, left)


class Terminal:
    """A standard input on which somebody types."""

    def __init__(self, said: str) -> None:
        self._said = said

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self._said


def test_without_a_terminal_it_wants_yes(
    shop: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(os.devnull) as nobody:  # noqa: PTH123 - a file that is no terminal
        monkeypatch.setattr("sys.stdin", nobody)
        code, _, err = run(shop, "prune", "--model", MODEL_ID)
    assert code == 1
    assert "--yes removes them without asking" in err
    assert count_answers(shop) == 20


@pytest.mark.parametrize("verb", [["prune", "--dry-run"], ["prune", "--yes"], ["export", "x"]])
def test_a_model_that_nobody_asked_is_named(
    shop: Path, run: Run, verb: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop)
    code, _, err = run(shop, *verb, "--model", "anthropic.claude-v3")
    assert code == 1
    assert f"Did you mean '{MODEL_ID}'?" in err
    assert not (shop / "x").exists()
    assert not list(shop.glob("*.partial"))


@pytest.mark.parametrize("name", ["answers.jsonl", "answers.jsonl.gz"])
def test_an_imported_answer_is_not_paid_for_again(
    shop: Path, run: Run, tmp_path: Path, name: str
) -> None:
    file, fresh = tmp_path / name, tmp_path / "fresh"
    assert run(shop, "export", str(file)) == (0, "", "20 answers exported\n")
    content = file.read_bytes()
    lines = gzip.decompress(content) if name.endswith(".gz") else content
    assert lines.count(b"\n") == 20
    code, _, err = run(fresh, "import", str(file))
    assert code == 0
    assert err.splitlines() == [
        f"made a new warehouse in {fresh}",
        "20 answers imported, 0 were there already",
    ]
    assert run(fresh, "import", str(file))[2] == "0 answers imported, 20 were there already\n"
    assert "0 calls, 20 reused" in ask_all(fresh)


def test_a_pipe_carries_answers_from_one_warehouse_to_another(shop: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "outcrop.cli", "journal"]
    out = subprocess.run(
        [*command, "export", "-", "-w", str(shop)], check=True, capture_output=True
    ).stdout
    subprocess.run(
        [*command, "import", "-", "-w", str(tmp_path / "fresh")],
        check=True,
        input=out,
        capture_output=True,
    )
    assert count_answers(tmp_path / "fresh") == 20


def test_an_export_replaces_no_file(shop: Path, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    file.write_text("older answers")
    code, _, err = run(shop, "export", str(file))
    assert code == 1
    assert "is there already" in err
    assert file.read_text() == "older answers"


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 20)


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, flip, lambda file: file.write_bytes(b"no gzip at all")])
def test_a_torn_archive_is_refused_whole(
    shop: Path, run: Run, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    file, fresh = tmp_path / "answers.jsonl.gz", tmp_path / "fresh"
    run(shop, "export", str(file))
    damage(file)
    code, _, err = run(fresh, "import", str(file))
    assert code == 1
    assert "cannot be read" in err or "is no journaled answer" in err
    assert count_answers(fresh) == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["stats"], "there is no journal in"),
        (["verify"], "there is no journal in"),
        (["export", "answers.jsonl"], "there is no journal in"),
        (["prune", "--older-than", "1d", "--dry-run"], "there is no journal in"),
        (["prune", "--older-than", "1d", "--yes"], "there is no warehouse in"),
        (["import", "missing.jsonl"], "'missing.jsonl' cannot be read: No such file"),
        (["import", "."], "'.' cannot be read: Is a directory"),
    ],
)
def test_without_a_warehouse_nothing_is_made(
    tmp_path: Path,
    run: Run,
    arguments: list[str],
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(tmp_path / "nothing", *arguments)
    assert (code, out) == (1, "")
    assert complaint in err
    assert list(tmp_path.iterdir()) == []


def test_while_the_warehouse_is_open_elsewhere_it_only_reads(
    shop: Path, run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "answers.jsonl"
    with Warehouse.open(shop, config=CONFIG):
        assert run(shop, "stats")[0] == 0
        assert run(shop, "verify")[0] == 0
        assert run(shop, "export", str(file))[0] == 0
        assert run(shop, "prune", "--older-than", "0h", "--dry-run")[0] == 0
        for arguments in (["prune", "--older-than", "0h", "--yes"], ["import", str(file)]):
            code, _, err = run(shop, *arguments)
            assert code == 1
            assert "55006" in err
    assert count_answers(shop) == 20
