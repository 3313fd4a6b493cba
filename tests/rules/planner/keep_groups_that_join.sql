-- Of the groups, those that something is equal to.
SELECT s.y FROM t JOIN (SELECT i, min(f(b)) AS y FROM u GROUP BY i) AS s ON t.i = s.i;
SELECT s.y FROM t JOIN (SELECT u.i, MIN(f(u.b)) AS y FROM u WHERE EXISTS(SELECT 1 AS one FROM t
WHERE t.i = u.i) GROUP BY u.i) AS s ON t.i = s.i;

SELECT s.y FROM (SELECT i, min(f(b)) AS y FROM u GROUP BY i) AS s, t WHERE s.i + 0 = t.i AND t.q = 'x';
SELECT s.y FROM (SELECT u.i, MIN(f(u.b)) AS y FROM u WHERE EXISTS(SELECT 1 AS one FROM t WHERE u.i +
0 = t.i AND t.q = 'x') GROUP BY u.i) AS s, t WHERE s.i + 0 = t.i AND t.q = 'x';

-- An expression as key, another name, HAVING, a condition that is no equality besides.
SELECT t.i, s.n FROM (SELECT i % 4 AS k, count(f(b)) AS n FROM u GROUP BY i % 4 HAVING max(f(b)) > 'a')
AS s JOIN t ON s.k = t.i AND s.k < length(t.p) + 2;
SELECT t.i, s.n FROM (SELECT u.i % 4 AS k, count(f(u.b)) AS n FROM u WHERE EXISTS(SELECT 1 AS one
FROM t WHERE (u.i % 4) = t.i AND (u.i % 4) < LENGTH(t.p) + 2) GROUP BY u.i % 4 HAVING MAX(f(u.b)) >
'a') AS s JOIN t ON s.k = t.i AND s.k < LENGTH(t.p) + 2;

-- Two keys; three relations.
SELECT s.y FROM t JOIN (SELECT i, b, min(f(b)) AS y FROM u GROUP BY i, b) AS s
ON t.i = s.i AND t.p = s.b JOIN u ON u.i = t.i AND u.b = 'a';
SELECT s.y FROM t JOIN (SELECT u.i, u.b, MIN(f(u.b)) AS y FROM u WHERE EXISTS(SELECT 1 AS one FROM t
AS _w1 CROSS JOIN u AS _w2 WHERE _w1.i = u.i AND _w1.p = u.b AND _w2.i = _w1.i AND _w2.b = 'a')
GROUP BY u.i, u.b) AS s ON t.i = s.i AND t.p = s.b JOIN u ON u.i = t.i AND u.b = 'a';

-- DISTINCT.
SELECT s.y FROM t JOIN (SELECT DISTINCT i, f(b) AS y FROM u) AS s ON t.i = s.i;
SELECT s.y FROM t JOIN (SELECT DISTINCT u.i, f(u.b) AS y FROM u WHERE EXISTS(SELECT 1 AS one FROM t
WHERE t.i = u.i)) AS s ON t.i = s.i;

-- The same table on both sides.
SELECT s.y FROM u JOIN (SELECT i, min(f(b)) AS y FROM u GROUP BY i) AS s ON u.i = s.i WHERE u.b > 'a';
SELECT s.y FROM u JOIN (SELECT u.i, MIN(f(u.b)) AS y FROM u WHERE EXISTS(SELECT 1 AS one FROM u AS
_w1 WHERE _w1.i = u.i AND _w1.b > 'a') GROUP BY u.i) AS s ON u.i = s.i WHERE u.b > 'a';

-- The side of an outer join that loses what joins with nothing.
SELECT t.i, s.y FROM t LEFT JOIN (SELECT i, min(f(b)) AS y FROM u GROUP BY i) AS s ON t.i = s.i
AND t.q = 'x' WHERE t.i > 1;
SELECT t.i, s.y FROM t LEFT JOIN (SELECT u.i, MIN(f(u.b)) AS y FROM u WHERE EXISTS(SELECT 1 AS one
FROM t WHERE t.i = u.i AND t.q = 'x' AND t.i > 1) GROUP BY u.i) AS s ON t.i = s.i AND t.q = 'x'
WHERE t.i > 1;

SELECT t.i, s.y FROM (SELECT i, min(f(b)) AS y FROM u GROUP BY i) AS s RIGHT JOIN t ON t.i = s.i;
SELECT t.i, s.y FROM (SELECT u.i, MIN(f(u.b)) AS y FROM u WHERE EXISTS(SELECT 1 AS one FROM t WHERE
t.i = u.i) GROUP BY u.i) AS s RIGHT JOIN t ON t.i = s.i;

