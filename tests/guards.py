"""What watches over every test: no network, no keys, nothing left running, nothing skipped in CI.

`tests/conftest.py` installs these. Each is a small plugin of pytest or a plain function.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from outcrop.providers.model_store import FOLDER_VARIABLE, models_folder

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

LEAK_GRACE_S = 5.0
_LEFT_RUNNING = "left running by the tests"

# What a developer's shell may hold and a test must never see: keys first of all, since a test
# that finds one could spend money; and the size of a terminal, by which output is wrapped.
_SECRET_PREFIXES = ("AWS_", "OPENAI_", "ANTHROPIC_", "BEDROCK_")
_PERSONAL_PREFIXES = (*_SECRET_PREFIXES, "OUTCROP_", "PG", "XDG_", "COLUMNS", "LINES")
# How much is tested, as `make fuzz`, `make coverage` and `make soak` say.
_KEPT = frozenset(
    {
        "OUTCROP_FUZZ_CASES",
        "OUTCROP_FUZZ_SEED",
        "OUTCROP_SAMPLE_RUNS",
        "OUTCROP_SOAK_CALLS",
        "OUTCROP_SOAK_KILLS",
        "OUTCROP_SOAK_SEED",
    }
)

_LOCAL_NAMES = ("", "localhost", "ip6-localhost")
_NAME_LOOKUPS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
_SENDS = ("socket.connect", "socket.sendto", "socket.sendmsg")


class NetworkReached(AssertionError):
    """A test tried to leave this machine. Not an OSError, so that nobody retries it."""


def block_network() -> None:
    """Refuse connections and name lookups beyond loopback, for the rest of this process.

    An audit hook sees every socket that Python opens, whatever library asks for it. Libraries with
    sockets of their own in C++ (pyarrow's S3) are not seen; they find no keys and no metadata
    service (`isolated_environment`).
    """
    sys.addaudithook(_refuse_remote)


def _refuse_remote(event: str, arguments: tuple[object, ...]) -> None:
    if event in _SENDS:
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None  # None: a Unix socket's path
    elif event in _NAME_LOOKUPS:
        host = arguments[0]
    else:
        return
    if not _is_local(host):
        raise NetworkReached(f"a test reached for {host!r}; tests use 127.0.0.1 alone")


def _is_local(host: object) -> bool:
    if host is None:
        return True
    name = host.decode() if isinstance(host, bytes) else str(host)
    if name in _LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return `environment` without keys of any provider, for child processes such as pip's."""
    return {k: v for k, v in environment.items() if not k.startswith(_SECRET_PREFIXES)}


def isolated_environment(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return `environment` as tests may see it: an empty home, no keys, no personal settings.

    The model's cache is shared with the developer's, since it is large and its sha256 is checked.
    """
    isolated = {
        name: value
        for name, value in environment.items()
        if name in _KEPT or not name.startswith(_PERSONAL_PREFIXES)
    }
    return isolated | {
        "HOME": str(home),
        FOLDER_VARIABLE: str(models_folder(environment)),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(home / "no-aws-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "no-aws-credentials"),
        "TERM": "dumb",
        "TZ": "UTC",
    }


class IsolatedEnvironment:
    """Gives the whole run the environment above, and gives the developer's back afterwards."""

    def __init__(self) -> None:
        self.developer = dict(os.environ)
        self._home = Path(tempfile.mkdtemp(prefix="outcrop-tests-home-"))
        self._apply(isolated_environment(self.developer, self._home))

    def pytest_unconfigure(self) -> None:
        self._apply(self.developer)
        shutil.rmtree(self._home, ignore_errors=True)

    @staticmethod
    def _apply(environment: Mapping[str, str]) -> None:
        os.environ.clear()
        os.environ.update(environment)
        time.tzset()


class NothingLeftRunning:
    """Fails the run if a child process or a thread outlives it, and says which module began it.

    A worker of pytest-xdist says so to the process that began it, which fails the run.
    """

    def __init__(self) -> None:
        self._before = set(_running())
        self._began_in: dict[str, str] = {}
        self._left: list[str] = []

    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        module = item.location[0]
        if nextitem is None or nextitem.location[0] != module:
            for name in _running():
                self._began_in.setdefault(name, module)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        deadline = time.monotonic() + LEAK_GRACE_S
        while (left := set(_running()) - self._before) and time.monotonic() < deadline:
            time.sleep(0.05)
        self._left += sorted(f"{n} (first seen in {self._began_in.get(n, '?')})" for n in left)
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[_LEFT_RUNNING] = self._left
        if self._left and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: WorkerController) -> None:
        self._left += getattr(node, "workeroutput", {}).get(_LEFT_RUNNING, ())

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        _report(terminalreporter, _LEFT_RUNNING, self._left)


def _running() -> Iterator[str]:
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            yield f"thread {thread.name!r}"
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = status.read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended between the two looks
        name, _, fields = text.partition(") ")
        if int(fields.split()[1]) == os.getpid():
            yield f"process {name.partition('(')[2]!r}, pid {status.parent.name}"


class NothingSkipped:
    """In CI, fails the run if a test was skipped: there everything that tests need is at hand."""

    def __init__(self) -> None:
        self._skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self._skipped.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self._skipped.append(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._skipped and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        _report(terminalreporter, "skipped, which is a failure where CI=true", self._skipped)


def _report(terminal: pytest.TerminalReporter, title: str, lines: list[str]) -> None:
    if lines:
        terminal.section(title, red=True)
        for line in lines:
            terminal.line(line)
