-- EXISTS: rows that no row around wants are not asked about.
SELECT i FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.i = t.i AND f(u.b) = 'x');
SELECT t.i FROM t LEFT JOIN (SELECT DISTINCT u.i AS _k2 FROM u WHERE f(u.b) = 'x' AND EXISTS(SELECT 1 AS one FROM t WHERE u.i = t.i)) AS _s1 ON _s1._k2 = t.i WHERE NOT _s1._k2 IS NULL;

SELECT i FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.i = t.i AND f(u.b) = 'x');
SELECT t.i FROM t LEFT JOIN (SELECT DISTINCT u.i AS _k2 FROM u WHERE f(u.b) = 'x' AND EXISTS(SELECT 1 AS one FROM t WHERE u.i = t.i)) AS _s1 ON _s1._k2 = t.i WHERE NOT NOT _s1._k2 IS NULL;

SELECT i, EXISTS (SELECT b FROM u WHERE u.i = t.i AND f(u.b) = 'x') AS e FROM t;
SELECT t.i, NOT _s1._k2 IS NULL AS e FROM t LEFT JOIN (SELECT DISTINCT u.i AS _k2 FROM u WHERE f(u.b) = 'x' AND EXISTS(SELECT 1 AS one FROM t WHERE u.i = t.i)) AS _s1 ON _s1._k2 = t.i;

-- Two keys; what is cheap around the subquery is asked first.
SELECT i FROM t WHERE i < 9 AND EXISTS (SELECT 1 FROM u WHERE u.i = t.i AND t.p = u.b AND f(u.b) = 'x');
SELECT t.i FROM t LEFT JOIN (SELECT DISTINCT u.i AS _k2, u.b AS _k3 FROM u WHERE f(u.b) = 'x' AND EXISTS(SELECT 1 AS one FROM t WHERE t.i < 9 AND u.i = t.i AND u.b = t.p)) AS _s1 ON _s1._k2 = t.i AND _s1._k3 = t.p WHERE t.i < 9 AND NOT _s1._k2 IS NULL;

-- A name that means another table within.
SELECT t.i FROM t JOIN u ON t.i = u.i WHERE EXISTS (SELECT 1 FROM u WHERE u.i = t.i AND f(u.b) = 'x');
SELECT t.i FROM t JOIN u ON t.i = u.i LEFT JOIN (SELECT DISTINCT u.i AS _k2 FROM u WHERE f(u.b) =
'x' AND EXISTS(SELECT 1 AS one FROM t AS _w3 JOIN u AS _w4 ON _w3.i = _w4.i WHERE u.i = _w3.i)) AS
_s1 ON _s1._k2 = t.i WHERE NOT _s1._k2 IS NULL;

-- IN, where unknown is as good as false.
SELECT i FROM t WHERE p IN (SELECT f(u.b) FROM u WHERE u.i = t.i);
SELECT t.i FROM t LEFT JOIN (SELECT DISTINCT u.i AS _k2, f(u.b) AS _k3 FROM u WHERE EXISTS(SELECT 1 AS one FROM t WHERE NOT t.p IS NULL AND u.i = t.i)) AS _s1 ON _s1._k2 = t.i AND _s1._k3 = t.p WHERE NOT _s1._k2 IS NULL;

SELECT i FROM t WHERE i IN (SELECT u.i FROM u WHERE f(t.p) = u.b);
SELECT t.i FROM t LEFT JOIN (SELECT DISTINCT u.b AS _k2, u.i AS _k3 FROM u WHERE EXISTS(SELECT 1 AS one FROM t WHERE u.i = t.i)) AS _s1 ON _s1._k2 = f(t.p) AND _s1._k3 = t.i WHERE NOT _s1._k2 IS NULL;

SELECT i FROM t WHERE i NOT IN (SELECT u.i FROM u WHERE u.b = t.p AND f(u.b) = 'x');
UNCHANGED;

