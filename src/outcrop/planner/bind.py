"""Names to things: every relation and function of a query is found in the catalog, or refused.

What leaves here holds physical names alone, which user SQL cannot spell, with every column
qualified, every view expanded, every model call a `ModelCall`, and types on the nodes. A name that
was missed fails in the engine instead of reaching something that it should not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.schema import MappingSchema

from outcrop.catalog.objects import STORE, ExternalModel, Relation, RelationKind, ResponseType
from outcrop.catalog.snapshot import CatalogSnapshot
from outcrop.datatypes import SUPER, VARCHAR, DataType
from outcrop.errors import (
    FeatureNotSupported,
    UndefinedRelation,
)
from outcrop.planner.model_call import ModelCall, model_call
from outcrop.planner.name_outputs import name_outputs, output_name
from outcrop.planner.resolve_columns import resolve_columns
from outcrop.planner.stored_rows import resolve_row_numbers
from outcrop.sql.dialect import Outcrop
from outcrop.sql.functions import FunctionKind, check_function, find_function
from outcrop.sql.nodes import RAW_TEXT, RedshiftFunction, position_of
from outcrop.sql.types import from_sqlglot, to_sqlglot

VIEW_DEPTH_MAX = 32


@dataclass(frozen=True, slots=True)
class BindOptions:
    """What of the session decides how names are read.

    `session_values` are what its functions give, such as `current_user`, by the function's name.
    """

    is_identifier_case_sensitive: bool = False
    is_super_case_sensitive: bool = True
    session_values: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BoundQuery:
    """A query whose names are resolved; `tree` is qualified and typed."""

    tree: exp.Query
    options: BindOptions
    names: tuple[str, ...]
    types: tuple[DataType, ...]
    reads: tuple[Relation, ...]
    system_views: tuple[Relation, ...]


@dataclass(slots=True)
class _Binding:
    """What is gathered while one statement is bound."""

    snapshot: CatalogSnapshot
    options: BindOptions
    parse_view: Callable[[str], exp.Query]
    relations: dict[int, Relation] = field(default_factory=dict)


def bind_query(
    tree: exp.Query,
    snapshot: CatalogSnapshot,
    options: BindOptions,
    parse_view: Callable[[str], exp.Query],
) -> BoundQuery:
    """Resolve every name of `tree` in `snapshot` and return the query, qualified and typed.

    `parse_view` turns the stored text of a view into its tree. Raises UndefinedRelation,
    UndefinedColumn, UndefinedFunction, AmbiguousColumn, each with its position and a suggestion.
    """
    binding = _Binding(snapshot, options, parse_view)
    query = _bind_names(tree.copy(), binding, depth=0)
    names = tuple(query.named_selects)
    query = resolve_columns(query, _schema(binding.relations.values()))
    names = tuple(query.named_selects) if "*" in names else names
    resolve_row_numbers(query)
    query = _annotate(query, binding)
    stored = sorted(binding.relations.values(), key=lambda relation: relation.oid)
    return BoundQuery(
        tree=query,
        options=options,
        names=names,
        types=tuple(from_sqlglot(s.type) for s in query.selects),
        reads=tuple(r for r in stored if r.kind is not RelationKind.SYSTEM_VIEW),
        system_views=tuple(r for r in stored if r.kind is RelationKind.SYSTEM_VIEW),
    )


def physical_table(relation: Relation) -> exp.Table:
    """Return the name by which the engine knows a relation."""
    if relation.kind is RelationKind.SYSTEM_VIEW:
        return exp.Table(this=exp.to_identifier(relation.name.name, quoted=True))
    return exp.Table(
        this=exp.to_identifier(relation.name.name, quoted=True),
        db=exp.to_identifier(relation.name.schema, quoted=True),
        catalog=exp.to_identifier(STORE, quoted=True),
    )


def fold_identifiers(tree: exp.Expr, options: BindOptions) -> None:
    """Fold every identifier as Redshift does: to lower case, quoted or not, unless it is told to
    keep quoted ones (`enable_case_sensitive_identifier`). The text as typed is kept aside.
    """
    for identifier in tree.find_all(exp.Identifier):
        identifier.meta.setdefault(RAW_TEXT, identifier.name)
        if not (identifier.quoted and options.is_identifier_case_sensitive):
            identifier.set("this", identifier.name.lower())


def _bind_names(query: exp.Query, binding: _Binding, depth: int) -> exp.Query:
    if depth > VIEW_DEPTH_MAX:
        raise FeatureNotSupported(f"views are nested more than {VIEW_DEPTH_MAX} deep")
    name_outputs(query)
    fold_identifiers(query, binding.options)
    _bind_relations(query, frozenset(), binding, depth)
    _bind_session_functions(query, binding)
    _bind_functions(query, binding)
    return query


def _bind_relations(
    node: exp.Expr, cte_names: frozenset[str], binding: _Binding, depth: int
) -> None:
    """Replace the tables in `node` that are not common table expressions in scope."""
    with_ = node.args.get("with_")
    visible = cte_names
    if isinstance(with_, exp.With):
        for cte in with_.expressions:
            inner = visible | {cte.alias} if with_.recursive else visible
            _bind_relations(cte.this, inner, binding, depth)
            visible |= {cte.alias}
    for child in list(node.iter_expressions()):
        if child is with_:
            continue
        if isinstance(child, exp.Table):
            _bind_relations_under_table(child, visible, binding, depth)
            if child.db or child.name not in visible:
                _bind_table(child, binding, depth)
        else:
            _bind_relations(child, visible, binding, depth)


def _bind_relations_under_table(
    table: exp.Table, visible: frozenset[str], binding: _Binding, depth: int
) -> None:
    for child in list(table.iter_expressions()):
        _bind_relations(child, visible, binding, depth)


def _bind_table(table: exp.Table, binding: _Binding, depth: int) -> None:
    if not isinstance(table.this, exp.Identifier):
        raise FeatureNotSupported(
            f"function {output_name(table.this)!r} cannot stand in FROM",
            hint="FROM takes tables, views and subqueries.",
            position=position_of(table),
        )
    try:
        relation = binding.snapshot.relation([part.name for part in table.parts])
    except UndefinedRelation as error:
        error.position = position_of(table)
        raise
    binding.relations[relation.oid] = relation
    alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(relation.name.name))
    if relation.kind is RelationKind.VIEW:
        definition = _bind_names(binding.parse_view(relation.definition or ""), binding, depth + 1)
        replacement: exp.Expr = exp.Subquery(this=definition, alias=alias)
        names = [exp.to_identifier(column.name) for column in relation.columns]
        if not alias.columns:
            alias.set("columns", names)
    else:
        replacement = physical_table(relation)
        replacement.set("alias", alias)
    for key in ("joins", "laterals", "pivots"):
        if value := table.args.get(key):
            replacement.set(key, value)
    table.replace(replacement)


def _bind_functions(query: exp.Query, binding: _Binding) -> None:
    """Turn unknown functions into model calls; what is no model's function is refused.

    Functions that our dialect knows are nodes of their own: an anonymous one is not on its list.
    """
    for function in list(query.find_all(exp.Anonymous)):
        parts, node = _function_name(function)
        model = binding.snapshot.find_function(parts)
        if model is not None:
            call = model_call(model, function.expressions)
            call.meta.update(function.meta)
            node.replace(call)
        else:
            check_function(
                ".".join(parts),
                len(function.expressions),
                known=(model.function.name for model in binding.snapshot.models),
                position=position_of(function),
            )


def _bind_session_functions(query: exp.Query, binding: _Binding) -> None:
    """Write what the session's functions give in their place."""
    for function in list(query.find_all(RedshiftFunction)):
        spec = find_function(function.name)
        if spec is not None and spec.kind is FunctionKind.SESSION:
            function.replace(exp.convert(binding.options.session_values[function.name]))


