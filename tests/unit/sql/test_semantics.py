"""Redshift's documented results, from queries that run through every rule on a real DuckDB."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal

import duckdb
import pytest

from outcrop.errors import DatatypeMismatch, Error, FeatureNotSupported, InvalidParameter
from tests.unit.sql.warehouse_tables import engine_with_tables, translate


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with engine_with_tables() as connection:
        yield connection


def _date(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


def _timestamp(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


NUMBERS = [
    ("5 / 2", 2),
    ("-7 / 2", -3),
    ("7 / -2", -3),
    ("5 / 2.0", 2.5),
    ("i / 2", 0),
    ("b / 3", 3),
    ("cast(5 as smallint) / cast(2 as smallint)", 2),
    ("9007199254740993 / 1", 9007199254740993),
    ("7 % 3", 1),
    ("mod(-7, 3)", -1),
    ("abs(-1)", 1),
    ("ceil(1.2)", Decimal(2)),
    ("ceiling(1.7)", Decimal(2)),
    ("floor(-1.2)", Decimal(-2)),
    ("round(2.5)", Decimal(3)),
    ("round(2.345, 2)", Decimal("2.35")),
    ("trunc(3.567, 1)", Decimal("3.5")),
    ("trunc(-3.5)", Decimal(-3)),
    ("sign(-3)", -1),
    ("power(2, 3)", 8.0),
    ("2 ^ 3", 8.0),
    ("|/ 16", 4.0),
    ("log(100)", 2.0),
    ("dlog10(10)", 1.0),
    ("dexp(0)", 1.0),
    ("strtol('ff', 16)", 255),
    ("strtol('101', 2)", 5),
    ("to_hex(255)", "ff"),
    ("cast(2.5 as int)", 3),
    ("cast(7.6 as decimal)", Decimal(8)),
    ("cast(1.239 as decimal(5,2))", Decimal("1.24")),
    ("convert(int, '5')", 5),
    ("true::int", 1),
]

TEXTS = [
    ("concat('a', null)", None),
    ("concat('a', 'b')", "ab"),
    ("concat(1, 2)", "12"),
    ("'a' || null", None),
    ("substring('abc', -1, 3)", "a"),
    ("substring('abc', -5, 3)", ""),
    ("substring('abc', 0, 2)", "a"),
    ("substring('abc', 0)", "abc"),
    ("substring('abc', 2)", "bc"),
    ("substring('abc' from 2 for 1)", "b"),
    ("substr('abc', 2, 1)", "b"),
    ("left('abc', 2)", "ab"),
    ("right('abc', 2)", "bc"),
    ("len('abc ')", 4),
    ("length('é ')", 2),
    ("octet_length('é')", 2),
    ("initcap('hello wORLD x2y')", "Hello World X2y"),
    ("lpad('a', 3)", "  a"),
    ("rpad('a', 3, 'x')", "axx"),
    ("replicate('ab', 2)", "abab"),
    ("strpos('abc', 'c')", 3),
    ("charindex('b', 'abc')", 2),
    ("position('b' in 'abc')", 2),
    ("btrim('  a ')", "a"),
    ("trim('x' from 'xax')", "a"),
    ("trim(leading 'x' from 'xax')", "ax"),
    ("ltrim('xxa', 'x')", "a"),
    ("translate('abc', 'ab', 'x')", "xc"),
    ("quote_ident('A\"b')", '"A""b"'),
    ("quote_ident('ab')", "ab"),
    ("quote_literal('it''s')", "'it''s'"),
    ("split_part('a,b,c', ',', 2)", "b"),
    ("reverse('abc')", "cba"),
    ("ascii('A')", 65),
    ("chr(65)", "A"),
    ("md5('a')", "0cc175b9c0f1b6a831c399e269772661"),
    ("sha1('a')", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
    ("regexp_replace('a1b2', '[0-9]', '#')", "a#b#"),
    ("regexp_replace('a1b2', '[0-9]')", "ab"),
    ("regexp_replace('abc', '(b)', '<$1>')", "a<b>c"),
    ("regexp_replace('bacb', 'b', 'x', 2)", "bacx"),
    ("regexp_replace('ABC', 'b', 'x', 1, 'i')", "AxC"),
    ("regexp_substr('a1b22', '[0-9]+')", "1"),
    ("regexp_substr('a1b22', '[0-9]+', 1, 2)", "22"),
    ("regexp_substr('a', '[0-9]')", ""),
    ("regexp_count('a1b2', '[0-9]')", 2),
    ("regexp_instr('xxab', 'ab')", 3),
    ("regexp_instr('x', 'a')", 0),
    ("cast('abcdef' as varchar(3))", "abc"),
    ("'éé'::varchar(3)", "é"),
    ("'日本'::varchar(4)", "日"),
    ("'😀a'::varchar(3)", ""),
    ("'😀a'::varchar(5)", "😀a"),
    ("'abc'::char", "a"),
    ("null::varchar(3)", None),
]

PATTERNS = [
    ("'abc' similar to '(a|b)%'", True),
    ("'abc' similar to 'a_c'", True),
    ("'abc' similar to 'a.c'", False),
    ("'a.c' similar to 'a.c'", True),
    ("'abc' similar to 'b'", False),
    ("'abc' not similar to 'b'", True),
    ("'abc' similar to s || '%'", False),
    ("'abc' similar to chr(97) || '_c'", True),
    ("'a_b' like 'a\\\\_b'", True),
    ("'axb' like 'a\\\\_b'", False),
    ("'axb' not like 'a\\\\_b'", True),
    ("'axb' not like s", True),
    ("'a%' like 'a!%' escape '!'", True),
    ("'ABC' ilike 'abc'", True),
    ("'abc' ~ 'b'", True),
    ("'abc' !~ 'b'", False),
    ("'ABC' ~* 'b'", True),
    ("c = 'ab   '", True),
    ("len(c || '  ')", 4),
]

CONDITIONS = [
    ("nvl(null, 2)", 2),
    ("nvl2(s, 1, 2)", 1),
    ("decode(i, 1, 'one', 2, 'two', 'other')", "one"),
    ("decode(null, null, 'n')", "n"),
    ("isnull(null, 3)", 3),
    ("isnull(1)", False),
    ("greatest(1, null, 3)", 3),
    ("least(2, 1)", 1),
    ("coalesce(null, 1)", 1),
    ("nullif(1, 1)", None),
]

DATES = [
    ("datediff(week, '2020-01-04'::date, '2020-01-05'::date)", 1),
    ("datediff(week, '2020-01-05'::date, '2020-01-11'::date)", 0),
    ("datediff(week, '2020-01-12'::date, '2020-01-11'::date)", -1),
    ("datediff(month, '2020-01-31', '2020-02-01')", 1),
    ("datediff(year, '2019-12-31'::date, '2020-01-01'::date)", 1),
    ("datediff(day, d, ts)", 0),
    ("dateadd(month, 1, d)", _timestamp("2024-02-29")),
    ("dateadd(day, -1, ts)", _timestamp("2024-01-30 10:20:30.500")),
    ("dateadd(week, 2, '2020-01-01')", _timestamp("2020-01-15")),
    ("dateadd(hour, 1.9, ts)", _timestamp("2024-01-31 11:20:30.500")),
    ("dateadd(qtr, 1, d)", _timestamp("2024-04-30")),
    ("add_months('2024-02-29', 1)", _timestamp("2024-03-31")),
    ("add_months('2024-01-15', 1)", _timestamp("2024-02-15")),
    ("date_trunc('month', d)", _timestamp("2024-01-01")),
    ("date_trunc('week', '2024-01-03'::date)", _timestamp("2024-01-01")),
    ("last_day('2024-02-03')", _date("2024-02-29")),
    ("next_day('2024-08-20', 'Tuesday')", _date("2024-08-27")),
    ("next_day('2024-08-20', 'We')", _date("2024-08-21")),
    ("months_between('2024-03-31', '2024-02-29')", 1.0),
    ("date_part_year(d)", 2024),
    ("date_cmp('2024-01-01', '2024-01-02')", -1),
    ("trunc(ts)", _date("2024-01-31")),
    ("extract(dow from d)", 3),
    ("extract(epoch from ts)", 1706696430),
    ("date_part(week, d)", 5),
    ("extract(second from ts)", 30),
    ("date_part(qtr, d)", 1),
    ("to_char(ts, 'YYYY-MM-DD HH24:MI:SS')", "2024-01-31 10:20:30"),
    ("to_char(d, 'DD Mon YYYY')", "31 Jan 2024"),
    ("to_char(d, 'DAY, Month')", "WEDNESDAY, January  "),
    ("to_char(d, 'D Q')", "4 1"),
    ("to_char(ts, 'YYYY-MM-DD\"T\"HH24:MI')", "2024-01-31T10:20"),
    ("to_date('02 Oct 2001', 'DD Mon YYYY')", _date("2001-10-02")),
    ("to_timestamp('2001-10-02 03:04', 'YYYY-MM-DD HH24:MI')::varchar", "2001-10-02 03:04:00+00"),
    ("convert_timezone('America/New_York', '2020-01-01 12:00')", _timestamp("2020-01-01 07:00")),
    ("convert_timezone('UTC', 'Europe/Berlin', ts)", _timestamp("2024-01-31 11:20:30.500")),
    ("'2024-01-01'::date + 1", _date("2024-01-02")),
    ("date '2024-01-05' - date '2024-01-01'", 4),
    ("getdate() = date_trunc('second', sysdate)", True),
    ("sysdate::date = current_date", True),
]

SUPERS = [
    ("r.a.b[0]", 10),
    ("r.a.b[2].c", "x"),
    ("r.a.b[i]", 20),
    ("r.a.b[99]", None),
    ('r."Mixed"', "M"),
    ("r.Mixed", "M"),
    ("r.nope", None),
    ("r.nope.more[0]", None),
    ("r.s.more", None),
    ("r.n + 1", 6),
    ("r.f * 2", 3.0),
    ("r.n / 2", 2),
    ("r.s + 1", None),
    ("r.n > 3", True),
    ("r.s > 3", None),
    ("r.n = 5", True),
    ("r.n = 5.0", True),
    ("r.s = 5", False),
    ("r.s = 'str'", True),
    ("r.s < 'z'", True),
    ("r.day < date '2024-06-01'", True),
    ("r.s || '!'", "str!"),
    ("upper(r.s)", "STR"),
    ("len(r.s)", 3),
    ("r.n::int", 5),
    ("r.f::int", 2),
    ("r.s::int", None),
    ("r.s::varchar", "str"),
    ("r.s::varchar(2)", "st"),
    ("r.a::varchar", None),
    ("r.f::varchar", "1.5"),
    ("r.t::varchar", "true"),
    ("r.day::date", _date("2024-01-02")),
    ("i::super", 1),
    ("json_typeof(r)", "object"),
    ("json_typeof(r.n)", "number"),
    ("json_typeof(r.s)", "string"),
    ("json_typeof(r.a.b)", "array"),
    ("json_typeof(r.t)", "boolean"),
    ("is_object(r)", True),
    ("is_array(r.a.b)", True),
    ("is_scalar(r.n)", True),
    ("is_integer(r.n)", True),
    ("is_integer(r.f)", False),
    ("is_float(r.f)", True),
    ("is_varchar(r.s)", True),
    ("is_boolean(r.t)", True),
    ("get_array_length(r.a.b)", 3),
    ("get_array_length(r.n)", None),
    ("json_serialize(r.a)", '{"b":[10,20,{"c":"x"}]}'),
    ("json_serialize(r.s)", '"str"'),
    ("json_serialize(object('a', 1, 'b', array(1, 'x', null), 'c', r.n))",
     '{"a":1,"b":[1,"x",null],"c":5}'),
    ("json_serialize(object('temperature', 0.2))", '{"temperature":0.2}'),
    ("json_serialize(object())", "{}"),
    ("json_serialize(array())", "[]"),
    ("json_parse('{\"a\":[1,2]}').a[1]", 2),
    ("can_json_parse('{')", False),
    ("json_serialize(subarray(r.a.b, 1, 1))", "[20]"),
    ("json_serialize(subarray(r.a.b, 1))", '[20,{"c":"x"}]'),
    ("json_serialize(array_concat(array(1), array(2)))", "[1,2]"),
    ("json_serialize(array_flatten(array(1, array(2, 3))))", "[1,2,3]"),
    ("json_serialize(split_to_array('a,b'))", '["a","b"]'),
    ("json_extract_path_text('{\"a\":{\"b\":\"x\"}}', 'a', 'b')", "x"),
    ("json_extract_path_text('{\"a\":1}', 'z')", ""),
    ("json_extract_path_text('bad', 'z', true)", None),
    ("json_extract_array_element_text('[1,\"b\"]', 1)", "b"),
    ("json_extract_array_element_text('[1,\"b\"]', -1)", "b"),
    ("json_array_length('[1,2]')", 2),
    ("is_valid_json('{\"a\":1}')", True),
    ("is_valid_json_array('{\"a\":1}')", False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "expected"),
    [*NUMBERS, *TEXTS, *PATTERNS, *CONDITIONS, *DATES, *SUPERS],
    ids=lambda value: str(value)[:60],
)
def test_an_expression_gives_what_redshift_gives(
    engine: duckdb.DuckDBPyConnection, expression: str, expected: object
) -> None:
    sql = translate(f"SELECT {expression} AS x FROM t WHERE i = 1")
    assert engine.execute(sql).fetchall() == [(expected,)]


QUERIES = [
    # LISTAGG: '' and NULL are left out, 'b' and 'b ' are one, the first seen is kept.
    ("select g, listagg(s, ',') within group (order by i) from t group by g order by g",
     [(1, "b,a,b "), (2, "é")]),
    ("select g, listagg(distinct s, ',') within group (order by i) from t group by g order by g",
     [(1, "b,a"), (2, "é")]),
    ("select g, listagg(distinct s, ',') within group (order by i desc) as x from t group by g "
     "order by g",
     [(1, "b ,a"), (2, "é")]),
    # Ties of the order are broken by first occurrence.
    ("select g, listagg(distinct s, ',') within group (order by g) from t group by g order by g",
     [(1, "b,a"), (2, "é")]),
    ("select distinct g, listagg(distinct s, ',') within group (order by g) over (partition by g) "
     "as x from t order by g",
     [(1, "b,a"), (2, "é")]),
    ("select i, listagg(s, '/') within group (order by i desc) over (partition by g) as x from t "
     "order by i limit 2",
     [(1, "b /a/b"), (2, "b /a/b")]),
    ("select listagg(s) from t", [("bab é",)]),
    ("select listagg(s, null) from t where i = 5", [(None,)]),
    ("select listagg(i, '-') within group (order by i desc) from t", [("6-5-4-3-2-1",)]),
    ("select listagg(r.n, ',') within group (order by i) from t", [("5,7",)]),
    ("select x || '!' as y from (select g, listagg(distinct c, '+') within group (order by g) over "
     "(partition by g) as x from t) q group by 1 order by 1",
     [("ab+x!",), ("y+z!",)]),
    ("select i, listagg(distinct s, '') over () as x from t qualify row_number() over "
     "(order by i) = 1 order by x, i",
     [(1, "baé")]),
    ("with w as (select g, s from t) select listagg(distinct s, ',') from w", [("a,b,é",)]),
    ("select listagg(distinct a.s, '|') within group (order by a.g) from t a join t b on a.i = b.i",
     [("b|a|é",)]),
    # Aggregates and windows.
    ("select avg(i), avg(b), sum(i), sum(si), avg(f), count(distinct g) from t",
     [(3, 28, 21, 17, 3.3333333333333335, 2)]),
    ("select sum(b) from t", [(Decimal(170),)]),
    ("select distinct avg(i) over (partition by g) as x from t order by 1", [(2,), (5,)]),
    ("select i, ratio_to_report(b) over (partition by g) as x from t where i < 3 order by i",
     [(1, 1 / 3), (2, 2 / 3)]),
    ("select sum(r.n), count(r.n) from t", [(12.0, 2)]),
    ("select median(i), bool_or(i > 5), bit_or(i) from t", [(3.5, True, 7)]),
    ("select percentile_cont(0.5) within group (order by i) from t", [(3.5,)]),
    ("select approximate count(distinct g) from t", [(2,)]),
    ("select g, grouping(g) as x, count(*) from t group by rollup(g) order by 2, 1",
     [(1, 0, 3), (2, 0, 3), (None, 1, 6)]),
    # The order of NULL: last when ascending, first when descending.
    ("select i from t where g = 2 order by s limit 2", [(4,), (6,)]),
    ("select i from t where g = 2 order by s desc limit 1", [(5,)]),
    ("select top 1 i from t order by i desc", [(6,)]),
    ("select x from generate_series(1, 3) as s(x)", [(1,), (2,), (3,)]),
    ("select 1 union select 2 minus select 2", [(1,)]),
    ("select i from t where (g, i) in ((1, 1), (2, 6)) and s is not null order by 1", [(1,), (6,)]),
    ("select a.i from t a where exists (select 1 from t b where b.i = a.i and b.s = 'a')", [(2,)]),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "expected"), QUERIES, ids=lambda value: str(value)[:60])
def test_a_query_gives_what_redshift_gives(
    engine: duckdb.DuckDBPyConnection, sql: str, expected: list[tuple[object, ...]]
) -> None:
    assert engine.execute(translate(sql)).fetchall() == expected


def test_attributes_fold_where_the_session_says_so(engine: duckdb.DuckDBPyConnection) -> None:
    sql = 'SELECT r.Mixed AS x, r."Mixed" AS y FROM t WHERE i = 1'
    folded = translate(sql, is_super_case_sensitive=False)
    assert engine.execute(folded).fetchall() == [(None, "M")]


@pytest.mark.parametrize("is_windowed", [False, True])
def test_ties_of_listagg_do_not_depend_on_threads(is_windowed: bool) -> None:
    """A million rows in random groups: the texts stand in the order of the rows."""
    call = "listagg(s, ',') within group (order by k)"
    sql = f"SELECT g, {call} AS x FROM t GROUP BY g"
    if is_windowed:
        call = "listagg(distinct s, ',') within group (order by k)"
        sql = f"SELECT DISTINCT g, {call} OVER (PARTITION BY g) AS x FROM t"
    with duckdb.connect() as connection:
        connection.execute("SET threads = 4")
        connection.execute(
            "CREATE TABLE t AS SELECT CAST(i * 7919 % 5000 AS INT) AS g, "
            "lpad(CAST(i AS VARCHAR), 6, '0') AS s, 1 AS k FROM range(300000) AS r(i)"
        )
        rows = connection.execute(translate(sql)).fetchall()
    assert len(rows) == 5000
    assert all(text.split(",") == sorted(text.split(",")) for _, text in rows)


REFUSED = [
    ("object('a')", Error, "pairs"),
    ("object(1, 2)", DatatypeMismatch, "key of OBJECT"),
    ("object(null, 2)", DatatypeMismatch, "key of OBJECT"),
    ("object(i, 2)", DatatypeMismatch, "key of OBJECT"),
    ("object('a', d)", DatatypeMismatch, "OBJECT could not convert type date to super"),
    ("array(ts)", DatatypeMismatch, "ARRAY could not convert type timestamp to super"),
    ("d::super", DatatypeMismatch, "cannot cast type date to super"),
    ("to_char(12, '99')", FeatureNotSupported, "TO_CHAR of a number"),
    ("to_char(d, s)", FeatureNotSupported, "needs its format as a literal"),
    ("to_char(d, 'XYZ')", InvalidParameter, "unknown pattern 'XYZ'"),
    ("to_date(s, 'Q')", FeatureNotSupported, "does not read the pattern"),
    ("sha2(s, 512)", FeatureNotSupported, "SHA2"),
    ("regexp_replace(s, 'a', 'b', i)", FeatureNotSupported, "literal from 1"),
    ("regexp_replace(s, 'a', 'b', 1, 'p')", FeatureNotSupported, "parameters"),
    ("next_day(d, 'Xyz')", InvalidParameter, "weekday"),
    ("extract(yeer from d)", InvalidParameter, "is not a date part"),
    ("ratio_to_report(i)", FeatureNotSupported, "without OVER"),
    ("current_user", FeatureNotSupported, "'current_user' cannot be called here"),
    ("r[i:2]", FeatureNotSupported, "is not supported"),
    ("s similar to 'x' escape 'ab'", InvalidParameter, "one character"),
]


@pytest.mark.parametrize(("expression", "kind", "message"), REFUSED, ids=lambda v: str(v)[:40])
def test_what_cannot_be_meant_is_refused_with_a_hint(
    expression: str, kind: type[Error], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        translate(f"SELECT {expression} AS x FROM t")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("i / 0", "Division by zero"),
        ("json_parse('{bad')", "Malformed JSON"),
        ("json_extract_path_text('bad', 'a')", "Malformed JSON"),
        ("object(nullif(s, s), 1)", "OBJECT key cannot be NULL"),
    ],
)
def test_what_the_rows_hold_can_be_an_error(
    engine: duckdb.DuckDBPyConnection, expression: str, message: str
) -> None:
    sql = translate(f"SELECT {expression} AS x FROM t WHERE i = 1")
    with pytest.raises(duckdb.Error, match=message):
        engine.execute(sql).fetchall()
