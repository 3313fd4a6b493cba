"""kill -9 during prune and import: all of it is done or nothing, and the journal is sound."""

from __future__ import annotations

import io
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from outcrop.inference import journal_file
from outcrop.inference.journal import Journal
from outcrop.inference.journal_archive import export, import_from
from outcrop.inference.journal_upkeep import Selection, figures, prune, verify
from tests.unit.inference.support import MODEL, ask, house, invocations

ANSWERS = 2_000
ALL = Selection()
# Where the process is killed: at a statement, or after so many steps of SQLite's machine.
POINTS = ("BEGIN", "COMMIT", "VACUUM", "PRAGMA wal_checkpoint", "1", "40", "400", "4000", "never")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """2,000 answers, exported."""
    folder = tmp_path_factory.mktemp("answers")
    with house(folder) as home:
        ask(home.statement(), invocations(ANSWERS))
    out = io.BytesIO()
    export(folder / "journal.sqlite", out, ALL)
    return out.getvalue()


def killed_at(point: str, what: str, path: Path, archive: bytes = b"") -> bool:
    """Do `what` in a process of its own that is killed at `point`; return whether it was."""
    script = f"from tests.durability import test_killed_upkeep as t; t.{what}()"
    done = subprocess.run(
        [sys.executable, "-c", script, str(path), point],
        check=False,
        input=archive,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode != 0


def answers(path: Path) -> int:
    assert verify(path).problems == ()
    return figures(path).answers


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_prune_is_done_or_not(tmp_path: Path, archive: bytes, point: str) -> None:
    path = tmp_path / "journal.sqlite"
    Journal.open(path).close()
    import_from(path, io.BytesIO(archive))
    was_killed = killed_at(point, "prune_and_die", path)
    assert was_killed == (point != "never")
    left = answers(path)
    if point in ("VACUUM", "PRAGMA wal_checkpoint", "never"):
        assert left == 0
    elif not point.isdecimal():
        assert left == ANSWERS
    assert left in (0, ANSWERS)
    prune(path, ALL)
    held = figures(path)
    assert (answers(path), held.free_bytes) == (0, 0)
    assert held.file_bytes < 100_000


@pytest.mark.parametrize("point", [point for point in POINTS if " " not in point])
def test_a_killed_import_is_done_or_not(tmp_path: Path, archive: bytes, point: str) -> None:
    path = tmp_path / "journal.sqlite"
    Journal.open(path).close()
    was_killed = killed_at(point, "import_and_die", path, archive)
    assert was_killed == (point not in ("never", "VACUUM"))  # it compacts nothing
    assert answers(path) == (0 if was_killed else ANSWERS)
    imported = import_from(path, io.BytesIO(archive))
    assert imported.added + imported.skipped == ANSWERS
    with house(tmp_path) as home:
        ask(home.statement(), invocations(ANSWERS))
        assert home.provider.requests == []


def prune_and_die() -> None:
    """What the first test runs."""
    _die_in_time()
    prune(Path(sys.argv[1]), Selection(model_id=MODEL))


def import_and_die() -> None:
    """What the second test runs."""
    _die_in_time()
    import_from(Path(sys.argv[1]), sys.stdin.buffer)


def _die_in_time() -> None:
    """Have the process kill itself when a connection comes to the point that it was given."""
    point = sys.argv[2]
    connect = journal_file.connect
    steps = 0

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def trace(statement: str) -> None:
        if statement.startswith(point):
            die()

    def progress() -> int:
        nonlocal steps
        steps += 1
        if steps >= int(point):
            die()
        return 0

    def connect_to_die(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        if point.isdecimal():
            connection.set_progress_handler(progress, 5)
        else:
            connection.set_trace_callback(trace)
        return connection

    journal_file.connect = connect_to_die
