"""What a model family is: how to know its requests, and how they read in the neutral form.

One file per family fills in a `Family`; `base.py` chooses among them. Each conversion is a pure
function of JSON. A parameter of the family that Converse has no name for goes into
`additionalModelRequestFields`, so that nothing that the user asked for goes missing: the provider
that gets it takes it or refuses it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from outcrop.errors import Rejected
from outcrop.providers.base import JsonObject, TokenUsage

Message: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FamilyAnswer:
    """What a family's response says: the text, why it ended in Converse's words, the usage."""

    text: str
    stop_reason: str
    usage: TokenUsage | None


@dataclass(frozen=True, slots=True)
class Family:
    """One family of models that share a form of InvokeModel request and response.

    `id_prefixes` begin the ids of its models. `accepts(body)` says whether a body has the family's
    shape, `is_marked(body)` whether it can be no other family's: a bare `prompt`, or bare
    `messages`, is a shape that several share. `to_converse(body)` raises Rejected where the body
    is malformed.
    `from_converse(response, model_id)` gives the family's own JSON for a Converse response.
    `read_answer(response)` reads the family's own JSON.
    """

    name: str
    id_prefixes: tuple[str, ...]
    accepts: Callable[[JsonObject], bool]
    is_marked: Callable[[JsonObject], bool]
    to_converse: Callable[[JsonObject], JsonObject]
    from_converse: Callable[[JsonObject, str], JsonObject]
    read_answer: Callable[[JsonObject], FamilyAnswer]


def text_field(family: str, body: JsonObject, key: str) -> str:
    """Return the text of `body[key]`, or raise Rejected naming the family and the key."""
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise Rejected(
            f"a request of family {family!r} needs {key!r}, a text that is not empty",
            code="ValidationException",
        )
    return value


def object_field(family: str, body: JsonObject, key: str) -> JsonObject:
    """Return the object `body[key]`, {} where it is absent, or raise Rejected."""
    value = body.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Rejected(
            f"{key!r} of a request of family {family!r} is an object", code="ValidationException"
        )
    return value


def messages_field(family: str, body: JsonObject) -> Sequence[Message]:
    """Return `body['messages']`, checked to be a list of objects with a role and a content."""
    messages = body.get("messages")
    if not isinstance(messages, Sequence) or isinstance(messages, str) or not messages:
        raise Rejected(
            f"a request of family {family!r} needs 'messages', a list that is not empty",
            code="ValidationException",
        )
    for message in messages:
        if not isinstance(message, Mapping) or "role" not in message or "content" not in message:
            raise Rejected(
                f"each of the 'messages' of family {family!r} has a 'role' and a 'content'",
                code="ValidationException",
            )
    return messages


def user_message(text: str) -> Message:
    """Return a user's message of one text."""
    return {"role": "user", "content": [{"text": text}]}


def converse_body(
    messages: Sequence[Message],
    *,
    system: str | None = None,
    parameters: JsonObject,
    names: Mapping[str, str],
    ignored: frozenset[str] = frozenset(),
) -> JsonObject:
    """Return a Converse request body of `messages` and a family's own `parameters`.

    `names` maps the family's parameters to those of `inferenceConfig`; `ignored` are keys that
    are no parameters (the prompt itself, a version mark). All others become
    `additionalModelRequestFields`.
    """
    config: dict[str, Any] = {}
    additional: dict[str, Any] = {}
    for key, value in parameters.items():
        if key in ignored or value is None:
            continue
        if key in names:
            config[names[key]] = value
        else:
            additional[key] = value
    body: dict[str, Any] = {"messages": list(messages)}
    if system:
        body["system"] = [{"text": system}]
    if config:
        body["inferenceConfig"] = config
    if additional:
        body["additionalModelRequestFields"] = additional
    return body


def stop_reason_of(response: JsonObject) -> str:
    """Return the stop reason of a Converse response."""
    return str(response.get("stopReason", "end_turn"))


def text_of_blocks(family: str, content: object) -> str:
    """Return the text of a message's content: a string, or a list of text blocks.

    Raises Rejected for any other kind of block, since only text can be asked of another model.
    """
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        kinds = {_kind_of_block(block) for block in content}
        if kinds <= {"text"}:
            return "".join(block["text"] for block in content)
    raise Rejected(
        f"only text can be translated from a request of family {family!r}",
        code="ValidationException",
        hint="Send images, documents and tools to a provider that takes this body as it is.",
    )


def _kind_of_block(block: object) -> str:
    if isinstance(block, Mapping) and isinstance(block.get("text"), str):
        return str(block.get("type", "text"))
    return "unknown"


def has_typed_messages(body: JsonObject) -> bool:
    """Return whether `messages` are texts or typed blocks, as Anthropic and OpenAI write them."""
    messages = body.get("messages")
    return isinstance(messages, list) and all(_is_typed(message) for message in messages)


def _is_typed(message: object) -> bool:
    if not isinstance(message, Mapping):
        return False
    content = message.get("content")
    if isinstance(content, list):
        return all(isinstance(block, Mapping) and "type" in block for block in content)
    return content is None or isinstance(content, str)


def stable_id(prefix: str, response: JsonObject) -> str:
    """Return an id for `response`, the same each time, as long as a provider's own."""
    canonical = json.dumps(response, sort_keys=True, default=str).encode()
    return prefix + hashlib.blake2b(canonical, digest_size=12).hexdigest()
