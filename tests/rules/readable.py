"""Trees of the planner as SQL that people read and write."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sqlglot import exp

from outcrop.planner.model_call import ModelCall
from outcrop.planner.name_outputs import output_name

_PLAIN_NAME = re.compile("[a-z_][a-z0-9_]*")


def readable(tree: exp.Expr, functions: Mapping[int, str]) -> str:
    """Return `tree` as our SQL; `functions` are the models' functions by oid."""
    named = with_named_calls(tree, functions)
    for identifier in named.find_all(exp.Identifier):
        if _PLAIN_NAME.fullmatch(identifier.name):
            identifier.set("quoted", False)
    for node in list(named.walk(bfs=False))[::-1]:
        _simplify(node)
    return named.sql(dialect="outcrop", normalize_functions=False)


def with_named_calls(tree: exp.Expr, functions: Mapping[int, str]) -> exp.Expr:
    """Return a copy of `tree` in which a model call is a call of the model's function."""
    named = tree.copy()
    for call in list(named.find_all(ModelCall, bfs=False))[::-1]:
        call.replace(exp.Anonymous(this=functions[call.model_oid], expressions=call.expressions))
    return named


def _simplify(node: exp.Expr) -> None:
    match node:
        case exp.Table():
            node.set("db", None)
            node.set("catalog", None)
            if node.alias == node.name:
                node.set("alias", None)
        case exp.Alias() if node.alias == output_name(node.this):
            node.replace(node.this)
