-- LIMIT 2 makes two calls.
SELECT f(p) FROM t LIMIT 2;
SELECT f(_q1.p) FROM (SELECT t.p FROM t LIMIT 2) AS _q1;

SELECT f(p) FROM t ORDER BY i LIMIT 2 OFFSET 1;
SELECT f(_q1.p) FROM (SELECT t.p, t.i FROM t ORDER BY t.i LIMIT 2 OFFSET 1) AS _q1 ORDER BY _q1.i;

SELECT f(p) FROM t OFFSET 5;
SELECT f(_q1.p) FROM (SELECT t.p FROM t OFFSET 5) AS _q1;

-- After a cheap filter and a join, with what they read.
SELECT q, f(p) FROM t WHERE q = 'x' ORDER BY t.i DESC LIMIT 2;
SELECT _q1.q, f(_q1.p) FROM (SELECT t.q, t.p, t.i FROM t WHERE t.q = 'x' ORDER BY t.i DESC LIMIT 2)
AS _q1 ORDER BY _q1.i DESC;

SELECT u.b, f(t.p) FROM t JOIN u ON t.i = u.i ORDER BY t.i, u.i LIMIT 2;
SELECT _q1.b, f(_q1.p) FROM (SELECT u.b, t.p, t.i, u.i AS _c2 FROM t JOIN u ON t.i = u.i ORDER BY
t.i, u.i LIMIT 2) AS _q1 ORDER BY _q1.i, _q1._c2;

-- The rows of arms come in the order of these.
SELECT f(s.p) AS y FROM (SELECT p FROM t WHERE i < 2 UNION ALL SELECT b FROM u) AS s LIMIT 2;
SELECT f(_q1.p) AS y FROM (SELECT s.p FROM (SELECT t.p FROM t WHERE t.i < 2 UNION ALL SELECT u.b
FROM u) AS s LIMIT 2) AS _q1;

SELECT f(s.p) AS y FROM (SELECT p FROM t WHERE i < 2 UNION SELECT b FROM u WHERE i < 1) AS s LIMIT 2;
SELECT f(_q1.p) AS y FROM (SELECT s.p FROM (SELECT t.p FROM t WHERE t.i < 2 UNION SELECT u.b FROM u
WHERE u.i < 1) AS s ORDER BY s.p LIMIT 2) AS _q1;

-- In a subquery.
SELECT s.y FROM (SELECT f(p) AS y FROM t ORDER BY i LIMIT 2) AS s;
SELECT s.y FROM (SELECT f(_q1.p) AS y FROM (SELECT t.p, t.i FROM t ORDER BY t.i LIMIT 2) AS _q1
ORDER BY _q1.i) AS s;

-- What the order needs is asked for every row, the rest for what is left.
SELECT g(q) FROM t ORDER BY f(p), i LIMIT 2;
SELECT g(_q2.q) FROM (SELECT t.q, t.i, f(t.p) AS _v1 FROM t ORDER BY f(t.p), t.i LIMIT 2) AS _q2
ORDER BY _q2._v1, _q2.i;

-- Not below a filter or an order that needs all the answers.
SELECT f(p) FROM t WHERE g(q) = 'x' ORDER BY i LIMIT 2;
UNCHANGED;

SELECT f(p) FROM t ORDER BY f(p), i LIMIT 2;
UNCHANGED;

-- Not below DISTINCT, groups or windows.
SELECT DISTINCT f(p) AS y FROM t ORDER BY y LIMIT 2;
UNCHANGED;

SELECT f(p) AS y, COUNT(*) FROM t GROUP BY f(p) ORDER BY y LIMIT 2;
UNCHANGED;

SELECT f(p), ROW_NUMBER() OVER (ORDER BY i) AS n FROM t ORDER BY i LIMIT 2;
UNCHANGED;

-- Nothing to cut, or nothing to call.
SELECT f(p) FROM t ORDER BY i;
UNCHANGED;

SELECT p FROM t ORDER BY i LIMIT 2;
UNCHANGED;
