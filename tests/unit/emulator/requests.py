"""Requests that the tests of the emulator send."""

from __future__ import annotations

from typing import Any

CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0"
TITAN = "amazon.titan-text-lite-v1"


def converse(prompt: str, model_id: str = CLAUDE, **members: Any) -> dict[str, Any]:
    """Return the arguments of boto3's `converse` that ask `prompt`."""
    messages = [{"role": "user", "content": [{"text": prompt}]}]
    return {"modelId": model_id, "messages": messages, **members}
