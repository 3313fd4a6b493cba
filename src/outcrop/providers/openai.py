"""OpenAI's chat completions, and all that speak them: vLLM, Ollama, llama-server, gateways.

Options in `outcrop.toml`, all optional:

    base_url          default https://api.openai.com/v1
    api_key_env       the environment variable that holds the key; default OPENAI_API_KEY. A
                      `base_url` on this machine needs no key
    headers           a table of further headers
    max_tokens_field  `max_completion_tokens` (default for api.openai.com, whose reasoning models
                      know no other) or `max_tokens` (default elsewhere)

A RAW body in this API's own form is sent as it is; any other goes through its family.
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
from outcrop.providers.families import openai_chat
from outcrop.providers.families.base import complete_raw, find_family
from outcrop.providers.fault_table import OPENAI
from outcrop.providers.keyed_endpoint import KeyedEndpoint, no_key
from outcrop.providers.options import (
    check_option_names,
    choice_option,
    parse_endpoint,
    text_option,
    texts_option,
)
from outcrop.providers.rate_headers import OPENAI_HEADERS
from outcrop.providers.transport import (
    Reply,
    error_of_reply,
    is_loopback,
    is_private,
)

OPTIONS = ("base_url", "api_key_env", "headers", "max_tokens_field")
BASE_URL_DEFAULT = "https://api.openai.com/v1"
API_KEY_ENV_DEFAULT = "OPENAI_API_KEY"
MAX_TOKENS_FIELDS = ("max_completion_tokens", "max_tokens")

# Converse's parameters by the names that they have here; `maxTokens` is an option's matter.
_CONFIG_NAMES: Mapping[str, str] = MappingProxyType(
    {"temperature": "temperature", "topP": "top_p", "stopSequences": "stop"}
)
_TOO_LONG_CODES = ("context_length_exceeded", "exceed_context_size_error")
_NO_CREDIT_CODES = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
_TOO_LONG_TEXTS = ("maximum context length", "context size", "context window")
_TOO_LONG_HINT = "Shorten the prompt, or choose a model with a larger context window."


@dataclass(frozen=True, slots=True)
class Options:
    """The provider's table in `outcrop.toml`, checked."""

    base_url: URL
    max_tokens_field: str
    api_key_env: str = API_KEY_ENV_DEFAULT
    headers: Mapping[str, str] = field(default_factory=dict)


class OpenAIProvider:
    """One endpoint of OpenAI's chat completions."""

    def __init__(self, name: str, options: Options, environ: Mapping[str, str]) -> None:
        self.name = name
        self._options = options
        self._environ = environ
        self._endpoint = KeyedEndpoint(
            name,
            options.base_url,
            ("chat", "completions"),
            OPENAI_HEADERS,
            self._make_headers,
            explain,
        )

    @property
    def concurrency_max(self) -> int | None:
        """None: the endpoint's quota or queue decides, and the runtime learns it."""
        return None

    @property
    def lets_wait(self) -> bool:
        """Whether it is a server of one's own; public services have quotas, and refuse."""
        return is_private(self._options.base_url)

    async def complete(self, request: ProviderRequest) -> Completion:
        """Send `request` once; see `Provider.complete`."""
        if request.request_type is RequestType.UNIFIED:
            return await self._complete_unified(request)
        if not openai_chat.FAMILY.accepts(request.body):
            family = find_family(request.model_id, request.body)
            return await complete_raw(family, self._complete_unified, request)
        # Routes and prices go by the model of the request, and an answer is one piece.
        reply = await self._endpoint.post(
            request, {**request.body, "model": request.model_id, "stream": False}
        )
        response = _check(reply)
        answer = openai_chat.FAMILY.read_answer(response)
        return self._endpoint.completion(request, reply, response, answer.usage)

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        await self._endpoint.close()

    async def _complete_unified(self, request: ProviderRequest) -> Completion:
        body = chat_body(request.model_id, request.body, self._options.max_tokens_field)
        reply = await self._endpoint.post(request, body)
        answer = openai_chat.FAMILY.read_answer(_check(reply))
        return self._endpoint.unified(request, reply, answer)

    def _make_headers(self) -> Mapping[str, str]:
        options = self._options
        headers = {"Content-Type": "application/json"}
        key = self._environ.get(options.api_key_env)
        if key:
            headers["Authorization"] = f"Bearer {key}"
        elif not is_loopback(options.base_url) and not _has_credentials(options.headers):
            raise no_key(options.base_url, options.api_key_env, self.name)
        return {**headers, **options.headers}


