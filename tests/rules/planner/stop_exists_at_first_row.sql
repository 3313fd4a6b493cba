-- One row shows it.
SELECT i FROM t WHERE EXISTS (SELECT 1 AS one FROM u WHERE f(b) = 'x');
SELECT t.i FROM t WHERE EXISTS(SELECT 1 AS one FROM u WHERE f(u.b) = 'x' LIMIT 1);

-- That there is none takes all of them, which the plan finds out.
SELECT i FROM t WHERE NOT EXISTS (SELECT 1 AS one FROM u WHERE f(b) = 'x' OFFSET 1);
SELECT t.i FROM t WHERE NOT EXISTS(SELECT 1 AS one FROM u WHERE f(u.b) = 'x' LIMIT 1 OFFSET 1);

-- A LIMIT stays as it is written.
SELECT i FROM t WHERE EXISTS (SELECT 1 AS one FROM u WHERE f(b) = 'x' LIMIT 0);
UNCHANGED;

-- Set operations are left alone.
SELECT i FROM t WHERE EXISTS (SELECT f(b) FROM u INTERSECT SELECT g(p) FROM t);
UNCHANGED;

-- No call.
SELECT i FROM t WHERE EXISTS (SELECT 1 AS one FROM u WHERE b = 'x');
UNCHANGED;
