from __future__ import annotations

import asyncio
from typing import Any

import pytest
from botocore.session import Session
from botocore.validate import ParamValidator

from outcrop.errors import Rejected
from outcrop.providers.base import Completion, ProviderRequest, RequestType, TokenUsage
from outcrop.providers.converse import TOKENS_MAX, text_response
from outcrop.providers.families.base import (
    FAMILIES,
    Family,
    FamilyAnswer,
    complete_raw,
    families_of_model,
    find_family,
    find_foreign_family,
    recognize_family,
)

BY_NAME = {family.name: family for family in FAMILIES}

LLAMA_PROMPT = (
    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\nHo<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nAnd?<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n"
)


def said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": [{"text": text}]}


HI = [said("user", "Hi")]
TALK = [said("user", "Hi"), said("assistant", "Ho"), said("user", "And?")]
BRIEF = [{"text": "Be brief."}]
ALL_CONFIG = {"maxTokens": 9, "temperature": 0.5, "topP": 0.9, "stopSequences": ["X"]}
SCHEMA_TEXT = '{"type": "object"}'


def schema_config(name: str) -> dict[str, Any]:
    described = {"schema": SCHEMA_TEXT, "name": name}
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": described}}}


# The body of a family; what it stands for in Converse.
REQUESTS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "titan",
        {"inputText": "Hi"},
        {"messages": HI, "inferenceConfig": {"maxTokens": 512}},
    ),
    (
        "titan",
        {
            "inputText": "Hi",
            "textGenerationConfig": {
                "maxTokenCount": 9,
                "temperature": 0.5,
                "topP": 0.9,
                "stopSequences": ["X"],
            },
        },
        {"messages": HI, "inferenceConfig": ALL_CONFIG},
    ),
    (
        "nova",
        {
            "schemaVersion": "messages-v1",
            "system": BRIEF,
            "messages": HI,
            "inferenceConfig": {**ALL_CONFIG, "topK": 20},
        },
        {
            "messages": HI,
            "system": BRIEF,
            "inferenceConfig": ALL_CONFIG,
            "additionalModelRequestFields": {"inferenceConfig": {"topK": 20}},
        },
    ),
    (
        "nova",
        {"messages": HI, "inferenceConfig": {"max_new_tokens": 9}},
        {"messages": HI, "inferenceConfig": {"maxTokens": 9}},
    ),
    (
        "llama",
        {"prompt": LLAMA_PROMPT, "max_gen_len": 9, "temperature": 0.5, "top_p": 0.9},
        {
            "messages": TALK,
            "system": BRIEF,
            "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "topP": 0.9},
        },
    ),
    (
        "llama",
        {"prompt": "Hi", "max_gen_len": 9},
        {"messages": HI, "inferenceConfig": {"maxTokens": 9}},
    ),
    (
        "mistral",
        {
            "prompt": "<s>[INST] Hi [/INST] Ho</s>[INST] And? [/INST]",
            "max_tokens": 9,
            "temperature": 0.5,
            "top_p": 0.9,
            "stop": ["X"],
            "top_k": 3,
        },
        {
            "messages": TALK,
            "inferenceConfig": ALL_CONFIG,
            "additionalModelRequestFields": {"top_k": 3},
        },
    ),
    (
        "cohere",
        {
            "message": "And?",
            "chat_history": [
                {"role": "USER", "message": "Hi"},
                {"role": "CHATBOT", "message": "Ho"},
            ],
            "preamble": "Be brief.",
            "max_tokens": 9,
            "temperature": 0.5,
            "p": 0.9,
            "k": 3,
            "stop_sequences": ["X"],
        },
        {
            "messages": TALK,
            "system": BRIEF,
            "inferenceConfig": ALL_CONFIG,
            "additionalModelRequestFields": {"k": 3},
        },
    ),
    (
        "anthropic_text",
        {
            "prompt": "Be brief.\n\nHuman: Hi\n\nAssistant: Ho\n\nHuman: And?\n\nAssistant:",
            "max_tokens_to_sample": 9,
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 3,
            "stop_sequences": ["\n\nHuman:", "X"],
        },
        {
            "messages": TALK,
            "system": BRIEF,
            "inferenceConfig": ALL_CONFIG,
            "additionalModelRequestFields": {"top_k": 3},
        },
    ),
    (
        "anthropic_text",
        {
            "prompt": "\n\nHuman: Hi\n\nAssistant:",
            "max_tokens_to_sample": 9,
            "stop_sequences": ["\n\nHuman:"],
        },
        {"messages": HI, "inferenceConfig": {"maxTokens": 9}},
    ),
    (
        "anthropic_messages",
        {
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 9,
            "system": "Be brief.",
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": [{"type": "text", "text": "Ho"}]},
                {"role": "user", "content": [{"type": "text", "text": "And?"}]},
            ],
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 3,
            "stop_sequences": ["X"],
        },
        {
            "messages": TALK,
            "system": BRIEF,
            "inferenceConfig": ALL_CONFIG,
            "additionalModelRequestFields": {"top_k": 3},
        },
    ),
    (
        "anthropic_messages",
        {
            "max_tokens": 9,
            "messages": [{"role": "user", "content": "Hi"}],
            "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
        },
        {
            "messages": HI,
            "inferenceConfig": {"maxTokens": 9},
            "outputConfig": schema_config("answer"),
        },
    ),
    (
        "openai_chat",
        {
            "model": "gpt-oss",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Ho"},
                {"role": "user", "content": [{"type": "text", "text": "And?"}]},
            ],
            "max_completion_tokens": 9,
            "temperature": 0.5,
            "top_p": 0.9,
            "stop": "X",
            "seed": 1,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True},
            },
        },
        {
            "messages": TALK,
            "system": BRIEF,
            "inferenceConfig": ALL_CONFIG,
            "additionalModelRequestFields": {"seed": 1},
            "outputConfig": schema_config("n"),
        },
    ),
]


