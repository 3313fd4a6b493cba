-- The window first, so that LIMIT can cut before the model sees a row.
SELECT f(p), ROW_NUMBER() OVER (ORDER BY i) AS n FROM t ORDER BY i LIMIT 2;
SELECT f(_q2.p), _q2._w1 AS n FROM (SELECT t.p, t.i, ROW_NUMBER() OVER (ORDER BY t.i) AS _w1 FROM t)
AS _q2 ORDER BY _q2.i LIMIT 2;

-- A call of what a window gives.
SELECT i, f(LAG(p) OVER (ORDER BY i)) FROM t;
SELECT _q2.i, f(_q2._w1) FROM (SELECT t.i, LAG(t.p) OVER (ORDER BY t.i) AS _w1 FROM t) AS _q2;

-- QUALIFY: the cheap part first, then the model's.
SELECT i FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY q ORDER BY i) = 1 AND f(p) = 'x';
SELECT _q1.i FROM (SELECT t.i, t.p FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY t.q ORDER BY t.i)
= 1) AS _q1 WHERE f(_q1.p) = 'x';

SELECT i, f(p) FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY q ORDER BY i) = 1;
SELECT _q1.i, f(_q1.p) FROM (SELECT t.i, t.p FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY t.q
ORDER BY t.i) = 1) AS _q1;

-- A call in the window stays there, the one outside goes up.
SELECT f(p), COUNT(*) OVER (PARTITION BY g(q)) FROM t;
SELECT f(_q2.p), _q2._w1 AS count FROM (SELECT t.p, COUNT(*) OVER (PARTITION BY g(t.q)) AS _w1 FROM
t) AS _q2;

-- WHERE comes before windows: its call is none above them.
SELECT ROW_NUMBER() OVER (ORDER BY i) AS n FROM t WHERE f(p) = 'x';
UNCHANGED;

SELECT COUNT(*) OVER (PARTITION BY f(p)) FROM t;
UNCHANGED;

SELECT f(p) FROM t;
UNCHANGED;
