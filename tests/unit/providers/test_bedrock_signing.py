from __future__ import annotations

import calendar
import time
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.serialize import create_serializer
from botocore.session import Session
from yarl import URL

from outcrop.providers.sigv4 import AwsKeys, Signer, make_target

MODEL_IDS = [
    "anthropic.claude-v2",
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "cohere.command-light-text-v14:7:4k",
    "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-text-express-v1",
    "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0",
    "arn:aws:bedrock:us-west-2:123456789012:provisioned-model/abc123DEF456",
    "a~b_c-d.e f+g%h",
    "modèle-日本",
]
BODIES = [b"", b'{"a":1}', "{'text': 'é 日本 \U0001f600'}".encode(), bytes(range(256))]
KEYS = [AwsKeys("AKIDEXAMPLE", "secret/with+signs="), AwsKeys("ASIA1", "s", "token//x+y==")]


def sign_with_botocore(
    url: str, body: bytes, keys: AwsKeys, region: str, headers: dict[str, str]
) -> AWSRequest:
    request = AWSRequest("POST", url, data=body, headers=headers)
    credentials = Credentials(keys.access_key, keys.secret_key, keys.token)
    SigV4Auth(credentials, "bedrock", region).add_auth(request)
    return request


def unix_time(timestamp: str) -> float:
    return float(calendar.timegm(time.strptime(timestamp, "%Y%m%dT%H%M%SZ")))


@pytest.mark.parametrize("keys", KEYS, ids=["lasting", "temporary"])
@pytest.mark.parametrize("model_id", MODEL_IDS)
@pytest.mark.parametrize(
    ("endpoint", "region"),
    [
        ("https://bedrock-runtime.us-east-1.amazonaws.com", "us-east-1"),
        ("https://bedrock-runtime.cn-north-1.amazonaws.com.cn:8443", "cn-north-1"),
        ("http://127.0.0.1:8080", "eu-west-1"),
        ("http://[::1]:8080/behind/a proxy", "eu-west-1"),
    ],
)
def test_signatures_are_those_of_botocore(
    endpoint: str, region: str, model_id: str, keys: AwsKeys
) -> None:
    signer = Signer(keys, region)
    for operation in ("converse", "invoke"):
        target = make_target(URL(endpoint), model_id, operation)
        for body in BODIES:
            headers = {"Content-Type": "application/json"}
            theirs = sign_with_botocore(str(target.url), body, keys, region, headers)
            now_s = unix_time(theirs.headers["X-Amz-Date"])
            assert signer.sign(target, body, now_s + 0.9) == dict(theirs.headers.items())


def test_the_signing_key_changes_with_the_day() -> None:
    keys = AwsKeys("A", "s")
    target = make_target(URL("http://127.0.0.1:1"), "m", "converse")
    kept = Signer(keys, "us-east-1")
    days = [unix_time(f"202611{day:02}T235959Z") for day in (1, 2, 2, 3)]
    signed = [kept.sign(target, b"x", now_s)["Authorization"] for now_s in days]
    fresh = [Signer(keys, "us-east-1").sign(target, b"x", s)["Authorization"] for s in days]
    assert signed == fresh
    assert len(set(signed)) == 3
    assert "Credential=A/20261103/us-east-1/bedrock/aws4_request" in signed[-1]


@pytest.mark.parametrize("model_id", MODEL_IDS)
def test_addresses_are_those_of_botocore(model_id: str) -> None:
    service = Session().get_service_model("bedrock-runtime")
    for operation, name in (("converse", "Converse"), ("invoke", "InvokeModel")):
        model = service.operation_model(name)
        parameters: dict[str, Any] = {"modelId": model_id}
        theirs = create_serializer("rest-json").serialize_to_request(parameters, model)
        ours = make_target(URL("http://127.0.0.1:8080"), model_id, operation).url
        assert ours.raw_path == theirs["url_path"]
