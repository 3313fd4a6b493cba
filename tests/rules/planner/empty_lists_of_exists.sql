-- Whether there are rows needs no answer.
SELECT i FROM t WHERE EXISTS (SELECT f(b) FROM u WHERE i = 9);
SELECT t.i FROM t WHERE EXISTS(SELECT 1 AS one FROM u WHERE u.i = 9);

SELECT i FROM t WHERE NOT EXISTS (SELECT DISTINCT f(b) AS y FROM u WHERE i = 10 ORDER BY y LIMIT 1);
SELECT t.i FROM t WHERE NOT EXISTS(SELECT 1 AS one FROM u WHERE u.i = 10 LIMIT 1);

-- What decides about rows stays.
SELECT i FROM t WHERE EXISTS (SELECT f(b) FROM u WHERE g(b) = 'x');
SELECT t.i FROM t WHERE EXISTS(SELECT 1 AS one FROM u WHERE g(u.b) = 'x');

-- Set operations compare what they select; an aggregation has a row whatever it selects.
SELECT i FROM t WHERE EXISTS (SELECT f(b) FROM u EXCEPT SELECT g(p) FROM t);
UNCHANGED;

SELECT i FROM t WHERE EXISTS (SELECT MAX(f(b)) FROM u WHERE i = 10);
UNCHANGED;

-- How many distinct answers there are is what OFFSET asks.
SELECT i FROM t WHERE EXISTS (SELECT DISTINCT f(b) FROM u OFFSET 2);
UNCHANGED;

-- No call.
SELECT i FROM t WHERE EXISTS (SELECT b FROM u);
UNCHANGED;
