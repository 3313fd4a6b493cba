"""What each error of a provider is to the runtime: the one table, of which the docs make a page.

A fault has exactly one class:

    throttle             a quota; waited for, without a limit of attempts
    transient            tried again; nothing was paid
    possibly paid        tried again; the model may have run, and its answer was lost
    row error            this request's own; never tried again
    fatal for the model  every other request would fail as well; the statement ends, or goes on with
                         its route's fallback

Sources: botocore's model of the service `bedrock-runtime` and AWS General Reference, "Common
errors"; OpenAI's guide "Error codes"; Anthropic's API reference, "Errors".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from outcrop.errors import (
    AuthFailed,
    ModelNotFound,
    ProviderError,
    Rejected,
    TerminalProviderError,
    Throttled,
    TimedOut,
    Unavailable,
    Unreachable,
    is_fatal_for_model,
)


class FaultClass(StrEnum):
    """What the runtime does about a fault."""

    THROTTLE = "throttle"
    TRANSIENT = "transient"
    POSSIBLY_PAID = "possibly paid"
    ROW_ERROR = "row error"
    FATAL = "fatal for the model"


@dataclass(frozen=True, slots=True)
class Fault:
    """One error by its provider's name, and what the runtime makes of it."""

    name: str
    status: int
    error: type[ProviderError]
    is_possibly_paid: bool = False

    @property
    def fault_class(self) -> FaultClass:
        """The class that it has, whatever its message says."""
        if self.is_possibly_paid:
            return class_of(self.error("", possibly_paid=True))
        return class_of(self.error(""))


def class_of(error: ProviderError) -> FaultClass:
    """Return the class of an error that a provider raised."""
    match error:
        case Throttled():
            return FaultClass.THROTTLE
        case TerminalProviderError():
            return FaultClass.FATAL if is_fatal_for_model(error) else FaultClass.ROW_ERROR
    return FaultClass.POSSIBLY_PAID if error.possibly_paid else FaultClass.TRANSIENT


def _table(*faults: Fault) -> Mapping[str, Fault]:
    return MappingProxyType({fault.name: fault for fault in faults})


BEDROCK = _table(
    Fault("ThrottlingException", 429, Throttled),
    Fault("TooManyRequestsException", 429, Throttled),
    Fault("ModelNotReadyException", 429, Unavailable),
    Fault("ModelTimeoutException", 408, TimedOut),
    Fault("RequestTimeoutException", 408, TimedOut),
    Fault("InternalServerException", 500, Unavailable),
    Fault("InternalFailure", 500, Unavailable),
    Fault("ServiceUnavailableException", 503, Unavailable),
    Fault("ServiceUnavailable", 503, Unavailable),
    Fault("ModelErrorException", 424, Unavailable),
    Fault("ModelStreamErrorException", 424, Unavailable, is_possibly_paid=True),
    Fault("ConflictException", 400, Unavailable),
    Fault("RequestAbortedException", 400, Unavailable),
    Fault("ValidationException", 400, Rejected),
    Fault("ValidationError", 400, Rejected),
    Fault("SerializationException", 400, Rejected),
    Fault("MalformedHttpRequestException", 400, Rejected),
    Fault("RequestEntityTooLargeException", 413, Rejected),
    Fault("ServiceQuotaExceededException", 400, Rejected),
    Fault("AccessDeniedException", 403, AuthFailed),
    Fault("NotAuthorized", 400, AuthFailed),
    Fault("OptInRequired", 403, AuthFailed),
    Fault("ExpiredTokenException", 403, AuthFailed),
    Fault("ExpiredToken", 403, AuthFailed),
    Fault("UnrecognizedClientException", 403, AuthFailed),
    Fault("InvalidClientTokenId", 403, AuthFailed),
    Fault("MissingAuthenticationTokenException", 403, AuthFailed),
    Fault("InvalidSignatureException", 403, AuthFailed),
    Fault("SignatureDoesNotMatch", 403, AuthFailed),
    Fault("IncompleteSignatureException", 400, AuthFailed),
    Fault("RequestExpired", 400, AuthFailed),
    Fault("ResourceNotFoundException", 404, ModelNotFound),
    Fault("UnknownOperationException", 404, ModelNotFound),
)
"""The errors of Amazon Bedrock's runtime, and those that all services of AWS have."""

