-- Whole numbers stay whole.
t.r + 1;
CASE WHEN regexp_matches(variant_typeof(t.r), '^U?INT[0-9]+$') AND regexp_matches(variant_typeof(CAST(1 AS VARIANT)), '^U?INT[0-9]+$') THEN CAST(TRY_CAST(t.r AS BIGINT) + TRY_CAST(CAST(1 AS VARIANT) AS BIGINT) AS VARIANT) WHEN regexp_matches(variant_typeof(t.r), '^(U?INT|DOUBLE|FLOAT|DECIMAL)') AND regexp_matches(variant_typeof(CAST(1 AS VARIANT)), '^(U?INT|DOUBLE|FLOAT|DECIMAL)') THEN CAST(TRY_CAST(t.r AS DOUBLE) + TRY_CAST(CAST(1 AS VARIANT) AS DOUBLE) AS VARIANT) END;

t.r * t.r;
CASE WHEN regexp_matches(variant_typeof(t.r), '^U?INT[0-9]+$') AND regexp_matches(variant_typeof(t.r), '^U?INT[0-9]+$') THEN CAST(TRY_CAST(t.r AS BIGINT) * TRY_CAST(t.r AS BIGINT) AS VARIANT) WHEN regexp_matches(variant_typeof(t.r), '^(U?INT|DOUBLE|FLOAT|DECIMAL)') AND regexp_matches(variant_typeof(t.r), '^(U?INT|DOUBLE|FLOAT|DECIMAL)') THEN CAST(TRY_CAST(t.r AS DOUBLE) * TRY_CAST(t.r AS DOUBLE) AS VARIANT) END;

-- An order between types that differ is NULL.
t.r > 3;
CASE WHEN regexp_matches(variant_typeof(t.r), '^(U?INT|DOUBLE|FLOAT|DECIMAL)') THEN t.r > CAST(3 AS VARIANT) END;

t.r <= 'x';
CASE WHEN (variant_typeof(t.r) = 'VARCHAR') THEN t.r <= CAST('x' AS VARIANT) END;

t.r < t.d;
(TRY_CAST(t.r AS DATE) < t.d);

t.r < t.r;
CASE WHEN (regexp_matches(variant_typeof(t.r), '^(U?INT|DOUBLE|FLOAT|DECIMAL)') AND regexp_matches(variant_typeof(t.r), '^(U?INT|DOUBLE|FLOAT|DECIMAL)')) OR ((variant_typeof(t.r) = 'VARCHAR') AND (variant_typeof(t.r) = 'VARCHAR')) THEN t.r < t.r END;

-- A text operator sees a text.
t.r || 'x';
CASE WHEN starts_with(variant_typeof(t.r), 'OBJECT') OR starts_with(variant_typeof(t.r), 'ARRAY') THEN NULL WHEN (variant_typeof(t.r) IN ('DOUBLE', 'FLOAT')) THEN CAST(to_json(t.r) AS VARCHAR) ELSE CAST(t.r AS VARCHAR) END || 'x';

t.r LIKE 'x%';
CASE WHEN starts_with(variant_typeof(t.r), 'OBJECT') OR starts_with(variant_typeof(t.r), 'ARRAY') THEN NULL WHEN (variant_typeof(t.r) IN ('DOUBLE', 'FLOAT')) THEN CAST(to_json(t.r) AS VARCHAR) ELSE CAST(t.r AS VARCHAR) END LIKE 'x%';

SUM(t.r);
SUM(TRY_CAST(t.r AS DOUBLE));

-- It does not fire without a SUPER.
t.i + 1;
t.i + 1;

t.i > 3;
t.i > 3;
