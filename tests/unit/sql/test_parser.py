"""Texts to statements: what is read, statement by statement, in our own words."""

from __future__ import annotations

from dataclasses import fields

import pytest

from outcrop.errors import Position
from outcrop.sql.parser import parse_script, parse_statement
from outcrop.sql.statements import (
    AlterMaterializedView,
    Begin,
    Commit,
    Copy,
    CreateExternalModel,
    CreateMaterializedView,
    CreateSchema,
    CreateTable,
    CreateTableAs,
    CreateView,
    Delete,
    Drop,
    Explain,
    ExplainFormat,
    ExplainMode,
    Insert,
    Maintenance,
    Merge,
    Query,
    RefreshMaterializedView,
    Rollback,
    SetSetting,
    ShowModel,
    ShowSetting,
    Statement,
    Truncate,
    Update,
)

_WITHOUT = {
    "text",
    "position",
    "filled",
    "name_position",
    "function_position",
    "option_positions",
    "setting_positions",
}


def _shown(statement: Statement) -> dict[str, object]:
    """Return what a statement says, without places and without what is as by default."""
    return {
        field.name: getattr(statement, field.name)
        for field in fields(statement)
        if field.name not in _WITHOUT
    }


SMALL_STATEMENTS: list[tuple[str, type[Statement], dict[str, object]]] = [
    ("refresh materialized view s.mv cascade", RefreshMaterializedView,
     {"name": ("s", "mv"), "is_cascade": True}),
    ("REFRESH MATERIALIZED VIEW mv", RefreshMaterializedView,
     {"name": ("mv",), "is_cascade": False}),
    ("alter materialized view mv auto refresh yes", AlterMaterializedView,
     {"name": ("mv",), "is_auto_refreshed": True}),
    ("drop table if exists a, s.b cascade", Drop,
     {"kind": "table", "names": (("a",), ("s", "b")), "if_exists": True, "is_cascade": True}),
    ("drop materialized view mv", Drop,
     {"kind": "materialized view", "names": (("mv",),), "if_exists": False, "is_cascade": False}),
    ("drop model if exists m", Drop,
     {"kind": "model", "names": (("m",),), "if_exists": True, "is_cascade": False}),
    ("truncate t", Truncate, {"name": ("t",)}),
    ("truncate table s.t", Truncate, {"name": ("s", "t")}),
    ("create schema if not exists s", CreateSchema, {"name": "s", "if_not_exists": True}),
    ("show model all", ShowModel, {"name": None}),
    ('show model s."My Model"', ShowModel, {"name": ("s", "My Model")}),
    ("show all", ShowSetting, {"name": None}),
    ("show outcrop.on_error", ShowSetting, {"name": "outcrop.on_error"}),
    ("show time zone", ShowSetting, {"name": "timezone"}),
    ("set outcrop.on_error to 'null'", SetSetting,
     {"name": "outcrop.on_error", "value": "null", "is_local": False}),
    ("set local Outcrop.Max_Cost_USD = 1.5", SetSetting,
     {"name": "outcrop.max_cost_usd", "value": "1.5", "is_local": True}),
    ("set session x to -5", SetSetting, {"name": "x", "value": "-5", "is_local": False}),
    ("set statement_timeout to 90s", SetSetting,
     {"name": "statement_timeout", "value": "90s", "is_local": False}),
    ("set search_path to a, \"B\", '$user'", SetSetting,
     {"name": "search_path", "value": "a, B, $user", "is_local": False}),
    ("set x to default", SetSetting, {"name": "x", "value": None, "is_local": False}),
    ("set time zone 'UTC'", SetSetting, {"name": "timezone", "value": "UTC", "is_local": False}),
    ("reset x", SetSetting, {"name": "x", "value": None, "is_local": False}),
    ("reset all", SetSetting, {"name": "all", "value": None, "is_local": False}),
    ("begin", Begin, {}),
    ("begin transaction isolation level serializable, read write", Begin, {}),
    ("start transaction read only", Begin, {}),
    ("commit work", Commit, {}),
    ("end", Commit, {}),
    ("rollback transaction", Rollback, {}),
    ("abort", Rollback, {}),
    ("vacuum", Maintenance, {"verb": "VACUUM", "target": None}),
    ("vacuum delete only s.t to 99 percent boost", Maintenance,
     {"verb": "VACUUM", "target": ("s", "t")}),
    ("analyze verbose t (a, b) predicate columns", Maintenance,
     {"verb": "ANALYZE", "target": ("t",)}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "expected"), SMALL_STATEMENTS, ids=lambda v: str(v)[:50])
