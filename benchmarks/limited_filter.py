"""LIMIT 5 above a model predicate, beside a clairvoyant who knows which rows will pass.

Both take the rows in their order. The clairvoyant asks exactly up to the fifth row that passes, and
no planner can do with less; a plan that asks for all rows asks for all of them.
"""

from __future__ import annotations

import statistics

from benchmarks.fewest_calls import SHARES, TICKETS, draw_tickets
from benchmarks.report import Report, Target, ratio
from benchmarks.workload import (
    calls_so_far,
    create_predicate,
    create_tickets,
    open_session,
    run,
    scripted_judge,
)

NAME = "limit"
MOST = 1.3

LIMIT = 5
_WORDS = ("half", "tenth", "rare")


def measure(*, is_quick: bool) -> Report:
    """Run the query for every seed and selectivity."""
    seeds = range(1, 3 if is_quick else 101)
    tickets = {seed: list(draw_tickets(TICKETS, seed)) for seed in seeds}
    rows, targets = [], []
    with open_session(scripted_judge()) as session:
        create_tickets(
            session, ((seed, number, body) for seed in seeds for number, body in tickets[seed])
        )
        for word in _WORDS:
            create_predicate(session, word)
            asked, needed = [], []
            for seed in seeds:
                before = calls_so_far(session)
                found = run(
                    session,
                    f"SELECT id FROM tickets WHERE seed = {seed} AND is_{word}(body) = 'yes' "
                    f"ORDER BY id LIMIT {LIMIT}",
                )
                asked.append(calls_so_far(session) - before)
                passing = [number for number, body in tickets[seed] if word in body.split()]
                assert [number for (number,) in found] == passing[:LIMIT]
                needed.append(passing[LIMIT - 1] + 1 if len(passing) >= LIMIT else TICKETS)
            ratios = [ours / least for ours, least in zip(asked, needed, strict=True)]
            what = f"{SHARES[word]:g} of the rows pass"
            rows.append(
                (
                    what,
                    f"{statistics.mean(needed):,.1f}",
                    f"{statistics.mean(asked):,.1f}",
                    ratio(statistics.mean(ratios)),
                    ratio(max(ratios)),
                    f"{TICKETS:,}",
                )
            )
            targets.append(Target(what, statistics.mean(ratios), None, MOST))
    return Report(
        f"Calls of LIMIT {LIMIT} above a model predicate, in the order of a key",
        (f"{len(seeds)} seeds of {TICKETS:,} rows with distinct prompts; means of the seeds.",),
        ("", "clairvoyant", "staged plan", "mean ratio", "worst ratio", "all rows"),
        rows,
        targets,
    )