@pytest.mark.parametrize(("name", "body", "converse"), REQUESTS)
def test_requests_in_the_neutral_form(
    name: str, body: dict[str, Any], converse: dict[str, Any]
) -> None:
    family = find_family("a-local-model", body)
    assert family.name == name
    assert family.to_converse(body) == converse
    shape = Session().get_service_model("bedrock-runtime").operation_model("Converse").input_shape
    report = ParamValidator().validate({"modelId": "m", **converse}, shape)
    assert report.generate_report() == ""


USAGE = TokenUsage(7, 3)
# Family; stop reason of the Converse response; the family's own JSON, less its ids.
RESPONSES: list[tuple[str, str, dict[str, Any]]] = [
    (
        "titan",
        "end_turn",
        {
            "inputTextTokenCount": 7,
            "results": [{"tokenCount": 3, "outputText": "La", "completionReason": "FINISHED"}],
        },
    ),
    (
        "titan",
        "max_tokens",
        {
            "inputTextTokenCount": 7,
            "results": [{"tokenCount": 3, "outputText": "La", "completionReason": "LENGTH"}],
        },
    ),
    (
        "nova",
        "end_turn",
        {
            "output": {"message": {"role": "assistant", "content": [{"text": "La"}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 7, "outputTokens": 3, "totalTokens": 10},
        },
    ),
    (
        "llama",
        "end_turn",
        {
            "generation": "La",
            "prompt_token_count": 7,
            "generation_token_count": 3,
            "stop_reason": "stop",
        },
    ),
    (
        "llama",
        "max_tokens",
        {
            "generation": "La",
            "prompt_token_count": 7,
            "generation_token_count": 3,
            "stop_reason": "length",
        },
    ),
    ("mistral", "end_turn", {"outputs": [{"text": "La", "stop_reason": "stop"}]}),
    ("mistral", "max_tokens", {"outputs": [{"text": "La", "stop_reason": "length"}]}),
    ("cohere", "end_turn", {"text": "La", "finish_reason": "COMPLETE"}),
    ("cohere", "max_tokens", {"text": "La", "finish_reason": "MAX_TOKENS"}),
    ("cohere", "content_filtered", {"text": "La", "finish_reason": "ERROR_TOXIC"}),
    (
        "anthropic_text",
        "end_turn",
        {
            "type": "completion",
            "completion": "La",
            "stop_reason": "stop_sequence",
            "stop": "\n\nHuman:",
        },
    ),
    (
        "anthropic_text",
        "max_tokens",
        {"type": "completion", "completion": "La", "stop_reason": "max_tokens", "stop": None},
    ),
    (
        "anthropic_messages",
        "end_turn",
        {
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [{"type": "text", "text": "La"}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 7, "output_tokens": 3},
        },
    ),
    (
        "openai_chat",
        "max_tokens",
        {
            "object": "chat.completion",
            "model": "m",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "La"},
                    "finish_reason": "length",
                }
            ],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        },
    ),
]
IDS = ("id", "response_id", "generation_id")


