-- A join drops rows: the call is made above it.
SELECT s.y, u.b FROM (SELECT i, f(p) AS y FROM t) AS s JOIN u ON s.i = u.i;
SELECT f(s._x1) AS y, u.b FROM (SELECT t.i, t.p AS _x1 FROM t) AS s JOIN u ON s.i = u.i;

-- A join that is written with USING, and a comma.
SELECT s.y FROM (SELECT i, f(p) AS y FROM t) AS s JOIN u USING (i);
SELECT f(s._x1) AS y FROM (SELECT t.i, t.p AS _x1 FROM t) AS s JOIN u ON s.i = u.i;

SELECT s.y FROM (SELECT i, f(p) AS y FROM t) AS s, u WHERE s.i = u.i;
SELECT f(s._x1) AS y FROM (SELECT t.i, t.p AS _x1 FROM t) AS s, u WHERE s.i = u.i;

-- A LIMIT, and a guard, above.
SELECT s.y FROM (SELECT i, f(p) AS y FROM t) AS s ORDER BY s.i LIMIT 2;
SELECT f(s._x1) AS y FROM (SELECT t.i, t.p AS _x1 FROM t) AS s ORDER BY s.i LIMIT 2;

SELECT CASE WHEN s.i > 3 THEN s.y END AS c FROM (SELECT i, f(p) AS y FROM t) AS s;
SELECT CASE WHEN s.i > 3 THEN f(s._x1) END AS c FROM (SELECT t.i, t.p AS _x1 FROM t) AS s;

-- Through two levels, and from two subqueries.
SELECT r.y FROM (SELECT s.i, s.y FROM (SELECT i, f(p) AS y FROM t) AS s) AS r JOIN u ON r.i = u.i;
SELECT f(r._x2) AS y FROM (SELECT s.i, s._x1 AS _x2 FROM (SELECT t.i, t.p AS _x1 FROM t) AS s) AS r JOIN u ON r.i = u.i;

SELECT a.y, b.z FROM (SELECT i, f(p) AS y FROM t) AS a JOIN (SELECT i, g(b) AS z FROM u) AS b ON a.i = b.i;
SELECT f(a._x1) AS y, g(b._x2) AS z FROM (SELECT t.i, t.p AS _x1 FROM t) AS a JOIN (SELECT u.i, u.b AS _x2 FROM u) AS b ON a.i = b.i;

-- The subquery is a join itself; its columns may have one name.
SELECT s.y FROM (SELECT t.i, f(t.p || u.b) AS y, u.i AS k FROM t JOIN u ON t.i = u.i) AS s JOIN u ON s.k = u.i;
SELECT f(s._x1 || s._x2) AS y FROM (SELECT t.i, u.i AS k, t.p AS _x1, u.b AS _x2 FROM t JOIN u ON t.i = u.i) AS s JOIN u ON s.k = u.i;

-- An operand of an operator.
SELECT s.y || '!' AS c FROM (SELECT i, p || f(p) AS y FROM t) AS s WHERE s.i < 4;
SELECT (s._x1 || f(s._x1)) || '!' AS c FROM (SELECT t.i, t.p AS _x1 FROM t) AS s WHERE s.i < 4;

-- Its predicate goes above the join too; the cheap one stays.
SELECT s.q FROM (SELECT i, q FROM t WHERE f(p) = 'x' AND i > 1) AS s JOIN u ON s.i = u.i WHERE u.b > '';
SELECT s.q FROM (SELECT t.i, t.q, t.p AS _x1 FROM t WHERE t.i > 1) AS s JOIN u ON s.i = u.i WHERE f(s._x1) = 'x' AND u.b > '';

SELECT s.q FROM (SELECT i, q FROM t WHERE f(p) = 'x') AS s LEFT JOIN u ON s.i = u.i;
SELECT s.q FROM (SELECT t.i, t.q, t.p AS _x1 FROM t) AS s LEFT JOIN u ON s.i = u.i WHERE f(s._x1) = 'x';

-- Where LEFT JOIN would keep the row, with NULLs, into ON; not above another such join.
SELECT s.q FROM u LEFT JOIN (SELECT i, q FROM t WHERE f(p) = 'x' OR f(q) = 'x') AS s ON s.i = u.i;
SELECT s.q FROM u LEFT JOIN (SELECT t.i, t.q, t.p AS _x1 FROM t) AS s ON s.i = u.i AND (f(s._x1) = 'x' OR f(s.q) = 'x');

