"""Blocks: the SELECTs of a query, what they read, and the parts that they are made of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from sqlglot import exp

from outcrop.planner.model_call import has_call_in_scope
from outcrop.sql.nodes import EngineExpression, RedshiftFunction

SOURCE_CLAUSES = ("from_", "joins", "laterals")
"""What makes up the relation that a block reads."""


@dataclass(slots=True)
class Names:
    """Fresh names of relations and columns, counted per statement so that plans are repeatable.

    `taken` are the names that the statement itself uses, in lower case.
    """

    taken: frozenset[str] = frozenset()
    _tree: exp.Expr | None = None
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @classmethod
    def beside(cls, tree: exp.Expr) -> Names:
        """Return names that differ from every name in `tree`, as it is when the first is taken."""
        return cls(_tree=tree)

    def avoid(self, tree: exp.Expr) -> None:
        """Take the names in `tree` for taken too."""
        self.taken |= names_in(tree)

    def fresh(self, prefix: str) -> str:
        """Return a name that no other object of the statement has."""
        if self._tree is not None:
            self.taken, self._tree = names_in(self._tree), None
        return next(
            name for number in self._numbers if (name := f"_{prefix}{number}") not in self.taken
        )


def is_fresh(name: str) -> bool:
    """Tell whether a name looks like those that `Names` makes up."""
    return re.fullmatch(r"_[a-z]\d+", name) is not None


def blocks(query: exp.Expr) -> list[exp.Select]:
    """Return every block of `query`, inner ones before those around them."""
    found: list[exp.Select] = []
    _collect_blocks(query, found)
    return found[::-1]


def names_in(tree: exp.Expr) -> frozenset[str]:
    """Return every name in `tree`, in lower case."""
    return frozenset(found.name.lower() for found in tree.find_all(exp.Identifier))


_LEAVES = (exp.Column, exp.Identifier, exp.Literal, exp.DataType)


def _collect_blocks(node: exp.Expr, found: list[exp.Select]) -> None:
    """Append the blocks in `node`, as `find_all` would, which every rule would wait for longer."""
    if isinstance(node, exp.Select):
        found.append(node)
    for value in node.args.values():
        for part in value if isinstance(value, list) else (value,):
            if isinstance(part, exp.Expr) and not isinstance(part, _LEAVES):
                _collect_blocks(part, found)


def arms(query: exp.Expr | None) -> list[exp.Select]:
    """Return the blocks that a query is made of: those of its set operations, or itself."""
    query = query.unnest() if isinstance(query, exp.Subquery) else query
    if isinstance(query, exp.SetOperation):
        return [*arms(query.left), *arms(query.right)]
    return [query] if isinstance(query, exp.Select) else []


def conjuncts(condition: exp.Expr | None) -> list[exp.Expr]:
    """Return the parts of a condition that are joined by AND at its top."""
    if condition is None:
        return []
    node = (
        condition.this if isinstance(condition, exp.Where | exp.Having | exp.Qualify) else condition
    )
    node = node.unnest()
    if isinstance(node, exp.And):  # its own flatten() stops at parentheses
        return [*conjuncts(node.left), *conjuncts(node.right)]
    return [node]


def set_condition(block: exp.Select, clause: str, parts: Sequence[exp.Expr]) -> None:
    """Make `parts`, joined by AND, the condition of a clause; no parts remove it."""
    kinds = {"where": exp.Where, "having": exp.Having, "qualify": exp.Qualify}
    condition = exp.and_(*parts, copy=False) if parts else None
    block.set(clause, kinds[clause](this=condition) if condition is not None else None)


def count_of(clause: exp.Expr | None) -> int | None:
    """Return the number of rows that LIMIT or OFFSET names; None where the engine works it out."""
    count = clause.args.get("expression") if clause is not None else None
    return int(count.name) if isinstance(count, exp.Literal) and count.is_int else None


def is_true(condition: exp.Expr) -> bool:
    """Tell whether a condition is the literal TRUE."""
    return isinstance(condition, exp.Boolean) and bool(condition.this)


def sources(block: exp.Select) -> list[exp.Expr]:
    """Return the relations that a block reads, in their order."""
    found: list[exp.Expr] = []
    if from_ := block.args.get("from_"):
        found.append(from_.this)
    found += [join.this for join in block.args.get("joins") or []]
    found += list(block.args.get("laterals") or [])
    return found


def source_names(block: exp.Select) -> set[str]:
    """Return the names by which a block's own columns are qualified."""
    return {source.alias_or_name for source in sources(block)}


def reader_of(block: exp.Select) -> exp.Select:
    """Return a block that reads what `block` reads, and asks nothing of it."""
    reader = exp.Select(expressions=[exp.alias_(exp.Literal.number(1), "one", quoted=True)])
    for clause in SOURCE_CLAUSES:
        value = block.args.get(clause)
        if isinstance(value, list):
            reader.set(clause, [part.copy() for part in value])
        elif value is not None:
            reader.set(clause, value.copy())
    return reader


def own_columns(node: exp.Expr, names: set[str]) -> Iterator[exp.Column]:
    """Yield the columns in `node` that belong to the sources called `names`.

    Looks into subqueries (for what they take from the block around them), except where a subquery
    has a source of the same name itself.
    """
    if isinstance(node, exp.Column):
        if node.table in names:
            yield node
        return
    if isinstance(node, exp.Select):
        names = names - source_names(node)
    for child in node.iter_expressions():
        yield from own_columns(child, names)


