-- A row without a prompt for one is not asked about for the other.
SELECT i FROM t WHERE f(p) = 'x' AND g(q) = 'y';
SELECT t.i FROM t WHERE f(t.p) = 'x' AND g(t.q) = 'y' AND NOT t.p IS NULL AND NOT t.q IS NULL;

SELECT i FROM t WHERE NOT f(p) IN ('x', 'y') AND NOT (g(p || q) LIKE 'y%') AND s(q) BETWEEN 'a' AND 'z' AND q IS NOT NULL;
SELECT t.i FROM t WHERE NOT f(t.p) IN ('x', 'y') AND NOT (g(t.p || t.q) LIKE 'y%') AND s(t.q) BETWEEN 'a' AND 'z'
AND NOT t.q IS NULL AND NOT t.p IS NULL AND NOT t.p || t.q IS NULL;

-- Only what NULL does not pass, if the prompt can be NULL and is known.
SELECT i FROM t WHERE f(p) IS NULL AND COALESCE(g(q), 'y') = 'y' AND f('a') = 'x';
UNCHANGED;

SELECT i FROM t WHERE f(g(p)) = 'x' AND (g(q) IS NULL OR i = 1);
UNCHANGED;

-- Of OR, one of its sides.
SELECT i FROM t WHERE f(g(p)) = 'x' AND (g(q) = 'y' OR i = 1);
SELECT t.i FROM t WHERE f(g(t.p)) = 'x' AND (g(t.q) = 'y' OR t.i = 1) AND (NOT t.q IS NULL OR t.i = 1);

SELECT i FROM t WHERE f(p) = 'x' AND (g(q) = p OR i = 1 OR f(p) = 'y');
SELECT t.i FROM t WHERE f(t.p) = 'x' AND (g(t.q) = t.p OR t.i = 1 OR f(t.p) = 'y') AND NOT t.p IS NULL AND (((NOT t.q IS NULL AND NOT t.p IS NULL) OR t.i = 1) OR NOT t.p IS NULL);

SELECT i FROM t WHERE NOT f(p) IN (SELECT b FROM u WHERE i = 10) AND NOT g(q) IN (SELECT b FROM u WHERE i = 10);
UNCHANGED;

-- One predicate alone drops a row without a prompt, and asks about it no model.
SELECT i FROM t WHERE f(p) = 'x' AND i < 5;
UNCHANGED;

-- But it would ask where the other side is NULL.
SELECT i FROM t WHERE f(p) = q;
SELECT t.i FROM t WHERE f(t.p) = t.q AND NOT t.q IS NULL;

SELECT i FROM t WHERE NOT (q || 'x' IN (f(p), 'a')) AND i < 5;
SELECT t.i FROM t WHERE NOT (t.q || 'x' IN (f(t.p), 'a')) AND t.i < 5 AND NOT t.q || 'x' IS NULL;

SELECT i FROM t WHERE f(p) BETWEEN q AND 'z';
SELECT t.i FROM t WHERE f(t.p) BETWEEN t.q AND 'z' AND NOT t.q IS NULL;

-- What is not between two bounds may be above one, whatever the other is.
SELECT i FROM t WHERE NOT (f(p) BETWEEN q AND 'b');
UNCHANGED;

SELECT i FROM t WHERE NOT (q BETWEEN f(p) AND 'b');
SELECT t.i FROM t WHERE NOT (t.q BETWEEN f(t.p) AND 'b') AND NOT t.q IS NULL;

-- No row is asked about both, so that none is spared.
SELECT i FROM t WHERE (i <> 1 OR f(p) = 'x') AND (i <> 2 OR f(q) = 'x');
UNCHANGED;
