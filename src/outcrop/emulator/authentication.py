"""Who asks: AWS Signature Version 4, or a Bedrock API key as a bearer token.

A signature is verified where a secret key is configured, which finds bugs of a signer on the
desk (AWS General Reference, "Create a signed AWS API request"). Without one, any is taken.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import quote

from outcrop.emulator.service_errors import ServiceError

SERVICE = "bedrock"
CLOCK_SKEW_MAX = timedelta(minutes=5)
_ALGORITHM = "AWS4-HMAC-SHA256"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/,\s]+/(?P<date>\d{8})/(?P<region>[a-z0-9-]+)/"
    r"(?P<service>[a-z0-9-]+)/aws4_request,\s*SignedHeaders=(?P<headers>[a-z0-9;._-]+),\s*"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a signature covers. `path` is as it was sent; `query` is what follows its `?`."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def authenticate(
    request: SignedRequest,
    secret_key: str | None,
    now: Callable[[], datetime],
    *,
    is_dated: bool = False,
) -> None:
    """Raise the service's error unless `request` says, and where we can tell proves, who asks.

    `is_dated`: the time of a signature is looked at also where the signature itself is not.
    """
    authorization = request.headers.get("Authorization", "")
    scheme, _, credential = authorization.partition(" ")
    if not authorization:
        raise ServiceError("MissingAuthenticationTokenException", "Missing Authentication Token")
    if scheme == "Bearer" and credential.strip():
        return
    match = _AUTHORIZATION.fullmatch(authorization)
    if match is None:
        raise ServiceError(
            "IncompleteSignatureException",
            "Authorization header requires a Bearer token, or 'Credential', 'SignedHeaders' and "
            f"'Signature' parameters of {_ALGORITHM}.",
        )
    if match["service"] != SERVICE:
        raise _invalid_signature(f"Credential should be scoped to correct service: '{SERVICE}'.")
    if secret_key is None and not is_dated:
        return
    timestamp = _check_time(request, now())
    if secret_key is not None:
        _verify(request, match, secret_key, timestamp)


def _check_time(request: SignedRequest, now: datetime) -> str:
    """Return when a request was signed; raises the service's error where that is too far off."""
    timestamp = request.headers.get("X-Amz-Date", "")
    try:
        signed_at = datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise ServiceError(
            "IncompleteSignatureException", "Date must be in ISO-8601 'basic format'."
        ) from error
    if abs(now - signed_at) > CLOCK_SKEW_MAX:
        raise _invalid_signature(
            f"Signature not yet current or expired: {timestamp} is more than 5 min. from "
            f"{now:%Y%m%dT%H%M%SZ}"
        )
    return timestamp


def _verify(request: SignedRequest, match: re.Match[str], secret_key: str, timestamp: str) -> None:
    scope = f"{match['date']}/{match['region']}/{SERVICE}/aws4_request"
    canonical = _canonical_request(request, match["headers"])
    text = "\n".join((_ALGORITHM, timestamp, scope, hashlib.sha256(canonical).hexdigest()))
    key = _signing_key(secret_key, match["date"], match["region"])
    expected = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, match["signature"]):
        raise _invalid_signature(
            "The request signature we calculated does not match the signature you provided. Check "
            "your AWS Secret Access Key and signing method. Consult the service documentation for "
            "details."
        )


def _canonical_request(request: SignedRequest, signed_headers: str) -> bytes:
    headers = "".join(
        f"{name}:{' '.join(request.headers.get(name, '').split())}\n"
        for name in signed_headers.split(";")
    )
    return "\n".join(
        (
            request.method,
            # Every service but S3 signs the path encoded once more than it is sent.
            quote(request.path, safe="/~"),
            "&".join(sorted(request.query.split("&"))),
            headers,
            signed_headers,
            hashlib.sha256(request.body).hexdigest(),
        )
    ).encode()


@lru_cache(maxsize=64)
def _signing_key(secret_key: str, date: str, region: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (date, region, SERVICE, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _invalid_signature(message: str) -> ServiceError:
    return ServiceError("InvalidSignatureException", message)
