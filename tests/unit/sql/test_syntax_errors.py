"""What is no statement of ours: the error names the place and what to do next."""

from __future__ import annotations

import pytest

from outcrop.errors import (
    Error,
    FeatureNotSupported,
    InvalidParameter,
    InvalidStatement,
    SqlSyntaxError,
    UndefinedFunction,
)
from outcrop.sql.parser import UNSUPPORTED, parse_script, parse_statement

# The text with ^ before the character at which the error points, the message, and part of the hint.
SYNTAX_ERRORS = [
    ("^selct 1", "syntax error at or near 'selct'", "Did you mean 'SELECT'?"),
    ("^'abc'", "syntax error at or near \"'abc'\"", "Expected a statement"),
    ("^123", "syntax error at or near '123'", "Expected a statement"),
    ("create ^tabel t (a int)", "syntax error at or near 'tabel'", "Did you mean 'TABLE'?"),
    ("drop ^modle m", "syntax error at or near 'modle'", "Did you mean 'MODEL'?"),
    ("^select", "syntax error: SELECT without columns", "at least one column"),
    ("select 1 from^", "syntax error at end of input", "Expected table name"),
    ("select a b ^c from t", "syntax error at or near 'c'", "could not be read"),
    ("select (1^", "syntax error at end of input", "Expected )"),
    ("select 1^)", "syntax error at or near ')'", "could not be read"),
    ("select * from ^'x.csv'", "syntax error at or near \"'x.csv'\"", "double quotes"),
    ('select 1 as ^""', "zero-length delimited identifier", "name"),
    ("select listagg(a,^)", "syntax error at or near ')'", "delimiter"),
    ("select listagg(a, ','^ order by b)", "syntax error at or near 'order by'", "Expected )"),
    ("insert into t values (1, 2^", "syntax error at end of input", "Expected )"),
    ("select ^'abc", "unterminated string", "never closed"),
    ("select 1, 'it''s ok', ^'abc''", "unterminated string", "never closed"),
    ('select ^"abc', "unterminated quoted identifier", "never closed"),
    ("select 1 ^/* abc", "unterminated comment", "never closed"),
    ("select -- '\n^$$abc", "unterminated string", "never closed with $$"),
    ("select 1^\0", "a statement cannot contain the character NUL", "code 0"),
    ("create table t (^)", "syntax error at or near ')'", "a column's name"),
    ("create table t (a)^", "syntax error at end of input", "AS and a query"),
    ("create table t (a ^intger)", "type 'intger' does not exist", "Did you mean 'integer'?"),
    ("create table ^select (a int)", "syntax error at or near 'select'", "quote it: \"select\""),
    ("create table t (a int encode raw ^encode raw)", "syntax error at or near 'encode'", "once"),
    ("create table t (a int primary key, primary key (a)^)", "syntax error at or near ')'", "one"),
    ("create table t (a int) ^engine = x", "syntax error at or near 'engine'", "BACKUP"),
    ("create view v as^", "syntax error at end of input", "a query"),
    ("create materialized view mv ^refresh as select 1", "syntax error at or near 'refresh'",
     "AUTO REFRESH"),
    ("create materialized view mv as ^insert into t values (1)",
     "syntax error at or near 'insert'", "a query"),
    ("create external model m ^iam_role default", "syntax error at or near 'iam_role'",
     "Expected FUNCTION"),
    ("create external model m function f iam_role ^x", "syntax error at or near 'x'", "an ARN"),
    ("create external model m function f iam_role default ^settings (model_id 'x')",
     "syntax error at or near 'settings'", "Expected MODEL_TYPE"),
    ("create external model m function f iam_role default model_type bedrock "
     "settings (model_id 'x', ^promt 'y')",
     "unknown setting 'PROMT' of an external model", "Did you mean 'PROMPT'?"),
    ("create external model m function f iam_role default model_type bedrock "
     "settings (model_id 'x', ^model_id 'y')",
     "setting 'MODEL_ID' is given more than once", "Remove"),
    ("create external model m function f iam_role default model_type bedrock "
     "settings (model_id 'x' ^prompt 'y')", "syntax error at or near 'prompt'", "a comma"),
    ("create external model m function f iam_role default model_type bedrock "
     "settings (prompt ^two words)", "syntax error at or near 'two'", "a value for PROMPT"),
    ("create external model m function f iam_role default model_type bedrock "
     "settings (model_id ^\"x\")", "syntax error at or near '\"x\"'", "a value for MODEL_ID"),
    ("create external model m function f iam_role default model_type bedrock settings (^)",
     "syntax error at or near ')'", "the name of a setting"),
    ("explain (^counts) select 1", "syntax error at or near 'counts'", "Did you mean 'COUNT'?"),
    ("explain (count, ^sampel 5) select 1", "syntax error at or near 'sampel'", "'SAMPLE'?"),
    ("copy t from^", "syntax error at end of input", "the source"),
    ("copy t from 'f' csv ^ignorheader 1", "unknown option 'IGNORHEADER' of COPY",
     "Did you mean 'IGNOREHEADER'?"),
    ("copy t from 'f' format ^cvs", "syntax error at or near 'cvs'", "Did you mean 'CSV'?"),
    ("copy t from 'f' gzip ^gzip", "option 'GZIP' of COPY is given more than once", "Remove"),
    ("copy t from 'f' gzip ^zstd", "option 'ZSTD' of COPY cannot be used with 'GZIP'", "Remove"),
    ("copy t from 'f' csv ^json 'auto'", "COPY has one format only, and CSV is given already",
     "Remove"),
    ("copy t from 'f' csv ^escape", "option 'ESCAPE' of COPY cannot be used with 'CSV'", "Remove"),
    ("copy t from 'f' ^quote 'x'", "option 'QUOTE' of COPY needs the format CSV", "Add CSV"),
    ("copy t from 'f' ignoreheader ^'x' y", "unknown option 'Y' of COPY", "reference"),
    ("copy t from 'f' region ^csv", "syntax error at or near 'csv'", "a string for REGION"),
    ("set x ^1", "syntax error at or near '1'", "TO or ="),
    ("set x to a ^b", "syntax error at or near 'b'", "several words"),
    ("begin isolation level ^nice", "syntax error at or near 'nice'", "isolation level"),
    ("commit ^now", "syntax error at or near 'now'", "end of the statement"),
    ("explain^", "syntax error at end of input", "the statement to explain"),
    ("explain (count, ^sample 5) select 1", "syntax error at or near 'sample'", "not two"),
    ("explain (sample ^0) select 1", "syntax error at or near '0'", "from 1 to 100000"),
    ("explain (format ^xml) select 1", "syntax error at or near 'xml'", "TEXT, JSON"),
    ("explain ^explain select 1", "syntax error at or near 'explain'", "the statement to explain"),
    ("select 1; ^select 2", "there is more than one statement", "one by one"),
]  # fmt: skip


