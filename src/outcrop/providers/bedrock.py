"""Amazon Bedrock: Converse for UNIFIED requests, InvokeModel for RAW ones.

botocore finds credentials and the region (environment, profiles, SSO, assumed roles, containers,
instance metadata) and renews them; it is not asked to send anything, so that a request costs
little and is never repeated behind our back. The requests that are sent again, once, are those that
were refused because their credentials had expired, or because this machine's clock is wrong: the
service says what time it is. Nothing was paid for them.

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
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from yarl import URL

from outcrop.errors import (
    AuthFailed,
    InternalError,
    MissingDependency,
    ProviderError,
    Unreachable,
    suggest,
)
from outcrop.providers import bedrock_errors
from outcrop.providers.base import (
    Completion,
    ProviderConfig,
    ProviderRequest,
    RequestType,
    TokenUsage,
)
from outcrop.providers.converse import usage_of
from outcrop.providers.families.base import complete_raw, find_foreign_family, recognize_family
from outcrop.providers.options import check_option_names, parse_endpoint, text_option
from outcrop.providers.sigv4 import CONTENT_TYPE, AwsKeys, Signer, Target, make_target
from outcrop.providers.transport import Reply, Transport, encode_json, is_loopback

OPTIONS = ("region", "profile", "endpoint_url", "api_key_env")
API_KEY_ENV_DEFAULT = "AWS_BEARER_TOKEN_BEDROCK"
# Where the endpoint is the user's own and no region is named, this one goes into the signature.
REGION_OF_OWN_ENDPOINT = "us-east-1"
# Credentials are renewed minutes before they expire, so looking this often is enough.
RENEWAL_CHECK_S = 5.0
# AWS takes a signature that is five minutes off.
CLOCK_SKEW_MIN_S = 240.0

_REGION_IN_HOST = re.compile(r"bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.")


class Authorizer(Protocol):
    """What gives a request its headers: a `Signer`, or an API key."""

    def sign(self, target: Target, body: bytes, now_s: float) -> Mapping[str, str]:
        """Return the headers of a request for `target` with `body`."""
        ...


class ApiKey:
    """A Bedrock API key, sent as a bearer token."""

    def __init__(self, key: str) -> None:
        self._headers = {"Content-Type": CONTENT_TYPE, "Authorization": f"Bearer {key}"}

    def sign(self, target: Target, body: bytes, now_s: float) -> Mapping[str, str]:
        """Return the same headers for every request."""
        return self._headers


@dataclass(frozen=True, slots=True)
class Options:
    """The provider's table in `outcrop.toml`, checked."""

    region: str | None = None
    profile: str | None = None
    endpoint_url: URL | None = None
    api_key_env: str | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """Where requests go and what authorizes them.

    `credentials` are botocore's, None for an API key; `keys` are what they held when `authorizer`
    was made. `is_own_endpoint` says that the user named the endpoint, not the region.
    """

    region: str
    endpoint: URL
    is_own_endpoint: bool
    ca_file: str | None
    authorizer: Authorizer
    credentials: Any = None
    keys: AwsKeys | None = None


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
        self._resolve = _Resolver(name, options, botocore_session, os.environ)
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
                    self._resolve.explain_no_host, error, access
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
                self._access = await asyncio.to_thread(self._resolve)
            elif _is_renewal_due(self._access):
                self._access = await asyncio.to_thread(self._resolve.renew, self._access)
        except ProviderError as error:
            self._failure = error
        self._checked_s = self._monotonic()

    async def _renew_after(self, expired: Access) -> Access:
        """Look the credentials up afresh, once for all the requests that met their expiry."""
        async with self._lock:
            if self._access is expired and expired.keys is not None:
                self._access = await asyncio.to_thread(self._resolve)
            return self._access or expired


