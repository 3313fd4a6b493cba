"""What the users of one warehouse do, drawn from a seed: the steps of each, in its own session.

Every step may be run again after a kill, as a careful user would write it: what it makes it makes
anew, so that a step of which nobody knows whether it was done is simply done again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

USERS = ("ann", "bob", "cid")
MODELS = ("small", "middle", "large")
TOKENS_MAX = 60
NOTES = 240
BODIES = 90  # distinct ones

# Made once, in the warehouse of which each run gets a copy.
SETUP = (
    "CREATE TABLE digits (d integer)",
    "INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
    f"""CREATE TABLE notes AS
    SELECT a.d * 100 + b.d * 10 + c.d AS id,
           'note ' || mod((a.d * 100 + b.d * 10 + c.d) * 37, {BODIES}) AS body
    FROM digits a, digits b, digits c WHERE a.d * 100 + b.d * 10 + c.d < {NOTES}""",
    *(
        f"CREATE EXTERNAL MODEL m_{model} FUNCTION ask_{model} IAM_ROLE DEFAULT MODEL_TYPE BEDROCK "
        f"SETTINGS (MODEL_ID '{model}', ENDPOINT 'bank', MAX_TOKENS {TOKENS_MAX})"
        for model in MODELS
    ),
    *(
        statement.format(user=user)
        for user in USERS
        for statement in (
            "CREATE TABLE kept_{user} (step integer, id integer, answer varchar(200))",
            "CREATE TABLE changed_{user} AS SELECT id, body, CAST(NULL AS varchar(200)) AS answer "
            "FROM notes WHERE id < 60",
            "CREATE TABLE seen_{user} (step integer, body varchar(200))",
            "CREATE MATERIALIZED VIEW view_{user} AUTO REFRESH NO AS "
            "SELECT body, ask_small(body) AS answer, count(*) AS n FROM seen_{user} GROUP BY 1, 2",
        )
    ),
)


@dataclass(frozen=True, slots=True)
class Step:
    """Statements that belong together; the rows of its queries are its result."""

    statements: tuple[str, ...]

    @property
    def is_update(self) -> bool:
        """Whether it changes rows that other steps change too, so that their order counts."""
        return self.statements[0].startswith("UPDATE")


@dataclass(frozen=True, slots=True)
class Task:
    """What one user does, step by step, with so many calls at once."""

    user: str
    max_concurrency: int
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """What all users do at the same time; `tables` are what it leaves behind."""

    tasks: tuple[Task, ...]
    tables: tuple[str, ...]

    @property
    def slots(self) -> int:
        """How many answers may be paid for and not on disk yet."""
        return sum(task.max_concurrency for task in self.tasks)

    @property
    def users(self) -> tuple[str, ...]:
        """Who takes part."""
        return tuple(task.user for task in self.tasks)


def draw_workload(random: Random) -> Workload:
    """Return what some users do: some steps each, over notes that overlap."""
    users = random.sample(USERS, random.choice((1, 1, 2, 3)))
    tasks = []
    tables = []
    for user in users:
        count = random.randint(3, 5) if len(users) == 1 else random.randint(1, 3)
        steps = [random.choice(_KINDS)(random, user, number) for number in range(count)]
        tables += [f"{table}_{user}" for table in ("kept", "changed", "view")]
        tables += [made for step in steps for made in _made(step)]
        tasks.append(Task(user, random.choice((2, 5, 8, 16)), tuple(steps)))
    return Workload(tuple(tasks), tuple(tables))


def _made(step: Step) -> Sequence[str]:
    words = step.statements[-1].split()
    return [words[2]] if words[:2] == ["CREATE", "TABLE"] else []


def _ask(random: Random, user: str) -> str:
    """Return a call: of notes that all users ask about, or with the user's name before them."""
    prompt = random.choice(("body", f"'{user}: ' || body"))
    return f"ask_{random.choice(MODELS)}({prompt})"


def _some(random: Random) -> str:
    first = random.randrange(NOTES - 40)
    return f"id BETWEEN {first} AND {first + random.randint(5, 30)}"


def _select(random: Random, user: str, number: int) -> Step:
    return Step((f"SELECT id, {_ask(random, user)} FROM notes WHERE {_some(random)}",))


def _filter(random: Random, user: str, number: int) -> Step:
    first, second = random.sample(MODELS, 2)
    return Step(
        (
            f"SELECT id, ask_{first}(body) FROM notes WHERE {_some(random)} "
            f"AND ask_{second}(body) LIKE '%{random.randrange(10)}%'",
        )
    )


def _create(random: Random, user: str, number: int) -> Step:
    name = f"made_{user}_{number}"
    query = f"SELECT id, {_ask(random, user)} AS answer FROM notes WHERE {_some(random)}"
    return Step((f"DROP TABLE IF EXISTS {name}", f"CREATE TABLE {name} AS {query}"))


def _insert(random: Random, user: str, number: int) -> Step:
    query = f"SELECT {number}, id, {_ask(random, user)} FROM notes WHERE {_some(random)}"
    return Step(
        (
            "BEGIN",
            f"DELETE FROM kept_{user} WHERE step = {number}",
            f"INSERT INTO kept_{user} {query}",
            random.choice(("COMMIT", "COMMIT", "COMMIT", "ROLLBACK")),
        )
    )


def _update(random: Random, user: str, number: int) -> Step:
    where = f"id < {random.randint(10, 60)}"
    return Step((f"UPDATE changed_{user} SET answer = {_ask(random, user)} WHERE {where}",))


def _refresh(random: Random, user: str, number: int) -> Step:
    return Step(
        (
            "BEGIN",
            f"DELETE FROM seen_{user} WHERE step = {number}",
            f"INSERT INTO seen_{user} SELECT {number}, body FROM notes WHERE {_some(random)}",
            "COMMIT",
            f"REFRESH MATERIALIZED VIEW view_{user}",
        )
    )


_KINDS: tuple[Callable[[Random, str, int], Step], ...] = (
    _select,
    _select,
    _filter,
    _create,
    _create,
    _insert,
    _insert,
    _update,
    _refresh,
)
