"""What Redshift's SQL means on the engine: a tuple of rules, applied in turn.

A rule turns one node into what DuckDB needs to give Redshift's result, or gives the node back.
`apply` offers the nodes of its kinds to each rule, the innermost nodes first. The rules
run after names are resolved and sqlglot has put types on nodes; a type that is not known leaves the
node as it is, so that the engine's meaning stands.
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.sql.nodes import ArrayConstructor, ObjectConstructor, RedshiftFunction
from outcrop.sql.semantics.aggregate_integers_as_integers import aggregate_integers_as_integers
from outcrop.sql.semantics.aggregate_text import aggregate_text
from outcrop.sql.semantics.break_ties_of_listagg import break_ties_of_listagg
from outcrop.sql.semantics.build_super_values import build_super_values
from outcrop.sql.semantics.calculate_with_super_values import (
    OPERATORS,
    calculate_with_super_values,
)
from outcrop.sql.semantics.cast_super_values import cast_super_values
from outcrop.sql.semantics.cut_text_to_its_length import cut_text_to_its_length
from outcrop.sql.semantics.extract_date_parts import extract_date_parts
from outcrop.sql.semantics.hide_branches_from_statistics import (
    COMPARED,
    hide_branches_from_statistics,
)
from outcrop.sql.semantics.ignore_padding_of_char import COMPARISONS, ignore_padding_of_char
from outcrop.sql.semantics.mark_first_texts import mark_first_texts
from outcrop.sql.semantics.match_patterns import PATTERNS, match_patterns
from outcrop.sql.semantics.navigate_super_paths import (
    navigate_folded_super_paths,
    navigate_super_paths,
)
from outcrop.sql.semantics.read_substrings import read_substrings
from outcrop.sql.semantics.report_ratios import report_ratios
from outcrop.sql.semantics.translate_functions import translate_functions
from outcrop.sql.semantics.tree import Rule, apply_rules

RULES: tuple[Rule, ...] = (
    Rule(break_ties_of_listagg, (exp.Select,)),
    Rule(mark_first_texts, (exp.Select,)),
    Rule(navigate_super_paths, (exp.Dot, exp.Bracket)),
    Rule(calculate_with_super_values, OPERATORS),
    Rule(build_super_values, (ObjectConstructor, ArrayConstructor)),
    Rule(aggregate_text, (exp.GroupConcat, exp.Window)),
    Rule(report_ratios, (RedshiftFunction, exp.Window)),
    Rule(translate_functions, (RedshiftFunction,)),
    Rule(read_substrings, (exp.Substring, exp.Trim, exp.StrPosition)),
    Rule(extract_date_parts, (exp.Extract,)),
    Rule(cast_super_values, (exp.Cast,)),
    Rule(cut_text_to_its_length, (exp.Cast,)),
    Rule(ignore_padding_of_char, COMPARISONS),
    Rule(hide_branches_from_statistics, COMPARED),
    Rule(match_patterns, PATTERNS),
    Rule(aggregate_integers_as_integers, (exp.Sum, exp.Avg, exp.Window)),
)

FOLDING_RULES = tuple(
    Rule(navigate_folded_super_paths, rule.kinds) if rule.rewrite is navigate_super_paths else rule
    for rule in RULES
)
"""The rules where an unquoted attribute of a SUPER path is folded to lower case."""


def apply(tree: exp.Expr, *, is_super_case_sensitive: bool = True) -> exp.Expr:
    """Return `tree` with every rule applied; `tree` itself is used up.

    `is_super_case_sensitive` is the session's `enable_case_sensitive_super_attribute`.
    """
    return apply_rules(tree, RULES if is_super_case_sensitive else FOLDING_RULES)
