-- Into a subquery, so that fewer rows reach its call.
SELECT s.y FROM (SELECT i, f(p) AS y FROM t) AS s WHERE s.i > 2;
SELECT s.y FROM (SELECT t.i, f(t.p) AS y FROM t WHERE t.i > 2) AS s;

-- Below a join, on the side that it speaks of.
SELECT s.y FROM (SELECT i, f(p) AS y FROM t) AS s JOIN u ON s.i = u.i WHERE s.i < 5 AND u.b = 'c';
SELECT s.y FROM (SELECT t.i, f(t.p) AS y FROM t WHERE t.i < 5) AS s JOIN u ON s.i = u.i AND u.b =
'c';

-- A predicate on an answer saves the calls beside it.
SELECT s.z FROM (SELECT i, f(p) AS y, g(q) AS z FROM t) AS s WHERE s.y = 'x';
SELECT s.z FROM (SELECT t.i, f(t.p) AS y, g(t.q) AS z FROM t WHERE f(t.p) = 'x') AS s;

-- So does one that makes a call of its own, also of an answer.
SELECT s.z FROM (SELECT p, g(q) AS z FROM t) AS s WHERE f(s.p) = 'x';
SELECT s.z FROM (SELECT t.p, g(t.q) AS z FROM t WHERE f(t.p) = 'x') AS s;

SELECT s.i FROM (SELECT i, f(p) AS y FROM t) AS s WHERE g(s.y) = 'x' AND s.i > 1;
SELECT s.i FROM (SELECT t.i, f(t.p) AS y FROM t WHERE t.i > 1 AND g(f(t.p)) = 'x') AS s;

-- Through several subqueries, model predicates in the order in which they are written.
SELECT r.i FROM (SELECT s.i, s.p, s.q FROM (SELECT i, p, q FROM t) AS s) AS r
WHERE s(r.q) = 'y' AND f(r.p) = 'x' AND r.i > 1;
SELECT r.i FROM (SELECT s.i, s.p, s.q FROM (SELECT t.i, t.p, t.q FROM t WHERE t.i > 1 AND s(t.q) =
'y' AND f(t.p) = 'x') AS s) AS r;

-- Not below a join: there the model would see rows that do not join.
SELECT s.p FROM (SELECT i, p FROM t WHERE q = 'x') AS s JOIN u ON s.i = u.i WHERE f(s.p) = 'x';
UNCHANGED;

SELECT t.i FROM t JOIN (SELECT i, b FROM u) AS s ON f(s.b) = 'x' AND s.i = t.i;
UNCHANGED;

-- One that OR makes stays one.
SELECT t.i FROM t LEFT JOIN u ON (f(u.b) = 'x' OR u.b = 'a') AND t.i = u.i AND t.i > 1;
UNCHANGED;

-- Into a subquery that joins, but not below its join.
SELECT s.p FROM (SELECT r.p FROM (SELECT i, p FROM t) AS r JOIN u ON r.i = u.i) AS s
WHERE f(s.p) = 'x';
SELECT s.p FROM (SELECT r.p FROM (SELECT t.i, t.p FROM t) AS r JOIN u ON r.i = u.i WHERE f(r.p) =
'x') AS s;

-- Not below LIMIT, groups, DISTINCT or windows.
SELECT s.i FROM (SELECT i, p FROM t ORDER BY i LIMIT 3) AS s WHERE f(s.p) = 'x' AND s.i > 1;
UNCHANGED;

SELECT s.p FROM (SELECT p, COUNT(*) AS c FROM t GROUP BY p) AS s WHERE f(s.p) = 'x';
UNCHANGED;

SELECT s.p FROM (SELECT DISTINCT p FROM t) AS s WHERE f(s.p) = 'x';
UNCHANGED;

SELECT s.i FROM (SELECT i, p, ROW_NUMBER() OVER (ORDER BY i) AS n FROM t) AS s WHERE f(s.p) = 'x';
UNCHANGED;

-- Not with a subquery in it.
SELECT s.i FROM (SELECT i, p FROM t) AS s WHERE f(s.p) IN (SELECT b FROM u);
UNCHANGED;

-- Within the subquery of a model predicate.
SELECT t.i FROM t WHERE f(t.p) IN (SELECT s.b FROM (SELECT i, b FROM u WHERE g(b) = 'x') AS s WHERE s.i > 2);
SELECT t.i FROM t WHERE f(t.p) IN (SELECT s.b FROM (SELECT u.i, u.b FROM u WHERE g(u.b) = 'x' AND
u.i > 2) AS s);

