"""The system views: their names and columns. Their rows are made by `execution/system_views.py`.

Names and columns keep Redshift's style; `stv_ml_model_info` is Redshift's own (developer guide,
"STV_ML_MODEL_INFO"), the others are ours, after `SYS_LUDF_DETAIL`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from outcrop.catalog.objects import SYSTEM_SCHEMA, Column, QualifiedName, Relation, RelationKind
from outcrop.datatypes import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    INTEGER,
    TIMESTAMP,
    DataType,
    TypeKind,
)

_TEXT = DataType(TypeKind.VARCHAR, length=65_535)
_NAME = DataType(TypeKind.CHAR, length=128)


def _view(oid: int, view_name: str, /, **columns: DataType) -> Relation:
    return Relation(
        oid=oid,
        name=QualifiedName(SYSTEM_SCHEMA, view_name),
        kind=RelationKind.SYSTEM_VIEW,
        columns=tuple(Column(column, datatype) for column, datatype in columns.items()),
        owner="outcrop",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


SYS_LLM_CALL = _view(
    1_001,
    "sys_llm_call",
    call_id=BIGINT,
    query_id=_TEXT,
    user_name=_NAME,
    model_name=_NAME,
    function_name=_NAME,
    provider=_TEXT,
    model_id=_TEXT,
    fingerprint=_TEXT,
    status=_TEXT,
    attempts=INTEGER,
    throttles=INTEGER,
    possibly_paid=INTEGER,
    input_tokens=BIGINT,
    output_tokens=BIGINT,
    cost_usd=DOUBLE,
    start_time=TIMESTAMP,
    duration_ms=BIGINT,
    error_code=_TEXT,
    error_message=_TEXT,
)

SYS_LLM_DETAIL = _view(
    1_002,
    "sys_llm_detail",
    query_id=_TEXT,
    user_name=_NAME,
    query_group=_TEXT,
    query_text=_TEXT,
    model_name=_NAME,
    function_name=_NAME,
    start_time=TIMESTAMP,
    end_time=TIMESTAMP,
    outcome=_TEXT,
    invocations=BIGINT,
    calls=BIGINT,
    reused=BIGINT,
    failed=BIGINT,
    attempts=BIGINT,
    throttles=BIGINT,
    possibly_paid=BIGINT,
    input_tokens=BIGINT,
    output_tokens=BIGINT,
    cost_usd=DOUBLE,
    saved_usd=DOUBLE,
)

SYS_LLM_BUDGET = _view(
    1_006,
    "sys_llm_budget",
    budget=_TEXT,
    user_name=_NAME,
    model_id=_TEXT,
    period=_NAME,
    period_start=TIMESTAMP,
    period_end=TIMESTAMP,
    max_cost_usd=DOUBLE,
    spent_usd=DOUBLE,
    reserved_usd=DOUBLE,
    remaining_usd=DOUBLE,
)

SYS_LLM_LIMITS = _view(
    1_007,
    "sys_llm_limits",
    provider=_TEXT,
    model_id=_TEXT,
    requests_per_second=DOUBLE,
    tokens_per_second=DOUBLE,
    requests_per_second_max=DOUBLE,
    tokens_per_second_max=DOUBLE,
    concurrency_max=BIGINT,
    in_flight=BIGINT,
    waiting=BIGINT,
    waits_for=_TEXT,
    breaker=_TEXT,
    last_failure=_TEXT,
)

SYS_LLM_QUERY = _view(
    1_008,
    "sys_llm_query",
    query_id=_TEXT,
    user_name=_NAME,
    query_group=_TEXT,
    query_text=_TEXT,
    start_time=TIMESTAMP,
    elapsed_s=DOUBLE,
    calls_total=BIGINT,
    calls_done=BIGINT,
    calls=BIGINT,
    reused=BIGINT,
    failed=BIGINT,
    in_flight=BIGINT,
    waiting=BIGINT,
    waits_for=_TEXT,
    throttles=BIGINT,
    input_tokens=BIGINT,
    output_tokens=BIGINT,
    cost_usd=DOUBLE,
)

STV_ML_MODEL_INFO = _view(
    1_003,
    "stv_ml_model_info",
    schema_name=_NAME,
    user_name=_NAME,
    model_name=_NAME,
    life_cycle=DataType(TypeKind.CHAR, length=20),
    is_refreshable=INTEGER,
    model_state=_NAME,
)

STV_MV_INFO = _view(
    1_004,
    "stv_mv_info",
    db_name=_NAME,
    schema=_NAME,
    name=_NAME,
    is_stale=DataType(TypeKind.CHAR, length=1),
    owner_user_name=_NAME,
    state=INTEGER,
    autorewrite=DataType(TypeKind.CHAR, length=1),
    autorefresh=DataType(TypeKind.CHAR, length=1),
)

PG_TABLE_DEF = _view(
    1_005,
    "pg_table_def",
    schemaname=_NAME,
    tablename=_NAME,
    column=_NAME,
    type=_NAME,
    encoding=_NAME,
    distkey=BOOLEAN,
    sortkey=INTEGER,
    notnull=BOOLEAN,
)


SYSTEM_VIEWS = (
    SYS_LLM_CALL,
    SYS_LLM_DETAIL,
    SYS_LLM_BUDGET,
    SYS_LLM_LIMITS,
    SYS_LLM_QUERY,
    STV_ML_MODEL_INFO,
    STV_MV_INFO,
    PG_TABLE_DEF,
)
