-- The key stands in two places, and its subquery would be rewritten in each by itself.
SELECT p IN (SELECT f(b) FROM u) AS c, COUNT(*) FROM t GROUP BY p IN (SELECT f(b) FROM u);
SELECT _q2._k1 AS c, COUNT(*) FROM (SELECT t.p IN (SELECT f(u.b) FROM u) AS _k1 FROM t) AS _q2 GROUP
BY _q2._k1;

-- By position; WHERE and joins go first.
SELECT p IN (SELECT f(b) FROM u) AS c, MAX(t.i) FROM t JOIN u ON t.i = u.i WHERE t.i < 7 GROUP BY 1;
SELECT _q2._k1 AS c, MAX(_q2.i) FROM (SELECT t.i, t.p IN (SELECT f(u.b) FROM u) AS _k1 FROM t JOIN u
ON t.i = u.i WHERE t.i < 7) AS _q2 GROUP BY _q2._k1;

-- Other keys stay where they are.
SELECT q, p IN (SELECT f(b) FROM u) AS c FROM t GROUP BY q, p IN (SELECT f(b) FROM u);
SELECT _q2.q, _q2._k1 AS c FROM (SELECT t.q, t.p IN (SELECT f(u.b) FROM u) AS _k1 FROM t) AS _q2
GROUP BY _q2.q, _q2._k1;

-- A call that is no part of a subquery is not for this rule, and a subquery without one is cheap.
SELECT f(p), COUNT(*) FROM t GROUP BY f(p);
UNCHANGED;

SELECT p IN (SELECT b FROM u) AS c, COUNT(*) FROM t GROUP BY p IN (SELECT b FROM u);
UNCHANGED;

SELECT i FROM t WHERE p IN (SELECT f(b) FROM u);
UNCHANGED;
