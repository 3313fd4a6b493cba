"""The faults that the emulator can inject: one table, from which its help and documents are made.

`FAULTS` says of each what the client sees, and whether the model ran, which is what costs money.
The rates are per request, for every model or for some (`by_model.py`). The draw depends on the seed
and the request alone (see `FaultDraw`): a transient fault is drawn anew for each retry, another one
is met by the same request each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from outcrop.emulator.by_model import check_names, for_model
from outcrop.emulator.service_errors import (
    STATUSES,
    TOO_MANY_REQUESTS,
    TOO_MANY_TOKENS,
    TOO_MANY_TOKENS_A_DAY,
    ServiceError,
)
from outcrop.errors import InvalidParameter
from outcrop.providers.base import JsonObject
from outcrop.providers.converse import text_of
from outcrop.providers.seeded import FaultDraw


class FaultKind(StrEnum):
    """Where a fault strikes: instead of the model, on the way, or in what the model says."""

    SERVICE = "service"
    TRANSPORT = "transport"
    CONTENT = "content"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault by name. `code` and `message` are those of a service's error.

    `is_paid` says that the model ran, so that the request is billed whatever the client saw of it.
    """

    name: str
    kind: FaultKind
    is_paid: bool
    is_transient: bool
    meaning: str
    code: str = ""
    message: str = ""

    @property
    def is_of_streams(self) -> bool:
        """Whether only an answer that is streamed can meet it."""
        return self.name == "stream-error"

    @property
    def status(self) -> int:
        """The HTTP status that the client sees; 0 where it sees none."""
        if self.kind is FaultKind.SERVICE:
            return STATUSES[self.code]
        return 0 if self.name in ("hang", "reset-before", "reset-after") else 200

    def to_error(self) -> ServiceError:
        """Return the service's error that this fault is."""
        members = {"originalStatusCode": 500, "resourceName": "model"}
        return ServiceError(
            self.code, self.message, members if self.code == "ModelErrorException" else None
        )


def _service(
    name: str, code: str, message: str, meaning: str, *, is_transient: bool = True
) -> Fault:
    return Fault(name, FaultKind.SERVICE, False, is_transient, meaning, code, message)


def _transport(name: str, meaning: str, *, is_paid: bool) -> Fault:
    return Fault(name, FaultKind.TRANSPORT, is_paid, True, meaning)


def _content(name: str, meaning: str) -> Fault:
    return Fault(name, FaultKind.CONTENT, True, False, meaning)


FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        fault.name: fault
        for fault in (
            _service(
                "throttling",
                "ThrottlingException",
                TOO_MANY_REQUESTS,
                "a quota of requests is hit, whatever the quotas of the emulator are",
            ),
            _service(
                "throttling-tokens",
                "ThrottlingException",
                TOO_MANY_TOKENS,
                "likewise, a quota of tokens",
            ),
            _service(
                "throttling-day",
                "ThrottlingException",
                TOO_MANY_TOKENS_A_DAY,
                "likewise, the day's quota of tokens",
            ),
            _service(
                "model-not-ready",
                "ModelNotReadyException",
                "The model is not ready for inference. Wait and try again.",
                "the model is being loaded",
            ),
            _service(
                "service-unavailable",
                "ServiceUnavailableException",
                "The service is temporarily unavailable. Try again later.",
                "the service lacks capacity",
            ),
            _service(
                "internal-error",
                "InternalServerException",
                "The system encountered an unexpected error during processing. Try your request "
                "again.",
                "the service breaks",
            ),
            _service(
                "model-error",
                "ModelErrorException",
                "The request failed due to an error while processing the model.",
                "the model breaks",
            ),
            _service(
                "model-timeout",
                "ModelTimeoutException",
                "Model has timed out in processing the request. Try your request again.",
                "the model takes longer than the service waits",
            ),
            _service(
                "service-quota",
                "ServiceQuotaExceededException",
                "Your request exceeds the service quota for your account.",
                "a quota of the account that waiting does not mend",
                is_transient=False,
            ),
            _service(
                "validation",
                "ValidationException",
                "Input is too long for requested model.",
                "the request is refused",
                is_transient=False,
            ),
            _service(
                "access-denied",
                "AccessDeniedException",
                "You don't have access to the model with the specified model ID.",
                "the account has no access to the model",
                is_transient=False,
            ),
            _service(
                "expired-credentials",
                "ExpiredTokenException",
                "The security token included in the request is expired",
                "the credentials are too old, until they are renewed",
            ),
            _service(
                "not-found",
                "ResourceNotFoundException",
                "This model version has reached the end of its life. Please refer to the AWS "
                "documentation for more details.",
                "the model is retired",
                is_transient=False,
            ),
            _transport("hang", "the request is taken and never answered", is_paid=False),
            _transport(
                "reset-before", "the connection is reset before the model runs", is_paid=False
            ),
            _transport("reset-after", "the connection is reset after the model ran", is_paid=True),
            _transport("truncated-body", "half of the answer, then the end", is_paid=True),
            _transport("slow-drip", "the answer comes in drops over `drip_s`", is_paid=True),
            _transport("garbage", "a 200 whose body is no JSON", is_paid=True),
            _transport("stream-error", "a stream breaks off with an error event", is_paid=True),
            _content("empty", "the answer has no text"),
            _content("max-tokens", "the answer is cut in the middle: stopReason max_tokens"),
            _content("guardrail", "a guardrail's message instead of the answer"),
            _content("filtered", "no text, stopped by the content filter"),
        )
    }
)
GUARDRAIL_TEXT = "Sorry, the model cannot answer this question."


