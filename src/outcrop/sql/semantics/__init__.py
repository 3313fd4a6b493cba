"""What Redshift's SQL means on the engine: a tuple of rules, applied in turn.

A rule is a pure function that turns one node into what DuckDB needs to give Redshift's result, or
gives the node back. `apply` offers every node to each rule, the innermost nodes first. The rules
run after names are resolved and sqlglot has put types on nodes; a type that is not known leaves the
node as it is, so that the engine's meaning stands.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from outcrop.sql.semantics.aggregate_integers_as_integers import aggregate_integers_as_integers
from outcrop.sql.semantics.aggregate_text import aggregate_text
from outcrop.sql.semantics.break_ties_of_listagg import break_ties_of_listagg
from outcrop.sql.semantics.build_super_values import build_super_values
from outcrop.sql.semantics.calculate_with_super_values import calculate_with_super_values
from outcrop.sql.semantics.cast_super_values import cast_super_values
from outcrop.sql.semantics.cut_text_to_its_length import cut_text_to_its_length
from outcrop.sql.semantics.extract_date_parts import extract_date_parts
from outcrop.sql.semantics.ignore_padding_of_char import ignore_padding_of_char
from outcrop.sql.semantics.mark_first_texts import mark_first_texts
from outcrop.sql.semantics.match_patterns import match_patterns
from outcrop.sql.semantics.navigate_super_paths import (
    navigate_folded_super_paths,
    navigate_super_paths,
)
from outcrop.sql.semantics.read_substrings import read_substrings
from outcrop.sql.semantics.report_ratios import report_ratios
from outcrop.sql.semantics.translate_functions import translate_functions
from outcrop.sql.semantics.tree import rewrite

Rule = Callable[[exp.Expr], exp.Expr]

RULES: tuple[Rule, ...] = (
    break_ties_of_listagg,
    mark_first_texts,
    navigate_super_paths,
    calculate_with_super_values,
    build_super_values,
    aggregate_text,
    report_ratios,
    translate_functions,
    read_substrings,
    extract_date_parts,
    cast_super_values,
    cut_text_to_its_length,
    ignore_padding_of_char,
    match_patterns,
    aggregate_integers_as_integers,
)


def apply(tree: exp.Expr, *, is_super_case_sensitive: bool = True) -> exp.Expr:
    """Return `tree` with every rule applied; `tree` itself is used up.

    `is_super_case_sensitive` is the session's `enable_case_sensitive_super_attribute`: without it
    an unquoted attribute of a path is folded to lower case.
    """
    for rule in RULES:
        if rule is navigate_super_paths and not is_super_case_sensitive:
            rule = navigate_folded_super_paths
        tree = rewrite(tree, rule)
    return tree
