-- What is cheap first, wherever it is written.
SELECT i FROM t WHERE f(p) = 'x' AND i < 5;
SELECT _q1.i FROM (SELECT t.i, t.p FROM t WHERE t.i < 5) AS _q1 WHERE f(_q1.p) = 'x';

SELECT i FROM t WHERE i < 5 AND f(p) = 'x';
SELECT _q1.i FROM (SELECT t.i, t.p FROM t WHERE t.i < 5) AS _q1 WHERE f(_q1.p) = 'x';

-- Then one model predicate after the other, on what is left.
SELECT i FROM t WHERE f(p) = 'x' AND i < 5 AND g(q) = 'y';
SELECT _q2.i FROM (SELECT _q1.i, _q1.q FROM (SELECT t.i, t.p, t.q FROM t WHERE t.i < 5) AS _q1 WHERE
f(_q1.p) = 'x') AS _q2 WHERE g(_q2.q) = 'y';

-- Then the calls of the select list.
SELECT s(q) FROM t WHERE f(p) = 'x';
SELECT s(_q2.q) FROM (SELECT _q1.q FROM (SELECT t.q, t.p FROM t) AS _q1 WHERE f(_q1.p) = 'x') AS
_q2;

-- An answer that a filter needed is handed up.
SELECT f(p), s(q) FROM t WHERE f(p) = 'x';
SELECT _q3._v2 AS f, s(_q3.q) FROM (SELECT _q1.q, f(_q1.p) AS _v2 FROM (SELECT t.p, t.q FROM t) AS
_q1 WHERE f(_q1.p) = 'x') AS _q3;

-- One that it needed of some rows is not: the rows that are left may be others.
SELECT f(p) FROM t WHERE (i < 3 AND f(p) = 'x') OR i = 7;
SELECT f(_q2.p) FROM (SELECT _q1.p FROM (SELECT t.p, t.i FROM t) AS _q1 WHERE (_q1.i < 3 AND
f(_q1.p) = 'x') OR _q1.i = 7) AS _q2;

-- A predicate whose answer an earlier one needed is cheap by then.
SELECT s(q) FROM t WHERE f(p) <> 'x' AND UPPER(f(p)) = 'Y';
SELECT s(_q4.q) FROM (SELECT _q3.q FROM (SELECT _q1.q, f(_q1.p) AS _v2 FROM (SELECT t.q, t.p FROM t)
AS _q1 WHERE f(_q1.p) <> 'x') AS _q3 WHERE UPPER(_q3._v2) = 'Y') AS _q4;

-- With OR the whole of it is one model predicate.
SELECT i FROM t WHERE (f(p) = 'x' OR i = 2) AND q = 'x';
SELECT _q1.i FROM (SELECT t.i, t.p FROM t WHERE t.q = 'x') AS _q1 WHERE f(_q1.p) = 'x' OR _q1.i = 2;

-- Joins are made first.
SELECT t.i FROM t JOIN u ON t.i = u.i WHERE f(u.b) = 'x' AND t.q = 'x';
SELECT _q1.i FROM (SELECT t.i, u.b FROM t JOIN u ON t.i = u.i WHERE t.q = 'x') AS _q1 WHERE f(_q1.b)
= 'x';

-- Without a filter, the block is put on a derived table all the same, which later rules need.
SELECT i, f(p) FROM t;
SELECT _q1.i, f(_q1.p) FROM (SELECT t.i, t.p FROM t) AS _q1;

-- Without FROM.
SELECT f('a') AS y;
SELECT f('a') AS y FROM (SELECT 1 AS _c2) AS _q1;

-- No call.
SELECT i FROM t WHERE i < 5;
UNCHANGED;