def test_a_small_statement_is_read(
    text: str, kind: type[Statement], expected: dict[str, object]
) -> None:
    statement = parse_statement(text)
    assert type(statement) is kind
    assert _shown(statement) == expected
    assert statement.text == text


TREES = [
    ("select 1", Query, "SELECT 1"),
    ("(select 1)", Query, "SELECT 1"),
    ("select top 5 a from t", Query, "SELECT a FROM t LIMIT 5"),
    ("with w as (select 1 as a) select a from w", Query,
     "WITH w AS (SELECT 1 AS a) SELECT a FROM w"),
    ("select 1 union all select 2 minus select 3", Query,
     "SELECT 1 UNION ALL SELECT 2 EXCEPT SELECT 3"),
    ("insert into t (a) values (1), (default)", Insert,
     "INSERT INTO t (a) VALUES (1), (DEFAULT)"),
    ("insert into t select * from u", Insert, "INSERT INTO t SELECT * FROM u"),
    ("update t set a = 1, b = default where c", Update,
     "UPDATE t SET a = 1, b = DEFAULT WHERE c"),
    ("delete from t using u where t.a = u.a", Delete, "DELETE FROM t USING u WHERE t.a = u.a"),
    ("with c as (select (1) as a) delete from t using c where t.a = c.a", Delete,
     "WITH c AS (SELECT (1) AS a) DELETE FROM t USING c WHERE t.a = c.a"),
    ("with c as (select 1 as a) update t set b = c.a from c", Update,
     "WITH c AS (SELECT 1 AS a) UPDATE t SET b = c.a FROM c"),
    ("with c as (select 1 as a) (select a from c)", Query,
     "WITH c AS (SELECT 1 AS a) SELECT a FROM c"),
    ("select listagg(distinct a, ',') within group (order by b) from t", Query,
     "SELECT LISTAGG(DISTINCT a, ',') WITHIN GROUP (ORDER BY b) FROM t"),
    ("select object('a', array(1, 2)), object()", Query,
     "SELECT OBJECT('a', ARRAY(1, 2)), OBJECT()"),
    ("select resp.usage.\"inputTokens\", t.a[0].b[1] from t", Query,
     'SELECT resp.usage."inputTokens", t.a[0].b[1] FROM t'),
    ("select dateadd(mon, 1, d), getdate(), sysdate", Query,
     "SELECT DATEADD('mon', 1, d), GETDATE(), SYSDATE()"),
    ("select my_model(prompt, object('temperature', 0.2)) from t", Query,
     "SELECT MY_MODEL(prompt, OBJECT('temperature', 0.2)) FROM t"),
    ("select $1, ?, :name", Query, "SELECT $1, ?, %(name)s"),
    ('select "FROM" from "weird ""table"""', Query, 'SELECT "FROM" FROM "weird ""table"""'),
    ("select ü from täble where ß = $$it's$$", Query, "SELECT ü FROM täble WHERE ß = 'it\\'s'"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "expected"), TREES, ids=lambda v: str(v)[:50])
def test_a_query_or_dml_carries_its_tree(text: str, kind: type[Statement], expected: str) -> None:
    statement = parse_statement(text)
    assert type(statement) is kind
    assert isinstance(statement, Query | Insert | Update | Delete)
    assert statement.tree.sql("outcrop") == expected


def test_merge_carries_its_tree() -> None:
    statement = parse_statement(
        "merge into t using s on t.a = s.a when matched then update set b = s.b "
        "when not matched then insert (a, b) values (s.a, s.b)"
    )
    assert isinstance(statement, Merge)
    assert [when.args["matched"] for when in statement.tree.args["whens"].expressions] == [
        True,
        False,
    ]


