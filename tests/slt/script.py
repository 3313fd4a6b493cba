"""The text of an .slt file as records. `tests/slt/README.md` describes the format."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

RESULT_RULE = "----"
CONFIG_HEADING = "# config:"
COLUMN_KINDS = "BDIRSTX"
SORT_MODES = ("nosort", "rowsort")


class ScriptInvalid(ValueError):
    """An .slt file that cannot be read; the message names the line."""


@dataclass(frozen=True, slots=True)
class StatementSucceeds:
    """`statement ok` and `statement count N`: it runs, and changes N rows where N is given."""

    line: int
    sql: str
    rowcount: int | None = None


@dataclass(frozen=True, slots=True)
class StatementFails:
    """`statement error SQLSTATE [regex]`: the regex is searched in message and hint."""

    line: int
    sql: str
    sqlstate: str
    pattern: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class QueryGives:
    """`query KINDS [rowsort]`: one line a row; None where the rows are of no interest."""

    line: int
    sql: str
    kinds: str
    is_sorted: bool
    rows: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class CallsWere:
    """`calls N`: what the statement before sent to the scripted providers, retries included."""

    line: int
    count: int


@dataclass(frozen=True, slots=True)
class NoticeWas:
    """`notice REGEX`: the statement before gave such a notice; `notice none`: it gave none."""

    line: int
    pattern: re.Pattern[str] | None


@dataclass(frozen=True, slots=True)
class SessionIs:
    """`session NAME`: what follows runs in this session, which is opened at its first use."""

    line: int
    name: str


@dataclass(frozen=True, slots=True)
class Reopen:
    """`reopen`: the warehouse is closed, with all sessions, and opened again."""

    line: int


@dataclass(frozen=True, slots=True)
class InputFile:
    """`file NAME`: a file that SQL can name as `{files}/NAME`."""

    line: int
    name: str
    content: str


Record: TypeAlias = (
    StatementSucceeds
    | StatementFails
    | QueryGives
    | CallsWere
    | NoticeWas
    | SessionIs
    | Reopen
    | InputFile
)


@dataclass(frozen=True, slots=True)
class Script:
    """One .slt file: the configuration of its warehouse, and its records in order."""

    path: Path
    config: Mapping[str, Any]
    records: tuple[Record, ...]


def read_script(path: Path) -> Script:
    """Read and parse the .slt file at `path`; raises ScriptInvalid."""
    return parse_script(path.read_text(encoding="utf-8"), path)


def parse_script(text: str, path: Path) -> Script:
    """Parse the text of an .slt file; raises ScriptInvalid."""
    lines = _Lines(text.splitlines())
    config = _parse_config(lines, path)
    records = []
    while (directive := lines.next_directive()) is not None:
        number, words = directive
        try:
            records.append(_DIRECTIVES[words[0]](lines, number, words[1:]))
        except KeyError:
            known = ", ".join(_DIRECTIVES)
            raise ScriptInvalid(f"{path}:{number}: {words[0]!r} is none of {known}") from None
        except (ValueError, re.error) as error:
            raise ScriptInvalid(f"{path}:{number}: {error}") from error
    return Script(path, config, tuple(records))


class _Lines:
    """The lines of a file and how far they are read. Line numbers count from 1."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._read = 0

    def next_directive(self) -> tuple[int, list[str]] | None:
        """Return the next line that is neither blank nor a comment, in words."""
        while (line := self.take()) is not None:
            if line.strip() and not line.startswith("#"):
                return self._read, line.split()
        return None

    def take(self) -> str | None:
        """Return the next line."""
        if self._read == len(self._lines):
            return None
        self._read += 1
        return self._lines[self._read - 1]

    def take_while(self, is_wanted: Callable[[str], bool]) -> list[str]:
        """Return the lines up to the first unwanted one, which is left unread."""
        start = self._read
        while self._read < len(self._lines) and is_wanted(self._lines[self._read]):
            self._read += 1
        return self._lines[start : self._read]

    def rest_of(self, number: int, words: int) -> str:
        """Return line `number` without its first `words` words, its blanks kept."""
        parts = self._lines[number - 1].split(maxsplit=words)
        return parts[words].strip() if len(parts) > words else ""


