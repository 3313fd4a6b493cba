"""The conditions that a plan puts on the answers of a stage: where selectivity is seen."""

from __future__ import annotations

from sqlglot import exp

from outcrop.planner.plan import FillUpTo, Materialize, Stage, StagedPlan


def passing_query(plan: StagedPlan, relation: str) -> exp.Select | None:
    """Return the query for (rows, rows that pass) of the filter over `relation`'s answers.

    None where no plain block filters what the stage of `relation` answered.
    """
    for query in (*_queries(plan.stages), plan.result):
        for block in query.find_all(exp.Select):
            where, from_ = block.args.get("where"), block.args.get("from_")
            if where is None or from_ is None or block.args.get("joins"):
                continue
            if not isinstance(from_.this, exp.Subquery) or not _reads(from_.this.this, relation):
                continue
            passed = exp.Case(ifs=[exp.If(this=where.this.copy(), true=exp.Literal.number(1))])
            counted = exp.select(exp.Count(this=exp.Star()), exp.Count(this=passed))
            return counted.from_(from_.this.copy())
    return None


def _queries(stages: tuple[Stage, ...]) -> list[exp.Query]:
    found: list[exp.Query] = []
    for stage in stages:
        match stage:
            case Materialize():
                found.append(stage.query)
            case FillUpTo():
                found += [*_queries(stage.stages), stage.query]
    return found


def _reads(query: exp.Expr, relation: str) -> bool:
    if not isinstance(query, exp.Select):
        return False
    from_ = query.args.get("from_")
    return from_ is not None and isinstance(from_.this, exp.Table) and from_.this.name == relation
