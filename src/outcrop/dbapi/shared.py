"""The warehouses that this process has open, shared by its connections."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outcrop.warehouse import Warehouse


class OpenWarehouses:
    """The warehouses that this process has open, each shared by the connections to its directory.

    A warehouse can be opened once at a time, so that a second connection must find the first one's.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[Path, Warehouse] = {}
        self._uses: Counter[Path] = Counter()

    def acquire(self, directory: Path, *, create: bool) -> Warehouse:
        """Return the warehouse in `directory`, which is opened if no connection has it open."""
        from outcrop.warehouse import Warehouse

        key = directory.resolve()
        with self._lock:
            warehouse = self._open.get(key)
            if warehouse is None:
                warehouse = self._open[key] = Warehouse.open(directory, create=create)
            self._uses[key] += 1
            return warehouse

    def release(self, directory: Path) -> None:
        """Give a warehouse back; the last one to do so closes it."""
        key = directory.resolve()
        with self._lock:
            self._uses[key] -= 1
            if not self._uses[key]:
                self._open.pop(key).close()


# The one state of this module: what is open in a process is a fact of that process.
_warehouses = OpenWarehouses()