-- Not through the side of an outer join whose rows may be NULL.
SELECT s.i FROM t AS s LEFT JOIN (SELECT i, f(b) AS y FROM u) AS r ON r.i = s.i WHERE r.y IS NULL;
UNCHANGED;

-- A disjunction on one relation may move as a whole; one on two may not.
SELECT s.y FROM (SELECT i, p, f(p) AS y FROM t) AS s WHERE s.i = 1 OR s.p = 'b';
SELECT s.y FROM (SELECT t.i, t.p, f(t.p) AS y FROM t WHERE t.i = 1 OR t.p = 'b') AS s;

-- What holds for no row goes into every subquery.
SELECT s.i FROM (SELECT i, p FROM t WHERE f(p) = 'x') AS s WHERE 1 = 0;
SELECT s.i FROM (SELECT t.i, t.p FROM t WHERE f(t.p) = 'x' AND FALSE) AS s WHERE FALSE;

-- What joins no row goes into the side of which a join then takes none.
SELECT t.i FROM t LEFT JOIN (SELECT i FROM u WHERE f(b) = 'x') AS s ON s.i = t.i AND 1 = 0;
SELECT t.i FROM t LEFT JOIN (SELECT u.i FROM u WHERE f(u.b) = 'x' AND FALSE) AS s ON FALSE;

SELECT r.i FROM (SELECT i FROM t WHERE f(p) = 'x') AS r RIGHT JOIN (SELECT i FROM u WHERE s(b) = 'x') AS s
ON 1 = 0;
SELECT r.i FROM (SELECT t.i FROM t WHERE f(t.p) = 'x' AND 1 = 0) AS r RIGHT JOIN (SELECT u.i FROM u
WHERE s(u.b) = 'x') AS s ON 1 = 0;

-- What IN and EXISTS ask without a model goes before the models of the subquery that they ask it of.
SELECT s.i FROM (SELECT i FROM t WHERE f(p) = 'x') AS s WHERE s.i IN (SELECT i FROM u);
SELECT s.i FROM (SELECT t.i FROM t WHERE f(t.p) = 'x' AND t.i IN (SELECT u.i FROM u)) AS s;

SELECT s.i FROM (SELECT i FROM t WHERE f(p) = 'x') AS s WHERE EXISTS (SELECT 1 FROM u WHERE u.i = s.i);
SELECT s.i FROM (SELECT t.i FROM t WHERE f(t.p) = 'x' AND EXISTS (SELECT 1 FROM u WHERE t.i = u.i))
AS s;

-- Under another name where one would mean something else within.
SELECT s.i FROM (SELECT i FROM t WHERE f(p) = 'x') AS s WHERE s.i IN (SELECT i FROM t WHERE q = 'x');
SELECT s.i FROM (SELECT t.i FROM t WHERE f(t.p) = 'x' AND t.i IN (SELECT _w1.i FROM t AS _w1
WHERE _w1.q = 'x')) AS s;

-- So does what they ask models themselves, which is asked in any case.
SELECT s.i FROM (SELECT i FROM t WHERE f(p) = 'x') AS s WHERE s.i IN (SELECT i FROM u WHERE f(b) = 'x');
SELECT s.i FROM (SELECT t.i FROM t WHERE f(t.p) = 'x' AND t.i IN (SELECT u.i FROM u WHERE f(u.b) =
'x')) AS s;

-- And before model predicates that go there after them.
SELECT s.i FROM (SELECT i, f(p) AS y FROM t) AS s WHERE f(s.y) = 'x' AND EXISTS (SELECT 1 FROM u WHERE
u.i = s.i);
SELECT s.i FROM (SELECT t.i, f(t.p) AS y FROM t WHERE EXISTS (SELECT 1 FROM u WHERE t.i = u.i) AND
f(f(t.p)) = 'x') AS s;

-- A predicate on an answer goes into the subquery that asks for it, and no further than a join.
SELECT s.y FROM (SELECT f(q.p) AS y FROM (SELECT p FROM t) AS q JOIN u ON q.p < u.b) AS s WHERE s.y IS NULL;
SELECT s.y FROM (SELECT f(q.p) AS y FROM (SELECT t.p FROM t) AS q JOIN u ON q.p < u.b WHERE f(q.p) IS NULL) AS s;