def _has_credentials(headers: Mapping[str, str]) -> bool:
    return any(name.lower() in ("authorization", "api-key") for name in headers)


def chat_body(model_id: str, body: JsonObject, max_tokens_field: str) -> JsonObject:
    """Return the chat request that a Converse request body stands for."""
    check_members(body, "an OpenAI-compatible provider")
    chat: dict[str, Any] = {"model": model_id, "messages": _chat_messages(body)}
    for name, value in (body.get("inferenceConfig") or {}).items():
        chat[max_tokens_field if name == "maxTokens" else _CONFIG_NAMES.get(name, name)] = value
    schema = output_schema_of(body)
    if schema is not None:
        described = {"name": schema.name, "schema": schema.schema, "strict": True}
        chat["response_format"] = {"type": "json_schema", "json_schema": described}
    return {**chat, **(body.get("additionalModelRequestFields") or {})}


def _chat_messages(body: JsonObject) -> Sequence[JsonObject]:
    messages: list[JsonObject] = []
    system = "\n".join(prompt_texts_of(body.get("system") or []))
    if system:
        messages.append({"role": "system", "content": system})
    for message in body.get("messages") or []:
        text = "".join(prompt_texts_of(message["content"]))
        messages.append({"role": message["role"], "content": text})
    return messages


def _check(reply: Reply) -> JsonObject:
    """Return the response, or raise Unavailable where it has no choice to read."""
    response = reply.json()
    choices = response.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise Unavailable(
            "the provider sent an answer without 'choices'",
            code="BadAnswer",
            possibly_paid=True,
            detail=reply.text(),
        )
    return response


def explain(reply: Reply, model_id: str, provider_name: str) -> ProviderError:
    """Return the error that an answer other than 200 stands for.

    `insufficient_quota` has the status of a throttle and is none: the account has no credit, so
    waiting does not help, and no request to any model would succeed. It is AuthFailed.
    """
    described = reply.error_json().get("error")
    error: Mapping[str, Any] = described if isinstance(described, Mapping) else {}
    code = str(error.get("code") or error.get("type") or "")
    message = str(error.get("message") or described or reply.text() or "no message")
    if error.get("type") == "insufficient_quota":
        code = "insufficient_quota"
    translated = error_of_reply(reply, message, code, OPENAI)
    translated.hint = _hint(translated, message, model_id, provider_name)
    return translated


def _hint(error: ProviderError, message: str, model_id: str, provider_name: str) -> str | None:
    folded = message.lower()
    match error:
        case Rejected() if error.code in _TOO_LONG_CODES or any(
            text in folded for text in _TOO_LONG_TEXTS
        ):
            return _TOO_LONG_HINT
        case AuthFailed() if error.code in _NO_CREDIT_CODES:
            return "The account has no credit: add some."
        case AuthFailed():
            return f"Check the key of provider {provider_name!r} and that it may use {model_id!r}."
    if error.code == "model_not_found" or isinstance(error, ModelNotFound):
        return (
            f"Check that {model_id!r} is served there and that `base_url` ends as it should "
            f'(often /v1), or route the id elsewhere with [routes."{model_id}"] in outcrop.toml.'
        )
    return None


def build(config: ProviderConfig) -> OpenAIProvider:
    """Build the provider; raises ConfigInvalid for an option that is unknown or malformed."""
    check_option_names(config, OPTIONS)
    base_url = parse_endpoint(
        f"providers.{config.name}.base_url", text_option(config, "base_url") or BASE_URL_DEFAULT
    )
    field_default = MAX_TOKENS_FIELDS[0 if base_url.host == "api.openai.com" else 1]
    options = Options(
        base_url=base_url,
        max_tokens_field=(
            choice_option(config, "max_tokens_field", MAX_TOKENS_FIELDS) or field_default
        ),
        api_key_env=text_option(config, "api_key_env") or API_KEY_ENV_DEFAULT,
        headers=texts_option(config, "headers"),
    )
    return OpenAIProvider(config.name, options, os.environ)
