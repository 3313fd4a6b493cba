"""The statements of our language: what the parser makes of a text, one class a statement.

Queries and the plain statements of DML and DDL carry sqlglot's tree; the statements that sqlglot
leaves opaque are parsed by us into the dataclasses below. Names are tuples of one to three parts,
unfolded, as typed; `position` is where the statement starts in the script, and every other place
(of a node, a setting, an error) counts from the beginning of the script as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sqlglot import exp

from outcrop.errors import Position

NameParts = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The base of all statements: the text of this statement alone, and where it begins.

    `filled` is what its parameters were filled with, as text, where they were: together with `text`
    it says what the statement is. `name_position` is where the name of what it is about stands,
    for statements that are about one thing.
    """

    text: str
    position: Position
    filled: tuple[str, ...] = ()
    name_position: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Query(Statement):
    """SELECT, VALUES, WITH ... and set operations."""

    tree: exp.Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert(Statement):
    """INSERT INTO ... { VALUES | SELECT }."""

    tree: exp.Insert


@dataclass(frozen=True, slots=True, kw_only=True)
class Update(Statement):
    """UPDATE ... SET."""

    tree: exp.Update


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete(Statement):
    """DELETE FROM."""

    tree: exp.Delete


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge(Statement):
    """MERGE INTO."""

    tree: exp.Merge


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSpec:
    """A column of CREATE TABLE: the type as sqlglot parsed it, the attributes as typed.

    `identity_seed` and `identity_step` are those of IDENTITY(seed, step).
    """

    name: str
    datatype: exp.DataType
    is_nullable: bool = True
    default: exp.Expression | None = None
    encoding: str | None = None
    is_identity: bool = False
    identity_seed: int = 1
    identity_step: int = 1
    position: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTable(Statement):
    """CREATE TABLE with columns. `attributes` are DISTSTYLE, DISTKEY, SORTKEY, BACKUP as typed."""

    name: NameParts
    columns: tuple[ColumnSpec, ...]
    is_temporary: bool = False
    if_not_exists: bool = False
    primary_key: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTableAs(Statement):
    """CREATE TABLE ... AS query."""

    name: NameParts
    query: exp.Query
    column_names: tuple[str, ...] = ()
    is_temporary: bool = False
    if_not_exists: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateView(Statement):
    """CREATE [OR REPLACE] VIEW. `query_text` is the query as typed."""

    name: NameParts
    query: exp.Query
    query_text: str
    column_names: tuple[str, ...] = ()
    or_replace: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateMaterializedView(Statement):
    """CREATE MATERIALIZED VIEW ... [AUTO REFRESH {YES|NO}] AS query."""

    name: NameParts
    query: exp.Query
    query_text: str
    is_auto_refreshed: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshMaterializedView(Statement):
    """REFRESH MATERIALIZED VIEW name [RESTRICT | CASCADE]."""

    name: NameParts
    is_cascade: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterMaterializedView(Statement):
    """ALTER MATERIALIZED VIEW name AUTO REFRESH {YES | NO}."""

    name: NameParts
    is_auto_refreshed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSchema(Statement):
    """CREATE SCHEMA [IF NOT EXISTS] name."""

    name: str
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop(Statement):
    """DROP {TABLE | VIEW | MATERIALIZED VIEW | SCHEMA | MODEL} [IF EXISTS] names.

    `kind` is the words between DROP and the names, in lower case.
    """

    kind: str
    names: tuple[NameParts, ...]
    if_exists: bool = False
    is_cascade: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncate(Statement):
    """TRUNCATE [TABLE] name."""

    name: NameParts


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateExternalModel(Statement):
    """CREATE [OR REPLACE] EXTERNAL MODEL [IF NOT EXISTS].

    `settings` holds every entry of SETTINGS by its upper-case name, with its value as text;
    `setting_positions` where each name stands. Values are checked by `commands/models.py`.
    """

    name: NameParts
    function: NameParts
    function_position: Position | None = None
    function_parameters: tuple[exp.DataType, ...] | None
    iam_role: str
    model_type: str
    settings: Mapping[str, str]
    setting_positions: Mapping[str, Position] = field(default_factory=dict)
    or_replace: bool = False
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowModel(Statement):
    """SHOW MODEL { ALL | name }; `name` is None for ALL."""

    name: NameParts | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowSetting(Statement):
    """SHOW { ALL | setting }; `name` is None for ALL."""

    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSetting(Statement):
    """SET [SESSION | LOCAL] name { TO | = } value; `value` is None for DEFAULT, as in RESET.

    RESET ALL has the name `all`.
    """

    name: str
    value: str | None
    is_local: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy(Statement):
    """COPY table [(columns)] FROM 'source' [option ...], its options in any order.

    `options` maps an option's upper-case name to its argument as text, or to True where it has
    none: `{"FORMAT": "CSV", "DELIMITER": ",", "IGNOREHEADER": "1", "GZIP": True}`. A format named
    alone (`CSV`, `FORMAT AS JSON 'auto'`) is found under `FORMAT`, JSON's argument under `JSON`.
    """

    table: NameParts
    columns: tuple[str, ...]
    source: str
    options: Mapping[str, str | bool]
    option_positions: Mapping[str, Position] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unload(Statement):
    """UNLOAD ('query') TO 'target' [option ...], and COPY (query) TO 'target' [option ...].

    Options are kept as those of COPY are.
    """

    query: exp.Query
    target: str
    options: Mapping[str, str | bool]
    option_positions: Mapping[str, Position] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepare(Statement):
    """PREPARE name [(types)] AS statement, whose parameters are $1, $2 ..."""

    name: str
    types: tuple[exp.DataType, ...]
    statement: Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Execute(Statement):
    """EXECUTE name [(values)]."""

    name: str
    arguments: tuple[exp.Expr, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deallocate(Statement):
    """DEALLOCATE { name | ALL }; `name` is None for ALL."""

    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin(Statement):
    """BEGIN or START TRANSACTION."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit(Statement):
    """COMMIT or END."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback(Statement):
    """ROLLBACK or ABORT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance(Statement):
    """VACUUM, ANALYZE: accepted, since scripts have them, and without effect here."""

    verb: str
    target: NameParts | None = None


class ExplainMode(StrEnum):
    """How EXPLAIN finds its numbers.

    ESTIMATE: from statistics. COUNT: by running all but the calls. SAMPLE: by making some calls.
    ANALYZE: by running the statement.
    """

    ESTIMATE = "ESTIMATE"
    COUNT = "COUNT"
    SAMPLE = "SAMPLE"
    ANALYZE = "ANALYZE"


class ExplainFormat(StrEnum):
    """How EXPLAIN shows its plan."""

    TEXT = "TEXT"
    JSON = "JSON"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explain(Statement):
    """EXPLAIN [option ...] statement; `sample_size` is that of SAMPLE, else 0."""

    mode: ExplainMode
    sample_size: int
    format: ExplainFormat
    statement: Statement
