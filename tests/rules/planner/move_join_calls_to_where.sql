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

-- Not out of an outer join, nor out of what a RIGHT or FULL join comes after.
SELECT t.i FROM t LEFT JOIN u ON t.i = u.i AND f(u.b) = 'x';
UNCHANGED;

SELECT t.i FROM t JOIN u ON t.i = u.i AND f(u.b) = 'x' RIGHT JOIN u AS r ON t.i = r.i;
UNCHANGED;

SELECT t.i FROM t FULL JOIN u ON t.i = u.i AND f(u.b) = 'x';
UNCHANGED;

-- No call: no change.
SELECT t.i, f(t.p) FROM t JOIN u ON t.i = u.i AND u.b = 'a';
UNCHANGED;
