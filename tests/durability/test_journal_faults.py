"""A journal whose file is torn, damaged, locked or out of space."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from outcrop.errors import DiskFull, JournalCorrupted
from outcrop.inference import journal_file
from outcrop.inference.journal import Journal
from outcrop.inference.journal_upkeep import verify
from outcrop.inference.records import StatementOutcome
from tests.durability.support import ask_all, paid, pays_to
from tests.unit.inference.support import House, ask, house, invocations, texts

COMMITS = 12


@pytest.fixture
def crashed(tmp_path: Path) -> Path:
    """The journal of a process that was killed after COMMITS answers, each with its own commit."""
    folder = tmp_path / "crashed"
    folder.mkdir()
    with house(tmp_path) as home:
        for one in invocations(COMMITS):
            ask(home.statement(max_concurrency=1), [one])
        for name in ("journal.sqlite", "journal.sqlite-wal"):
            shutil.copy(tmp_path / name, folder / name)
    return folder


def answered(folder: Path) -> list[int]:
    journal = Journal.open(folder / "journal.sqlite")
    try:
        asked = invocations(COMMITS)
        found = journal.lookup([one.fingerprint for one in asked])
        return [index for index, one in enumerate(asked) if one.fingerprint in found]
    finally:
        journal.close()


def cut(size: int) -> Callable[[Path], None]:
    return lambda wal: os.truncate(wal, wal.stat().st_size - size)


def overwrite_the_tail(wal: Path) -> None:
    with wal.open("r+b") as file:
        file.seek(-10, os.SEEK_END)
        file.write(b"\xff" * 10)


def append_garbage(wal: Path) -> None:
    with wal.open("ab") as file:
        file.write(os.urandom(5_000))


def test_what_was_committed_survives_a_crash(crashed: Path) -> None:
    assert answered(crashed) == list(range(COMMITS))


@pytest.mark.parametrize("tear", [cut(1), cut(100), cut(4_000), overwrite_the_tail])
def test_a_torn_last_record_costs_that_record_alone(
    crashed: Path, tear: Callable[[Path], None]
) -> None:
    tear(crashed / "journal.sqlite-wal")
    assert answered(crashed) == list(range(COMMITS - 1))


def test_any_torn_tail_leaves_whole_commits_alone(crashed: Path, tmp_path: Path) -> None:
    """Power fails while the log is written: it is cut anywhere, and may end in rubbish."""
    random = Random(1)
    wal = (crashed / "journal.sqlite-wal").read_bytes()
    found = []
    for number in range(60):
        folder = tmp_path / f"torn {number}"
        folder.mkdir()
        shutil.copy(crashed / "journal.sqlite", folder)
        torn = wal[: random.randrange(len(wal))] + random.randbytes(random.choice((0, 7, 5_000)))
        (folder / "journal.sqlite-wal").write_bytes(torn)
        left = answered(folder)
        assert left == list(range(len(left)))
        assert verify(folder / "journal.sqlite").problems == ()
        found.append(len(left))
    assert min(found) < COMMITS // 3 < max(found)


def test_every_commit_is_synced(tmp_path: Path) -> None:
    """FULL (2) in WAL mode: SQLite syncs the log at each commit, before it tells us of it."""
    path = tmp_path / "journal.sqlite"
    Journal.open(path).close()
    connection = journal_file.connect(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.close()


def test_a_record_that_was_begun_and_not_finished_costs_nothing(crashed: Path) -> None:
    append_garbage(crashed / "journal.sqlite-wal")
    assert answered(crashed) == list(range(COMMITS))


def test_a_torn_answer_is_asked_again_and_no_other(crashed: Path) -> None:
    cut(100)(crashed / "journal.sqlite-wal")
    with house(crashed) as home:
        assert len(texts(ask(home.statement(), invocations(COMMITS)))) == COMMITS
        assert home.provider.requests == [f"prompt {COMMITS - 1}"]


def test_a_journal_that_is_no_database_is_corrupted(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"this is no database, but it is long enough to look at" * 100)
    with pytest.raises(JournalCorrupted, match="damaged"):
        Journal.open(path)


def test_damaged_pages_stop_the_query_before_anything_is_paid(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        ask(home.statement(), invocations(500))
    path = tmp_path / "journal.sqlite"
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4_096 * 2)
        file.write(os.urandom(size - 4_096 * 2))
    with house(tmp_path) as home:
        with pytest.raises(JournalCorrupted, match="damaged") as caught:
            ask(home.statement(), invocations(500))
        assert caught.value.sqlstate == "XX001"
        assert home.provider.requests == []


def test_a_journal_that_cannot_be_created_is_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(DiskFull, match="cannot be written"):
        Journal.open(tmp_path / "no such folder" / "journal.sqlite")


def test_a_journal_that_another_process_writes_is_waited_for(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        other = sqlite3.connect(tmp_path / "journal.sqlite", isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            statement = home.statement()
            asking = statement.ask(invocations(3), model="m", function="f", total=3)
            other.execute("ROLLBACK")
            assert len(texts(asking)) == 3
        finally:
            other.close()


def test_a_full_disk_releases_nothing_and_forgets_nothing(tmp_path: Path) -> None:
    """In a process of its own, since the limit of file sizes is one of the process."""
    script = "from tests.durability import test_journal_faults as t; t.fill_the_disk_and_recover()"
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "recovered\n"), done.stderr


def fill_the_disk_and_recover() -> None:
    """What the test above runs: fail in the middle of a statement, and mend it afterwards."""
    folder = Path(sys.argv[1])
    with house(folder, pays_to(folder)) as home:
        ask_all(home, "before", 20, concurrency=4)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        wal_size = (folder / "journal.sqlite-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (wal_size + 60_000, hard))
        released = _ask_until_full(home)
        paid_when_full = len(paid(folder))
        assert 0 < released < 300, released
        assert _ask_until_full(home) == 0, "refused before anything is sent"
        assert len(paid(folder)) == paid_when_full

        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        result = ask_all(home, "more", 300, concurrency=4)
        assert result["answers"] == sorted(f"answer to more {index}" for index in range(300))
        payments = paid(folder)
        assert len(payments) == len(set(payments)) == 320, "what was paid for was kept in memory"
        last = list(home.journal.details())[-1]
        assert last.outcome is StatementOutcome.COMPLETED
    sys.stdout.write("recovered\n")


def _ask_until_full(home: House) -> int:
    """Ask 300 prompts; return how many answers were released that were not known before."""
    released = 0
    statement = home.statement(max_concurrency=4)
    try:
        for outcome in statement.ask(invocations(300, "more"), model="m", function="f"):
            released += not outcome.is_reused
    except DiskFull as error:
        assert "cannot be written" in str(error)  # noqa: PT017
        statement.finish(error)
        return released
    raise AssertionError("the disk was not full")
