CAST(t.s AS VARCHAR(3));
CASE WHEN strlen(CAST(t.s AS VARCHAR)) <= 3 THEN CAST(t.s AS VARCHAR) WHEN strlen(CAST(t.s AS VARCHAR)) = length(CAST(t.s AS VARCHAR)) THEN left(CAST(t.s AS VARCHAR), 3) ELSE decode(unhex(regexp_replace(left(hex(encode(CAST(t.s AS VARCHAR))), 6), '([CD].|E.([89AB].)?|F.([89AB].){0,2})$', ''))) END;

CAST(t.i AS CHAR(2));
CASE WHEN strlen(CAST(t.i AS VARCHAR)) <= 2 THEN CAST(t.i AS VARCHAR) WHEN strlen(CAST(t.i AS VARCHAR)) = length(CAST(t.i AS VARCHAR)) THEN left(CAST(t.i AS VARCHAR), 2) ELSE decode(unhex(regexp_replace(left(hex(encode(CAST(t.i AS VARCHAR))), 4), '([CD].|E.([89AB].)?|F.([89AB].){0,2})$', ''))) END;

CAST(t.s AS CHAR);
CASE WHEN strlen(CAST(t.s AS VARCHAR)) <= 1 THEN CAST(t.s AS VARCHAR) WHEN strlen(CAST(t.s AS VARCHAR)) = length(CAST(t.s AS VARCHAR)) THEN left(CAST(t.s AS VARCHAR), 1) ELSE decode(unhex(regexp_replace(left(hex(encode(CAST(t.s AS VARCHAR))), 2), '([CD].|E.([89AB].)?|F.([89AB].){0,2})$', ''))) END;

-- It does not fire without a length.
CAST(t.s AS VARCHAR);
CAST(t.s AS VARCHAR);

CAST(t.s AS VARCHAR(MAX));
CAST(t.s AS VARCHAR);
