-- In a group key, by expression, position or name.
SELECT f(p), COUNT(*) FROM t GROUP BY f(p);
SELECT _q2._v1 AS f, COUNT(*) FROM (SELECT f(t.p) AS _v1 FROM t) AS _q2 GROUP BY _q2._v1;

SELECT f(p), COUNT(*) FROM t GROUP BY 1;
SELECT _q2._v1 AS f, COUNT(*) FROM (SELECT f(t.p) AS _v1 FROM t) AS _q2 GROUP BY _q2._v1;

SELECT f(p) AS y, COUNT(*) FROM t GROUP BY y HAVING COUNT(*) > 1;
SELECT _q2._v1 AS y, COUNT(*) FROM (SELECT f(t.p) AS _v1 FROM t) AS _q2 GROUP BY _q2._v1 HAVING
COUNT(*) > 1;

SELECT f(p) AS y, q, COUNT(*) FROM t GROUP BY ROLLUP(f(p), q);
SELECT _q2._v1 AS y, _q2.q, COUNT(*) FROM (SELECT t.q, f(t.p) AS _v1 FROM t) AS _q2 GROUP BY ROLLUP
(_q2._v1, _q2.q);

SELECT f(p) AS y, COUNT(*) FROM t GROUP BY GROUPING SETS ((f(p), q), ());
SELECT _q2._v1 AS y, COUNT(*) FROM (SELECT t.q, f(t.p) AS _v1 FROM t) AS _q2 GROUP BY GROUPING SETS
((_q2._v1, _q2.q), ());

-- In an aggregate's argument.
SELECT q, MAX(f(p)), COUNT(DISTINCT f(p)) FROM t GROUP BY q;
SELECT _q2.q, MAX(_q2._v1), COUNT(DISTINCT _q2._v1) FROM (SELECT t.q, f(t.p) AS _v1 FROM t) AS _q2
GROUP BY _q2.q;

SELECT LISTAGG(f(p), ',') WITHIN GROUP (ORDER BY i) FROM t;
SELECT LISTAGG(_q2._v1, ',') WITHIN GROUP (ORDER BY _q2.i) FROM (SELECT t.i, f(t.p) AS _v1 FROM t)
AS _q2;

-- In the order of an aggregate.
SELECT LISTAGG(p, ',') WITHIN GROUP (ORDER BY f(p), i) FROM t;
SELECT LISTAGG(_q2.p, ',') WITHIN GROUP (ORDER BY _q2._v1, _q2.i) FROM (SELECT t.p, t.i, f(t.p) AS
_v1 FROM t) AS _q2;

-- In WHERE.
SELECT q, COUNT(*) FROM t WHERE f(p) = 'x' AND i > 1 GROUP BY q;
SELECT _q1.q, COUNT(*) FROM (SELECT t.q FROM t WHERE f(t.p) = 'x' AND t.i > 1) AS _q1 GROUP BY
_q1.q;

-- In a part of a key: the whole key is computed below.
SELECT UPPER(f(p)) AS y FROM t GROUP BY UPPER(f(p));
SELECT _q2._v1 AS y FROM (SELECT UPPER(f(t.p)) AS _v1 FROM t) AS _q2 GROUP BY _q2._v1;

-- Nested in a call: together.
SELECT MAX(f(g(p))) FROM t;
SELECT MAX(_q2._v1) FROM (SELECT f(g(t.p)) AS _v1 FROM t) AS _q2;

-- No group, or no call.
SELECT f(p) FROM t;
UNCHANGED;

SELECT q, COUNT(*) FROM t GROUP BY q;
UNCHANGED;
