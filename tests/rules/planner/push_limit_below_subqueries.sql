-- Subqueries are answered for the rows that are left.
SELECT i, (SELECT max(f(u.b)) FROM u WHERE u.i = t.i) AS y FROM t ORDER BY i LIMIT 2;
SELECT _q1.i, (SELECT max(f(u.b)) FROM u WHERE u.i = _q1.i) AS y FROM (SELECT t.i FROM t ORDER BY t.i LIMIT 2) AS _q1 ORDER BY _q1.i;

SELECT p AS n, EXISTS (SELECT 1 FROM u WHERE u.i = t.i AND f(u.b) = 'x') AS y FROM t WHERE i > 1 ORDER BY n, 1 OFFSET 1;
SELECT _q1.p AS n, EXISTS(SELECT 1 FROM u WHERE u.i = _q1.i AND f(u.b) = 'x') AS y
FROM (SELECT t.p, t.i FROM t WHERE t.i > 1 ORDER BY t.p, t.p OFFSET 1) AS _q1 ORDER BY _q1.p, _q1.p;

-- Not where they decide which rows are left, nor above groups.
SELECT i, EXISTS (SELECT 1 FROM u WHERE u.i = t.i AND f(u.b) = 'x') AS y FROM t ORDER BY y, i LIMIT 2;
UNCHANGED;

SELECT max(i) AS m, (SELECT max(f(b)) FROM u) AS y FROM t LIMIT 1;
UNCHANGED;

-- What asks no model is no reason.
SELECT i, (SELECT max(u.b) FROM u WHERE u.i = t.i) AS y FROM t ORDER BY i LIMIT 2;
UNCHANGED;