def _parse_config(lines: _Lines, path: Path) -> Mapping[str, Any]:
    leading = lines.take_while(lambda line: line.startswith("#") or not line.strip())
    heading = next((i for i, line in enumerate(leading) if line.strip() == CONFIG_HEADING), None)
    if heading is None:
        return {}
    block = []
    for line in leading[heading + 1 :]:
        if not line.startswith("#"):
            break
        block.append(line.removeprefix("#").removeprefix(" "))
    try:
        return tomllib.loads("\n".join(block))
    except tomllib.TOMLDecodeError as error:
        raise ScriptInvalid(f"{path}: {CONFIG_HEADING} {error}") from error


def _parse_statement(lines: _Lines, number: int, words: list[str]) -> Record:
    match words:
        case ["ok"]:
            return StatementSucceeds(number, _take_sql(lines))
        case ["count", count]:
            return StatementSucceeds(number, _take_sql(lines), int(count))
        case ["error", sqlstate, *pattern] if re.fullmatch("[0-9A-Z]{5}", sqlstate):
            expected = re.compile(lines.rest_of(number, 3)) if pattern else None
            return StatementFails(number, _take_sql(lines), sqlstate, expected)
        case _:
            raise ScriptInvalid("say `statement ok`, `count N` or `error SQLSTATE [regex]`")


def _parse_query(lines: _Lines, number: int, words: list[str]) -> QueryGives:
    kinds, *modes = words or [""]
    if not kinds or set(kinds) - set(COLUMN_KINDS):
        raise ScriptInvalid(f"say `query` and a letter of {COLUMN_KINDS} for each column")
    if len(modes) > 1 or set(modes) - set(SORT_MODES):
        raise ScriptInvalid(f"rows are sorted by one of {', '.join(SORT_MODES)}")
    sql = _take_sql(lines)
    rows = None
    if lines.take_while(lambda line: line == RESULT_RULE):
        rows = tuple(lines.take_while(_is_filled))
    return QueryGives(number, sql, kinds, "rowsort" in modes, rows)


def _parse_calls(lines: _Lines, number: int, words: list[str]) -> CallsWere:
    [count] = words
    return CallsWere(number, int(count))


def _parse_notice(lines: _Lines, number: int, words: list[str]) -> NoticeWas:
    if not words:
        raise ScriptInvalid("say `notice none` or `notice REGEX`")
    is_none = words == ["none"]
    return NoticeWas(number, None if is_none else re.compile(lines.rest_of(number, 1)))


def _parse_session(lines: _Lines, number: int, words: list[str]) -> SessionIs:
    [name] = words
    return SessionIs(number, name)


def _parse_reopen(lines: _Lines, number: int, words: list[str]) -> Reopen:
    if words:
        raise ScriptInvalid("`reopen` stands alone")
    return Reopen(number)


def _parse_file(lines: _Lines, number: int, words: list[str]) -> InputFile:
    [name] = words
    content = lines.take_while(lambda line: line != RESULT_RULE)
    if lines.take() is None:
        raise ScriptInvalid(f"the content of a file ends with {RESULT_RULE}")
    return InputFile(number, name, "".join(f"{line}\n" for line in content))


def _take_sql(lines: _Lines) -> str:
    """The statement ends at a blank line or at the rule above its results."""
    block = lines.take_while(lambda line: _is_filled(line) and line != RESULT_RULE)
    if not block:
        raise ScriptInvalid("the SQL is missing")
    return "\n".join(block)


def _is_filled(line: str) -> bool:
    return bool(line.strip())


_DIRECTIVES: Mapping[str, Callable[[_Lines, int, list[str]], Record]] = {
    "statement": _parse_statement,
    "query": _parse_query,
    "calls": _parse_calls,
    "notice": _parse_notice,
    "session": _parse_session,
    "reopen": _parse_reopen,
    "file": _parse_file,
}


def scripts(folder: Path) -> Iterator[Path]:
    """Yield every .slt file below `folder`, in order of its name."""
    yield from sorted(folder.rglob("*.slt"))
