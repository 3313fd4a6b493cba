-- An answer becomes a column of an inference block, which does nothing but call.
SELECT UPPER(f(s.p)) AS y FROM (SELECT i, p FROM t) AS s;
SELECT UPPER(s._y1) AS y FROM (SELECT s.i, s.p, f(s.p) AS _y1 FROM (SELECT t.i, t.p FROM t) AS s) AS
s;

-- Equal calls share a column.
SELECT f(s.p) AS y, f(s.p) || '!' AS z FROM (SELECT p FROM t) AS s ORDER BY f(s.p);
SELECT s._y1 AS y, s._y1 || '!' AS z FROM (SELECT s.p, f(s.p) AS _y1 FROM (SELECT t.p FROM t) AS s)
AS s ORDER BY s._y1;

-- Independent calls share a block.
SELECT f(s.p), g(s.q) FROM (SELECT p, q FROM t) AS s;
UNCHANGED;

-- A call of an answer comes in a block above.
SELECT f(g(s.p)) AS y FROM (SELECT p FROM t) AS s;
SELECT s._y2 AS y FROM (SELECT s.p, s._y1, f(s._y1) AS _y2 FROM (SELECT s.p, g(s.p) AS _y1 FROM
(SELECT t.p FROM t) AS s) AS s) AS s;

-- A branch is a guard; an earlier branch must not have been taken.
SELECT CASE WHEN s.i > 2 THEN f(s.p) WHEN s.i > 1 THEN g(s.q) ELSE s(s.p) END AS c
FROM (SELECT i, p, q FROM t) AS s;
SELECT CASE WHEN s.i > 2 THEN s._y2 WHEN s.i > 1 THEN s._y3 ELSE s._y1 END AS c FROM (SELECT s.i,
s.p, s.q, CASE WHEN NOT COALESCE(s.i > 2, FALSE) AND NOT COALESCE(s.i > 1, FALSE) THEN s(s.p) END AS
_y1, CASE WHEN COALESCE(s.i > 2, FALSE) THEN f(s.p) END AS _y2, CASE WHEN NOT COALESCE(s.i > 2,
FALSE) AND COALESCE(s.i > 1, FALSE) THEN g(s.q) END AS _y3 FROM (SELECT t.i, t.p, t.q FROM t) AS s)
AS s;

SELECT CASE s.i WHEN 1 THEN f(s.p) ELSE 'no' END AS c FROM (SELECT i, p FROM t) AS s;
SELECT CASE s.i WHEN 1 THEN s._y1 ELSE 'no' END AS c FROM (SELECT s.i, s.p, CASE WHEN COALESCE(s.i =
1, FALSE) THEN f(s.p) END AS _y1 FROM (SELECT t.i, t.p FROM t) AS s) AS s;

-- DECODE is a CASE for which NULL equals NULL.
SELECT DECODE(s.q, 'x', f(s.p), NULL, g(s.p), s(s.p)) AS c FROM (SELECT p, q FROM t) AS s;
SELECT DECODE(s.q, 'x', s._y1, NULL, s._y2, s._y3) AS c FROM (SELECT s.p, s.q, CASE WHEN s.q IS NOT
DISTINCT FROM 'x' THEN f(s.p) END AS _y1, CASE WHEN NOT s.q IS NOT DISTINCT FROM 'x' AND s.q IS NOT
DISTINCT FROM NULL THEN g(s.p) END AS _y2, CASE WHEN NOT s.q IS NOT DISTINCT FROM 'x' AND NOT s.q IS
NOT DISTINCT FROM NULL THEN s(s.p) END AS _y3 FROM (SELECT t.p, t.q FROM t) AS s) AS s;

SELECT DECODE(s.q, f(s.p), 'same') AS c FROM (SELECT p, q FROM t) AS s;
SELECT DECODE(s.q, s._y1, 'same') AS c FROM (SELECT s.p, s.q, f(s.p) AS _y1 FROM (SELECT t.p, t.q
FROM t) AS s) AS s;

-- A guard that needs an answer: that is given first.
SELECT CASE WHEN f(s.p) = 'x' THEN g(s.q) END AS c FROM (SELECT p, q FROM t) AS s;
SELECT CASE WHEN s._y1 = 'x' THEN s._y2 END AS c FROM (SELECT s.p, s.q, s._y1, CASE WHEN
COALESCE(s._y1 = 'x', FALSE) THEN g(s.q) END AS _y2 FROM (SELECT s.p, s.q, f(s.p) AS _y1 FROM
(SELECT t.p, t.q FROM t) AS s) AS s) AS s;

