-- What has a value in any case is not NULL.
SELECT i FROM t WHERE f(p) = 'x' AND COALESCE('no', q) IS NULL;
SELECT t.i FROM t WHERE f(t.p) = 'x' AND FALSE;

SELECT i FROM t WHERE ('a' || COALESCE(q, 'no')) IS NOT NULL AND f(p) = 'x';
SELECT t.i FROM t WHERE NOT FALSE AND f(t.p) = 'x';

-- What has none in any case is NULL, and comparisons with it are.
SELECT i FROM t WHERE NULLIF(f(p), f(p)) IS NULL AND f(q) = 'x';
SELECT t.i FROM t WHERE TRUE AND f(t.q) = 'x';

SELECT t.i FROM t LEFT JOIN u ON t.i = u.i AND NULLIF(t.q, t.q) <> f(t.p);
SELECT t.i FROM t LEFT JOIN u ON t.i = u.i AND CAST(NULL AS BOOLEAN);

SELECT i FROM t WHERE NOT upper(NULLIF(p, p)) IN (f(p), q);
SELECT t.i FROM t WHERE NOT CAST(NULL AS BOOLEAN);

-- Not so beside a subquery, which may have no rows, and below a bound, beside the other one.
SELECT i FROM t WHERE NOT NULLIF(p, p) IN (SELECT b FROM u WHERE i > 100) AND NOT (f(p) BETWEEN NULLIF(q, q) AND 'x');
UNCHANGED;

-- A text is like a pattern, or not, where both are known and nothing is escaped.
SELECT i FROM t WHERE ('yes' LIKE '%e%' AND f(p) = 'x') OR 'a
b' LIKE 'a_c';
SELECT t.i FROM t WHERE (TRUE AND f(t.p) = 'x') OR FALSE;

SELECT i FROM t WHERE 'a%' LIKE 'a\\%' AND 'a' LIKE q AND f(p) = 'x';
UNCHANGED;

-- Nothing is known of what is drawn at random, nor of values.
SELECT i, NULLIF(p, p) IS NULL AS n FROM t WHERE f(p) = 'x' AND (NULLIF(random(), random()) IS NULL OR i > 0);
UNCHANGED;

-- In HAVING it may be a part of what is grouped by.
SELECT count(*) FROM t WHERE f(p) = 'x' GROUP BY CASE WHEN i > 1 OR 'no' IS NULL THEN p END HAVING CASE WHEN i > 1 OR 'no' IS NULL THEN p END IS NULL;
UNCHANGED;

SELECT i FROM t WHERE f(p) = 'x' AND i IN (SELECT count(*) FROM u GROUP BY 'no' IS NULL HAVING 'no' IS NULL);
UNCHANGED;