def _function_name(function: exp.Anonymous) -> tuple[list[str], exp.Expr]:
    """Return the parts of a function's name, and the node that stands for the whole call."""
    parts: list[str] = [function.name.lower()]
    node: exp.Expr = function
    while isinstance(node.parent, exp.Dot) and node.parent.expression is node:
        node = node.parent
        parts = [part.name.lower() for part in node.this.find_all(exp.Identifier)] + parts
    return parts, node


def _schema(relations: Iterable[Relation]) -> MappingSchema:
    mapping: dict[str, Any] = {}
    for relation in relations:
        if relation.kind is RelationKind.VIEW:
            continue
        is_stored = relation.kind is not RelationKind.SYSTEM_VIEW
        schemas = mapping.setdefault(STORE if is_stored else "", {})
        tables = schemas.setdefault(relation.name.schema if is_stored else "", {})
        tables[relation.name.name] = {c.name: to_sqlglot(c.datatype) for c in relation.columns}
    return MappingSchema(mapping, dialect=Outcrop, normalize=False)


def _annotate(query: exp.Query, binding: _Binding) -> exp.Query:
    models = {model.oid: model for model in binding.snapshot.models}

    def annotate_call(annotator: object, call: ModelCall) -> ModelCall:
        call.type = to_sqlglot(answer_type(models[call.model_oid]))
        return call

    metadata = {**Outcrop.EXPRESSION_METADATA, ModelCall: {"annotator": annotate_call}}
    return annotate_types(
        query,
        schema=_schema(binding.relations.values()),
        expression_metadata=metadata,
        dialect=Outcrop,
    )


def answer_type(model: ExternalModel) -> DataType:
    """Return the type of what a model's function gives."""
    if model.returns is not None:
        return model.returns
    if model.output_schema is not None or model.response_type is ResponseType.SUPER:
        return SUPER
    return VARCHAR
