"""A process that has imported everything once, and forks a child for each run.

    python -m tests.durability.kills.fork_server

reads orders from its standard input, one line of JSON each, and answers with one line: how the
child ended, as a return code of `subprocess`. So a run takes what it takes to open a warehouse, and
not the second that Python takes to import all that belongs to it.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from tests.durability.kills import run as runs
from tests.durability.kills.run import Order

LOG = "log"
READY = "ready\n"
DEADLINE_S = 120.0


class ForkServer:
    """The process above, for a test; `run` is for one thread at a time."""

    def __init__(self, template: Path) -> None:
        self.template = template
        command = [sys.executable, "-m", "tests.durability.kills.fork_server", str(template)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == READY

    def run(self, order: Order) -> int:
        """Run an order to its end, or to its kill; return its return code."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(order.to_json() + "\n")
        self._process.stdin.flush()
        return int(json.loads(self._process.stdout.readline()))

    def __enter__(self) -> ForkServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.communicate()  # which ends its input


def _fork(log: Path, action: Callable[[], None]) -> int:
    """Start a child that runs `action`, and whose words go to a file; return its id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        words = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.dup2(words, 1)
        os.dup2(words, 2)
        action()
        status = 0
    except BaseException:  # noqa: BLE001  # the edge: what it was is in the log
        traceback.print_exc()
    finally:
        os._exit(status)


def _wait(child: int, kill_after_s: float | None) -> int:
    """Wait for a child's end, killing it in time; return how it ended."""
    wait_s = DEADLINE_S if kill_after_s is None else kill_after_s
    if not _has_ended(child, time.monotonic() + wait_s):
        # SIGABRT has Python say where it hangs.
        os.kill(child, signal.SIGABRT if kill_after_s is None else signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _has_ended(child: int, deadline_s: float) -> bool:
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            return False
        signal.sigtimedwait([signal.SIGCHLD], left_s)
    return True


def _learn_imports(template: Path) -> None:
    """Import what a run imports on its way, as a child found out that makes the first warehouse."""

    def make_and_tell() -> None:
        runs.make_template(template)
        (template / "modules").write_text("\n".join(sys.modules))

    template.mkdir()
    assert _wait(_fork(template / LOG, make_and_tell), None) == 0, (template / LOG).read_text()
    for name in (template / "modules").read_text().splitlines():
        if name.startswith(("outcrop.", "sqlglot.")):
            importlib.import_module(name)


def main() -> None:
    faulthandler.enable()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    _learn_imports(Path(sys.argv[1]))
    sys.stdout.write(READY)
    sys.stdout.flush()
    for line in sys.stdin:
        order = Order.from_json(line)
        child = _fork(Path(order.folder) / LOG, lambda order=order: runs.run(order))  # type: ignore[misc]
        kill_after_s = order.at / 1_000 if order.event == "time" else None
        sys.stdout.write(f"{_wait(child, kill_after_s)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
