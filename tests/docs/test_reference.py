"""The reference is complete: what users can type, set, read or meet is described there."""

from __future__ import annotations

import argparse
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from types import ModuleType

from outcrop import errors
from outcrop.catalog.system_views import SYSTEM_VIEWS
from outcrop.cli.main import build_parser
from outcrop.inference.events import EVENTS
from outcrop.providers.scripted_options import FAULTS
from outcrop.settings import SETTINGS
from outcrop.sql import statements
from outcrop.sql.functions import FUNCTIONS
from tests.docs import documents

# Statements whose words are not those of their class.
_WORDS = {
    statements.Query: ("SELECT",),
    statements.Drop: (
        "DROP TABLE",
        "DROP VIEW",
        "DROP MATERIALIZED VIEW",
        "DROP SCHEMA",
        "DROP MODEL",
    ),
    statements.ShowSetting: ("SHOW",),
    statements.SetSetting: ("SET", "RESET"),
    statements.Maintenance: ("VACUUM", "ANALYZE"),
}

# The parts of the error tree that are raised only as one of their kinds.
_GROUPS = {
    errors.Error,
    errors.UserError,
    errors.ResourceError,
    errors.ProviderError,
    errors.TransientProviderError,
    errors.TerminalProviderError,
    errors.InternalError,
}


def _classes(module: ModuleType, base: type) -> list[type]:
    """Return what `module` defines below `base`, in order of definition."""
    return [c for c in vars(module).values() if isinstance(c, type) and issubclass(c, base)]


def _statement_words() -> Iterator[str]:
    for kind in _classes(statements, statements.Statement):
        if kind is not statements.Statement:
            default = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__).upper()
            yield from _WORDS.get(kind, (default,))


def _flags(parser: argparse.ArgumentParser, command: str) -> Iterator[str]:
    """Yield each command, and each of its long flags, as the reference names them."""
    yield f"`{command}`"
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                yield from _flags(child, f"{command} {name}")
        else:
            yield from (f"`{flag}" for flag in action.option_strings if flag.startswith("--"))


def _undocumented(names: Iterable[str]) -> list[str]:
    text = documents.reference_text()
    assert text, "docs/reference/ has no page"
    return [name for name in dict.fromkeys(names) if name not in text]


def test_every_setting() -> None:
    assert _undocumented([f"`{name}`" for name in SETTINGS]) == []


def test_every_error_with_its_sqlstate() -> None:
    lines = documents.reference_text().splitlines()
    kinds = [kind for kind in _classes(errors, errors.Error) if kind not in _GROUPS]
    missing = [
        f"{kind.__name__} {kind.sqlstate}"
        for kind in kinds
        if not any(f"`{kind.__name__}`" in line and kind.sqlstate in line for line in lines)
    ]
    assert missing == []


def test_every_system_view_with_its_columns() -> None:
    names = [f"`{view.name.name}`" for view in SYSTEM_VIEWS]
    columns = [f"`{column.name}`" for view in SYSTEM_VIEWS for column in view.columns]
    assert _undocumented([*names, *columns]) == []


def test_every_command_and_flag() -> None:
    assert _undocumented(_flags(build_parser(), "outcrop")) == []


def test_every_statement_has_a_heading() -> None:
    headings = set(re.findall(r"^#+ (.+?)\s*$", documents.reference_text(), re.MULTILINE))
    assert [words for words in _statement_words() if words not in headings] == []


def test_every_function() -> None:
    assert _undocumented([f"`{name}" for name in FUNCTIONS]) == []


def test_every_section_of_the_configuration() -> None:
    sections = ["settings", "providers", "routes", "roles", "prices", "copy", "log"]
    assert _undocumented([f"[{name}" for name in sections]) == []


def test_every_event_of_the_log() -> None:
    rows = [
        f"| `{event.NAME}` | {logging.getLevelName(event.LEVEL).lower()} | ... | {names} |"
        for event in EVENTS.values()
        for names in [", ".join(f"`{field.name}`" for field in fields(event))]
    ]
    cells = [line.split(" | ") for line in documents.reference_text().splitlines()]
    shown = {" | ".join([*row[:2], "...", *row[3:]]) for row in cells if len(row) == 4}
    assert [row for row in rows if row not in shown] == []


def test_every_fault() -> None:
    assert _undocumented([f"`{name}`" for name in FAULTS]) == []
