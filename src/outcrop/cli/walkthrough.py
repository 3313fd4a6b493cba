"""Plays a script as a lesson: each statement with the comment above it, and what it gives."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from outcrop.cli.highlighting import highlight_sql
from outcrop.cli.interpreter import Interpreter
from outcrop.cli.terminal import Style
from outcrop.sql.script import Script, statements, tokenize

# Prose is easier to read in lines that are not too long.
_WIDTH = 80


@dataclass(frozen=True, slots=True)
class Step:
    """A statement, without its `;`, and the paragraphs of the comments before it."""

    remark: tuple[str, ...]
    statement: str


def steps_of(text: str) -> Iterator[Step]:
    """Yield the steps of the script `text`; raises SqlSyntaxError where it cannot be read."""
    script = Script.of(text)
    end = 0
    for tokens in statements(script, tokenize(script)):
        between = text[end : tokens[0].start]
        statement = script.source(tokens[0], tokens[-1])
        yield Step(_paragraphs(between), statement)
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
    for paragraph in step.remark:
        lines = textwrap.wrap(paragraph, min(terminal.width or _WIDTH, _WIDTH))
        out.write("\n".join(terminal.paint(line, Style.GREEN) for line in lines) + "\n\n")
    out.write(highlight_sql(step.statement + ";", terminal) + "\n\n")
    out.flush()


def _paragraphs(text: str) -> tuple[str, ...]:
    """Return the paragraphs of the `--` comments in `text`, each as one line."""
    comments = text.strip().removeprefix(";").splitlines()
    lines = [line.strip().removeprefix("--").strip() for line in comments]
    paragraphs = "\n".join(lines).split("\n\n")
    return tuple(" ".join(paragraph.split()) for paragraph in paragraphs if paragraph.strip())
