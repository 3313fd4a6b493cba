EXTRACT(yr FROM t.ts);
CAST(floor(date_part('year', CAST(t.ts AS TIMESTAMP))) AS BIGINT);

EXTRACT(dow FROM t.d);
CAST(floor(date_part('dow', CAST(t.d AS TIMESTAMP))) AS BIGINT);

DATE_PART(epoch, t.ts);
CAST(floor(date_part('epoch', CAST(t.ts AS TIMESTAMP))) AS BIGINT);

EXTRACT(hour FROM CAST('10:00' AS TIME));
CAST(floor(date_part('hour', CAST('10:00' AS TIME))) AS BIGINT);

-- It does not fire for other functions of dates.
DATE_TRUNC('year', t.ts);
REDSHIFT_FUNCTION(date_trunc, 'year', t.ts);
