-- Groups that are dropped are not asked about.
SELECT s.y FROM (SELECT q, MAX(f(p)) AS y FROM t GROUP BY q) AS s WHERE s.q = 'x';
SELECT s.y FROM (SELECT t.q, MAX(f(t.p)) AS y FROM t WHERE t.q = 'x' GROUP BY t.q) AS s;

SELECT q, MAX(f(p)) AS y FROM t GROUP BY q HAVING q > 'w' AND COUNT(*) > 1;
SELECT t.q, MAX(f(t.p)) AS y FROM t WHERE t.q > 'w' GROUP BY t.q HAVING COUNT(*) > 1;

-- Keys that are computed, and on down below a join.
SELECT s.y FROM (SELECT UPPER(t.q) AS k, u.i, MAX(f(p)) AS y FROM t JOIN u ON t.i = u.i GROUP BY UPPER(t.q), u.i) AS s WHERE s.k = 'X' AND s.i = 1;
SELECT s.y FROM (SELECT UPPER(t.q) AS k, u.i, MAX(f(t.p)) AS y FROM t JOIN u ON t.i = u.i AND u.i = 1 WHERE UPPER(t.q) = 'X' GROUP BY UPPER(t.q), u.i) AS s;

-- Not what speaks of an aggregate, of no key, or calls a model.
SELECT s.y FROM (SELECT q, MAX(f(p)) AS y, COUNT(*) AS n FROM t GROUP BY q) AS s WHERE s.n + LENGTH(s.q) > 1;
UNCHANGED;

SELECT s.y FROM (SELECT MAX(i) AS i, MAX(f(p)) AS y FROM t) AS s WHERE s.i = 1;
UNCHANGED;

SELECT q, MAX(p) AS y FROM t GROUP BY q HAVING f(q) = 'x';
UNCHANGED;

-- Not below a LIMIT, a window or several groupings.
SELECT s.y FROM (SELECT q, MAX(f(p)) AS y FROM t GROUP BY q ORDER BY q LIMIT 1) AS s WHERE s.q = 'x';
UNCHANGED;

SELECT s.y FROM (SELECT q, MAX(f(p)) AS y, RANK() OVER (ORDER BY q) AS r FROM t GROUP BY q) AS s WHERE s.q = 'x';
UNCHANGED;

SELECT s.y FROM (SELECT q, MAX(f(p)) AS y FROM t GROUP BY ROLLUP (q)) AS s WHERE s.q = 'x';
UNCHANGED;

-- Not through the side of an outer join whose rows may be NULL.
SELECT u.i FROM u LEFT JOIN (SELECT i, MAX(f(p)) AS y FROM t GROUP BY i) AS s ON s.i = u.i WHERE s.i IS NULL;
UNCHANGED;
