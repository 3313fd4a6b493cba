"""The errors of the Bedrock runtime, as its service model declares them.

Source: Bedrock API reference, "Converse" and "InvokeModel", section Errors, and "Common errors". A
response has the status, the header `x-amzn-ErrorType` and a JSON body with `message`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

STATUSES: Mapping[str, int] = MappingProxyType(
    {
        "ThrottlingException": 429,
        "ModelNotReadyException": 429,
        "ModelTimeoutException": 408,
        "InternalServerException": 500,
        "ServiceUnavailableException": 503,
        "ModelErrorException": 424,
        "ServiceQuotaExceededException": 400,
        "ValidationException": 400,
        "SerializationException": 400,
        "IncompleteSignatureException": 400,
        "RequestEntityTooLargeException": 413,
        "AccessDeniedException": 403,
        "ExpiredTokenException": 403,
        "MissingAuthenticationTokenException": 403,
        "InvalidSignatureException": 403,
        "ResourceNotFoundException": 404,
        "UnknownOperationException": 404,
    }
)
TOO_MANY_REQUESTS = "Too many requests, please wait before trying again."
TOO_MANY_TOKENS = "Too many tokens, please wait before trying again."
TOO_MANY_TOKENS_A_DAY = "Too many tokens per day, please wait before trying again."


class ServiceError(Exception):
    """An error that the service answers with; `code` is one of `STATUSES`.

    `members` are those of the body besides `message`.
    """

    def __init__(
        self, code: str, message: str, members: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = STATUSES[code]
        self.body: Mapping[str, object] = {"message": message, **(members or {})}


def invalid(message: str) -> ServiceError:
    """Return the ValidationException with this message."""
    return ServiceError("ValidationException", message)
