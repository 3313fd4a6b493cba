-- A model is asked about groups.
SELECT q, f(MAX(p)) FROM t GROUP BY q;
SELECT _q3._k1 AS q, f(_q3._a2) FROM (SELECT t.q AS _k1, MAX(t.p) AS _a2 FROM t GROUP BY t.q) AS
_q3;

-- HAVING: the cheap part first, then the model's.
SELECT q FROM t GROUP BY q HAVING COUNT(*) > 1 AND f(MAX(p)) = 'x';
SELECT _q3._k1 AS q FROM (SELECT t.q AS _k1, MAX(t.p) AS _a2 FROM t GROUP BY t.q HAVING COUNT(*) >
1) AS _q3 WHERE f(_q3._a2) = 'x';

-- A call of a group key.
SELECT f(q), COUNT(*) FROM t GROUP BY q;
SELECT f(_q3._k1), _q3._a2 AS count FROM (SELECT t.q AS _k1, COUNT(*) AS _a2 FROM t GROUP BY t.q) AS
_q3;

-- Without GROUP BY there is one group.
SELECT f(MAX(p)), COUNT(*) FROM t WHERE i > 1;
SELECT f(_q3._a1), _q3._a2 AS count FROM (SELECT MAX(t.p) AS _a1, COUNT(*) AS _a2 FROM t WHERE t.i >
1) AS _q3;

-- In ORDER BY, with LIMIT.
SELECT q, COUNT(*) AS c FROM t GROUP BY q ORDER BY f(MAX(p)), q LIMIT 2;
SELECT _q4._k1 AS q, _q4._a2 AS c FROM (SELECT t.q AS _k1, COUNT(*) AS _a2, MAX(t.p) AS _a3 FROM t
GROUP BY t.q) AS _q4 ORDER BY f(_q4._a3), q LIMIT 2;

-- A key inside ROLLUP is a key.
SELECT UPPER(q) AS k, f(MAX(p)) AS y FROM t GROUP BY ROLLUP(UPPER(q));
SELECT _q3._k1 AS k, f(_q3._a2) AS y FROM (SELECT UPPER(t.q) AS _k1, MAX(t.p) AS _a2 FROM t GROUP BY
ROLLUP (UPPER(t.q))) AS _q3;

-- Over aggregates, and below them: the inner call stays below.
SELECT q, f(MAX(g(p))) FROM t GROUP BY q;
SELECT _q3._k1 AS q, f(_q3._a2) FROM (SELECT t.q AS _k1, MAX(g(t.p)) AS _a2 FROM t GROUP BY t.q) AS
_q3;

-- Every call lies below.
SELECT MAX(f(p)) FROM t;
UNCHANGED;

SELECT f(p), COUNT(*) FROM t GROUP BY f(p);
UNCHANGED;

SELECT f(p), COUNT(*) FROM t GROUP BY f(p) HAVING f(p) <> 'x';
UNCHANGED;

-- No groups.
SELECT f(p) FROM t;
UNCHANGED;
