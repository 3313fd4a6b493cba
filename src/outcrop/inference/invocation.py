"""An invocation: one request to one model, and the fingerprint that identifies it.

Equal fingerprints share one answer and at most one payment (docs/concepts.md, "A model call").
The fingerprint covers the provider, the model id, the request type and the canonical body: the
prompt text, every parameter that the user set, the output schema. It does not cover what the
runtime chose by itself: `max_tokens_default`, marks for the provider's prompt cache, the response
type, timeouts, the region.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache

from outcrop.providers.base import JsonObject, ProviderRequest, RequestType
from outcrop.providers.converse import with_cache_points

FINGERPRINT_BYTES = 20
_FORMAT = b"outcrop.invocation.1\0"


_encode_canonically = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False
).encode


def canonical_json(value: object) -> str:
    """Return `value` as JSON text that is equal for equal values: sorted keys, no blanks."""
    return _encode_canonically(value)


@dataclass(slots=True)
class Invocation:
    """One request to a model, ready to be sent; nobody changes it.

    It is not frozen, since a statement makes it by the million, and a frozen one takes six times as
    long to make.

    `body` is canonical JSON (see `ProviderRequest.body`). `max_tokens_default` is the most that the
    runtime sends as the limit of the answer where the user set none; the limit that it sends is no
    part of the identity.
    `salt` keeps invocations apart that must not share an answer (VOLATILITY VOLATILE). `members` is
    what `body` is the text of, where whoever made it still has it at hand. `shared_ends` says how
    far the text begins as that of other invocations does, in characters, the shortest first; 0 is
    the system's text alone.
    """

    provider: str
    model_id: str
    request_type: RequestType
    body: str
    max_tokens_default: int | None = None
    salt: str = ""
    members: JsonObject | None = field(default=None, compare=False, repr=False)
    shared_ends: tuple[int, ...] = field(default=(), compare=False)
    _fingerprint: bytes | None = field(default=None, init=False, compare=False, repr=False)

    def is_for_model_of(self, other: Invocation) -> bool:
        """Return whether both go to the same model of the same provider."""
        return self.model_id == other.model_id and self.provider == other.provider

    @property
    def output_tokens_default(self) -> int | None:
        """The limit of the answer, where the runtime may choose a lower one; else None."""
        if self.request_type is RequestType.RAW:
            return None
        is_set = "maxTokens" in (self._members().get("inferenceConfig") or {})
        return None if is_set else self.max_tokens_default

    @property
    def fingerprint(self) -> bytes:
        """The identity of this invocation, `FINGERPRINT_BYTES` long, stable across releases."""
        if self._fingerprint is None:
            digest = _digest_of(self.provider, self.model_id, self.request_type).copy()
            digest.update(_framed(self.body) + _framed(self.salt))
            self._fingerprint = digest.digest()
        return self._fingerprint

    def shared_prefixes(self) -> tuple[bytes, ...]:
        """Return the digests of the starts that other invocations share."""
        if not self.shared_ends:
            return ()
        body = self._members()
        fixed = canonical_json(body.get("system")).encode()
        text = body["messages"][0]["content"][0]["text"]
        return tuple(
            hashlib.blake2b(fixed + text[:end].encode(), digest_size=FINGERPRINT_BYTES).digest()
            for end in self.shared_ends
        )

    def to_request(
        self, timeout_s: float, *, is_marked: bool = False, output_tokens_max: int | None = None
    ) -> ProviderRequest:
        """Return the request that is sent: the body, completed by the runtime's own choices.

        `is_marked` puts marks for the provider's prompt cache where shared starts end;
        `output_tokens_max` takes the place of `max_tokens_default`.
        """
        body = self._members()
        tokens_max = output_tokens_max or self.max_tokens_default
        if self.request_type is RequestType.UNIFIED and tokens_max is not None:
            config = dict(body.get("inferenceConfig") or {})
            config.setdefault("maxTokens", tokens_max)
            body = {**body, "inferenceConfig": config}
        if is_marked and self.shared_ends:
            body = with_cache_points(body, self.shared_ends)
        return ProviderRequest(self.model_id, self.request_type, body, timeout_s)

    def _members(self) -> JsonObject:
        members: JsonObject = json.loads(self.body) if self.members is None else self.members
        return members


@lru_cache(maxsize=256)
def _digest_of(*route: str) -> hashlib.blake2b:
    """Return the digest of what all invocations of one model have in common, to be copied."""
    framed = b"".join([_framed(text) for text in route])
    return hashlib.blake2b(_FORMAT + framed, digest_size=FINGERPRINT_BYTES)


def _framed(text: str) -> bytes:
    """Return a text as bytes, after its length."""
    encoded = text.encode()
    return len(encoded).to_bytes(8, "big") + encoded
