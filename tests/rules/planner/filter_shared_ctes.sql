-- What one reader or the other wants.
WITH c AS (SELECT i, f(p) AS y FROM t WHERE q = 'x') SELECT y FROM c WHERE i = 1 UNION ALL SELECT d.y FROM c AS d WHERE d.i > 2 AND d.i < 4;
WITH c AS (SELECT t.i, f(t.p) AS y FROM t WHERE t.q = 'x' AND (t.i = 1 OR (t.i > 2 AND t.i < 4))) SELECT c.y FROM c WHERE c.i = 1 UNION ALL SELECT d.y FROM c AS d WHERE d.i > 2 AND d.i < 4;

-- Joined: by WHERE and ON; with an outer join, by ON where NULL may come for it.
WITH c AS (SELECT i, p, f(p) AS y FROM t) SELECT a.y FROM c AS a JOIN c AS b ON a.p = b.p AND b.i = 3 WHERE a.i = 1;
WITH c AS (SELECT t.i, t.p, f(t.p) AS y FROM t WHERE (t.i = 1 OR t.i = 3)) SELECT a.y FROM c AS a JOIN c AS b ON a.p = b.p AND b.i = 3 WHERE a.i = 1;

WITH c AS (SELECT i, p, f(p) AS y FROM t) SELECT a.y FROM c AS a LEFT JOIN c AS b ON a.p = b.p AND b.i = 3 WHERE a.i = 1;
WITH c AS (SELECT t.i, t.p, f(t.p) AS y FROM t WHERE (t.i = 1 OR t.i = 3)) SELECT a.y FROM c AS a LEFT JOIN c AS b ON a.p = b.p AND b.i = 3 WHERE a.i = 1;

WITH c AS (SELECT i, p, f(p) AS y FROM t) SELECT a.y FROM c AS a LEFT JOIN c AS b ON a.p = b.p WHERE b.i = 1 AND a.i = 1;
UNCHANGED;

-- A reader that wants all rows, or asks about answers.
WITH c AS (SELECT i, f(p) AS y FROM t) SELECT y FROM c WHERE i = 1 UNION ALL SELECT y FROM c;
UNCHANGED;

WITH c AS (SELECT i, f(p) AS y FROM t) SELECT y FROM c WHERE i = 1 UNION ALL SELECT y FROM c WHERE y = 'x';
UNCHANGED;

-- What cuts or groups first; no call.
WITH c AS (SELECT i, f(p) AS y FROM t ORDER BY i LIMIT 2) SELECT y FROM c WHERE i = 1 UNION ALL SELECT y FROM c WHERE i = 2;
UNCHANGED;

WITH c AS (SELECT q, max(f(p)) AS y FROM t GROUP BY q) SELECT y FROM c WHERE q = 'x' UNION ALL SELECT y FROM c WHERE q = 'y';
UNCHANGED;

WITH c AS (SELECT i, p FROM t) SELECT p FROM c WHERE i = 1 UNION ALL SELECT p FROM c WHERE i = 2;
UNCHANGED;