SELECT s.q FROM u LEFT JOIN (SELECT i, q FROM t WHERE f(p) = 'x') AS s ON s.i < u.i;
UNCHANGED;

SELECT s.q FROM (SELECT i, q FROM t WHERE f(p) = 'x') AS s RIGHT JOIN u ON s.i = u.i;
UNCHANGED;

SELECT s.q FROM (SELECT i, q FROM t WHERE f(p) = 'x') AS s LEFT JOIN u ON s.i = u.i FULL JOIN t ON t.i = u.i;
UNCHANGED;

-- Nor where there is no join.
SELECT s.q FROM (SELECT i, q FROM t WHERE f(p) = 'x') AS s ORDER BY s.i LIMIT 1;
UNCHANGED;

-- An outer join: where nothing joins, nothing is asked about.
SELECT s.y FROM u LEFT JOIN (SELECT i, f(p) AS y FROM t) AS s ON s.i = u.i;
SELECT f(s._x1) AS y FROM u LEFT JOIN (SELECT t.i, t.p AS _x1 FROM t) AS s ON s.i = u.i;

SELECT s.y FROM u LEFT JOIN (SELECT i, f(coalesce(p, 'x')) AS y FROM t) AS s ON s.i = u.i;
SELECT CASE WHEN s._x2 THEN f(coalesce(s._x1, 'x')) END AS y FROM u LEFT JOIN (SELECT t.i, t.p AS _x1, TRUE AS _x2 FROM t) AS s ON s.i = u.i;

SELECT s.y FROM (SELECT i, f('a') AS y FROM t) AS s RIGHT JOIN u ON s.i = u.i;
SELECT CASE WHEN s._x1 THEN f('a') END AS y FROM (SELECT t.i, TRUE AS _x1 FROM t) AS s RIGHT JOIN u ON s.i = u.i;

SELECT s.y FROM (SELECT i, f(g(p)) AS y FROM t) AS s FULL JOIN u ON s.i = u.i;
SELECT f(g(s._x1)) AS y FROM (SELECT t.i, t.p AS _x1 FROM t) AS s FULL JOIN u ON s.i = u.i;

-- Above groups.
SELECT s.y, count(*) FROM (SELECT i, f(p) AS y FROM t) AS s JOIN u ON s.i = u.i GROUP BY s.y;
SELECT f(s._x1) AS y, count(*) FROM (SELECT t.i, t.p AS _x1 FROM t) AS s JOIN u ON s.i = u.i GROUP BY f(s._x1);

-- What an inner join compares beside another equality.
SELECT s.i FROM (SELECT i, f(p) AS y FROM t) AS s JOIN u ON s.i = u.i AND s.y < u.b;
SELECT s.i FROM (SELECT t.i, t.p AS _x1 FROM t) AS s JOIN u ON s.i = u.i AND f(s._x1) < u.b;

-- What an outer join compares, which is answered on its side.
SELECT s.i, u.b FROM (SELECT i, f(p) AS y FROM t) AS s LEFT JOIN u ON s.i = u.i AND s.y = u.b;
SELECT s.i, u.b FROM (SELECT t.i, t.p AS _x1 FROM t) AS s LEFT JOIN u ON s.i = u.i AND f(s._x1) = u.b;

SELECT u.i, s.y FROM u LEFT JOIN (SELECT i, f('t ' || p) AS y FROM t) AS s ON s.i = u.i AND s.y = u.b;
SELECT u.i, f('t ' || s._x1) AS y FROM u LEFT JOIN (SELECT t.i, t.p AS _x1 FROM t) AS s ON s.i = u.i AND f('t ' || s._x1) = u.b;

-- Not if that would ask twice.
SELECT s.y, u.b FROM (SELECT i, f(p) AS y FROM t) AS s LEFT JOIN u ON s.i = u.i AND s.y = u.b;
UNCHANGED;

SELECT s.y, u.b FROM u LEFT JOIN (SELECT i, f(coalesce(p, 'x')) AS y FROM t) AS s ON s.i = u.i AND s.y = u.b;
UNCHANGED;

-- Not what alone joins, nor what a subquery reads.
SELECT s.i FROM (SELECT i, f(p) AS y FROM t) AS s JOIN u ON s.y = u.b;
UNCHANGED;

SELECT s.i FROM (SELECT i, f(p) AS y FROM t) AS s WHERE EXISTS (SELECT 1 FROM u WHERE u.b = s.y);
UNCHANGED;

