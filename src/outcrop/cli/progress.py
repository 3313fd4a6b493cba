"""The line of progress that is shown while a model is asked."""

from __future__ import annotations

from collections.abc import Iterator

from outcrop.cli.terminal import Style, Terminal
from outcrop.inference.meter import Progress
from outcrop.pricing.usd import format_usd

_BAR_WIDTH = 20
_WIDTH_DEFAULT = 80


def format_progress(progress: Progress, terminal: Terminal) -> str:
    """Return one line, no wider than the terminal: what does not fit is left out from the end."""
    room = (terminal.width or _WIDTH_DEFAULT) - 1
    line, width = _bar(progress, terminal)
    for piece in _pieces(progress):
        if width + 2 + len(piece) > room:
            break
        line += "  " + piece
        width += 2 + len(piece)
    return line if width <= room else ""


def format_duration(seconds: float) -> str:
    """Return a duration as a clock shows it: `0:07`, `12:41`, `1:02:03`."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def format_count(count: float) -> str:
    """Return a count in at most five characters: `950`, `12.5k`, `3.1M`."""
    for limit, unit in ((1e3, ""), (1e6, "k"), (1e9, "M")):
        if count < 0.9995 * limit:  # more is the next unit's 1 when rounded
            return f"{count / (limit / 1e3):.3g}{unit}" if unit else f"{count:.0f}"
    return f"{count / 1e9:.3g}G"


def format_cost(cost_usd: float | None, *, is_complete: bool = True) -> str:
    """Return what was spent: `$0.0042`, with a `+` where a part of it is not known."""
    if cost_usd is None:
        return "price unknown"
    amount = format_usd(cost_usd)
    return amount if is_complete else f"{amount}+"


def _bar(progress: Progress, terminal: Terminal) -> tuple[str, int]:
    """Return the bar with its numbers, and how many cells it takes without its colours."""
    if progress.calls_total is None:
        text = f"{progress.done:,} answers"
        return text, len(text)
    full, empty = ("━", "─") if terminal.is_unicode else ("#", "-")
    share = progress.done / progress.calls_total if progress.calls_total else 0.0
    filled = min(int(share * _BAR_WIDTH), _BAR_WIDTH)
    numbers = f" {progress.done:,}/{progress.calls_total:,}"
    bar = terminal.paint(full * filled, Style.GREEN)
    bar += terminal.paint(empty * (_BAR_WIDTH - filled), Style.DIM)
    return bar + numbers, _BAR_WIDTH + len(numbers)


def _pieces(progress: Progress) -> Iterator[str]:
    """Yield the rest of the line, the most wanted first."""
    yield format_duration(progress.elapsed_s)
    if (left_s := _time_left(progress)) is not None:
        yield f"ETA {format_duration(left_s)}"
    yield format_cost(progress.cost_usd, is_complete=progress.is_cost_complete)
    if progress.failed:
        yield f"{progress.failed:,} failed"
    if progress.reused:
        yield f"{progress.reused:,} reused"
    if progress.elapsed_s > 0 and progress.output_tokens:
        yield f"{format_count(progress.output_tokens / progress.elapsed_s)} tokens/s"
    if progress.throttles:
        yield f"{progress.throttles:,} throttled"
    if progress.in_flight:
        yield f"{progress.in_flight:,} in flight"


def _time_left(progress: Progress) -> float | None:
    """Return the seconds that are left at the pace so far, which answers at once do not tell."""
    paced = progress.done - progress.reused - progress.repeated
    if progress.calls_total is None or paced <= 0:
        return None
    return (progress.calls_total - progress.done) * progress.elapsed_s / paced
