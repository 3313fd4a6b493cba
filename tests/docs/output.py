"""Whether what a block printed is what its document shows."""

from __future__ import annotations

import re

_DURATION = re.compile(r"\b\d+(?:\.\d+)? ?(?:ms|s)\b")


def matches(expected: str, printed: str) -> bool:
    """Whether `printed` is what a document shows: `...` stands for anything, times may differ."""
    pattern = ".*?".join(re.escape(part) for part in _comparable(expected).split("..."))
    return re.fullmatch(pattern, _comparable(printed), re.DOTALL) is not None


def _comparable(text: str) -> str:
    lines = (line.rstrip() for line in text.strip("\n").splitlines())
    return _DURATION.sub("<time>", "\n".join(lines))