@pytest.mark.parametrize(("name", "reason", "expected"), RESPONSES)
def test_responses_in_the_familys_form_and_back(
    name: str, reason: str, expected: dict[str, Any]
) -> None:
    converse = text_response("La", stop_reason=reason, usage=USAGE, latency_ms=5)
    family = BY_NAME[name]
    response = family.from_converse(converse, "m")
    assert {key: value for key, value in response.items() if key not in IDS} == expected
    assert response == family.from_converse(converse, "m")  # ids as well are stable
    counted = USAGE if name not in ("mistral", "cohere", "anthropic_text") else None
    assert family.read_answer(response) == FamilyAnswer("La", reason, counted)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@pytest.mark.parametrize("reason", ["content_filtered", "guardrail_intervened", "stop_sequence"])
def test_every_stop_reason_has_a_form(family: Family, reason: str) -> None:
    converse = text_response("", stop_reason=reason, usage=None, latency_ms=5)
    answer = family.read_answer(family.from_converse(converse, "m"))
    assert answer.text == ""
    assert answer.stop_reason != "max_tokens"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_an_empty_response_reads_as_an_empty_answer(family: Family) -> None:
    assert family.read_answer({}) == FamilyAnswer("", "end_turn", None)


CACHED = TokenUsage(7, 3, 5, 2)


def test_cached_tokens_are_kept_apart() -> None:
    converse = text_response("La", stop_reason="end_turn", usage=CACHED, latency_ms=5)
    assert converse["usage"] == {
        "inputTokens": 7,
        "outputTokens": 3,
        "totalTokens": 17,
        "cacheReadInputTokens": 5,
        "cacheWriteInputTokens": 2,
    }
    messages = BY_NAME["anthropic_messages"]
    assert messages.read_answer(messages.from_converse(converse, "m")).usage == CACHED
    chat = BY_NAME["openai_chat"]
    response = chat.from_converse(converse, "m")
    assert response["usage"]["prompt_tokens"] == 14
    # OpenAI does not bill the writing of its cache, so it counts as plain input.
    assert chat.read_answer(response).usage == TokenUsage(9, 3, 5, 0)


@pytest.mark.parametrize(
    ("name", "response", "expected"),
    [
        (
            "anthropic_messages",
            {
                "content": [
                    {"type": "thinking", "thinking": "Hm."},
                    {"type": "text", "text": "La"},
                    {"type": "text", "text": "li"},
                ],
                "stop_reason": "refusal",
            },
            FamilyAnswer("Lali", "content_filtered", None),
        ),
        (
            "openai_chat",
            {"choices": [{"message": {"content": None, "refusal": "No."}}]},
            FamilyAnswer("No.", "content_filtered", None),
        ),
        (
            "openai_chat",
            {"choices": [{"message": {"content": None}, "finish_reason": "tool_calls"}]},
            FamilyAnswer("", "tool_use", None),
        ),
        (
            "openai_chat",
            {"choices": [{"message": {"content": "La"}, "stop_reason": "length"}]},
            FamilyAnswer("La", "max_tokens", None),
        ),
        (
            "cohere",
            {"text": "La", "finish_reason": "max_tokens"},
            FamilyAnswer("La", "max_tokens", None),
        ),
        (
            "nova",
            {
                "output": {
                    "message": {"content": [{"reasoningContent": {"text": "Hm."}}, {"text": "La"}]}
                }
            },
            FamilyAnswer("La", "end_turn", None),
        ),
    ],
)
def test_responses_as_services_write_them(
    name: str, response: dict[str, Any], expected: FamilyAnswer
) -> None:
    assert BY_NAME[name].read_answer(response) == expected


