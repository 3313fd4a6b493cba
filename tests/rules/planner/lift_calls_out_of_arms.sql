-- Below a LIMIT: one call where all arms make the same of what they hand up.
SELECT s.i, s.y FROM (SELECT i, f(p) AS y FROM t UNION ALL SELECT i, f(b) FROM u) AS s ORDER BY s.i, s.y LIMIT 3;
SELECT s.i, s.y FROM (SELECT _q1.i, f(_q1._x3) AS y FROM (SELECT 1 AS _a2, t.i, t.p AS _x3 FROM t
UNION ALL SELECT 2 AS _a2, u.i, u.b AS _x3 FROM u) AS _q1) AS s ORDER BY s.i, s.y LIMIT 3;

-- Told apart where they do not; of several inputs, those of one type share a column.
SELECT s.y FROM (SELECT f(p || q) AS y FROM t UNION ALL SELECT upper(f(b)) FROM u UNION ALL SELECT q FROM t) AS s
ORDER BY s.y LIMIT 30;
SELECT s.y FROM (SELECT CASE _q1._a2 WHEN 1 THEN f(_q1._x3 || _q1._x4) WHEN 2 THEN UPPER(f(_q1._x3))
ELSE _q1.y END AS y FROM (SELECT 1 AS _a2, NULL AS y, t.p AS _x3, t.q AS _x4 FROM t UNION ALL SELECT
2 AS _a2, NULL AS y, u.b AS _x3, NULL AS _x4 FROM u UNION ALL SELECT 3 AS _a2, t.q AS y, NULL AS
_x3, NULL AS _x4 FROM t) AS _q1) AS s ORDER BY s.y LIMIT 30;

SELECT s.y FROM (SELECT CASE WHEN i > 2 THEN f(p) END AS y FROM t UNION ALL SELECT f(b) FROM u) AS s LIMIT 30;
SELECT s.y FROM (SELECT CASE _q1._a2 WHEN 1 THEN CASE WHEN _q1._x3 > 2 THEN f(_q1._x4) END WHEN 2
THEN f(_q1._x4) END AS y FROM (SELECT 1 AS _a2, t.i AS _x3, t.p AS _x4 FROM t UNION ALL SELECT 2 AS
_a2, NULL AS _x3, u.b AS _x4 FROM u) AS _q1) AS s LIMIT 30;

-- Constants as prompts.
SELECT s.y FROM (SELECT 1 AS i, f('a') AS y UNION ALL SELECT 2, f('b') UNION ALL SELECT 3, f('c')) AS s JOIN t ON t.i = s.i;
SELECT s.y FROM (SELECT _q1.i, f(_q1._x3) AS y FROM (SELECT 1 AS _a2, 1 AS i, 'a' AS _x3 UNION ALL
SELECT 2 AS _a2, 2 AS i, 'b' AS _x3 UNION ALL SELECT 3 AS _a2, 3 AS i, 'c' AS _x3) AS _q1) AS s JOIN
t ON s.i = t.i;

-- What an arm asks of its rows, alone or like the others.
SELECT s.i FROM (SELECT i, p FROM t WHERE f(p) = 'x' AND i > 1 UNION ALL SELECT i, b FROM u WHERE f(b) = 'y') AS s
ORDER BY s.i LIMIT 30;
SELECT s.i FROM (SELECT _q1.i, _q1.p FROM (SELECT 1 AS _a2, t.i, t.p, t.p AS _x3 FROM t WHERE t.i >
1 UNION ALL SELECT 2 AS _a2, u.i, u.b AS p, u.b AS _x3 FROM u) AS _q1 WHERE (_q1._a2 <> 1 OR
f(_q1._x3) = 'x') AND (_q1._a2 <> 2 OR f(_q1._x3) = 'y')) AS s ORDER BY s.i LIMIT 30;

SELECT s.i FROM (SELECT i FROM t WHERE f(p) = 'x' UNION ALL SELECT i FROM u WHERE f(b) = 'x') AS s LIMIT 30;
SELECT s.i FROM (SELECT _q1.i FROM (SELECT 1 AS _a2, t.i, t.p AS _x3 FROM t UNION ALL SELECT 2 AS
_a2, u.i, u.b AS _x3 FROM u) AS _q1 WHERE f(_q1._x3) = 'x') AS s LIMIT 30;

-- Below a join, a predicate with a subquery, or a LIMIT further out.
SELECT s.y FROM t LEFT JOIN (SELECT i, f(p) AS y FROM t UNION ALL SELECT i, f(b) FROM u) AS s ON s.i = t.i AND t.q = 'x';
SELECT s.y FROM t LEFT JOIN (SELECT _q1.i, f(_q1._x3) AS y FROM (SELECT 1 AS _a2, t.i, t.p AS _x3
FROM t UNION ALL SELECT 2 AS _a2, u.i, u.b AS _x3 FROM u) AS _q1) AS s ON s.i = t.i AND t.q = 'x';

