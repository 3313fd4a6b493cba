from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from outcrop.cli.table import write_expanded, write_table
from outcrop.cli.terminal import Terminal
from outcrop.datatypes import INTEGER, VARCHAR
from outcrop.execution.result import ResultColumn

COLUMNS = (ResultColumn("pid", INTEGER), ResultColumn("name", VARCHAR))


def table(
    rows: list[tuple[object, ...]],
    *,
    columns: tuple[ResultColumn, ...] = COLUMNS,
    terminal: Terminal | None = None,
) -> list[str]:
    out = io.StringIO()
    write_table(out, terminal or Terminal(), columns, rows)
    return out.getvalue().split("\n")


def test_numbers_are_right_and_text_is_left() -> None:
    assert table([(101, "Amara"), (7, "Bo")]) == [
        " pid │ name",
        "─────┼───────",
        " 101 │ Amara",
        "   7 │ Bo",
        "(2 rows)",
        "",
        "",
    ]


def test_wide_characters_take_two_cells() -> None:
    lines = table([(1, "박 은지"), (2, "Bo")])
    assert lines[1] == "─────┼─────────"
    assert lines[2:4] == ["   1 │ 박 은지", "   2 │ Bo"]


def test_null_is_a_word_and_the_empty_text_is_nothing() -> None:
    assert table([(None, ""), (1, None)])[2:4] == [" NULL │", "    1 │ NULL"]


def test_null_is_dimmed_where_there_is_colour() -> None:
    lines = table([(1, None)], terminal=Terminal(80, has_color=True))
    assert lines[2] == "   1 \x1b[2m│\x1b[0m \x1b[2mNULL\x1b[0m"


def test_ascii_where_the_stream_is_not_unicode() -> None:
    assert table([(1, "a")], terminal=Terminal(is_unicode=False))[:3] == [
        " pid | name",
        "-----+------",
        "   1 | a",
    ]


def test_a_long_cell_wraps_at_words_within_the_terminal() -> None:
    lines = table([(1, "eat more greens and less salt"), (2, "rest")], terminal=Terminal(24))
    assert lines == [
        " pid │ name",
        "─────┼──────────────────",
        "   1 │ eat more greens",
        "     │ and less salt",
        "─────┼──────────────────",
        "   2 │ rest",
        "(2 rows)",
        "",
        "",
    ]


def test_a_word_longer_than_the_column_is_cut() -> None:
    lines = table([(1, "x" * 25)], terminal=Terminal(24))
    assert lines[2:4] == [f"   1 │ {'x' * 16}", f"     │ {'x' * 9}"]


def test_what_wraps_keeps_its_indentation() -> None:
    lines = table([(1, "eat:\n    more greens and less salt")], terminal=Terminal(26))
    assert lines[2:5] == ["   1 │ eat:", "     │     more greens", "     │     and less salt"]
    deep = table([(1, " " * 20 + "eat more greens")], terminal=Terminal(26))
    assert deep[3].endswith("eat more greens")  # an indentation that leaves no room is none


def test_the_lines_of_a_plan_are_one_text() -> None:
    columns = (ResultColumn("QUERY PLAN", VARCHAR),)
    plan = [("XN Limit",), ("  ->  XN Infer f on model 'm' via p  (rows=4)",)]
    assert table(plan, columns=columns, terminal=Terminal(30))[2:6] == [
        " XN Limit",
        "   ->  XN Infer f on model",
        "   'm' via p  (rows=4)",
        "(2 rows)",
    ]


def test_nothing_wraps_where_there_is_no_terminal() -> None:
    assert table([(1, "x" * 300)])[2] == f"   1 │ {'x' * 300}"


@pytest.mark.parametrize("width", [24, 40, 79, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    text = "a model may answer at length; " * 20
    columns = (*COLUMNS, ResultColumn("other", VARCHAR))
    lines = table([(1, text, "y" * 70)], columns=columns, terminal=Terminal(width))
    assert max(map(len, lines)) <= width


def test_newlines_in_a_cell_are_kept() -> None:
    assert table([(1, "1. oats\n2. greens")])[2:4] == ["   1 │ 1. oats", "     │ 2. greens"]


def test_what_commands_a_terminal_is_made_visible() -> None:
    assert table([(1, "\x1b[2Jgone\u202e\t!")])[2] == "   1 │ \\x1b[2Jgone\\u202e    !"


def test_too_many_columns_are_shown_expanded() -> None:
    columns = tuple(ResultColumn(f"c{n}", VARCHAR) for n in range(10))
    lines = table([("value of a column",) * 10], columns=columns, terminal=Terminal(60))
    assert lines[0] == "─[ row 1 ]┬" + "─" * 49
    assert lines[1] == "c0 │ value of a column"


def test_expanded_names_each_value() -> None:
    out = io.StringIO()
    count = write_expanded(
        out, Terminal(30), COLUMNS, [(1, "eat more greens and less salt"), (2, None)]
    )
    assert count == 2
    assert out.getvalue().split("\n") == [
        "─[ row 1 ]┬" + "─" * 19,
        "pid  │ 1",
        "name │ eat more greens and",
        "     │ less salt",
        "─[ row 2 ]┬" + "─" * 19,
        "pid  │ 2",
        "name │ NULL",
        "(2 rows)",
        "",
        "",
    ]


def test_an_empty_result_has_a_heading() -> None:
    assert table([]) == [" pid │ name", "─────┼──────", "(0 rows)", "", ""]


def test_a_table_streams() -> None:
    """Of an endless result only the sample is read before the first line is written."""
    taken = 0

    def rows() -> Iterator[tuple[object, ...]]:
        nonlocal taken
        for taken in range(1, 5_000):
            yield taken, "x"

    class Stop(Exception):
        pass

    class FirstWrite(io.StringIO):
        def writelines(self, lines: object) -> None:
            raise Stop

    with pytest.raises(Stop):
        write_table(FirstWrite(), Terminal(), COLUMNS, rows())
    assert taken == 1_000