-- COALESCE, NVL and NULLIF ask only where they have to.
SELECT COALESCE(s.q, f(s.p)) AS c FROM (SELECT p, q FROM t) AS s;
SELECT COALESCE(s.q, s._y1) AS c FROM (SELECT s.p, s.q, CASE WHEN (s.q) IS NULL THEN f(s.p) END AS
_y1 FROM (SELECT t.p, t.q FROM t) AS s) AS s;

SELECT NVL(s.q, f(s.p)) AS c FROM (SELECT p, q FROM t) AS s;
SELECT NVL(s.q, s._y1) AS c FROM (SELECT s.p, s.q, CASE WHEN (s.q) IS NULL THEN f(s.p) END AS _y1
FROM (SELECT t.p, t.q FROM t) AS s) AS s;

SELECT NULLIF(s.q, f(s.p)) AS c FROM (SELECT p, q FROM t) AS s;
SELECT NULLIF(s.q, s._y1) AS c FROM (SELECT s.p, s.q, CASE WHEN NOT (s.q) IS NULL THEN f(s.p) END AS
_y1 FROM (SELECT t.p, t.q FROM t) AS s) AS s;

-- AND and OR: the cheap side guards, whichever side it is; of two calls the first guards the second.
SELECT s.i FROM (SELECT i, p FROM t) AS s WHERE f(s.p) = 'x' OR s.i = 2;
SELECT s.i FROM (SELECT s.i, s.p, CASE WHEN NOT COALESCE(s.i = 2, FALSE) THEN f(s.p) END AS _y1 FROM
(SELECT t.i, t.p FROM t) AS s) AS s WHERE s._y1 = 'x' OR s.i = 2;

SELECT f(s.p) = 'x' AND g(s.q) = 'y' AS c FROM (SELECT p, q FROM t) AS s;
SELECT s._y1 = 'x' AND s._y2 = 'y' AS c FROM (SELECT s.p, s.q, s._y1, CASE WHEN COALESCE(s._y1 =
'x', TRUE) THEN g(s.q) END AS _y2 FROM (SELECT s.p, s.q, f(s.p) AS _y1 FROM (SELECT t.p, t.q FROM t)
AS s) AS s) AS s;

-- WHERE and WHEN take NULL for false: nobody is asked where the other side is NULL.
SELECT s.i FROM (SELECT i, p, q FROM t) AS s WHERE s.i = 2 OR s.q = 'x' AND f(s.p) = 'x';
SELECT s.i FROM (SELECT s.i, s.p, s.q, CASE WHEN NOT COALESCE(s.i = 2, FALSE) AND COALESCE(s.q =
'x', FALSE) THEN f(s.p) END AS _y1 FROM (SELECT t.i, t.p, t.q FROM t) AS s) AS s WHERE s.i = 2 OR
s.q = 'x' AND s._y1 = 'x';

SELECT s.i FROM (SELECT i, p, q FROM t) AS s WHERE NOT (f(s.p) = 'x' OR s.q = 'x');
SELECT s.i FROM (SELECT s.i, s.p, s.q, CASE WHEN NOT COALESCE(s.q = 'x', TRUE) THEN f(s.p) END AS
_y1 FROM (SELECT t.i, t.p, t.q FROM t) AS s) AS s WHERE NOT (s._y1 = 'x' OR s.q = 'x');

SELECT s.i FROM (SELECT i, p, q FROM t) AS s WHERE NOT (f(s.p) = 'x' AND s.q = 'x');
SELECT s.i FROM (SELECT s.i, s.p, s.q, CASE WHEN COALESCE(s.q = 'x', TRUE) THEN f(s.p) END AS _y1
FROM (SELECT t.i, t.p, t.q FROM t) AS s) AS s WHERE NOT (s._y1 = 'x' AND s.q = 'x');

SELECT CASE WHEN s.q = 'x' AND f(s.p) = 'x' THEN 1 END AS c FROM (SELECT i, p, q FROM t) AS s;
SELECT CASE WHEN s.q = 'x' AND s._y1 = 'x' THEN 1 END AS c FROM (SELECT s.i, s.p, s.q, CASE WHEN
COALESCE(s.q = 'x', FALSE) THEN f(s.p) END AS _y1 FROM (SELECT t.i, t.p, t.q FROM t) AS s) AS s;

-- Where NULL is a value, it needs the answer.
SELECT s.q = 'x' AND f(s.p) = 'x' AS c FROM (SELECT i, p, q FROM t) AS s;
SELECT s.q = 'x' AND s._y1 = 'x' AS c FROM (SELECT s.i, s.p, s.q, CASE WHEN COALESCE(s.q = 'x',
TRUE) THEN f(s.p) END AS _y1 FROM (SELECT t.i, t.p, t.q FROM t) AS s) AS s;

