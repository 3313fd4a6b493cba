-- No delimiter is an empty one; '' and NULL are left out.
LISTAGG(t.s);
string_agg(CAST(t.s AS VARCHAR), '') FILTER (WHERE CAST(t.s AS VARCHAR) <> '');

LISTAGG(t.s, ', ') WITHIN GROUP (ORDER BY t.k DESC);
string_agg(CAST(t.s AS VARCHAR), ', ' ORDER BY t.k DESC NULLS FIRST) FILTER (WHERE CAST(t.s AS VARCHAR) <> '');

LISTAGG(t.i, NULL);
string_agg(CAST(t.i AS VARCHAR), '') FILTER (WHERE CAST(t.i AS VARCHAR) <> '');

-- DISTINCT compares without trailing blanks and keeps what comes first.
LISTAGG(DISTINCT t.s, ',') WITHIN GROUP (ORDER BY t.k);
array_to_string(list_filter(list(CAST(t.s AS VARCHAR) ORDER BY t.k) FILTER (WHERE CAST(t.s AS VARCHAR) <> ''), lambda value, place: list_position(list(rtrim(CAST(t.s AS VARCHAR)) ORDER BY t.k) FILTER (WHERE CAST(t.s AS VARCHAR) <> ''), list_extract(list(rtrim(CAST(t.s AS VARCHAR)) ORDER BY t.k) FILTER (WHERE CAST(t.s AS VARCHAR) <> ''), place)) = place), ',');

LISTAGG(t.s, ',') OVER (PARTITION BY t.g);
string_agg(CAST(t.s AS VARCHAR), ',') FILTER (WHERE CAST(t.s AS VARCHAR) <> '') OVER (PARTITION BY t.g);

-- It does not fire for another aggregate.
MAX(t.s);
MAX(t.s);
