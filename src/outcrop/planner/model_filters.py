"""The conditions that a plan puts on answers: where selectivity is seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlglot import exp

from outcrop.planner.blocks import conjuncts
from outcrop.planner.plan import FilterInBatches, Materialize, PredicateTest, Stage, StagedPlan
from outcrop.planner.predicates import CONDITION


def passing_query(plan: StagedPlan, relation: str) -> exp.Select | None:
    """Return the query for (rows, rows that pass) of the filter over `relation`'s answers.

    None where no plain block filters what the stage of `relation` answered.
    """
    for block, where in _filters([*_queries(plan.stages), plan.result]):
        from_ = block.args["from_"]
        if isinstance(from_.this, exp.Subquery) and _reads(from_.this.this, relation):
            return _counting(block, [where])
    return None


def predicate_tests(queries: Iterable[exp.Query]) -> tuple[PredicateTest, ...]:
    """Return the tests of the named conditions in staged queries, each condition once."""
    found: dict[str, PredicateTest] = {}
    for block, where in _filters(queries):
        named = {c.meta[CONDITION]: c for c in conjuncts(where) if CONDITION in c.meta}
        new = {name: c for name, c in named.items() if name not in found}
        if new:
            test = PredicateTest(tuple(new), _counting(block, list(new.values())))
            found |= dict.fromkeys(new, test)
    return tuple(dict.fromkeys(found.values()))


def _filters(queries: Iterable[exp.Query]) -> Iterator[tuple[exp.Select, exp.Expr]]:
    """Yield the blocks that filter what they take from one source, with their conditions."""
    for query in queries:
        for block in query.find_all(exp.Select):
            where, from_ = block.args.get("where"), block.args.get("from_")
            if where is not None and from_ is not None and not block.args.get("joins"):
                yield block, where.this


def _counting(block: exp.Select, conditions: Sequence[exp.Expr]) -> exp.Select:
    """Return the query for the rows that a block filters, and those that pass each condition."""
    one = exp.Literal.number(1)
    passed = [exp.Case(ifs=[exp.If(this=c.copy(), true=one.copy())]) for c in conditions]
    counted = exp.select(exp.Count(this=exp.Star()), *(exp.Count(this=case) for case in passed))
    return counted.from_(block.args["from_"].this.copy(), copy=False)


def stored_queries(stages: Iterable[Stage]) -> Iterator[exp.Query]:
    """Yield the queries of stages, those of batches aside."""
    yield from (stage.query for stage in stages if isinstance(stage, Materialize))


def _queries(stages: Iterable[Stage]) -> Iterator[exp.Query]:
    for stage in stages:
        match stage:
            case Materialize():
                yield stage.query
            case FilterInBatches():
                yield from _queries(stage.expected.stages)
                yield stage.expected.query


def _reads(query: exp.Expr, relation: str) -> bool:
    if not isinstance(query, exp.Select):
        return False
    from_ = query.args.get("from_")
    return from_ is not None and isinstance(from_.this, exp.Table) and from_.this.name == relation
