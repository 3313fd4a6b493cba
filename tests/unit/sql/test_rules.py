"""Every rule of `sql/semantics`, alone, on the pairs of tests/rules/semantics/<rule>.sql.

A file holds `input; expected;` in turn. An input that is no query stands in the select list over
table `t`. What a rule gives goes through the other rules and is bound by a real DuckDB, so that no
pair can expect nonsense.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from sqlglot import exp

from outcrop.sql.duckdb_dialect import render
from outcrop.sql.semantics import FOLDING_RULES, RULES, apply
from outcrop.sql.semantics.tree import Rule, apply_rules
from tests.unit.sql.warehouse_tables import bind, engine_with_tables

FOLDER = Path(__file__).parents[2] / "rules" / "semantics"
BY_NAME = {rule.name: rule for rule in (*RULES, *FOLDING_RULES)}


def _pairs() -> Iterator[tuple[str, str, str]]:
    for path in sorted(FOLDER.glob("*.sql")):
        text = re.sub(r"^--.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        parts = [part.strip() for part in text.split(";\n") if part.strip()]
        assert len(parts) % 2 == 0, f"{path.name} has an input without an expected text"
        for before, after in zip(parts[::2], parts[1::2], strict=True):
            yield path.stem, before, after


PAIRS = list(_pairs())


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with engine_with_tables() as connection:
        yield connection


def _is_query(text: str) -> bool:
    return text.upper().startswith(("SELECT", "WITH"))


@pytest.mark.parametrize(("rule", "before", "after"), PAIRS, ids=lambda value: str(value)[:40])
def test_a_rule_gives_what_its_pair_expects(
    engine: duckdb.DuckDBPyConnection, rule: str, before: str, after: str
) -> None:
    is_query = _is_query(before)
    tree = bind(before if is_query else f"SELECT {before} AS x FROM t")
    tree = apply_rules(tree, [BY_NAME[rule]])
    shown = tree if is_query else tree.expressions[0].unalias()
    assert isinstance(shown, exp.Expr)
    assert render(shown) == " ".join(after.split())
    engine.execute(f"EXPLAIN {render(apply(tree))}")


@pytest.mark.parametrize("before", sorted({before for _, before, _ in PAIRS}))
def test_rules_leave_other_kinds_of_node_as_they_are(before: str) -> None:
    is_query = _is_query(before)
    trees = [bind(before if is_query else f"SELECT {before} AS x FROM t") for _ in range(2)]
    of_all_kinds = [Rule(rule.rewrite, (exp.Expr,)) for rule in RULES]
    assert render(apply_rules(trees[0], of_all_kinds)) == render(apply_rules(trees[1], RULES))


def test_every_rule_has_pairs() -> None:
    assert {rule for rule, _, _ in PAIRS} == set(BY_NAME)
