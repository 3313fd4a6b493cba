-- A clinic keeps a line for each diagnosis and medicine of a patient. Here each
-- patient becomes one prompt, and a language model answers it with advice on
-- diet, without leaving SQL. The patients are invented, and a model as small as
-- this one makes up its advice too.

-- What an earlier run made goes; the answers that it got stay in the journal.
DROP MATERIALIZED VIEW IF EXISTS prompts;
DROP TABLE IF EXISTS advice, patients;

-- 1. A table with column encodings, filled by COPY: from s3:// or,
-- as here, from a local file.
CREATE TABLE patients (
    patient_id integer ENCODE az64,
    full_name  varchar(80),
    diagnosis  character varying(80) ENCODE lzo,
    medicine   character varying(80) ENCODE lzo
);

COPY patients FROM :'patients_csv'
IAM_ROLE DEFAULT CSV DELIMITER ',' IGNOREHEADER 1;

-- 2. LISTAGG as a window function: what a patient has and takes, each once.
SELECT DISTINCT
    full_name,
    listagg(DISTINCT diagnosis, ', ') WITHIN GROUP (ORDER BY patient_id)
        OVER (PARTITION BY patient_id) AS diagnoses,
    listagg(DISTINCT medicine, ', ') WITHIN GROUP (ORDER BY patient_id)
        OVER (PARTITION BY patient_id) AS medicines
FROM patients
ORDER BY full_name;

-- 3. One prompt for each patient, in a materialized view that keeps itself
-- fresh. The model need not know the name.
CREATE MATERIALIZED VIEW prompts AUTO REFRESH YES AS
SELECT
    patient_id,
    'somebody who has ' || diagnoses || ' and takes ' || medicines AS prompt
FROM (
    SELECT
        patient_id,
        listagg(DISTINCT diagnosis, ', ') WITHIN GROUP (ORDER BY patient_id)
            OVER (PARTITION BY patient_id) AS diagnoses,
        listagg(DISTINCT medicine, ', ') WITHIN GROUP (ORDER BY patient_id)
            OVER (PARTITION BY patient_id) AS medicines
    FROM patients
)
GROUP BY 1, 2;

SELECT * FROM prompts ORDER BY patient_id LIMIT 5;

-- 4. A model is a function. This one's id is Bedrock's; outcrop.toml routes it
-- to a small model on this machine.
CREATE OR REPLACE EXTERNAL MODEL dietician
FUNCTION diet_advice
IAM_ROLE DEFAULT
MODEL_TYPE BEDROCK
SETTINGS (
    MODEL_ID 'anthropic.claude-v2',
    PROMPT 'In one sentence, suggest what to eat to');

-- 5. Two rows are asked for, so two calls are made, however large the view is.
SELECT patient_id, diet_advice(prompt) AS advice
FROM prompts ORDER BY patient_id LIMIT 2;

-- 6. No table is needed.
SELECT diet_advice('somebody with pre-diabetes who likes to cook') AS advice;

-- 7. Parameters reach the model. Another temperature is another question.
SELECT diet_advice(prompt, object('temperature', 0.2)) AS careful
FROM prompts WHERE patient_id = 3;

SELECT diet_advice(prompt, object('temperature', 0.6)) AS bold
FROM prompts WHERE patient_id = 3;

-- 8. A RAW model takes the request body of its family and gives the
-- family's own JSON.
CREATE OR REPLACE EXTERNAL MODEL titan
FUNCTION titan_raw
IAM_ROLE DEFAULT
MODEL_TYPE BEDROCK
SETTINGS (
    MODEL_ID 'amazon.titan-text-express-v1',
    REQUEST_TYPE RAW,
    RESPONSE_TYPE SUPER);

SELECT titan_raw(object(
    'inputText', 'Why is fiber good for us? Answer in one sentence.',
    'textGenerationConfig', object('temperature', 0.1, 'maxTokenCount', 60)
)) AS answer;

-- 9. With RESPONSE_TYPE SUPER the whole response comes back, token counts and
-- all. It asks what was asked in 5, so the answer is there already: no call.
CREATE OR REPLACE EXTERNAL MODEL dietician_verbose
FUNCTION diet_advice_verbose
IAM_ROLE DEFAULT
MODEL_TYPE BEDROCK
SETTINGS (
    MODEL_ID 'anthropic.claude-v2',
    PROMPT 'In one sentence, suggest what to eat to',
    RESPONSE_TYPE SUPER);

SELECT
    patient_id,
    response.usage.inputTokens::integer AS input_tokens,
    response.usage.outputTokens::integer AS output_tokens,
    response.stopReason::varchar AS stop_reason
FROM (
    SELECT patient_id, diet_advice_verbose(prompt) AS response
    FROM prompts ORDER BY patient_id LIMIT 2
)
ORDER BY patient_id;

-- 10. All patients. The two of step 5 are answered; the others are asked, and
-- where the prompt is NULL, nobody is.
CREATE TABLE advice AS
SELECT patient_id, diet_advice(prompt) AS advice FROM prompts;

-- 11. A new patient: the view refreshes itself, and only what is new is asked.
INSERT INTO patients VALUES (8, 'Noor Rahimi', 'anemia', 'folic acid');

SELECT patient_id, diet_advice(prompt) AS advice
FROM prompts WHERE patient_id >= 5 ORDER BY patient_id;

-- 12. What it cost, this run and those before: the calls stay, the reuse grows.
SELECT
    function_name,
    sum(calls) AS calls,
    sum(reused) AS reused,
    sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    sum(cost_usd) AS cost_usd
FROM sys_llm_detail
GROUP BY function_name
ORDER BY function_name;
