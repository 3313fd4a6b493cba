SUBSTRING(t.s, 2);
substring(t.s, 2);

SUBSTRING(t.s, -1, 3);
substring(t.s, greatest((-1), 1), greatest((-1) + greatest(3, 0) - greatest((-1), 1), 0));

SUBSTRING(t.s FROM 2 FOR 1);
substring(t.s, 2, greatest(1, 0));

TRIM(t.s);
trim(t.s);

TRIM(LEADING 'x' FROM t.s);
ltrim(t.s, 'x');

POSITION('b' IN t.s);
CAST(instr(t.s, 'b') AS INTEGER);

-- It does not fire for other functions of texts.
t.s || 'x';
t.s || 'x';