SELECT t.i, s.y FROM t LEFT JOIN u ON t.i = u.i JOIN (SELECT i, min(f(b)) AS y FROM u GROUP BY i) AS s
ON s.i = u.i WHERE t.q = 'x';
SELECT t.i, s.y FROM t LEFT JOIN u ON t.i = u.i JOIN (SELECT u.i, MIN(f(u.b)) AS y FROM u WHERE
EXISTS(SELECT 1 AS one FROM t AS _w1 LEFT JOIN u AS _w2 ON _w1.i = _w2.i WHERE u.i = _w2.i AND _w1.q
= 'x') GROUP BY u.i) AS s ON s.i = u.i WHERE t.q = 'x';

-- Below a later join that extends the rows of others, without what WHERE asks of these.
SELECT t.i, s.y, w.i FROM t JOIN (SELECT i, min(f(b)) AS y FROM u GROUP BY i) AS s ON t.i = s.i
FULL JOIN u AS w ON w.i = s.i WHERE t.q IS NULL;
SELECT t.i, s.y, w.i FROM t JOIN (SELECT u.i, MIN(f(u.b)) AS y FROM u WHERE EXISTS(SELECT 1 AS one
FROM t WHERE t.i = u.i) GROUP BY u.i) AS s ON t.i = s.i FULL JOIN u AS w ON w.i = s.i WHERE t.q IS
NULL;

-- What is joined is cheap to know in part.
SELECT s.y FROM t JOIN (SELECT i, min(f(b)) AS y FROM u GROUP BY i) AS s ON t.i = s.i
WHERE g(t.q) = 'x' AND t.i < 5;
SELECT s.y FROM t JOIN (SELECT u.i, MIN(f(u.b)) AS y FROM u WHERE EXISTS(SELECT 1 AS one FROM t
WHERE t.i = u.i AND t.i < 5) GROUP BY u.i) AS s ON t.i = s.i WHERE g(t.q) = 'x' AND t.i < 5;

SELECT s.y, r.n FROM (SELECT i, min(f(b)) AS y FROM u GROUP BY i) AS s JOIN t ON t.i = s.i
JOIN (SELECT i, count(f(q)) AS n FROM t GROUP BY i) AS r ON r.i = s.i;
SELECT s.y, r.n FROM (SELECT u.i, MIN(f(u.b)) AS y FROM u WHERE EXISTS(SELECT 1 AS one FROM t WHERE
t.i = u.i) GROUP BY u.i) AS s JOIN t ON t.i = s.i JOIN (SELECT t.i, count(f(t.q)) AS n FROM t GROUP
BY t.i) AS r ON r.i = s.i;

-- Not the side that an outer join keeps.
SELECT t.i, s.y FROM (SELECT i, min(f(b)) AS y FROM u GROUP BY i) AS s LEFT JOIN t ON t.i = s.i;
UNCHANGED;

SELECT t.i, s.y FROM (SELECT i, min(f(b)) AS y FROM u GROUP BY i) AS s FULL JOIN t ON t.i = s.i;
UNCHANGED;

-- Not by what is no key.
SELECT s.y FROM t JOIN (SELECT i, min(f(b)) AS y, max(b) AS b FROM u GROUP BY i) AS s ON t.p = s.b;
UNCHANGED;

SELECT s.y FROM t JOIN (SELECT count(f(b)) AS y FROM u) AS s ON t.i = s.y;
UNCHANGED;

SELECT s.y FROM t JOIN (SELECT DISTINCT f(b) AS y FROM u) AS s ON t.q = s.y;
UNCHANGED;

SELECT s.y FROM t JOIN (SELECT i, min(f(b)) AS y FROM u GROUP BY i) AS s ON t.i < s.i;
UNCHANGED;

-- Not on groups of several kinds, above windows, or above LIMIT.
SELECT s.y FROM t JOIN (SELECT i, min(f(b)) AS y FROM u GROUP BY ROLLUP (i)) AS s ON t.i = s.i;
UNCHANGED;

SELECT s.y FROM t JOIN (SELECT i, min(f(b)) AS y, count(*) OVER () AS n FROM u GROUP BY i) AS s ON t.i = s.i;
UNCHANGED;

SELECT s.y FROM t JOIN (SELECT DISTINCT i, f(b) AS y, count(*) OVER () AS n FROM u) AS s ON t.i = s.i;
UNCHANGED;

SELECT s.y FROM t JOIN (SELECT i, min(f(b)) AS y FROM u GROUP BY i ORDER BY i LIMIT 2) AS s ON t.i = s.i;
UNCHANGED;

-- Nor where what is joined needs answers, is drawn by lot, or nothing is called.
SELECT s.y FROM (SELECT i, f(p) AS p FROM t) AS r JOIN (SELECT i, min(f(b)) AS y FROM u GROUP BY i) AS s
ON r.i = s.i WHERE r.p = 'x';
UNCHANGED;

SELECT s.y FROM (SELECT i FROM t WHERE random() > 2) AS r JOIN (SELECT i, min(f(b)) AS y FROM u GROUP BY i)
AS s ON r.i = s.i;
UNCHANGED;

SELECT s.y FROM t JOIN (SELECT i, min(b) AS y FROM u GROUP BY i) AS s ON t.i = s.i;
UNCHANGED;
