"""Runs the code blocks of one document, in order, in a folder of its own.

SQL runs in one session of one warehouse, in which every provider is scripted that the document does
not describe itself, unless it begins with `<!-- models: local -->`. Commands run in the same folder
and see the same warehouse, which is closed meanwhile. `tests/docs/README.md` says how to write a
block.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import socket
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import TracebackType

import outcrop.config
from outcrop.cli.foreground import Foreground
from outcrop.cli.interpreter import Interpreter
from outcrop.cli.messages import Messages
from outcrop.cli.terminal import Terminal
from outcrop.config import CONFIG_FILE
from outcrop.session import Session
from outcrop.warehouse import Warehouse
from tests.docs.blocks import Block
from tests.docs.command_line import CommandLine
from tests.docs.output import matches

WAREHOUSE = "outcrop-warehouse"  # where `outcrop` looks for it if nobody says otherwise
PROVIDERS = ("bedrock", "openai", "anthropic", "local")

# Documents name this port for a server of theirs; a run takes a free one instead.
DOCUMENTED_PORT = "8080"

_MARKS = {"output", "fails", "file", "norun"}


class BlockFailed(AssertionError):
    """A block that does not do what the document says; the message names its place."""


class DocumentRun:
    """The state of one run: the folder, the open session, and what Python defined so far."""

    def __init__(self, repository: Path, folder: Path, *, is_scripted: bool) -> None:
        self._folder = folder
        self._is_scripted = is_scripted
        self._port = str(_free_port())
        self._commands = CommandLine(repository, folder)
        self._names: dict[str, object] = {}
        self._open = contextlib.ExitStack()
        self._interpreter: Interpreter | None = None
        self._out = io.StringIO()
        self._runners: Mapping[str, Callable[[Block], str]] = {
            "sql": self._run_sql,
            "console": self._run_console,
            "python": self._run_python,
            "toml": _check_toml,
            "json": _check_json,
            "text": _check_nothing,
            "ebnf": _check_nothing,
        }
        (folder / "examples").symlink_to(repository / "examples")
        if is_scripted:
            (folder / WAREHOUSE).mkdir()
            (folder / WAREHOUSE / "outcrop.toml").write_text(scripted(""))

    def __enter__(self) -> DocumentRun:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close_session()
        self._commands.close()

    def run(self, blocks: Sequence[Block]) -> None:
        """Run the blocks in order; raises BlockFailed at the first that fails."""
        for block, following in pairwise([*blocks, None]):
            assert block is not None
            self._check_form(block)
            if "norun" in block.marks:
                continue
            block = replace(block, text=block.text.replace(DOCUMENTED_PORT, self._port))
            if "file" in block.marks:
                self._write_file(block)
            printed = self._runners[block.language](block)
            if following is not None and "output" in following.marks:
                _compare(following, printed.replace(self._port, DOCUMENTED_PORT))

    def _check_form(self, block: Block) -> None:
        if block.language not in self._runners:
            known = ", ".join(self._runners)
            raise BlockFailed(f"{block.place}: language {block.language!r} is none of {known}")
        if unknown := set(block.marks) - _MARKS:
            raise BlockFailed(f"{block.place}: no mark is called {', '.join(sorted(unknown))}")
        if "norun" in block.marks and not block.marks["norun"].startswith("needs an account"):
            raise BlockFailed(f"{block.place}: only a block that `needs an account` may not run")
        if "output" in block.marks and block.language != "text":
            raise BlockFailed(f"{block.place}: output is a `text` block")

    def _write_file(self, block: Block) -> None:
        path = self._folder / block.marks["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        text = block.text
        if path.name == CONFIG_FILE:
            self._close_session()  # the next one reads it
            text = scripted(text) if self._is_scripted else text
        path.write_text(text, encoding="utf-8")

    def _run_sql(self, block: Block) -> str:
        with contextlib.chdir(self._folder), self._commands.exported():
            interpreter = self._interpreter or self._open_session()
            succeeded = interpreter.run(block.text)
        printed = self._take_output()
        _check_outcome(block, succeeded=succeeded, printed=printed)
        return printed

    def _run_python(self, block: Block) -> str:
        self._close_session()
        printed = io.StringIO()
        code = compile(block.text, block.place, "exec")
        with (
            contextlib.chdir(self._folder),
            self._commands.exported(),
            contextlib.redirect_stdout(printed),
            _logging_as_it_is("outcrop"),
        ):
            exec(code, self._names)
        return printed.getvalue()

    def _run_console(self, block: Block) -> str:
        self._close_session()
        commands = list(_commands(block))
        if not commands:
            raise BlockFailed(f"{block.place}: no line begins with `$ `")
        return "".join(self._run_command(block, command) for command in commands)

    def _run_command(self, block: Block, command: str) -> str:
        succeeded, printed = self._commands.run(command)
        _check_outcome(block, succeeded=succeeded, printed=f"$ {command}\n{printed}")
        return printed

    def _open_session(self) -> Interpreter:
        terminal = Terminal()
        messages = Messages(self._out, terminal)
        warehouse = self._open.enter_context(Warehouse.open(self._folder / WAREHOUSE))
        session: Session = warehouse.open_session(on_notice=messages.notice)
        self._open.callback(session.close)
        foreground = self._open.enter_context(Foreground(session, messages))
        self._interpreter = Interpreter(session, foreground, messages, self._out, terminal)
        return self._interpreter

    def _close_session(self) -> None:
        self._open.close()
        self._interpreter = None

    def _take_output(self) -> str:
        printed = self._out.getvalue()
        self._out.seek(0)
        self._out.truncate()
        return printed


def _compare(expected: Block, printed: str) -> None:
    if expected.marks["output"] == "example":
        return  # what a model said once; another model, or machine, may say it otherwise
    if not matches(expected.text, printed):
        raise BlockFailed(
            f"{expected.place}: the output is another\n--- in the document\n{expected.text}"
            f"--- printed\n{printed}"
        )


def _check_outcome(block: Block, *, succeeded: bool, printed: str) -> None:
    if succeeded == ("fails" in block.marks):
        verdict = "should fail and did not" if succeeded else "fails"
        raise BlockFailed(f"{block.place}: {verdict}\n{printed}")


def _commands(block: Block) -> Iterator[str]:
    """Yield the commands of a console block; a line that ends in a backslash goes on."""
    lines = iter(block.text.splitlines())
    for line in lines:
        if not line.startswith("$ "):
            continue
        command = line.removeprefix("$ ")
        while command.endswith("\\"):
            command = f"{command}\n{next(lines).removeprefix('> ')}"
        yield command


def scripted(config: str) -> str:
    """Return an `outcrop.toml` in which the providers that it does not describe are scripted."""
    described = tomllib.loads(config).get("providers", {})
    missing = [name for name in PROVIDERS if name not in described]
    return config + "".join(f'\n[providers.{name}]\nkind = "scripted"\n' for name in missing)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _check_toml(block: Block) -> str:
    document = tomllib.loads(block.text)
    outcrop.config.parse_config(document)
    return ""


def _check_json(block: Block) -> str:
    json.loads(block.text)
    return ""


def _check_nothing(block: Block) -> str:
    return ""


@contextlib.contextmanager
def _logging_as_it_is(name: str) -> Iterator[None]:
    """Take back what a block does to a logger, which is the whole process's."""
    logger = logging.getLogger(name)
    handlers, level = list(logger.handlers), logger.level
    try:
        yield
    finally:
        logger.handlers[:] = handlers
        logger.setLevel(level)
