"""Runs the commands of `console` blocks: in the document's folder, with what it exported so far."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

COMMAND_TIMEOUT_S = 120

# Commands that set up a machine: what they name must exist, but a test does not run them.
_SETUP_COMMANDS = ("git", "cd", "pip")


class CommandLine:
    """One document's commands. What it leaves running (`$ command &`) is ended by `close`."""

    def __init__(self, repository: Path, folder: Path) -> None:
        self._repository = repository
        self._folder = folder
        self._exported: dict[str, str] = {}
        self._running: list[subprocess.Popen[str]] = []

    def run(self, command: str) -> tuple[bool, str]:
        """Run one command; return whether it succeeded, and what it printed."""
        words = shlex.split(command, comments=True)
        if words[0] in _SETUP_COMMANDS:
            return True, ""
        if words[0] == "export":
            self._exported.update(word.split("=", 1) for word in words[1:])
            return True, ""
        if words[-1] == "&":
            return self._start(words[:-1])
        folder = self._folder
        if words[0] == "make":
            # What a test run can say of a target: that it is there, and what it would run.
            command, folder = f"make --dry-run {shlex.join(words[1:])} >/dev/null", self._repository
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        return done.returncode == 0, done.stdout

    @contextmanager
    def exported(self) -> Iterator[None]:
        """Have this process see what the document exported."""
        before = {name: os.environ.get(name) for name in self._exported}
        os.environ.update(self._exported)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def close(self) -> None:
        """End what runs in the background."""
        for process in self._running:
            process.terminate()
            process.communicate(timeout=COMMAND_TIMEOUT_S)
        self._running.clear()

    def _start(self, words: list[str]) -> tuple[bool, str]:
        """Start a server, and wait for the line by which it says that it is there."""
        process = subprocess.Popen(
            words,
            cwd=self._folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._running.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        return line != "", line

    def _environment(self) -> Mapping[str, str]:
        """What commands see: the tests' own environment, with this Python's commands first."""
        commands = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        own = {"PATH": commands, "HOME": str(self._folder), "COLUMNS": "100"}
        return {**os.environ, **own, **self._exported}
