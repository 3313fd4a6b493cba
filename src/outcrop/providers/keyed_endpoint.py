"""A path of an API that takes a key in a header, and says its quotas in those of its answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from yarl import URL

from outcrop.errors import NotConfigured, ProviderError, Throttled
from outcrop.providers.base import Completion, JsonObject, ProviderRequest, TokenUsage
from outcrop.providers.converse import text_response
from outcrop.providers.families.family import FamilyAnswer
from outcrop.providers.rate_headers import QuotaReader, RateHeaders
from outcrop.providers.transport import Reply, Transport, encode_json


class KeyedEndpoint:
    """Posts requests to its `url`, and makes completions of the replies.

    `headers` gives the headers of a request when the first one is sent, or raises NotConfigured;
    `explain` says what a reply means that is no success, of this model of this provider.
    """

    def __init__(
        self,
        provider: str,
        base_url: URL,
        path: Sequence[str],
        quotas: RateHeaders,
        headers: Callable[[], Mapping[str, str]],
        explain: Callable[[Reply, str, str], ProviderError],
    ) -> None:
        self._provider = provider
        self.url = base_url.joinpath(*path)
        self._transport = Transport(base_url)
        self._quotas = QuotaReader(quotas)
        self._make_headers = headers
        self._headers: Mapping[str, str] | None = None
        self._explain = explain

    async def post(self, request: ProviderRequest, body: JsonObject) -> Reply:
        """Return the reply to `body`, which stands for `request`; raises ProviderError."""
        if self._headers is None:
            self._headers = self._make_headers()
        reply = await self._transport.post(
            self.url, self._headers, encode_json(body), request.timeout_s
        )
        if reply.status != 200:
            error = self._explain(reply, request.model_id, self._provider)
            if isinstance(error, Throttled):
                error.stated_quota = self._quotas.read(request.model_id, reply.headers)
            raise error
        return reply

    def completion(
        self, request: ProviderRequest, reply: Reply, response: JsonObject, usage: TokenUsage | None
    ) -> Completion:
        """Return the completion whose response is the reply's own."""
        stated = self._quotas.read(request.model_id, reply.headers)
        return Completion(response, usage, reply.latency_ms, stated_quota=stated)

    def unified(self, request: ProviderRequest, reply: Reply, answer: FamilyAnswer) -> Completion:
        """Return the completion whose response has Converse's form."""
        response = text_response(
            answer.text,
            stop_reason=answer.stop_reason,
            usage=answer.usage,
            latency_ms=reply.latency_ms,
        )
        return self.completion(request, reply, response, answer.usage)

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        await self._transport.close()


def no_key(base_url: URL, api_key_env: str, provider: str) -> NotConfigured:
    """Return the error for an environment variable that holds no key."""
    return NotConfigured(
        f"no key for {base_url}: {api_key_env} is not set",
        code="ApiKeyMissing",
        hint=f"Set {api_key_env}, or name another variable as `api_key_env` of "
        f"[providers.{provider}] in outcrop.toml.",
    )
