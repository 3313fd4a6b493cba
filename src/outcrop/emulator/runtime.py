"""From a checked request to an answer: quotas, faults, the backend, the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from outcrop.emulator.calls import ModelCall
from outcrop.emulator.config import EmulatorConfig
from outcrop.emulator.faults import Fault, FaultDraws, FaultKind, check_rates, spoil
from outcrop.emulator.ledger import Ledger
from outcrop.emulator.prompt_cache import PromptCache, bill
from outcrop.emulator.quotas import Quotas, check_quotas
from outcrop.emulator.service_errors import TOO_MANY_REQUESTS, ServiceError, invalid
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
    Provider,
    ProviderRequest,
    RequestType,
    TokenUsage,
)
from outcrop.providers.burndown import burndown_of
from outcrop.providers.converse import text_of, usage_member
from outcrop.providers.scripted import count_tokens

# How long a backend may take; the clients' own timeouts are usually shorter.
BACKEND_TIMEOUT_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says, as a Converse response, and the fault that meets it on its way.

    `response` is None where a fault struck before the model ran.
    """

    response: JsonObject | None
    fault: Fault | None


class Runtime:
    """Answers checked requests as the service would, and keeps the ledger of what that costs."""

    def __init__(
        self,
        config: EmulatorConfig,
        backend: Provider,
        ledger: Ledger,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._config = config
        self._backend = backend
        self._ledger = ledger
        self._sleep = sleep
        self._faults = FaultDraws(config.faults)
        self._prompt_cache = PromptCache(clock)
        self._quotas = Quotas(config.quotas, config.bursts, clock=clock)

    @property
    def quotas(self) -> Mapping[str, float]:
        """The quotas that hold now."""
        return self._quotas.amounts

    def set_quotas(self, amounts: Mapping[str, float]) -> None:
        """Keep these quotas from now on, and no others; raises InvalidParameter."""
        check_quotas(amounts)
        self._quotas.change(amounts)

    @property
    def faults(self) -> Mapping[str, float]:
        """The rates of the faults that are injected now."""
        return self._faults.rates

    def set_faults(self, rates: Mapping[str, float]) -> None:
        """Inject these faults from now on, and no others; raises InvalidParameter."""
        check_rates(rates)
        self._faults = FaultDraws(rates)

    async def answer(self, call: ModelCall) -> Answer:
        """Run `call`; raises the ServiceError that the client is to see."""
        reserved = call.input_tokens + call.output_tokens_max
        self._quotas.reserve(call.model_id, reserved)
        used = 0
        try:
            fault = self._choose_fault(call)
            if fault is not None and not fault.is_paid:
                if fault.kind is FaultKind.SERVICE:
                    raise fault.to_error()
                return Answer(None, fault)
            response, usage = await self._run_model(call)
            used = usage.input_tokens + usage.cache_write_tokens
            used += usage.output_tokens * burndown_of(call.model_id)
        finally:
            self._quotas.settle(call.model_id, reserved=reserved, used=used)
        if fault is not None and fault.kind is FaultKind.CONTENT:
            return Answer(spoil(fault, response), None)
        return Answer(response, fault)

    def _choose_fault(self, call: ModelCall) -> Fault | None:
        fault = self._faults.choose(call.model_id, call.fault_key)
        if fault is None or (fault.is_of_streams and not call.operation.is_streamed):
            return None
        self._ledger.inject(fault.name)
        return fault

    async def _run_model(self, call: ModelCall) -> tuple[JsonObject, TokenUsage]:
        starts = call.starts
        read = self._prompt_cache.find(starts)
        if self._config.latency_ms:
            await self._sleep(self._config.latency_ms / 1_000)
        request = ProviderRequest(
            self._config.backend_model_id or call.model_id,
            RequestType.UNIFIED,
            call.body,
            BACKEND_TIMEOUT_S,
        )
        try:
            completion = await self._backend.complete(request)
        except ProviderError as error:
            if error.possibly_paid:
                self._ledger.pay(call.model_id, call.identity, TokenUsage(call.input_tokens))
            raise _to_service_error(error) from error
        usage = completion.usage or _estimate_usage(call, completion)
        response = completion.response
        if starts:
            usage = bill(usage, starts, read)
            response = {**response, "usage": usage_member(usage)}
            self._prompt_cache.keep(starts)
        self._ledger.pay(call.model_id, call.identity, usage)
        latency_ms = completion.latency_ms + round(self._config.latency_ms)
        return _with_numbers(response, usage, latency_ms), usage


def _estimate_usage(call: ModelCall, completion: Completion) -> TokenUsage:
    return TokenUsage(call.input_tokens, count_tokens(text_of(completion.response)))


def _with_numbers(response: JsonObject, usage: TokenUsage, latency_ms: int) -> JsonObject:
    """Return `response` with the usage and the metrics that Converse always has."""
    filled = {**response, "metrics": {"latencyMs": latency_ms}}
    filled.setdefault("usage", usage_member(usage))
    return filled


def _to_service_error(error: ProviderError) -> ServiceError:
    """Return a backend's error as the service would say it."""
    match error:
        case Throttled():
            return ServiceError("ThrottlingException", TOO_MANY_REQUESTS)
        case Unavailable():
            return ServiceError("ServiceUnavailableException", error.message)
        case TimedOut():
            return ServiceError("ModelTimeoutException", error.message)
        case Rejected():
            return invalid(error.message)
        case AuthFailed():
            return ServiceError("AccessDeniedException", error.message)
        case ModelNotFound():
            return ServiceError("ResourceNotFoundException", error.message)
        case _:
            members = {"originalStatusCode": 500, "resourceName": "model"}
            return ServiceError("ModelErrorException", error.message, members)