SELECT s.i FROM (SELECT i, p, q FROM t) AS s WHERE (s.q = 'x' OR f(s.p) = 'x') IS NULL;
SELECT s.i FROM (SELECT s.i, s.p, s.q, CASE WHEN NOT COALESCE(s.q = 'x', FALSE) THEN f(s.p) END AS
_y1 FROM (SELECT t.i, t.p, t.q FROM t) AS s) AS s WHERE (s.q = 'x' OR s._y1 = 'x') IS NULL;

-- IN: an item is asked for where no earlier one matched.
SELECT s.p IN ('a', f(s.q), 'b') AS c FROM (SELECT p, q FROM t) AS s;
SELECT s.p IN ('a', s._y1, 'b') AS c FROM (SELECT s.p, s.q, CASE WHEN NOT (s.p) IS NULL AND NOT
COALESCE(s.p = 'a', FALSE) THEN f(s.q) END AS _y1 FROM (SELECT t.p, t.q FROM t) AS s) AS s;

-- One call under two guards is made where either holds.
SELECT CASE WHEN s.i = 1 THEN f(s.p) WHEN s.i = 2 THEN 'two' WHEN s.i = 3 THEN f(s.p) END AS c
FROM (SELECT i, p FROM t) AS s;
SELECT CASE WHEN s.i = 1 THEN s._y1 WHEN s.i = 2 THEN 'two' WHEN s.i = 3 THEN s._y1 END AS c FROM
(SELECT s.i, s.p, CASE WHEN COALESCE(s.i = 1, FALSE) OR (NOT COALESCE(s.i = 1, FALSE) AND NOT
COALESCE(s.i = 2, FALSE) AND COALESCE(s.i = 3, FALSE)) THEN f(s.p) END AS _y1 FROM (SELECT t.i, t.p
FROM t) AS s) AS s;

-- One call without a guard is made for every row.
SELECT f(s.p) AS y, CASE WHEN s.i = 1 THEN f(s.p) END AS c FROM (SELECT i, p FROM t) AS s;
SELECT s._y1 AS y, CASE WHEN s.i = 1 THEN s._y1 END AS c FROM (SELECT s.i, s.p, f(s.p) AS _y1 FROM
(SELECT t.i, t.p FROM t) AS s) AS s;

-- A call whose second place waits for its first.
SELECT s.p IN (f(s.q), f(s.q)) AS c FROM (SELECT p, q FROM t) AS s;
SELECT s.p IN (s._y1, s._y2) AS c FROM (SELECT s.p, s.q, s._y1, CASE WHEN NOT (s.p) IS NULL AND NOT
COALESCE(s.p = s._y1, FALSE) THEN f(s.q) END AS _y2 FROM (SELECT s.p, s.q, CASE WHEN NOT (s.p) IS
NULL THEN f(s.q) END AS _y1 FROM (SELECT t.p, t.q FROM t) AS s) AS s) AS s;

-- No call, or a block that is an inference block already.
SELECT s.i FROM (SELECT i FROM t) AS s;
UNCHANGED;

SELECT s.i, f(s.p) AS y FROM (SELECT i, p FROM t) AS s;
UNCHANGED;

-- Nor is a call of a call one, under a guard either.
SELECT CASE WHEN s.i > 2 THEN f(g(s.p)) END AS y FROM (SELECT i, p FROM t) AS s;
SELECT CASE WHEN s.i > 2 THEN s._y2 END AS y FROM (SELECT s.i, s.p, s._y1, CASE WHEN COALESCE(s.i > 2, FALSE) THEN f(s._y1) END AS _y2 FROM (SELECT s.i, s.p, CASE WHEN COALESCE(s.i > 2, FALSE) THEN g(s.p) END AS _y1 FROM (SELECT t.i, t.p FROM t) AS s) AS s) AS s;

-- A call behind a condition that waits for another call comes in a later block.
SELECT NULLIF(f(s.p), g(s.q)) AS c FROM (SELECT p, q FROM t) AS s;
SELECT NULLIF(s._y1, s._y2) AS c FROM (SELECT s.p, s.q, s._y1, CASE WHEN NOT (s._y1) IS NULL THEN
g(s.q) END AS _y2 FROM (SELECT s.p, s.q, f(s.p) AS _y1 FROM (SELECT t.p, t.q FROM t) AS s) AS s) AS s;
