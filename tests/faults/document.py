"""The page of the reference that a run makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from outcrop.emulator.faults import FAULTS
from outcrop.providers.fault_table import ANTHROPIC, BEDROCK, HTTP, OPENAI, TRANSPORT, Fault
from tests.faults.faults import INJECTED, OUTAGES
from tests.faults.measure import CALLS, Measured

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "faults.md"

_PAGE = """\
<!-- Made by a run of tests/faults; `make docs` writes it anew. -->

# Faults, and what they cost

What each error of a provider is to the runtime, and what became of {calls:,} calls that met each
fault. A test run makes this page, and fails if it says something else.

## Classes

Every fault has one class, which alone decides what is done about it:

| class | what is done |
| --- | --- |
| throttle | waited for, without a limit of attempts, until `outcrop.retry_timeout` is over |
| transient | tried again: at least six times, and for 12 seconds at least; where no connection \
could be made, until the [circuit breaker](../concepts.md#endpoints-that-are-away) opens |
| possibly paid | tried again, six times at most; the model may have run, and its answer was lost \
on the way: counted, and reserved in every budget |
| row error | not tried again: the error of this row alone |
| fatal for the model | not tried again: ends the statement, or sends the rest to the \
[fallback](configuration.md#routesmodel-id) of its route |

A request is never sent a second time before the first one has ended (no hedging): it would be paid
twice.

## Measured

Each fault met a statement of {calls:,} calls against the [emulator](../guides/emulator.md), with up
to 64 requests at once: some per cent of its requests, and those of one kind together. A statement
that the fault ended was run again when it was over. The emulator's ledger says what was paid.
*Lost* are rows that have neither an answer nor an error that names them; *wrong* those that have
another one's answer; *paid twice* are answers beyond one for each call that are not counted as
possibly paid.

| fault | what happens | what it does | rows lost | rows wrong | paid twice | possibly paid |
| --- | --- | --- | ---: | ---: | ---: | --- |
{injected}

`stream-error` needs a stream, and Outcrop asks for none.

## Outages

Here the whole endpoint was away, hung or had a wrong clock. What lasts no longer than ten seconds
costs nothing, and what lasts longer ends the statement, with all that was answered kept.

| outage | what happens | what it does | rows lost | rows wrong | paid twice | possibly paid |
| --- | --- | --- | ---: | ---: | ---: | --- |
{outages}

## Amazon Bedrock

By the name in `x-amzn-ErrorType`. A few messages say more than the name: a quota of tokens *per
day* that is used up, and a model id that is unknown or needs an inference profile, are fatal for
the model.

{bedrock}

## OpenAI, and what speaks like it

By `code`, or else by `type`; where neither is known, by the status.

{openai}

## Anthropic

By `type`; an `invalid_request_error` that says that the account has no credit is fatal for the
model.

{anthropic}

## By status

Where the name of an error is not known:

{http}

## Of the connection

By our own names, which are in `error_code` of [`sys_llm_call`](system_views.md#sys_llm_call). A
connection that is lost before all of the request was sent is transient.

{transport}
"""


def write_page(measured: Mapping[str, Measured]) -> str:
    """Return the text of the page."""
    return _PAGE.format(
        calls=CALLS,
        injected=_rows(
            (f"`{name}`", _meaning(name), *_cells(measured[fault.name]))
            for fault in INJECTED
            for name in fault.names
        ),
        outages=_rows(
            (outage.meaning, outage.how, *_cells(measured[outage.name])) for outage in OUTAGES
        ),
        bedrock=_faults(BEDROCK),
        openai=_faults(OPENAI),
        anthropic=_faults(ANTHROPIC),
        http=_faults(HTTP),
        transport=_faults(TRANSPORT),
    )


def _meaning(name: str) -> str:
    fault = FAULTS[name]
    return f"`{fault.code}`: {fault.meaning}" if fault.code else fault.meaning


def _cells(measured: Measured) -> Sequence[str]:
    return (
        measured.effect,
        str(measured.rows_lost),
        str(measured.rows_wrong),
        str(measured.paid_twice),
        "counted" if measured.is_possibly_paid else "none",
    )


def _faults(table: Mapping[str, Fault]) -> str:
    head = "| error | status | class | raised as |\n| --- | ---: | --- | --- |\n"
    return head + _rows(
        (
            f"`{fault.name}`",
            str(fault.status or ""),
            fault.fault_class,
            f"`{fault.error.__name__}`",
        )
        for fault in table.values()
    )


def _rows(rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
