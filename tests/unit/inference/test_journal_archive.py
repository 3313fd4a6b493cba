"""Answers exported and imported: the same answers, or a line that is named and nothing else."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from outcrop.errors import LoadFailed
from outcrop.inference import journal_archive
from outcrop.inference.journal import Journal
from outcrop.inference.journal_archive import Exported, Imported, export, import_from
from outcrop.inference.journal_upkeep import Selection, verify
from tests.unit.inference.test_journal import RUNNING, STATEMENT, answered, failed, key, store

ALL = Selection()
PAGE_BYTES = 4_096
LINE: Mapping[str, Any] = {
    "fingerprint": "00" * 19 + "07",
    "provider": "bedrock",
    "model_id": "anthropic.claude-v2",
    "response": {"text": "Aloe ferox \ud800"},
    "usage": {
        "input_tokens": 1,
        "output_tokens": 2,
        "cache_read_tokens": 0,
        "cache_write_tokens": 0,
    },
    "cost_usd": 0.5,
    "priced_as_of": "2026-11-01",
    "owner": "ann",
    "query_id": "q1",
    "created_at": "2026-11-23T10:00:00+00:00",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with 2,500 answers of all kinds."""
    path = tmp_path / "journal.sqlite"
    journal = Journal.open(path, wall=lambda: 1_003.25)
    journal.put_statement(STATEMENT, RUNNING)
    store(
        journal,
        *(answered(number) for number in range(2_497)),
        answered(3_001, {"text": "漢字 \ud800 " * 1_000}),
        answered(3_002, usage=None, cost_usd=None),
        answered(3_003, {}),
        failed(4_000),
    )
    journal.close()
    return path


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    path = tmp_path / "fresh.sqlite"
    Journal.open(path).close()
    return path


def rows(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM answer ORDER BY fingerprint").fetchall()


def exported(path: Path, selection: Selection = ALL) -> io.BytesIO:
    out = io.BytesIO()
    export(path, out, selection)
    out.seek(0)
    return out


def archive(*lines: Mapping[str, Any] | bytes) -> io.BytesIO:
    return io.BytesIO(
        b"".join(
            line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines
        )
    )


def test_what_is_exported_is_imported_as_it_was(path: Path, fresh: Path) -> None:
    out = io.BytesIO()
    assert export(path, out, ALL) == Exported(2_500, 0)
    out.seek(0)
    assert import_from(fresh, out) == Imported(2_500, 0)
    assert rows(fresh) == rows(path)
    assert verify(fresh).problems == ()


def test_each_line_is_an_answer_that_anything_can_read(path: Path) -> None:
    lines = exported(path).getvalue().decode("ascii").splitlines()
    assert len(lines) == 2_500
    assert json.loads(lines[7]) == {
        "fingerprint": key(7).hex(),
        "provider": "here",
        "model_id": "model-1",
        "response": {"n": 7},
        "usage": {
            "input_tokens": 10,
            "output_tokens": 5,
            "cache_read_tokens": 3,
            "cache_write_tokens": 2,
        },
        "cost_usd": 0.25,
        "priced_as_of": "2026-11-01",
        "owner": "ann",
        "query_id": "q1",
        "created_at": "1970-01-01T00:16:43.250000+00:00",
    }


def test_an_empty_journal_is_an_empty_file(fresh: Path) -> None:
    assert exported(fresh).getvalue() == b""
    assert import_from(fresh, io.BytesIO()) == Imported(0, 0)


def test_a_part_can_be_exported(path: Path) -> None:
    assert exported(path, Selection(model_id="model-2")).getvalue() == b""
    assert exported(path, Selection(before=1_003.25)).getvalue() == b""
    assert exported(path, Selection(1_004.0, "model-1")).getvalue().count(b"\n") == 2_500


def test_an_answer_that_is_there_is_never_overwritten(path: Path, fresh: Path) -> None:
    import_from(fresh, exported(path))
    journal = Journal.open(fresh)
    store(journal, answered(7, {"text": "paid for again"}))
    journal.close()
    assert import_from(fresh, exported(path)) == Imported(0, 2_500)
    assert import_from(fresh, archive(LINE, LINE, b"\n", b" \r\n", LINE)) == Imported(0, 3)
    journal = Journal.open(fresh)
    assert journal.lookup([key(7)])[key(7)].response == {"text": "paid for again"}
    journal.close()


def test_an_open_journal_finds_what_was_imported(fresh: Path) -> None:
    journal = Journal.open(fresh)
    assert import_from(fresh, archive(LINE)) == Imported(1, 0)
    [answer] = journal.lookup([key(7)]).values()
    assert answer.response == LINE["response"]
    assert (answer.cost_usd, answer.query_id) == (0.5, "q1")
    journal.close()


def without(name: str) -> dict[str, Any]:
    return {other: value for other, value in LINE.items() if other != name}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"\xff\xfe{}\n", "is not UTF-8"),
        (b"{\n", "no JSON"),
        (json.dumps(LINE).encode()[:-9], "no JSON"),
        (b"[1, 2]\n", "no JSON object"),
        (b"3\n", "no JSON object"),
        (b'{"a": ' + b"[" * 100_000, "line 2 is no journaled answer"),
        (b'{"name": "a foreign document"}\n', "no field 'fingerprint'"),
        (without("owner"), "no field 'owner'"),
        ({**LINE, "prompt": "x"}, "field 'prompt' is unknown"),
        ({**LINE, "fingerprint": "00"}, "20 bytes in hexadecimal"),
        ({**LINE, "fingerprint": "zz" * 20}, "20 bytes in hexadecimal"),
        ({**LINE, "fingerprint": 7}, "fingerprint is no text"),
        ({**LINE, "response": "text"}, "response is no JSON object"),
        ({**LINE, "usage": {"input_tokens": 1}}, "usage is not"),
        ({**LINE, "usage": {**LINE["usage"], "input_tokens": -1}}, "number of tokens"),
        ({**LINE, "usage": {**LINE["usage"], "input_tokens": True}}, "number of tokens"),
        ({**LINE, "usage": {**LINE["usage"], "output_tokens": 2**70}}, "number of tokens"),
        ({**LINE, "cost_usd": -0.5}, "no amount of money"),
        ({**LINE, "cost_usd": float("inf")}, "no amount of money"),
        ({**LINE, "cost_usd": float("nan")}, "no amount of money"),
        ({**LINE, "cost_usd": 10**400}, "no amount of money"),
        ({**LINE, "cost_usd": "0.5"}, "cost_usd is no number"),
        ({**LINE, "priced_as_of": 2026}, "priced_as_of is no text"),
        ({**LINE, "owner": "\ud800"}, "owner holds half a character"),
        ({**LINE, "created_at": "yesterday"}, "no time in ISO 8601"),
        ({**LINE, "created_at": "2026-11-23T10:00:00"}, "no time zone"),
        ({**LINE, "created_at": "0001-01-01T00:00:00+14:00"}, "created_at"),
    ],
)
def test_a_damaged_line_is_named_and_nothing_is_imported(
    fresh: Path, line: Mapping[str, Any] | bytes, why: str
) -> None:
    with pytest.raises(LoadFailed, match=why) as caught:
        import_from(fresh, archive(LINE, line))
    assert "line 2 is no journaled answer" in caught.value.message
    assert "Nothing was imported" in (caught.value.hint or "")
    assert rows(fresh) == []