def test_create_table_with_all_its_attributes() -> None:
    statement = parse_statement(
        """create table if not exists shop.orders (
             id integer identity(10, 5) primary key,
             name varchar(max) not null default 'x' encode zstd,
             price decimal(10, 2) default 1 + 2,
             at timestamp without time zone default sysdate sortkey,
             extra super,
             note character varying(20) encode LZO,
             ratio double precision distkey,
             unique (name), foreign key (id) references other (id)
           ) backup no diststyle key"""
    )
    assert isinstance(statement, CreateTable)
    assert statement.name == ("shop", "orders")
    assert statement.if_not_exists
    assert statement.primary_key == ("id",)
    assert statement.attributes == {
        "SORTKEY": "at",
        "DISTKEY": "ratio",
        "BACKUP": "NO",
        "DISTSTYLE": "KEY",
    }
    described = [
        (c.name, c.datatype.sql("outcrop"), c.is_nullable, c.encoding) for c in statement.columns
    ]
    assert described == [
        ("id", "INTEGER", False, None),
        ("name", "VARCHAR(MAX)", False, "ZSTD"),
        ("price", "DECIMAL(10, 2)", True, None),
        ("at", "TIMESTAMP", True, None),
        ("extra", "SUPER", True, None),
        ("note", "VARCHAR(20)", True, "LZO"),
        ("ratio", "DOUBLE PRECISION", True, None),
    ]
    identity = statement.columns[0]
    assert (identity.is_identity, identity.identity_seed, identity.identity_step) == (True, 10, 5)
    defaults = [c.default.sql("outcrop") if c.default else None for c in statement.columns]
    assert defaults == [None, "'x'", "1 + 2", "SYSDATE()", None, None, None]
    assert statement.columns[1].position == Position(3, 14, 107)


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ("create table t (a int) diststyle all compound sortkey (a)",
         {"DISTSTYLE": "ALL", "SORTSTYLE": "COMPOUND", "SORTKEY": "a"}),
        ("create table t (a int, b int) interleaved sortkey (a, b) encode auto",
         {"SORTSTYLE": "INTERLEAVED", "SORTKEY": "a, b", "ENCODE": "AUTO"}),
        ("create table t (a int) distkey (a) sortkey auto", {"DISTKEY": "a", "SORTKEY": "AUTO"}),
    ],
)  # fmt: skip
def test_table_attributes_in_any_order(text: str, attributes: dict[str, str]) -> None:
    statement = parse_statement(text)
    assert isinstance(statement, CreateTable)
    assert statement.attributes == attributes


@pytest.mark.parametrize(
    ("text", "name", "columns", "is_temporary"),
    [
        ("create table t as select 1 as a", ("t",), (), False),
        ("create temp table t (a, b) diststyle even as (select 1, 2)", ("t",), ("a", "b"), True),
        ("create local temporary table t as select 1", ("t",), (), True),
        ("create table #t as select 1", ("#t",), (), True),
        ("select 1 as a into temp table s.t from u", ("s", "t"), (), True),
    ],
)
def test_create_table_as(
    text: str, name: tuple[str, ...], columns: tuple[str, ...], is_temporary: bool
) -> None:
    statement = parse_statement(text)
    assert isinstance(statement, CreateTableAs)
    assert (statement.name, statement.column_names) == (name, columns)
    assert statement.is_temporary is is_temporary
    assert statement.query.args.get("into") is None


def test_create_view_keeps_the_text_of_its_query() -> None:
    statement = parse_statement(
        "create or replace view s.v (a, b) as (select 1,  2) with no schema binding"
    )
    assert isinstance(statement, CreateView)
    assert statement.name == ("s", "v")
    assert statement.or_replace
    assert statement.column_names == ("a", "b")
    assert statement.query_text == "select 1,  2"


@pytest.mark.parametrize(
    ("options", "is_auto_refreshed", "attributes"),
    [
        ("", False, {}),
        ("auto refresh yes", True, {}),
        ("auto refresh no", False, {}),
        ("backup no diststyle all auto refresh yes", True, {"BACKUP": "NO", "DISTSTYLE": "ALL"}),
        ("auto refresh yes sortkey (a)", True, {"SORTKEY": "a"}),
    ],
)
def test_create_materialized_view(
    options: str, is_auto_refreshed: bool, attributes: dict[str, str]
) -> None:
    statement = parse_statement(f"create materialized view mv {options} as\n(\nselect 1 as a\n)")
    assert isinstance(statement, CreateMaterializedView)
    assert statement.query_text == "select 1 as a"
    assert statement.is_auto_refreshed is is_auto_refreshed
    assert statement.attributes == attributes


