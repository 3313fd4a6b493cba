-- A comparison that is no equality, and a call of both sides.
SELECT i FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.i < t.i AND f(u.b) = 'x');
SELECT t.i FROM t LEFT JOIN (SELECT DISTINCT TRUE AS _e4, _d3._o1 FROM (SELECT DISTINCT t.i AS _o1 FROM t) AS _d3 CROSS JOIN u WHERE u.i < _d3._o1 AND f(u.b) = 'x') AS _s2 ON _s2._o1 IS NOT DISTINCT FROM t.i WHERE NOT _s2._e4 IS NULL;

SELECT i FROM t WHERE i > 2 AND NOT EXISTS (SELECT 1 FROM u WHERE u.i = t.i AND f(u.b || t.p) = 'x');
SELECT t.i FROM t LEFT JOIN (SELECT DISTINCT TRUE AS _e5, _d4._o1, _d4._o2 FROM (SELECT DISTINCT t.i AS _o1, t.p AS _o2 FROM t WHERE t.i > 2) AS _d4 CROSS JOIN u WHERE u.i = _d4._o1 AND f(u.b || _d4._o2) = 'x') AS _s3 ON _s3._o1 IS NOT DISTINCT FROM t.i AND _s3._o2 IS NOT DISTINCT FROM t.p WHERE t.i > 2 AND NOT NOT _s3._e5 IS NULL;

SELECT i, EXISTS (SELECT 1 FROM u WHERE f(t.p) = 'x') AS e FROM t;
SELECT t.i, NOT _s2._e4 IS NULL AS e FROM t LEFT JOIN (SELECT DISTINCT TRUE AS _e4, _d3._o1 FROM (SELECT DISTINCT t.p AS _o1 FROM t) AS _d3 CROSS JOIN u WHERE f(_d3._o1) = 'x') AS _s2 ON _s2._o1 IS NOT DISTINCT FROM t.p;

-- A join within, whose ON refers to the query around.
SELECT i FROM t WHERE EXISTS (SELECT 1 FROM u JOIN u AS w ON w.i = u.i AND w.b > t.p WHERE f(u.b) = 'x');
SELECT t.i FROM t LEFT JOIN (SELECT DISTINCT TRUE AS _e4, _d3._o1 FROM (SELECT DISTINCT t.p AS _o1 FROM t) AS _d3 CROSS JOIN u JOIN u AS w ON w.i = u.i AND w.b > _d3._o1 WHERE f(u.b) = 'x') AS _s2 ON _s2._o1 IS NOT DISTINCT FROM t.p WHERE NOT _s2._e4 IS NULL;

SELECT i FROM t WHERE EXISTS (SELECT 1 FROM u LEFT JOIN u AS w ON w.i = t.i WHERE w.i IS NULL AND f(u.b) = 'x');
SELECT t.i FROM t LEFT JOIN (SELECT DISTINCT TRUE AS _e4, _d3._o1 FROM (SELECT DISTINCT t.i AS _o1 FROM t) AS _d3 CROSS JOIN u LEFT JOIN u AS w ON w.i = _d3._o1 WHERE w.i IS NULL AND f(u.b) = 'x') AS _s2 ON _s2._o1 IS NOT DISTINCT FROM t.i WHERE NOT _s2._e4 IS NULL;

-- A value: COUNT of no rows is 0, other aggregates are NULL.
SELECT i, (SELECT count(*) FROM u WHERE u.i < t.i AND f(u.b) = 'x') AS n, (SELECT max(f(t.q || u.b)) FROM u WHERE u.i = t.i) AS m FROM t;
SELECT t.i, CASE WHEN _s8._e10 IS NULL THEN (0) ELSE _s8._v11 END AS n, CASE WHEN _s3._e5 IS NULL THEN (NULL) ELSE _s3._v6 END AS m FROM t LEFT JOIN (SELECT TRUE AS _e5, _d4._o1, _d4._o2, MAX(f(_d4._o1 || u.b)) AS _v6 FROM (SELECT DISTINCT t.q AS _o1, t.i AS _o2 FROM t) AS _d4 CROSS JOIN u WHERE u.i = _d4._o2 GROUP BY _d4._o1, _d4._o2) AS _s3 ON _s3._o1 IS NOT DISTINCT FROM t.q AND _s3._o2 IS NOT DISTINCT FROM t.i LEFT JOIN (SELECT TRUE AS _e10, _d9._o7, count(*) AS _v11 FROM (SELECT DISTINCT t.i AS _o7 FROM t) AS _d9 CROSS JOIN u WHERE u.i < _d9._o7 AND f(u.b) = 'x' GROUP BY _d9._o7) AS _s8 ON _s8._o7 IS NOT DISTINCT FROM t.i;

SELECT p, count(*) AS c FROM t WHERE (SELECT max(f(u.b)) FROM u WHERE u.i >= t.i) = 'x' GROUP BY p;
SELECT t.p, count(*) AS c FROM t LEFT JOIN (SELECT TRUE AS _e4, _d3._o1, MAX(f(u.b)) AS _v5 FROM (SELECT DISTINCT t.i AS _o1 FROM t) AS _d3 CROSS JOIN u WHERE u.i >= _d3._o1 GROUP BY _d3._o1) AS _s2 ON _s2._o1 IS NOT DISTINCT FROM t.i WHERE CASE WHEN _s2._e4 IS NULL THEN (NULL) ELSE _s2._v5 END = 'x' GROUP BY t.p;

-- What an equality tells is for another rule; groups around, a cut within, ON, rows that need answers.
SELECT i FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.i = t.i);
UNCHANGED;

SELECT p, (SELECT max(f(u.b)) FROM u WHERE u.b < t.p) AS m FROM t GROUP BY p;
UNCHANGED;

SELECT i FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.i < t.i AND f(u.b) = 'x' LIMIT 1);
UNCHANGED;

SELECT t.i FROM t LEFT JOIN u ON t.i = u.i AND EXISTS (SELECT 1 FROM u AS w WHERE w.i < t.i AND f(w.b) = 'x');
UNCHANGED;

SELECT s.i FROM (SELECT DISTINCT i, f(p) AS y FROM t) AS s WHERE EXISTS (SELECT 1 FROM u WHERE u.i < s.i AND g(u.b) = 'x');
UNCHANGED;

-- A value of several rows, no call, no reference.
SELECT i, (SELECT f(u.b) FROM u WHERE u.i = t.i) AS y FROM t WHERE i = 3;
UNCHANGED;

SELECT i FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.i < t.i) AND f(p) = 'x';
UNCHANGED;

SELECT i FROM t WHERE EXISTS (SELECT 1 FROM u WHERE f(u.b) = 'x');
UNCHANGED;

-- In a branch: only the rows that take it want an answer.
SELECT CASE WHEN t.i > 3 THEN EXISTS (SELECT 1 FROM u WHERE u.i < t.i AND f(u.b) = 'x') END AS e FROM t;
SELECT CASE WHEN t.i > 3 THEN NOT _s2._e4 IS NULL END AS e FROM t LEFT JOIN (SELECT DISTINCT TRUE AS _e4, _d3._o1 FROM (SELECT DISTINCT t.i AS _o1 FROM t WHERE COALESCE(t.i > 3, FALSE)) AS _d3 CROSS JOIN u WHERE u.i < _d3._o1 AND f(u.b) = 'x') AS _s2 ON _s2._o1 IS NOT DISTINCT FROM t.i;
