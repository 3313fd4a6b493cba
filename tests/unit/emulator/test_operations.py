"""boto3 itself asks the emulator: what AWS's own client can read is in Bedrock's wire format."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from outcrop.emulator.server import RunningEmulator
from outcrop.providers.scripted import scripted_answer, scripted_json
from tests.unit.emulator.requests import CLAUDE, TITAN, converse

PROFILE_ARN = (
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/"
    "us.anthropic.claude-3-haiku-20240307-v1:0"
)
HELLO = scripted_answer("hello")  # 27 characters, 7 tokens


@pytest.mark.parametrize("model_id", [CLAUDE, "us." + CLAUDE, PROFILE_ARN, TITAN])
def test_converse(client: Any, model_id: str) -> None:
    response = client.converse(**converse("hello", model_id))
    del response["ResponseMetadata"]
    assert response == {
        "output": {"message": {"role": "assistant", "content": [{"text": HELLO}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 2, "outputTokens": 7, "totalTokens": 9},
        "metrics": {"latencyMs": 0},
    }


def test_converse_takes_every_member_that_outcrop_sends(client: Any) -> None:
    schema = {"type": "object", "properties": {"label": {"enum": ["good", "bad"]}}}
    json_schema = {"name": "label", "schema": json.dumps(schema)}
    response = client.converse(
        **converse(
            "hello",
            system=[{"text": "Be brief."}],
            inferenceConfig={
                "maxTokens": 50,
                "temperature": 0.5,
                "topP": 0.9,
                "stopSequences": ["END"],
            },
            additionalModelRequestFields={"top_k": 5},
            outputConfig={
                "textFormat": {"type": "json_schema", "structure": {"jsonSchema": json_schema}}
            },
        )
    )
    text = response["output"]["message"]["content"][0]["text"]
    assert text == scripted_json("Be brief.\nhello", 0, schema)


def test_converse_takes_a_conversation(client: Any) -> None:
    turns = [("user", "one"), ("assistant", "two"), ("user", "three")]
    messages = [{"role": role, "content": [{"text": text}]} for role, text in turns]
    response = client.converse(modelId=CLAUDE, messages=messages)
    text = response["output"]["message"]["content"][0]["text"]
    assert text == scripted_answer("one\ntwo\nthree")


def test_converse_stream(client: Any) -> None:
    events = list(client.converse_stream(**converse("hello"))["stream"])
    assert events == [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"delta": {"text": HELLO[:16]}, "contentBlockIndex": 0}},
        {"contentBlockDelta": {"delta": {"text": HELLO[16:]}, "contentBlockIndex": 0}},
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "end_turn"}},
        {
            "metadata": {
                "usage": {"inputTokens": 2, "outputTokens": 7, "totalTokens": 9},
                "metrics": {"latencyMs": 0},
            }
        },
    ]


MESSAGES = [{"role": "user", "content": "hello"}]
# Model, body, the members of the answer that tests rely on, and where the text is in a chunk.
FAMILIES: list[Any] = [
    pytest.param(
        CLAUDE,
        {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 50, "messages": MESSAGES},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "text", "text": HELLO}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 2, "output_tokens": 7},
        },
        ("delta", "text"),
        id="anthropic_messages",
    ),
    pytest.param(
        "anthropic.claude-v2:1",
        {"prompt": "\n\nHuman: hello\n\nAssistant:", "max_tokens_to_sample": 50},
        {"completion": HELLO, "stop_reason": "stop_sequence"},
        ("completion",),
        id="anthropic_text",
    ),
    pytest.param(
        TITAN,
        {"inputText": "hello", "textGenerationConfig": {"maxTokenCount": 50}},
        {
            "inputTextTokenCount": 2,
            "results": [{"tokenCount": 7, "outputText": HELLO, "completionReason": "FINISHED"}],
        },
        ("outputText",),
        id="titan",
    ),
    pytest.param(
        "amazon.nova-lite-v1:0",
        {"messages": [{"role": "user", "content": [{"text": "hello"}]}]},
        {
            "output": {"message": {"role": "assistant", "content": [{"text": HELLO}]}},
            "stopReason": "end_turn",
        },
        ("contentBlockDelta", "delta", "text"),
        id="nova",
    ),
    pytest.param(
        "meta.llama3-8b-instruct-v1:0",
        {"prompt": "hello", "max_gen_len": 50},
        {
            "generation": HELLO,
            "prompt_token_count": 2,
            "generation_token_count": 7,
            "stop_reason": "stop",
        },
        ("generation",),
        id="llama",
    ),
    pytest.param(
        "mistral.mistral-7b-instruct-v0:2",
        {"prompt": "<s>[INST] hello [/INST]", "max_tokens": 50},
        {"outputs": [{"text": HELLO, "stop_reason": "stop"}]},
        ("outputs", 0, "text"),
        id="mistral",
    ),
    pytest.param(
        "cohere.command-r-v1:0",
        {"message": "hello"},
        {"text": HELLO, "finish_reason": "COMPLETE"},
        ("text",),
        id="cohere",
    ),
    pytest.param(
        "openai.gpt-oss-20b-1:0",
        {"messages": MESSAGES, "max_completion_tokens": 50},
        {"object": "chat.completion"},
        ("choices", 0, "delta", "content"),
        id="openai_chat",
    ),
]


@pytest.mark.parametrize(("model_id", "body", "answer", "text_at"), FAMILIES)
def test_invoke_model(
    client: Any, model_id: str, body: dict[str, Any], answer: dict[str, Any], text_at: Any
) -> None:
    response = client.invoke_model(modelId=model_id, body=json.dumps(body))
    headers = response["ResponseMetadata"]["HTTPHeaders"]
    assert response["contentType"] == "application/json"
    assert headers["x-amzn-bedrock-input-token-count"] == "2"
    assert headers["x-amzn-bedrock-output-token-count"] == "7"
    assert headers["x-amzn-bedrock-invocation-latency"] == "0"
    found = json.loads(response["body"].read())
    assert {key: found[key] for key in answer} == answer


@pytest.mark.parametrize(("model_id", "body", "answer", "text_at"), FAMILIES)
def test_invoke_model_with_response_stream(
    client: Any, model_id: str, body: dict[str, Any], answer: dict[str, Any], text_at: Any
) -> None:
    response = client.invoke_model_with_response_stream(modelId=model_id, body=json.dumps(body))
    chunks = [json.loads(event["chunk"]["bytes"]) for event in response["body"]]
    assert "".join(text_in(chunk, text_at) for chunk in chunks) == HELLO
    assert chunks[-1]["amazon-bedrock-invocationMetrics"] == {
        "inputTokenCount": 2,
        "outputTokenCount": 7,
        "invocationLatency": 0,
        "firstByteLatency": 0,
    }
    assert all("amazon-bedrock-invocationMetrics" not in chunk for chunk in chunks[:-1])


def text_in(chunk: Any, path: tuple[str | int, ...]) -> str:
    for step in path:
        if isinstance(step, str) and step not in chunk:
            return ""
        chunk = chunk[step]
    assert isinstance(chunk, str)
    return chunk


def test_count_tokens_and_the_bill_agree(client: Any) -> None:
    prompt = "How many tokens has this?"
    counted = client.count_tokens(
        modelId=CLAUDE, input={"converse": {"messages": converse(prompt)["messages"]}}
    )
    billed = client.converse(**converse(prompt))
    assert counted["inputTokens"] == billed["usage"]["inputTokens"] == 7


def test_count_tokens_of_an_invoke_model_body(client: Any) -> None:
    body = json.dumps({"inputText": "hello"}).encode()
    counted = client.count_tokens(modelId=TITAN, input={"invokeModel": {"body": body}})
    assert counted["inputTokens"] == 2


def test_counting_tokens_is_no_request_to_a_model(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any]
) -> None:
    emulator = start()
    body = json.dumps({"inputText": "hello"}).encode()
    connect(emulator).count_tokens(modelId=TITAN, input={"invokeModel": {"body": body}})
    ledger = emulator.ledger()
    assert (ledger.count_tokens, ledger.requests, ledger.paid) == (1, 0, 0)


def test_latency_is_added_and_reported(
    start: Callable[..., RunningEmulator], connect: Callable[..., Any]
) -> None:
    response = connect(start(latency_ms=30)).converse(**converse("hello"))
    assert response["metrics"]["latencyMs"] == 30