@pytest.mark.parametrize(
    ("model_id", "names"),
    [
        ("amazon.titan-text-express-v1", ["titan"]),
        ("amazon.titan-tg1-large", ["titan"]),
        ("amazon.titan-embed-text-v2:0", []),
        ("us.amazon.nova-lite-v1:0", ["nova"]),
        ("anthropic.claude-v2", ["anthropic_text", "anthropic_messages"]),
        ("anthropic.claude-instant-v1", ["anthropic_text", "anthropic_messages"]),
        ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", ["anthropic_messages"]),
        ("us-gov.anthropic.claude-3-haiku-20240307-v1:0", ["anthropic_messages"]),
        ("claude-sonnet-4-5", ["anthropic_messages"]),
        ("eu.meta.llama3-2-1b-instruct-v1:0", ["llama"]),
        ("mistral.mistral-7b-instruct-v0:2", ["mistral", "openai_chat"]),
        ("cohere.command-r-v1:0", ["cohere"]),
        ("openai.gpt-oss-120b-1:0", ["openai_chat"]),
        ("arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-8b-instruct-v1:0", ["llama"]),
        ("arn:aws:bedrock:eu-west-1:1:inference-profile/eu.amazon.nova-lite-v1:0", ["nova"]),
        ("arn:aws:bedrock:eu-west-1:1:application-inference-profile/abc123", []),
        ("smollm2-135m", []),
    ],
)
def test_families_by_model_id(model_id: str, names: list[str]) -> None:
    assert [family.name for family in families_of_model(model_id)] == names


MESSAGES = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("model_id", "body", "name"),
    [
        ("meta.llama2-13b-chat-v1", {"prompt": "[INST] Hi [/INST]"}, "llama"),
        ("mistral.mistral-7b-instruct-v0:2", {"prompt": "Hi"}, "mistral"),
        ("mistral.mistral-large-2407-v1:0", {"messages": MESSAGES, "max_tokens": 5}, "openai_chat"),
        ("anthropic.claude-v2", {"prompt": "Hi"}, "anthropic_text"),
        ("anthropic.claude-v2", {"messages": MESSAGES, "max_tokens": 5}, "anthropic_messages"),
        ("claude-sonnet-5", {"messages": MESSAGES, "max_tokens": 5}, "anthropic_messages"),
        ("local", {"messages": MESSAGES, "max_tokens": 5}, "openai_chat"),
        ("local", {"messages": HI}, "nova"),
        ("local", {"prompt": "[INST] Hi [/INST]"}, "mistral"),
        ("local", {"prompt": "Hi"}, "llama"),
        ("us.amazon.nova-lite-v1:0", {"inputText": "Hi"}, "titan"),
    ],
)
def test_the_model_decides_where_the_body_may_be_its(
    model_id: str, body: dict[str, Any], name: str
) -> None:
    family = recognize_family(model_id, body)
    assert family is not None
    assert family.name == name


@pytest.mark.parametrize(
    ("model_id", "body", "name"),
    [
        ("us.amazon.nova-lite-v1:0", {"inputText": "Hi"}, "titan"),
        ("us.amazon.nova-lite-v1:0", {"messages": HI}, None),
        (
            "us.amazon.nova-lite-v1:0",
            {"messages": MESSAGES, "anthropic_version": "x"},
            "anthropic_messages",
        ),
        ("us.amazon.nova-lite-v1:0", {"messages": MESSAGES}, None),
        ("anthropic.claude-v2", {"prompt": "malformed"}, None),
        ("anthropic.claude-v2", {"messages": MESSAGES, "anthropic_version": "x"}, None),
        ("anthropic.claude-3-haiku", {"prompt": "\n\nHuman: Hi\n\nAssistant:"}, "anthropic_text"),
        ("arn:aws:bedrock:us-east-1:1:provisioned-model/abc", {"inputText": "Hi"}, None),
        ("amazon.nova-canvas-v1:0", {"taskType": "TEXT_IMAGE"}, None),
    ],
)
def test_foreign_bodies(model_id: str, body: dict[str, Any], name: str | None) -> None:
    family = find_foreign_family(model_id, body)
    assert (family and family.name) == name


