"""Requests that the service refuses, and the words in which it does."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from botocore.exceptions import ClientError

from outcrop.emulator.server import RunningEmulator
from tests.unit.emulator.requests import CLAUDE, TITAN, converse

USER = {"role": "user", "content": [{"text": "hello"}]}
ASSISTANT = {"role": "assistant", "content": [{"text": "hello"}]}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"messages": [ASSISTANT]}, "must start with a user message"),
        ({"messages": [USER, USER]}, "must alternate between user and assistant roles"),
        ({"messages": []}, "The messages field is required"),
        ({"messages": [{"role": "user", "content": []}]}, "messages.0 is empty"),
        (
            {"messages": [{"role": "user", "content": [{"text": " "}]}]},
            "The text field in the ContentBlock object at messages.0.content.0 is blank",
        ),
        ({"system": [{"text": " "}]}, "SystemContentBlock object at system.0 is blank"),
        (
            {"inferenceConfig": {"temperature": 1.5}},
            "Value '1.5' at 'inferenceConfig.temperature' failed to satisfy constraint: Member "
            "must have value less than or equal to 1",
        ),
        ({"inferenceConfig": {"topP": 2}}, "Value '2' at 'inferenceConfig.topP' failed"),
        ({"inferenceConfig": {"maxTokens": 4097}}, "exceeds the model limit of 4096"),
        ({"modelId": "claude"}, "The provided model identifier is invalid."),
        ({"modelId": "anthropic.claude v2"}, "The provided model identifier is invalid."),
    ],
)
def test_converse_refuses(client: Any, members: dict[str, Any], message: str) -> None:
    with pytest.raises(client.exceptions.ValidationException) as caught:
        client.converse(**(converse("hello") | members))
    assert message in caught.value.response["Error"]["Message"]
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(
    ("model_id", "body", "message"),
    [
        (TITAN, b"no json", "the body is no JSON object"),
        (TITAN, b"[]", "the body is no JSON object"),
        (TITAN, {"prompt": "hello"}, "#: required key [inputText] not found"),
        (TITAN, {"inputText": ""}, "'inputText'"),
        (
            TITAN,
            {"inputText": "hello", "textGenerationConfig": {"maxTokenCount": 5_000}},
            "exceeds the model limit of 4096",
        ),
        (
            TITAN,
            {"inputText": "hello", "textGenerationConfig": {"temperature": "hot"}},
            "inferenceConfig.temperature: expected type: Number, found: 'hot'",
        ),
        (
            CLAUDE,
            {"max_tokens": 5, "messages": [{"role": "user", "content": "x"}]},
            "#: required key [anthropic_version] not found",
        ),
        (
            CLAUDE,
            {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 5, "messages": []},
            "'messages'",
        ),
        ("meta.llama3-8b-instruct-v1:0", {"inputText": "x"}, "required key [prompt] not found"),
    ],
)
def test_invoke_model_refuses(client: Any, model_id: str, body: Any, message: str) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body)
    with pytest.raises(client.exceptions.ValidationException) as caught:
        client.invoke_model(modelId=model_id, body=content)
    assert caught.value.response["Error"]["Message"].startswith(("Malformed", "The maximum"))
    assert message in caught.value.response["Error"]["Message"]


def test_a_body_for_an_unknown_model_is_read_by_its_shape(client: Any) -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abcdefghijkl"
    answer = client.invoke_model(modelId=arn, body=json.dumps({"inputText": "hello"}))
    assert json.loads(answer["body"].read())["inputTextTokenCount"] == 2


def test_count_tokens_refuses_what_converse_refuses(client: Any) -> None:
    with pytest.raises(client.exceptions.ValidationException, match="must start with a user"):
        client.count_tokens(modelId=CLAUDE, input={"converse": {"messages": [ASSISTANT]}})


async def _post(url: str, path: str, content: bytes, **headers: str) -> tuple[int, str, Any]:
    headers = {"Authorization": "Bearer key", **headers}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url + path, data=io.BytesIO(content), headers=headers) as response,
    ):
        name = response.headers.get("x-amzn-ErrorType", "")
        return response.status, name, await response.json()


def post(emulator: RunningEmulator, path: str, content: object) -> tuple[int, str, Any]:
    encoded = content if isinstance(content, bytes) else json.dumps(content).encode()
    return asyncio.run(_post(emulator.url, path, encoded))


CONVERSE = "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"messages": [{"role": "user", "content": [{"txt": "hello"}]}]},
            'Unknown parameter in messages[0].content[0]: "txt", must be one of: text, image',
        ),
        ({"messages": "hello"}, "Invalid type for parameter messages"),
        ({"messages": [{"role": "user"}]}, 'Missing required parameter in messages[0]: "content"'),
        ({"messages": [USER], "inferenceConfig": {"maxTokens": 0}}, "inferenceConfig.maxTokens"),
        (
            {"messages": [USER], "inferenceConfig": {"topK": 5}},
            'Unknown parameter in inferenceConfig: "topK"',
        ),
        ({"messages": [USER], "prompt": "x"}, 'Unknown parameter in input: "prompt"'),
    ],
)
def test_botocores_model_checks_the_shape(
    start: Callable[..., RunningEmulator], body: dict[str, Any], message: str
) -> None:
    status, name, error = post(start(), CONVERSE, body)
    assert (status, name) == (400, "ValidationException")
    assert message in error["message"]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'"text"', b"\xff"])
def test_what_is_no_json_object_cannot_be_read(
    start: Callable[..., RunningEmulator], content: bytes
) -> None:
    status, name, _ = post(start(), CONVERSE, content)
    assert (status, name) == (400, "SerializationException")


def test_count_tokens_takes_base64(start: Callable[..., RunningEmulator]) -> None:
    path = CONVERSE.replace("converse", "count-tokens")
    status, name, error = post(start(), path, {"input": {"invokeModel": {"body": "%%%"}}})
    assert (status, name) == (400, "ValidationException")
    assert error["message"] == "input.invokeModel.body is not in base64"


@pytest.mark.parametrize("path", ["/", "/model/x.y/chat", "/model/x.y", "/_dev/ledger"])
def test_an_unknown_path_is_an_unknown_operation(
    start: Callable[..., RunningEmulator], path: str
) -> None:
    assert post(start(), path, {})[:2] == (404, "UnknownOperationException")


def test_a_body_beyond_the_limit_is_refused(start: Callable[..., RunningEmulator]) -> None:
    status, name, _ = post(start(), CONVERSE, b"x" * 34_000_001)
    assert (status, name) == (413, "RequestEntityTooLargeException")


def test_refused_requests_are_failed_and_not_paid(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any]
) -> None:
    emulator = start()
    client = connect(emulator)
    for model_id in (CLAUDE, "nonsense"):
        with pytest.raises(ClientError):
            client.converse(modelId=model_id, messages=[ASSISTANT])
    ledger = emulator.ledger()
    assert (ledger.requests, ledger.failed, ledger.paid, ledger.in_flight) == (2, 2, 0, 0)
    assert list(ledger.by_model) == [CLAUDE, "(invalid)"]
