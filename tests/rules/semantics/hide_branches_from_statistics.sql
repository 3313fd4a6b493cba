-- A text that may be NULL though what it reads is not.
NULLIF(t.s, 'x') IN ('x', 'y');
ltrim(NULLIF(t.s, 'x'), '') IN ('x', 'y');

CASE WHEN t.s <> 'x' THEN t.s END LIKE 'x%';
ltrim(CASE WHEN t.s <> 'x' THEN t.s END, '') LIKE 'x%';

-- On either side of a comparison.
CASE WHEN t.i = 2 THEN 'no' END = '';
ltrim(CASE WHEN t.i = 2 THEN 'no' END, '') = '';

t.s < CASE WHEN t.i = 2 THEN 'no' ELSE NULL END;
t.s < ltrim(CASE WHEN t.i = 2 THEN 'no' ELSE NULL END, '');

NULLIF(COALESCE('a', t.s), 'a') <> COALESCE(t.s, 'x');
ltrim(NULLIF(ltrim(COALESCE('a', t.s), ''), 'a'), '') <> ltrim(COALESCE(t.s, 'x'), '');

-- NULLIF compares as well, and so does BETWEEN with its bounds, and IN with its list.
NULLIF('a', CASE WHEN t.s = 'no' THEN 'é' END);
NULLIF('a', ltrim(CASE WHEN t.s = 'no' THEN 'é' END, ''));

t.s BETWEEN COALESCE(t.s, 'a') AND 'b';
t.s BETWEEN ltrim(COALESCE(t.s, 'a'), '') AND 'b';

t.s IN ('a', NULLIF(t.s, 'b'));
t.s IN ('a', ltrim(NULLIF(t.s, 'b'), ''));

-- One that a derived table or a common table gives.
SELECT q.x FROM (SELECT NULLIF(t.s, 'x') AS x FROM t) AS q WHERE q.x LIKE 'x%';
SELECT q.x AS x FROM (SELECT NULLIF(t.s, 'x') AS x FROM t AS t) AS q WHERE ltrim(q.x, '') LIKE 'x%';

WITH q AS (SELECT t.s AS x FROM t UNION ALL SELECT NULLIF(t.s, 'x') AS x FROM t)
SELECT q.x FROM q WHERE q.x IN ('x');
WITH q AS (SELECT t.s AS x FROM t AS t UNION ALL SELECT NULLIF(t.s, 'x') AS x FROM t AS t)
SELECT q.x AS x FROM q AS q WHERE ltrim(q.x, '') IN ('x');

-- It does not fire on a column, nor on a number.
t.s LIKE 'a%';
t.s LIKE 'a%';

SELECT q.x FROM (SELECT t.s AS x FROM t) AS q WHERE q.x IN ('x');
SELECT q.x AS x FROM (SELECT t.s AS x FROM t AS t) AS q WHERE q.x IN ('x');

NULLIF(t.i, 1) IN (1, 2);
NULLIF(t.i, 1) IN (1, 2);

CASE WHEN t.i = 2 THEN 7 END = 3;
CASE WHEN t.i = 2 THEN 7 END = 3;

t.s = 'x';
t.s = 'x';
