-- A clinic keeps a line for each diagnosis and medicine of a patient. Here each patient becomes
-- one prompt, and a language model answers it, without leaving SQL.

-- What an earlier run made goes; the answers that it got stay in the journal.
DROP MATERIALIZED VIEW IF EXISTS prompts;
DROP TABLE IF EXISTS plans;
DROP TABLE IF EXISTS patients;

-- 1. A table with column encodings, filled by COPY: from s3:// or, as here, from a local file.
CREATE TABLE patients (
    patient_id integer ENCODE az64,
    full_name  varchar(80),
    diagnosis  character varying(80) ENCODE lzo,
    medicine   character varying(80) ENCODE lzo
);

COPY patients FROM :'patients_csv'
IAM_ROLE DEFAULT CSV DELIMITER ',' IGNOREHEADER 1;

-- 2. LISTAGG as a window function: what a patient has and takes, each thing once.
SELECT DISTINCT
    full_name,
    listagg(DISTINCT diagnosis, ', ') WITHIN GROUP (ORDER BY patient_id)
        OVER (PARTITION BY patient_id) AS diagnoses,
    listagg(DISTINCT medicine, ', ') WITHIN GROUP (ORDER BY patient_id)
        OVER (PARTITION BY patient_id) AS medicines
FROM patients
ORDER BY full_name;

-- 3. One prompt for each patient, in a materialized view that keeps itself fresh.
CREATE MATERIALIZED VIEW prompts AUTO REFRESH YES AS
SELECT patient_id, full_name || ' has ' || diagnoses || ' and takes ' || medicines AS prompt
FROM (
    SELECT
        patient_id,
        full_name,
        listagg(DISTINCT diagnosis, ', ') WITHIN GROUP (ORDER BY patient_id)
            OVER (PARTITION BY patient_id) AS diagnoses,
        listagg(DISTINCT medicine, ', ') WITHIN GROUP (ORDER BY patient_id)
            OVER (PARTITION BY patient_id) AS medicines
    FROM patients
)
GROUP BY 1, 2;

SELECT * FROM prompts ORDER BY patient_id LIMIT 5;

-- 4. A model is a function. This one's id is Bedrock's; outcrop.toml routes it to a local model.
CREATE OR REPLACE EXTERNAL MODEL dietician
FUNCTION diet_plan
IAM_ROLE DEFAULT
MODEL_TYPE BEDROCK
SETTINGS (
    MODEL_ID 'anthropic.claude-v2',
    PROMPT 'Write a short diet plan for the following patient.');

-- 5. Two rows are asked for, so two calls are made, however large the view is.
SELECT patient_id, diet_plan(prompt) AS plan FROM prompts ORDER BY patient_id LIMIT 2;

-- 6. No table is needed.
SELECT diet_plan('Somebody with pre-diabetes who likes to cook.') AS plan;

-- 7. Parameters reach the model. Another temperature is another question.
SELECT diet_plan(prompt, object('temperature', 0.2)) AS careful FROM prompts WHERE patient_id = 3;

SELECT diet_plan(prompt, object('temperature', 0.9)) AS bold FROM prompts WHERE patient_id = 3;

-- 8. A RAW model takes the request body of its family and gives the family's own JSON.
CREATE OR REPLACE EXTERNAL MODEL titan
FUNCTION titan_raw
IAM_ROLE DEFAULT
MODEL_TYPE BEDROCK
SETTINGS (
    MODEL_ID 'amazon.titan-text-express-v1',
    REQUEST_TYPE RAW,
    RESPONSE_TYPE SUPER);

SELECT titan_raw(object(
    'inputText', 'Name one food that is rich in iron.',
    'textGenerationConfig', object('temperature', 0.5, 'maxTokenCount', 40))) AS answer;

-- 9. With RESPONSE_TYPE SUPER the whole response comes back, token counts and all. It asks what
--    was asked in 5, so the answer is already paid for: no call is made.
CREATE OR REPLACE EXTERNAL MODEL dietician_verbose
FUNCTION diet_plan_verbose
IAM_ROLE DEFAULT
MODEL_TYPE BEDROCK
SETTINGS (
    MODEL_ID 'anthropic.claude-v2',
    PROMPT 'Write a short diet plan for the following patient.',
    RESPONSE_TYPE SUPER);

SELECT
    patient_id,
    response.usage.inputTokens AS input_tokens,
    response.usage.outputTokens AS output_tokens,
    response.stopReason AS stop_reason
FROM (
    SELECT patient_id, diet_plan_verbose(prompt) AS response
    FROM prompts ORDER BY patient_id LIMIT 2
)
ORDER BY patient_id;

-- 10. All patients. The two of step 5 are in the journal; the others are asked.
CREATE TABLE plans AS SELECT patient_id, diet_plan(prompt) AS plan FROM prompts;

-- 11. What all of it cost, statement by statement.
SELECT function_name, calls, reused, input_tokens, output_tokens, cost_usd
FROM sys_llm_detail ORDER BY start_time;
