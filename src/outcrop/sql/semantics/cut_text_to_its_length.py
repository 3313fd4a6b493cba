"""CAST to CHAR(n) and VARCHAR(n)."""

from __future__ import annotations

from sqlglot import exp

from outcrop.sql.semantics.tree import TEXT_TYPES, engine

# Of the bytes of a text, as hexadecimal digits, the beginning of a character at their end.
_HALF_A_CHARACTER = "([CD].|E.([89AB].)?|F.([89AB].){0,2})$"


def cut_text_to_its_length(node: exp.Expr) -> exp.Expr:
    """Cut a text to the bytes of its type, between two characters.

    Type: rewriting. Goal: a cast to VARCHAR(n) truncates at n bytes; the engine ignores n.
    Before: `CAST(x AS VARCHAR(3))`. After: a CASE: as it is, or `left(x, 3)` where a byte is a
    character, or its first 3 bytes without half a character at their end.
    """
    if not isinstance(node, exp.Cast) or node.to.this not in TEXT_TYPES:
        return node
    length = _length(node.to)
    if length is None:
        return node
    text = (
        f"CASE WHEN strlen($1) <= {length} THEN $1 WHEN strlen($1) = length($1) "
        f"THEN left($1, {length}) ELSE decode(unhex(regexp_replace("
        f"left(hex(encode($1)), {2 * length}), '{_HALF_A_CHARACTER}', ''))) END"
    )
    unbounded = exp.cast(node.this, exp.DType.VARCHAR)
    if isinstance(node, exp.TryCast):
        unbounded = exp.TryCast(this=node.this, to=exp.DataType.build("varchar"))
    return engine(text, unbounded, returns=node.to)


def _length(datatype: exp.DataType) -> int | None:
    """Return n of VARCHAR(n); a bare CHAR is CHAR(1), a bare VARCHAR in a cast has no limit."""
    for parameter in datatype.expressions:
        value = parameter.this
        if isinstance(value, exp.Literal) and value.is_int:
            return int(value.name)
    return 1 if datatype.this == exp.DType.CHAR else None
