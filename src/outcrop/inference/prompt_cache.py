"""What a question should know of its model's prompt cache, from the journal's experience."""

from __future__ import annotations

from dataclasses import dataclass

from outcrop.inference.records import TokenHistory
from outcrop.inference.speed import CallSpeed
from outcrop.inference.tokens import CHARS_PER_TOKEN
from outcrop.providers.prompt_caching import LIFETIME_S, MARKS_MAX, PromptCaching

# Of a model that was never asked.
_SECONDS_PER_CALL = 1.0
_SECONDS_PER_CALL_MIN = 0.001


@dataclass(frozen=True, slots=True)
class PromptCache:
    """A cache that keeps starts of about `least_chars` characters and more.

    `starts_max` is how many of them, one within the other, a request may have; `calls_max` about
    how many calls go by before a start that is not used again is dropped.
    """

    least_chars: int
    starts_max: int
    calls_max: int


def prompt_cache_of(
    caching: PromptCaching,
    history: TokenHistory | None,
    speed: CallSpeed | None,
    concurrency_max: int,
) -> PromptCache:
    """Return a model's prompt cache as a statement with so much concurrency meets it.

    A start that is taken for longer than it is costs nothing, so tokens are taken to be short: the
    bodies of small requests, which are mostly syntax, would teach that they are long.
    """
    chars_per_token = CHARS_PER_TOKEN
    if history is not None and history.input_tokens:
        chars_per_token = min(chars_per_token, history.request_chars / history.input_tokens)
    seconds, concurrency = _SECONDS_PER_CALL, float(concurrency_max)
    if speed is not None:
        seconds = max(speed.seconds_per_call, _SECONDS_PER_CALL_MIN)
        concurrency = min(concurrency, speed.concurrency or concurrency)
    return PromptCache(
        least_chars=round(caching.tokens_min * chars_per_token),
        starts_max=caching.marks_max or MARKS_MAX,
        calls_max=max(round(LIFETIME_S * concurrency / seconds), 1),
    )
