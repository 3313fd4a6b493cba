"""What planning itself costs: from a statement's text to the engine's SQL of its stages.

The queries are those of the demo: LISTAGG over windows, prompts in a view, and a model called in
six ways. "Anew" is in a process that has planned before, with a plan cache that knows nothing. CPU
time of the planning thread is counted, since planning waits for nothing.
"""

from __future__ import annotations

import statistics
import time

from benchmarks.report import Report, Target, milliseconds
from benchmarks.workload import open_session, run
from outcrop.commands.context import CommandContext
from outcrop.commands.plan_cache import PlanCache
from outcrop.planner.plan import FilterInBatches, Infer, Materialize, Stage
from outcrop.session import Session
from outcrop.sql.statements import Query

NAME = "planning"
ANEW_MS_MOST = 20.0
KEPT_MS_MOST = 1.0

_LISTS = """
    listagg(DISTINCT condition, ',') WITHIN GROUP (ORDER BY pid)
        OVER (PARTITION BY pid) AS conditions,
    listagg(DISTINCT medicine, ',') WITHIN GROUP (ORDER BY pid)
        OVER (PARTITION BY pid) AS medicines
"""
_PROMPT = "pname || ' has ' || conditions || ' taking ' || medicines AS prompt"
_PROMPTS = f"SELECT pid, {_PROMPT} FROM (SELECT pid, pname, {_LISTS} FROM patients) GROUP BY 1, 2"

# What each query shows, and the query.
_QUERIES = (
    ("lists over a window", f"SELECT pname, {_LISTS} FROM patients"),
    ("prompts", f"SELECT {_PROMPT} FROM (SELECT pname, {_LISTS} FROM patients) GROUP BY 1"),
    ("the query of the view", _PROMPTS),
    ("no call", "SELECT * FROM prompts LIMIT 5"),
    ("LIMIT", "SELECT advise(prompt) FROM prompts LIMIT 2"),
    ("no table", "SELECT advise('Generate a diet plan')"),
    ("parameters", "SELECT advise(prompt, object('temperature', 0.2)) FROM prompts WHERE pid = 1"),
    (
        "a body of one's own",
        "SELECT advise_raw(object('inputText', 'Plan for: ' || prompt, "
        "'textGenerationConfig', object('temperature', 0.5, 'maxTokenCount', 500))) "
        "FROM prompts LIMIT 1",
    ),
    ("the whole response", "SELECT advise_whole(prompt) FROM prompts LIMIT 1"),
    ("a model predicate", "SELECT pid FROM prompts WHERE advise(prompt) LIKE 'a%' LIMIT 5"),
)
_MODELS = {
    "advise": "PROMPT 'Advise:'",
    "advise_raw": "REQUEST_TYPE RAW, RESPONSE_TYPE SUPER",
    "advise_whole": "PROMPT 'Advise:', RESPONSE_TYPE SUPER",
}


def measure(*, is_quick: bool) -> Report:
    """Plan each query in turns, anew and again."""
    turns = 2 if is_quick else 25
    with open_session({"providers": {"bedrock": {"kind": "scripted"}}}) as session:
        _create(session)
        session.execute("BEGIN")
        run(session, "SELECT 1")  # begins the transaction in which all of them are planned
        context = session._context  # the planner has no door of its own
        found = [(what, *_times(context, sql, turns)) for what, sql in _QUERIES]
        session.execute("ROLLBACK")
    return Report(
        "Planning the demo's queries",
        (f"From text to the engine's SQL; CPU time, medians of {turns} turns.",),
        ("", "planned anew", "plan kept"),
        [(what, milliseconds(anew), milliseconds(kept)) for what, anew, kept in found],
        (
            Target(
                "the longest, anew", max(a for _, a, _ in found) * 1e3, None, ANEW_MS_MOST, " ms"
            ),
            Target("the longest, kept", max(k for *_, k in found) * 1e3, None, KEPT_MS_MOST, " ms"),
        ),
    )


def _create(session: Session) -> None:
    session.execute(
        "CREATE TABLE patients (pid integer, pname varchar(100), condition varchar(100), "
        "medicine varchar(100))"
    )
    session.execute("INSERT INTO patients VALUES (1, 'Ada', 'asthma', 'albuterol')")
    session.execute(f"CREATE MATERIALIZED VIEW prompts AS {_PROMPTS}")
    for name, settings in _MODELS.items():
        session.execute(
            f"CREATE EXTERNAL MODEL {name} FUNCTION {name} IAM_ROLE default MODEL_TYPE BEDROCK "
            f"SETTINGS (MODEL_ID 'amazon.titan-text-express-v1', {settings})"
        )


def _times(context: CommandContext, sql: str, turns: int) -> tuple[float, float]:
    """Return the seconds that a query takes to plan anew, and when its plan is kept."""
    anew, kept = [], []
    for _ in range(turns):
        context.plans = PlanCache()
        anew.append(_time(context, sql))
        kept.append(_time(context, sql))
    return statistics.median(anew), statistics.median(kept)


def _time(context: CommandContext, sql: str) -> float:
    started = time.thread_time()
    statement = context.plans.statement(sql, has_parameters=False)
    assert isinstance(statement, Query)
    plan = context.plan_statement(statement)
    texts = [plan.sql, *(text for stage in plan.stages for text in _sql_of(stage))]
    elapsed_s = time.thread_time() - started
    assert all(texts)
    return elapsed_s


def _sql_of(stage: Stage) -> list[str]:
    match stage:
        case Materialize():
            return [stage.sql]
        case Infer():
            return [call.sql for call in stage.calls]
        case FilterInBatches():
            parts = [part for order in stage.orders for part in order.stages]
            texts = [order.sql for order in stage.orders]
            return [*texts, *(text for part in parts for text in _sql_of(part))]
