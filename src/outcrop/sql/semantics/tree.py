"""How rules are applied to a tree, and what they ask of a node."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from outcrop.sql.nodes import EngineAggregate, EngineExpression

INTEGER_TYPES = (exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT)
NUMBER_TYPES = (*INTEGER_TYPES, exp.DType.DECIMAL, exp.DType.FLOAT, exp.DType.DOUBLE)
TEXT_TYPES = (
    exp.DType.CHAR, exp.DType.NCHAR, exp.DType.BPCHAR, exp.DType.VARCHAR, exp.DType.NVARCHAR,
    exp.DType.TEXT,
)  # fmt: skip
CHAR_TYPES = (exp.DType.CHAR, exp.DType.NCHAR, exp.DType.BPCHAR)
DATE_TYPES = (
    exp.DType.DATE, exp.DType.TIME, exp.DType.TIMETZ, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ,
    exp.DType.INTERVAL,
)  # fmt: skip


def rewrite(tree: exp.Expr, rule: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    """Offer every node of `tree` to `rule`, the innermost first, and return the tree it gives."""
    for node in reversed(_outermost_first(tree)):
        parent, key, index = node.parent, node.arg_key, node.index
        replacement = rule(node)
        if replacement is node:
            continue
        if parent is None or key is None:
            tree = replacement
            tree.parent = None
        else:
            parent.set(key, replacement, index)
    return tree


def _outermost_first(tree: exp.Expr) -> list[exp.Expr]:
    """Return what `tree.walk()` yields, in half the time: each rule goes over the whole tree."""
    nodes = [tree]
    for node in nodes:  # which grows
        for value in node.args.values():
            if isinstance(value, exp.Expr):
                nodes.append(value)
            elif isinstance(value, list):
                nodes += [part for part in value if isinstance(part, exp.Expr)]
    return nodes


def engine(text: str, *arguments: exp.Expr, returns: str | exp.DataType | None = None) -> exp.Expr:
    """Return SQL of the engine around `arguments`, which it has as $1, $2, ..."""
    node = EngineExpression(this=text, expressions=list(arguments))
    if returns is not None:
        node.type = exp.DataType.build(returns, dialect="outcrop", copy=True)
    return node


def engine_aggregate(text: str, *arguments: exp.Expr) -> exp.Expr:
    """Return an aggregate function of the engine over `arguments`, which it has as $1, $2, ..."""
    return EngineAggregate(this=text, expressions=list(arguments))


def is_type(node: exp.Expr | None, *types: exp.DType) -> bool:
    """Whether the type of `node` is known and one of `types`."""
    return node is not None and node.type is not None and node.type.this in types


def is_super(node: exp.Expr | None) -> bool:
    """Whether `node` is known to be a SUPER value."""
    return is_type(node, exp.DType.SUPER, exp.DType.VARIANT)


def is_null(node: exp.Expr | None) -> bool:
    """Whether `node` is the literal NULL."""
    return isinstance(node, exp.Null)


def literal_text(node: exp.Expr | None) -> str | None:
    """Return what `node` says if it is a literal string, else None."""
    return node.name if isinstance(node, exp.Literal) and node.is_string else None


def literal_integer(node: exp.Expr | None) -> int | None:
    """Return the value of `node` if it is a literal whole number, else None."""
    if isinstance(node, exp.Neg):
        inner = literal_integer(node.this)
        return None if inner is None else -inner
    if isinstance(node, exp.Literal) and node.is_int:
        return int(node.name)
    return None


def quote(text: str) -> str:
    """Return `text` as a string of the engine's SQL."""
    return "'" + text.replace("'", "''") + "'"
