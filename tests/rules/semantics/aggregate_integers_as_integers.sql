AVG(t.i);
CAST(trunc(AVG(t.i)) AS BIGINT);

SUM(t.si);
CAST(SUM(t.si) AS BIGINT);

SUM(t.b);
CAST(SUM(t.b) AS DECIMAL(38, 0));

AVG(DISTINCT t.b);
CAST(trunc(AVG(DISTINCT t.b)) AS BIGINT);

AVG(t.i) OVER (PARTITION BY t.g);
CAST(trunc(AVG(t.i) OVER (PARTITION BY t.g)) AS BIGINT);

-- It does not fire for other numbers.
AVG(t.f);
AVG(t.f);

SUM(t.n);
SUM(t.n);
