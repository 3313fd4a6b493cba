"""Runs the records of an .slt file on a fresh warehouse whose models are scripted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from outcrop.config import parse_config
from outcrop.datatypes import TypeKind
from outcrop.errors import Error
from outcrop.execution.value_text import to_text
from outcrop.providers.scripted import ScriptedProvider
from outcrop.session import Notice, Result, Session
from outcrop.warehouse import Warehouse
from tests.slt.script import (
    CallsWere,
    InputFile,
    NoticeWas,
    QueryGives,
    Record,
    Reopen,
    Script,
    SessionIs,
    StatementFails,
    StatementSucceeds,
)

# The letter of each column of `query`, and the types that it stands for.
KINDS: Mapping[str, frozenset[TypeKind]] = {
    "B": frozenset({TypeKind.BOOLEAN}),
    "D": frozenset(
        {
            TypeKind.DATE,
            TypeKind.TIME,
            TypeKind.TIMETZ,
            TypeKind.TIMESTAMP,
            TypeKind.TIMESTAMPTZ,
            TypeKind.INTERVAL,
        }
    ),
    "I": frozenset({TypeKind.SMALLINT, TypeKind.INTEGER, TypeKind.BIGINT}),
    "R": frozenset({TypeKind.DECIMAL, TypeKind.REAL, TypeKind.DOUBLE}),
    "S": frozenset({TypeKind.SUPER}),
    "T": frozenset({TypeKind.CHAR, TypeKind.VARCHAR, TypeKind.UNKNOWN}),
    "X": frozenset({TypeKind.VARBYTE}),
}

# Every model is answered by the scripted provider, whatever its MODEL_TYPE.
SCRIPTED_PROVIDERS: Mapping[str, Mapping[str, Any]] = {
    name: {"kind": "scripted"} for name in ("bedrock", "openai", "anthropic", "local")
}


class RecordFailed(AssertionError):
    """A record whose expectation is not met; the message names its place and both sides."""


class Runner:
    """The state of one run: the open warehouse, its sessions, and what happened last."""

    def __init__(self, script: Script, folder: Path, asked: Callable[[], int]) -> None:
        """`asked` returns how many requests scripted providers were sent so far."""
        self._script = script
        self._path = folder / "warehouse"
        self._files = folder / "files"
        self._files.mkdir()
        self._asked = asked
        self._asked_before = 0
        self._notices: list[Notice] = []
        self._session_name = "main"
        self._sessions: dict[str, Session] = {}
        self._warehouse = self._open()

    def run(self) -> None:
        """Run every record in order; raises RecordFailed at the first that does not hold."""
        try:
            for record in self._script.records:
                self._run(record)
        finally:
            self.close()

    def close(self) -> None:
        """Close the sessions and the warehouse."""
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()
        self._warehouse.close()

    def _open(self) -> Warehouse:
        overrides = self._script.config.get("providers", {})
        providers = {
            name: {**options, **overrides.get(name, {})}
            for name, options in SCRIPTED_PROVIDERS.items()
        }
        config = {**self._script.config, "providers": {**overrides, **providers}}
        return Warehouse.open(self._path, config=parse_config(config))

    def _run(self, record: Record) -> None:
        match record:
            case StatementSucceeds():
                self._run_statement(record)
            case StatementFails():
                self._run_failing(record)
            case QueryGives():
                self._run_query(record)
            case CallsWere(line, count):
                requests = self._asked() - self._asked_before
                self._expect(line, "calls", count, requests)
            case NoticeWas():
                self._check_notice(record)
            case SessionIs(_, name):
                self._session_name = name
            case Reopen():
                self.close()
                self._warehouse = self._open()
            case InputFile(_, name, content):
                (self._files / name).write_text(content, encoding="utf-8")

    def _execute(self, sql: str) -> tuple[Result, list[str]]:
        session = self._sessions.get(self._session_name)
        if session is None:
            session = self._warehouse.open_session(on_notice=self._notices.append)
            self._sessions[self._session_name] = session
        self._notices.clear()
        self._asked_before = self._asked()
        result = session.execute(sql.replace("{files}", str(self._files)))
        try:
            return result, [" | ".join(map(_show, row)) for row in result.rows()]
        finally:
            result.close()

    def _execute_well(self, line: int, sql: str) -> tuple[Result, list[str]]:
        try:
            return self._execute(sql)
        except Error as error:
            raise RecordFailed(f"{self._place(line)}: {_describe(error)}") from error

    def _run_statement(self, record: StatementSucceeds) -> None:
        result, _ = self._execute_well(record.line, record.sql)
        if record.rowcount is not None:
            self._expect(record.line, "rows changed", record.rowcount, result.rowcount)

    def _run_failing(self, record: StatementFails) -> None:
        try:
            result, _ = self._execute(record.sql)
        except Error as error:
            described = _describe(error)
            is_expected = error.sqlstate == record.sqlstate and (
                record.pattern is None or record.pattern.search(described)
            )
            if not is_expected:
                wanted = f"{record.sqlstate} {record.pattern.pattern if record.pattern else ''}"
                raise RecordFailed(
                    f"{self._place(record.line)}: expected {wanted}, got {described}"
                ) from error
        else:
            raise RecordFailed(
                f"{self._place(record.line)}: expected {record.sqlstate}, got {result.tag}"
            )

    def _run_query(self, record: QueryGives) -> None:
        result, rows = self._execute_well(record.line, record.sql)
        kinds = "".join(_letter(column.datatype.kind) for column in result.columns)
        self._expect(record.line, "column kinds", record.kinds, kinds)
        if record.rows is None:
            return
        expected = list(record.rows)
        if record.is_sorted:
            expected, rows = sorted(expected), sorted(rows)
        self._expect(record.line, "rows", "\n".join(expected), "\n".join(rows))

    def _check_notice(self, record: NoticeWas) -> None:
        given = [_notice_text(notice) for notice in self._notices]
        if record.pattern is None:
            self._expect(record.line, "notices", [], given)
        elif not any(record.pattern.search(text) for text in given):
            self._expect(record.line, "a notice", record.pattern.pattern, "\n".join(given))

    def _expect(self, line: int, what: str, expected: object, actual: object) -> None:
        if expected != actual:
            raise RecordFailed(
                f"{self._place(line)}: {what}\n--- expected\n{expected}\n--- actual\n{actual}"
            )

    def _place(self, line: int) -> str:
        return f"{self._script.path}:{line}"


class RequestCount:
    """Counts the requests of every scripted provider that is built while it is installed."""

    def __init__(self, build: Callable[..., ScriptedProvider]) -> None:
        self._build = build
        self._built: list[ScriptedProvider] = []

    def build(self, *arguments: Any, **options: Any) -> ScriptedProvider:
        """Build as the provider's own `build` does, and remember what was built."""
        provider = self._build(*arguments, **options)
        self._built.append(provider)
        return provider

    def total(self) -> int:
        """Return the number of requests so far, retries included."""
        return sum(provider.tally.requests for provider in self._built)


def _show(value: object) -> str:
    if value is None:
        return "NULL"
    text = to_text(value)
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t") or "(empty)"


def _letter(kind: TypeKind) -> str:
    return next((letter for letter, kinds in KINDS.items() if kind in kinds), "?")


def _describe(error: Error) -> str:
    hint = f"\nHINT: {error.hint}" if error.hint else ""
    return f"{error.sqlstate} {error.message}{hint}"


def _notice_text(notice: Notice) -> str:
    hint = f" {notice.hint}" if notice.hint else ""
    return f"{notice.severity}: {notice.message}{hint}"
