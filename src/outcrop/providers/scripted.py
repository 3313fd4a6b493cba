"""The test double that ships: a provider whose answers, latencies and faults come from a seed.

It runs in process, needs no account and never sleeps unless it is told to, so that tests, examples
and benchmarks use the real interface instead of a mock. Three rules make its runs repeatable:

* The answer depends on the prompt and the seed alone (`scripted_answer`), never on order or time.
* A fault that a retry would not mend (`rejected`, `empty`, ...) is met by the same prompts each
  time; after a transient one (`throttle`, `reset`, ...) a retry may succeed (`FaultDraw`).
* A token is four characters, rounded up.

Its options are in `scripted_options.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from outcrop.errors import (
    AuthFailed,
    ModelNotFound,
    ProviderError,
    Rejected,
    Throttled,
    TimedOut,
    Unavailable,
)
from outcrop.providers.base import (
    Completion,
    JsonObject,
    ProviderConfig,
    ProviderRequest,
    RequestType,
    TokenUsage,
)
from outcrop.providers.converse import output_schema_of, text_completion
from outcrop.providers.families.base import (
    complete_raw,
    find_family,
    raw_completion,
    unified_request,
)
from outcrop.providers.schema_answers import write_json
from outcrop.providers.scripted_options import FAULTS, Rule, ScriptedOptions, parse_options
from outcrop.providers.seeded import FaultDraw, digest, draw_lognormal

CHARACTERS_PER_TOKEN = 4
ANSWER_WORDS = 8
GUARDRAIL_TEXT = "Sorry, the model cannot answer this question."

Sleep: TypeAlias = Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class Tally:
    """What a scripted provider did so far. `paid` counts the requests whose model ran."""

    requests: int = 0
    paid: int = 0
    in_flight: int = 0
    in_flight_peak: int = 0


class ScriptedProvider:
    """A `Provider` (see `providers/base.py`) that answers from its script. See the module."""

    def __init__(
        self, name: str, options: ScriptedOptions | None = None, *, sleep: Sleep = asyncio.sleep
    ) -> None:
        self.name = name
        self.options = options or ScriptedOptions()
        self.tally = Tally()
        self._sleep = sleep
        self._has_draws = bool(self.options.fault_rates)
        rates = self.options.fault_rates.items()
        self._faults = FaultDraw(
            transient={n: r for n, r in rates if FAULTS[n].is_transient},
            lasting={n: r for n, r in rates if not FAULTS[n].is_transient},
        )

    @property
    def concurrency_max(self) -> int | None:
        """The option of this name."""
        return self.options.concurrency_max

    @property
    def lets_wait(self) -> bool:
        """It refuses, if its rules say so."""
        return False

    @property
    def answers_at_once(self) -> bool:
        """Whether no latency is set."""
        return not self.options.latency.median_ms

    async def complete(self, request: ProviderRequest) -> Completion:
        """Answer `request` from the script; raises what its fault says."""
        if request.request_type is RequestType.RAW:
            family = find_family(request.model_id, request.body)
            return await complete_raw(family, self.complete, request)
        tally = self.tally
        tally.requests += 1
        tally.in_flight += 1
        tally.in_flight_peak = max(tally.in_flight_peak, tally.in_flight)
        try:
            return await self._run(request)
        finally:
            tally.in_flight -= 1

    def complete_now(self, request: ProviderRequest) -> Completion:
        """Do the same, where no latency is set."""
        if request.request_type is RequestType.RAW:
            family = find_family(request.model_id, request.body)
            completion = self.complete_now(unified_request(family, request))
            return raw_completion(family, request, completion)
        self.tally.requests += 1
        prompt = prompt_text(request.body)
        self._check_context(prompt)
        key = self._key(request, prompt) if self._has_draws else b""
        return self._answer(request, prompt, key)

    async def close(self) -> None:
        """Do nothing: nothing is held open."""

    async def _run(self, request: ProviderRequest) -> Completion:
        prompt = prompt_text(request.body)
        self._check_context(prompt)
        key = self._key(request, prompt)
        latency_ms = self._draw_latency(key)
        if latency_ms > request.timeout_s * 1_000:
            await self._sleep(request.timeout_s)
            raise self._error("timeout")
        if latency_ms:
            await self._sleep(latency_ms / 1_000)
        return self._answer(request, prompt, key, round(latency_ms))

    def _answer(
        self, request: ProviderRequest, prompt: str, key: bytes, latency_ms: int = 0
    ) -> Completion:
        rule = self._rule(prompt)
        fault = None
        if rule is not None:
            fault = rule.fault
        elif self._has_draws:
            fault = self._faults.choose(key)
        if fault in _ERRORS:
            raise self._error(fault)
        self.tally.paid += 1
        answer = self._write_answer(request.body, prompt, rule)
        return _complete(request.body, prompt, answer, fault, latency_ms)

    def _rule(self, prompt: str) -> Rule | None:
        for rule in self.options.rules:
            if rule.pattern.search(prompt):
                return rule
        return None

    def _error(self, fault: str | None) -> ProviderError:
        error = _ERRORS[fault]()
        self.tally.paid += error.possibly_paid
        return error

    def _key(self, request: ProviderRequest, prompt: str) -> bytes:
        return digest(self.options.seed, request.model_id, prompt)

    def _draw_latency(self, key: bytes) -> float:
        latency = self.options.latency
        if not latency.sigma:
            return latency.median_ms
        return draw_lognormal(key, "latency", latency.median_ms, latency.sigma)

    def _check_context(self, prompt: str) -> None:
        limit = self.options.context_tokens
        if limit is not None and count_tokens(prompt) > limit:
            raise Rejected(
                f"the prompt has {count_tokens(prompt)} tokens and the model takes {limit}",
                code="ValidationException",
                hint="Shorten the prompt.",
            )

    def _write_answer(self, body: JsonObject, prompt: str, rule: Rule | None) -> str:
        if rule is not None and rule.answer is not None:
            return rule.answer
        asked = output_schema_of(body) if "outputConfig" in body else None
        if asked is None:
            return scripted_answer(prompt, self.options.seed)
        return scripted_json(prompt, self.options.seed, asked.schema)


def build(config: ProviderConfig) -> ScriptedProvider:
    """Return the provider that `config` describes; raises ConfigInvalid naming the option."""
    return ScriptedProvider(config.name, parse_options(config.name, config.options))


def scripted_answer(text: str, seed: int = 0) -> str:
    """Return what the scripted provider answers to the prompt `text`, unless a rule says more."""
    start = " ".join(text.split(None, ANSWER_WORDS)[:ANSWER_WORDS])
    return f"answer to: {start} [{digest(seed, text)[:4].hex()}]"


def scripted_json(text: str, seed: int, schema: JsonObject) -> str:
    """Return the JSON text that the scripted provider answers where `schema` was asked for."""
    return write_json(schema, digest(seed, text))


def count_tokens(text: str) -> int:
    """Return the number of tokens of `text`: one for each four characters begun."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def prompt_text(body: JsonObject) -> str:
    """Return the text of a Converse request: the system's texts and each message's, one a line."""
    texts = [block["text"] for block in body.get("system") or () if "text" in block]
    for message in body.get("messages") or ():
        blocks = [block["text"] for block in message["content"] if "text" in block]
        if blocks:
            texts.append("".join(blocks))
    return "\n".join(texts)


