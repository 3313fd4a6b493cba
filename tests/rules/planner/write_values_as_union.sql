-- One SELECT for each row.
SELECT c FROM (VALUES (f('a')), ('b')) AS v(c);
SELECT v.c FROM (SELECT f('a') AS c UNION ALL SELECT 'b' AS c) AS v;

SELECT t.i, v.c FROM t JOIN (VALUES (1, f('a')), (2, NULL), (NULL, g('b'))) AS v(i, c) ON t.i = v.i;
SELECT t.i, v.c FROM t JOIN (SELECT 1 AS i, f('a') AS c UNION ALL SELECT 2 AS i, NULL AS c UNION ALL SELECT NULL AS i, g('b') AS c) AS v ON t.i = v.i;

-- A single row.
SELECT v.* FROM (VALUES (f('a'), 'b')) AS v(x, y);
SELECT v.x, v.y FROM (SELECT f('a') AS x, 'b' AS y) AS v;

-- No call.
SELECT f(c) FROM (VALUES ('a'), ('b')) AS v(c);
UNCHANGED;
