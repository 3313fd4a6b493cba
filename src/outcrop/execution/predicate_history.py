"""What the journal knows of model predicates and their models, for the planner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from outcrop.catalog.objects import ExternalModel
from outcrop.execution.model_statistics import ModelSources, model_statistics
from outcrop.planner.call_numbers import ModelStatistics


@dataclass(frozen=True, slots=True)
class JournaledPredicates:
    """A `PredicateHistory`, read anew each time that it is asked."""

    sources: ModelSources

    def tested(self, conditions: Sequence[str]) -> Mapping[str, tuple[int, int]]:
        """Return how many rows were tested by conditions, and how many passed, by their names."""
        return self.sources.journal.tested(conditions) if conditions else {}

    def statistics(self, model: ExternalModel) -> ModelStatistics:
        """Return what is known of a model."""
        return model_statistics(model, self.sources)
