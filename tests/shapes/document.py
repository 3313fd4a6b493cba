"""The page of the reference that a run makes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.shapes.database import MODELS, TABLES, Model
from tests.shapes.measure import Measured, Refusal
from tests.shapes.shapes import FILES, Shape

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "shapes.md"

_PAGE = """\
<!-- Made by a run of tests/shapes; `make docs` writes it anew. -->

# Shapes of queries, and their calls

Every shape of query that may call a model, with the calls that it made and the smallest number
that is possible. A test run makes this page. It fails if the two numbers differ in a row, or if a
result is not that of plain SQL.

## The data

```sql
{tables}
```

Every shape starts from these rows, with models that nobody has asked before:

| function | what it answers | what it might have answered |
| --- | --- | --- |
{models}

## The smallest number

It is worked out by brute force, without the planner. Plain DuckDB runs the statement once for every
way in which the models might answer, which shows what answers the result depends on. The smallest
number is the size of the smallest set of prompts whose answers leave one result only. Equal prompts
to one model count once, and a LIMIT without ORDER BY may take any rows.

Who has seen all answers can pick such a set; a planner has seen none. So the data is such that no
luck is needed: two model predicates cost the same in either order, and the rows that are asked
about first are those that fill a LIMIT. With other data a planner must guess, and asks a bit more:
under a LIMIT about 1.1 times as much, as [measured](../benchmarks.md).

## The shapes

| calls in | statement | calls | smallest |
| --- | --- | ---: | ---: |
{shapes}

## What is refused

These fail before any call, with a way to write them:

| call in | statement | SQLSTATE | what to do |
| --- | --- | --- | --- |
{refused}
"""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a run has found."""

    shapes: Sequence[Measured]
    refusals: Sequence[Refusal]


def write_page(found: Findings) -> str:
    """Return the text of the page."""
    return _PAGE.format(
        tables="\n".join(f"{statement};" for statement in TABLES),
        models=_rows((f"`{name}`", *_describe(model)) for name, model in MODELS.items()),
        shapes=_rows(_cells(measured) for measured in found.shapes),
        refused=_rows(
            (r.refused.place, _code(r.refused.sql), r.error.sqlstate, r.error.hint or "")
            for r in found.refusals
        ),
    )


def _describe(model: Model) -> tuple[str, str]:
    """Return what a model answers, and what it might."""
    *rules, (_, otherwise) = model.rules
    said = [f"`{answer}` where `{regex}` is found" for regex, answer in rules]
    return (
        f"{', '.join(said)}, else `{otherwise}`",
        ", ".join(f"`{answer}`" for answer in model.answers),
    )


def _cells(measured: Measured) -> tuple[str, ...]:
    shape = measured.shape
    return shape.place, _statement(shape), str(measured.calls), str(measured.calls_min)


def _statement(shape: Shape) -> str:
    before = f", after {', '.join(map(_code, shape.before))}" if shape.before else ""
    return _code(shape.sql) + before


def _code(sql: str) -> str:
    return f"`{sql.replace(FILES, 'folder')}`"


def _rows(rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows
    )
