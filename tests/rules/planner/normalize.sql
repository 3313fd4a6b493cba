-- All rules in their order. What the planner makes of whole queries, shape by shape.

SELECT f(p) FROM t;
SELECT f(_q1.p) FROM (SELECT t.p FROM t) AS _q1;

-- The same call twice is one.
SELECT i, f(p) AS a, f(p) AS b FROM t;
SELECT _q1.i, _q1._y2 AS a, _q1._y2 AS b FROM (SELECT _q1.i, f(_q1.p) AS _y2 FROM (SELECT t.i, t.p
FROM t) AS _q1) AS _q1;

-- Cheap predicates, then LIMIT, then the call.
SELECT i, f(p) AS y FROM t WHERE q = 'x' ORDER BY i LIMIT 2;
SELECT _q2.i, _q2._y3 AS y FROM (SELECT _q2.i, f(_q2.p) AS _y3 FROM (SELECT _q1.i, _q1.p FROM
(SELECT t.i, t.p FROM t WHERE t.q = 'x') AS _q1 ORDER BY _q1.i LIMIT 2) AS _q2) AS _q2 ORDER BY
_q2.i;

-- ORDER BY a call: by its alias it is the same call.
SELECT f(p) AS y FROM t ORDER BY y, i LIMIT 2;
SELECT _q1._y2 AS y FROM (SELECT _q1.i, f(_q1.p) AS _y2 FROM (SELECT t.p, t.i FROM t) AS _q1) AS _q1
ORDER BY _q1._y2, _q1.i LIMIT 2;

-- HAVING over a key that is a call.
SELECT f(p) AS y, COUNT(*) AS c FROM t GROUP BY y HAVING f(p) <> 'x';
SELECT _q2._v1 AS y, COUNT(*) AS c FROM (SELECT f(_q3.p) AS _v1 FROM (SELECT t.p FROM t) AS _q3) AS
_q2 GROUP BY _q2._v1 HAVING _q2._v1 <> 'x';

-- A call over an aggregate over a call.
SELECT q, f(MAX(g(p))) AS y FROM t GROUP BY q ORDER BY q;
SELECT _q7._k1 AS q, _q7._y8 AS y FROM (SELECT _q7._k1, f(_q7._a2) AS _y8 FROM (SELECT _q3._k1,
_q3._a2 FROM (SELECT _q5.q AS _k1, MAX(_q5._v4) AS _a2 FROM (SELECT _q6.q, g(_q6.p) AS _v4 FROM
(SELECT t.q, t.p FROM t) AS _q6) AS _q5 GROUP BY _q5.q) AS _q3) AS _q7) AS _q7 ORDER BY _q7._k1;

-- A subquery in a condition is planned by itself, and guards the call beside it.
SELECT i FROM t WHERE i IN (SELECT i FROM u WHERE f(b) = 'x') AND g(q) = 'y';
SELECT _q2.i FROM (SELECT _q2.i, g(_q2.q) AS _y4 FROM (SELECT t.i, t.q FROM t WHERE t.i IN (SELECT
_q1.i FROM (SELECT _q1.i, f(_q1.b) AS _y3 FROM (SELECT u.i, u.b FROM u WHERE EXISTS(SELECT 1 AS one
FROM t WHERE t.i = u.i)) AS _q1) AS _q1 WHERE _q1._y3 = 'x')) AS _q2) AS _q2 WHERE _q2._y4 = 'y';

SELECT i IN (SELECT i FROM u WHERE f(b) = 'x') OR g(q) = 'y' AS c FROM t;
SELECT _q2.i IN (SELECT _q1.i FROM (SELECT _q1.i, f(_q1.b) AS _y3 FROM (SELECT u.i, u.b FROM u WHERE
EXISTS(SELECT 1 AS one FROM t WHERE t.i = u.i) OR EXISTS(SELECT 1 AS one FROM t WHERE t.i IS NULL)
OR u.i IS NULL) AS _q1) AS _q1 WHERE _q1._y3 = 'x') OR _q2._y4 = 'y' AS c FROM (SELECT _q2.i, CASE
WHEN NOT COALESCE(_q2.i IN (SELECT _q1.i FROM (SELECT _q1.i, f(_q1.b) AS _y3 FROM (SELECT u.i, u.b
FROM u WHERE EXISTS(SELECT 1 AS one FROM t WHERE t.i = u.i) OR EXISTS(SELECT 1 AS one FROM t WHERE
t.i IS NULL) OR u.i IS NULL) AS _q1) AS _q1 WHERE _q1._y3 = 'x'), FALSE) THEN g(_q2.q) END AS _y4
FROM (SELECT t.i, t.q FROM t) AS _q2) AS _q2;

-- A scalar subquery.
SELECT i, (SELECT MAX(f(b)) FROM u) AS m FROM t ORDER BY i;
SELECT t.i, (SELECT MAX(_q2._v1) FROM (SELECT f(_q3.b) AS _v1 FROM (SELECT u.b FROM u) AS _q3) AS
_q2) AS m FROM t ORDER BY t.i;

-- A scalar subquery that a predicate reads twice is there three times.
SELECT s.i FROM (SELECT i, (SELECT MAX(b) FROM u WHERE f(b) = 'x') AS m FROM t) AS s
WHERE s.m IN (s.m) AND s.i < 3;
SELECT s.i FROM (SELECT t.i FROM t WHERE (SELECT MAX(_q2.b) FROM (SELECT _q4.b FROM (SELECT _q4.b,
f(_q4.b) AS _y6 FROM (SELECT u.b FROM u) AS _q4) AS _q4 WHERE _q4._y6 = 'x') AS _q2) IN ((SELECT
MAX(_q1.b) FROM (SELECT _q3.b FROM (SELECT _q3.b, f(_q3.b) AS _y5 FROM (SELECT u.b FROM u) AS _q3)
AS _q3 WHERE _q3._y5 = 'x') AS _q1)) AND t.i < 3) AS s;

-- Each arm of a set operation by itself.
SELECT f(p) AS y FROM t UNION SELECT g(b) AS y FROM u ORDER BY y;
SELECT f(_q2.p) AS y FROM (SELECT t.p FROM t) AS _q2 UNION SELECT g(_q1.b) AS y FROM (SELECT u.b
FROM u) AS _q1 ORDER BY y;

-- A common table expression that is read twice.
WITH c AS (SELECT i, f(p) AS y FROM t) SELECT a.i FROM c AS a JOIN c AS b ON a.y = b.y ORDER BY a.i;
WITH c AS (SELECT _q1.i, f(_q1.p) AS y FROM (SELECT t.i, t.p FROM t) AS _q1) SELECT a.i FROM c AS a
JOIN c AS b ON a.y = b.y ORDER BY a.i;

-- A group key whose subquery reads what calls a model: GROUP BY and the select list stay equal.
SELECT p IN (SELECT f(s.y) FROM (SELECT g(b) AS y FROM u) AS s) AS c, COUNT(*) FROM t GROUP BY c;
SELECT _q2._k1 AS c, COUNT(*) FROM (SELECT t.p IN (SELECT _q1._y3 AS f FROM (SELECT f(_q1._y2) AS
_y3 FROM (SELECT g(_q1._x1) AS _y2 FROM (SELECT s._x1 FROM (SELECT u.b AS _x1 FROM u) AS s) AS _q1)
AS _q1) AS _q1) AS _k1 FROM t) AS _q2 GROUP BY _q2._k1;
