"""One fault and 1,000 calls: what becomes of the rows, and what is paid."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from outcrop.errors import Error
from outcrop.inference.breaker import REST_S
from outcrop.providers.scripted import scripted_answer
from outcrop.session import Notice, Session
from outcrop.warehouse import Warehouse
from tests.emulated import wait_until
from tests.faults.faults import Injected, Outage, Scene

CALLS = 1_000
TABLE = (
    "CREATE TABLE notes AS SELECT n, 'note ' || n AS body "
    f"FROM (SELECT generate_series(1, {CALLS}) AS n)"
)
NO_VALUE = ("failed", "possibly_paid", "unusable")
HELD_TIMEOUT_S = 120.0
DRIP_S = 0.5


@dataclass(frozen=True, slots=True)
class Measured:
    """What a fault did: to the statement, and, where that ended, once it ran again.

    `effect` says how the statement ended; `rows_lost` have neither a value nor an error that names
    them, `rows_wrong` another value than theirs. `paid_twice` are answers beyond one for each call
    that are not counted as possibly paid, of which `is_possibly_paid` says whether there are any.
    """

    effect: str
    rows_lost: int
    rows_wrong: int
    paid_twice: int
    is_possibly_paid: bool


class Asker:
    """Asks one model, in a session of its own."""

    def __init__(self, warehouse: Warehouse, number: int, provider: str) -> None:
        self.model_id = f"fault.model-{number}"
        self._notices: list[Notice] = []
        self._name = f"m{number}"
        self._session: Session = warehouse.open_session(on_notice=self._notices.append)
        self._run("SET outcrop.on_error TO null")
        self._run(
            f"CREATE EXTERNAL MODEL {self._name} FUNCTION f{number} IAM_ROLE default MODEL_TYPE "
            f"BEDROCK SETTINGS (MODEL_ID '{self.model_id}', ENDPOINT '{provider}', MAX_TOKENS 64)"
        )
        self._ask = f"SELECT body, f{number}(body) FROM notes ORDER BY n"

    def set(self, name: str, value: str) -> None:
        self._run(f"SET {name} TO '{value}'")

    def ask(self) -> Sequence[tuple[object, ...]] | Error:
        """Return the rows, or the error with which the statement ended."""
        try:
            return self._run(self._ask)
        except Error as error:
            return error

    def ask_again(self) -> Sequence[tuple[object, ...]]:
        """Return the rows, once there are any.

        What the first statement left in flight may still fail, and whoever asks for the same.
        """
        tries: list[Sequence[tuple[object, ...]] | Error] = []

        def is_answered() -> bool:
            tries.append(self.ask())
            return not isinstance(tries[-1], Error)

        wait_until(is_answered, "an answer after the fault was over")
        rows = tries[-1]
        assert not isinstance(rows, Error)
        return rows

    def cut(self) -> int:
        """Return how many answers the last notice counts as cut."""
        words = self._notices[-1].message.split(", ")
        return next((int(word.split()[0]) for word in words if "cut at the token" in word), 0)

    def count(self, what: str, where: str) -> int:
        [(number,)] = self._run(
            f"SELECT {what} FROM sys_llm_call WHERE model_id = '{self.model_id}' AND {where}"
        )
        return int(str(number or 0))

    def close(self) -> None:
        self._session.close()

    def _run(self, sql: str) -> list[tuple[object, ...]]:
        return list(self._session.execute(sql).rows())


def measure_injected(fault: Injected, asker: Asker, scene: Scene) -> Measured:
    """Let a share of the requests meet each of the faults."""
    scene.endpoint.start(faults=fault.rates, drip_s=DRIP_S)
    if fault.name == "hang":
        asker.set("outcrop.request_timeout", "10s")
    rows = asker.ask()
    assert set(scene.endpoint.emulator.ledger().faults) == set(fault.names), "each has struck"
    effect = _effect(rows, asker)
    if isinstance(rows, Error):
        scene.endpoint.emulator.set_faults({})
        rows = asker.ask_again()
    is_cut = fault.name == "max-tokens"
    return _measured(effect, rows, asker, scene, is_cut=is_cut)


def measure_outage(outage: Outage, asker: Asker, scene: Scene) -> Measured:
    """Let the endpoint meet `outage`, in the middle of the statement where it strikes there."""
    for name, value in outage.settings.items():
        asker.set(name, value)
    outage.begin(scene)
    striking = threading.Thread(target=_strike, args=(outage, scene))
    striking.start()
    rows = asker.ask()
    striking.join()
    effect = _effect(rows, asker)
    if isinstance(rows, Error):
        outage.end(scene)
        asker.set("outcrop.request_timeout", "2min")
        time.sleep(REST_S)  # an open breaker lets nothing through for so long
        rows = asker.ask_again()
    return _measured(effect, rows, asker, scene, is_cut=False)


def _strike(outage: Outage, scene: Scene) -> None:
    if outage.strike is not None:
        assert scene.endpoint.backend.is_held.wait(HELD_TIMEOUT_S)
        outage.strike(scene)


def _effect(rows: Sequence[tuple[object, ...]] | Error, asker: Asker) -> str:
    if isinstance(rows, Error):
        return f"ends the statement with `{type(rows).__name__}`; run again, it ends well"
    if any(value is None for _, value in rows):
        return "fails its rows, and no others"
    if asker.cut():
        return "cuts its answers, and says how many"
    return "every row is answered"


def _measured(
    effect: str,
    rows: Sequence[tuple[object, ...]] | Error,
    asker: Asker,
    scene: Scene,
    *,
    is_cut: bool,
) -> Measured:
    assert not isinstance(rows, Error), rows
    answered = asker.count("count(*)", "status = 'answered'")
    possibly_paid = asker.count("sum(possibly_paid)", "1 = 1")
    named = asker.count("count(DISTINCT fingerprint)", f"status IN {NO_VALUE}")
    nulls = sum(value is None for _, value in rows)
    wrong = [
        body for body, value in rows if value is not None and value != scripted_answer(str(body))
    ]
    paid_again = scene.endpoint.paid(asker.model_id) - answered
    return Measured(
        effect,
        rows_lost=CALLS - len(rows) + max(0, nulls - named),
        rows_wrong=len(wrong) - (asker.cut() if is_cut else 0),
        paid_twice=max(0, paid_again - possibly_paid),
        is_possibly_paid=possibly_paid > 0,
    )
