-- A table numbers its rows, and ties are broken by first occurrence.
SELECT LISTAGG(t.s, ',') WITHIN GROUP (ORDER BY t.k DESC) AS x FROM t;
SELECT LISTAGG(t.s, ',' ORDER BY t.k DESC NULLS FIRST, t.outcrop_row_1) AS x FROM (SELECT t.s, t.k, ROW_NUMBER() OVER () AS outcrop_row_1 FROM t AS t) AS t;

-- Without an order the order is that of first occurrence.
SELECT LISTAGG(DISTINCT t.s) AS x FROM t;
SELECT LISTAGG(DISTINCT t.s, '' ORDER BY t.outcrop_row_1) AS x FROM (SELECT t.s, ROW_NUMBER() OVER () AS outcrop_row_1 FROM t AS t) AS t;

-- Every table of a join numbers its rows.
SELECT LISTAGG(a.s) AS x FROM t AS a JOIN t AS b ON a.i = b.k;
SELECT LISTAGG(a.s, '' ORDER BY a.outcrop_row_1, b.outcrop_row_2) AS x FROM (SELECT a.s, a.i, ROW_NUMBER() OVER () AS outcrop_row_1 FROM t AS a) AS a JOIN (SELECT b.k, ROW_NUMBER() OVER () AS outcrop_row_2 FROM t AS b) AS b ON a.i = b.k;

-- A plain subquery hands the numbers of its tables up.
SELECT LISTAGG(q.s) AS x FROM (SELECT t.s AS s FROM t WHERE t.i > 1) AS q;
SELECT LISTAGG(q.s, '' ORDER BY q.outcrop_row_1) AS x FROM (SELECT t.s AS s, t.outcrop_row_1 AS outcrop_row_1 FROM (SELECT t.s, t.i, ROW_NUMBER() OVER () AS outcrop_row_1 FROM t AS t) AS t WHERE t.i > 1) AS q;

-- A grouped subquery has no rows of its own: ties are broken by the value.
SELECT LISTAGG(q.s) AS x FROM (SELECT t.s AS s FROM t GROUP BY t.s) AS q;
SELECT LISTAGG(q.s, '' ORDER BY q.s) AS x FROM (SELECT t.s AS s FROM t AS t GROUP BY t.s) AS q;

-- So it is with WITH.
WITH w AS (SELECT t.s AS s FROM t) SELECT LISTAGG(w.s) AS x FROM w;
WITH w AS (SELECT t.s AS s FROM t AS t) SELECT LISTAGG(w.s, '' ORDER BY w.s) AS x FROM w AS w;

-- It does not fire without LISTAGG.
SELECT MAX(t.s) AS x FROM t;
SELECT MAX(t.s) AS x FROM t AS t;
