"""Paths into SUPER values."""

from __future__ import annotations

from sqlglot import exp

from outcrop.errors import FeatureNotSupported
from outcrop.sql.nodes import position_of, raw_text
from outcrop.sql.semantics.super_values import IS_ARRAY
from outcrop.sql.semantics.tree import engine, is_super, literal_integer, literal_text, quote


def navigate_super_paths(node: exp.Expr) -> exp.Expr:
    """Read attributes and elements of a SUPER.

    Type: typed. Goal: 0-based indexes, names in the case that was typed, and NULL for what is not
    there. Before: `r.usage.inputTokens`, `r.items[0]`. After: `variant_extract(variant_extract(r,
    'usage'), 'inputTokens')`, `variant_extract(variant_extract(r, 'items'), 1)`.
    """
    return _navigate(node, is_case_sensitive=True)


def navigate_folded_super_paths(node: exp.Expr) -> exp.Expr:
    """Read attributes and elements of a SUPER, unquoted names folded to lower case.

    Type: typed. Goal: Redshift's own default, `enable_case_sensitive_super_attribute` off.
    Before: `r.inputTokens`. After: `variant_extract(r, 'inputtokens')`.
    """
    return _navigate(node, is_case_sensitive=False)


def _navigate(node: exp.Expr, *, is_case_sensitive: bool) -> exp.Expr:
    if isinstance(node, exp.Dot) and isinstance(node.expression, exp.Identifier):
        return _attribute(node, is_case_sensitive=is_case_sensitive)
    if isinstance(node, exp.Bracket):
        return _element(node)
    return node


def _attribute(node: exp.Dot, *, is_case_sensitive: bool) -> exp.Expr:
    identifier = node.expression
    name = raw_text(identifier)
    if not is_case_sensitive and not identifier.args.get("quoted"):
        name = name.lower()
    return engine(f"variant_extract($1, {quote(name)})", node.this, returns="super")


def _element(node: exp.Bracket) -> exp.Expr:
    value, index = node.this, node.expressions[0]
    name = literal_text(index)
    if name is not None:
        return engine(f"variant_extract($1, {quote(name)})", value, returns="super")
    position = literal_integer(index)
    if position is not None and position >= 0:
        return engine(f"variant_extract($1, {position + 1})", value, returns="super")
    if len(node.expressions) > 1 or isinstance(index, exp.Slice):
        raise FeatureNotSupported(
            "a slice of a SUPER is not supported",
            hint="Use SUBARRAY(value, start, length).",
            position=position_of(node),
        )
    return _computed_element(value, index)


def _computed_element(value: exp.Expr, index: exp.Expr) -> exp.Expr:
    """The engine takes a constant index alone, so that the array becomes a list here."""
    if is_super(index):
        index = engine("TRY_CAST($1 AS BIGINT)", index, returns="bigint")
    return engine(
        f"list_extract(CASE WHEN {IS_ARRAY} THEN CAST($1 AS VARIANT[]) END, "
        "CASE WHEN $2 >= 0 THEN $2 + 1 END)",
        value,
        index,
        returns="super",
    )
