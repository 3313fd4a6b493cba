from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import aiohttp
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from outcrop.emulator.authentication import SignedRequest, authenticate
from outcrop.emulator.server import RunningEmulator
from outcrop.emulator.service_errors import ServiceError
from tests.unit.emulator.conftest import SECRET_KEY
from tests.unit.emulator.requests import CLAUDE, TITAN, converse

PATH = "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse"
CONTENT = b'{"messages": [{"role": "user", "content": [{"text": "hello"}]}]}'


@pytest.mark.parametrize(
    "model_id",
    [CLAUDE, TITAN, "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us." + CLAUDE],
)
def test_boto3s_signature_is_verified(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any], model_id: str
) -> None:
    client = connect(start(secret_key=SECRET_KEY))
    assert client.converse(**converse("hello", model_id))["stopReason"] == "end_turn"


def test_a_signature_of_another_key_is_refused(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any]
) -> None:
    client = connect(start(secret_key="another key"))
    with pytest.raises(ClientError) as caught:
        client.converse(**converse("hello"))
    assert caught.value.response["Error"]["Code"] == "InvalidSignatureException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_any_signature_is_taken_where_no_key_is_configured(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any]
) -> None:
    assert connect(start()).converse(**converse("hello"))["stopReason"] == "end_turn"


async def _ask(url: str, headers: dict[str, str]) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(url + PATH, data=CONTENT, headers=headers) as response,
    ):
        await response.read()
        return response.status, response.headers.get("x-amzn-ErrorType", "")


@pytest.mark.parametrize(
    ("headers", "status", "error"),
    [
        ({}, 403, "MissingAuthenticationTokenException"),
        ({"Authorization": "Bearer some-api-key"}, 200, ""),
        ({"Authorization": "Bearer "}, 400, "IncompleteSignatureException"),
        ({"Authorization": "Basic dTpw"}, 400, "IncompleteSignatureException"),
        ({"Authorization": "AWS4-HMAC-SHA256 nonsense"}, 400, "IncompleteSignatureException"),
    ],
)
def test_other_authorizations(
    start: Callable[..., RunningEmulator], headers: dict[str, str], status: int, error: str
) -> None:
    assert asyncio.run(_ask(start(secret_key=SECRET_KEY).url, headers)) == (status, error)


def sign(service: str = "bedrock", body: bytes = CONTENT) -> SignedRequest:
    request = AWSRequest("POST", f"http://127.0.0.1:1{PATH}?b=2&a=1", {"Accept": "x   y"}, body)
    SigV4Auth(Credentials("AKIDEXAMPLE", SECRET_KEY), service, "eu-west-1").add_auth(request)
    headers = {**dict(request.headers), "host": "127.0.0.1:1"}
    headers |= {name.lower(): value for name, value in request.headers.items()}
    return SignedRequest("POST", PATH, "b=2&a=1", headers, body)


def refusal(request: SignedRequest, now: datetime | None = None) -> str:
    with pytest.raises(ServiceError) as caught:
        authenticate(request, SECRET_KEY, lambda: now or datetime.now(UTC))
    return str(caught.value)


def test_query_and_headers_are_signed_as_botocore_does() -> None:
    authenticate(sign(), SECRET_KEY, lambda: datetime.now(UTC))


def test_the_body_is_part_of_the_signature() -> None:
    signed = sign()
    tampered = SignedRequest("POST", PATH, signed.query, signed.headers, CONTENT + b" ")
    assert "does not match the signature you provided" in refusal(tampered)


def test_another_services_signature_is_refused() -> None:
    assert "correct service: 'bedrock'" in refusal(sign("s3"))


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_clock_that_is_wrong_is_named(minutes: int) -> None:
    assert "not yet current or expired" in refusal(
        sign(), datetime.now(UTC) + timedelta(minutes=minutes)
    )


def test_a_date_in_another_form_is_refused() -> None:
    signed = sign()
    headers = {**signed.headers, "X-Amz-Date": "today"}
    request = SignedRequest("POST", PATH, signed.query, headers, CONTENT)
    assert "ISO-8601" in refusal(request)


def test_once_the_clock_was_changed_the_time_of_any_signature_is_looked_at(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any]
) -> None:
    emulator = start()
    emulator.set_clock(3_600)
    client = connect(emulator)
    with pytest.raises(ClientError, match="Signature not yet current or expired") as caught:
        client.converse(**converse("hello"))
    date = caught.value.response["ResponseMetadata"]["HTTPHeaders"]["date"]
    ahead = parsedate_to_datetime(date) - datetime.now(UTC)
    assert timedelta(minutes=55) < ahead < timedelta(minutes=65)
    emulator.set_clock(0)
    assert client.converse(**converse("hello"))["stopReason"] == "end_turn"


def test_the_clock_is_changed_over_http_too(start: Callable[..., RunningEmulator]) -> None:
    emulator = start()
    url = f"{emulator.url}/_dev/clock"
    put = Request(url, b'{"offset_s": -60}', method="PUT")
    assert json.load(urlopen(put)) == {"offset_s": -60}
    assert json.load(urlopen(url)) == {"offset_s": -60}
    with pytest.raises(HTTPError, match="400"):
        urlopen(Request(url, b'{"offset": 1}', method="PUT"))
