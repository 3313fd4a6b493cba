"""What the journal and the price table know of the models of a plan, before any is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from outcrop.catalog.objects import ExternalModel
from outcrop.execution.compose_invocation import InvocationComposer
from outcrop.execution.infer import Router
from outcrop.inference.journal import Journal
from outcrop.inference.prices import Price
from outcrop.inference.tokens import CHARS_PER_TOKEN
from outcrop.planner.call_numbers import ModelStatistics
from outcrop.providers.base import RequestType
from outcrop.settings import SettingValue

PriceOf = Callable[[str, str], Price | None]
"""Gives the price of a model by its provider's name and its id."""


@dataclass(frozen=True, slots=True)
class ModelSources:
    """Where the facts about a model come from; `settings` are the session's."""

    journal: Journal
    price: PriceOf
    route: Router
    settings: Callable[[str], SettingValue]


def model_statistics(model: ExternalModel, sources: ModelSources) -> ModelStatistics:
    """Return what is known of a model, without building its provider."""
    destination = sources.route(model)
    where = (destination.provider, destination.model_id)
    history = sources.journal.token_history(*where)
    speed = sources.journal.call_speed(*where)
    answers = history.answers if history is not None else 0
    max_tokens_default = int(sources.settings("outcrop.max_tokens_default") or 1)
    composer = InvocationComposer(model, destination, max_tokens_default=max_tokens_default)
    is_raw = model.request_type is RequestType.RAW
    fixed_chars = 0 if is_raw else len(composer.compose(["?"]).body) - 1
    concurrency = float(int(sources.settings("outcrop.max_concurrency") or 1))
    if speed is not None and speed.concurrency is not None:
        concurrency = min(concurrency, speed.concurrency)
    return ModelStatistics(
        provider=destination.provider,
        model_id=destination.model_id,
        price=sources.price(*where),
        input_tokens=history.input_tokens / answers if history and answers else None,
        output_tokens=history.output_tokens / answers if history and answers else None,
        tokens_per_char=(
            history.input_tokens / history.request_chars
            if history and history.request_chars
            else 1 / CHARS_PER_TOKEN
        ),
        tokens_max=model.max_tokens or max_tokens_default,
        fixed_chars=fixed_chars,
        seconds_per_call=speed.seconds_per_call if speed is not None else None,
        concurrency=concurrency,
    )
