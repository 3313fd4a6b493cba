LEN(t.s);
CAST(length(t.s) AS INTEGER);

LEN(t.c);
CAST(length(rtrim(t.c)) AS INTEGER);

CONCAT(t.s, t.i);
(CAST(t.s AS VARCHAR) || CAST(t.i AS VARCHAR));

UPPER(t.r);
upper(CASE WHEN starts_with(variant_typeof(t.r), 'OBJECT') OR starts_with(variant_typeof(t.r), 'ARRAY') THEN NULL WHEN (variant_typeof(t.r) IN ('DOUBLE', 'FLOAT')) THEN CAST(to_json(t.r) AS VARCHAR) ELSE CAST(t.r AS VARCHAR) END);

ABS(t.r);
abs(TRY_CAST(t.r AS double));

NVL(t.s, 'x');
COALESCE(t.s, 'x');

ISNULL(t.s, 'x');
COALESCE(t.s, 'x');

GETDATE();
date_trunc('second', CAST(now() AS TIMESTAMP));

SYSDATE;
CAST(now() AS TIMESTAMP);

DATEADD(month, 1, t.d);
(CAST(t.d AS TIMESTAMP) + to_months(CAST(trunc(1) AS INTEGER)));

DATEADD(hours, t.i, t.ts);
(CAST(t.ts AS TIMESTAMP) + to_hours(CAST(trunc(t.i) AS BIGINT)));

DATEDIFF(day, t.d, t.ts);
date_diff('day', CAST(t.d AS TIMESTAMP), CAST(t.ts AS TIMESTAMP));

DATEDIFF(week, t.d, t.ts);
((CAST(date_trunc('week', CAST(t.ts AS TIMESTAMP) + to_days(1)) AS DATE) - CAST(date_trunc('week', CAST(t.d AS TIMESTAMP) + to_days(1)) AS DATE)) // 7);

DATE_TRUNC('mon', t.d);
date_trunc('month', CAST(t.d AS TIMESTAMP));

CONVERT_TIMEZONE('Europe/Berlin', t.ts);
timezone('Europe/Berlin', timezone('UTC', CAST(t.ts AS TIMESTAMP)));

NEXT_DAY(t.d, 'Tuesday');
(CAST(t.d AS DATE) + CAST((2 + 6 - dayofweek(CAST(t.d AS DATE))) % 7 + 1 AS INTEGER));

TRUNC(t.ts);
CAST(t.ts AS DATE);

TRUNC(t.n, 1);
trunc(t.n, CAST(1 AS INTEGER));

TO_CHAR(t.ts, 'YYYY-MM-DD');
(strftime(CAST(t.ts AS TIMESTAMP), '%Y') || '-' || strftime(CAST(t.ts AS TIMESTAMP), '%m') || '-' || strftime(CAST(t.ts AS TIMESTAMP), '%d'));

TO_CHAR(t.ts, 'Mon DAY');
(strftime(CAST(t.ts AS TIMESTAMP), '%b') || ' ' || rpad(upper(strftime(CAST(t.ts AS TIMESTAMP), '%A')), 9, ' '));

TO_DATE(t.s, 'DD Mon YYYY');
CAST(strptime(CAST(t.s AS VARCHAR), '%d %b %Y') AS DATE);

REGEXP_REPLACE(t.s, 'a', 'b');
regexp_replace(t.s, 'a', 'b', 'g');

REGEXP_REPLACE(t.s, '(a)', '<$1>', 2, 'i');
(left(t.s, 1) || regexp_replace(substr(t.s, 2), '(a)', '<\1>', 'gi'));

REGEXP_SUBSTR(t.s, 'a', 1, 2);
CASE WHEN t.s IS NOT NULL THEN coalesce(list_extract(regexp_extract_all(t.s, 'a', 0, ''), 2), '') END;

REGEXP_COUNT(t.s, 'a');
CAST(len(regexp_extract_all(t.s, 'a', 0, '')) AS INTEGER);

JSON_PARSE(t.s);
CAST(json(CAST(t.s AS VARCHAR)) AS VARIANT);

JSON_SERIALIZE(t.r);
CAST(to_json(t.r) AS VARCHAR);

GET_ARRAY_LENGTH(t.r);
CASE WHEN starts_with(variant_typeof(t.r), 'ARRAY') THEN CAST(variant_array_length(t.r) AS INTEGER) END;

JSON_EXTRACT_PATH_TEXT(t.s, 'a', 'b');
CASE WHEN t.s IS NOT NULL THEN coalesce(json_extract_string(json(t.s), '$' || '."' || replace(CAST('a' AS VARCHAR), '"', '\"') || '"' || '."' || replace(CAST('b' AS VARCHAR), '"', '\"') || '"'), '') END;

SHA2(t.s, 256);
sha256(t.s);

-- It does not fire for an aggregate.
COUNT(t.s);
COUNT(t.s);
