"""An invocation: one request to one model, and the fingerprint that identifies it.

Equal fingerprints share one answer and at most one payment (docs/concepts.md, "A model call").
The fingerprint covers the provider, the model id, the request type and the canonical body: the
prompt text, every parameter that the user set, the output schema. It does not cover what the
runtime chose by itself: `max_tokens_default`, the response type, timeouts, the region.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property

from outcrop.providers.base import JsonObject, ProviderRequest, RequestType

FINGERPRINT_BYTES = 20
_FORMAT = b"outcrop.invocation.1\0"


_encode_canonically = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False
).encode


def canonical_json(value: object) -> str:
    """Return `value` as JSON text that is equal for equal values: sorted keys, no blanks."""
    return _encode_canonically(value)


@dataclass(frozen=True)
class Invocation:
    """One request to a model, ready to be sent.

    `body` is canonical JSON (see `ProviderRequest.body`). `max_tokens_default` is what the runtime
    sends as the limit of the answer where the user set none; it is no part of the identity.
    `salt` keeps invocations apart that must not share an answer (VOLATILITY VOLATILE). `members` is
    what `body` is the text of, where whoever made it still has it at hand.
    """

    provider: str
    model_id: str
    request_type: RequestType
    body: str
    max_tokens_default: int | None = None
    salt: str = ""
    members: JsonObject | None = field(default=None, compare=False, repr=False)

    @cached_property
    def fingerprint(self) -> bytes:
        """The identity of this invocation, `FINGERPRINT_BYTES` long, stable across releases."""
        digest = hashlib.blake2b(_FORMAT, digest_size=FINGERPRINT_BYTES)
        for part in (self.provider, self.model_id, self.request_type.value, self.body, self.salt):
            encoded = part.encode()
            digest.update(len(encoded).to_bytes(8, "big"))
            digest.update(encoded)
        return digest.digest()

    def to_request(self, timeout_s: float) -> ProviderRequest:
        """Return the request that is sent: the body, completed by the runtime's own choices."""
        body: JsonObject = json.loads(self.body) if self.members is None else self.members
        if self.request_type is RequestType.UNIFIED and self.max_tokens_default is not None:
            config = dict(body.get("inferenceConfig") or {})
            config.setdefault("maxTokens", self.max_tokens_default)
            body = {**body, "inferenceConfig": config}
        return ProviderRequest(self.model_id, self.request_type, body, timeout_s)
