"""Anthropic's Messages API.

Options in `outcrop.toml`, all optional:

    base_url           default https://api.anthropic.com
    api_key_env        the environment variable that holds the key; default ANTHROPIC_API_KEY. A
                       `base_url` on this machine needs no key
    headers            a table of further headers, such as `anthropic-beta`
    anthropic_version  default 2023-06-01

A RAW body in this API's own form is sent as it is, also as Bedrock takes it (with
`anthropic_version` in the body and no `model`); any other goes through its family.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from yarl import URL

from outcrop.errors import (
    AuthFailed,
    ModelNotFound,
    ProviderError,
    Rejected,
    Unavailable,
)
from outcrop.providers.base import (
    Completion,
    JsonObject,
    ProviderConfig,
    ProviderRequest,
    RequestType,
)
from outcrop.providers.converse import (
    check_members,
    output_schema_of,
    prompt_texts_of,
)
from outcrop.providers.families import anthropic_messages
from outcrop.providers.families.base import complete_raw, find_family
from outcrop.providers.fault_table import ANTHROPIC
from outcrop.providers.keyed_endpoint import KeyedEndpoint, no_key
from outcrop.providers.options import (
    check_option_names,
    parse_endpoint,
    text_option,
    texts_option,
)
from outcrop.providers.rate_headers import ANTHROPIC_HEADERS
from outcrop.providers.transport import (
    Reply,
    error_of_reply,
    is_loopback,
)

OPTIONS = ("base_url", "api_key_env", "headers", "anthropic_version")
BASE_URL_DEFAULT = "https://api.anthropic.com"
API_KEY_ENV_DEFAULT = "ANTHROPIC_API_KEY"
VERSION_DEFAULT = "2023-06-01"
# The API needs a limit; this one is for a request that came without the runtime's own.
MAX_TOKENS_DEFAULT = 1024

_CONFIG_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "maxTokens": "max_tokens",
        "temperature": "temperature",
        "topP": "top_p",
        "stopSequences": "stop_sequences",
    }
)
_TOO_LONG_TEXTS = ("prompt is too long", "exceed context limit", "context window")
_TOO_LONG_HINT = "Shorten the prompt, or choose a model with a larger context window."


@dataclass(frozen=True, slots=True)
class Options:
    """The provider's table in `outcrop.toml`, checked."""

    base_url: URL
    api_key_env: str = API_KEY_ENV_DEFAULT
    anthropic_version: str = VERSION_DEFAULT
    headers: Mapping[str, str] = field(default_factory=dict)


class AnthropicProvider:
    """One endpoint of Anthropic's Messages API."""

    def __init__(self, name: str, options: Options, environ: Mapping[str, str]) -> None:
        self.name = name
        self._options = options
        self._environ = environ
        self._endpoint = KeyedEndpoint(
            name,
            options.base_url,
            ("v1", "messages"),
            ANTHROPIC_HEADERS,
            self._make_headers,
            explain,
        )

    @property
    def concurrency_max(self) -> int | None:
        """None: the account's quota decides, and the runtime learns it."""
        return None

    @property
    def lets_wait(self) -> bool:
        """The account's quota refuses."""
        return False

    async def complete(self, request: ProviderRequest) -> Completion:
        """Send `request` once; see `Provider.complete`."""
        if request.request_type is RequestType.UNIFIED:
            return await self._complete_unified(request)
        if not anthropic_messages.FAMILY.accepts(request.body):
            family = find_family(request.model_id, request.body)
            return await complete_raw(family, self._complete_unified, request)
        body = {key: v for key, v in request.body.items() if key != "anthropic_version"}
        # Routes and prices go by the model of the request, and an answer is one piece.
        reply = await self._endpoint.post(
            request, {**body, "model": request.model_id, "stream": False}
        )
        response = _check(reply)
        answer = anthropic_messages.FAMILY.read_answer(response)
        return self._endpoint.completion(request, reply, response, answer.usage)

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        await self._endpoint.close()

    async def _complete_unified(self, request: ProviderRequest) -> Completion:
        reply = await self._endpoint.post(request, messages_body(request.model_id, request.body))
        answer = anthropic_messages.FAMILY.read_answer(_check(reply))
        return self._endpoint.unified(request, reply, answer)

    def _make_headers(self) -> Mapping[str, str]:
        options = self._options
        headers = {
            "Content-Type": "application/json",
            "anthropic-version": options.anthropic_version,
        }
        key = self._environ.get(options.api_key_env)
        if key:
            headers["x-api-key"] = key
        elif not is_loopback(options.base_url):
            raise no_key(options.base_url, options.api_key_env, self.name)
        return {**headers, **options.headers}


