-- By name and by position.
SELECT i, f(p) AS y FROM t ORDER BY y, t.i;
SELECT t.i, f(t.p) AS y FROM t ORDER BY f(t.p), t.i;

SELECT i, f(p) AS y FROM t ORDER BY 2, 1;
SELECT t.i, f(t.p) AS y FROM t ORDER BY f(t.p), t.i;

SELECT i, f(p) AS y FROM t ORDER BY y DESC NULLS LAST, i LIMIT 3;
SELECT t.i, f(t.p) AS y FROM t ORDER BY f(t.p) DESC NULLS LAST, t.i LIMIT 3;

-- In an expression.
SELECT i, p AS x FROM t ORDER BY x || 'a', i;
SELECT t.i, t.p AS x FROM t ORDER BY t.p || 'a', t.i;

-- Of groups.
SELECT f(p) AS y, COUNT(*) AS c FROM t GROUP BY f(p) ORDER BY c, y;
SELECT f(t.p) AS y, COUNT(*) AS c FROM t GROUP BY f(t.p) ORDER BY COUNT(*), f(t.p);

-- A column of the table is none of the aliases.
SELECT f(p) AS y FROM t ORDER BY t.i;
UNCHANGED;

-- DISTINCT can be ordered by what it selects alone.
SELECT DISTINCT f(p) AS y FROM t ORDER BY y;
UNCHANGED;

-- The order of a set operation is not that of one of its blocks.
SELECT f(p) AS y FROM t UNION SELECT b AS y FROM u ORDER BY y;
UNCHANGED;
