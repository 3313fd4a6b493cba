"""How rules are applied to a tree, and what they ask of a node."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Rule:
    """What one construct means on the engine: `rewrite` turns a node into that, or gives it back.

    `kinds` are the classes of the nodes that it may turn; others are not offered to it.
    """

    rewrite: Callable[[exp.Expr], exp.Expr]
    kinds: tuple[type[exp.Expr], ...]

    @property
    def name(self) -> str:
        """The rule's name, a verb phrase."""
        return self.rewrite.__name__


def apply_rules(tree: exp.Expr, rules: Iterable[Rule]) -> exp.Expr:
    """Offer the nodes of `tree` to each rule in turn, the innermost first; return the tree."""
    nodes = _outermost_first(tree)
    kinds = set(map(type, nodes))
    for rule in rules:
        wanted = {kind for kind in kinds if issubclass(kind, rule.kinds)}
        if wanted:
            offered = [node for node in reversed(nodes) if type(node) in wanted]
            tree = _apply_rule(tree, offered, rule)
            nodes = _outermost_first(tree)
            kinds = set(map(type, nodes))
    return tree


def _apply_rule(tree: exp.Expr, nodes: Iterable[exp.Expr], rule: Rule) -> exp.Expr:
    for node in nodes:
        parent, key, index = node.parent, node.arg_key, node.index
        replacement = rule.rewrite(node)
        if replacement is node:
            continue
        if parent is None or key is None:
            tree = replacement
            tree.parent = None
        else:
            parent.set(key, replacement, index)
    return tree


def _outermost_first(tree: exp.Expr) -> list[exp.Expr]:
    """Return what `tree.walk()` yields, in half the time."""
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
