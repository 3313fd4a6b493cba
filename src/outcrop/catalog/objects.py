"""The objects of the catalog: plain, immutable facts, without behaviour of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from outcrop.datatypes import DataType
from outcrop.providers.base import RequestType

PUBLIC_SCHEMA = "public"
SYSTEM_SCHEMA = "pg_catalog"

# The alias under which the warehouse file is attached to an engine, and the schema in it that
# holds the catalog. User SQL cannot spell either: the binder resolves every name first.
STORE = "outcrop_store"
CATALOG_SCHEMA = "outcrop_catalog"


@dataclass(frozen=True, slots=True, order=True)
class QualifiedName:
    """A schema and a name in it, both folded as the session folds identifiers."""

    schema: str
    name: str

    def __str__(self) -> str:
        return self.name if self.schema == PUBLIC_SCHEMA else f"{self.schema}.{self.name}"


class RelationKind(StrEnum):
    """What a relation is, in the words that users see."""

    TABLE = "table"
    VIEW = "view"
    MATERIALIZED_VIEW = "materialized view"
    SYSTEM_VIEW = "system view"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `default` is SQL text of our dialect, `encoding` as ENCODE gave it."""

    name: str
    datatype: DataType
    is_nullable: bool = True
    default: str | None = None
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, view or materialized view.

    `definition` is the SQL text of a view's query, as typed. `depends_on` maps the oids of the
    relations that a materialized view reads to the number of changes that each had had when the
    view was refreshed last: it is stale as soon as one of them has had more.
    """

    oid: int
    name: QualifiedName
    kind: RelationKind
    columns: tuple[Column, ...]
    owner: str
    created_at: datetime
    definition: str | None = None
    is_auto_refreshed: bool = False
    depends_on: Mapping[int, int] = field(default_factory=dict)
    table_attributes: Mapping[str, str] = field(default_factory=dict)


class ModelType(StrEnum):
    """Where CREATE EXTERNAL MODEL sends requests (an extension: Redshift knows BEDROCK alone)."""

    BEDROCK = "BEDROCK"
    OPENAI = "OPENAI"
    ANTHROPIC = "ANTHROPIC"
    LOCAL = "LOCAL"


class ResponseType(StrEnum):
    """What a model's function returns."""

    VARCHAR = "VARCHAR"
    SUPER = "SUPER"


class Volatility(StrEnum):
    """STABLE: equal invocations share an answer. VOLATILE: every row is asked by itself."""

    STABLE = "STABLE"
    VOLATILE = "VOLATILE"


@dataclass(frozen=True, slots=True)
class ExternalModel:
    """An external model and its function.

    `returns` is the declared type of the answer (RETURNS), `output_schema` a JSON schema as text;
    `endpoint` names a provider of `outcrop.toml`, otherwise `model_type` chooses one.
    """

    oid: int
    name: QualifiedName
    function: QualifiedName
    owner: str
    created_at: datetime
    iam_role: str
    model_type: ModelType
    model_id: str
    prompt: str | None = None
    suffix: str | None = None
    request_type: RequestType = RequestType.UNIFIED
    response_type: ResponseType = ResponseType.VARCHAR
    system: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    returns: DataType | None = None
    output_schema: str | None = None
    volatility: Volatility = Volatility.STABLE
    on_error: str | None = None
    endpoint: str | None = None
