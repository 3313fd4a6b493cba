"""EXPLAIN (COUNT) before every statement of the shapes: what it says is what is then sent.

Where no stage waits for an answer that nobody has, the number is exact; elsewhere it is a bound.
Counting itself sends nothing, and changes nothing. Once a query has run, it has nothing more to
send.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import outcrop.providers.scripted
from outcrop.sql.parser import parse_statement
from outcrop.sql.statements import (
    CreateMaterializedView,
    CreateTableAs,
    Delete,
    Execute,
    Insert,
    Merge,
    Query,
    RefreshMaterializedView,
    Statement,
    Unload,
    Update,
)
from tests.slt.runner import RequestCount, Runner
from tests.slt.script import QueryGives, Record, Script, StatementSucceeds, read_script

SLT = Path(__file__).parent.parent / "slt"
# Where answers are asked for again: volatile functions, calls that fail, and reuse switched off.
ASKED_AGAIN = ("shapes_answers", "shapes_fuzzed", "shapes_lifted", "shapes_ordering")
SHAPES = sorted(SLT.glob("shapes_*.slt"))
WRITES = [SLT / f"{stem}.slt" for stem in ("merge", "prepared", "unload")]
WRITING = (
    CreateMaterializedView,
    CreateTableAs,
    Delete,
    Execute,
    Insert,
    Merge,
    RefreshMaterializedView,
    Unload,
    Update,
)


class CountingRunner(Runner):
    """A runner that compares what is counted before a statement with what it sends."""

    def __init__(self, script: Script, folder: Path, asked: RequestCount) -> None:
        super().__init__(script, folder, asked.total)
        self.requests = asked
        self.exact = 0
        self.writes = 0
        self.wrong: list[str] = []
        self._reuses = script.path.stem not in ASKED_AGAIN

    def _run(self, record: Record) -> None:
        if not isinstance(record, QueryGives | StatementSucceeds):
            super()._run(record)
            return
        statement = parse_statement(record.sql)
        if not isinstance(statement, (Query, *WRITING)) or _is_cascade(statement):
            super()._run(record)
            return
        before = self.requests.total()
        counted = self._counted(record.sql)
        if self.requests.total() != before:
            self.wrong.append(f"{record.sql}: counting sent a request")
        super()._run(record)
        sent = self.requests.total() - before
        self._compare(record.sql, counted, sent)
        if not isinstance(statement, Query):
            self.writes += sent > 0
            self._asked_before = self.requests.total() - sent
            return
        notices = list(self._notices)
        left = self._counted(record.sql)
        self._notices[:] = notices
        is_same = self._reuses and "random()" not in record.sql
        if is_same and left is not None and (left["Calls"], left["At Most"]) != (0, False):
            self.wrong.append(f"{record.sql}: still counted {left['Calls']} when all was answered")
        self._asked_before = self.requests.total() - sent

    def _counted(self, sql: str) -> dict[str, Any] | None:
        _, [document] = self._execute(f"EXPLAIN (COUNT, FORMAT JSON) {sql}")
        found: dict[str, Any] | None = json.loads(document.replace("\\n", "\n")).get("Model Calls")
        return found

    def _compare(self, sql: str, counted: dict[str, Any] | None, sent: int) -> None:
        if counted is None:
            if sent:
                self.wrong.append(f"{sql}: sent {sent}, no call in the plan")
        elif counted["At Most"]:
            if counted["Calls"] < sent:
                self.wrong.append(f"{sql}: sent {sent}, at most {counted['Calls']} counted")
        else:
            self.exact += 1
            if counted["Calls"] != sent:
                self.wrong.append(f"{sql}: sent {sent}, counted {counted['Calls']}")


def _is_cascade(statement: Statement) -> bool:
    return isinstance(statement, RefreshMaterializedView) and statement.is_cascade


@pytest.mark.parametrize("path", [*SHAPES, *WRITES], ids=lambda path: path.stem)
def test_what_is_counted_is_what_is_sent(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = RequestCount(outcrop.providers.scripted.build)
    monkeypatch.setattr(outcrop.providers.scripted, "build", requests.build)
    runner = CountingRunner(read_script(path), tmp_path, requests)
    runner.run()
    assert "\n".join(runner.wrong) == ""
    assert runner.exact or "calls" not in path.stem
    assert runner.writes or path.stem not in ("shapes_writes", *(each.stem for each in WRITES))