OPENAI = _table(
    Fault("rate_limit_exceeded", 429, Throttled),
    Fault("insufficient_quota", 429, AuthFailed),
    Fault("billing_hard_limit_reached", 400, AuthFailed),
    Fault("billing_not_active", 429, AuthFailed),
    Fault("server_error", 500, Unavailable),
    Fault("engine_overloaded", 503, Unavailable),
    Fault("slow_down", 503, Unavailable),
    Fault("invalid_request_error", 400, Rejected),
    Fault("context_length_exceeded", 400, Rejected),
    Fault("content_policy_violation", 400, Rejected),
    Fault("content_filter", 400, Rejected),
    Fault("invalid_api_key", 401, AuthFailed),
    Fault("account_deactivated", 401, AuthFailed),
    Fault("unsupported_country_region_territory", 403, AuthFailed),
    Fault("model_not_found", 404, ModelNotFound),
)
"""The errors of OpenAI by their `code`, or by their `type` where they have none."""

ANTHROPIC = _table(
    Fault("rate_limit_error", 429, Throttled),
    Fault("api_error", 500, Unavailable),
    Fault("overloaded_error", 529, Unavailable),
    Fault("timeout_error", 504, TimedOut, is_possibly_paid=True),
    Fault("invalid_request_error", 400, Rejected),
    Fault("request_too_large", 413, Rejected),
    Fault("authentication_error", 401, AuthFailed),
    Fault("billing_error", 402, AuthFailed),
    Fault("permission_error", 403, AuthFailed),
    Fault("not_found_error", 404, ModelNotFound),
)
"""The errors of Anthropic by their `type`."""

HTTP = _table(
    Fault("HTTP 401", 401, AuthFailed),
    Fault("HTTP 402", 402, AuthFailed),
    Fault("HTTP 403", 403, AuthFailed),
    Fault("HTTP 404", 404, ModelNotFound),
    Fault("HTTP 408", 408, TimedOut),
    Fault("HTTP 409", 409, Unavailable),
    Fault("HTTP 424", 424, Unavailable),
    Fault("HTTP 425", 425, Unavailable),
    Fault("HTTP 429", 429, Throttled),
    Fault("HTTP 502", 502, Unavailable, is_possibly_paid=True),
    Fault("HTTP 504", 504, TimedOut, is_possibly_paid=True),
    Fault("HTTP 5xx", 500, Unavailable),
    Fault("HTTP 4xx", 400, Rejected),
)
"""What a status stands for where a provider's name of its error is not known.

An error that the provider itself wrote was not paid; one from a gateway before it (502, 504) may
hide an answer that was.
"""

TRANSPORT = _table(
    Fault("DnsFailed", 0, Unreachable),
    Fault("ConnectFailed", 0, Unreachable),
    Fault("ConnectTimeout", 0, Unreachable),
    Fault("TlsFailed", 0, Unreachable),
    Fault("ProxyRefused", 0, Unreachable),
    Fault("ProxyUnsupported", 0, Unreachable),
    Fault("CredentialsUnreachable", 0, Unreachable),
    Fault("InvalidHeader", 0, AuthFailed),
    Fault("ConnectionReset", 0, Unavailable, is_possibly_paid=True),
    Fault("RequestTimeout", 0, TimedOut, is_possibly_paid=True),
    Fault("TruncatedBody", 200, Unavailable, is_possibly_paid=True),
    Fault("BadAnswer", 200, Unavailable, is_possibly_paid=True),
    Fault("AnswerTooLarge", 200, Rejected, is_possibly_paid=True),
    Fault("Redirected", 300, Rejected),
)
"""The faults of the wire, by our own names. A request of which not all was sent was not paid."""


def find_fault(known: Mapping[str, Fault], name: str, status: int) -> Fault:
    """Return the fault of this name, or else that of the status of its response.

    A name that stands for a row error may be a general one (`invalid_request_error` of a request
    without a key): then the status says more.
    """
    fault = known.get(name)
    if fault is not None and (fault.status == status or fault.error is not Rejected):
        return fault
    return HTTP.get(f"HTTP {status}") or HTTP["HTTP 5xx" if status >= 500 else "HTTP 4xx"]
