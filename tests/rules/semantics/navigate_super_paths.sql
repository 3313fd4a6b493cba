-- Indexes are 0-based in SQL and 1-based in the engine; names keep their case.
t.r.usage.inputTokens;
variant_extract(variant_extract(t.r, 'usage'), 'inputTokens');

t.r."Mixed";
variant_extract(t.r, 'Mixed');

t.r.a.b[0];
variant_extract(variant_extract(variant_extract(t.r, 'a'), 'b'), 1);

t.r['it''s'];
variant_extract(t.r, 'it''s');

-- An index that is computed needs a list.
t.r.a[t.i];
list_extract(CASE WHEN starts_with(variant_typeof(variant_extract(t.r, 'a')), 'ARRAY') THEN CAST(variant_extract(t.r, 'a') AS VARIANT[]) END, CASE WHEN t.i >= 0 THEN t.i + 1 END);

-- It does not fire for a plain column.
t.s;
t.s;
