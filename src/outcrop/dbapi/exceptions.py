"""The exceptions of PEP 249, and how each error of `outcrop.errors` becomes one of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from outcrop import errors
from outcrop.errors import Error


class Warning(Exception):  # noqa: A001 - PEP 249 gives the name
    """PEP 249 asks for it; Outcrop's warnings are notices (`Connection.notices`)."""


class InterfaceError(Error):
    """The API is used in a way that it does not work, such as a cursor that was closed."""

    sqlstate = "08003"
    kind = errors.ErrorKind.USER


class DatabaseError(Error):
    """The base of every error that has to do with the database."""


class DataError(DatabaseError):
    """A value is wrong for what is done with it."""


class OperationalError(DatabaseError):
    """Something outside of the program's control failed: a provider, a disk, a budget."""


class IntegrityError(DatabaseError):
    """A row breaks a constraint."""


class InternalError(DatabaseError):
    """A bug of Outcrop."""


class ProgrammingError(DatabaseError):
    """The statement is wrong, or what it names is not there."""


class NotSupportedError(DatabaseError):
    """The statement uses something that Outcrop does not have."""


# The class of PEP 249 for each of ours; the first that fits is taken, so the narrow come first.
_PEP249_CLASSES: tuple[tuple[type[Error], type[DatabaseError]], ...] = (
    (errors.FeatureNotSupported, NotSupportedError),
    (errors.ConstraintViolated, IntegrityError),
    (errors.InvalidValue, DataError),
    (errors.DivisionByZero, DataError),
    (errors.StringTooLong, DataError),
    (errors.LoadFailed, DataError),
    (errors.QueryCanceled, OperationalError),
    (errors.SerializationConflict, OperationalError),
    (errors.ConfigInvalid, OperationalError),
    (errors.NotAWarehouse, OperationalError),
    (errors.UserError, ProgrammingError),
    (errors.ResourceError, OperationalError),
    (errors.ProviderError, OperationalError),
    (errors.ModelUnreachable, OperationalError),
    (errors.RowsFailed, OperationalError),
    (errors.InternalError, InternalError),
    (Error, DatabaseError),
)


@contextmanager
def translated() -> Iterator[None]:
    """Raise every error of Outcrop as an exception of PEP 249 as well."""
    try:
        yield
    except (DatabaseError, InterfaceError):
        raise
    except Error as error:
        raise _as_pep249(error) from error


def _as_pep249(error: Error) -> Error:
    """Return `error` once more, as an instance of its own class and of PEP 249's."""
    combined = _combined_class(type(error))
    twin = combined.__new__(combined, *error.args)
    twin.__dict__.update(error.__dict__)
    return twin


# The classes that were combined so far, so that equal errors are of one class.
_combined: dict[type[Error], type[Error]] = {}


def _combined_class(kind: type[Error]) -> type[Error]:
    if kind not in _combined:
        pep249 = next(after for before, after in _PEP249_CLASSES if issubclass(kind, before))
        members = {"__doc__": kind.__doc__, "__module__": __name__}
        _combined[kind] = type(kind.__name__, (kind, pep249), members)
    return _combined[kind]
