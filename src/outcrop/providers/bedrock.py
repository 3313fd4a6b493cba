"""Amazon Bedrock: Converse for UNIFIED requests, InvokeModel for RAW ones.

botocore finds credentials and the region, and renews them (`bedrock_access.py`); it is not asked to
send anything, so that a request costs little and is never repeated behind our back. The requests
that are sent again, once, are those that were refused because their credentials had expired, or
because this machine's clock is wrong: the service says what time it is. Nothing was paid for them.

Options in `outcrop.toml`, all optional:

    region        default: AWS_DEFAULT_REGION, AWS_REGION, or the profile's
    profile       a profile of the AWS credential files; default: AWS_PROFILE, else as botocore does
    endpoint_url  default: AWS_ENDPOINT_URL_BEDROCK_RUNTIME, AWS_ENDPOINT_URL, or the region's own
    api_key_env   the environment variable that holds a Bedrock API key; without `profile`, the
                  default is AWS_BEARER_TOKEN_BEDROCK, where that is set
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from yarl import URL

from outcrop.errors import InternalError, ProviderError, Unreachable
from outcrop.providers import bedrock_errors
from outcrop.providers.base import (
    Completion,
    ProviderConfig,
    ProviderRequest,
    RequestType,
    TokenUsage,
)
from outcrop.providers.bedrock_access import (
    Access,
    Options,
    Resolver,
    open_session,
    require_botocore,
)
from outcrop.providers.converse import count_of, usage_of
from outcrop.providers.families.base import complete_raw, find_foreign_family, recognize_family
from outcrop.providers.options import check_option_names, parse_endpoint, text_option
from outcrop.providers.rate_headers import is_count
from outcrop.providers.sigv4 import make_target
from outcrop.providers.transport import Reply, Transport, encode_json

OPTIONS = ("region", "profile", "endpoint_url", "api_key_env")
# Credentials are renewed minutes before they expire, so looking this often is enough.
RENEWAL_CHECK_S = 5.0
# AWS takes a signature that is five minutes off.
CLOCK_SKEW_MIN_S = 240.0


class BedrockProvider:
    """Amazon Bedrock's runtime in one region, or an endpoint that speaks as it does.

    Credentials and region are looked up at the first request, in a thread, since botocore may read
    files and ask the network for them.
    """

    def __init__(
        self,
        name: str,
        options: Options,
        botocore_session: Callable[[str | None], Any],
        wall_clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        open_transport: Callable[[URL, str | None], Transport] = Transport,
    ) -> None:
        self.name = name
        self._options = options
        self._resolver = Resolver(name, options, os.environ, botocore_session)
        self._wall_clock = wall_clock
        self._monotonic = monotonic
        self._clock_skew_s = 0.0
        self._open_transport = open_transport
        self._lock = asyncio.Lock()
        self._access: Access | None = None
        self._failure: ProviderError | None = None
        self._transport: Transport | None = None
        self._checked_s = float("-inf")

    @property
    def concurrency_max(self) -> int | None:
        """None: the account's quota decides, and the runtime learns it."""
        return None

    @property
    def lets_wait(self) -> bool:
        """The account's quota refuses."""
        return False

    async def complete(self, request: ProviderRequest) -> Completion:
        """Send `request` once; see `Provider.complete`.

        A RAW body of another family than the model's, such as that of a retired model whose id is
        routed elsewhere, goes through Converse and is answered in its own family's form.
        """
        if request.request_type is RequestType.UNIFIED:
            return await self._converse(request)
        foreign = find_foreign_family(request.model_id, request.body)
        if foreign is not None:
            return await complete_raw(foreign, self._converse, request)
        return await self._invoke(request)

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        if self._transport is not None:
            await self._transport.close()

    async def _converse(self, request: ProviderRequest) -> Completion:
        reply = await self._post("converse", request)
        response = reply.json()
        return Completion(response, usage_of(response), reply.latency_ms, reply.body)

    async def _invoke(self, request: ProviderRequest) -> Completion:
        reply = await self._post("invoke", request)
        response = reply.json()
        usage = _usage_in_headers(reply.headers)
        if usage is None:
            family = recognize_family(request.model_id, request.body)
            usage = family.read_answer(response).usage if family else None
        return Completion(response, usage, reply.latency_ms, reply.body)

    async def _post(self, operation: str, request: ProviderRequest) -> Reply:
        body = encode_json(request.body)
        access = await self._current_access()
        clock_skew_s = self._clock_skew_s
        reply = await self._send(access, operation, request, body)
        if reply.status != 200:
            mended = await self._mend(access, reply, clock_skew_s)
            if mended is not None:
                access = mended
                reply = await self._send(access, operation, request, body)
        if reply.status != 200:
            raise bedrock_errors.explain(reply, request.model_id, access.region)
        return reply

    async def _mend(self, access: Access, refused: Reply, clock_skew_s: float) -> Access | None:
        """Return what the same request may succeed with; None where nothing can be mended.

        `clock_skew_s` is what was taken for the error of this machine's clock when it was signed.
        """
        code = bedrock_errors.code_of(refused)
        if code in bedrock_errors.EXPIRED_CODES:
            renewed = await self._renew_after(access)
            return None if renewed.keys == access.keys else renewed
        if code in bedrock_errors.SIGNATURE_CODES:
            said_s = _time_said(refused.headers)
            skew_s = clock_skew_s if said_s is None else said_s - self._wall_clock()
            if abs(skew_s - clock_skew_s) >= CLOCK_SKEW_MIN_S:
                self._clock_skew_s = skew_s
                return access
        return None

    async def _send(
        self, access: Access, operation: str, request: ProviderRequest, body: bytes
    ) -> Reply:
        target = make_target(access.endpoint, request.model_id, operation)
        headers = access.authorizer.sign(target, body, self._wall_clock() + self._clock_skew_s)
        transport = self._transport
        if transport is None:
            transport = self._transport = self._open_transport(access.endpoint, access.ca_file)
        try:
            return await transport.post(target.url, headers, body, request.timeout_s)
        except Unreachable as error:
            if error.code == "DnsFailed" and not access.is_own_endpoint:
                raise await asyncio.to_thread(
                    self._resolver.explain_no_host, error, access
                ) from error
            raise

    async def _current_access(self) -> Access:
        if self._access is not None and not self._is_check_due():
            return self._access
        async with self._lock:
            if self._is_check_due():
                await self._look_up()
            if self._failure is not None:
                raise self._failure
            if self._access is None:
                raise InternalError("credentials were looked up and neither found nor missed")
            return self._access

    def _is_check_due(self) -> bool:
        return self._monotonic() - self._checked_s >= RENEWAL_CHECK_S

    async def _look_up(self) -> None:
        """Resolve or renew the access. A failure is kept a while, for all who wait for the lock."""
        self._failure = None
        try:
            if self._access is None:
                self._access = await asyncio.to_thread(self._resolver.resolve)
            elif self._access.is_renewal_due:
                self._access = await asyncio.to_thread(self._resolver.renew, self._access)
        except ProviderError as error:
            self._failure = error
        self._checked_s = self._monotonic()

    async def _renew_after(self, expired: Access) -> Access:
        """Look the credentials up afresh, once for all the requests that met their expiry."""
        async with self._lock:
            if self._access is expired and expired.keys is not None:
                self._access = await asyncio.to_thread(self._resolver.resolve)
            return self._access or expired


def _time_said(headers: Mapping[str, str]) -> float | None:
    """Return what time it is by the service's clock; None where it does not say so."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp()
    except ValueError:
        return None


def _usage_in_headers(headers: Mapping[str, str]) -> TokenUsage | None:
    """Return the tokens that Bedrock itself counted for an InvokeModel request."""
    prefix = "x-amzn-bedrock-"
    counted = [
        headers.get(f"{prefix}{name}-token-count", "")
        for name in ("input", "output", "cache-read-input", "cache-write-input")
    ]
    if not is_count(counted[0]):
        return None
    return TokenUsage(*(count_of(int(count)) if is_count(count) else 0 for count in counted))


def build(config: ProviderConfig) -> BedrockProvider:
    """Build the provider; raises ConfigInvalid, or MissingDependency without botocore."""
    require_botocore(config.name)
    check_option_names(config, OPTIONS)
    endpoint = text_option(config, "endpoint_url")
    options = Options(
        region=text_option(config, "region"),
        profile=text_option(config, "profile"),
        endpoint_url=(
            parse_endpoint(f"providers.{config.name}.endpoint_url", endpoint) if endpoint else None
        ),
        api_key_env=text_option(config, "api_key_env"),
    )
    return BedrockProvider(config.name, options, open_session)
