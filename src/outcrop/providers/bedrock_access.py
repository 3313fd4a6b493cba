"""Where requests to Amazon Bedrock go, and what authorizes them, as botocore finds it.

botocore finds credentials and the region (environment, profiles, SSO, assumed roles, containers,
instance metadata) and renews them. It may read files and ask the network for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from yarl import URL

from outcrop.errors import (
    AuthFailed,
    MissingDependency,
    NotConfigured,
    ProviderError,
    Unreachable,
    suggest,
)
from outcrop.providers.options import parse_endpoint
from outcrop.providers.sigv4 import CONTENT_TYPE, AwsKeys, Signer, Target
from outcrop.providers.transport import is_loopback

API_KEY_ENV_DEFAULT = "AWS_BEARER_TOKEN_BEDROCK"
# Where the endpoint is the user's own and no region is named, this one goes into the signature.
REGION_OF_OWN_ENDPOINT = "us-east-1"

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

    @property
    def is_renewal_due(self) -> bool:
        """Whether its credentials are about to expire, or have."""
        is_due = getattr(self.credentials, "refresh_needed", None)
        return is_due is not None and bool(is_due())


class Resolver:
    """Finds region, endpoint and credentials. Blocks, so it is called in a thread."""

    def __init__(
        self,
        name: str,
        options: Options,
        environ: Mapping[str, str],
        open_session: Callable[[str | None], Any],
    ) -> None:
        self._name = name
        self._options = options
        self._open_session = open_session
        self._environ = environ

    def resolve(self) -> Access:
        """Return where requests go; raises AuthFailed, or Unreachable, for want of something."""
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
        raise NotConfigured(
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
            raise NotConfigured(
                f"the environment variable {named!r} holds no Bedrock API key",
                code="ApiKeyMissing",
                hint=f"Set {named}, or change `api_key_env` of provider {self._name!r}.",
            )
        return key

    def _no_credentials(self, endpoint: URL) -> NotConfigured:
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
        return NotConfigured(
            f"no AWS credentials were found{owner}", code="NoCredentials", hint=hint
        )


@contextmanager
def _translate_errors(name: str, profile: str | None) -> Iterator[None]:
    """Turn botocore's errors into ours."""
    from botocore import exceptions as boto

    try:
        yield
    except boto.ProfileNotFound as error:
        raise NotConfigured(
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


def open_session(profile: str | None) -> Any:
    """Return a session of botocore, with a profile of its credential files or the default one."""
    from botocore.session import Session

    return Session(profile=profile)


def require_botocore(provider_name: str) -> None:
    """Raise MissingDependency where botocore is not installed."""
    try:
        import botocore.session  # noqa: F401 - whether it is there is all that matters here
    except ImportError as error:
        raise MissingDependency(
            f"provider {provider_name!r} needs the package botocore",
            hint="Install it: pip install 'outcrop[bedrock]'",
        ) from error
