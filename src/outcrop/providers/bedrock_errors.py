"""Bedrock's errors as ours: by the name in `x-amzn-errortype`, else by the HTTP status.

Source: Amazon Bedrock API reference, "Converse" and "InvokeModel", section Errors; AWS General
Reference, "Common errors".
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from outcrop.errors import ModelNotFound, ProviderError, Rejected, Throttled
from outcrop.providers.fault_table import BEDROCK
from outcrop.providers.transport import Reply, error_of_reply

# No model id in Bedrock's messages, so the hints name it.
_ACCESS_HINT = (
    "Give the credentials bedrock:InvokeModel on {model!r}, and ask for access to the model in the "
    "Bedrock console of region {region}."
)
_EXPIRED_HINT = "Get new credentials, such as by `aws sso login`, and run the statement again."
_KEYS_HINT = "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the profile."
_SIGNATURE_HINT = "Check the secret key, the region, and the clock of this machine."
_ROUTE_HINT = (
    "Model ids differ by region and are retired in time. To send its requests to another model, "
    'write in outcrop.toml: [routes."{model}"] with provider = "bedrock" and model = "...".'
)
_TOO_LONG_HINT = "Shorten the prompt, or choose a model with a larger context window."
_PROFILE_HINT = "Use an inference profile: MODEL_ID '{profile}' or 'global.{model}'."

_HINTS: Mapping[str, str] = MappingProxyType(
    {
        "ServiceQuotaExceededException": "Ask AWS for a higher quota.",
        "AccessDeniedException": _ACCESS_HINT,
        "ExpiredTokenException": _EXPIRED_HINT,
        "ExpiredToken": _EXPIRED_HINT,
        "UnrecognizedClientException": _KEYS_HINT,
        "InvalidClientTokenId": _KEYS_HINT,
        "MissingAuthenticationTokenException": _KEYS_HINT,
        "InvalidSignatureException": _SIGNATURE_HINT,
        "SignatureDoesNotMatch": _SIGNATURE_HINT,
        "IncompleteSignatureException": _SIGNATURE_HINT,
        "RequestExpired": _SIGNATURE_HINT,
        "ResourceNotFoundException": _ROUTE_HINT,
    }
)
# Messages of ValidationException that mean that the model's id is wrong.
_UNKNOWN_MODEL = ("model identifier is invalid",)
_NO_ON_DEMAND = ("on-demand throughput isn’t supported", "on-demand throughput isn't supported")
_TOO_LONG = ("input is too long", "prompt is too long", "maximum context", "too many input tokens")

_PER_DAY = "per day"
_PER_DAY_HINT = (
    "The quota of the day is used up. What was answered is kept: run it again tomorrow, or with a "
    "higher quota, and only the rest is paid for."
)

EXPIRED_CODES = frozenset({"ExpiredTokenException", "ExpiredToken"})
SIGNATURE_CODES = frozenset(
    {"InvalidSignatureException", "SignatureDoesNotMatch", "RequestExpired"}
)


def code_of(reply: Reply) -> str:
    """Return the name of an error: `ThrottlingException` of `...#ThrottlingException:http://...`."""
    written = reply.headers.get("x-amzn-errortype") or ""
    if not written:
        body = reply.error_json()
        written = str(body.get("__type") or body.get("code") or "")
    return written.partition(":")[0].rpartition("#")[2]


def explain(reply: Reply, model_id: str, region: str) -> ProviderError:
    """Return the error that an answer other than 200 stands for."""
    code = code_of(reply)
    body = reply.error_json()
    message = str(body.get("message") or body.get("Message") or reply.text() or "no message")
    if code == "ValidationException":
        return _explain_validation(message, model_id, region)
    error = error_of_reply(reply, message, code, BEDROCK)
    if isinstance(error, Throttled) and _PER_DAY in message.lower():
        used_up = Rejected(message, code=code, hint=_PER_DAY_HINT)
        used_up.is_fatal_for_model = True  # until the day is over
        return used_up
    if code in _HINTS:
        error.hint = _HINTS[code].format(model=model_id, region=region)
    return error


def _explain_validation(message: str, model_id: str, region: str) -> ProviderError:
    folded = message.lower()
    code = "ValidationException"
    if any(part in folded for part in _UNKNOWN_MODEL):
        return ModelNotFound(message, code=code, hint=_ROUTE_HINT.format(model=model_id))
    if any(part in folded for part in _NO_ON_DEMAND):
        profile = f"{_geography_of(region)}.{model_id}"
        rejected = Rejected(
            message, code=code, hint=_PROFILE_HINT.format(profile=profile, model=model_id)
        )
        # Whatever is asked of this model, the answer stays the same.
        rejected.is_fatal_for_model = True
        return rejected
    is_too_long = any(part in folded for part in _TOO_LONG)
    return Rejected(message, code=code, hint=_TOO_LONG_HINT if is_too_long else None)


def _geography_of(region: str) -> str:
    """Return the prefix of the inference profiles that a region takes part in."""
    if region.startswith("us-gov-"):
        return "us-gov"
    area = region.partition("-")[0]
    return {"ap": "apac"}.get(area, area)
