-- What joins before is joined first.
SELECT t.i FROM t JOIN u ON t.i = u.i LEFT JOIN u AS w ON w.b = f(t.p);
SELECT _q1.i FROM (SELECT t.i, t.p FROM t JOIN u ON t.i = u.i) AS _q1 LEFT JOIN u AS w ON w.b = f(_q1.p);

-- What WHERE asks of these rows alone comes first too, by a model or not.
SELECT t.i FROM t JOIN u ON t.i = u.i LEFT JOIN u AS w ON w.b = f(t.p) WHERE u.b > '' AND w.b IS NULL;
SELECT _q1.i FROM (SELECT t.i, t.p FROM t JOIN u ON t.i = u.i WHERE u.b > '') AS _q1
LEFT JOIN u AS w ON w.b = f(_q1.p) WHERE w.b IS NULL;

SELECT t.i, w.b FROM t LEFT JOIN u AS w ON w.b = f(t.p) WHERE g(t.q) = 'x' AND g(w.b) = 'y';
SELECT _q1.i, w.b FROM (SELECT t.i, t.p FROM t WHERE g(t.q) = 'x') AS _q1 LEFT JOIN u AS w
ON w.b = f(_q1.p) WHERE g(w.b) = 'y';

-- Before each LEFT JOIN that asks.
SELECT t.i FROM t JOIN u ON t.i = u.i LEFT JOIN u AS v ON v.b = f(t.p) LEFT JOIN u AS w ON w.b = g(t.q);
SELECT _q1.i FROM (SELECT _q2.i, _q2.q FROM (SELECT t.i, t.q, t.p FROM t JOIN u ON t.i = u.i) AS _q2
LEFT JOIN u AS v ON v.b = f(_q2.p)) AS _q1 LEFT JOIN u AS w ON w.b = g(_q1.q);

-- A prompt may be of several relations then.
SELECT t.i FROM t JOIN u ON t.i = u.i LEFT JOIN u AS w ON w.b = f(t.p || u.b);
SELECT _q1.i FROM (SELECT t.i, t.p, u.b FROM t JOIN u ON t.i = u.i) AS _q1 LEFT JOIN u AS w ON w.b =
f(_q1.p || _q1.b);

-- Not where there is nothing to join or filter first, or where only the other side is asked about.
SELECT t.i FROM t LEFT JOIN u AS w ON w.b = f(t.p) WHERE w.b = 'x';
UNCHANGED;

SELECT t.i FROM t JOIN u ON t.i = u.i LEFT JOIN u AS w ON w.i = t.i AND f(w.b) = 'x' WHERE t.i < 4;
UNCHANGED;

-- Not where a later join adds rows.
SELECT w.i FROM t JOIN u ON t.i = u.i LEFT JOIN u AS v ON v.b = f(t.p) RIGHT JOIN u AS w ON w.i = v.i;
UNCHANGED;

-- A random share is one of the joined rows.
SELECT t.i FROM t LEFT JOIN u AS w ON w.b = f(t.p) WHERE RANDOM() < 2;
UNCHANGED;

-- An inner join that is written after it, and needs nothing of it, comes before it.
SELECT t.i FROM t LEFT JOIN u AS w ON w.b = f(t.p) JOIN u ON t.i = u.i WHERE g(t.q) = 'x';
SELECT _q1.i FROM (SELECT t.i, t.p FROM t JOIN u ON t.i = u.i WHERE g(t.q) = 'x') AS _q1
LEFT JOIN u AS w ON w.b = f(_q1.p);

SELECT t.i FROM t LEFT JOIN u AS v ON v.b = f(t.p) LEFT JOIN u AS w ON w.i = v.i JOIN u AS x ON x.i = w.i JOIN u ON t.i = u.i;
SELECT _q1.i FROM (SELECT t.i, t.p FROM t JOIN u ON t.i = u.i) AS _q1 LEFT JOIN u AS v ON v.b = f(_q1.p)
LEFT JOIN u AS w ON w.i = v.i JOIN u AS x ON x.i = w.i;

SELECT t.i FROM t LEFT JOIN u AS w ON w.b = f(t.p) JOIN u ON w.i = u.i;
UNCHANGED;
