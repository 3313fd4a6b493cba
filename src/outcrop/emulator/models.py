"""What the emulator knows of models by their ids: the forms of ids, and limits by family.

Sources: Bedrock API reference, "Converse" (modelId); Bedrock user guide, "Inference request
parameters" of each family.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from outcrop.emulator.service_errors import invalid

_MODEL_ID = re.compile(
    r"arn:aws[a-z-]*:(bedrock|sagemaker):[a-z0-9-]{1,20}:[0-9]{0,12}:[a-zA-Z0-9.:/_-]{1,300}"
    r"|[a-z0-9-]{1,63}(\.[a-zA-Z0-9-]{1,63}){1,4}(:[0-9a-z]{1,10}){0,2}"
)


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """The limits of the models whose id `pattern` finds.

    A request without a limit of its own reserves `output_tokens_max` of the token quota.
    """

    pattern: re.Pattern[str]
    output_tokens_max: int
    temperature_max: float = 1.0


# The first that fits counts.
_LIMITS: tuple[ModelLimits, ...] = (
    ModelLimits(re.compile(r"anthropic\.claude-(v2|instant)"), 4_096),
    ModelLimits(re.compile(r"anthropic\.claude-3-(haiku|sonnet|opus)"), 4_096),
    ModelLimits(re.compile(r"anthropic\.claude-3-5"), 8_192),
    ModelLimits(re.compile(r"anthropic\.claude"), 64_000),
    ModelLimits(re.compile(r"amazon\.titan-text-lite"), 4_096),
    ModelLimits(re.compile(r"amazon\.titan-text-express"), 8_192),
    ModelLimits(re.compile(r"amazon\.titan-text-premier"), 3_072),
    ModelLimits(re.compile(r"amazon\.nova-(micro|lite|pro|premier)-v1"), 10_000),
    ModelLimits(re.compile(r"meta\.llama"), 8_192),
    ModelLimits(re.compile(r"mistral\."), 8_192),
    ModelLimits(re.compile(r"cohere\.command"), 4_096),
    ModelLimits(re.compile(r"openai\."), 128_000, temperature_max=2.0),
    ModelLimits(re.compile(r""), 64_000),
)


def is_model_id(text: str) -> bool:
    """Say whether `text` has the form of a model's id, an inference profile's, or of an ARN."""
    return _MODEL_ID.fullmatch(text) is not None


@lru_cache(maxsize=1_024)
def find_limits(model_id: str) -> ModelLimits:
    """Return the limits of a model; raises ValidationException where `model_id` is no id."""
    if not is_model_id(model_id):
        raise invalid("The provided model identifier is invalid.")
    return next(limits for limits in _LIMITS if limits.pattern.search(model_id))
