-- The columns of a query are known without a row.
SELECT f(p) AS y FROM t LIMIT 0;
SELECT f(t.p) AS y FROM t WHERE FALSE LIMIT 0;

SELECT count(f(p)) AS c FROM t WHERE i < 3 LIMIT 0 OFFSET 2;
SELECT count(f(t.p)) AS c FROM t WHERE t.i < 3 AND FALSE LIMIT 0 OFFSET 2;

-- Each arm of a set operation, and what is cut within a query.
SELECT f(p) AS y FROM t UNION SELECT b FROM u LIMIT 0;
SELECT f(t.p) AS y FROM t WHERE FALSE UNION SELECT u.b FROM u WHERE FALSE LIMIT 0;

SELECT i FROM t WHERE f(p) IN (SELECT g(b) FROM u LIMIT 0);
SELECT t.i FROM t WHERE f(t.p) IN (SELECT g(u.b) FROM u WHERE FALSE LIMIT 0);

-- OFFSET 0 cuts nothing, and one row is a row.
SELECT f(p) AS y FROM t ORDER BY i LIMIT 1 OFFSET 0;
UNCHANGED;
