"""What every model API looks like to the runtime: one request in, one completion or error out.

A provider sends **exactly one** request for one call of `complete`: no retries of its own, no
queue of its own. Retrying, pacing, budgets and the journal belong to `inference`, which is the
only caller. Errors are those of `outcrop.errors`: a subclass of `TransientProviderError` where the
same request may succeed later, of `TerminalProviderError` where it would not.

The neutral form of a request is that of Bedrock's Converse API (Amazon Bedrock API reference,
"Converse"), since that is what Redshift's UNIFIED request type is. A RAW request is the body of
one model family; `providers/families` turns it into the neutral form for every provider that is
not Bedrock, and the answer back into the family's form.

What is made for every request is a named tuple, which takes half of a frozen dataclass's time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

from outcrop.errors import StatedQuota

# A JSON object whose shape is checked where it is read, not by the type checker.
JsonObject: TypeAlias = Mapping[str, Any]


class RequestType(StrEnum):
    """The two forms of request that CREATE EXTERNAL MODEL knows."""

    UNIFIED = "UNIFIED"
    RAW = "RAW"


# Converse's inferenceConfig: the names that UNIFIED requests may carry (case sensitive), with the
# Python types of their values. Source: Bedrock API reference, "InferenceConfiguration".
INFERENCE_CONFIG_KEYS: Mapping[str, tuple[type, ...]] = {
    "maxTokens": (int,),
    "temperature": (int, float),
    "topP": (int, float),
    "stopSequences": (list,),
}


class TokenUsage(NamedTuple):
    """Tokens that a provider counted, and bills, for one completion.

    `input_tokens` were neither read from the provider's prompt cache nor put there.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    def plus(self, other: TokenUsage) -> TokenUsage:
        """Return the sum of both."""
        return TokenUsage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
        )

    @property
    def all_input_tokens(self) -> int:
        """What the model was given to read, from the prompt cache or not."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens


class ProviderRequest(NamedTuple):
    """One request to one model.

    `body` is, for UNIFIED, the members of a Converse request without `modelId` (`messages`,
    `system`, `inferenceConfig`, `additionalModelRequestFields`, `outputConfig`); for RAW, the body
    of an InvokeModel request in the model family's own form. `timeout_s` bounds the whole request,
    from connecting to the last byte.
    """

    model_id: str
    request_type: RequestType
    body: JsonObject
    timeout_s: float = 120.0


class Completion(NamedTuple):
    """What a provider answered.

    `response` is a Converse response (`output.message.content[]`, `stopReason`, `usage`,
    `metrics.latencyMs`) for a UNIFIED request, whatever the provider; for a RAW request it is the
    model family's own JSON. `usage` is None where the family reports none. `text` is the JSON text
    of `response`, where it came as such and need not be written again. `stated_quota` is what the
    provider's response headers say of its quotas, the same object as long as they say the same.
    """

    response: JsonObject
    usage: TokenUsage | None
    latency_ms: int
    text: bytes | None = None
    stated_quota: StatedQuota | None = None


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """One provider as `outcrop.toml` (or a built-in default) describes it.

    `name` is what routes and `ENDPOINT` refer to; `kind` chooses the file that speaks to it
    (`bedrock`, `openai`, `anthropic`, `gguf`, `scripted`). `options` are the kind's own keys,
    checked by that kind when it is built.
    """

    name: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)


class Provider(Protocol):
    """A model API. Built by `warehouse.py`, used by `inference/gateway.py`, by nobody else."""

    name: str

    @property
    def concurrency_max(self) -> int | None:
        """Requests that make sense in flight at once (a local model's slots); None: no limit."""
        ...

    @property
    def lets_wait(self) -> bool:
        """Whether its endpoint lets requests wait instead of refusing them, as one's own does."""
        ...

    async def complete(self, request: ProviderRequest) -> Completion:
        """Send `request` once and return the completion.

        Raises `Throttled`, `Unavailable`, `TimedOut` (transient; `possibly_paid` is true where the
        model may have run), or `Rejected`, `AuthFailed`, `ModelNotFound` (terminal). A blocked,
        empty or cut answer is a completion, since it was paid for, not an error.
        """
        ...

    async def close(self) -> None:
        """Close connections and release the model. Safe to call twice."""
        ...


@runtime_checkable
class ImmediateProvider(Provider, Protocol):
    """A provider that has its answers in process, and waits for nothing to give them.

    The runtime sends such a provider many requests in one go (`inference/group.py`): where an
    answer takes microseconds, a task, a permit and a commit for each would take most of the time.
    """

    @property
    def answers_at_once(self) -> bool:
        """Whether `complete_now` may be called: it depends on how the provider was configured."""
        ...

    def complete_now(self, request: ProviderRequest) -> Completion:
        """Do what `complete` does, without waiting; raises the same errors."""
        ...


def immediate(provider: Provider) -> ImmediateProvider | None:
    """Return `provider` if it answers at once, as it is configured, else None."""
    if isinstance(provider, ImmediateProvider) and provider.answers_at_once:
        return provider
    return None
