-- Nobody reads the answer: nobody is asked.
SELECT s.i FROM (SELECT i, f(p) AS y FROM t) AS s;
SELECT s.i FROM (SELECT t.i FROM t) AS s;

SELECT s.y FROM (SELECT i, f(p) AS y, g(q) AS z FROM t) AS s;
SELECT s.y FROM (SELECT f(t.p) AS y FROM t) AS s;

-- Counting rows needs no answer.
SELECT COUNT(*) FROM (SELECT f(p) AS y FROM t) AS s;
SELECT COUNT(*) FROM (SELECT 1 AS _ FROM t) AS s;

-- Through two levels.
SELECT r.i FROM (SELECT s.i, s.y FROM (SELECT i, f(p) AS y FROM t) AS s) AS r;
SELECT r.i FROM (SELECT s.i FROM (SELECT t.i FROM t) AS s) AS r;

-- An unused column of both arms of UNION ALL.
SELECT s.i FROM (SELECT i, f(p) AS y FROM t UNION ALL SELECT i, g(b) AS y FROM u) AS s;
SELECT s.i FROM (SELECT t.i FROM t UNION ALL SELECT u.i FROM u) AS s;

-- Not under UNION, INTERSECT or EXCEPT, which compare whole rows.
SELECT s.i FROM (SELECT i, f(p) AS y FROM t UNION SELECT i, g(b) AS y FROM u) AS s;
UNCHANGED;

SELECT s.i FROM (SELECT i, p FROM t EXCEPT SELECT i, f(b) AS p FROM u) AS s;
UNCHANGED;

-- Not under DISTINCT: the column decides which rows there are.
SELECT s.i FROM (SELECT DISTINCT i, f(p) AS y FROM t) AS s;
UNCHANGED;

-- Not what the subquery sorts by.
SELECT s.i FROM (SELECT i, f(p) AS y FROM t ORDER BY y, i LIMIT 3) AS s;
UNCHANGED;

-- Not what the user selects.
SELECT i, f(p) FROM t;
UNCHANGED;

-- EXISTS asks for rows, not for answers.
SELECT i FROM t WHERE EXISTS (SELECT f(b) FROM u WHERE i = 9);
UNCHANGED;
