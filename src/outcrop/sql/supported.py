"""What a tree may consist of: the gate between sqlglot's forty dialects and Redshift's one.

sqlglot's parser is lenient. A node that is not listed here is refused, so that nothing reaches the
binder, or the engine, that Redshift's grammar does not have: DuckDB's `COLUMNS(*)`, lambdas,
structs, table functions by file name. The same walk notes on every node its true place in the
script and on every identifier the text as typed.
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.errors import (
    Error,
    FeatureNotSupported,
    InvalidParameter,
    Position,
    SqlSyntaxError,
    suggest,
)
from outcrop.sql.functions import DATE_PART_FUNCTIONS, DATE_PARTS, check_function
from outcrop.sql.nodes import (
    RAW_TEXT,
    ArrayConstructor,
    ObjectConstructor,
    RedshiftFunction,
    position_of,
)
from outcrop.sql.script import Script

_QUERY_NODES: tuple[type[exp.Expr], ...] = (
    exp.Select, exp.Union, exp.Except, exp.Intersect, exp.Subquery, exp.With, exp.CTE, exp.From,
    exp.Join, exp.Table, exp.TableAlias, exp.Where, exp.Group, exp.Having, exp.Qualify, exp.Order,
    exp.Ordered, exp.Limit, exp.Offset, exp.Distinct, exp.Star, exp.Alias, exp.Into,
    exp.Cube, exp.Rollup, exp.GroupingSets, exp.AtIndex,
)  # fmt: skip

_DML_NODES: tuple[type[exp.Expr], ...] = (
    exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.When, exp.Whens, exp.Values, exp.Tuple,
    exp.Schema,
)  # fmt: skip

_VALUE_NODES: tuple[type[exp.Expr], ...] = (
    exp.Identifier, exp.Column, exp.Dot, exp.Bracket, exp.Literal, exp.RawString, exp.Null,
    exp.Boolean, exp.Var, exp.Parameter, exp.Placeholder, exp.DataType, exp.DataTypeParam,
    exp.Interval, exp.IntervalSpan, exp.Paren, exp.Neg, exp.Not,
)  # fmt: skip

_OPERATORS: tuple[type[exp.Expr], ...] = (
    exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Pow, exp.DPipe, exp.And, exp.Or, exp.EQ,
    exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Is, exp.Like, exp.ILike, exp.SimilarTo,
    exp.RegexpLike, exp.RegexpILike, exp.Escape, exp.Between, exp.In, exp.Exists, exp.Any,
    exp.All, exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor, exp.BitwiseNot,
    exp.BitwiseLeftShift, exp.BitwiseRightShift, exp.AtTimeZone, exp.Sqrt, exp.Cbrt, exp.Abs,
)  # fmt: skip

_FUNCTION_NODES: tuple[type[exp.Expr], ...] = (
    RedshiftFunction, ObjectConstructor, ArrayConstructor, exp.Anonymous, exp.Cast, exp.TryCast,
    exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.Nvl2, exp.Greatest, exp.Least,
    exp.DecodeCase, exp.Extract, exp.Substring, exp.Trim, exp.StrPosition, exp.Concat,
)  # fmt: skip

_AGGREGATE_NODES: tuple[type[exp.Expr], ...] = (
    exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Median, exp.Stddev, exp.StddevSamp,
    exp.StddevPop, exp.Variance, exp.VariancePop, exp.LogicalAnd, exp.LogicalOr,
    exp.BitwiseAndAgg, exp.BitwiseOrAgg, exp.AnyValue, exp.PercentileCont, exp.PercentileDisc,
    exp.WithinGroup, exp.GroupConcat, exp.ApproxDistinct, exp.ApproxQuantile,
)  # fmt: skip

_WINDOW_NODES: tuple[type[exp.Expr], ...] = (
    exp.Window, exp.WindowSpec, exp.RowNumber, exp.Rank, exp.DenseRank, exp.PercentRank,
    exp.CumeDist, exp.Ntile, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue,
    exp.IgnoreNulls, exp.RespectNulls,
)  # fmt: skip

SUPPORTED_NODES: frozenset[type[exp.Expr]] = frozenset(
    (
        *_QUERY_NODES,
        *_DML_NODES,
        *_VALUE_NODES,
        *_OPERATORS,
        *_FUNCTION_NODES,
        *_AGGREGATE_NODES,
        *_WINDOW_NODES,
        exp.ExplodingGenerateSeries,
    )
)

_TYPES = frozenset(
    {
        exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT, exp.DType.DECIMAL, exp.DType.FLOAT,
        exp.DType.DOUBLE, exp.DType.BOOLEAN, exp.DType.CHAR, exp.DType.NCHAR, exp.DType.VARCHAR,
        exp.DType.NVARCHAR, exp.DType.BPCHAR, exp.DType.TEXT, exp.DType.DATE, exp.DType.TIME,
        exp.DType.TIMETZ, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ, exp.DType.INTERVAL,
        exp.DType.SUPER, exp.DType.VARBINARY,
    }
)  # fmt: skip


_WORDS: dict[type[exp.Expr], str] = {
    exp.Array: "an array in square brackets", exp.ArrayContainsAll: "the operator @>",
    exp.ArrayContainedBy: "the operator <@", exp.Collate: "COLLATE", exp.Fetch: "FETCH FIRST",
    exp.Filter: "FILTER after an aggregate", exp.Glob: "the operator GLOB",
    exp.JSONExtract: "the operator ->", exp.JSONExtractScalar: "the operator ->>",
    exp.Kwarg: "an argument by name", exp.Lambda: "a function as an argument",
    exp.Lateral: "LATERAL", exp.Lock: "FOR UPDATE and FOR SHARE", exp.Pivot: "PIVOT and UNPIVOT",
    exp.Slice: "a slice of an array", exp.Struct: "a struct in braces",
    exp.TableSample: "TABLESAMPLE",
}  # fmt: skip
"""What is not supported, by what a user calls it; the others go by the names of their nodes."""
_INSTEAD: dict[type[exp.Expr], str] = {
    exp.Fetch: "Write LIMIT.",
    exp.Filter: "Write CASE WHEN ... END within the aggregate.",
    exp.TableSample: "Write ORDER BY random() LIMIT.",
}


def check_tree(tree: exp.Expr, script: Script, start: Position) -> exp.Expr:
    """Return `tree` with places and raw texts noted, or raise what is wrong with it.

    `start` is the place of an error in a node that has no place of its own.
    """
    for node in tree.walk():
        _note_place(node, script)
    for node in tree.walk():
        try:
            _check_node(node, script)
        except Error as error:
            error.position = error.position or start
            raise
    return tree


def _note_place(node: exp.Expr, script: Script) -> None:
    if "start" in node.meta:
        place = script.position(int(node.meta["start"]))
        node.meta["line"], node.meta["col"] = place.line, place.column
    if isinstance(node, exp.Identifier):
        node.meta[RAW_TEXT] = node.this


def _check_node(node: exp.Expr, script: Script) -> None:
    if type(node) not in SUPPORTED_NODES:
        name = type(node).__name__
        raise _unsupported(_WORDS.get(type(node), name), node, _INSTEAD.get(type(node)))
    match node:
        case exp.Identifier():
            _check_identifier(node, script)
        case exp.DataType() if node.this not in _TYPES:
            raise _unsupported(f"type {node.sql('outcrop')!r}", node)
        case exp.Select() if not node.expressions:
            raise SqlSyntaxError(
                "syntax error: SELECT without columns",
                hint="Name at least one column after SELECT.",
                position=position_of(node),
            )
        case exp.Column() if node.args.get("join_mark"):
            raise _unsupported("the outer join operator (+)", node)
        case exp.Parameter() if not node.name.isdigit():
            raise _unsupported("the operator @", node)
        case RedshiftFunction():
            _check_call(node)


def _check_identifier(node: exp.Identifier, script: Script) -> None:
    """Refuse a string where a name belongs: `FROM 'file.csv'` must not reach the engine."""
    start = node.meta.get("start")
    if start is not None and script.text[start] == "'":
        raise SqlSyntaxError(
            f"syntax error at or near {script.text[start : node.meta['end'] + 1]!r}",
            hint="Expected a name; names are quoted with double quotes, strings with single ones.",
            position=position_of(node),
        )
    if not node.this:
        raise SqlSyntaxError(
            "zero-length delimited identifier", hint="Give it a name.", position=position_of(node)
        )


def _check_call(node: RedshiftFunction) -> None:
    name, arguments = node.name, node.expressions
    check_function(name, len(arguments), position=position_of(node))
    if name in DATE_PART_FUNCTIONS:
        part = arguments[0]
        if not isinstance(part, exp.Literal) or part.name.lower() not in DATE_PARTS:
            raise InvalidParameter(
                f"{part.name!r} is not a date part",
                hint=suggest(part.name, DATE_PARTS) or "Date parts are year, month, day, hour ...",
                position=position_of(node),
            )


def _unsupported(what: str, node: exp.Expr, instead: str | None = None) -> FeatureNotSupported:
    return FeatureNotSupported(
        f"{what} {'are' if ' and ' in what else 'is'} not supported",
        hint=instead or "Redshift's SQL does not have it, or Outcrop does not yet.",
        position=position_of(node),
    )
