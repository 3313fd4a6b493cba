"""The database that every shape is run on, and the models: what they may answer, and what they do.

It is tiny, so that every way in which models could answer can be tried (`smallest.py`). It has what
makes plans differ: a NULL text, texts that repeat, rows that do not join, a row that joins twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

TABLES = (
    "CREATE TABLE t (i INTEGER, p VARCHAR(20), q VARCHAR(20))",
    "INSERT INTO t VALUES (1, 'a', 'x'), (2, 'b', 'y'), (3, 'a', 'y'), (4, NULL, 'x'), "
    "(5, 'c', NULL), (6, 'b', 'x')",
    "CREATE TABLE u (i INTEGER, b VARCHAR(20))",
    "INSERT INTO u VALUES (1, 'a'), (1, 'd'), (3, 'z'), (9, 'w')",
)


@dataclass(frozen=True, slots=True)
class Model:
    """A model of which anything in `answers` may come; its rules say what does.

    A rule is a regex that is searched in the prompt, and the answer; the last one fits any prompt.
    """

    answers: tuple[str, ...]
    rules: tuple[tuple[str, str], ...]

    def answer(self, prompt: str) -> str:
        """Return what the model answers."""
        return next(answer for regex, answer in self.rules if re.search(regex, prompt))


MODELS: Mapping[str, Model] = {
    "f": Model(("yes", "no", "maybe"), (("[acd]$", "yes"), (".", "no"))),
    "g": Model(("x", "y"), (("[xs]$", "x"), (".", "y"))),
    "h": Model(("en", "fr"), (("^[ab]", "en"), (".", "fr"))),
}


@dataclass(frozen=True, slots=True)
class Invocation:
    """One question to one model: what is paid for, however many rows ask it."""

    function: str
    prompt: str

    @property
    def answer(self) -> str:
        """What the model answers."""
        return MODELS[self.function].answer(self.prompt)
