OBJECT('a', 1, 'b', ARRAY(1, 'x', NULL));
CAST(json_object('a', 1, 'b', CAST(json_array(1, 'x', NULL) AS VARIANT)) AS VARIANT);

OBJECT(t.s, t.r);
CAST(json_object(coalesce(CAST(t.s AS VARCHAR), error('OBJECT key cannot be NULL')), t.r) AS VARIANT);

OBJECT();
CAST(json_object() AS VARIANT);

ARRAY();
CAST(json_array() AS VARIANT);

-- It does not fire for other calls.
COALESCE(t.i, 1);
COALESCE(t.i, 1);
