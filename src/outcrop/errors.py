"""Every error that Outcrop raises: its SQLSTATE, who must act, and what to do next.

    Error                       sqlstate, kind, hint, position
    - UserError                 kind USER: the statement must change; never retried
      - SqlSyntaxError          42601    - UndefinedRelation      42P01
      - UndefinedColumn         42703    - AmbiguousColumn        42702
      - UndefinedModel          42704    - UndefinedFunction      42883
      - UndefinedSchema         3F000    - UndefinedSetting       42704
      - UndefinedStatement      26000
      - DuplicateObject         42710    - DatatypeMismatch       42804
      - InvalidParameter        22023    - InvalidValue           22000
      - StringTooLong           22001    - ConstraintViolated     23502
      - InvalidStatement        42P17    - WrongObjectKind        42809
      - DivisionByZero          22012    - InvalidGrouping        42803
      - FeatureNotSupported     0A000    - InsufficientPrivilege  42501
      - QueryCanceled           57014    - TransactionAborted     25P02
      - SerializationConflict   40001    - LoadFailed             XX006
      - ConfigInvalid           F0000    - NotAWarehouse          58P01
    - ResourceError             kind RESOURCE: the caller decides
      - BudgetExceeded          53400    - WarehouseBusy          55006
      - DiskFull                53100    - OutOfMemory            53200
      - MissingDependency       58P01    - FileUnavailable        58030
    - ProviderError             kind EXTERNAL: a model's provider said no (38000)
      - TransientProviderError  retried by the runtime, by nobody else
        - Throttled - Unavailable - TimedOut
        - Unreachable           an Unavailable to which nothing could be sent
      - TerminalProviderError   never retried
        - Rejected - AuthFailed - ModelNotFound - ContentFiltered - OutputInvalid
    - ModelUnreachable          HV00N: a model's endpoint gives no sign of life
    - RowsFailed                38000: a statement's rows that got no answer, named
    - InternalError             kind INTERNAL: our bug (XX000)
      - JournalCorrupted        XX001: stops the query

The names of PEP 249 (`DatabaseError`, `OperationalError`, ...) live in `outcrop.dbapi`, which maps
each of these to one of them. SQLSTATEs are PostgreSQL's (appendix A of its manual), which
Redshift shares.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class ErrorKind(StrEnum):
    """Who has to act on an error."""

    USER = "USER"
    RESOURCE = "RESOURCE"
    EXTERNAL = "EXTERNAL"
    INTERNAL = "INTERNAL"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the text of a statement: `line` and `column` count from 1, `offset` from 0."""

    line: int
    column: int
    offset: int


class Error(Exception):
    """The base of every error that Outcrop raises.

    `message` says what is wrong, `hint` what to do next, `detail` what else is known. `position`
    points into the text of the statement, where the error is about a piece of it.
    """

    sqlstate = "XX000"
    kind = ErrorKind.INTERNAL
    default_hint: str | None = None

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        detail: str | None = None,
        position: Position | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint if hint is not None else self.default_hint
        self.detail = detail
        self.position = position

    def __str__(self) -> str:
        return self.message


class UserError(Error):
    """The statement, or what it refers to, must change. Never retried."""

    sqlstate = "42000"
    kind = ErrorKind.USER


class SqlSyntaxError(UserError):
    """The text is no statement of our grammar."""

    sqlstate = "42601"


class UndefinedRelation(UserError):
    """No table, view or materialized view has this name."""

    sqlstate = "42P01"


class UndefinedColumn(UserError):
    """No relation in scope has a column of this name."""

    sqlstate = "42703"


class AmbiguousColumn(UserError):
    """Several relations in scope have a column of this name."""

    sqlstate = "42702"


class UndefinedModel(UserError):
    """No external model has this name."""

    sqlstate = "42704"


class UndefinedFunction(UserError):
    """No function has this name and these argument types."""

    sqlstate = "42883"


class UndefinedSchema(UserError):
    """No schema has this name."""

    sqlstate = "3F000"


