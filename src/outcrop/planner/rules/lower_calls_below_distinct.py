"""Call first and make rows distinct afterwards.

Type:   block rewrite
Goal:   what is left above is a plain DISTINCT; below it is a plain block.
Before: SELECT DISTINCT f(t.p) AS y FROM t LIMIT 2
After:  SELECT DISTINCT q._v1 AS y FROM (SELECT f(t.p) AS _v1 FROM t) AS q LIMIT 2
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.planner.blocks import SOURCE_CLAUSES, Names, has_own_call
from outcrop.planner.model_call import has_call_in_scope
from outcrop.planner.split import Split


def lower_calls_below_distinct(block: exp.Select, names: Names) -> None:
    """Split `block` if it is DISTINCT and calls a model."""
    if not block.args.get("distinct") or not has_own_call(block):
        return
    split = Split(block, names)
    split.lower(*SOURCE_CLAUSES, "where")
    projections = [projection.unalias() for projection in block.expressions]
    split.lower_expressions((p for p in projections if has_call_in_scope(p)), "v")
    split.finish()
