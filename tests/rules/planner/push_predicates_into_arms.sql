-- Into each arm, in terms of what that arm selects.
SELECT s.y FROM (SELECT i, f(p) AS y FROM t UNION ALL SELECT i, b FROM u) AS s WHERE s.i = 3;
SELECT s.y FROM (SELECT t.i, f(t.p) AS y FROM t WHERE t.i = 3 UNION ALL SELECT u.i, u.b FROM u WHERE
u.i = 3) AS s;

-- Into the arms of arms, for every kind of set operation.
SELECT s.y FROM ((SELECT i, f(p) AS y FROM t UNION SELECT i, b FROM u) EXCEPT SELECT i, p FROM t) AS s
WHERE s.i > 2 AND s.y IS NOT NULL;
SELECT s.y FROM ((SELECT t.i, f(t.p) AS y FROM t WHERE NOT f(t.p) IS NULL AND t.i > 2 UNION SELECT
u.i, u.b FROM u WHERE NOT u.b IS NULL AND u.i > 2) EXCEPT SELECT t.i, t.p FROM t WHERE NOT t.p IS
NULL AND t.i > 2) AS s;

-- On the side of a join, also of the inner side of LEFT JOIN; and further down.
SELECT t.i, s.y FROM t LEFT JOIN (SELECT r.i, r.y FROM (SELECT i, f(b) AS y FROM u) AS r
UNION ALL SELECT i, p FROM t) AS s ON s.i = t.i AND s.i > 1;
SELECT t.i, s.y FROM t LEFT JOIN (SELECT r.i, r.y FROM (SELECT u.i, f(u.b) AS y FROM u WHERE u.i >
1) AS r UNION ALL SELECT t.i, t.p FROM t WHERE t.i > 1) AS s ON s.i = t.i;

-- Not onto rows that a join extends with NULL.
SELECT t.i, s.y FROM t LEFT JOIN (SELECT i, f(b) AS y FROM u UNION SELECT i, p FROM t) AS s ON s.i = t.i
WHERE s.i IS NULL;
UNCHANGED;

SELECT t.i FROM (SELECT i, f(b) AS y FROM u UNION SELECT i, p FROM t) AS s FULL JOIN t ON s.i = t.i
WHERE s.i IS NULL;
UNCHANGED;

-- Not into an arm that groups, cuts, or makes rows distinct.
SELECT s.y FROM (SELECT f(p) AS y, COUNT(*) AS c FROM t GROUP BY f(p) UNION ALL SELECT b, i FROM u) AS s
WHERE s.c > 1;
UNCHANGED;

SELECT s.y FROM ((SELECT i, f(p) AS y FROM t ORDER BY i LIMIT 2) UNION ALL SELECT i, b FROM u) AS s
WHERE s.i = 3;
UNCHANGED;

-- Not with a call or a subquery in it, nor with another relation.
SELECT s.y FROM (SELECT i, p AS y FROM t UNION ALL SELECT i, b FROM u) AS s WHERE f(s.y) = 'x';
UNCHANGED;

SELECT s.y FROM (SELECT i, p AS y FROM t UNION ALL SELECT i, b FROM u) AS s
WHERE s.i IN (SELECT i FROM u);
UNCHANGED;

-- WHERE speaks of any relation that no join makes NULLs of, ON of those that it may drop.
SELECT t.i FROM t RIGHT JOIN (SELECT i, f(p) AS y FROM t UNION SELECT i, b FROM u) AS s ON s.i = t.i WHERE s.i = 2;
SELECT t.i FROM t RIGHT JOIN (SELECT t.i, f(t.p) AS y FROM t WHERE t.i = 2 UNION SELECT u.i, u.b FROM u WHERE u.i = 2) AS s ON s.i = t.i;