class UndefinedSetting(UserError):
    """No setting has this name."""

    sqlstate = "42704"


class UndefinedStatement(UserError):
    """No prepared statement of the session has this name."""

    sqlstate = "26000"


class DuplicateObject(UserError):
    """The name is taken."""

    sqlstate = "42710"


class DatatypeMismatch(UserError):
    """A value or an argument has another type than the one that is needed."""

    sqlstate = "42804"


class InvalidParameter(UserError):
    """A setting, an option or a model parameter has a value outside its domain."""

    sqlstate = "22023"


class InvalidValue(UserError):
    """The data hold a value that the statement cannot work with."""

    sqlstate = "22000"


class DivisionByZero(UserError):
    """A number is divided by zero."""

    sqlstate = "22012"
    default_hint = "NULLIF(divisor, 0) gives NULL instead."


class InvalidGrouping(UserError):
    """A column, or an aggregate, stands where the grouping of the query does not allow it."""

    sqlstate = "42803"


class StringTooLong(UserError):
    """A value is longer than its column, in bytes."""

    sqlstate = "22001"


class ConstraintViolated(UserError):
    """A row breaks a NOT NULL, CHECK or key constraint."""

    sqlstate = "23502"


class InvalidStatement(UserError):
    """The statement is well formed and makes no sense, such as an encoding its type cannot have."""

    sqlstate = "42P17"


class WrongObjectKind(UserError):
    """The name is that of another kind of object, such as DROP TABLE on a view."""

    sqlstate = "42809"


class FeatureNotSupported(UserError):
    """Outcrop does not do this; the hint names a way to rewrite the statement."""

    sqlstate = "0A000"


class InsufficientPrivilege(UserError):
    """The user lacks a grant."""

    sqlstate = "42501"


class QueryCanceled(UserError):
    """The user, or a timeout that the user set, stopped the statement."""

    sqlstate = "57014"


class TransactionAborted(UserError):
    """An earlier statement of the transaction failed."""

    sqlstate = "25P02"
    default_hint = "ROLLBACK ends the transaction; then run it again."


class SerializationConflict(UserError):
    """Another transaction changed the same rows first."""

    sqlstate = "40001"
    default_hint = "Run it again: answers of models are kept, and are not paid for again."


class LoadFailed(UserError):
    """COPY met a value that it could not load; the message names file, line, column and value."""

    sqlstate = "XX006"


class ConfigInvalid(UserError):
    """`outcrop.toml` holds something that Outcrop cannot use."""

    sqlstate = "F0000"


class NotAWarehouse(UserError):
    """The directory is no warehouse, or one of another version."""

    sqlstate = "58P01"


class ResourceError(Error):
    """Something ran out; the caller decides what to do."""

    sqlstate = "53000"
    kind = ErrorKind.RESOURCE


class BudgetExceeded(ResourceError):
    """The next call would overshoot a budget. Everything answered before is kept."""

    sqlstate = "53400"


class WarehouseBusy(ResourceError):
    """Another process has the warehouse open."""

    sqlstate = "55006"


class DiskFull(ResourceError):
    """The disk is full, or cannot be written. What was answered before is kept."""

    sqlstate = "53100"


class OutOfMemory(ResourceError):
    """The engine's memory limit was reached."""

    sqlstate = "53200"


class MissingDependency(ResourceError):
    """An optional package or a local model is not installed; the hint has the command."""

    sqlstate = "58P01"


class FileUnavailable(ResourceError):
    """A file or an object cannot be read or listed."""

    sqlstate = "58030"


class ProviderError(Error):
    """A model's provider answered with an error, or not at all.

    `code` is the provider's own name of the error (`ThrottlingException`), or our name of a fault
    of the transport (`ConnectionReset`). `possibly_paid` is true where the model may have run and
    its answer was lost on the way.
    """

    sqlstate = "38000"
    kind = ErrorKind.EXTERNAL

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        possibly_paid: bool = False,
        hint: str | None = None,
        detail: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, detail=detail)
        self.code = code or type(self).__name__
        self.possibly_paid = possibly_paid