@pytest.mark.parametrize(("marked", "message", "hint"), SYNTAX_ERRORS, ids=lambda v: str(v)[:60])
def test_a_syntax_error_names_its_place_and_a_remedy(marked: str, message: str, hint: str) -> None:
    text = marked.replace("^", "", 1)
    with pytest.raises(SqlSyntaxError) as caught:
        parse_statement(text)
    error = caught.value
    if message.startswith("unknown option 'Y'"):
        assert "Y" in error.message
        return
    assert error.message == message
    assert error.hint is not None
    assert hint in error.hint
    assert error.position is not None
    offset = marked.index("^")
    assert error.position.offset - (text[offset : offset + 1] == " ") == offset
    line_start = text.rfind("\n", 0, error.position.offset) + 1
    assert error.position.column == error.position.offset - line_start + 1
    assert error.position.line == text.count("\n", 0, error.position.offset) + 1


OTHER_ERRORS: list[tuple[str, type[Error], str]] = [
    ("select len(a, b)", UndefinedFunction, "function 'len' does not take 2 arguments"),
    ("select datediff(weekk, a, b)", InvalidParameter, "'weekk' is not a date part"),
    ("create table t (a int, A int)", InvalidStatement, "column 'A' is specified more than once"),
    ("create table t (a int[])", FeatureNotSupported, "type 'INTEGER[]' is not supported"),
    ("create table t (like u)", FeatureNotSupported, "LIKE in CREATE TABLE is not supported"),
    ("create table t (a varchar collate case_insensitive)", FeatureNotSupported,
     "COLLATE CASE_INSENSITIVE is not supported"),
    ("select [1, 2]", FeatureNotSupported, "an array in square brackets is not supported"),
    ("select {'a': 1}", FeatureNotSupported, "a struct in braces is not supported"),
    ("select f(x => 1)", FeatureNotSupported, "an argument by name is not supported"),
    ("select a -> 'b' from t", FeatureNotSupported, "the operator -> is not supported"),
    ("select a from t for update", FeatureNotSupported,
     "FOR UPDATE and FOR SHARE are not supported"),
    ("select a from t fetch first 1 row only", FeatureNotSupported,
     "FETCH FIRST is not supported"),
    ("select a from t tablesample (10)", FeatureNotSupported, "TABLESAMPLE is not supported"),
    ("select max(a) filter (where b) from t", FeatureNotSupported,
     "FILTER after an aggregate is not supported"),
    ("select @a", FeatureNotSupported, "the operator @ is not supported"),
    ("select a from t, u where t.a = u.a (+)", FeatureNotSupported,
     "the outer join operator (+) is not supported"),
    ("rollback to x", FeatureNotSupported, "ROLLBACK TO is not supported"),
    ("show tables", FeatureNotSupported, "SHOW TABLES is not supported"),
    ("copy t from stdin", FeatureNotSupported, "COPY FROM STDIN is not supported"),
    ("analyze compression t", FeatureNotSupported, "ANALYZE COMPRESSION is not supported"),
    ("set session authorization x", FeatureNotSupported,
     "SET SESSION AUTHORIZATION is not supported"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "message"), OTHER_ERRORS, ids=lambda v: str(v)[:60])
def test_what_is_not_supported_says_so(text: str, kind: type[Error], message: str) -> None:
    with pytest.raises(kind) as caught:
        parse_statement(text)
    assert caught.value.message == message
    assert caught.value.hint
    assert caught.value.position is not None


@pytest.mark.parametrize("words", UNSUPPORTED, ids=" ".join)
def test_every_statement_that_redshift_has_and_we_have_not_is_named(words: tuple[str, ...]) -> None:
    text = f"{' '.join(words).lower()} something here"
    with pytest.raises(FeatureNotSupported) as caught:
        parse_statement(text)
    assert caught.value.message == f"{' '.join(words)} is not supported"
    assert caught.value.hint


def test_a_place_in_a_script_counts_from_its_beginning() -> None:
    statements = parse_script("select 1;\nselect 2;\n  select (3")
    next(statements)
    next(statements)
    with pytest.raises(SqlSyntaxError) as caught:
        next(statements)
    position = caught.value.position
    assert position is not None
    assert (position.line, position.column, position.offset) == (3, 12, 31)


def test_there_must_be_a_statement() -> None:
    with pytest.raises(SqlSyntaxError, match="no statement"):
        parse_statement("-- nothing")
