RATIO_TO_REPORT(t.i) OVER (PARTITION BY t.g);
(CAST(t.i AS DOUBLE) / nullif(SUM(t.i) OVER (PARTITION BY t.g), 0));

-- It does not fire for other windows.
SUM(t.f) OVER ();
SUM(t.f) OVER ();