SELECT i FROM t WHERE i IN (SELECT u.i FROM u WHERE u.b = t.p AND f(u.b) = 'x') OR i = 7;
UNCHANGED;

-- A value: COUNT of no rows is 0, other aggregates are NULL.
SELECT (SELECT max(f(u.b)) FROM u WHERE u.i = t.i) FROM t;
SELECT CASE WHEN _s1._k2 IS NULL THEN (NULL) ELSE _s1._v3 END AS max FROM t LEFT JOIN (SELECT u.i AS _k2, MAX(f(u.b)) AS _v3 FROM u WHERE EXISTS(SELECT 1 AS one FROM t WHERE u.i = t.i) GROUP BY u.i) AS _s1 ON _s1._k2 = t.i;

SELECT i, (SELECT count(f(u.b)) + 1 FROM u WHERE u.i = t.i) AS n FROM t ORDER BY n DESC, i;
SELECT t.i, CASE WHEN _s1._k2 IS NULL THEN (0 + 1) ELSE _s1._v3 END AS n FROM t LEFT JOIN (SELECT u.i AS _k2, count(f(u.b)) + 1 AS _v3 FROM u WHERE EXISTS(SELECT 1 AS one FROM t WHERE u.i = t.i) GROUP BY u.i) AS _s1 ON _s1._k2 = t.i ORDER BY n DESC, i;

SELECT i, (SELECT coalesce(max(f(u.b)), 'none') FROM u WHERE u.i = t.i) AS n FROM t WHERE i < 5;
SELECT t.i, CASE WHEN _s1._k2 IS NULL THEN (coalesce(NULL, 'none')) ELSE _s1._v3 END AS n FROM t LEFT JOIN (SELECT u.i AS _k2, coalesce(MAX(f(u.b)), 'none') AS _v3 FROM u WHERE EXISTS(SELECT 1 AS one FROM t WHERE t.i < 5 AND u.i = t.i) GROUP BY u.i) AS _s1 ON _s1._k2 = t.i WHERE t.i < 5;

SELECT p, count(*) FROM t WHERE (SELECT count(*) FROM u WHERE u.i = t.i AND f(u.b) = 'x') = 0 GROUP BY p;
SELECT t.p, count(*) FROM t LEFT JOIN (SELECT u.i AS _k2, count(*) AS _v3 FROM u WHERE f(u.b) = 'x' AND EXISTS(SELECT 1 AS one FROM t WHERE u.i = t.i) GROUP BY u.i) AS _s1 ON _s1._k2 = t.i WHERE CASE WHEN _s1._k2 IS NULL THEN (0) ELSE _s1._v3 END = 0 GROUP BY t.p;

-- A value of several rows, groups around the value, a call over the aggregate, other comparisons.
SELECT (SELECT f(u.b) FROM u WHERE u.i = t.i) FROM t WHERE i = 3;
UNCHANGED;

SELECT p, (SELECT max(f(u.b)) FROM u WHERE u.b = t.p) FROM t GROUP BY p;
UNCHANGED;

SELECT i, (SELECT f(max(u.b)) FROM u WHERE u.i = t.i) AS y FROM t;
UNCHANGED;

SELECT i FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.i < t.i AND f(u.b) = 'x');
UNCHANGED;

SELECT i FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.i = t.i AND f(u.b || t.p) = 'x');
UNCHANGED;

-- ON of a join.
SELECT t.i FROM t LEFT JOIN u ON t.i = u.i AND EXISTS (SELECT 1 FROM u AS w WHERE w.i = t.i AND f(w.b) = 'x');
UNCHANGED;

-- An IN that stands by itself is told what it is compared with.
SELECT t.i FROM t WHERE t.q = 'x' AND t.i IN (SELECT u.i FROM u WHERE f(u.b) = 'x');
SELECT t.i FROM t WHERE t.q = 'x' AND t.i IN (SELECT u.i FROM u WHERE f(u.b) = 'x' AND EXISTS(SELECT 1 AS one FROM t WHERE t.q = 'x' AND u.i = t.i));

