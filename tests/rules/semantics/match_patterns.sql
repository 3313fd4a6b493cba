-- A backslash escapes, also without ESCAPE.
t.s LIKE 'a\\_b';
(t.s LIKE 'a\_b' ESCAPE '\');

t.s ILIKE t.c;
(t.s ILIKE t.c ESCAPE '\');

t.s NOT LIKE t.c;
(t.s NOT LIKE t.c ESCAPE '\');

t.s SIMILAR TO '(a|b)%_';
regexp_full_match(t.s, '(?s)(a|b).*.');

t.s SIMILAR TO 'a.b\\%';
regexp_full_match(t.s, '(?s)a\.b%');

t.s SIMILAR TO t.c;
regexp_full_match(t.s, '(?s)' || replace(replace(regexp_replace(t.c, '([.^$])', '\\\1', 'g'), '%', '.*'), '_', '.'));

t.s NOT SIMILAR TO 'a!%%' ESCAPE '!';
NOT regexp_full_match(t.s, '(?s)a%.*');

t.s ~ 'x';
regexp_matches(t.s, 'x');

t.s !~* 'x';
NOT regexp_matches(t.s, 'x', 'i');

-- It does not fire where there is nothing to escape, or ESCAPE says how.
t.s LIKE 'a%';
t.s LIKE 'a%';

t.s LIKE 'a!%' ESCAPE '!';
t.s LIKE 'a!%' ESCAPE '!';