def _time_said(headers: Mapping[str, str]) -> float | None:
    """Return what time it is by the service's clock; None where it does not say so."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp()
    except ValueError:
        return None


def _is_renewal_due(access: Access) -> bool:
    is_due = getattr(access.credentials, "refresh_needed", None)
    return is_due is not None and bool(is_due())


def _usage_in_headers(headers: Mapping[str, str]) -> TokenUsage | None:
    """Return the tokens that Bedrock itself counted for an InvokeModel request."""
    prefix = "x-amzn-bedrock-"
    counted = [
        headers.get(f"{prefix}{name}-token-count", "")
        for name in ("input", "output", "cache-read-input", "cache-write-input")
    ]
    if not counted[0].isdigit():
        return None
    return TokenUsage(*(int(count) if count.isdigit() else 0 for count in counted))


class _Resolver:
    """Finds region, endpoint and credentials. Blocks, so it is called in a thread."""

    def __init__(
        self,
        name: str,
        options: Options,
        botocore_session: Callable[[str | None], Any],
        environ: Mapping[str, str],
    ) -> None:
        self._name = name
        self._options = options
        self._open_session = botocore_session
        self._environ = environ

    def __call__(self) -> Access:
        with _translate_errors(self._name, self._options.profile):
            session = self._open_session(self._options.profile)
            own_endpoint = self._options.endpoint_url or self._configured_endpoint(session)
            region = self._find_region(session, own_endpoint)
            access = Access(
                region=region,
                endpoint=own_endpoint or _endpoint_of(region),
                is_own_endpoint=own_endpoint is not None,
                ca_file=session.get_config_variable("ca_bundle"),
                authorizer=ApiKey(""),
            )
            api_key = self._find_api_key()
            if api_key is not None:
                return replace(access, authorizer=ApiKey(api_key))
            credentials = session.get_credentials()
            if credentials is None:
                raise self._no_credentials(access.endpoint)
            return self.renew(replace(access, credentials=credentials))

    def renew(self, access: Access) -> Access:
        """Return `access` with the keys that its credentials hold now."""
        try:
            with _translate_errors(self._name, self._options.profile):
                frozen = access.credentials.get_frozen_credentials()
        except RuntimeError as error:  # botocore's own word for keys that are expired when new
            raise AuthFailed(
                f"AWS credentials could not be renewed: {error}",
                code="ExpiredCredentials",
                hint="Sign in again, such as by `aws sso login`.",
            ) from error
        keys = AwsKeys(frozen.access_key, frozen.secret_key, frozen.token)
        if keys == access.keys:
            return access
        return replace(access, keys=keys, authorizer=Signer(keys, access.region))

    def explain_no_host(self, error: Unreachable, access: Access) -> ProviderError:
        """Return the error for a region's endpoint whose name does not resolve.

        A region that AWS does not have is a mistake, which waiting does not mend.
        """
        session = self._open_session(self._options.profile)
        partitions = ("aws", "aws-us-gov", "aws-cn")
        known = [
            region
            for partition in partitions
            for region in session.get_available_regions("ec2", partition_name=partition)
        ]
        if access.region in known:
            return Unreachable(
                str(error),
                code=error.code,
                hint=f"Check the network, and that Bedrock is offered in {access.region}.",
                detail=error.detail,
            )
        return AuthFailed(
            f"there is no AWS region {access.region!r}",
            code="UnknownRegion",
            hint=suggest(access.region, known)
            or "Set `region` of the provider in outcrop.toml, or AWS_DEFAULT_REGION.",
            detail=error.detail,
        )

    def _configured_endpoint(self, session: Any) -> URL | None:
        from botocore.configprovider import ConfiguredEndpointProvider

        if session.get_config_variable("ignore_configured_endpoint_urls"):
            return None
        text = ConfiguredEndpointProvider(
            full_config=session.full_config,
            scoped_config=session.get_scoped_config(),
            client_name="bedrock-runtime",
        ).provide()
        return parse_endpoint("the endpoint URL configured for AWS", text) if text else None

    def _find_region(self, session: Any, own_endpoint: URL | None) -> str:
        region = (
            self._options.region
            or self._environ.get("AWS_DEFAULT_REGION")
            or self._environ.get("AWS_REGION")
            or session.get_config_variable("region")
        )
        if region:
            return str(region)
        if own_endpoint is not None:
            named = _REGION_IN_HOST.search(own_endpoint.host or "")
            return named[1] if named else REGION_OF_OWN_ENDPOINT
        raise AuthFailed(
            f"no AWS region is set for provider {self._name!r}",
            code="RegionMissing",
            hint="Set AWS_DEFAULT_REGION, such as to us-east-1, or `region` of "
            f"[providers.{self._name}] in outcrop.toml.",
        )

    def _find_api_key(self) -> str | None:
        named = self._options.api_key_env
        if named is None:
            # A profile that was asked for by name is not overruled by the environment.
            return None if self._options.profile else self._environ.get(API_KEY_ENV_DEFAULT) or None
        key = self._environ.get(named)
        if not key:
            raise AuthFailed(
                f"the environment variable {named!r} holds no Bedrock API key",
                code="ApiKeyMissing",
                hint=f"Set {named}, or change `api_key_env` of provider {self._name!r}.",
            )
        return key

    def _no_credentials(self, endpoint: URL) -> AuthFailed:
        if is_loopback(endpoint):
            hint = "An emulator takes any: set AWS_ACCESS_KEY_ID=dev and AWS_SECRET_ACCESS_KEY=dev."
        elif self._options.profile:
            hint = f"Run `aws configure --profile {self._options.profile}`."
        else:
            hint = (
                "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or "
                f"{API_KEY_ENV_DEFAULT}, or run `aws configure`."
            )
        owner = f" in profile {self._options.profile!r}" if self._options.profile else ""
        return AuthFailed(f"no AWS credentials were found{owner}", code="NoCredentials", hint=hint)


@contextmanager
def _translate_errors(name: str, profile: str | None) -> Iterator[None]:
    """Turn botocore's errors into ours."""
    from botocore import exceptions as boto

    try:
        yield
    except boto.ProfileNotFound as error:
        raise AuthFailed(
            str(error),
            code="ProfileNotFound",
            hint="Run `aws configure list-profiles`, then mend AWS_PROFILE or the `profile` of "
            f"provider {name!r}.",
        ) from error
    except boto.HTTPClientError as error:
        raise Unreachable(
            f"AWS credentials could not be fetched: {error}", code="CredentialsUnreachable"
        ) from error
    except (boto.SSOError, boto.TokenRetrievalError) as error:
        chosen = f" --profile {profile}" if profile else ""
        raise AuthFailed(
            str(error), code=type(error).__name__, hint=f"Run `aws sso login{chosen}`."
        ) from error
    except (boto.BotoCoreError, boto.ClientError) as error:
        raise AuthFailed(
            f"AWS credentials could not be had: {error}",
            code=type(error).__name__,
            hint="Check AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        ) from error


def _endpoint_of(region: str) -> URL:
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return URL(f"https://bedrock-runtime.{region}.{suffix}")


def _botocore_session(profile: str | None) -> Any:
    from botocore.session import Session

    return Session(profile=profile)


def build(config: ProviderConfig) -> BedrockProvider:
    """Build the provider; raises ConfigInvalid, or MissingDependency without botocore."""
    try:
        import botocore.session  # noqa: F401 - whether it is there is all that matters here
    except ImportError as error:
        raise MissingDependency(
            f"provider {config.name!r} needs the package botocore",
            hint="Install it: pip install 'outcrop[bedrock]'",
        ) from error
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
    return BedrockProvider(config.name, options, _botocore_session)