def test_a_body_of_no_family() -> None:
    with pytest.raises(Rejected, match=r"\['text', 'x'\] is in no form that model 'm'") as caught:
        find_family("m", {"x": 1, "text": 2})
    assert "titan" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("titan", {"inputText": ""}, "family 'titan' needs 'inputText'"),
        ("titan", {"inputText": 5}, "family 'titan' needs 'inputText'"),
        (
            "titan",
            {"inputText": "a", "textGenerationConfig": 3},
            "'textGenerationConfig' of a request of family 'titan'",
        ),
        ("llama", {"prompt": ""}, "family 'llama' needs 'prompt'"),
        ("mistral", {"prompt": ""}, "family 'mistral' needs 'prompt'"),
        ("anthropic_text", {"prompt": ""}, "family 'anthropic_text' needs 'prompt'"),
        ("cohere", {"message": ""}, "family 'cohere' needs 'message'"),
        ("cohere", {"message": "a", "chat_history": [{"role": "x"}]}, "USER or CHATBOT"),
        ("cohere", {"message": "a", "chat_history": ["x"]}, "USER or CHATBOT"),
        ("nova", {"messages": []}, "family 'nova' needs 'messages'"),
        ("nova", {"messages": [{"role": "user"}]}, "has a 'role' and a 'content'"),
        ("anthropic_messages", {"messages": "Hi"}, "needs 'messages', a list"),
        ("openai_chat", {"messages": [1]}, "has a 'role' and a 'content'"),
        (
            "anthropic_messages",
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]},
            "only text can be translated",
        ),
        (
            "openai_chat",
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "only text can be translated",
        ),
    ],
)
def test_malformed_bodies(name: str, body: dict[str, Any], message: str) -> None:
    with pytest.raises(Rejected, match=message) as caught:
        BY_NAME[name].to_converse(body)
    assert caught.value.code == "ValidationException"


def test_a_raw_request_is_asked_in_the_neutral_form() -> None:
    asked: list[ProviderRequest] = []

    async def send_unified(request: ProviderRequest) -> Completion:
        asked.append(request)
        response = text_response("La", stop_reason="end_turn", usage=USAGE, latency_ms=5)
        return Completion(response, USAGE, 6)

    request = ProviderRequest("m", RequestType.RAW, {"inputText": "Hi"}, timeout_s=3)
    family = find_family(request.model_id, request.body)
    completion = asyncio.run(complete_raw(family, send_unified, request))
    converse = {"messages": HI, "inferenceConfig": {"maxTokens": 512}}
    assert asked == [ProviderRequest("m", RequestType.UNIFIED, converse, timeout_s=3)]
    assert completion.response["results"][0]["outputText"] == "La"
    assert (completion.usage, completion.latency_ms) == (USAGE, 6)


ODD_VALUES = [None, "x", 1, -1, 10**30, float("nan"), True, [], [None], ["x"], [[]], {}, {"x": 1}]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_response_of_another_form_is_read_as_an_empty_one(family: Family) -> None:
    """What a service sends that nobody would expect is no reason to lose what was paid for."""
    converse = text_response("La", stop_reason="end_turn", usage=CACHED, latency_ms=1)
    whole = family.from_converse(converse, "m")
    for key, value in whole.items():
        for odd in ODD_VALUES:
            within = dict.fromkeys(_keys_in(value), odd)
            for instead in (odd, within, [within]):
                answer = family.read_answer({**whole, key: instead})
                assert isinstance(answer.text, str)
                assert isinstance(answer.stop_reason, str)
                assert all(0 <= count <= TOKENS_MAX for count in answer.usage or ())


def _keys_in(value: Any) -> list[str]:
    """Return the keys of an object, or of the first one of a list."""
    first = value[0] if isinstance(value, list) and value else value
    return list(first) if isinstance(first, dict) else []
