-- The arguments come from the side that is joined: its rows that have a partner.
SELECT t.i FROM t LEFT JOIN u ON t.i = u.i AND f(u.b) = 'x';
SELECT t.i FROM t LEFT JOIN (SELECT u.b, u.i, CASE WHEN EXISTS(SELECT 1 AS one FROM t WHERE t.i = u.i) THEN f(u.b) END AS _y1 FROM u) AS u ON t.i = u.i AND u._y1 = 'x';

-- From the other side.
SELECT t.i, u.b FROM t LEFT JOIN u ON t.i = u.i AND f(t.p) = 'x';
SELECT t.i, u.b FROM (SELECT t.i, t.p, CASE WHEN EXISTS(SELECT 1 AS one FROM u WHERE t.i = u.i) THEN f(t.p) END AS _y1 FROM t) AS t LEFT JOIN u ON t.i = u.i AND t._y1 = 'x';

-- From each side its own.
SELECT t.i, u.b FROM t FULL JOIN u ON t.i = u.i AND f(t.p) = g(u.b);
SELECT t.i, u.b FROM (SELECT t.i, t.p, CASE WHEN EXISTS(SELECT 1 AS one FROM u WHERE t.i = u.i) THEN f(t.p) END AS _y1 FROM t) AS t FULL JOIN (SELECT u.b, u.i, CASE WHEN EXISTS(SELECT 1 AS one FROM t WHERE t.i = u.i) THEN g(u.b) END AS _y2 FROM u) AS u ON t.i = u.i AND t._y1 = u._y2;

-- Of constants.
SELECT t.i, u.b FROM t LEFT JOIN u ON t.i = u.i AND f('a') = 'x';
SELECT t.i, u.b FROM t LEFT JOIN (SELECT u.b, u.i, CASE WHEN EXISTS(SELECT 1 AS one FROM t WHERE t.i = u.i) THEN f('a') END AS _y1 FROM u) AS u ON t.i = u.i AND u._y1 = 'x';

-- Nested calls are answered together.
SELECT t.i, u.b FROM t RIGHT JOIN u ON t.i = u.i AND f(g(u.b)) = 'x';
SELECT t.i, u.b FROM t RIGHT JOIN (SELECT u.b, u.i, CASE WHEN EXISTS(SELECT 1 AS one FROM t WHERE t.i = u.i) THEN f(g(u.b)) END AS _y1 FROM u) AS u ON t.i = u.i AND u._y1 = 'x';

-- A row that WHERE drops is no partner, if the join keeps it.
SELECT t.i, u.b FROM t LEFT JOIN u ON t.i = u.i AND f(u.b) = 'x' WHERE t.i < 4 AND u.b > '' ORDER BY u.b, t.i;
SELECT t.i, u.b FROM t LEFT JOIN (SELECT u.b, u.i, CASE WHEN EXISTS(SELECT 1 AS one FROM t WHERE t.i = u.i AND t.i < 4) THEN f(u.b) END AS _y1 FROM u) AS u ON t.i = u.i AND u._y1 = 'x' WHERE t.i < 4 AND u.b > '' ORDER BY u.b, t.i;

SELECT t.i, u.b FROM t RIGHT JOIN u ON t.i = u.i AND f(t.p) = 'x' WHERE u.b > '' AND t.i < 4;
SELECT t.i, u.b FROM (SELECT t.i, t.p, CASE WHEN EXISTS(SELECT 1 AS one FROM u WHERE t.i = u.i AND u.b > '') THEN f(t.p) END AS _y1 FROM t) AS t RIGHT JOIN u ON t.i = u.i AND t._y1 = 'x' WHERE u.b > '' AND t.i < 4;

SELECT t.i, u.b FROM t LEFT JOIN u ON t.i = u.i AND f(t.p) = 'x' WHERE t.i < 4;
SELECT t.i, u.b FROM (SELECT t.i, t.p, CASE WHEN EXISTS(SELECT 1 AS one FROM u WHERE t.i = u.i AND t.i < 4) THEN f(t.p) END AS _y1 FROM t) AS t LEFT JOIN u ON t.i = u.i AND t._y1 = 'x' WHERE t.i < 4;

-- It is one where a later join extends its rows with NULLs, or where the join does.
SELECT t.i, u.b FROM t LEFT JOIN u ON t.i = u.i AND f(u.b) = 'x' RIGHT JOIN t AS w ON w.i = u.i WHERE t.i < 4;
SELECT t.i, u.b FROM t LEFT JOIN (SELECT u.b, u.i, CASE WHEN EXISTS(SELECT 1 AS one FROM t WHERE t.i = u.i) THEN f(u.b) END AS _y1 FROM u) AS u ON t.i = u.i AND u._y1 = 'x' RIGHT JOIN t AS w ON w.i = u.i WHERE t.i < 4;