def test_create_external_model_as_redshift_has_it() -> None:
    statement = parse_statement(
        """CREATE EXTERNAL MODEL ratings
           FUNCTION rate_review
           IAM_ROLE 'arn:aws:iam::123456789012:role/reader'
           MODEL_TYPE BEDROCK
           SETTINGS (
             MODEL_ID 'amazon.nova-lite-v1:0',
             PROMPT 'Rate this review, it''s short:',
             RESPONSE_TYPE SUPER);"""
    )
    assert isinstance(statement, CreateExternalModel)
    assert _shown(statement) == {
        "name": ("ratings",),
        "function": ("rate_review",),
        "function_parameters": None,
        "iam_role": "arn:aws:iam::123456789012:role/reader",
        "model_type": "BEDROCK",
        "settings": {
            "MODEL_ID": "amazon.nova-lite-v1:0",
            "PROMPT": "Rate this review, it's short:",
            "RESPONSE_TYPE": "SUPER",
        },
        "or_replace": False,
        "if_not_exists": False,
    }
    assert statement.setting_positions["PROMPT"] == Position(7, 14, 234)


def test_create_external_model_with_the_extensions() -> None:
    statement = parse_statement(
        "create or replace external model if not exists s.m function s.f (varchar, super) "
        "iam_role default model_type local settings (temperature -0.5, max_tokens 100, "
        "returns decimal(10, 2), volatility volatile, on_error 'null', system 'Be brief.', "
        "endpoint 'here', output_schema '{}', suffix 's', request_type unified, model_id 'x')"
    )
    assert isinstance(statement, CreateExternalModel)
    assert (statement.or_replace, statement.if_not_exists) == (True, True)
    assert statement.iam_role == "default"
    assert statement.model_type == "LOCAL"
    assert statement.function_parameters is not None
    assert [p.sql("outcrop") for p in statement.function_parameters] == ["VARCHAR", "SUPER"]
    assert statement.settings == {
        "TEMPERATURE": "-0.5",
        "MAX_TOKENS": "100",
        "RETURNS": "decimal(10, 2)",
        "VOLATILITY": "volatile",
        "ON_ERROR": "null",
        "SYSTEM": "Be brief.",
        "ENDPOINT": "here",
        "OUTPUT_SCHEMA": "{}",
        "SUFFIX": "s",
        "REQUEST_TYPE": "unified",
        "MODEL_ID": "x",
    }


COPIES: list[tuple[str, dict[str, str | bool]]] = [
    ("iam_role default csv delimiter ',' ignoreheader 1",
     {"IAM_ROLE": "default", "FORMAT": "CSV", "DELIMITER": ",", "IGNOREHEADER": "1"}),
    ("ignoreheader as 1 format as csv quote as '\"' iam_role 'arn'",
     {"IGNOREHEADER": "1", "FORMAT": "CSV", "QUOTE": '"', "IAM_ROLE": "arn"}),
    ("format json 'auto ignorecase' gzip region 'eu-west-1'",
     {"FORMAT": "JSON", "JSON": "auto ignorecase", "GZIP": True, "REGION": "eu-west-1"}),
    ("json", {"FORMAT": "JSON"}),
    ("parquet", {"FORMAT": "PARQUET"}),
    ("fixedwidth 'a:3,b:4'", {"FORMAT": "FIXEDWIDTH", "FIXEDWIDTH": "a:3,b:4"}),
    (r"delimiter '\t' null as '\N' escape", {"DELIMITER": "\t", "NULL": r"\N", "ESCAPE": True}),
    (r"delimiter '\\001' null '\\N'", {"DELIMITER": "\x01", "NULL": r"\N"}),
    ("delimiter '|+|'", {"DELIMITER": "|+|"}),
    ("dateformat 'YYYY-MM-DD' timeformat auto acceptinvchars as '?' encoding utf8",
     {"DATEFORMAT": "YYYY-MM-DD", "TIMEFORMAT": "auto", "ACCEPTINVCHARS": "?",
      "ENCODING": "utf8"}),
    ("maxerror 10 compupdate off statupdate noload acceptanydate truncatecolumns",
     {"MAXERROR": "10", "COMPUPDATE": "OFF", "STATUPDATE": True, "NOLOAD": True,
      "ACCEPTANYDATE": True, "TRUNCATECOLUMNS": True}),
    ("access_key_id 'a' secret_access_key 'b' session_token 'c'",
     {"ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b", "SESSION_TOKEN": "c"}),
]  # fmt: skip


@pytest.mark.parametrize(("options", "expected"), COPIES, ids=lambda v: str(v)[:50])
def test_copy_takes_its_options_in_any_order(options: str, expected: dict[str, str | bool]) -> None:
    statement = parse_statement(f"copy s.t (a, \"B\") from 's3://bucket/it''s/' {options}")
    assert isinstance(statement, Copy)
    assert (statement.table, statement.columns) == (("s", "t"), ("a", "B"))
    assert statement.source == "s3://bucket/it's/"
    assert statement.options == expected
    assert set(statement.option_positions) == set(expected)


