t.c = 'ab';
rtrim(t.c) = rtrim('ab');

t.s <> t.c;
rtrim(t.s) <> rtrim(t.c);

-- It does not fire between VARCHARs.
t.s = 'ab';
t.s = 'ab';