SELECT t.i, u.b FROM t FULL JOIN u ON t.i = u.i AND f(t.p) = 'x' WHERE t.i < 4;
SELECT t.i, u.b FROM (SELECT t.i, t.p, CASE WHEN EXISTS(SELECT 1 AS one FROM u WHERE t.i = u.i) THEN f(t.p) END AS _y1 FROM t) AS t FULL JOIN u ON t.i = u.i AND t._y1 = 'x' WHERE t.i < 4;

-- The partner is made by the joins before.
SELECT t.i, w.b FROM t JOIN u ON t.i = u.i LEFT JOIN u AS w ON w.i = u.i AND w.b > t.p AND f(w.b) = 'x';
SELECT t.i, w.b FROM t JOIN u ON t.i = u.i LEFT JOIN (SELECT w.b, w.i, CASE WHEN EXISTS(SELECT 1 AS one FROM t JOIN u ON t.i = u.i WHERE w.i = u.i AND w.b > t.p) THEN f(w.b) END AS _y1 FROM u AS w) AS w ON w.i = u.i AND w.b > t.p AND w._y1 = 'x';

SELECT t.i, w.b FROM t LEFT JOIN u ON t.i = u.i LEFT JOIN u AS w ON w.i = u.i AND f(u.b) = 'x';
SELECT t.i, w.b FROM t LEFT JOIN (SELECT u.b, u.i, CASE WHEN EXISTS(SELECT 1 AS one FROM u AS w WHERE w.i = u.i) THEN f(u.b) END AS _y1 FROM u) AS u ON t.i = u.i LEFT JOIN u AS w ON w.i = u.i AND u._y1 = 'x';

-- ON may have a guard of its own.
SELECT t.i, u.b FROM t LEFT JOIN u ON t.i = u.i AND (t.q = 'y' OR f(u.b) = 'x');
SELECT t.i, u.b FROM t LEFT JOIN (SELECT u.b, u.i, CASE WHEN EXISTS(SELECT 1 AS one FROM t WHERE t.i = u.i AND NOT COALESCE(t.q = 'y', FALSE)) THEN f(u.b) END AS _y1 FROM u) AS u ON t.i = u.i AND (t.q = 'y' OR u._y1 = 'x');

-- The same call above is not made again, unless there are rows without an answer.
SELECT t.i, f('b ' || u.b) AS y FROM t LEFT JOIN u ON t.i = u.i AND f('b ' || u.b) = 'x' WHERE f('b ' || u.b) > '';
SELECT t.i, u._y1 AS y FROM t LEFT JOIN (SELECT u.b, u.i, CASE WHEN EXISTS(SELECT 1 AS one FROM t WHERE t.i = u.i) THEN f('b ' || u.b) END AS _y1 FROM u) AS u ON t.i = u.i AND u._y1 = 'x' WHERE u._y1 > '';

SELECT t.i, f(coalesce(u.b, 'x')) AS y FROM t LEFT JOIN u ON t.i = u.i AND f(coalesce(u.b, 'x')) = 'x';
SELECT t.i, f(coalesce(u.b, 'x')) AS y FROM t LEFT JOIN (SELECT u.b, u.i, CASE WHEN EXISTS(SELECT 1 AS one FROM t WHERE t.i = u.i) THEN f(coalesce(u.b, 'x')) END AS _y1 FROM u) AS u ON t.i = u.i AND u._y1 = 'x';

SELECT t.i, f(u.b) AS y FROM t LEFT JOIN u ON t.i = u.i AND (t.q = 'y' OR f(u.b) = 'x');
SELECT t.i, f(u.b) AS y FROM t LEFT JOIN (SELECT u.b, u.i, CASE WHEN EXISTS(SELECT 1 AS one FROM t WHERE t.i = u.i AND NOT COALESCE(t.q = 'y', FALSE)) THEN f(u.b) END AS _y1 FROM u) AS u ON t.i = u.i AND (t.q = 'y' OR u._y1 = 'x');

