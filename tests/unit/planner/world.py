"""A small catalog for tests of the planner, and the two steps to a plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from outcrop.catalog.objects import (
    Column,
    ExternalModel,
    QualifiedName,
    Relation,
    RelationKind,
    ResponseType,
    Volatility,
)
from outcrop.catalog.snapshot import CatalogSnapshot
from outcrop.catalog.system_views import SYSTEM_VIEWS
from outcrop.datatypes import BOOLEAN, INTEGER, SUPER, VARCHAR, DataType
from outcrop.planner.bind import BindOptions, BoundQuery, bind_query
from outcrop.planner.plan import StagedPlan
from outcrop.planner.plan_query import plan_query
from outcrop.providers.base import RequestType
from outcrop.sql.fragments import parse_query_text
from tests.unit.catalog.examples import model, relation


def _table(oid: int, name: str, schema: str = "public", **columns: DataType) -> Relation:
    made = relation(oid, name, schema=schema)
    return replace(made, columns=tuple(Column(c, datatype) for c, datatype in columns.items()))


def _view(oid: int, name: str, definition: str, **columns: DataType) -> Relation:
    made = replace(_table(oid, name, **columns), definition=definition)
    return replace(made, kind=RelationKind.VIEW)


def _model(oid: int, name: str, **changes: Any) -> ExternalModel:
    return replace(model(oid, name), **changes)


T = _table(1, "t", i=INTEGER, p=VARCHAR, q=VARCHAR, doc=SUPER)
U = _table(2, "u", i=INTEGER, b=VARCHAR)
FAR = _table(3, "far", "other", i=INTEGER)
MIXED = _table(4, "MixedCase", Id=INTEGER, id=VARCHAR)
ANSWERED = _view(5, "answered", "SELECT i, f(p) AS y FROM t", i=INTEGER, y=VARCHAR)
RENAMED = _view(6, "renamed", "SELECT i, p FROM t", a=INTEGER, b=VARCHAR)
ENDLESS = _view(7, "endless", "SELECT i FROM endless", i=INTEGER)

MODELS = {
    m.oid: m
    for m in (
        _model(20, "f"),
        _model(21, "g", function=QualifiedName("other", "g")),
        _model(22, "rate", returns=INTEGER),
        _model(23, "is_good", returns=BOOLEAN),
        _model(24, "document", response_type=ResponseType.SUPER),
        _model(25, "whole", request_type=RequestType.RAW, response_type=ResponseType.SUPER),
        _model(26, "dice", volatility=Volatility.VOLATILE),
    )
}
SNAPSHOT = CatalogSnapshot(
    schemas=frozenset({"public", "other"}),
    relations_by_name={
        r.name: r for r in (*SYSTEM_VIEWS, T, U, FAR, MIXED, ANSWERED, RENAMED, ENDLESS)
    },
    models_by_name={m.name: m for m in MODELS.values()},
)


def bind(sql: str, options: BindOptions | None = None) -> BoundQuery:
    return bind_query(parse_query_text(sql), SNAPSHOT, options or BindOptions(), parse_query_text)


def plan(sql: str) -> StagedPlan:
    return plan_query(bind(sql), MODELS)
