"""Every shape of query that may call a model: a new one is one more entry."""

from __future__ import annotations

from dataclasses import dataclass

from tests.shapes.database import Invocation

# Stands in statements for the folder of files that they write.
FILES = "{files}"


@dataclass(frozen=True, slots=True)
class Shape:
    """A statement whose calls are counted.

    `before` runs before it, `after` after it; the last of them gives the result, or the statement
    itself. `plain` is a script of plain SQL for the same result, where DuckDB cannot read ours; it
    makes the calls of the statement, and `known` are those that `before` has paid for.
    """

    place: str
    sql: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    known: tuple[Invocation, ...] = ()

    @property
    def plain_script(self) -> tuple[str, ...]:
        """What plain DuckDB runs."""
        return self.plain or (*self.before, self.sql, *self.after)


@dataclass(frozen=True, slots=True)
class Refused:
    """A statement that is refused before any call."""

    place: str
    sql: str


_VIEW = "CREATE VIEW v AS SELECT i, f(p) AS y, g(q) AS z FROM t"
_STORED_VIEW = "CREATE MATERIALIZED VIEW m AS SELECT i, f(p) AS y FROM t"
_STORED = tuple(Invocation("f", prompt) for prompt in ("a", "b", "c"))
_MORE_ROWS = "INSERT INTO t VALUES (7, 'd', 'x'), (8, 'a', 'y')"
_READ_T = ("SELECT * FROM t",)

