-- In each part of a window.
SELECT COUNT(*) OVER (PARTITION BY f(p)) FROM t;
SELECT COUNT(*) OVER (PARTITION BY _q2._v1) FROM (SELECT f(t.p) AS _v1 FROM t) AS _q2;

SELECT i, ROW_NUMBER() OVER (ORDER BY f(p), i) AS n FROM t ORDER BY i;
SELECT _q2.i, ROW_NUMBER() OVER (ORDER BY _q2._v1, _q2.i) AS n FROM (SELECT t.i, f(t.p) AS _v1 FROM
t) AS _q2 ORDER BY i;

SELECT i, LAG(f(p), 1) OVER (PARTITION BY q ORDER BY i) AS y FROM t;
SELECT _q2.i, LAG(_q2._v1, 1) OVER (PARTITION BY _q2.q ORDER BY _q2.i) AS y FROM (SELECT t.i, t.q,
f(t.p) AS _v1 FROM t) AS _q2;

-- In QUALIFY's window.
SELECT i FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY f(p) ORDER BY i) = 1;
SELECT _q2.i FROM (SELECT t.i, f(t.p) AS _v1 FROM t) AS _q2 QUALIFY ROW_NUMBER() OVER (PARTITION BY
_q2._v1 ORDER BY _q2.i) = 1;

-- In WHERE, below the window.
SELECT ROW_NUMBER() OVER (ORDER BY i) AS n FROM t WHERE f(p) = 'x';
SELECT ROW_NUMBER() OVER (ORDER BY _q1.i) AS n FROM (SELECT t.i FROM t WHERE f(t.p) = 'x') AS _q1;

-- No window, or no call.
SELECT f(p) FROM t;
UNCHANGED;

SELECT ROW_NUMBER() OVER (ORDER BY i) AS n FROM t;
UNCHANGED;
