CAST(t.r AS INT);
TRY_CAST(t.r AS INT);

CAST(t.r AS VARCHAR);
CAST(CASE WHEN starts_with(variant_typeof(t.r), 'OBJECT') OR starts_with(variant_typeof(t.r), 'ARRAY') THEN NULL WHEN (variant_typeof(t.r) IN ('DOUBLE', 'FLOAT')) THEN CAST(to_json(t.r) AS VARCHAR) ELSE CAST(t.r AS VARCHAR) END AS VARCHAR);

CAST(t.r AS DATE);
TRY_CAST(t.r AS DATE);

CAST(t.i AS SUPER);
CAST(t.i AS VARIANT);

-- It does not fire without a SUPER.
CAST(t.s AS INT);
CAST(t.s AS INT);
