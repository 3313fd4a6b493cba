-- The order is drawn once, though it is needed below the call and above it.
SELECT f(p) FROM t ORDER BY RANDOM() * 0, i LIMIT 3;
SELECT f(_q2.p) FROM (SELECT t.p, t.i, RANDOM() AS _o1 FROM t) AS _q2 ORDER BY _q2._o1 * 0, _q2.i
LIMIT 3;

SELECT f(t.p) FROM t JOIN u ON t.i = u.i WHERE g(t.q) = 'x' ORDER BY CEIL(RANDOM()), t.i, u.b;
SELECT f(_q2.p) FROM (SELECT t.p, t.q, t.i, u.b, RANDOM() AS _o1 FROM t JOIN u ON t.i = u.i) AS _q2
WHERE g(_q2.q) = 'x' ORDER BY CEIL(_q2._o1), _q2.i, _q2.b;

-- No call, no order, or an order that is none of chance.
SELECT p FROM t ORDER BY RANDOM() * 0, i;
UNCHANGED;

SELECT f(p) FROM t ORDER BY i LIMIT 3;
UNCHANGED;

SELECT i, f(p), RANDOM() >= 0 AS r FROM t ORDER BY i;
UNCHANGED;

-- Groups are for other rules first.
SELECT f(p), COUNT(*) FROM t GROUP BY f(p) ORDER BY RANDOM() * 0, f(p);
UNCHANGED;