SELECT t.i FROM t WHERE t.p IN (SELECT t.q FROM t WHERE f(t.p) = 'x');
SELECT t.i FROM t WHERE t.p IN (SELECT t.q FROM t WHERE f(t.p) = 'x' AND EXISTS(SELECT 1 AS one FROM
t AS _w1 WHERE t.q = _w1.p));

-- Where unknown is another answer than false: with the NULLs.
SELECT t.i FROM t WHERE NOT t.i IN (SELECT u.i FROM u WHERE f(u.b) = 'x');
SELECT t.i FROM t WHERE NOT t.i IN (SELECT u.i FROM u WHERE f(u.b) = 'x' AND (EXISTS(SELECT 1 AS one
FROM t WHERE u.i = t.i) OR u.i IS NULL OR EXISTS(SELECT 1 AS one FROM t WHERE t.i IS NULL)));

SELECT t.i FROM t WHERE t.i > 2 AND NOT t.p IN (SELECT t.q FROM t WHERE f(t.p) = 'y');
SELECT t.i FROM t WHERE t.i > 2 AND NOT t.p IN (SELECT t.q FROM t WHERE f(t.p) = 'y' AND
(EXISTS(SELECT 1 AS one FROM t AS _w1 WHERE _w1.i > 2 AND t.q = _w1.p) OR t.q IS NULL OR
EXISTS(SELECT 1 AS one FROM t AS _w1 WHERE _w1.i > 2 AND _w1.p IS NULL)));

SELECT t.i, t.p IN (SELECT u.b FROM u WHERE f(u.b) = 'x') AS c FROM t;
SELECT t.i, t.p IN (SELECT u.b FROM u WHERE f(u.b) = 'x' AND (EXISTS(SELECT 1 AS one FROM t WHERE
u.b = t.p) OR u.b IS NULL OR EXISTS(SELECT 1 AS one FROM t WHERE t.p IS NULL))) AS c FROM t;

SELECT t.i FROM t WHERE t.p IN (SELECT u.b FROM u WHERE f(u.b) = 'x') OR t.i = 7;
SELECT t.i FROM t WHERE t.p IN (SELECT u.b FROM u WHERE f(u.b) = 'x' AND (EXISTS(SELECT 1 AS one
FROM t WHERE NOT COALESCE(t.i = 7, FALSE) AND u.b = t.p) OR u.b IS NULL OR EXISTS(SELECT 1 AS one
FROM t WHERE NOT COALESCE(t.i = 7, FALSE) AND t.p IS NULL))) OR t.i = 7;

-- Which rows are wanted is known before the answer of a subquery that is compared too.
SELECT t.i FROM t WHERE t.q IN (SELECT s.y FROM (SELECT i, f(b) AS y FROM u WHERE g(b) = 'x') AS s WHERE s.i = t.i);
SELECT t.i FROM t LEFT JOIN (SELECT DISTINCT s.i AS _k2, s.y AS _k3 FROM (SELECT u.i, f(u.b) AS y FROM u
WHERE g(u.b) = 'x') AS s WHERE EXISTS(SELECT 1 AS one FROM t WHERE s.i = t.i) AND EXISTS(SELECT 1 AS one
FROM t WHERE s.i = t.i AND s.y = t.q)) AS _s1 ON _s1._k2 = t.i AND _s1._k3 = t.q WHERE NOT _s1._k2 IS NULL;

-- Where only answers are compared, nothing is asked if there is no row.
SELECT t.i FROM t WHERE t.i > 3 AND EXISTS (SELECT 1 FROM u WHERE g(u.b) = f(t.p));
SELECT t.i FROM t LEFT JOIN (SELECT DISTINCT g(u.b) AS _k2 FROM u WHERE EXISTS(SELECT 1 AS one FROM t
WHERE t.i > 3)) AS _s1 ON _s1._k2 = f(t.p) WHERE t.i > 3 AND NOT _s1._k2 IS NULL;

