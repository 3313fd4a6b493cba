"""When a model counts as out of reach: a circuit breaker, one for each model of a provider.

    closed       requests are sent
    half-open    one request is sent, the probe; all others wait for what becomes of it
    open         nothing is sent: a statement that asks the model fails at once

Only an endpoint that gives no sign of life moves it. An answer, a throttle and a refusal of a
request are signs of life, and close it. There are two kinds of evidence against an endpoint:

* no connection (`Unreachable`) is nobody's fault but the endpoint's. A few in a row make it
  half-open: rows wait instead of using up their attempts, so that an endpoint that is restarted
  costs nothing. A probe that fails `PATIENCE_S` after the first failure opens it.
* a 5xx, a reset or a time-out may be the fault of the row that was sent. So only rows count of
  which nothing is known but that: since they were first sent, nobody has heard of the endpoint. So
  many of them over `PATIENCE_S` open it. Rows that fail while others are answered never do.

Once open, it lets a probe through every `REST_S`, when somebody asks. What was known `STALE_S` ago
is forgotten.

A state machine: the time comes in by argument, from a monotonic clock, and all that goes out is a
line in the log for each change.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from outcrop.errors import ModelUnreachable, ProviderError, TimedOut, Unreachable
from outcrop.inference.events import emit_breaker_changed

PATIENCE_S = 10.0
REST_S = 5.0
STALE_S = 60.0
PROBE_PAUSE_S = 0.5
UNREACHED_MAX = 3
ROWS_FAILED_MAX = 5


class BreakerState(StrEnum):
    """Whether requests are sent; the values are those of `sys_llm_limits`."""

    CLOSED = "closed"
    HALF_OPEN = "half-open"
    OPEN = "open"


class Admission(StrEnum):
    """What becomes of a request that wants to be sent now."""

    SEND = "send"
    PROBE = "probe"
    WAIT = "wait"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class BreakerView:
    """What a user sees of a breaker; `cause` is the last failure, while it is not closed."""

    state: BreakerState
    cause: str | None


@dataclass(frozen=True, slots=True)
class SentRow:
    """An invocation that failed: when it was first sent, and how much was heard before that."""

    fingerprint: bytes
    first_sent_s: float
    signs_of_life: int


class Breaker:
    """The circuit breaker of one model. Used on the gateway's event loop alone.

    `is_clear` says that nothing is held against the endpoint, so that nobody needs to ask `admit`;
    `signs_of_life` counts them.
    """

    def __init__(self, provider: str, model_id: str) -> None:
        self.is_clear = True
        self.signs_of_life = 0
        self._provider = provider
        self._model_id = model_id
        self._state = BreakerState.CLOSED
        self._failures = 0
        self._unreached = 0
        self._rows_failed: set[bytes] = set()
        self._cause: ProviderError | None = None
        self._since_s = 0.0
        self._failed_s = 0.0
        self._next_probe_s = 0.0
        self._is_probing = False

    @property
    def state(self) -> BreakerState:
        """Whether requests are sent."""
        return self._state

    @property
    def view(self) -> BreakerView:
        """How it looks now."""
        cause = None if self._state is BreakerState.CLOSED else self._cause
        return BreakerView(self._state, None if cause is None else cause.message)

    def admit(self, now_s: float) -> Admission:
        """Decide about a request. A PROBE ends by `heard`, `failed` or `abandoned`."""
        if not self._is_probing and now_s - self._failed_s > STALE_S:
            self._close()
        if self._state is BreakerState.CLOSED:
            return Admission.SEND
        is_due = now_s >= self._next_probe_s
        if self._state is BreakerState.OPEN:
            if not is_due:
                return Admission.REFUSE
            self._turn(BreakerState.HALF_OPEN)
        if self._is_probing or not is_due:
            return Admission.WAIT
        self._is_probing = True
        return Admission.PROBE

    def heard(self) -> None:
        """The endpoint gave a sign of life: an answer, a throttle, or a refusal of one request."""
        self.signs_of_life += 1
        if not self.is_clear:
            self._close()

    def failed(
        self, error: ProviderError, row: SentRow, now_s: float, *, was_probe: bool = False
    ) -> None:
        """A request met a transient fault that is no throttle."""
        is_unreached = isinstance(error, Unreachable)
        if was_probe:
            self._is_probing = False
        elif self._state is not BreakerState.CLOSED:  # it was sent before
            return
        elif not is_unreached:
            if row.signs_of_life != self.signs_of_life:  # it may be the row's own fault
                return
            if len(self._rows_failed) < ROWS_FAILED_MAX:
                self._rows_failed.add(row.fingerprint)
        if self.is_clear:
            self._since_s = row.first_sent_s if isinstance(error, TimedOut) else now_s
        self.is_clear = False
        self._failures += 1
        self._unreached += is_unreached
        self._cause = error
        self._failed_s = now_s
        self._judge(now_s, was_probe=was_probe)

    def abandoned(self) -> None:
        """The probe was given up before anything became of it: the next request is one."""
        self._is_probing = False

    def to_error(self, now_s: float, wall_s: float) -> ModelUnreachable:
        """Return what a statement that asks the model fails with."""
        down_s = now_s - self._since_s
        since = datetime.fromtimestamp(wall_s - down_s, UTC)
        cause = self._cause
        assert cause is not None, "it is a failure that opens it"
        return ModelUnreachable(
            f"model {self._model_id!r} of provider {self._provider!r} gives no answer since "
            f"{since:%Y-%m-%d %H:%M:%S} UTC ({down_s:,.0f} s, {self._failures:,} requests): "
            f"{cause.message}",
            hint=cause.hint,
            detail=cause.detail,
        )

    def _judge(self, now_s: float, *, was_probe: bool) -> None:
        is_over = now_s - self._since_s >= PATIENCE_S
        if is_over and (was_probe or len(self._rows_failed) >= ROWS_FAILED_MAX):
            self._turn(BreakerState.OPEN)
            self._next_probe_s = now_s + REST_S
        elif was_probe or self._unreached >= UNREACHED_MAX:
            self._turn(BreakerState.HALF_OPEN)
            self._next_probe_s = now_s + PROBE_PAUSE_S

    def _close(self) -> None:
        self.is_clear = True
        self._failures = self._unreached = 0
        self._rows_failed.clear()
        self._cause = None
        self._is_probing = False
        self._turn(BreakerState.CLOSED)

    def _turn(self, state: BreakerState) -> None:
        """Go into a state, and log that."""
        if state is not self._state:
            self._state = state
            emit_breaker_changed(self._provider, self._model_id, state.value, self._cause)
