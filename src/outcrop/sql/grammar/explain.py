"""EXPLAIN, in Redshift's form and with options in parentheses, as PostgreSQL has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot.tokenizer_core import Token

from outcrop.sql.statements import Explain, ExplainFormat, ExplainMode, Statement
from outcrop.sql.tokens import TokenCursor

OPTIONS = ("ANALYZE", "COUNT", "FORMAT", "SAMPLE", "VERBOSE")
SAMPLE_MAX = 100_000

_QUERY_STARTS = ("SELECT", "WITH", "(")
"""What tells a query in parentheses from options: a misspelt option is one all the same."""
_NO_STATEMENT = "expected the statement to explain"


def parse_explain(
    cursor: TokenCursor, parse_statement: Callable[[Sequence[Token]], Statement]
) -> Explain:
    """Parse EXPLAIN [VERBOSE | ANALYZE | ( option [, ...] )] statement.

    `parse_statement` parses the tokens that follow.
    """
    cursor.expect("EXPLAIN")
    options = _Options()
    if cursor.at("(") and cursor.word(1) not in _QUERY_STARTS:
        options.parse_list(cursor)
    else:
        while cursor.accept_one_of("VERBOSE", "ANALYZE") is not None:
            options.note(cursor.tokens[cursor.index - 1].text.upper(), cursor)
    if cursor.at("EXPLAIN"):
        raise cursor.error(_NO_STATEMENT)
    rest = cursor.take_rest()
    if not rest:
        raise cursor.error(_NO_STATEMENT)
    return Explain(
        text=cursor.text,
        position=cursor.start,
        mode=options.mode,
        sample_size=options.sample_size,
        format=options.format,
        statement=parse_statement(rest),
    )


class _Options:
    """What the options seen so far ask for; VERBOSE is accepted and asks for nothing."""

    def __init__(self) -> None:
        self.mode = ExplainMode.ESTIMATE
        self.sample_size = 0
        self.format = ExplainFormat.TEXT

    def parse_list(self, cursor: TokenCursor) -> None:
        """Parse ( option [, ...] )."""
        cursor.expect("(")
        self.note(cursor.expect_one_of(*OPTIONS), cursor)
        while cursor.accept(","):
            self.note(cursor.expect_one_of(*OPTIONS), cursor)
        cursor.expect(")")

    def note(self, option: str, cursor: TokenCursor) -> None:
        """Note an option that was just read, and read its argument."""
        match option:
            case "FORMAT":
                self.format = ExplainFormat(cursor.expect_one_of("TEXT", "JSON"))
            case "SAMPLE":
                self._choose(ExplainMode.SAMPLE, cursor)
                self.sample_size = _sample_size(cursor)
            case "COUNT" | "ANALYZE":
                self._choose(ExplainMode(option), cursor)

    def _choose(self, mode: ExplainMode, cursor: TokenCursor) -> None:
        if self.mode not in (ExplainMode.ESTIMATE, mode):
            cursor.index -= 1
            raise cursor.error("expected one of COUNT, SAMPLE and ANALYZE, not two")
        self.mode = mode


def _sample_size(cursor: TokenCursor) -> int:
    text = cursor.number("the number of calls to sample")
    if not text.isdigit() or not 1 <= int(text) <= SAMPLE_MAX:
        cursor.index -= 1
        raise cursor.error(f"expected a whole number from 1 to {SAMPLE_MAX}")
    return int(text)
