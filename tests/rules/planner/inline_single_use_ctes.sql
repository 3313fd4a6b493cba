-- Read once: it goes where it is read, under the name that it is read by.
WITH c AS (SELECT p FROM t) SELECT f(p) FROM c LIMIT 2;
SELECT f(c.p) FROM (SELECT t.p FROM t) AS c LIMIT 2;

WITH c AS (SELECT p FROM t) SELECT f(d.p) FROM c AS d;
SELECT f(d.p) FROM (SELECT t.p FROM t) AS d;

WITH c (x, y) AS (SELECT i, p FROM t) SELECT x, f(y) FROM c WHERE x > 1;
SELECT c.x, f(c.y) FROM (SELECT t.i AS x, t.p AS y FROM t) AS c WHERE c.x > 1;

-- A chain is inlined link by link.
WITH c AS (SELECT i, p FROM t), d AS (SELECT i, f(p) AS y FROM c) SELECT d.y FROM d;
SELECT d.y FROM (SELECT c.i, f(c.p) AS y FROM (SELECT t.i, t.p FROM t) AS c) AS d;

-- Read once each.
WITH c AS (SELECT i, p FROM t), d AS (SELECT i, b FROM u) SELECT c.i FROM c JOIN d ON c.i = d.i;
SELECT c.i FROM (SELECT t.i, t.p FROM t) AS c JOIN (SELECT u.i, u.b FROM u) AS d ON c.i = d.i;

-- Read twice: it stays, and is stored once.
WITH c AS (SELECT i, f(p) AS y FROM t) SELECT a.i FROM c AS a JOIN c AS b ON a.y = b.y;
UNCHANGED;

WITH c AS (SELECT f(p) AS y FROM t) SELECT y FROM c UNION ALL SELECT y FROM c;
UNCHANGED;

-- Read by one that is read twice: that one stays, and takes the other in.
WITH c AS (SELECT p FROM t), d AS (SELECT f(p) AS y FROM c)
SELECT a.y FROM d AS a JOIN d AS b ON a.y = b.y;
WITH d AS (SELECT f(c.p) AS y FROM (SELECT t.p FROM t) AS c) SELECT a.y FROM d AS a JOIN d AS b ON
a.y = b.y;

-- In a subquery.
SELECT i FROM t WHERE p IN (WITH c AS (SELECT b FROM u) SELECT f(b) FROM c);
SELECT t.i FROM t WHERE t.p IN (SELECT f(c.b) FROM (SELECT u.b FROM u) AS c);

-- A table of the same name elsewhere is not a reader.
WITH c AS (SELECT i, b FROM u) SELECT c.b FROM c JOIN t ON c.i = t.i;
SELECT c.b FROM (SELECT u.i, u.b FROM u) AS c JOIN t ON c.i = t.i;

-- Recursive: never.
WITH RECURSIVE c AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM c WHERE n < 3) SELECT n FROM c;
UNCHANGED;

-- Not read at all: it goes, and so does what it alone reads.
WITH c AS (SELECT f(p) AS y FROM t), d AS (SELECT y FROM c) SELECT i FROM t;
SELECT t.i FROM t;