SELECT s.y FROM (SELECT DISTINCT f(p) AS y FROM t) AS s JOIN u ON s.y > 'a' LEFT JOIN (SELECT g(b) AS z FROM u) AS w ON w.z = 'x';
SELECT s.y FROM (SELECT DISTINCT f(t.p) AS y FROM t WHERE f(t.p) > 'a') AS s JOIN u ON TRUE
LEFT JOIN (SELECT g(u.b) AS z FROM u WHERE g(u.b) = 'x') AS w ON TRUE;

-- Not where the join adds NULLs, nor below groups and windows.
SELECT s.y FROM t LEFT JOIN (SELECT i, f(b) AS y FROM u) AS s ON s.i = t.i WHERE s.y IS NULL;
UNCHANGED;

SELECT s.y FROM (SELECT f(p) AS y, rank() OVER (ORDER BY i) AS r FROM t) AS s WHERE s.y > 'a';
UNCHANGED;

-- A subquery beside OR is seen to alone.
SELECT i FROM t WHERE i = 1 OR i IN (SELECT s.i FROM (SELECT i, f(b) AS y FROM u) AS s WHERE s.i > 1 AND g(s.y) = 'x');
SELECT t.i FROM t WHERE t.i = 1 OR t.i IN (SELECT s.i FROM (SELECT u.i, f(u.b) AS y FROM u
WHERE u.i > 1 AND g(f(u.b)) = 'x') AS s);

-- Where WHERE holds for no row, no ON needs to be asked.
SELECT t.i FROM u JOIN t ON t.i = u.i AND f(t.p) = 'x' RIGHT JOIN u AS w ON w.i = t.i WHERE 1 = 0 AND u.b > '';
SELECT t.i FROM u JOIN t ON f(t.p) = 'x' AND t.i = u.i AND FALSE RIGHT JOIN u AS w ON w.i = t.i AND FALSE WHERE FALSE;

-- What asks no model goes before a predicate on an answer.
SELECT s.i FROM (SELECT i, f(p) AS y FROM t) AS s WHERE s.y = 'x' AND EXISTS (SELECT 1 FROM u WHERE u.i = s.i);
SELECT s.i FROM (SELECT t.i, f(t.p) AS y FROM t WHERE EXISTS (SELECT 1 FROM u WHERE t.i = u.i) AND f(t.p) = 'x') AS s;

-- A side of OR that is constant keeps it from nowhere.
SELECT s.i FROM (SELECT i, b FROM u WHERE f(b) = 'x') AS s WHERE 'a' LIKE 'b%' OR s.i > 1 AND s.b < 'c';
SELECT s.i FROM (SELECT u.i, u.b FROM u WHERE f(u.b) = 'x' AND ('a' LIKE 'b%' OR u.b < 'c' AND u.i > 1)) AS s;

-- Where the ON of an inner or a RIGHT join holds for no row, no ON before it needs to be asked; nor
-- one after an inner join, until a RIGHT or FULL join adds rows.
SELECT t.i FROM t LEFT JOIN u ON f(u.b) = 'x' JOIN u AS w ON w.i = t.i AND 1 = 0;
SELECT t.i FROM t LEFT JOIN u ON f(u.b) = 'x' AND FALSE JOIN u AS w ON FALSE;

SELECT w.i FROM t LEFT JOIN u ON f(u.b) = 'x' JOIN u AS v ON 1 = 0 RIGHT JOIN u AS w ON w.i = t.i;
SELECT w.i FROM t LEFT JOIN u ON f(u.b) = 'x' AND FALSE JOIN u AS v ON FALSE RIGHT JOIN u AS w ON w.i = t.i;

SELECT w.i FROM t JOIN u AS v ON 1 = 0 LEFT JOIN u ON f(u.b) = 'x' RIGHT JOIN u AS w ON g(w.b) = 'x';
SELECT w.i FROM t JOIN u AS v ON FALSE LEFT JOIN u ON f(u.b) = 'x' AND FALSE RIGHT JOIN u AS w ON g(w.b) = 'x';

SELECT w.i FROM t JOIN u ON f(u.b) = 'x' RIGHT JOIN u AS w ON 1 = 0;
SELECT w.i FROM t JOIN u ON f(u.b) = 'x' AND 1 = 0 RIGHT JOIN u AS w ON 1 = 0;
