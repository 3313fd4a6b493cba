"""What the backslash commands `\\d`, `\\dt`, `\\dv` and `\\dm` show of the catalog."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from outcrop.catalog.objects import ExternalModel, Relation, RelationKind
from outcrop.catalog.snapshot import CatalogSnapshot
from outcrop.datatypes import VARCHAR
from outcrop.errors import UndefinedRelation, suggest
from outcrop.execution.result import ResultColumn

_VIEWS = (RelationKind.VIEW, RelationKind.MATERIALIZED_VIEW)
_USER_KINDS = (RelationKind.TABLE, *_VIEWS)


@dataclass(frozen=True, slots=True)
class Listing:
    """A small table under a title, with remarks below it."""

    title: str
    columns: tuple[ResultColumn, ...]
    rows: Sequence[Sequence[object]]
    remarks: tuple[str, ...] = ()


def list_relations(
    snapshot: CatalogSnapshot, kinds: Iterable[RelationKind] = _USER_KINDS
) -> Listing:
    """Return the relations of these kinds, by name."""
    relations = sorted((r for r in snapshot.relations if r.kind in kinds), key=lambda r: r.name)
    rows = [(r.name.schema, r.name.name, str(r.kind), r.owner) for r in relations]
    return Listing("Relations", _headings("schema", "name", "kind", "owner"), rows)


def list_tables(snapshot: CatalogSnapshot) -> Listing:
    """Return the tables, by name."""
    return list_relations(snapshot, (RelationKind.TABLE,))


def list_views(snapshot: CatalogSnapshot) -> Listing:
    """Return the views and materialized views, by name."""
    return list_relations(snapshot, _VIEWS)


def list_models(snapshot: CatalogSnapshot) -> Listing:
    """Return the external models, by name."""
    models = sorted(snapshot.models, key=lambda model: model.name)
    rows = [
        (str(m.name), str(m.function), str(m.model_type), m.model_id, _call_type(m)) for m in models
    ]
    return Listing("Models", _headings("model", "function", "type", "model id", "call"), rows)


def describe(snapshot: CatalogSnapshot, name: str) -> Listing:
    """Return the columns of a relation or the settings of a model.

    Raises UndefinedRelation with a suggestion where there is neither.
    """
    parts = tuple(part.strip('"') for part in name.rstrip(";").lower().split("."))
    if (relation := snapshot.find_relation(parts)) is not None:
        return _describe_relation(relation)
    model = snapshot.find_model(parts) or snapshot.find_function(parts)
    if model is not None:
        return _describe_model(model)
    known = [str(r.name) for r in snapshot.relations] + [str(m.name) for m in snapshot.models]
    raise UndefinedRelation(
        f"no relation and no model is called {name!r}",
        hint=suggest(name, known) or r"\d lists the relations, \dm the models.",
    )


def _describe_relation(relation: Relation) -> Listing:
    rows = [
        (
            column.name,
            str(column.datatype),
            "" if column.is_nullable else "not null",
            column.default or "",
            (column.encoding or "").lower(),
        )
        for column in relation.columns
    ]
    remarks = [f"{key}: {value}" for key, value in relation.table_attributes.items()]
    if relation.kind is RelationKind.MATERIALIZED_VIEW:
        remarks.append(f"auto refresh: {'yes' if relation.is_auto_refreshed else 'no'}")
    if relation.definition is not None:
        remarks.append(f"definition:\n{relation.definition}")
    title = f"{str(relation.kind).capitalize()} {relation.name}"
    headings = _headings("column", "type", "nullable", "default", "encoding")
    return Listing(title, headings, rows, tuple(remarks))


def _describe_model(model: ExternalModel) -> Listing:
    values = {
        "function": model.function,
        "model type": model.model_type,
        "model id": model.model_id,
        "endpoint": model.endpoint,
        "iam role": model.iam_role,
        "request type": model.request_type,
        "response type": model.response_type,
        "returns": model.returns,
        "output schema": model.output_schema,
        "system": model.system,
        "prompt": model.prompt,
        "suffix": model.suffix,
        "max tokens": model.max_tokens,
        "temperature": model.temperature,
        "volatility": model.volatility,
        "on error": model.on_error,
        "owner": model.owner,
    }
    rows = [(name, str(value)) for name, value in values.items() if value is not None]
    return Listing(f"Model {model.name}", _headings("setting", "value"), rows)


def _call_type(model: ExternalModel) -> str:
    return f"{model.request_type} -> {model.returns or model.response_type}"


def _headings(*names: str) -> tuple[ResultColumn, ...]:
    return tuple(ResultColumn(name, VARCHAR) for name in names)