SELECT t.i, f(t.p) AS y FROM t LEFT JOIN u ON t.i = u.i AND f(t.p) = 'x';
SELECT t.i, f(t.p) AS y FROM (SELECT t.i, t.p, CASE WHEN EXISTS(SELECT 1 AS one FROM u WHERE t.i = u.i) THEN f(t.p) END AS _y1 FROM t) AS t LEFT JOIN u ON t.i = u.i AND t._y1 = 'x';

-- No equality, one that takes another answer, partners that take answers: all rows of the side.
SELECT t.i, u.b FROM t LEFT JOIN u ON t.i < u.i AND f(u.b) = 'x';
SELECT t.i, u.b FROM t LEFT JOIN (SELECT u.b, u.i, f(u.b) AS _y1 FROM u) AS u ON t.i < u.i AND u._y1 = 'x';

SELECT t.i, u.b FROM t LEFT JOIN u ON f(t.p) = g(u.b);
SELECT t.i, u.b FROM (SELECT t.i, t.p, f(t.p) AS _y1 FROM t) AS t LEFT JOIN (SELECT u.b, g(u.b) AS _y2 FROM u) AS u ON t._y1 = u._y2;

SELECT t.i, s.y FROM (SELECT DISTINCT i, g(q) AS y FROM t) AS s RIGHT JOIN t ON t.i = s.i AND f(t.p) = 'x';
SELECT t.i, s.y FROM (SELECT DISTINCT t.i, g(t.q) AS y FROM t) AS s RIGHT JOIN (SELECT t.i, t.p, f(t.p) AS _y1 FROM t) AS t ON t.i = s.i AND t._y1 = 'x';

-- Arguments from both sides: refused later.
SELECT t.i FROM t LEFT JOIN u ON t.i = u.i AND f(t.p || u.b) = 'x';
UNCHANGED;

SELECT t.i FROM t LEFT JOIN u ON t.i = u.i WHERE f(u.b) = 'x';
UNCHANGED;


-- What ON asks of the same side first keeps rows from being asked about.
SELECT t.i FROM t FULL JOIN u ON t.i < u.i AND (u.b = 'a' OR f(u.b) = 'x');
SELECT t.i FROM t FULL JOIN (SELECT u.b, u.i, CASE WHEN NOT COALESCE(u.b = 'a', FALSE) THEN f(u.b)
END AS _y1 FROM u) AS u ON t.i < u.i AND (u.b = 'a' OR u._y1 = 'x');

SELECT t.i FROM t FULL JOIN u ON t.i < u.i AND f(u.b) = 'x' AND g(u.b) = 'y';
SELECT t.i FROM t FULL JOIN (SELECT u._y1, u.b, u.i, f(u.b) AS _y2 FROM (SELECT u.b, u.i,
CASE WHEN f(u.b) = 'x' THEN g(u.b) END AS _y1 FROM u) AS u) AS u ON t.i < u.i AND u._y2 = 'x'
AND u._y1 = 'y';

SELECT t.i FROM t LEFT JOIN u ON t.i < u.i AND f(t.p) = 'x' WHERE t.q = 'x';
SELECT t.i FROM (SELECT t.i, t.p, t.q, CASE WHEN t.q = 'x' THEN f(t.p) END AS _y1 FROM t) AS t
LEFT JOIN u ON t.i < u.i AND t._y1 = 'x' WHERE t.q = 'x';

SELECT t.i FROM t LEFT JOIN u ON t.i < u.i AND f(u.b) = 'x' AND u.b <> 'a';
SELECT t.i FROM t LEFT JOIN (SELECT u.b, u.i, CASE WHEN u.b <> 'a' THEN f(u.b) END AS _y1 FROM u)
AS u ON t.i < u.i AND u._y1 = 'x' AND u.b <> 'a';

-- What a guard reads is handed up to it, also where nothing else reads it any more.
SELECT t.i FROM t LEFT JOIN u ON f(u.b) = 'x' AND g('c') = 'y' AND t.i = 1 AND (f('d') = 'x' OR u.i = 1);
SELECT t.i FROM t LEFT JOIN (SELECT u._y1, u._y2, u.i, CASE WHEN f(u.b) = 'x' AND g('c') = 'y'
AND NOT COALESCE(u.i = 1, FALSE) THEN f('d') END AS _y3 FROM (SELECT u._y1, u.b, u.i,
CASE WHEN f(u.b) = 'x' THEN g('c') END AS _y2 FROM (SELECT u.b, u.i, f(u.b) AS _y1 FROM u) AS u)
AS u) AS u ON u._y1 = 'x' AND u._y2 = 'y' AND t.i = 1 AND (u._y3 = 'x' OR u.i = 1);
