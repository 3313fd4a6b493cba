-- The arguments come from the side that is joined.
SELECT t.i FROM t LEFT JOIN u ON t.i = u.i AND f(u.b) = 'x';
SELECT t.i FROM t LEFT JOIN (SELECT u.b, u.i, f(u.b) AS _y1 FROM u) AS u ON t.i = u.i AND u._y1 =
'x';

-- From the other side.
SELECT t.i, u.b FROM t LEFT JOIN u ON t.i = u.i AND f(t.p) = 'x';
SELECT t.i, u.b FROM (SELECT t.i, t.p, f(t.p) AS _y1 FROM t) AS t LEFT JOIN u ON t.i = u.i AND t._y1
= 'x';

-- From each side its own.
SELECT t.i, u.b FROM t FULL JOIN u ON t.i = u.i AND f(t.p) = g(u.b);
SELECT t.i, u.b FROM (SELECT t.i, t.p, f(t.p) AS _y1 FROM t) AS t FULL JOIN (SELECT u.b, u.i, g(u.b)
AS _y2 FROM u) AS u ON t.i = u.i AND t._y1 = u._y2;

-- Of constants.
SELECT t.i, u.b FROM t LEFT JOIN u ON t.i = u.i AND f('a') = 'x';
SELECT t.i, u.b FROM t LEFT JOIN (SELECT u.b, u.i, f('a') AS _y1 FROM u) AS u ON t.i = u.i AND u._y1
= 'x';

-- Nested calls are answered together.
SELECT t.i, u.b FROM t RIGHT JOIN u ON t.i = u.i AND f(g(u.b)) = 'x';
SELECT t.i, u.b FROM t RIGHT JOIN (SELECT u.b, u.i, f(g(u.b)) AS _y1 FROM u) AS u ON t.i = u.i AND
u._y1 = 'x';

-- What the block reads of that side is handed up.
SELECT u.b, f(u.b) AS y FROM t LEFT JOIN u ON t.i = u.i AND f(u.b) = 'x' WHERE u.i > 0 ORDER BY u.b;
SELECT u.b, f(u.b) AS y FROM t LEFT JOIN (SELECT u.b, u.i, f(u.b) AS _y1 FROM u) AS u ON t.i = u.i
AND u._y1 = 'x' WHERE u.i > 0 ORDER BY u.b;

-- Arguments from both sides: refused later.
SELECT t.i FROM t LEFT JOIN u ON t.i = u.i AND f(t.p || u.b) = 'x';
UNCHANGED;

SELECT t.i FROM t LEFT JOIN u ON t.i = u.i WHERE f(u.b) = 'x';
UNCHANGED;