class TransientProviderError(ProviderError):
    """The same request may succeed later. Retried by the runtime, by nobody else."""


class QuotaKind(StrEnum):
    """What a provider counts."""

    REQUESTS = "requests"
    TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class StatedQuota:
    """What a provider grants, as it says itself or as its user knows; None where nobody says."""

    requests_per_s: float | None = None
    tokens_per_s: float | None = None


class Throttled(TransientProviderError):
    """A quota was hit. Costs nothing and is no failure: the runtime slows down and tries again.

    `retry_after_s` is the provider's own wish, in seconds, where it sends one; `quota` says which
    quota it was, where the provider does; `stated_quota` how large its quotas are, likewise.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        retry_after_s: float | None = None,
        quota: QuotaKind | None = None,
        stated_quota: StatedQuota | None = None,
        hint: str | None = None,
        detail: str | None = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint, detail=detail)
        self.retry_after_s = retry_after_s
        self.quota = quota
        self.stated_quota = stated_quota


class Unavailable(TransientProviderError):
    """The provider is overloaded, broken or out of reach."""


class Unreachable(Unavailable):
    """No connection could be made (no such host, refused, TLS), so that nothing was sent."""


class TimedOut(TransientProviderError):
    """No complete answer came in time."""


class TerminalProviderError(ProviderError):
    """The same request would fail again. Never retried.

    `is_fatal_for_model` is true where every other request to the model would fail as well
    (no access, no such model), so that asking on is pointless.
    """

    is_fatal_for_model = False


class Rejected(TerminalProviderError):
    """The provider refuses this request: too long, malformed, out of range."""


class AuthFailed(TerminalProviderError):
    """Credentials are missing, wrong, expired, or lack access to the model."""

    is_fatal_for_model = True


class NotConfigured(AuthFailed):
    """What a request needs of this machine is missing (a key, a region), so that none was sent."""


class ModelNotFound(TerminalProviderError):
    """The provider has no such model, or has retired it."""

    is_fatal_for_model = True


class ContentFiltered(TerminalProviderError):
    """A guardrail or a content filter blocked the answer."""


class OutputInvalid(TerminalProviderError):
    """The model answered, and the answer is empty or is not of the declared type."""


class ModelUnreachable(Error):
    """A model's endpoint gives no sign of life, so that nothing more is sent to it for a while.

    Everything answered before is kept.
    """

    sqlstate = "HV00N"
    kind = ErrorKind.EXTERNAL


def is_fatal_for_model(error: Error) -> bool:
    """Return whether every other request to the model would fail as well."""
    match error:
        case ModelUnreachable():
            return True
        case TerminalProviderError():
            return error.is_fatal_for_model
    return False


class RowsFailed(Error):
    """Some rows of a statement got no answer; everything else was answered and is journaled."""

    sqlstate = "38000"
    kind = ErrorKind.EXTERNAL


class InternalError(Error):
    """A bug of Outcrop."""

    default_hint = "This is a bug in Outcrop; please report it with the statement."


class JournalCorrupted(InternalError):
    """The journal cannot be read; no model is called before it can, since that could pay twice."""

    sqlstate = "XX001"
    default_hint = (
        "`outcrop journal verify` names the damage, and how to save what can be read; "
        "or restore journal.sqlite from a copy."
    )


def counted(number: int, noun: str) -> str:
    """Return a number of things as text: `1 call`, `2,000 calls`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def suggest(name: str, known: Iterable[str]) -> str | None:
    """Return the hint `Did you mean 'x'?` for the known name nearest to `name`, if one is near.

    Names compare without regard to case, so that `maxtokens` finds `maxTokens`.
    """
    by_folded = {candidate.lower(): candidate for candidate in known}
    nearest = difflib.get_close_matches(name.lower(), by_folded, n=1, cutoff=0.6)
    return f"Did you mean {by_folded[nearest[0]]!r}?" if nearest else None
