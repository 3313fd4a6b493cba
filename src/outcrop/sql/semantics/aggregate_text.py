"""LISTAGG."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from outcrop.sql.semantics.tree import engine, engine_aggregate, is_null

_FIRST_OF_EACH = (
    "list_filter($1, lambda value, place: list_position($2, list_extract($2, place)) = place)"
)


@dataclass(frozen=True, slots=True)
class Listagg:
    """A call of LISTAGG: what it joins, in which order, with what between."""

    value: exp.Expr
    keys: list[exp.Expr]
    delimiter: exp.Expr
    is_distinct: bool

    @classmethod
    def of(cls, node: exp.GroupConcat) -> Listagg:
        """Take `node` apart; no delimiter, or NULL, is an empty one."""
        order = node.this if isinstance(node.this, exp.Order) else None
        value = order.this if order else node.this
        delimiter = node.args.get("separator")
        if delimiter is None or is_null(delimiter):
            delimiter = exp.Literal.string("")
        is_distinct = isinstance(value, exp.Distinct)
        return cls(
            value=value.expressions[0] if is_distinct else value,
            keys=order.expressions if order else [],
            delimiter=delimiter,
            is_distinct=is_distinct,
        )

    def text(self) -> exp.Expr:
        """Return the value as VARCHAR."""
        text = exp.cast(self.value.copy(), exp.DType.VARCHAR)
        text.this.type = self.value.type
        return text

    def joined(self, mark: exp.Expr | None = None) -> exp.Expr:
        """Return the texts joined by the engine, of the rows where `mark` holds.

        The engine takes a constant delimiter alone.
        """
        where = "$1 <> ''"
        arguments = [self.text(), self.delimiter.copy(), *self._copied_keys()]
        if mark is not None:
            arguments.append(mark)
            where += f" AND ${len(arguments)}"
        order = self._order(first_place=3)
        return engine_aggregate(f"string_agg($1, $2{order}) FILTER (WHERE {where})", *arguments)

    def listed(self, item: str) -> exp.Expr:
        """Return the list of `item`, which has the text as $1."""
        order = self._order(first_place=2)
        return engine_aggregate(
            f"list({item}{order}) FILTER (WHERE $1 <> '')", self.text(), *self._copied_keys()
        )

    def _copied_keys(self) -> list[exp.Expr]:
        return [key.copy() for key in self.keys]

    def _order(self, first_place: int) -> str:
        places = ", ".join(f"${first_place + index}" for index in range(len(self.keys)))
        return f" ORDER BY {places}" if places else ""


def aggregate_text(node: exp.Expr) -> exp.Expr:
    """Join the texts of a group, or of a window.

    Type: rewriting. Goal: NULL and '' are left out; DISTINCT ignores trailing blanks and keeps what
    comes first in the order; no delimiter is none. Before: `LISTAGG(DISTINCT s, ',') WITHIN GROUP
    (ORDER BY k)`. After: `array_to_string(list_filter(list(s ORDER BY k) FILTER (WHERE s <> ''),
    ...), ',')`, which keeps of equal trimmed texts the one at the first place.
    """
    if isinstance(node, exp.Window) and isinstance(node.this, exp.GroupConcat):
        return _listagg(Listagg.of(node.this), node)
    if isinstance(node, exp.GroupConcat) and not isinstance(node.parent, exp.Window):
        return _listagg(Listagg.of(node), None)
    return node


def _listagg(listagg: Listagg, window: exp.Window | None) -> exp.Expr:
    if not listagg.is_distinct and isinstance(listagg.delimiter, exp.Literal):
        joined = _over(listagg.joined(), window)
        joined.type = exp.DataType.build("varchar")
        return joined
    values = _over(listagg.listed("$1"), window)
    if listagg.is_distinct:
        values = engine(_FIRST_OF_EACH, values, _over(listagg.listed("rtrim($1)"), window))
    return engine("array_to_string($1, $2)", values, listagg.delimiter.copy(), returns="varchar")


def _over(call: exp.Expr, window: exp.Window | None) -> exp.Expr:
    """Return `call` over `window`, if there is one."""
    if window is None:
        return call
    over = window.copy()
    over.set("this", call)
    return over
