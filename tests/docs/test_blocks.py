"""The parser of code blocks, and the comparison of what they print."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from tests.docs.blocks import Block, DocumentInvalid, read_blocks, read_marks
from tests.docs.output import matches


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "page.md"
    path.write_text(textwrap.dedent(text))
    return path


def test_blocks_have_their_language_place_and_marks(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """\
        <!-- models: local -->
        # Title

        ```sql
        SELECT 1
        ```

        <!-- output: example -->
        <!-- fails -->

        ```text
        1

        2
        ```
        1. A list:
           ````console
           $ ls
             ```
           ````
        """,
    )
    assert read_blocks(path) == [
        Block(path, 4, "sql", "SELECT 1\n"),
        Block(path, 11, "text", "1\n\n2\n", {"output": "example", "fails": ""}),
        Block(path, 17, "console", "$ ls\n  ```\n"),
    ]
    assert read_marks(path) == {"models": "local"}


def test_a_mark_belongs_to_the_block_right_below_it(tmp_path: Path) -> None:
    path = write(tmp_path, "<!-- fails -->\ntext\n```sql\nSELECT 1\n```\n")
    assert read_blocks(path)[0].marks == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n```sql\nSELECT 1\n", "page.md:2: the code block is not closed"),
        ("``` sql title\n```\n", "page.md:1: a fence is followed by one word alone"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(DocumentInvalid) as failure:
        read_blocks(path)
    assert str(failure.value).endswith(message)


@pytest.mark.parametrize(
    ("expected", "printed", "is_same"),
    [
        ("a\nb\n", "a  \nb\n\n", True),
        ("a\n", "a\nb\n", False),
        ("a ... c\n", "a and\nb and c\n", True),
        ("2 calls in 0.31 s", "2 calls in 12.7 s", True),
        ("2 calls in 0.31 s", "3 calls in 0.31 s", False),
        ("a.c", "abc", False),
    ],
)
def test_output_is_compared(expected: str, printed: str, is_same: bool) -> None:
    assert matches(expected, printed) is is_same