def test_explain_holds_the_statement() -> None:
    statement = parse_statement("explain verbose  insert into t values (1)")
    assert isinstance(statement, Explain)
    assert statement.mode is ExplainMode.ESTIMATE
    assert isinstance(statement.statement, Insert)
    assert statement.statement.text == "insert into t values (1)"
    assert statement.statement.position == Position(1, 18, 17)


EXPLAINS = [
    ("explain", ExplainMode.ESTIMATE, 0, ExplainFormat.TEXT),
    ("explain analyze", ExplainMode.ANALYZE, 0, ExplainFormat.TEXT),
    ("explain (count)", ExplainMode.COUNT, 0, ExplainFormat.TEXT),
    ("explain (Sample 50, format json)", ExplainMode.SAMPLE, 50, ExplainFormat.JSON),
    ("explain (verbose, analyze, format text)", ExplainMode.ANALYZE, 0, ExplainFormat.TEXT),
]


@pytest.mark.parametrize(("words", "mode", "sample_size", "form"), EXPLAINS)
@pytest.mark.parametrize("query", ["select 1", "(select 1)"])
def test_explain_takes_options(
    words: str, mode: ExplainMode, sample_size: int, form: ExplainFormat, query: str
) -> None:
    statement = parse_statement(f"{words} {query}")
    assert isinstance(statement, Explain)
    assert (statement.mode, statement.sample_size, statement.format) == (mode, sample_size, form)
    assert statement.statement.text == query


def test_a_script_is_cut_at_semicolons_outside_of_quotes_and_comments() -> None:
    script = (
        "select 'a;b', \"c;d\", $$e;f$$ -- g;h\n"
        "  , 1 /* i;j /* k;l */ ; */;\n"
        ";;\n"
        "  set a to 'x;y';;\n"
        "select 2"
    )
    statements = list(parse_script(script))
    assert [type(s) for s in statements] == [Query, SetSetting, Query]
    assert [s.position for s in statements] == [
        Position(1, 1, 0),
        Position(4, 3, 70),
        Position(5, 1, 87),
    ]
    assert statements[1].text == "set a to 'x;y'"
    assert script[70:].startswith(statements[1].text)


def test_a_script_from_a_table_to_model_calls_is_read() -> None:
    script = """
        -- reviews of one shop
        CREATE TABLE reviews (rid integer ENCODE az64, author varchar(50),
          stars smallint, body character varying(500) ENCODE lzo);
        COPY reviews FROM 's3://shop/reviews.csv' IAM_ROLE DEFAULT csv IGNOREHEADER 1;
        SELECT author, listagg(distinct body, '; ') within group (order by rid)
          over (partition by author) AS said FROM reviews;
        CREATE MATERIALIZED VIEW prompts AUTO REFRESH YES AS
          (SELECT author, 'Answer ' || author || ': ' || said AS prompt FROM (
             SELECT author, listagg(body) within group (order by rid) AS said
             FROM reviews GROUP BY author) GROUP BY 1, 2);
        CREATE EXTERNAL MODEL answers FUNCTION answer IAM_ROLE DEFAULT MODEL_TYPE BEDROCK
          SETTINGS (MODEL_ID 'amazon.nova-lite-v1:0', PROMPT 'Reply politely:');
        SELECT answer(prompt, object('temperature', 0.2)) FROM prompts WHERE author = 'Ann' LIMIT 2;
        SELECT answer('Thank everybody');
        DROP MODEL answers;"""
    assert [type(statement) for statement in parse_script(script)] == [
        CreateTable,
        Copy,
        Query,
        CreateMaterializedView,
        CreateExternalModel,
        Query,
        Query,
        Drop,
    ]


@pytest.mark.parametrize("text", ["", "   \n", ";;;", "-- nothing", "/* nothing */ ; -- more"])
def test_a_script_without_statements_is_empty(text: str) -> None:
    assert list(parse_script(text)) == []


def test_a_script_is_parsed_as_it_is_read() -> None:
    """An error in a later statement lets the earlier ones run."""
    statements = parse_script("select 1; selct 2; select 3")
    assert next(statements).text == "select 1"
    with pytest.raises(Exception, match="selct"):
        next(statements)