def test_a_line_without_end_is_not_read_to_its_end(
    fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_archive, "LINE_BYTES_MAX", 10_000)
    source = io.BytesIO(b"x" * 1_000_000)
    with pytest.raises(LoadFailed, match=r"line 1 .* longer than 10,000 bytes"):
        import_from(fresh, source)
    assert source.tell() == 10_001


def test_damaged_answers_are_left_out_of_an_export(path: Path, fresh: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE answer SET response = x'00' WHERE rowid IN (3, 1500)")
        connection.execute("UPDATE answer SET fingerprint = x'00' WHERE rowid = 9")
        connection.commit()
    out = io.BytesIO()
    assert export(path, out, ALL) == Exported(2_497, 3)
    out.seek(0)
    assert import_from(fresh, out) == Imported(2_497, 0)


def test_what_damaged_pages_leave_is_exported(path: Path, fresh: Path) -> None:
    content = path.read_bytes()
    with path.open("r+b") as file:
        for response in (b'{"n":600}', b'{"n":1800}'):
            file.seek(content.index(response) // PAGE_BYTES * PAGE_BYTES)
            file.write(os.urandom(PAGE_BYTES))
    out = io.BytesIO()
    saved = export(path, out, ALL)
    assert 0 < saved.damaged < 200
    assert saved.answers + saved.damaged == 2_500
    out.seek(0)
    assert import_from(fresh, out) == Imported(saved.answers, 0)
    assert verify(path).problems
    assert verify(fresh).problems == ()


def test_an_export_is_of_one_moment(path: Path) -> None:
    """What is stored while it runs is not in it, wherever in the file it ends up."""

    class Slow(io.BytesIO):
        def write(self, line: Any) -> int:
            if not self.tell():
                asyncio.run(journal.store(answered(9_999)))
            return super().write(line)

    journal = Journal.open(path)
    out = Slow()
    assert export(path, out, ALL).answers == 2_500
    journal.close()
    assert len(rows(path)) == 2_501
