"""The transactions of a warehouse, and which version of the catalog each of them reads.

The version is how many commits have changed the catalog since the warehouse was opened. One process
has the warehouse open, so that a count in memory is enough, and nothing is read to know it. It is
exact because a transaction's snapshot is taken when it begins (the engine's
`immediate_transaction_mode`), and because no transaction begins while a commit that changes the
catalog is under way: two transactions of one version read the same catalog.
"""

from __future__ import annotations

import threading
import weakref
from typing import Protocol


class TransactionalSession(Protocol):
    """The part of an engine's session that begins and ends transactions."""

    def begin(self) -> None:
        """Start a transaction; what it reads is fixed from here on."""
        ...

    def commit(self) -> None:
        """Commit the transaction."""
        ...

    def rollback(self) -> None:
        """Undo the transaction."""
        ...


class CatalogTransactions:
    """Begins and ends transactions: all those of a warehouse that may change its catalog."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest = 0
        # None: the transaction has changed the catalog itself, and reads no version.
        self._open: weakref.WeakKeyDictionary[object, int | None] = weakref.WeakKeyDictionary()

    def begin(self, session: TransactionalSession) -> None:
        """Start a transaction."""
        with self._lock:
            session.begin()
            self._open[session] = self._latest

    def version_of(self, session: object) -> int | None:
        """Return the version that a session's open transaction reads.

        None outside of a transaction, and where it has changed the catalog itself.
        """
        with self._lock:
            return self._open.get(session)

    def note_change(self, session: object) -> None:
        """Note that a session's open transaction changes the catalog."""
        with self._lock:
            if session in self._open:
                self._open[session] = None

    def commit(self, session: TransactionalSession) -> None:
        """Commit a session's transaction; with a change of the catalog, a new version begins."""
        with self._lock:
            if self._open.get(session) is None:
                # A commit that fails changes nothing, and a version too many does no harm.
                self._latest += 1
                self._open.pop(session, None)
                session.commit()
                return
            del self._open[session]
        session.commit()

    def rollback(self, session: TransactionalSession) -> None:
        """Undo a session's transaction."""
        with self._lock:
            self._open.pop(session, None)
        session.rollback()
