"""The rows of the system views, stored as temporary relations for the statement that reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from outcrop.catalog.objects import Column, ExternalModel, Relation, RelationKind
from outcrop.catalog.snapshot import DATABASE, CatalogSnapshot
from outcrop.catalog.system_views import (
    PG_TABLE_DEF,
    STV_ML_MODEL_INFO,
    STV_MV_INFO,
    SYS_LLM_BUDGET,
    SYS_LLM_CALL,
    SYS_LLM_DETAIL,
    SYS_LLM_LIMITS,
    SYS_LLM_QUERY,
)
from outcrop.datatypes import DataType, TypeKind
from outcrop.engines.base import EngineSession
from outcrop.inference.budget import BudgetState
from outcrop.inference.gateway import ModelLimits
from outcrop.inference.journal import Journal
from outcrop.inference.statement import RunningStatement

_ARROW: Mapping[TypeKind, pa.DataType] = {
    TypeKind.CHAR: pa.string(),
    TypeKind.VARCHAR: pa.string(),
    TypeKind.BIGINT: pa.int64(),
    TypeKind.INTEGER: pa.int32(),
    TypeKind.DOUBLE: pa.float64(),
    TypeKind.BOOLEAN: pa.bool_(),
    TypeKind.TIMESTAMP: pa.timestamp("us"),
}

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class SystemState:
    """What the system views show: the catalog as the statement sees it, and what is asked now."""

    snapshot: CatalogSnapshot
    journal: Journal
    is_stale: Callable[[Relation], bool]
    budgets: Callable[[], Sequence[BudgetState]]
    limits: Callable[[], Sequence[ModelLimits]]
    running: Callable[[], Sequence[RunningStatement]]


def store_system_view(view: Relation, state: SystemState, engine: EngineSession) -> None:
    """Store the rows of `view` as the temporary relation of its name."""
    schema = pa.schema([(c.name, _arrow(c.datatype)) for c in view.columns])
    rows = _ROWS[view.oid](state)
    engine.drop(view.name.name)
    engine.load_arrow(view.name.name, _batches(rows, schema), schema)


def _arrow(datatype: DataType) -> pa.DataType:
    return _ARROW[datatype.kind]


def _batches(rows: Iterable[Row], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    pending: list[Row] = []
    for row in rows:
        pending.append(row)
        if len(pending) == 1_024:
            yield _batch(pending, schema)
            pending = []
    if pending:
        yield _batch(pending, schema)


def _batch(rows: list[Row], schema: pa.Schema) -> pa.RecordBatch:
    columns = [
        pa.array(values, type=field.type)
        for values, field in zip(zip(*rows, strict=True), schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _calls(state: SystemState) -> Iterator[Row]:
    for call in state.journal.calls():
        yield (
            call.call_id,
            call.query_id,
            call.user,
            call.model,
            call.function,
            call.provider,
            call.model_id,
            call.fingerprint.hex(),
            call.status.value,
            call.attempts,
            call.throttles,
            call.possibly_paid,
            call.input_tokens,
            call.output_tokens,
            call.cost_usd,
            call.started_at.replace(tzinfo=None),
            call.duration_ms,
            call.error_code,
            call.error_message,
        )


def _details(state: SystemState) -> Iterator[Row]:
    for detail in state.journal.details():
        yield (
            detail.query_id,
            detail.user,
            detail.query_group,
            detail.query_text,
            detail.model,
            detail.function,
            detail.started_at.replace(tzinfo=None),
            detail.ended_at.replace(tzinfo=None) if detail.ended_at else None,
            detail.outcome.value,
            detail.invocations,
            detail.calls,
            detail.reused,
            detail.failed,
            detail.attempts,
            detail.throttles,
            detail.possibly_paid,
            detail.input_tokens,
            detail.output_tokens,
            detail.cost_usd,
            detail.saved_cost_usd,
        )


def _budgets(state: SystemState) -> Iterator[Row]:
    for budget in state.budgets():
        yield (
            budget.title,
            budget.user,
            budget.model_id,
            budget.period,
            _without_zone(budget.period_start),
            _without_zone(budget.period_end),
            budget.max_cost_usd,
            budget.spent_usd,
            budget.reserved_usd,
            budget.remaining_usd,
        )


def _limits(state: SystemState) -> Iterator[Row]:
    for model in state.limits():
        limiter = model.limiter
        yield (
            model.provider,
            model.model_id,
            limiter.learned.requests_per_s,
            limiter.learned.tokens_per_s,
            limiter.stated.requests_per_s,
            limiter.stated.tokens_per_s,
            limiter.window,
            limiter.in_flight,
            limiter.waiting,
            limiter.wait,
            model.breaker.state,
            model.breaker.cause,
        )


def _running(state: SystemState) -> Iterator[Row]:
    for statement in state.running():
        origin, progress = statement.origin, statement.progress
        yield (
            origin.query_id,
            origin.user,
            origin.query_group,
            origin.query_text,
            _without_zone(datetime.fromtimestamp(statement.started_at, UTC)),
            progress.elapsed_s,
            progress.calls_total,
            progress.done,
            progress.sent,
            progress.reused,
            progress.failed,
            progress.in_flight,
            progress.waiting,
            statement.wait,
            progress.throttles,
            progress.input_tokens,
            progress.output_tokens,
            progress.cost_usd,
        )


def _without_zone(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=None)


def _models(state: SystemState) -> Iterator[Row]:
    for model in sorted(state.snapshot.models, key=_model_oid):
        name = model.name
        yield (name.schema, model.owner, name.name, "External", 0, "Model is Ready")


def _model_oid(model: ExternalModel) -> int:
    return model.oid


def _materialized_views(state: SystemState) -> Iterator[Row]:
    # All at once: whether a view is stale is asked of the engine, which is busy once rows load.
    return iter(
        [
            _materialized_view(v, state)
            for v in _stored(state.snapshot, RelationKind.MATERIALIZED_VIEW)
        ]
    )


def _materialized_view(view: Relation, state: SystemState) -> Row:
    return (
        DATABASE,
        view.name.schema,
        view.name.name,
        "t" if state.is_stale(view) else "f",
        view.owner,
        0,
        "f",
        "t" if view.is_auto_refreshed else "f",
    )


def _table_definitions(state: SystemState) -> Iterator[Row]:
    for table in _stored(state.snapshot, RelationKind.TABLE, RelationKind.MATERIALIZED_VIEW):
        distkey = table.table_attributes.get("DISTKEY", "")
        sortkeys = [k.strip() for k in table.table_attributes.get("SORTKEY", "").split(",")]
        for column in table.columns:
            yield (
                table.name.schema,
                table.name.name,
                column.name,
                str(column.datatype),
                _encoding_name(column),
                column.name == distkey,
                sortkeys.index(column.name) + 1 if column.name in sortkeys else 0,
                not column.is_nullable,
            )


def _encoding_name(column: Column) -> str:
    """Return an encoding as Redshift shows it: RAW is `none`."""
    encoding = (column.encoding or "none").lower()
    return "none" if encoding == "raw" else encoding


def _stored(snapshot: CatalogSnapshot, *kinds: RelationKind) -> list[Relation]:
    return sorted((r for r in snapshot.relations if r.kind in kinds), key=lambda r: r.name)


_ROWS: Mapping[int, Callable[[SystemState], Iterator[Row]]] = {
    SYS_LLM_CALL.oid: _calls,
    SYS_LLM_DETAIL.oid: _details,
    SYS_LLM_BUDGET.oid: _budgets,
    SYS_LLM_LIMITS.oid: _limits,
    SYS_LLM_QUERY.oid: _running,
    STV_ML_MODEL_INFO.oid: _models,
    STV_MV_INFO.oid: _materialized_views,
    PG_TABLE_DEF.oid: _table_definitions,
}