def _complete(
    body: JsonObject, prompt: str, answer: str, fault: str | None, latency_ms: int
) -> Completion:
    """Return the completion of `answer`, cut as the request's limits and `fault` say."""
    text, stop_reason = _cut(answer, body.get("inferenceConfig") or {}, fault)
    usage = TokenUsage(count_tokens(prompt), count_tokens(text))
    return text_completion(text, stop_reason=stop_reason, usage=usage, latency_ms=latency_ms)


def _cut(answer: str, inference_config: JsonObject, fault: str | None) -> tuple[str, str]:
    """Return what is left of `answer`, and why the model stopped there."""
    match fault:
        case "filtered":
            return "", "content_filtered"
        case "guardrail":
            return GUARDRAIL_TEXT, "guardrail_intervened"
        case "empty":
            return "", "end_turn"
        case "truncated":
            return answer[: len(answer) // 2], "max_tokens"
        case "not_json":
            answer = f"Here is what you asked for: {answer}"
        case _:
            pass
    stop_reason = "end_turn"
    for sequence in inference_config.get("stopSequences") or ():
        if sequence in answer:
            answer, stop_reason = answer[: answer.index(sequence)], "stop_sequence"
    limit = inference_config.get("maxTokens")
    if limit is not None and count_tokens(answer) > limit:
        return answer[: limit * CHARACTERS_PER_TOKEN], "max_tokens"
    return answer, stop_reason


_ERRORS: Mapping[str | None, Callable[[], ProviderError]] = {
    "throttle": lambda: Throttled(
        "Too many requests, please wait before trying again.", code="ThrottlingException"
    ),
    "unavailable": lambda: Unavailable(
        "the model is overloaded", code="ServiceUnavailableException"
    ),
    "timeout": lambda: TimedOut(
        "the model did not answer in time", code="ModelTimeoutException", possibly_paid=True
    ),
    "reset": lambda: Unavailable(
        "the connection was reset before the answer came",
        code="ConnectionReset",
        possibly_paid=True,
    ),
    "rejected": lambda: Rejected("the request is refused", code="ValidationException"),
    "auth_failed": lambda: AuthFailed("no access to the model", code="AccessDeniedException"),
    "model_not_found": lambda: ModelNotFound("no such model", code="ResourceNotFoundException"),
}
