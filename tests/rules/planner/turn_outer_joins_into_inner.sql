-- WHERE drops what LEFT JOIN adds.
SELECT t.i FROM t LEFT JOIN u ON u.b = f(t.p) WHERE u.i > 2;
SELECT t.i FROM t JOIN u ON u.b = f(t.p) WHERE u.i > 2;

SELECT t.i FROM t LEFT OUTER JOIN u ON u.b = f(t.p) WHERE NOT (u.i IS NULL OR u.b = 'x');
SELECT t.i FROM t JOIN u ON u.b = f(t.p) WHERE NOT (u.i IS NULL OR u.b = 'x');

-- Whatever is NULL for no prompt.
SELECT t.i FROM t LEFT JOIN u ON u.i = t.i WHERE f(upper(u.b)) LIKE 'A%';
SELECT t.i FROM t JOIN u ON u.i = t.i WHERE f(upper(u.b)) LIKE 'A%';

-- The other side, and one side of a FULL join, or both.
SELECT u.i FROM t RIGHT JOIN u ON u.i = t.i WHERE f(t.p) IN (SELECT b FROM u);
SELECT u.i FROM t JOIN u ON u.i = t.i WHERE f(t.p) IN (SELECT u.b FROM u);

SELECT u.i FROM t FULL JOIN u ON u.i = t.i WHERE t.i BETWEEN 1 AND 3 AND f(u.b) IS NULL;
SELECT u.i FROM t LEFT JOIN u ON u.i = t.i WHERE t.i BETWEEN 1 AND 3 AND f(u.b) IS NULL;

SELECT t.i FROM t FULL JOIN u ON u.i = t.i WHERE u.i > 2 AND f(t.q) IS NULL;
SELECT t.i FROM t RIGHT JOIN u ON u.i = t.i WHERE u.i > 2 AND f(t.q) IS NULL;

SELECT t.i FROM t FULL JOIN u ON u.i = t.i WHERE u.b || t.q > '' AND f(t.q) IS NULL;
SELECT t.i FROM t JOIN u ON u.i = t.i WHERE u.b || t.q > '' AND f(t.q) IS NULL;

-- The ON of a later join drops them too.
SELECT t.i FROM t LEFT JOIN u ON u.b = f(t.p) JOIN u AS w ON w.i = u.i;
SELECT t.i FROM t JOIN u ON u.b = f(t.p) JOIN u AS w ON w.i = u.i;

SELECT w.i FROM t LEFT JOIN u ON u.b = f(t.p) LEFT JOIN u AS w ON w.i = u.i WHERE w.b > '';
SELECT w.i FROM t JOIN u ON u.b = f(t.p) JOIN u AS w ON w.i = u.i WHERE w.b > '';

-- But one that keeps the rows before it drops none.
SELECT t.i FROM t LEFT JOIN u ON u.b = f(t.p) LEFT JOIN u AS w ON w.i = u.i;
UNCHANGED;

-- What may hold for NULL, or does not speak of the side.
SELECT t.i FROM t LEFT JOIN u ON u.b = f(t.p) WHERE u.i IS NULL OR u.i > 2;
UNCHANGED;

SELECT t.i FROM t LEFT JOIN u ON u.b = f(t.p) WHERE COALESCE(u.i, 1) = 1 AND t.i < 5;
UNCHANGED;

SELECT t.i FROM t LEFT JOIN u ON u.b = f(t.p) WHERE NOT (u.i > 2 AND t.i < 5);
UNCHANGED;

SELECT t.i FROM t LEFT JOIN u ON u.b = f(t.p) WHERE NOT u.i IN (SELECT i FROM t WHERE i > 100);
UNCHANGED;

SELECT t.i FROM t LEFT JOIN u ON u.b = f(t.p) WHERE NOT (t.i BETWEEN u.i AND 0);
UNCHANGED;

-- What is NULL whichever of its branches is taken.
SELECT t.i FROM t LEFT JOIN u ON u.b = f(t.p) WHERE COALESCE(u.b, u.b) < 'é';
SELECT t.i FROM t JOIN u ON u.b = f(t.p) WHERE COALESCE(u.b, u.b) < 'é';

SELECT t.i FROM t LEFT JOIN u ON u.b = f(t.p) WHERE CASE WHEN t.i = 1 THEN u.b ELSE u.b || 'x' END < 'é';
SELECT t.i FROM t JOIN u ON u.b = f(t.p) WHERE CASE WHEN t.i = 1 THEN u.b ELSE u.b || 'x' END < 'é';

SELECT t.i FROM t LEFT JOIN u ON u.b = f(t.p) WHERE NULLIF(u.b, 'x') LIKE 'a%';
SELECT t.i FROM t JOIN u ON u.b = f(t.p) WHERE NULLIF(u.b, 'x') LIKE 'a%';

-- A list of NULLs holds nothing that is equal.
SELECT t.i FROM t LEFT JOIN u ON u.b = f(t.p) WHERE NOT t.q IN (u.b, upper(u.b));
SELECT t.i FROM t JOIN u ON u.b = f(t.p) WHERE NOT t.q IN (u.b, upper(u.b));

SELECT t.i FROM t LEFT JOIN u ON u.b = f(t.p) WHERE t.q IN (u.b, 'x');
UNCHANGED;
