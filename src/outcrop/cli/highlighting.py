"""SQL in colours: PostgreSQL's lexer with the words that Redshift and we add."""

from __future__ import annotations

from collections.abc import Iterator

from pygments import highlight
from pygments.formatters.terminal import TerminalFormatter
from pygments.lexers.sql import PostgresLexer
from pygments.token import Keyword, Name, _TokenType

from outcrop.cli.terminal import Terminal

# What pygments' lexer of PostgreSQL does not know.
_OWN_WORDS = """
anthropic auto bedrock copy dateformat delimiter diststyle distkey emptyasnull
encode endpoint external fillrecord function gzip iam_role ignoreheader
ignoreblanklines local max_tokens model model_id model_type nullas on_error openai
output_schema parquet prompt raw refresh region removequotes request_type response_type
settings sortkey suffix super system temperature unified varbyte volatility
"""
OWN_KEYWORDS = frozenset(_OWN_WORDS.split())


class OutcropLexer(PostgresLexer):  # type: ignore[misc]  # pygments has no types
    """The lexer of our dialect."""

    name = "Outcrop SQL"
    aliases = ("outcrop",)

    def get_tokens_unprocessed(self, text: str) -> Iterator[tuple[int, _TokenType, str]]:
        """Yield the tokens of `text`, our own keywords as keywords."""
        for offset, kind, value in super().get_tokens_unprocessed(text):
            if kind is Name and value.lower() in OWN_KEYWORDS:
                kind = Keyword
            yield offset, kind, value


def highlight_sql(text: str, terminal: Terminal) -> str:
    """Return `text` in colours, or as it is where the terminal has none."""
    if not terminal.has_color:
        return text
    return str(highlight(text, OutcropLexer(stripnl=False), TerminalFormatter())).rstrip("\n")