SELECT s.y FROM (SELECT i, f(p) AS y FROM t UNION ALL SELECT i, f(b) FROM u) AS s WHERE s.i IN (SELECT i FROM u);
SELECT s.y FROM (SELECT _q1.i, f(_q1._x3) AS y FROM (SELECT 1 AS _a2, t.i, t.p AS _x3 FROM t UNION
ALL SELECT 2 AS _a2, u.i, u.b AS _x3 FROM u) AS _q1) AS s WHERE s.i IN (SELECT u.i FROM u);

SELECT r.y FROM (SELECT s.y, s.i FROM (SELECT i, f(p) AS y FROM t UNION ALL SELECT i, f(b) FROM u) AS s) AS r LIMIT 30;
SELECT r.y FROM (SELECT s.y, s.i FROM (SELECT _q1.i, f(_q1._x3) AS y FROM (SELECT 1 AS _a2, t.i, t.p
AS _x3 FROM t UNION ALL SELECT 2 AS _a2, u.i, u.b AS _x3 FROM u) AS _q1) AS s) AS r LIMIT 30;

-- An arm of another kind keeps what it calls.
SELECT s.y FROM (SELECT f(p) AS y FROM t UNION ALL SELECT DISTINCT f(b) FROM u UNION ALL
SELECT max(g(q)) FROM t) AS s LIMIT 30;
SELECT s.y FROM (SELECT CASE _q1._a2 WHEN 1 THEN f(_q1._x3) ELSE _q1.y END AS y FROM (SELECT 1 AS
_a2, NULL AS y, t.p AS _x3 FROM t UNION ALL SELECT 2 AS _a2, _q4.f AS y, NULL AS _x3 FROM (SELECT
DISTINCT f(u.b) FROM u) AS _q4 UNION ALL SELECT 3 AS _a2, _q5.max AS y, NULL AS _x3 FROM (SELECT
MAX(g(t.q)) FROM t) AS _q5) AS _q1) AS s LIMIT 30;

SELECT s.y FROM (SELECT f(p) AS y FROM t UNION ALL (SELECT b FROM u ORDER BY b LIMIT 1) UNION ALL
(SELECT b FROM u UNION SELECT q FROM t)) AS s LIMIT 30;
SELECT s.y FROM (SELECT CASE _q1._a2 WHEN 1 THEN f(_q1._x3) ELSE _q1.y END AS y FROM (SELECT 1 AS
_a2, NULL AS y, t.p AS _x3 FROM t UNION ALL SELECT 2 AS _a2, _q4.b AS y, NULL AS _x3 FROM (SELECT
u.b FROM u ORDER BY b LIMIT 1) AS _q4 UNION ALL SELECT 3 AS _a2, _q5.b AS y, NULL AS _x3 FROM
(SELECT u.b FROM u UNION SELECT t.q FROM t) AS _q5) AS _q1) AS s LIMIT 30;

SELECT s.y FROM (SELECT f(p) AS y FROM t WHERE i IN (SELECT i FROM u WHERE g(b) = 'x') UNION ALL SELECT b FROM u) AS s LIMIT 30;
SELECT s.y FROM (SELECT CASE _q1._a2 WHEN 1 THEN f(_q1._x3) ELSE _q1.y END AS y FROM (SELECT 1 AS
_a2, NULL AS y, t.p AS _x3 FROM t WHERE t.i IN (SELECT u.i FROM u WHERE g(u.b) = 'x') UNION ALL
SELECT 2 AS _a2, u.b AS y, NULL AS _x3 FROM u) AS _q1) AS s LIMIT 30;

-- Not where nothing around drops rows.
SELECT s.y, count(*) FROM (SELECT f(p) AS y FROM t UNION ALL SELECT f(b) FROM u) AS s GROUP BY s.y;
UNCHANGED;

SELECT count(*) FROM (SELECT s.y FROM (SELECT f(p) AS y FROM t UNION ALL SELECT f(b) FROM u) AS s WHERE g(s.y) = 'x') AS r LIMIT 3;
UNCHANGED;

-- Nor for UNION, on types that differ, or without a call to lift.
SELECT s.y FROM (SELECT f(p) AS y FROM t UNION SELECT f(b) FROM u) AS s LIMIT 30;
UNCHANGED;

SELECT s.y FROM (SELECT f(p) AS y FROM t UNION ALL SELECT i FROM u) AS s LIMIT 30;
UNCHANGED;

SELECT s.y FROM (SELECT DISTINCT f(p) AS y FROM t UNION ALL SELECT b FROM u) AS s LIMIT 30;
UNCHANGED;

SELECT s.y FROM (SELECT f(p || random()) AS y FROM t WHERE i < 0 UNION ALL SELECT b FROM u) AS s LIMIT 30;
UNCHANGED;
