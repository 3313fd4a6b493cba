from __future__ import annotations

from outcrop.cli.report import format_error, format_notice
from outcrop.cli.terminal import Terminal
from outcrop.errors import Position, UndefinedColumn
from outcrop.execution.result import Notice

SCRIPT = "SELECT 1;\n\nSELECT pnme\nFROM t;"


def test_an_error_points_at_its_piece_of_the_script() -> None:
    error = UndefinedColumn(
        "column 'pnme' does not exist",
        hint="Did you mean 'pname'?",
        detail="Table t has one column.",
        position=Position(3, 8, 18),
    )
    assert format_error(error, SCRIPT, Terminal()) == (
        "ERROR:  42703: column 'pnme' does not exist\n"
        "LINE 3: SELECT pnme\n"
        "               ^\n"
        "DETAIL:  Table t has one column.\n"
        "HINT:  Did you mean 'pname'?\n"
    )


def test_the_caret_counts_cells_not_characters() -> None:
    error = UndefinedColumn("no", position=Position(1, 13, 12))
    text = format_error(error, "SELECT '박', x", Terminal())
    assert text.splitlines()[1:3] == ["LINE 1: SELECT '박', x", " " * 21 + "^"]


def test_a_long_line_is_cut_around_the_place() -> None:
    line = "SELECT " + "a, " * 100 + "pnme" + ", b" * 100
    error = UndefinedColumn("no", position=Position(1, 308, 307))
    excerpt, caret = format_error(error, line, Terminal(60)).splitlines()[1:3]
    assert excerpt.startswith("LINE 1: ...")
    assert excerpt.endswith("...")
    assert excerpt[caret.index("^") :].startswith("pnme")
    assert len(excerpt) <= 60


def test_a_place_outside_of_the_text_is_not_shown() -> None:
    error = UndefinedColumn("no", position=Position(9, 1, 0))
    assert format_error(error, "SELECT 1", Terminal()) == "ERROR:  42703: no\n"


def test_errors_cannot_command_the_terminal() -> None:
    assert "\x1b" not in format_error(UndefinedColumn("\x1b[2J"), "", Terminal())


def test_a_long_message_wraps_below_itself() -> None:
    notice = Notice("NOTICE", "1 call, 0 reused, 0 failed", hint="SET outcrop.on_error TO null;")
    assert format_notice(notice, Terminal(30)) == (
        "NOTICE:  1 call, 0 reused, 0\n         failed\nHINT:  SET outcrop.on_error TO null;\n"
    )


def test_a_notice_names_its_severity() -> None:
    notice = Notice("WARNING", "3 answers were cut", hint="Raise MAX_TOKENS.")
    assert format_notice(notice, Terminal()) == (
        "WARNING:  3 answers were cut\nHINT:  Raise MAX_TOKENS.\n"
    )
    assert format_notice(notice, Terminal(80, has_color=True)).startswith("\x1b[33mWARNING:\x1b[0m")
