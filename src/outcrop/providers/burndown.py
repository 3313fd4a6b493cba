"""What an output token is worth of a model's token quota on Bedrock.

Source: Bedrock user guide, "How tokens are counted" (the burndown rate). A quota of tokens is
taken by input tokens and by output tokens times this; what is billed is not.
"""

from __future__ import annotations

import re
from functools import lru_cache

# The first that fits counts.
_BURNDOWN: tuple[tuple[re.Pattern[str], int], ...] = (
    (re.compile(r"anthropic\.claude-(v2|instant|3)"), 1),
    (re.compile(r"anthropic\.claude-[a-z]+-4-8"), 15),
    (re.compile(r"anthropic\.claude-[a-z]+-5"), 10),
    (re.compile(r"anthropic\.claude"), 5),
    (re.compile(r""), 1),
)


@lru_cache(maxsize=1_024)
def burndown_of(model_id: str) -> int:
    """Return how many tokens of its quota an output token of a model takes."""
    return next(factor for pattern, factor in _BURNDOWN if pattern.search(model_id))