-- In a branch: only rows that take it want an answer, and are asked about what is compared.
SELECT CASE WHEN t.i > 3 THEN EXISTS (SELECT 1 FROM u WHERE u.i = t.i AND g(u.b) = f(t.p)) END AS c FROM t;
SELECT CASE WHEN t.i > 3 THEN NOT _s1._k2 IS NULL END AS c FROM t LEFT JOIN (SELECT DISTINCT u.i AS _k2,
g(u.b) AS _k3 FROM u WHERE EXISTS(SELECT 1 AS one FROM t WHERE COALESCE(t.i > 3, FALSE) AND u.i = t.i)) AS _s1
ON _s1._k2 = t.i AND _s1._k3 = CASE WHEN COALESCE(t.i > 3, FALSE) THEN f(t.p) END;

-- Not what is compared by lot, not where it is cut, nor where an answer is compared.
SELECT t.i FROM t WHERE t.i + random() > 0 AND t.i IN (SELECT u.i FROM u WHERE f(u.b) = 'x');
SELECT t.i FROM t WHERE t.i + RANDOM() > 0 AND t.i IN (SELECT u.i FROM u WHERE f(u.b) = 'x' AND
EXISTS(SELECT 1 AS one FROM t WHERE u.i = t.i));

SELECT t.i, RANK() OVER (ORDER BY t.i) IN (SELECT u.i FROM u WHERE f(u.b) = 'x') AS c FROM t;
UNCHANGED;

SELECT t.i FROM t WHERE t.i - 100 * random() IN (SELECT u.i FROM u WHERE f(u.b) = 'x') AND t.i < 0;
UNCHANGED;

SELECT t.i FROM t WHERE t.i IN (SELECT u.i FROM u WHERE f(u.b) = 'x' ORDER BY u.i LIMIT 1);
UNCHANGED;

SELECT t.i FROM t WHERE t.i IN (SELECT max(u.i) FROM u WHERE f(u.b) = 'x');
UNCHANGED;

SELECT t.i FROM t WHERE t.p IN (SELECT f(u.b) FROM u);
UNCHANGED;

-- No correlation, no call.
SELECT i FROM t WHERE EXISTS (SELECT 1 FROM u WHERE f(u.b) = 'x');
UNCHANGED;

SELECT i FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.i = t.i) AND f(p) = 'x';
UNCHANGED;

-- Beside an inner join that waits for a model: nothing waits for that.
SELECT t.i, EXISTS (SELECT 1 FROM u WHERE u.i = t.i AND f(u.b) = 'x') AS e FROM t JOIN u AS w ON w.i = t.i AND 'a' IN (SELECT g(v.b) FROM u AS v);
SELECT t.i, NOT _s1._k2 IS NULL AS e FROM t JOIN u AS w ON w.i = t.i AND 'a' IN (SELECT g(v.b) FROM u AS v) LEFT JOIN (SELECT DISTINCT u.i AS _k2 FROM u WHERE f(u.b) = 'x' AND EXISTS(SELECT 1 AS one FROM t JOIN u AS w ON w.i = t.i WHERE u.i = t.i)) AS _s1 ON _s1._k2 = t.i;

-- Of rows that a model chooses nothing is known before, but that no row may take the branch.
SELECT 1 = 0 AND EXISTS (SELECT 1 FROM u WHERE u.i = s.i AND g(u.b) = 'x') AS c FROM (SELECT t.i FROM t WHERE f(t.p) = 'x') AS s;
SELECT 1 = 0 AND NOT _s1._k2 IS NULL AS c FROM (SELECT t.i FROM t WHERE f(t.p) = 'x') AS s LEFT JOIN (SELECT DISTINCT u.i AS _k2 FROM u WHERE g(u.b) = 'x' AND COALESCE(1 = 0, TRUE)) AS _s1 ON _s1._k2 = s.i;