SHAPES = (
    # The select list.
    Shape("select list", "SELECT i, f(p) FROM t"),
    Shape("select list, no FROM", "SELECT f('a'), g('x')"),
    Shape("same call twice", "SELECT f(p), upper(f(p)) FROM t"),
    Shape("same call in the select list and in WHERE", "SELECT f(p) FROM t WHERE f(p) <> 'no'"),
    Shape("nested call", "SELECT i, g(f(p)) FROM t WHERE i < 4"),
    Shape("calls of two models", "SELECT f(p), g(q) FROM t"),
    Shape("unused call", "SELECT i FROM (SELECT i, f(p) AS y FROM t) AS s"),
    Shape("unused call under an aggregate", "SELECT count(*) FROM (SELECT f(p) AS y FROM t) AS s"),
    # Predicates.
    Shape("WHERE", "SELECT i FROM t WHERE f(p) = 'yes'"),
    Shape("WHERE, AND, cheap predicate after", "SELECT i FROM t WHERE f(p) = 'yes' AND q = 'y'"),
    Shape("WHERE, AND, cheap predicate before", "SELECT i FROM t WHERE q = 'y' AND f(p) = 'yes'"),
    Shape("WHERE, OR, cheap predicate after", "SELECT i FROM t WHERE f(p) = 'yes' OR q = 'x'"),
    Shape("WHERE, OR, cheap predicate before", "SELECT i FROM t WHERE q = 'x' OR f(p) = 'yes'"),
    Shape("WHERE, NOT", "SELECT i FROM t WHERE NOT f(p) = 'yes' AND NOT i = 5"),
    Shape("WHERE, NOT over OR", "SELECT i FROM t WHERE NOT (f(p) = 'yes' OR q = 'y')"),
    Shape("WHERE, AND within OR", "SELECT i FROM t WHERE i = 2 OR (q = 'x' AND f(p) = 'no')"),
    Shape("WHERE, OR within AND", "SELECT i FROM t WHERE (i = 1 OR f(p) = 'yes') AND q = 'x'"),
    Shape("two model predicates", "SELECT i FROM t WHERE f(p) = 'yes' AND g(q) = 'x'"),
    Shape(
        "two model predicates and a cheap one",
        "SELECT i FROM t WHERE f(p) = 'yes' AND g(q) = 'x' AND i IN (1, 3, 6)",
    ),
    Shape(
        "three model predicates",
        "SELECT i FROM t WHERE f(p) = 'yes' AND g(q) = 'x' AND h(p || q) = 'en' AND i IN (1, 3, 6)",
    ),
    Shape(
        "two model predicates, OR",
        "SELECT i FROM t WHERE (f(p) = 'yes' OR g(q) = 'y') AND i IN (1, 3, 6)",
    ),
    Shape(
        "model predicate, then a call", "SELECT i, g(q) FROM t WHERE f(p) = 'yes' AND q IS NOT NULL"
    ),
    Shape("IN list of constants", "SELECT i FROM t WHERE f(p) IN ('yes', 'maybe')"),
    Shape("IN list with a call", "SELECT i, q IN ('x', g(p)) FROM t"),
    Shape("NOT IN list with a call", "SELECT i FROM t WHERE q NOT IN ('x', g(p))"),
    Shape("LIKE, AND with BETWEEN", "SELECT i FROM t WHERE f(p) LIKE 'y%' AND i BETWEEN 2 AND 3"),
    # LIMIT and ORDER BY.
    Shape("LIMIT", "SELECT f(b) FROM u LIMIT 2"),
    Shape("LIMIT and OFFSET", "SELECT i, f(b) FROM u LIMIT 2 OFFSET 1"),
    Shape("ORDER BY and LIMIT", "SELECT i, f(p) FROM t ORDER BY i LIMIT 2"),
    Shape("ORDER BY, LIMIT and OFFSET", "SELECT i, f(p) FROM t ORDER BY i DESC LIMIT 2 OFFSET 1"),
    Shape(
        "LIMIT in a subquery",
        "SELECT i, y FROM (SELECT i, f(p) AS y FROM t ORDER BY i LIMIT 3) AS s WHERE y = 'yes'",
    ),
    Shape("LIMIT over a model predicate", "SELECT i FROM u WHERE f(b) = 'yes' LIMIT 2"),
    Shape(
        "ORDER BY and LIMIT over a model predicate",
        "SELECT i FROM t WHERE f(p) = 'yes' ORDER BY i LIMIT 2",
    ),
    Shape(
        "LIMIT over a model predicate and a call",
        "SELECT i, g(q) FROM t WHERE f(p) = 'yes' ORDER BY i LIMIT 2",
    ),
    Shape("LIMIT 0 over a model predicate", "SELECT i FROM t WHERE f(p) = 'yes' LIMIT 0"),
    Shape(
        "LIMIT 0 over a window over groups of a call",
        "SELECT y, rank() OVER (ORDER BY y) FROM (SELECT DISTINCT f(p) AS y FROM t) AS s LIMIT 0",
    ),
    Shape(
        "LIMIT over a subquery in the select list",
        "SELECT i, (SELECT sum(length(f(b))) FROM u WHERE u.i = t.i) FROM t ORDER BY i LIMIT 1",
    ),
    Shape(
        "call over a join, LIMIT",
        "SELECT t.i, f(u.b) FROM t JOIN u ON t.i = u.i ORDER BY t.i, u.b LIMIT 1",
    ),
    Shape("call over groups, LIMIT", "SELECT q, f(max(p)) FROM t GROUP BY q ORDER BY q LIMIT 1"),
    Shape("ORDER BY a call", "SELECT i, f(p) FROM t ORDER BY f(p), i"),
    Shape("ORDER BY a call that is not selected", "SELECT i FROM t ORDER BY f(p) DESC, i"),
    Shape("ORDER BY a call, LIMIT", "SELECT i, f(p) AS y FROM t ORDER BY y, i LIMIT 2"),
    Shape(
        "ORDER BY a call in a subquery",
        "SELECT s.i FROM (SELECT i FROM t ORDER BY f(p)) AS s ORDER BY s.i DESC",
    ),
    # Groups, DISTINCT and windows.
    Shape("GROUP BY, expression", "SELECT f(p), count(*) FROM t GROUP BY f(p)"),
    Shape("GROUP BY, name", "SELECT f(p) AS y, max(i) FROM t GROUP BY y"),
    Shape("GROUP BY, ordinal", "SELECT f(p), sum(i) FROM t WHERE q = 'x' GROUP BY 1"),
    Shape("GROUP BY a call, HAVING", "SELECT f(p), count(*) FROM t GROUP BY 1 HAVING count(*) > 1"),
    Shape("GROUP BY ROLLUP", "SELECT f(p), count(*) FROM t WHERE i < 4 GROUP BY ROLLUP(f(p))"),
    Shape(
        "predicate over groups",
        "SELECT y FROM (SELECT q, min(f(p)) AS y FROM t GROUP BY q) AS s WHERE q = 'y'",
    ),
    Shape("HAVING", "SELECT q, count(*) FROM t GROUP BY q HAVING g(q) = 'x'"),
    Shape(
        "HAVING, AND with a cheap predicate",
        "SELECT p, count(*) FROM t GROUP BY p HAVING f(p) = 'yes' AND count(*) > 1",
    ),
    Shape("HAVING, aggregate over a call", "SELECT q FROM t GROUP BY q HAVING min(f(p)) = 'no'"),
    Shape("aggregate over a call", "SELECT max(f(p)), count(DISTINCT f(p)) FROM t"),
    Shape(
        "aggregate over a call, with groups",
        "SELECT q, listagg(f(p), ',') WITHIN GROUP (ORDER BY i) FROM t WHERE i < 4 GROUP BY q",
        plain=("SELECT q, string_agg(f(p), ',' ORDER BY i) FROM t WHERE i < 4 GROUP BY q",),
    ),
    Shape("call over an aggregate", "SELECT q, f(max(p)) FROM t GROUP BY q"),
    Shape(
        "call over LISTAGG",
        "SELECT q, f(listagg(p, '+') WITHIN GROUP (ORDER BY i)) FROM t GROUP BY q",
        plain=("SELECT q, f(string_agg(p, '+' ORDER BY i)) FROM t GROUP BY q",),
    ),
    Shape("call over an aggregate over a call", "SELECT g(min(f(p))) FROM t WHERE i < 3"),
    Shape("DISTINCT", "SELECT DISTINCT f(p) FROM t"),
    Shape("DISTINCT over a cheap column", "SELECT DISTINCT q, f(p) FROM t WHERE i > 2"),
    Shape("LIMIT over DISTINCT", "SELECT DISTINCT f(b) FROM u LIMIT 1"),
    Shape(
        "ORDER BY and LIMIT over DISTINCT",
        "SELECT DISTINCT i, f(b) FROM u WHERE i < 9 ORDER BY i DESC LIMIT 1",
    ),
    Shape("window, PARTITION BY", "SELECT i, count(*) OVER (PARTITION BY f(p)) FROM t"),
    Shape("window, ORDER BY", "SELECT i, rank() OVER (ORDER BY f(p)) FROM t"),
    Shape("window, argument", "SELECT i, lag(f(p)) OVER (ORDER BY i) FROM t WHERE i < 4"),
    Shape(
        "call beside a window, LIMIT",
        "SELECT i, row_number() OVER (ORDER BY i DESC), f(p) FROM t ORDER BY i LIMIT 1",
    ),
    Shape(
        "predicate over a window, call beside it",
        "SELECT y FROM (SELECT f(p) AS y, row_number() OVER (ORDER BY i) AS n FROM t) AS s "
        "WHERE n = 2",
    ),
    Shape(
        "QUALIFY, AND with a cheap predicate",
        "SELECT i FROM t "
        "QUALIFY row_number() OVER (PARTITION BY q ORDER BY i) = 1 AND f(p) = 'yes'",
    ),
    Shape(
        "QUALIFY, window over a call",
        "SELECT i FROM t QUALIFY row_number() OVER (PARTITION BY f(p) ORDER BY i) = 1",
    ),
    # Joins.
    Shape("inner join, ON", "SELECT t.i, u.b FROM t JOIN u ON t.i = u.i AND f(u.b) = 'yes'"),
    Shape(
        "inner join, ON, arguments of both sides",
        "SELECT t.i, u.b FROM t JOIN u ON t.i = u.i AND f(t.p || u.b) = 'yes'",
    ),
    Shape("inner join, WHERE", "SELECT t.i FROM t JOIN u ON t.i = u.i WHERE f(t.p) = 'yes'"),
    Shape("inner join that multiplies rows", "SELECT t.i, u.b, f(t.p) FROM t JOIN u ON t.i <> u.i"),
    Shape("inner join that drops rows", "SELECT t.i, f(u.b) FROM t JOIN u ON t.i = u.i"),
    Shape(
        "call in a derived table, join that drops rows",
        "SELECT s.y FROM t JOIN (SELECT i, f(b) AS y FROM u) AS s ON t.i = s.i",
    ),
    Shape(
        "model predicate in a derived table, join that drops rows",
        "SELECT s.i FROM t JOIN (SELECT i FROM u WHERE f(b) = 'yes') AS s ON t.i = s.i",
    ),
    Shape(
        "call below groups, join that drops them",
        "SELECT s.y FROM t JOIN (SELECT i, min(f(b)) AS y FROM u GROUP BY i) AS s ON t.i = s.i",
    ),
    Shape(
        "call in a derived table, left join",
        "SELECT t.i, s.y FROM t LEFT JOIN (SELECT i, f(b) AS y FROM u) AS s ON t.i = s.i",
    ),
    Shape(
        "left join, ON, call of the right side",
        "SELECT t.i, u.b FROM t LEFT JOIN u ON t.i = u.i AND f(u.b) = 'yes'",
    ),
    Shape(
        "left join, ON, call of the left side",
        "SELECT t.i, u.b FROM t LEFT JOIN u ON t.i = u.i AND f(t.p) = 'yes'",
    ),
    Shape(
        "left join of which WHERE keeps the inner rows",
        "SELECT t.i FROM t LEFT JOIN u ON t.i = u.i AND f(t.p) = 'yes' WHERE u.b > 'b'",
    ),
    Shape("right join, ON", "SELECT t.i, u.b FROM u RIGHT JOIN t ON t.i = u.i AND f(u.b) = 'yes'"),
    Shape(
        "full join, ON",
        "SELECT t.i, u.b FROM t FULL JOIN u ON t.i = u.i AND f(u.b) = 'yes'",
    ),
    Shape("left join, select list", "SELECT t.i, f(u.b) FROM t LEFT JOIN u ON t.i = u.i"),
    Shape(
        "join with a view that calls",
        "SELECT v.y FROM v JOIN u ON v.i = u.i WHERE u.b <> 'a'",
        before=(_VIEW,),
    ),
    # Subqueries.
    Shape("IN (subquery)", "SELECT i FROM t WHERE i IN (SELECT i FROM u WHERE f(b) = 'no')"),
    Shape(
        "NOT IN (subquery)",
        "SELECT i FROM t WHERE i NOT IN (SELECT i FROM u WHERE f(b) = 'no')",
    ),
    Shape(
        "IN (subquery), correlated",
        "SELECT i FROM t WHERE q IN (SELECT g(b) FROM u WHERE u.i = t.i)",
    ),
    Shape("call IN (subquery)", "SELECT i FROM t WHERE f(p) IN (SELECT 'yes') AND i < 3"),
    Shape("EXISTS", "SELECT i FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.i = 9 AND f(b) = 'no')"),
    Shape(
        "EXISTS, the first row shows it",
        "SELECT i FROM t WHERE EXISTS (SELECT 1 FROM u WHERE f(b) = 'yes')",
    ),
    Shape("EXISTS, call in its select list", "SELECT i FROM t WHERE EXISTS (SELECT f(b) FROM u)"),
    Shape(
        "EXISTS, correlated",
        "SELECT i FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.i = t.i AND f(u.b) = 'no')",
    ),
    Shape(
        "NOT EXISTS, correlated",
        "SELECT i FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.i = t.i AND f(u.b) = 'no')",
    ),
    Shape("scalar subquery", "SELECT i, (SELECT min(f(b)) FROM u) FROM t WHERE i < 3"),
    Shape("scalar subquery of no row", "SELECT i, (SELECT min(f(b)) FROM u) FROM t WHERE i = 0"),
    Shape(
        "scalar subquery, correlated",
        "SELECT i, (SELECT count(*) FROM u WHERE u.i = t.i AND f(u.b) = 'no') FROM t",
    ),
    Shape(
        "scalar subquery, correlated by more than equality",
        "SELECT i, (SELECT count(*) FROM u WHERE u.i <= t.i AND f(u.b) = 'no') FROM t WHERE i < 3",
    ),
    Shape(
        "NOT IN (subquery), correlated",
        "SELECT i FROM t WHERE p NOT IN (SELECT b FROM u WHERE u.i = t.i AND f(u.b) = 'no')",
    ),
    Shape(
        "correlated subquery beside a cheap predicate",
        "SELECT i FROM t WHERE q = 'y' AND "
        "EXISTS (SELECT 1 FROM u WHERE u.i = t.i AND f(u.b) = 'no')",
    ),
    Shape("derived table", "SELECT y FROM (SELECT i, f(p) AS y FROM t) AS s WHERE i = 2"),
    Shape("CTE, once", "WITH c AS (SELECT i, f(p) AS y FROM t) SELECT y FROM c WHERE i = 2"),
    Shape(
        "CTE, twice",
        "WITH c AS (SELECT i, f(p) AS y FROM t WHERE i < 4) "
        "SELECT a.i, b.i FROM c AS a JOIN c AS b ON a.y = b.y",
    ),
    Shape(
        "CTE, twice, with predicates",
        "WITH c AS (SELECT i, f(p) AS y FROM t) "
        "SELECT y FROM c WHERE i = 1 UNION ALL SELECT y FROM c WHERE i = 2",
    ),
    Shape(
        "CTE, join that drops rows",
        "WITH c AS (SELECT i, f(b) AS y FROM u) SELECT c.y FROM t JOIN c ON t.i = c.i",
    ),
    Shape("CTE, never", "WITH c AS (SELECT f(p) AS y FROM t) SELECT i FROM u"),
    # Set operations and VALUES.
    Shape("UNION ALL", "SELECT f(p) FROM t UNION ALL SELECT f(b) FROM u WHERE i = 1"),
    Shape("UNION", "SELECT f(p) FROM t WHERE i > 4 UNION SELECT g(b) FROM u WHERE i > 1"),
    Shape(
        "INTERSECT",
        "SELECT f(p) FROM t WHERE i < 3 INTERSECT SELECT f(b) FROM u WHERE b IN ('d', 'z')",
    ),
    Shape("EXCEPT", "SELECT f(p) FROM t WHERE i < 3 EXCEPT SELECT f(b) FROM u WHERE i = 9"),
    Shape(
        "LIMIT over UNION ALL",
        "SELECT f(p) FROM t WHERE i = 2 UNION ALL SELECT f(b) FROM u LIMIT 1",
    ),
    Shape(
        "ORDER BY and LIMIT over UNION ALL",
        "SELECT i, f(p) FROM t UNION ALL SELECT i, g(b) FROM u ORDER BY i DESC LIMIT 2",
    ),
    Shape(
        "LIMIT over UNION ALL, model predicate in an arm",
        "SELECT i FROM u WHERE f(b) = 'yes' UNION ALL SELECT i FROM u WHERE g(b) = 'x' LIMIT 2",
    ),
    Shape("LIMIT over UNION", "SELECT f(b) FROM u WHERE i < 9 UNION SELECT g(b) FROM u LIMIT 1"),
    Shape(
        "UNION ALL, join that drops rows",
        "SELECT s.y FROM u JOIN (SELECT i, f(p) AS y FROM t UNION ALL SELECT i, g(q) FROM t) AS s "
        "ON u.i = s.i",
    ),
    Shape(
        "predicate over UNION ALL",
        "SELECT y FROM (SELECT i, f(p) AS y FROM t UNION ALL SELECT i, f(b) FROM u) AS s "
        "WHERE i = 3",
    ),
    Shape("VALUES", "SELECT f(c) FROM (VALUES ('a'), ('z'), ('a')) AS v (c)"),
    Shape("VALUES with calls", "SELECT y FROM (VALUES (1, f('a')), (2, f('z'))) AS v (n, y)"),
    # Branches.
    Shape("CASE, branch", "SELECT CASE WHEN i = 2 THEN f(p) WHEN i < 4 THEN 'low' END FROM t"),
    Shape("CASE, ELSE", "SELECT CASE WHEN i > 2 THEN 'high' ELSE f(p) END FROM t"),
    Shape("CASE, condition", "SELECT CASE f(p) WHEN 'yes' THEN 1 ELSE 0 END FROM t"),
    Shape(
        "CASE, call in the condition and in the branch",
        "SELECT CASE WHEN f(p) = 'yes' THEN g(q) ELSE 'none' END FROM t",
    ),
    Shape(
        "CASE, subquery in the branch",
        "SELECT CASE WHEN i = 0 THEN (SELECT max(f(b)) FROM u) ELSE 'none' END FROM t",
    ),
    Shape("COALESCE", "SELECT COALESCE(q, f(p)) FROM t"),
    Shape("NVL", "SELECT NVL(p, g(q)) FROM t"),
    Shape("NULLIF", "SELECT NULLIF(q, g(p)) FROM t"),
    Shape(
        "DECODE",
        "SELECT i, DECODE(i, 1, f(p), 2, g(q), 'other') FROM t",
        plain=("SELECT i, CASE i WHEN 1 THEN f(p) WHEN 2 THEN g(q) ELSE 'other' END FROM t",),
    ),
    # Views.
    Shape("view, one column", "SELECT y FROM v WHERE i < 3", before=(_VIEW,)),
    Shape("view, no call is read", "SELECT count(*) FROM v", before=(_VIEW,)),
    Shape(
        "materialized view, created",
        _STORED_VIEW,
        after=("SELECT * FROM m",),
        plain=("SELECT i, f(p) AS y FROM t",),
    ),
    Shape(
        "materialized view, refreshed after rows came",
        "REFRESH MATERIALIZED VIEW m",
        before=(_STORED_VIEW, _MORE_ROWS),
        after=("SELECT * FROM m",),
        plain=(_MORE_ROWS, "SELECT i, f(p) AS y FROM t"),
        known=_STORED,
    ),
    Shape(
        "materialized view, read",
        "SELECT y FROM m",
        before=(_STORED_VIEW,),
        plain=("SELECT f(p) FROM t",),
        known=_STORED,
    ),
    # Statements that write.
    Shape(
        "CREATE TABLE AS",
        "CREATE TABLE n AS SELECT i, f(p) AS y FROM t WHERE i < 3",
        after=("SELECT * FROM n",),
    ),
    Shape("INSERT ... SELECT", "INSERT INTO t SELECT i, f(b), 'new' FROM u", after=_READ_T),
    Shape(
        "INSERT ... VALUES",
        "INSERT INTO u VALUES (7, f('a')), (8, 'none')",
        after=("SELECT * FROM u",),
    ),
    Shape("UPDATE", "UPDATE t SET q = f(p) WHERE i < 5", after=_READ_T),
    Shape("UPDATE, WHERE", "UPDATE t SET q = h(q) WHERE f(p) = 'yes' AND i < 4", after=_READ_T),
    Shape(
        "UPDATE ... FROM",
        "UPDATE t SET q = f(u.b) FROM u WHERE t.i = u.i AND u.b > 'd'",
        after=_READ_T,
    ),
    Shape("DELETE", "DELETE FROM t WHERE f(p) = 'yes' AND q = 'y'", after=_READ_T),
    Shape(
        "DELETE ... USING", "DELETE FROM t USING u WHERE t.i = u.i AND f(u.b) = 'no'", after=_READ_T
    ),
    Shape(
        "MERGE",
        "MERGE INTO t USING (SELECT * FROM u WHERE b IN ('a', 'w')) AS u ON t.i = u.i "
        "WHEN MATCHED THEN UPDATE SET q = f(u.b) "
        "WHEN NOT MATCHED THEN INSERT (i, p) VALUES (u.i, g(u.b))",
        after=_READ_T,
    ),
    Shape(
        "UNLOAD",
        "UNLOAD ('SELECT i, f(p) FROM t WHERE i < 3') TO '{files}/answers_' CSV",
        after=(
            "CREATE TABLE n (i INTEGER, y VARCHAR(20))",
            "COPY n FROM '{files}/answers_000' CSV",
            "SELECT * FROM n",
        ),
        plain=("SELECT i, f(p) FROM t WHERE i < 3",),
    ),
    Shape(
        "COPY (query) TO",
        "COPY (SELECT i, f(p) FROM t WHERE i < 3) TO '{files}/answers_' CSV",
        after=(
            "CREATE TABLE n (i INTEGER, y VARCHAR(20))",
            "COPY n FROM '{files}/answers_000' CSV",
            "SELECT * FROM n",
        ),
        plain=("SELECT i, f(p) FROM t WHERE i < 3",),
    ),
    # Prepared statements.
    Shape(
        "EXECUTE",
        "EXECUTE s (3, 'x ')",
        before=("PREPARE s (integer, varchar(9)) AS SELECT i, f($2 || p) FROM t WHERE i < $1",),
        plain=("SELECT i, f('x ' || p) FROM t WHERE i < 3",),
    ),
    Shape(
        "EXECUTE of an UPDATE",
        "EXECUTE s ('x ', 2)",
        before=("PREPARE s AS UPDATE t SET q = f($1 || p) WHERE i = $2",),
        after=_READ_T,
        plain=("UPDATE t SET q = f('x ' || p) WHERE i = 2", *_READ_T),
    ),
)

REFUSED = (
    Refused(
        "recursive CTE",
        "WITH RECURSIVE c AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM c WHERE f('a') = 'no') "
        "SELECT n FROM c",
    ),
    Refused(
        "correlated subquery that may give several rows",
        "SELECT (SELECT f(u.b) FROM u WHERE u.i = t.i) FROM t",
    ),
    Refused(
        "outer join, ON, arguments of both sides",
        "SELECT t.i FROM t LEFT JOIN u ON t.i = u.i AND f(t.p || u.b) = 'yes'",
    ),
    Refused("LIMIT", "SELECT i FROM t LIMIT (SELECT length(f('a')))"),
    Refused("OFFSET", "SELECT i FROM t LIMIT 1 OFFSET (SELECT length(f('a')))"),
    Refused("DEFAULT", "CREATE TABLE n (i INTEGER, y VARCHAR(20) DEFAULT f('a'))"),
    Refused("LATERAL", "SELECT t.i, s.y FROM t, LATERAL (SELECT f(t.p) AS y) AS s"),
)
