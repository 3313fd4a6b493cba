"""The prompt cache of the service: starts of prompts that a `cachePoint` ends, kept for a while.

Source: Bedrock user guide, "Prompt caching for faster model inference". A start is the system's
text and the messages up to a cachePoint. It is put into the cache when its request was answered, if
it has tokens enough, and kept for `LIFETIME_S` after its last use. A request is billed for reading
the longest start that is there, and for writing what its own cachePoints add to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from outcrop.emulator.service_errors import ServiceError, invalid
from outcrop.inference.invocation import canonical_json
from outcrop.providers.base import JsonObject, TokenUsage
from outcrop.providers.prompt_caching import LIFETIME_S, PromptCaching, find_prompt_caching
from outcrop.providers.scripted import count_tokens
from outcrop.providers.seeded import digest

UNSUPPORTED = (
    "You invoked an unsupported model or your request did not allow prompt caching. "
    "See the documentation for more information."
)
_TTLS = ("5m", "1h")


@dataclass(frozen=True, slots=True)
class Start:
    """The start of a prompt, up to a cachePoint."""

    key: bytes
    tokens: int


class PromptCache:
    """What all models keep. `clock` gives seconds, as time.monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._used_at: dict[bytes, float] = {}

    def find(self, starts: Iterable[Start]) -> int:
        """Return how many tokens of a request are in the cache now."""
        now = self._clock()
        expired = [key for key, used_at in self._used_at.items() if now - used_at > LIFETIME_S]
        for key in expired:
            del self._used_at[key]
        return max((start.tokens for start in starts if start.key in self._used_at), default=0)

    def keep(self, starts: Iterable[Start]) -> None:
        """Put the starts of a request that was answered into the cache."""
        now = self._clock()
        self._used_at.update((start.key, now) for start in starts)


def bill(usage: TokenUsage, starts: Iterable[Start], read: int) -> TokenUsage:
    """Return the usage of a request of which `read` tokens were in the cache."""
    written = max((start.tokens for start in starts), default=0) - read
    rest = max(usage.input_tokens - read - written, 0)
    return TokenUsage(rest, usage.output_tokens, read, written)


def starts_of(model_id: str, body: JsonObject) -> tuple[Start, ...]:
    """Return the starts of a Converse request that are long enough for its model's cache."""
    caching = find_prompt_caching("bedrock", model_id)
    if caching is None:
        return ()
    found = (
        Start(digest(0, model_id, canonical_json(texts)), count_tokens("".join(texts)))
        for texts in _texts_to_points(body)
    )
    return tuple(start for start in found if start.tokens >= caching.tokens_min)


def _texts_to_points(body: JsonObject) -> Iterator[list[str]]:
    texts: list[str] = []
    for content in _contents(body):
        for block in content:
            if "cachePoint" in block:
                yield list(texts)
            else:
                texts.append(canonical_json(block) if "text" not in block else block["text"])


def check_cache_points(model_id: str, body: JsonObject) -> None:
    """Raise the service's error for a cachePoint that it would refuse."""
    points = [
        (content, place)
        for content in _contents(body)
        for place, block in enumerate(content)
        if "cachePoint" in block
    ]
    if not points:
        return
    caching: PromptCaching | None = find_prompt_caching("bedrock", model_id)
    if caching is None:
        raise ServiceError("AccessDeniedException", UNSUPPORTED)
    if len(points) > caching.marks_max:
        raise invalid(
            f"A maximum of {caching.marks_max} blocks with cache_control may be provided. "
            f"Found {len(points)}."
        )
    for content, place in points:
        if place == 0:
            raise invalid(
                "Malformed input request: extraneous key [cachePoint] is not permitted, please "
                "reformat your input and try again."
            )
        _check_point(content[place]["cachePoint"])


def _check_point(point: JsonObject) -> None:
    if point["type"] != "default" or point.get("ttl", _TTLS[0]) not in _TTLS:
        raise invalid(
            "1 validation error detected: a cachePoint has type 'default', and a ttl of '5m' or "
            f"'1h', not {canonical_json(point)}"
        )


def _contents(body: JsonObject) -> Iterator[list[JsonObject]]:
    if body.get("system"):
        yield body["system"]
    for message in body.get("messages") or ():
        yield message["content"]
