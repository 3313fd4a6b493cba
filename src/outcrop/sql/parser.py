"""Text to statements: `parse_script` for a script, `parse_statement` for one statement.

`ROUTES` is the table of all that can be said: the words that a statement begins with, and who
parses it. `UNSUPPORTED` lists what Redshift has and Outcrop has not, each with a way out. The
longest match wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from sqlglot.tokenizer_core import Token, TokenType

from outcrop.errors import FeatureNotSupported, SqlSyntaxError, suggest
from outcrop.sql.grammar.copy import parse_copy
from outcrop.sql.grammar.dml import parse_delete, parse_insert, parse_merge, parse_update
from outcrop.sql.grammar.drop import parse_create_schema, parse_drop
from outcrop.sql.grammar.explain import parse_explain
from outcrop.sql.grammar.external_models import parse_create_external_model
from outcrop.sql.grammar.maintenance import parse_analyze, parse_vacuum
from outcrop.sql.grammar.prepared import parse_deallocate, parse_execute, parse_prepare
from outcrop.sql.grammar.queries import parse_select
from outcrop.sql.grammar.settings import parse_reset, parse_set, parse_show, parse_show_model
from outcrop.sql.grammar.tables import parse_create_table, parse_truncate
from outcrop.sql.grammar.transactions import parse_begin, parse_commit, parse_rollback
from outcrop.sql.grammar.unload import parse_copy_query, parse_unload
from outcrop.sql.grammar.views import (
    parse_alter_materialized_view,
    parse_create_materialized_view,
    parse_create_view,
    parse_refresh,
)
from outcrop.sql.script import Script, statements, tokenize
from outcrop.sql.statements import Statement
from outcrop.sql.tokens import TokenCursor
from outcrop.sql.trees import check_nesting

Words = tuple[str, ...]
Rule = Callable[[TokenCursor], Statement]


def _parse_explain(cursor: TokenCursor) -> Statement:
    return parse_explain(cursor, lambda tokens: _parse_tokens(cursor.script, tokens))


def _parse_prepare(cursor: TokenCursor) -> Statement:
    return parse_prepare(cursor, lambda tokens: _parse_tokens(cursor.script, tokens))


def _parse_with(cursor: TokenCursor) -> Statement:
    """Parse what common table expressions stand before: a query, an UPDATE or a DELETE."""
    depth = 0
    for token in cursor.tokens:
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        if depth == 0 and token.token_type in _AFTER_WITH:
            return _AFTER_WITH[token.token_type](cursor)
    return parse_select(cursor)


_AFTER_WITH: Mapping[TokenType, Rule] = MappingProxyType(
    {
        TokenType.SELECT: parse_select,
        TokenType.UPDATE: parse_update,
        TokenType.DELETE: parse_delete,
    }
)

ROUTES: Mapping[Words, Rule] = MappingProxyType(
    {
        ("SELECT",): parse_select,
        ("WITH",): _parse_with,
        ("(",): parse_select,
        ("INSERT",): parse_insert,
        ("UPDATE",): parse_update,
        ("DELETE",): parse_delete,
        ("MERGE",): parse_merge,
        ("COPY",): parse_copy,
        ("COPY", "("): parse_copy_query,
        ("UNLOAD",): parse_unload,
        ("CREATE", "TABLE"): parse_create_table,
        ("CREATE", "TEMP", "TABLE"): parse_create_table,
        ("CREATE", "TEMPORARY", "TABLE"): parse_create_table,
        ("CREATE", "LOCAL"): parse_create_table,
        ("CREATE", "VIEW"): parse_create_view,
        ("CREATE", "OR", "REPLACE", "VIEW"): parse_create_view,
        ("CREATE", "MATERIALIZED", "VIEW"): parse_create_materialized_view,
        ("CREATE", "EXTERNAL", "MODEL"): parse_create_external_model,
        ("CREATE", "OR", "REPLACE", "EXTERNAL", "MODEL"): parse_create_external_model,
        ("CREATE", "SCHEMA"): parse_create_schema,
        ("REFRESH",): parse_refresh,
        ("ALTER", "MATERIALIZED", "VIEW"): parse_alter_materialized_view,
        ("DROP",): parse_drop,
        ("TRUNCATE",): parse_truncate,
        ("SHOW", "MODEL"): parse_show_model,
        ("SHOW",): parse_show,
        ("SET",): parse_set,
        ("RESET",): parse_reset,
        ("BEGIN",): parse_begin,
        ("START",): parse_begin,
        ("COMMIT",): parse_commit,
        ("END",): parse_commit,
        ("ROLLBACK",): parse_rollback,
        ("ABORT",): parse_rollback,
        ("VACUUM",): parse_vacuum,
        ("ANALYZE",): parse_analyze,
        ("ANALYSE",): parse_analyze,
        ("EXPLAIN",): _parse_explain,
        ("PREPARE",): _parse_prepare,
        ("EXECUTE",): parse_execute,
        ("DEALLOCATE",): parse_deallocate,
    }
)

_LATER = "It comes with a later version."

UNSUPPORTED: Mapping[Words, str] = MappingProxyType(
    {
        ("GRANT",): _LATER,
        ("REVOKE",): _LATER,
        ("VALUES",): "Redshift has VALUES in INSERT alone; use SELECT ... UNION ALL SELECT ...",
        ("CREATE", "MODEL"): "Models are not trained here; see CREATE EXTERNAL MODEL.",
        ("CREATE", "EXTERNAL", "TABLE"): "Load the files with COPY.",
        ("CREATE", "EXTERNAL", "SCHEMA"): "Load the data with COPY.",
        ("CREATE", "EXTERNAL", "FUNCTION"): _LATER,
        ("CREATE", "OR", "REPLACE", "EXTERNAL", "FUNCTION"): _LATER,
        ("CREATE", "OR", "REPLACE", "TABLE"): "DROP TABLE IF EXISTS first.",
        ("CREATE", "FUNCTION"): _LATER,
        ("CREATE", "OR", "REPLACE", "FUNCTION"): _LATER,
        ("CREATE", "PROCEDURE"): "Run its statements as a script.",
        ("CREATE", "OR", "REPLACE", "PROCEDURE"): "Run its statements as a script.",
        ("CREATE", "USER"): _LATER,
        ("CREATE", "GROUP"): _LATER,
        ("CREATE", "ROLE"): _LATER,
        ("CREATE", "DATABASE"): "A warehouse is one database; use schemas.",
        ("CREATE", "LIBRARY"): "Python libraries are not loaded into the warehouse.",
        ("CREATE", "DATASHARE"): "Data shares are not supported.",
        ("CREATE", "INDEX"): "Redshift has no indexes.",
        ("CREATE", "RLS"): _LATER,
        ("CREATE", "MASKING"): _LATER,
        ("CREATE", "IDENTITY"): _LATER,
        ("DROP", "FUNCTION"): "DROP MODEL removes a model and its function.",
        ("DROP", "PROCEDURE"): _LATER,
        ("DROP", "USER"): _LATER,
        ("DROP", "GROUP"): _LATER,
        ("DROP", "ROLE"): _LATER,
        ("DROP", "DATABASE"): "Remove the warehouse's folder.",
        ("DROP", "LIBRARY"): _LATER,
        ("DROP", "DATASHARE"): "Data shares are not supported.",
        ("DROP", "EXTERNAL"): "External tables are not supported; DROP MODEL removes a model.",
        ("ALTER",): "Create it anew: CREATE TABLE ... AS SELECT ..., then DROP the old one.",
        ("CALL",): "Run the procedure's statements as a script.",
        ("DECLARE",): "Read the rows from execute(); they stream.",
        ("FETCH",): "Read the rows from execute(); they stream.",
        ("CLOSE",): "Read the rows from execute(); they stream.",
        ("LOCK",): "Every transaction is a snapshot; conflicts are reported when it writes.",
        ("COMMENT",): _LATER,
        ("USE",): "A warehouse is one database; SET search_path chooses schemas.",
        ("CANCEL",): "Cancel from the client: Ctrl-C in the shell, cancel() in Python.",
        ("SAVEPOINT",): "Redshift has no savepoints.",
        ("DESCRIBE",): "Read the catalog, or use \\d in the shell.",
        ("DESC",): "Read the catalog, or use \\d in the shell.",
    }
)

_FIRST_WORDS = tuple(sorted({words[0] for words in (*ROUTES, *UNSUPPORTED)} - {"("}))
_WORDS_MAX = max(len(words) for words in (*ROUTES, *UNSUPPORTED))


def parse_script(text: str) -> Iterator[Statement]:
    """Yield the statements of `text` in turn; empty ones are skipped.

    Each is parsed when it is asked for, so that an error in a later statement lets the earlier
    ones run. Raises SqlSyntaxError or FeatureNotSupported; places count from the start of `text`.
    """
    script = Script.of(text)
    for tokens in statements(script, tokenize(script)):
        yield _parse_tokens(script, tokens)


def parse_statement(text: str) -> Statement:
    """Return the one statement of `text`; none, or a second one, is a SqlSyntaxError."""
    script = Script.of(text)
    found = list(statements(script, tokenize(script)))
    if not found:
        raise SqlSyntaxError("there is no statement", hint="Write a statement, such as SELECT 1.")
    if len(found) > 1:
        raise SqlSyntaxError(
            "there is more than one statement",
            hint="Run them one by one, or as a script.",
            position=script.position(found[1][0].start),
        )
    return _parse_tokens(script, found[0])


def _parse_tokens(script: Script, tokens: Sequence[Token]) -> Statement:
    check_nesting(script, tokens)
    cursor = TokenCursor(script, tokens)
    for length in range(_WORDS_MAX, 0, -1):
        words = _leading_words(cursor, length)
        if words in ROUTES:
            return ROUTES[words](cursor)
        if words in UNSUPPORTED:
            raise FeatureNotSupported(
                f"{' '.join(words)} is not supported",
                hint=UNSUPPORTED[words],
                position=cursor.start,
            )
    raise _unknown_statement(cursor)


def _leading_words(cursor: TokenCursor, length: int) -> Words:
    return tuple(cursor.word(ahead) or "" for ahead in range(length))


def _unknown_statement(cursor: TokenCursor) -> SqlSyntaxError:
    """Name the word from which on no statement of ours begins like this."""
    first = cursor.word() or ""
    seconds = [words[1] for words in (*ROUTES, *UNSUPPORTED) if words[0] == first and words[1:]]
    if seconds:
        cursor.index += 1
        return cursor.error(f"{first} is followed by what to {first.lower()}", known=seconds)
    guess = suggest(first, _FIRST_WORDS)
    return SqlSyntaxError(
        f"syntax error at or near {cursor.script.source(cursor.tokens[0], cursor.tokens[0])!r}",
        hint=guess or "Expected a statement, such as SELECT, INSERT, CREATE or COPY.",
        position=cursor.start,
    )
