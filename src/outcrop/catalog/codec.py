"""Catalog objects as JSON, the form in which they are stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from outcrop.catalog.objects import (
    Column,
    ExternalModel,
    ModelType,
    QualifiedName,
    Relation,
    RelationKind,
    ResponseType,
    Volatility,
)
from outcrop.datatypes import DataType, TypeKind
from outcrop.providers.base import RequestType


def encode(stored: Relation | ExternalModel) -> str:
    """Return an object as JSON text."""
    return json.dumps(_plain(stored), ensure_ascii=False)


def decode_relation(text: str) -> Relation:
    """Return the relation that `encode` made this text of."""
    document = json.loads(text)
    return Relation(
        **{
            **document,
            "name": QualifiedName(**document["name"]),
            "kind": RelationKind(document["kind"]),
            "columns": tuple(_column(column) for column in document["columns"]),
            "created_at": datetime.fromisoformat(document["created_at"]),
            "depends_on": {int(oid): n for oid, n in document["depends_on"].items()},
        }
    )


def decode_model(text: str) -> ExternalModel:
    """Return the external model that `encode` made this text of."""
    document = json.loads(text)
    return ExternalModel(
        **{
            **document,
            "name": QualifiedName(**document["name"]),
            "function": QualifiedName(**document["function"]),
            "created_at": datetime.fromisoformat(document["created_at"]),
            "model_type": ModelType(document["model_type"]),
            "request_type": RequestType(document["request_type"]),
            "response_type": ResponseType(document["response_type"]),
            "returns": _datatype(document["returns"]),
            "volatility": Volatility(document["volatility"]),
        }
    )


def _column(document: Mapping[str, Any]) -> Column:
    return Column(**{**document, "datatype": _datatype(document["datatype"])})


def _datatype(document: Mapping[str, Any] | None) -> Any:
    if document is None:
        return None
    return DataType(**{**document, "kind": TypeKind(document["kind"])})


def _plain(value: object) -> object:
    match value:
        case Column() | DataType() | ExternalModel() | QualifiedName() | Relation():
            return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
        case datetime():
            return value.isoformat()
        case tuple():
            return [_plain(item) for item in value]
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
    return value
