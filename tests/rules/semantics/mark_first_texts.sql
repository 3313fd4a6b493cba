-- The first of equal texts of a window is marked below.
SELECT t.g AS g, LISTAGG(DISTINCT t.s, ',') WITHIN GROUP (ORDER BY t.k) OVER (PARTITION BY t.g) AS x FROM t WHERE t.i > 0;
SELECT outcrop_texts.column_1 AS g, string_agg(CAST(outcrop_texts.column_2 AS VARCHAR), ',' ORDER BY outcrop_texts.column_3) FILTER (WHERE CAST(outcrop_texts.column_2 AS VARCHAR) <> '' AND outcrop_texts.is_first_1) OVER (PARTITION BY outcrop_texts.column_1) AS x FROM (SELECT (ROW_NUMBER() OVER (PARTITION BY t.g, rtrim(CAST(t.s AS VARCHAR)) ORDER BY t.k) = 1) AS is_first_1, t.g AS column_1, t.s AS column_2, t.k AS column_3 FROM t AS t WHERE t.i > 0) AS outcrop_texts;

-- It does not fire without DISTINCT.
SELECT LISTAGG(t.s, ',') OVER (PARTITION BY t.g) AS x FROM t;
SELECT LISTAGG(t.s, ',') OVER (PARTITION BY t.g) AS x FROM t AS t;

-- It does not fire where rows are grouped.
SELECT t.g AS g, LISTAGG(DISTINCT t.g, ',') OVER () AS x FROM t GROUP BY t.g;
SELECT t.g AS g, LISTAGG(DISTINCT t.g, ',') OVER () AS x FROM t AS t GROUP BY t.g;