def messages_body(model_id: str, body: JsonObject) -> JsonObject:
    """Return the Messages request that a Converse request body stands for."""
    check_members(body, "Anthropic")
    request: dict[str, Any] = {
        "model": model_id,
        "max_tokens": MAX_TOKENS_DEFAULT,
        "messages": [
            {"role": message["role"], "content": _blocks(message["content"])}
            for message in body.get("messages") or []
        ],
    }
    if body.get("system"):
        request["system"] = _blocks(body["system"])
    for name, value in (body.get("inferenceConfig") or {}).items():
        request[_CONFIG_NAMES.get(name, name)] = value
    schema = output_schema_of(body)
    if schema is not None:
        output_format = {"type": "json_schema", "schema": schema.schema}
        request["output_config"] = {"format": output_format}
    return {**request, **(body.get("additionalModelRequestFields") or {})}


def _blocks(content: Sequence[JsonObject]) -> Sequence[JsonObject]:
    """Return text blocks; Converse's `cachePoint` marks the block before it as one to cache."""
    prompt_texts_of(content)
    blocks: list[dict[str, Any]] = []
    for block in content:
        if "text" in block:
            blocks.append({"type": "text", "text": block["text"]})
        elif blocks:
            blocks[-1]["cache_control"] = {"type": "ephemeral"}
    return blocks


def _check(reply: Reply) -> JsonObject:
    """Return the response, or raise Unavailable where it has no content to read."""
    response = reply.json()
    if not isinstance(response.get("content"), list):
        raise Unavailable(
            "the provider sent an answer without 'content'",
            code="BadAnswer",
            possibly_paid=True,
            detail=reply.text(),
        )
    return response


def explain(reply: Reply, model_id: str, provider_name: str) -> ProviderError:
    """Return the error that an answer other than 200 stands for.

    An account without credit gets the status of a malformed request; it is AuthFailed, since no
    request to any model would succeed.
    """
    described = reply.error_json().get("error")
    error: Mapping[str, Any] = described if isinstance(described, Mapping) else {}
    code = str(error.get("type") or "")
    message = str(error.get("message") or reply.text() or "no message")
    folded = message.lower()
    if "credit balance is too low" in folded:
        return AuthFailed(message, code=code, hint="The account has no credit: add some.")
    translated = error_of_reply(reply, message, code, ANTHROPIC)
    match translated:
        case Rejected() if any(text in folded for text in _TOO_LONG_TEXTS):
            translated.hint = _TOO_LONG_HINT
        case AuthFailed():
            translated.hint = (
                f"Check the key of provider {provider_name!r} and that it may use {model_id!r}."
            )
        case ModelNotFound():
            translated.hint = (
                f"Check the id {model_id!r}, or route it elsewhere with "
                f'[routes."{model_id}"] in outcrop.toml.'
            )
    return translated


def build(config: ProviderConfig) -> AnthropicProvider:
    """Build the provider; raises ConfigInvalid for an option that is unknown or malformed."""
    check_option_names(config, OPTIONS)
    base_url = text_option(config, "base_url") or BASE_URL_DEFAULT
    options = Options(
        base_url=parse_endpoint(f"providers.{config.name}.base_url", base_url),
        api_key_env=text_option(config, "api_key_env") or API_KEY_ENV_DEFAULT,
        anthropic_version=text_option(config, "anthropic_version") or VERSION_DEFAULT,
        headers=texts_option(config, "headers"),
    )
    return AnthropicProvider(config.name, options, os.environ)