def rename_sources(block: exp.Select, parts: Sequence[exp.Expr], names: Names) -> None:
    """Give the sources of a block fresh names, in it and in `parts`, which read them as it does."""
    for source in sources(block):
        name, fresh = source.alias_or_name, names.fresh("w")
        for part in (*block.iter_expressions(), *parts):
            for column in own_columns(part, {name}):
                column.set("table", exp.to_identifier(fresh, quoted=True))
        alias = source.args.get("alias") or exp.TableAlias()
        alias.set("this", exp.to_identifier(fresh, quoted=True))
        source.set("alias", alias)


def is_aggregated(block: exp.Select) -> bool:
    """Tell whether a block groups its rows."""
    if block.args.get("group"):
        return True
    return any(
        own_aggregates(clause)
        for clause in (*block.expressions, block.args.get("having"), block.args.get("order"))
        if clause is not None
    )


def group_keys(block: exp.Select) -> list[exp.Expr]:
    """Return the keys of a block's GROUP BY, those inside ROLLUP, CUBE and GROUPING SETS too."""
    group = block.args.get("group")
    keys: list[exp.Expr] = []
    pending: list[exp.Expr] = list(group.expressions) if group is not None else []
    while pending:
        key = pending.pop(0)
        if isinstance(key, exp.Rollup | exp.Cube | exp.GroupingSets | exp.Tuple):
            pending[:0] = key.expressions
        else:
            keys.append(key)
    return keys


def own_aggregates(node: exp.Expr) -> list[exp.Expr]:
    """Return the outermost aggregate functions in `node`, those of windows and subqueries aside."""
    found: list[exp.Expr] = []
    _collect_aggregates(node, found)
    return found


def _collect_aggregates(node: exp.Expr, found: list[exp.Expr]) -> None:
    if isinstance(node, exp.Query):
        return
    if isinstance(node, exp.Window):
        # What is aggregated first and windowed then, as in sum(count(*)) over (), lies below.
        for child in node.this.iter_expressions():
            _collect_aggregates(child, found)
        for key in ("partition_by", "order"):
            value = node.args.get(key)
            for part in value if isinstance(value, list) else [value] if value else []:
                _collect_aggregates(part, found)
        return
    if isinstance(node, exp.AggFunc | exp.WithinGroup | exp.Filter):
        found.append(node)
        return
    for child in node.iter_expressions():
        _collect_aggregates(child, found)


def own_windows(node: exp.Expr) -> list[exp.Window]:
    """Return the window functions in `node` that are of its own block."""
    return [
        found
        for found in node.walk(prune=lambda n: isinstance(n, exp.Query) and n is not node)
        if isinstance(found, exp.Window)
    ]


def upper_clauses(block: exp.Select) -> list[exp.Expr]:
    """Return a block's parts that are evaluated after WHERE: what an outer block takes over."""
    parts: list[exp.Expr] = list(block.expressions)
    for key in ("where", "group", "having", "qualify", "windows", "distinct", "order"):
        value = block.args.get(key)
        parts += value if isinstance(value, list) else [value] if value is not None else []
    return parts


def typed_column(name: str, table: str, like: exp.Expr) -> exp.Column:
    """Return a column of a source, of the type of `like`."""
    column = exp.column(name, table=table, quoted=True)
    column.type = like.type
    return column


def derived_table(query: exp.Query, alias: str) -> exp.Subquery:
    """Return a query as a source of another one."""
    name = exp.to_identifier(alias, quoted=True)
    return exp.Subquery(this=query, alias=exp.TableAlias(this=name))


def is_plain(block: exp.Select) -> bool:
    """Tell whether a block only filters, projects, sorts and cuts."""
    return is_row_by_row(block) and not block.args.get("distinct")


def is_row_by_row(block: exp.Select) -> bool:
    """Tell whether a block computes what it gives of one row each."""
    return not (
        is_aggregated(block)
        or block.args.get("qualify")
        or any(own_windows(part) for part in block.expressions)
        or (block.args.get("order") and own_windows(block.args["order"]))
    )


def is_open(block: exp.Select) -> bool:
    """Tell whether a filter above a block is the same as one in it."""
    return is_plain(block) and not block.args.get("limit") and not block.args.get("offset")


def is_null_extended(block: exp.Select, source: exp.Expr) -> bool:
    """Tell whether a join may put NULLs in the place of the rows of a block's source."""
    joins: list[exp.Join] = block.args.get("joins") or []
    position = next((i for i, join in enumerate(joins, start=1) if join.this is source), 0)
    sides = ["", *(join.side for join in joins)]
    return sides[position] in ("LEFT", "FULL") or bool({"RIGHT", "FULL"} & {*sides[position + 1 :]})


def has_random(node: exp.Expr) -> bool:
    """Tell whether RANDOM() stands in `node`."""
    return any(is_random(found) for found in node.walk())


def is_random(node: exp.Expr) -> bool:
    """Tell whether a node is RANDOM(), before or after it has been given the engine's name."""
    match node:
        case RedshiftFunction():
            return node.name == "random"
        case EngineExpression():
            return node.name == "random()"
    return False


def has_own_call(block: exp.Select) -> bool:
    """Tell whether a block calls a model outside of its subqueries."""
    return any(has_call_in_scope(part) for part in (*upper_clauses(block), *join_conditions(block)))


def join_conditions(block: exp.Select) -> list[exp.Expr]:
    """Return the conditions of a block's joins."""
    return [join.args["on"] for join in block.args.get("joins") or [] if join.args.get("on")]