-- Out of what groups, cuts or has a window: what that has computed is handed up.
SELECT s.y FROM (SELECT i, f(max(p)) AS y FROM t GROUP BY i) AS s JOIN u ON s.i = u.i;
SELECT f(s._x1) AS y FROM (SELECT t.i, MAX(t.p) AS _x1 FROM t GROUP BY t.i) AS s JOIN u ON s.i = u.i;

SELECT s.y FROM (SELECT i % 3 AS k, f('n' || i % 3) AS y FROM t GROUP BY i % 3) AS s JOIN u ON s.k = u.i;
SELECT f('n' || s.k) AS y FROM (SELECT t.i % 3 AS k FROM t GROUP BY t.i % 3) AS s JOIN u ON s.k = u.i;

SELECT s.y FROM (SELECT i, f(p) AS y FROM t ORDER BY i LIMIT 2) AS s JOIN u ON s.i = u.i;
SELECT f(s._x1) AS y FROM (SELECT t.i, t.p AS _x1 FROM t ORDER BY i LIMIT 2) AS s JOIN u ON s.i = u.i;

SELECT s.y FROM (SELECT i, f(p) AS y, row_number() OVER (PARTITION BY q ORDER BY i) AS n FROM t) AS s WHERE s.n = 1;
SELECT f(s._x1) AS y FROM (SELECT t.i, row_number() OVER (PARTITION BY t.q ORDER BY t.i) AS n, t.p AS _x1 FROM t) AS s WHERE s.n = 1;

SELECT s.y FROM (SELECT i, f('n' || sum(i) OVER (PARTITION BY q)) AS y FROM t) AS s ORDER BY s.i LIMIT 2;
SELECT f('n' || s._x1) AS y FROM (SELECT t.i, sum(t.i) OVER (PARTITION BY t.q) AS _x1 FROM t) AS s ORDER BY s.i LIMIT 2;

-- Not what decides which rows there are.
SELECT s.y FROM (SELECT DISTINCT i, f(p) AS y FROM t) AS s JOIN u ON s.i = u.i;
UNCHANGED;

SELECT s.y FROM (SELECT i, f(p) AS y FROM t ORDER BY y, i LIMIT 2) AS s JOIN u ON s.i = u.i;
UNCHANGED;

SELECT s.y FROM (SELECT max(f(p)) AS y FROM t WHERE i > 0) AS s JOIN u ON s.y < u.b;
UNCHANGED;

SELECT s.i FROM (SELECT i FROM t WHERE f(p) = 'x' ORDER BY i LIMIT 1) AS s JOIN u ON s.i = u.i;
UNCHANGED;

-- Not a VOLATILE model above a join, which may multiply its rows; above LIMIT it is as good.
SELECT s.y FROM (SELECT i, v(p) AS y FROM t) AS s JOIN u ON s.i = u.i;
UNCHANGED;

SELECT s.y FROM (SELECT i, v(p) AS y FROM t) AS s ORDER BY s.i LIMIT 2;
SELECT v(s._x1) AS y FROM (SELECT t.i, t.p AS _x1 FROM t) AS s ORDER BY s.i LIMIT 2;

-- Not with a subquery within, nor with random arguments.
SELECT s.y FROM (SELECT i, f((SELECT max(b) FROM u)) AS y FROM t) AS s JOIN u ON s.i = u.i;
UNCHANGED;

SELECT count(s.y) FROM (SELECT i, f(CAST(random() AS varchar)) AS y FROM t) AS s JOIN u ON s.i = u.i;
UNCHANGED;


-- Not a call of constants into the ON of an outer join, which would make it for no rows of s.
SELECT u.b FROM u LEFT JOIN (SELECT i, f('a') AS y FROM t) AS s ON u.i = s.i AND s.y = 'x';
UNCHANGED;

SELECT u.b FROM u LEFT JOIN (SELECT i, p || f('a') AS y FROM t) AS s ON u.i = s.i AND s.y = 'x';
UNCHANGED;

-- Nor into that of an inner join which an outer join keeps from WHERE.
SELECT v.b FROM (SELECT i, f('a') AS y FROM t) AS s JOIN u ON u.i = s.i AND s.y = 'x' RIGHT JOIN u AS v ON v.i = u.i;
UNCHANGED;

-- Nor a predicate where the join waits for an answer of the same subquery.
SELECT u.b FROM u LEFT JOIN (SELECT g(p) AS x FROM t WHERE f(q) = 'x') AS s ON u.b = s.x;
UNCHANGED;
