"""AWS Signature Version 4 for one method, POST, of one endpoint; as fast as Python allows.

What does not change from request to request is computed once: the signing key each day, the time's
text each second, the canonical path of a model each. The result is the signature of botocore's
`SigV4Auth` (tests/unit/providers/test_bedrock_signing.py compares them), at a fraction of its cost.
Source: AWS General Reference, "Create a signed AWS API request".
"""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote

from yarl import URL

SERVICE = "bedrock"
CONTENT_TYPE = "application/json"

_BLOCK_BYTES = 64
_INNER_PAD = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD = bytes(byte ^ 0x5C for byte in range(256))


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """One set of credentials. `token` is None for long-lived ones."""

    access_key: str
    secret_key: str
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests for one operation on one model go.

    The model's id is quoted once in the address and once more in the canonical path, as the
    standard asks for every service but S3.
    """

    url: URL
    canonical_prefix: str


@lru_cache(maxsize=1024)
def make_target(endpoint: URL, model_id: str, operation: str) -> Target:
    """Return the target of `operation` (`converse`, `invoke`) on a model, by id or ARN."""
    path = f"{endpoint.raw_path.rstrip('/')}/model/{quote(model_id, safe='~')}/{operation}"
    url = URL(f"{endpoint.scheme}://{endpoint.raw_authority}{path}", encoded=True)
    canonical_path = quote(path, safe="/~")
    prefix = (
        f"POST\n{canonical_path}\n\n"
        f"content-type:{CONTENT_TYPE}\nhost:{url.host_port_subcomponent}\nx-amz-date:"
    )
    return Target(url, prefix)


class Signer:
    """Signs requests of one region with one set of keys."""

    def __init__(self, keys: AwsKeys, region: str) -> None:
        self._region = region
        self._secret = b"AWS4" + keys.secret_key.encode()
        self._credential = f"AWS4-HMAC-SHA256 Credential={keys.access_key}/"
        self._token = keys.token
        signed = "content-type;host;x-amz-date"
        token_line = ""
        if keys.token is not None:
            signed += ";x-amz-security-token"
            token_line = f"x-amz-security-token:{keys.token}\n"
        self._canonical_middle = f"\n{token_line}\n{signed}\n"
        self._signed_part = f", SignedHeaders={signed}, Signature="
        self._second = -1
        self._day = ""

    def _set_time(self, second: int) -> None:
        self._second = second
        self._timestamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
        day = self._timestamp[:8]
        if day != self._day:
            self._day = day
            self._scope = f"{day}/{self._region}/{SERVICE}/aws4_request"
            key = self._secret
            for part in self._scope.split("/"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._inner = sha256(key.ljust(_BLOCK_BYTES, b"\0").translate(_INNER_PAD))
            self._outer = sha256(key.ljust(_BLOCK_BYTES, b"\0").translate(_OUTER_PAD))
        self._to_sign_prefix = f"AWS4-HMAC-SHA256\n{self._timestamp}\n{self._scope}\n"
        self._authorization_prefix = f"{self._credential}{self._scope}{self._signed_part}"

    def _keyed_hash(self, text: bytes) -> str:
        """Return HMAC-SHA256 of `text` under the day's key (RFC 2104), its pads hashed before.

        `hmac.digest` would hash the pads each time, and let go of the interpreter's lock for it,
        which costs more than the hash where other threads wait for that lock.
        """
        inner = self._inner.copy()
        inner.update(text)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()

    def sign(self, target: Target, body: bytes, now_s: float) -> dict[str, str]:
        """Return the headers of a request for `target` with `body`, sent at `now_s` (Unix time)."""
        second = int(now_s)
        if second != self._second:
            self._set_time(second)
        canonical = (
            target.canonical_prefix
            + self._timestamp
            + self._canonical_middle
            + sha256(body).hexdigest()
        )
        to_sign = self._to_sign_prefix + sha256(canonical.encode()).hexdigest()
        signature = self._keyed_hash(to_sign.encode())
        headers = {
            "Content-Type": CONTENT_TYPE,
            "X-Amz-Date": self._timestamp,
            "Authorization": self._authorization_prefix + signature,
        }
        if self._token is not None:
            headers["X-Amz-Security-Token"] = self._token
        return headers
