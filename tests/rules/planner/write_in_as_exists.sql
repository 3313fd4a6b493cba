-- In WHERE, under AND and OR, unknown is as good as false.
SELECT i FROM t WHERE i = 7 OR i IN (SELECT u.i FROM u WHERE u.b = t.p AND f(u.b) = 'x');
SELECT t.i FROM t WHERE t.i = 7 OR EXISTS(SELECT 1 AS one FROM u WHERE u.b = t.p AND f(u.b) = 'x' AND u.i = t.i);

SELECT i FROM t WHERE (i > 2 AND i + 1 IN (SELECT u.i FROM u WHERE u.b = t.p AND f(u.b) = 'x')) OR i = 7;
SELECT t.i FROM t WHERE (t.i > 2 AND EXISTS(SELECT 1 AS one FROM u WHERE u.b = t.p AND f(u.b) = 'x' AND u.i = (t.i + 1))) OR t.i = 7;

-- Elsewhere a NULL that is compared makes it unknown.
SELECT i FROM t WHERE i NOT IN (SELECT u.i FROM u WHERE u.b = t.p AND f(u.b) = 'x');
SELECT t.i FROM t WHERE NOT CASE WHEN EXISTS(SELECT 1 AS one FROM u WHERE u.b = t.p AND f(u.b) = 'x' AND u.i = t.i) THEN TRUE WHEN EXISTS(SELECT 1 AS one FROM u WHERE u.b = t.p AND f(u.b) = 'x' AND (u.i IS NULL OR t.i IS NULL)) THEN NULL ELSE FALSE END;

SELECT i, i IN (SELECT u.i FROM u WHERE u.b < t.p AND f(u.b) > '') AS c FROM t;
SELECT t.i, CASE WHEN EXISTS(SELECT 1 AS one FROM u WHERE u.b < t.p AND f(u.b) > '' AND u.i = t.i) THEN TRUE WHEN EXISTS(SELECT 1 AS one FROM u WHERE u.b < t.p AND f(u.b) > '' AND (u.i IS NULL OR t.i IS NULL)) THEN NULL ELSE FALSE END AS c FROM t;

SELECT i, p IN (SELECT f(u.b) FROM u WHERE u.i <> t.i) AS c FROM t;
SELECT t.i, CASE WHEN EXISTS(SELECT 1 AS one FROM u WHERE u.i <> t.i AND f(u.b) = t.p) THEN TRUE WHEN EXISTS(SELECT 1 AS one FROM u WHERE u.i <> t.i AND (f(u.b) IS NULL OR t.p IS NULL)) THEN NULL ELSE FALSE END AS c FROM t;

-- In a condition of CASE too, unknown is as good as false.
SELECT CASE WHEN i IN (SELECT u.i FROM u WHERE u.b = t.p AND f(u.b) = 'x') THEN 1 END AS c FROM t;
SELECT CASE WHEN EXISTS(SELECT 1 AS one FROM u WHERE u.b = t.p AND f(u.b) = 'x' AND u.i = t.i) THEN 1 END AS c FROM t;

-- Whether an answer that is compared is NULL is no matter of the subquery.
SELECT i, f(p) IN (SELECT g(u.b) FROM u WHERE u.i <> t.i) AS c FROM t;
SELECT t.i, CASE WHEN EXISTS(SELECT 1 AS one FROM u WHERE u.i <> t.i AND g(u.b) = f(t.p)) THEN TRUE WHEN EXISTS(SELECT 1 AS one FROM u WHERE u.i <> t.i AND g(u.b) IS NULL) OR (f(t.p) IS NULL AND EXISTS(SELECT 1 AS one FROM u WHERE u.i <> t.i)) THEN NULL ELSE FALSE END AS c FROM t;

-- Not twice what gives something else each time.
SELECT i FROM t WHERE i NOT IN (SELECT u.i FROM u WHERE u.b = t.p AND v(u.b) = 'x');
UNCHANGED;

SELECT i FROM t WHERE i NOT IN (SELECT u.i FROM u WHERE u.b = t.p AND f(u.b) = 'x' AND random() > 2);
UNCHANGED;

-- It stands by itself, groups or cuts, calls nothing, or compares a name of another meaning within.
SELECT i FROM t WHERE i = 7 OR i IN (SELECT u.i FROM u WHERE f(u.b) = 'x');
UNCHANGED;

SELECT i FROM t WHERE i = 7 OR i IN (SELECT count(f(u.b)) FROM u WHERE u.b = t.p);
UNCHANGED;

SELECT i FROM t WHERE i = 7 OR i IN (SELECT u.i FROM u WHERE u.b = t.p AND f(u.b) = 'x' ORDER BY u.i LIMIT 1);
UNCHANGED;

SELECT i FROM t WHERE i = 7 OR i IN (SELECT u.i FROM u WHERE u.b = t.p) OR f(p) = 'x';
UNCHANGED;

SELECT u.i FROM u JOIN t ON t.i = u.i WHERE u.i = 7 OR u.i IN (SELECT u.i FROM u WHERE u.b = t.p AND f(u.b) = 'x');
UNCHANGED;


SELECT rank() OVER (ORDER BY i) IN (SELECT u.i FROM u WHERE u.b = t.p AND f(u.b) = 'x') AS y FROM t;
UNCHANGED;
