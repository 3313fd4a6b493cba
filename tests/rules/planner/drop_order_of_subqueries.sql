-- IN, EXISTS and a value take rows in any order.
SELECT i FROM t WHERE i IN (SELECT i FROM u ORDER BY f(b));
SELECT t.i FROM t WHERE t.i IN (SELECT u.i FROM u);

SELECT i FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.i = t.i ORDER BY f(b));
SELECT t.i FROM t WHERE EXISTS(SELECT 1 FROM u WHERE u.i = t.i);

SELECT i, (SELECT max(b) FROM u GROUP BY i > 0 HAVING count(*) > 4 ORDER BY f(max(b))) AS m FROM t;
SELECT t.i, (SELECT MAX(u.b) FROM u GROUP BY u.i > 0 HAVING count(*) > 4) AS m FROM t;

SELECT i FROM t WHERE i IN (SELECT s.i FROM (SELECT i FROM u ORDER BY f(b)) AS s);
SELECT t.i FROM t WHERE t.i IN (SELECT s.i FROM (SELECT u.i FROM u) AS s);

-- So do set operations.
(SELECT i FROM t ORDER BY f(p)) UNION ALL (SELECT i FROM u ORDER BY f(b));
(SELECT t.i FROM t) UNION ALL (SELECT u.i FROM u);

SELECT s.i FROM ((SELECT i FROM t ORDER BY f(p)) UNION (SELECT i FROM u ORDER BY i) ORDER BY i) AS s;
SELECT s.i FROM ((SELECT t.i FROM t) UNION (SELECT u.i FROM u ORDER BY i) ORDER BY i) AS s;

-- In FROM, under a join, groups, another order.
SELECT s.i FROM (SELECT i FROM t ORDER BY f(p)) AS s JOIN u ON s.i = u.i;
SELECT s.i FROM (SELECT t.i FROM t) AS s JOIN u ON s.i = u.i;

SELECT count(*) FROM (SELECT i, f(p) AS y FROM t ORDER BY y) AS s;
SELECT count(*) FROM (SELECT t.i, f(t.p) AS y FROM t) AS s;

SELECT s.q, max(s.i) AS m FROM (SELECT i, q FROM t ORDER BY f(p)) AS s GROUP BY s.q;
SELECT s.q, MAX(s.i) AS m FROM (SELECT t.i, t.q FROM t) AS s GROUP BY s.q;

SELECT s.i FROM (SELECT i FROM t ORDER BY f(p)) AS s ORDER BY s.i;
SELECT s.i FROM (SELECT t.i FROM t) AS s ORDER BY s.i;

-- Not what cuts, nor what is read in this order.
SELECT i FROM t WHERE i IN (SELECT i FROM u ORDER BY f(b), i LIMIT 2);
UNCHANGED;

SELECT s.i FROM (SELECT i FROM t ORDER BY f(p), i) AS s LIMIT 2;
UNCHANGED;

SELECT listagg(s.q, '') AS l FROM (SELECT q FROM t ORDER BY f(p), i) AS s;
UNCHANGED;

SELECT s.i, row_number() OVER () AS n FROM (SELECT i FROM t ORDER BY f(p), i) AS s ORDER BY s.i;
UNCHANGED;

SELECT i FROM t ORDER BY f(p), i;
UNCHANGED;

(SELECT i FROM t ORDER BY f(p), i);
UNCHANGED;

-- Nor what costs nothing.
SELECT f(p) AS y FROM t WHERE i IN (SELECT i FROM u ORDER BY b);
UNCHANGED;