def check_rates(rates: Mapping[str, float]) -> None:
    """Raise InvalidParameter for an unknown name, or for a rate that is no share of the whole."""
    check_names(rates, FAULTS, "fault")
    for key, rate in rates.items():
        if not 0 <= rate <= 1:
            raise InvalidParameter(f"the rate of fault {key!r} is {rate:g}, not from 0 to 1")
    for pattern in sorted({key.partition("@")[2] for key in rates}):
        for chosen in _by_duration(for_model(rates, pattern)):
            if sum(chosen.values()) > 1:
                where = f" for {pattern}" if pattern else ""
                raise InvalidParameter(
                    f"the rates of {', '.join(chosen)} add up to more than 1{where}"
                )


def _by_duration(rates: Mapping[str, float]) -> tuple[Mapping[str, float], Mapping[str, float]]:
    transient = {n: r for n, r in rates.items() if FAULTS[n].is_transient}
    return transient, {n: r for n, r in rates.items() if n not in transient}


class FaultDraws:
    """Draws the faults of each model at its own rates, which are checked before."""

    def __init__(self, rates: Mapping[str, float]) -> None:
        self.rates = dict(rates)
        self._by_model: dict[str, FaultDraw] = {}

    def choose(self, model_id: str, key: bytes) -> Fault | None:
        """Return the fault that the next attempt of the request with this `key` meets."""
        if not self.rates:
            return None
        draw = self._by_model.get(model_id)
        if draw is None:
            transient, lasting = _by_duration(for_model(self.rates, model_id))
            draw = self._by_model[model_id] = FaultDraw(transient=transient, lasting=lasting)
        name = draw.choose(key)
        return None if name is None else FAULTS[name]


def spoil(fault: Fault, response: JsonObject) -> JsonObject:
    """Return the Converse `response` as a fault in the content leaves it."""
    text, usage = text_of(response), dict(response["usage"])
    match fault.name:
        case "empty":
            text, reason = "", "end_turn"
            usage["outputTokens"] = 0
        case "filtered":
            text, reason = "", "content_filtered"
            usage["outputTokens"] = 0
        case "guardrail":
            text, reason = GUARDRAIL_TEXT, "guardrail_intervened"
        case _:
            text, reason = text[: len(text) // 2], "max_tokens"
            usage["outputTokens"] = -(-usage["outputTokens"] // 2)
    usage["totalTokens"] = usage["inputTokens"] + usage["outputTokens"]
    content: list[Any] = [{"text": text}] if text else []
    output = {"message": {"role": "assistant", "content": content}}
    return {**response, "output": output, "stopReason": reason, "usage": usage}
