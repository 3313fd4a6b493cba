"""Who asks the object store: keys and region from COPY's options, the configuration, or AWS's own.

The order is AWS's: what the statement says, then environment variables, then the files in `~/.aws`.
A role (IAM_ROLE) cannot be assumed on one's own machine; `[roles]` of outcrop.toml maps its ARN,
or `default`, to a profile of those files, and a role that is not mapped stands for the environment.
"""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from outcrop.errors import InvalidParameter
from outcrop.sql.statements import Copy, Unload


@dataclass(frozen=True, slots=True)
class ObjectStoreAccess:
    """How S3 is reached. Without keys AWS's own chain is asked (a container, an instance)."""

    access_key: str | None = None
    secret_key: str | None = None
    session_token: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    origin: str = "the environment"


def find_access(
    statement: Copy | Unload, roles: Mapping[str, str], environ: Mapping[str, str], home: Path
) -> ObjectStoreAccess:
    """Return the access that a statement names; raises InvalidParameter for one that is amiss."""
    options = _texts(statement)
    given = _parse_credentials(options.get("CREDENTIALS", ""))
    key = options.get("ACCESS_KEY_ID") or given.get("aws_access_key_id")
    secret = options.get("SECRET_ACCESS_KEY") or given.get("aws_secret_access_key")
    role = options.get("IAM_ROLE") or given.get("aws_iam_role")
    if bool(key) != bool(secret):
        missing = "SECRET_ACCESS_KEY" if key else "ACCESS_KEY_ID"
        raise InvalidParameter(f"{missing} is missing", hint="Give both halves of the key.")
    profile_name = _profile_of(role, roles) or environ.get("AWS_PROFILE") or "default"
    profile = _read_profile(profile_name, environ, home)
    region = (
        options.get("REGION")
        or environ.get("AWS_REGION")
        or environ.get("AWS_DEFAULT_REGION")
        or profile.get("region")
    )
    endpoint = (
        environ.get("AWS_ENDPOINT_URL_S3")
        or environ.get("AWS_ENDPOINT_URL")
        or profile.get("endpoint_url")
    )
    if key:
        token = options.get("SESSION_TOKEN") or given.get("token")
        return ObjectStoreAccess(key, secret, token, region, endpoint, "the statement's key")
    if _profile_of(role, roles):
        return _of_profile(profile_name, profile, region, endpoint, is_mapped=True)
    if environ.get("AWS_ACCESS_KEY_ID"):
        return ObjectStoreAccess(
            environ["AWS_ACCESS_KEY_ID"],
            environ.get("AWS_SECRET_ACCESS_KEY", ""),
            environ.get("AWS_SESSION_TOKEN"),
            region,
            endpoint,
            "AWS_ACCESS_KEY_ID of the environment",
        )
    return _of_profile(profile_name, profile, region, endpoint, is_mapped=False)


def _of_profile(
    name: str,
    profile: Mapping[str, str],
    region: str | None,
    endpoint: str | None,
    *,
    is_mapped: bool,
) -> ObjectStoreAccess:
    key, secret = profile.get("aws_access_key_id"), profile.get("aws_secret_access_key")
    if not key or not secret:
        if is_mapped:
            raise InvalidParameter(
                f"profile {name!r} has no aws_access_key_id and aws_secret_access_key",
                hint="Add them to ~/.aws/credentials, or map the role to another profile.",
            )
        return ObjectStoreAccess(region=region, endpoint_url=endpoint)
    token = profile.get("aws_session_token")
    return ObjectStoreAccess(key, secret, token, region, endpoint, f"profile {name!r}")


def _texts(statement: Copy | Unload) -> dict[str, str]:
    return {name: value for name, value in statement.options.items() if isinstance(value, str)}


def _parse_credentials(text: str) -> dict[str, str]:
    pairs = {}
    for piece in filter(None, (p.strip() for p in text.split(";"))):
        name, equals, value = piece.partition("=")
        known = ("aws_access_key_id", "aws_secret_access_key", "token", "aws_iam_role")
        if not equals or name.strip().lower() not in known:
            raise InvalidParameter(
                "CREDENTIALS is not understood",
                hint="It looks like 'aws_access_key_id=...;aws_secret_access_key=...'.",
            )
        pairs[name.strip().lower()] = value.strip()
    return pairs


def _profile_of(role: str | None, roles: Mapping[str, str]) -> str | None:
    if role is None:
        return None
    by_folded = {name.lower(): profile for name, profile in roles.items()}
    return by_folded.get(role.lower())


def _read_profile(name: str, environ: Mapping[str, str], home: Path) -> dict[str, str]:
    credentials = Path(environ.get("AWS_SHARED_CREDENTIALS_FILE", home / ".aws" / "credentials"))
    config = Path(environ.get("AWS_CONFIG_FILE", home / ".aws" / "config"))
    section = name if name == "default" else f"profile {name}"
    return {**_read_section(config, section), **_read_section(credentials, name)}


def _read_section(path: Path, section: str) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read(path.expanduser(), encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise InvalidParameter(f"{str(path)!r} cannot be read: {error}") from error
    return dict(parser[section]) if parser.has_section(section) else {}
