"""The notice with which every statement ends that called a model, and those of its budgets."""

from __future__ import annotations

from outcrop.errors import counted
from outcrop.execution.question import Failures
from outcrop.execution.result import Notice
from outcrop.inference.budget import SpendAlert
from outcrop.inference.meter import Summary
from outcrop.pricing.usd import format_usd


def closing_notice(summary: Summary, failures: Failures) -> Notice:
    """Return the notice: calls, reused, failed, tokens, cost and seconds."""
    parts = [
        counted(summary.calls, "call"),
        f"{summary.reused:,} reused",
        f"{failures.count + failures.nulls:,} failed"
        + (f" ({failures.nulls:,} given as NULL)" if failures.nulls else ""),
        f"{summary.input_tokens:,} tokens in"
        + (f" ({summary.cached_tokens:,} cached)" if summary.cached_tokens else "")
        + f", {summary.output_tokens:,} out",
        _cost(summary),
        f"{summary.elapsed_s:.1f} s",
    ]
    if summary.possibly_paid:
        parts.insert(
            3, f"{counted(summary.possibly_paid, 'request')} possibly paid without an answer"
        )
    if summary.asked_again:
        parts.insert(3, f"{summary.asked_again:,} asked again for a longer answer")
    if summary.truncated:
        parts.insert(3, f"{counted(summary.truncated, 'answer')} cut at the token limit")
    return Notice("NOTICE", ", ".join(parts), hint=_hint(summary))


def budget_notice(alert: SpendAlert) -> Notice:
    """Return the notice that so much of a budget is spent: a WARNING, where all of it is."""
    return Notice("WARNING" if alert.percent >= 100 else "NOTICE", alert.message)


def _cost(summary: Summary) -> str:
    if summary.calls == 0:
        saved = summary.saved_cost_usd
        return "cost $0" + (f" (saved {format_usd(saved)})" if saved else "")
    if summary.cost_usd is None:
        return "price unknown"
    if not summary.is_cost_complete:
        return f"cost {format_usd(summary.cost_usd)} and calls of unknown price"
    return f"cost {format_usd(summary.cost_usd)}" + (
        f" (saved {format_usd(summary.saved_cost_usd)})" if summary.saved_cost_usd else ""
    )


def _hint(summary: Summary) -> str | None:
    if summary.calls == 0 and summary.reused:
        return "Every answer was reused; SET outcrop.reuse_answers TO off; asks afresh."
    if summary.truncated:
        return "Raise MAX_TOKENS of the model, or maxTokens of the call, for whole answers."
    return None
