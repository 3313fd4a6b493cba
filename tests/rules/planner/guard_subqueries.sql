-- CASE, COALESCE, AND and OR, WHERE.
SELECT CASE WHEN i > 9 THEN (SELECT max(f(b)) FROM u) END AS c FROM t;
SELECT CASE WHEN t.i > 9 THEN (SELECT MAX(f(u.b)) FROM u WHERE EXISTS(SELECT 1 AS one FROM t WHERE COALESCE(t.i > 9, FALSE))) END AS c FROM t;

SELECT coalesce(q, (SELECT max(f(b)) FROM u)) AS c FROM t WHERE i < 3;
SELECT coalesce(t.q, (SELECT MAX(f(u.b)) FROM u WHERE EXISTS(SELECT 1 AS one FROM t WHERE t.i < 3 AND (t.q) IS NULL))) AS c FROM t WHERE t.i < 3;

SELECT i FROM t WHERE i > 2 OR EXISTS (SELECT 1 FROM u WHERE f(b) = 'x' AND i > 1);
SELECT t.i FROM t WHERE t.i > 2 OR EXISTS(SELECT 1 FROM u WHERE f(u.b) = 'x' AND u.i > 1 AND EXISTS(SELECT 1 AS one FROM t WHERE NOT COALESCE(t.i > 2, FALSE)));

SELECT i FROM t WHERE i > 9 AND p > (SELECT max(f(b)) FROM u);
SELECT t.i FROM t WHERE t.i > 9 AND t.p > (SELECT MAX(f(u.b)) FROM u WHERE EXISTS(SELECT 1 AS one FROM t WHERE t.i > 9));

SELECT t.i, t.p IN (SELECT f(b) FROM u) AS c FROM t JOIN u ON t.i = u.i WHERE u.b > 'b';
SELECT t.i, t.p IN (SELECT f(u.b) FROM u WHERE EXISTS(SELECT 1 AS one FROM t JOIN u ON t.i = u.i WHERE u.b > 'b')) AS c FROM t JOIN u ON t.i = u.i WHERE u.b > 'b';

SELECT i FROM t WHERE i > 4 AND NOT i IN (SELECT i FROM u WHERE f(b) = 'x');
SELECT t.i FROM t WHERE t.i > 4 AND NOT t.i IN (SELECT u.i FROM u WHERE f(u.b) = 'x' AND EXISTS(SELECT 1 AS one FROM t WHERE t.i > 4));

-- Of the conditions, those that are cheap.
SELECT CASE WHEN g(p) = 'x' THEN (SELECT max(f(b)) FROM u) END AS c FROM t WHERE g(q) = 'y' AND i > 2;
SELECT CASE WHEN g(t.p) = 'x' THEN (SELECT MAX(f(u.b)) FROM u WHERE EXISTS(SELECT 1 AS one FROM t WHERE t.i > 2)) END AS c FROM t WHERE g(t.q) = 'y' AND t.i > 2;

-- In ORDER BY, in an argument, without FROM.
SELECT i FROM t WHERE i < 3 ORDER BY (SELECT max(f(b)) FROM u), i;
SELECT t.i FROM t WHERE t.i < 3 ORDER BY (SELECT MAX(f(u.b)) FROM u WHERE EXISTS(SELECT 1 AS one FROM t WHERE t.i < 3)), i;

SELECT i, g((SELECT max(f(b)) FROM u)) AS y FROM t WHERE i > 9;
SELECT t.i, g((SELECT MAX(f(u.b)) FROM u WHERE EXISTS(SELECT 1 AS one FROM t WHERE t.i > 9))) AS y FROM t WHERE t.i > 9;

SELECT CASE WHEN 1 > 2 THEN (SELECT f('a')) END AS c;
SELECT CASE WHEN 1 > 2 THEN (SELECT f('a') WHERE EXISTS(SELECT 1 AS one WHERE COALESCE(1 > 2, FALSE))) END AS c;

-- In WHERE below groups.
SELECT count(*) FROM t WHERE i > 9 AND p > (SELECT max(f(b)) FROM u);
SELECT count(*) FROM t WHERE t.i > 9 AND t.p > (SELECT MAX(f(u.b)) FROM u WHERE EXISTS(SELECT 1 AS one FROM t WHERE t.i > 9));

-- Not above them, where there is a group even without a row.
SELECT count(*), (SELECT max(f(b)) FROM u) AS m FROM t WHERE i > 9;
UNCHANGED;

-- Every row evaluates it.
SELECT i, (SELECT max(f(b)) FROM u) AS m FROM t;
UNCHANGED;

SELECT i FROM t WHERE EXISTS (SELECT 1 FROM u WHERE f(b) = 'x');
UNCHANGED;

-- Its rows need answers, or are drawn by lot.
SELECT s.i, (SELECT max(f(b)) FROM u) AS m FROM (SELECT DISTINCT i, g(p) AS y FROM t) AS s WHERE s.i > 2;
UNCHANGED;

SELECT count(*) FROM t WHERE random() > 2 AND i > (SELECT count(f(b)) FROM u);
UNCHANGED;

-- No calls.
SELECT f(p) AS y, (SELECT max(b) FROM u) AS m FROM t WHERE i > 2;
UNCHANGED;

