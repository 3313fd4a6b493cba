"""The rate of a provider's quota, learned from what it refuses.

A provider keeps a bucket that fills at a rate which it does not tell, and refuses a request that
finds too little in it. So a refusal tells that the bucket is empty **now**; and between two moments
at which it was empty, what was taken is what has flowed in. That is the rate, exactly, whatever
the size of the bucket and however it was used (`_estimate`).

With the rate the bucket is mirrored here, and a request waits until the mirror has enough. So that
the next moment of emptiness comes, and comes seldom, the mirror goes in rounds:

    RESTING   it fills a little slower than the quota, until the provider's bucket should hold
              enough for `_RESERVE` requests;
    PROBING   it fills a little faster, until that reserve should be used up. If the rate is right,
              a refusal comes now: one in some hundred requests, and a new estimate;
    RISING    if none comes, the quota is larger than thought: faster and faster, until one does.

What goes on refusing more than one request in ten, however slowly it is asked, or refuses while
RESTING most of the time, keeps no such bucket: then no rate is believed in for a while, the longer
the oftener, and only the window bounds what is sent.

A rate that comes from elsewhere, such as an earlier run, begins with PROBING. Where somebody has
said how large the quota is, the provider or its user, nothing is looked for beyond that: the mirror
fills at that rate as long as nothing is refused, and never faster.

The algorithm was tuned in simulation; `benchmarks/quota.py` shows what it reaches.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto

_TILT = 0.05
_RESERVE = 3.0
_RISE_FIRST, _RISE_FACTOR, _RISE_EVERY_S, _RISE_MAX = 0.05, 1.6, 0.25, 1.0
_ESTIMATE_S_MIN = 0.6
_ESTIMATE_REQUESTS_MIN = 6
_FIRST_GUESS = 0.7  # of what was taken in the last second before the first refusal
_DECREASE = 0.85
_BURST_S = 0.1
_SURPLUS_S = 0.5
_PROBE_S_MAX = 2.0
_TOLD_TOLERANCE = 0.2
_REFUSALS, _REFUSALS_REQUESTS, _REFUSALS_UNDUE = 15, 150, 8
_BLIND_S, _BLIND_S_MAX = 30.0, 480.0
_SMOOTHING = 0.05
_RECENT_S = 1.0


class _Phase(Enum):
    RESTING = auto()
    PROBING = auto()
    RISING = auto()


class LearnedRate:
    """One bucket of a provider's, mirrored: of requests, or of tokens.

    Amounts are requests or tokens, times seconds of a monotonic clock. `per_s` is the rate that is
    believed in, None before anything is known: then nothing waits. It never exceeds `per_s_max`,
    which is the user's. Not for several threads.
    """

    def __init__(
        self, now_s: float, per_s: float | None = None, per_s_max: float | None = None
    ) -> None:
        self._configured_per_s = per_s_max
        self._per_s_max = per_s_max
        self._mean = 1.0
        self._recent: deque[tuple[float, float]] = deque()
        self._is_demanded = False
        self._blind_until_s = float("-inf")
        self._requests = 0
        self._blind_s = _BLIND_S
        # Of each refusal: how many requests had been sent, and whether it was due.
        self._refusals: deque[tuple[int, bool]] = deque(maxlen=_REFUSALS)
        self._believe(per_s, now_s)
        if per_s_max is not None:
            self._level = 1.0  # nothing was asked yet, so that the first need not wait

    def _believe(self, per_s: float | None, now_s: float) -> None:
        """Begin with a rate of which it is not known how it came about."""
        self.per_s = _least(per_s, self._per_s_max)
        self._level = 0.0
        self._filled_s = now_s
        self._phase = _Phase.PROBING
        self._rise = _RISE_FIRST
        self._risen_s = now_s
        self._refused_s = float("-inf")
        self._is_estimated = False
        self._refusals.clear()
        # The last moment at which the provider's bucket was empty, if it is known, and what was
        # taken since then.
        self._empty_s: float | None = None
        self._taken = 0.0

    @property
    def per_s_max(self) -> float | None:
        """The largest rate that is believed in, as somebody has said."""
        return self._per_s_max

    def wait_s(self, amount: float, now_s: float) -> float:
        """Return the seconds until `amount` may be taken, 0 for now."""
        if self.per_s is None:
            return 0.0
        self._fill(now_s)
        missing = min(amount, self._level_max()) - self._level
        return 0.0 if missing <= 0 else missing / self._speed(self.per_s)

    def take(self, amount: float, now_s: float, requests: int = 1) -> None:
        """So many requests are sent that take `amount` together."""
        self._requests += requests
        self._mean += (amount / requests - self._mean) * min(_SMOOTHING * requests, 1.0)
        self._taken += amount
        if self.per_s is None:
            self._note_recent(amount, now_s)
        else:
            self._fill(now_s)
            self._level -= amount

    def give_back(self, amount: float, now_s: float) -> None:
        """A request has used so much less than it took; negative: more."""
        self._taken -= amount
        if self.per_s is not None:
            self._fill(now_s)
            self._level += amount

    def undo(self, amount: float, sent_s: float, now_s: float) -> None:
        """A request that was sent at `sent_s` has taken nothing: another quota refused it."""
        if self._empty_s is None or sent_s >= self._empty_s:
            self.give_back(amount, now_s)

    def refuse(self, amount: float, sent_s: float, now_s: float) -> bool:
        """The provider refused, for want of this quota, a request that was sent at `sent_s`.

        Return whether that was due: it was looked for, or another one on its way has said so.
        """
        if self._empty_s is None or sent_s >= self._empty_s:
            self._taken -= amount
        if self.per_s is None:
            if now_s >= self._blind_until_s:
                self._begin(self._first_guess(amount, now_s), now_s)
                self._refused_s = now_s
            return False
        self._fill(now_s)
        if sent_s <= self._refused_s:
            return True
        self._refused_s = now_s
        was_due = self._phase is not _Phase.RESTING
        self._refusals.append((self._requests, was_due))
        if self._is_no_quota():
            self._believe(None, now_s)
            self._blind_until_s = now_s + self._blind_s
            self._blind_s = min(2 * self._blind_s, _BLIND_S_MAX)
            return False
        estimate = self._estimate(now_s)
        if estimate is not None:
            if not self._is_estimated:
                self._refusals.clear()  # it took some to find the first estimate
            self._is_estimated = True
            self._begin(estimate, now_s)
        elif self._empty_s is None:
            self._begin(self.per_s * _DECREASE, now_s)
        else:  # too early for an estimate: what is taken is still counted from the first refusal on
            self.per_s *= _DECREASE
            self._phase = _Phase.RESTING
            self._level = min(self._level, 0.0)
        return was_due

    def tell(self, per_s: float, now_s: float) -> None:
        """Take the rate that the provider states for the largest, and for the true one.

        What was estimated and is about the same remains: it is as good, and others may take a part.
        """
        self._per_s_max = most = min(per_s, self._configured_per_s or per_s)
        estimated_per_s = self.per_s if self._is_estimated else None
        if estimated_per_s is None or abs(estimated_per_s / most - 1) >= _TOLD_TOLERANCE:
            self._believe(most, now_s)
        else:
            self.per_s = min(estimated_per_s, most)

    def _is_no_quota(self) -> bool:
        """Return whether there are too many refusals for a quota that is known."""
        if len(self._refusals) < _REFUSALS:
            return False
        first, _ = self._refusals[0]
        undue = sum(not was_due for _, was_due in self._refusals)
        return self._requests - first < _REFUSALS_REQUESTS or undue >= _REFUSALS_UNDUE

    def _estimate(self, now_s: float) -> float | None:
        """Return the rate since the last moment of emptiness; None where that is too short ago."""
        if self._empty_s is None or now_s - self._empty_s < _ESTIMATE_S_MIN:
            return None
        if self._taken < _ESTIMATE_REQUESTS_MIN * self._mean:
            return None
        return self._taken / (now_s - self._empty_s)

    def _begin(self, per_s: float, now_s: float) -> None:
        """Begin a round: the provider's bucket is empty now."""
        self.per_s = _least(per_s, self._per_s_max)
        self._phase = _Phase.RESTING
        self._empty_s = self._filled_s = now_s
        self._taken = 0.0
        self._level = min(self._level, 0.0)

    def _first_guess(self, amount: float, now_s: float) -> float:
        first_s = self._recent[0][0] if self._recent else now_s
        taken = sum(amount for _, amount in self._recent) - amount
        passed_s = min(max(now_s - first_s, _BURST_S), _RECENT_S)
        self._recent.clear()
        return _FIRST_GUESS * max(taken, amount) / passed_s

    def _note_recent(self, amount: float, now_s: float) -> None:
        self._recent.append((now_s, amount))
        while self._recent[0][0] < now_s - _RECENT_S:
            self._recent.popleft()

    def _level_max(self) -> float:
        """Return how much may be taken at once; without it a late timer would cost throughput."""
        return max(_RESERVE * self._mean, (self.per_s or 0.0) * _BURST_S)

    def _speed(self, per_s: float) -> float:
        """Return how fast the mirror fills."""
        speed = per_s * self._factor()
        return speed if self._per_s_max is None else min(speed, self._per_s_max)

    def _factor(self) -> float:
        match self._phase:
            case _Phase.RESTING:
                return 1 - _TILT
            case _Phase.PROBING:
                return 1 + _TILT
            case _Phase.RISING:
                return 1 + self._rise

    def _fill(self, now_s: float) -> None:
        """Let time pass."""
        passed_s = now_s - self._filled_s
        if passed_s <= 0 or self.per_s is None:
            return
        self._filled_s = now_s
        self._turn(self.per_s, now_s)
        level = self._level + self._speed(self.per_s) * passed_s
        self._is_demanded = level <= self._level_max()
        self._level = min(level, self._level_max())

    def _turn(self, per_s: float, now_s: float) -> None:
        """Go from phase to phase."""
        if self._empty_s is not None:
            surplus = per_s * (now_s - self._empty_s) - self._taken
            reserve = _RESERVE * self._mean
            if self._phase is _Phase.RESTING and surplus >= reserve:
                self._phase = _Phase.PROBING
            if self._phase is _Phase.PROBING and surplus <= 0:
                self._rise_from(now_s)
            if surplus > max(4 * reserve, per_s * _SURPLUS_S):
                # Nobody asked for that much: the provider's bucket may be full, and how much has
                # flowed in since it was empty can't be told any more.
                self._empty_s = None
                self._rise_from(now_s)
        elif self._phase is _Phase.PROBING and now_s - self._risen_s >= _PROBE_S_MAX:
            self._rise_from(now_s)
        if self._phase is _Phase.RISING and now_s - self._risen_s >= _RISE_EVERY_S:
            self._risen_s = now_s
            self._rise = min(self._rise * _RISE_FACTOR, _RISE_MAX)
            if self._is_demanded:
                self.per_s = _least(per_s * (1 + self._rise / 2), self._per_s_max)

    def _rise_from(self, now_s: float) -> None:
        self._phase = _Phase.RISING
        self._rise = _RISE_FIRST
        self._risen_s = now_s


def _least(per_s: float | None, per_s_max: float | None) -> float | None:
    return min((rate for rate in (per_s, per_s_max) if rate is not None), default=None)
