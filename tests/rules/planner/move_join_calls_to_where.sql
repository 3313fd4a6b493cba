-- The cheap condition joins; the model sees what is joined.
SELECT t.i FROM t JOIN u ON t.i = u.i AND f(u.b) = 'x';
SELECT t.i FROM t JOIN u ON t.i = u.i WHERE f(u.b) = 'x';

-- In parentheses.
SELECT t.i FROM t JOIN u ON t.i = u.i AND (u.b <> 'a' AND (u.b <> 'c' AND f(u.b) = 'x'));
SELECT t.i FROM t JOIN u ON t.i = u.i AND u.b <> 'a' AND u.b <> 'c' WHERE f(u.b) = 'x';

-- With a WHERE that is there already.
SELECT t.i FROM t JOIN u ON t.i = u.i AND f(u.b) = 'x' WHERE t.q = 'x';
SELECT t.i FROM t JOIN u ON t.i = u.i WHERE t.q = 'x' AND f(u.b) = 'x';

-- Nothing cheap is left: a cross join.
SELECT t.i, u.b FROM t JOIN u ON f(t.p) = f(u.b);
SELECT t.i, u.b FROM t CROSS JOIN u WHERE f(t.p) = f(u.b);

-- Below a LEFT JOIN that comes later.
SELECT t.i FROM t JOIN u ON t.i = u.i AND f(u.b) = 'x' LEFT JOIN u AS r ON t.i = r.i;
SELECT t.i FROM t JOIN u ON t.i = u.i LEFT JOIN u AS r ON t.i = r.i WHERE f(u.b) = 'x';

-- Before a RIGHT or FULL join, whose own rows WHERE would drop.
SELECT t.i FROM t JOIN u ON t.i = u.i AND f(u.b) = 'x' RIGHT JOIN u AS r ON t.i = r.i;
SELECT _q1.i FROM (SELECT t.i FROM t JOIN u ON t.i = u.i WHERE f(u.b) = 'x') AS _q1
RIGHT JOIN u AS r ON _q1.i = r.i;

SELECT t.i, v.b FROM t RIGHT JOIN u ON t.i = u.i JOIN u AS v ON f(t.p) = f(v.b) FULL JOIN u AS r ON t.i = r.i JOIN u AS s ON g(s.b) = t.p;
SELECT _q1.i, _q1.b FROM (SELECT t.i, v.b, t.p FROM t RIGHT JOIN u ON t.i = u.i CROSS JOIN u AS v
WHERE f(t.p) = f(v.b)) AS _q1 FULL JOIN u AS r ON _q1.i = r.i CROSS JOIN u AS s WHERE g(s.b) = _q1.p;

-- Not out of an outer join.
SELECT t.i FROM t LEFT JOIN u ON t.i = u.i AND f(u.b) = 'x';
UNCHANGED;

SELECT t.i FROM t FULL JOIN u ON t.i = u.i AND f(u.b) = 'x';
UNCHANGED;

-- No call: no change.
SELECT t.i, f(t.p) FROM t JOIN u ON t.i = u.i AND u.b = 'a';
UNCHANGED;
