"""Plays a script as a lesson: each statement with the comment above it, and what it gives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from outcrop.cli.highlighting import highlight_sql
from outcrop.cli.interpreter import Interpreter
from outcrop.cli.terminal import Style
from outcrop.sql.script import Script, statements, tokenize


@dataclass(frozen=True, slots=True)
class Step:
    """A statement, without its `;`, and the text of the comments before it."""

    remark: str
    statement: str


def steps_of(text: str) -> Iterator[Step]:
    """Yield the steps of the script `text`; raises SqlSyntaxError where it cannot be read."""
    script = Script.of(text)
    end = 0
    for tokens in statements(script, tokenize(script)):
        between = text[end : tokens[0].start]
        statement = script.source(tokens[0], tokens[-1])
        yield Step(_uncomment(between), statement)
        end = tokens[-1].end + 1


def play(interpreter: Interpreter, text: str) -> bool:
    """Print and run the steps of the script `text`; return whether none failed."""
    for step in steps_of(text):
        _print(interpreter, step)
        if not interpreter.run(step.statement):
            return False
    return True


def _print(interpreter: Interpreter, step: Step) -> None:
    out, terminal = interpreter.out, interpreter.terminal
    if step.remark:
        out.write(terminal.paint(step.remark, Style.GREEN) + "\n\n")
    out.write(highlight_sql(step.statement + ";", terminal) + "\n\n")
    out.flush()


def _uncomment(text: str) -> str:
    """Return the text of the `--` comments in `text`, their paragraphs kept apart."""
    lines = [line.strip() for line in text.strip().removeprefix(";").strip().splitlines()]
    bare = [re.sub(r"^--\s?", "", line) for line in lines]
    return "\n".join(bare).strip()
