"""A provider's response to the value that a row gets, or to the row's error.

Reading is a function of the response and the model alone. A response that gives no value (empty,
blocked, not of the declared type) was paid for and is journaled like any other; each statement
that meets it reports the same error, and none pays for it again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import fastjsonschema

from outcrop.catalog.objects import ExternalModel, ResponseType
from outcrop.datatypes import DataType, TypeKind
from outcrop.errors import ContentFiltered, OutputInvalid
from outcrop.execution.compose_invocation import ANSWER_KEY, output_schema
from outcrop.providers.base import JsonObject, RequestType

_BLOCKED = frozenset({"guardrail_intervened", "content_filtered"})
_CUT = frozenset({"max_tokens", "model_context_window_exceeded"})
_ASK_AFRESH = "SET outcrop.reuse_answers TO off; asks the model again."
_EXCERPT_CHARACTERS = 60


class AnswerReader:
    """Reads the responses of one model. `read` gives the value as text (JSON for a SUPER)."""

    def __init__(self, model: ExternalModel) -> None:
        self._model = model
        schema = output_schema(model)
        self._validate: Callable[[Any], Any] | None = (
            None if schema is None else fastjsonschema.compile(dict(schema))
        )
        self._is_raw = model.request_type is RequestType.RAW
        self._is_whole_response = (
            model.response_type is ResponseType.SUPER and schema is None and model.returns is None
        )

    def read(self, response: JsonObject) -> str:
        """Return the value of a response; raises ContentFiltered or OutputInvalid."""
        if self._is_raw:
            return json.dumps(response, ensure_ascii=False)
        stop = str(response.get("stopReason", ""))
        if stop in _BLOCKED:
            raise ContentFiltered(
                f"the answer was blocked ({stop})", code=stop, hint="Change the prompt."
            )
        if self._is_whole_response:
            return json.dumps(response, ensure_ascii=False)
        text = answer_text(response)
        if not text.strip():
            raise OutputInvalid(
                f"the answer is empty (stop reason {stop!r})", code="EmptyAnswer", hint=_ASK_AFRESH
            )
        if self._validate is None:
            return _fit(text, self._model.returns)
        return self._read_json(text, is_cut=stop in _CUT)

    def _read_json(self, text: str, *, is_cut: bool) -> str:
        assert self._validate is not None
        try:
            value = json.loads(text)
            self._validate(value)
        except (ValueError, fastjsonschema.JsonSchemaException) as error:
            cause = "was cut off before its end" if is_cut else "is not of the declared type"
            raise OutputInvalid(
                f"the answer {cause}: {_excerpt(text)!r}",
                code="AnswerCut" if is_cut else "AnswerNotOfType",
                hint="Raise MAX_TOKENS." if is_cut else _ASK_AFRESH,
            ) from error
        if self._model.output_schema is not None:
            return json.dumps(value, ensure_ascii=False)
        return _plain(value[ANSWER_KEY], self._model.returns)


def is_cut(response: JsonObject) -> bool:
    """Tell whether a response ended at its limit of tokens."""
    return response.get("stopReason") in _CUT


def answer_text(response: JsonObject) -> str:
    """Return the text of a Converse response: its text blocks, without reasoning or tool use."""
    content = response.get("output", {}).get("message", {}).get("content", [])
    texts = [block["text"] for block in content if isinstance(block, dict) and "text" in block]
    return texts[0] if len(texts) == 1 else "".join(texts)


def _plain(value: object, datatype: DataType | None) -> str:
    if datatype is not None and datatype.kind is TypeKind.SUPER:
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _fit(text: str, datatype: DataType | None) -> str:
    """Cut a text to the bytes of RETURNS VARCHAR(n), as a cast to it does."""
    if datatype is None or datatype.length is None:
        return text
    return text.encode()[: datatype.length].decode(errors="ignore")


def _excerpt(text: str) -> str:
    return text if len(text) <= _EXCERPT_CHARACTERS else text[:_EXCERPT_CHARACTERS] + "..."
