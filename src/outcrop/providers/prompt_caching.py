"""Which models keep the start of a prompt for the next request, and from how many tokens on.

A provider that caches prompts bills a start that it has read minutes ago at a fraction of its
price. Some APIs want a mark where the repeated start ends, others find it by themselves; a mark
that comes too early is passed over, but one on a model that knows none is refused, so that only
models are listed here that are known to take them.

Sources: Amazon Bedrock user guide, "Prompt caching for faster model inference"; Anthropic's
documentation, "Prompt caching"; OpenAI's, "Prompt caching".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

# How long a start is kept after its last use; most providers promise this or more.
LIFETIME_S = 300.0
# The most marks in one request, on Bedrock and at Anthropic.
MARKS_MAX = 4


@dataclass(frozen=True, slots=True)
class PromptCaching:
    """A model keeps starts of `tokens_min` tokens and more; `marks_max` 0: it needs no mark."""

    tokens_min: int
    marks_max: int = MARKS_MAX


# The first that is found in a model's id counts; None keeps nothing, or refuses marks.
_BY_MARK: tuple[tuple[re.Pattern[str], PromptCaching | None], ...] = tuple(
    (re.compile(pattern), None if tokens_min is None else PromptCaching(tokens_min))
    for pattern, tokens_min in (
        (r"claude-(v\d|instant|2|3-(opus|sonnet|haiku)|3-5-sonnet)", None),
        (r"claude-3-5-haiku", 2_048),
        (r"claude-3-7", 1_024),
        (r"claude-(haiku-4-5|opus-4-[56])", 4_096),
        (r"claude-opus-4-7", 2_048),
        (r"claude-[a-z]+-\d", 1_024),
        (r"amazon\.nova-(micro|lite|pro|premier)-v1", 1_000),
    )
)
_BY_ITSELF = PromptCaching(1_024, marks_max=0)


@lru_cache(maxsize=1_024)
def find_prompt_caching(provider_kind: str, model_id: str) -> PromptCaching | None:
    """Return how a model of a kind of provider caches prompts, or None where it does not."""
    if provider_kind == "openai":
        return _BY_ITSELF
    if provider_kind not in ("bedrock", "anthropic"):
        return None
    return next((found for pattern, found in _BY_MARK if pattern.search(model_id)), None)
