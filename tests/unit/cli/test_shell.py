from __future__ import annotations

import io
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from outcrop.cli.foreground import Foreground
from outcrop.cli.interpreter import Interpreter
from outcrop.cli.messages import Messages
from outcrop.cli.shell import is_complete, run_shell
from outcrop.cli.terminal import Terminal
from outcrop.warehouse import Warehouse

MODEL = (
    "CREATE EXTERNAL MODEL helper FUNCTION ask IAM_ROLE DEFAULT MODEL_TYPE BEDROCK "
    "SETTINGS (MODEL_ID 'anthropic.claude-v2');\r"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("  \n", True),
        ("\\d", True),
        ("SELECT 1", False),
        ("SELECT 1;", True),
        ("SELECT 1; -- done", True),
        ("SELECT ';", False),
        ("SELECT ';'", False),
        ("SELECT 1; SELECT 2", False),
        ("-- only a remark", True),
        ("/* open", False),
        ("SELECT $$;$$", False),
    ],
)
def test_a_text_is_complete_at_its_semicolon(text: str, expected: bool) -> None:
    assert is_complete(text) is expected


class TypedShell:
    """A shell over a real warehouse that is typed at through a pipe."""

    def __init__(self, interpreter: Interpreter, out: io.StringIO, messages: io.StringIO) -> None:
        self._interpreter = interpreter
        self._out = out
        self._messages = messages

    def type(self, text: str, history: Path) -> tuple[str, str]:
        """Type `text` and leave; return what came on stdout and on stderr."""
        with create_pipe_input() as pipe:
            pipe.send_text(text + "\\q\r")
            code = run_shell(
                self._interpreter,
                "shop",
                {"name": "Inês"},
                history=history,
                terminal_input=pipe,
                terminal_output=DummyOutput(),
            )
        assert code == 0
        greeting, _, messages = self._messages.getvalue().partition("\n")
        assert greeting.startswith("Outcrop 0.1.0.")
        return self._out.getvalue(), messages


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[TypedShell]:
    directory = tmp_path / "shop"
    directory.mkdir()
    (directory / "outcrop.toml").write_text('[providers.bedrock]\nkind = "scripted"\n')
    out, stream = io.StringIO(), io.StringIO()
    messages = Messages(stream, Terminal())
    with Warehouse.open(directory) as warehouse:
        session = warehouse.open_session(on_notice=messages.notice)
        with Foreground(session, messages) as foreground:
            interpreter = Interpreter(session, foreground, messages, out, Terminal())
            yield TypedShell(interpreter, out, stream)
        session.close()


def test_a_statement_spans_lines(shell: TypedShell, tmp_path: Path) -> None:
    out, messages = shell.type("SELECT 1\rAS one;\r", tmp_path / "history")
    assert out == " one\n─────\n   1\n(1 row)\n\n"
    assert messages == ""
    assert "+AS one;" in (tmp_path / "history").read_text()


def test_an_error_does_not_end_the_shell(shell: TypedShell, tmp_path: Path) -> None:
    out, messages = shell.type("SELEC 1;\rSELECT 2 AS n;\r", tmp_path / "history")
    assert messages.startswith("ERROR:  42601:")
    assert "   2\n" in out or " 2\n" in out


def test_variables_are_put_in(shell: TypedShell, tmp_path: Path) -> None:
    out, _ = shell.type("SELECT :'name' AS name;\r", tmp_path / "history")
    assert out == " name\n──────\n Inês\n(1 row)\n\n"


def test_expanded_and_format(shell: TypedShell, tmp_path: Path) -> None:
    out, _ = shell.type("\\x\rSELECT 1 AS n;\r\\format csv\rSELECT 2 AS n;\r", tmp_path / "history")
    assert out == (
        "Expanded display is on.\n─[ row 1 ]┬──────────────────────────────\nn │ 1\n(1 row)\n\n"
        "n\n2\n"
    )


def test_timing(shell: TypedShell, tmp_path: Path) -> None:
    out, messages = shell.type("\\timing\rSELECT 1 AS n;\r", tmp_path / "history")
    assert out.startswith("Timing is on.\n")
    assert re.fullmatch(r"Time: \d+\.\d{3} s\n", messages)


def test_the_catalog_is_described(shell: TypedShell, tmp_path: Path) -> None:
    text = (
        f"CREATE TABLE t (n integer NOT NULL);\r{MODEL}\\d\r\\dt\r\\dv\r\\dm\r\\d t\r\\d helper\r"
    )
    out, messages = shell.type(text, tmp_path / "history")
    assert messages == ""
    assert " public │ t    │ table │" in out
    assert " helper │ ask      │ BEDROCK │ anthropic.claude-v2 │ UNIFIED -> VARCHAR\n" in out
    assert "Table t\n column │ type    │ nullable │ default │ encoding\n" in out
    assert " n      │ integer │ not null" in out
    assert "Model helper\n setting       │ value\n" in out


def test_a_script_is_included(shell: TypedShell, tmp_path: Path) -> None:
    script = tmp_path / "script.sql"
    script.write_text("SELECT :'name' AS name;", encoding="utf-8")
    out, messages = shell.type(f"\\i {script}\r\\i missing.sql\r", tmp_path / "history")
    assert " Inês\n" in out
    assert messages.startswith("ERROR:  58030: cannot read the script 'missing.sql'")


def test_an_unknown_command_is_suggested(shell: TypedShell, tmp_path: Path) -> None:
    _, messages = shell.type("\\timin\r\\zzz\r", tmp_path / "history")
    assert messages == (
        "ERROR:  42601: there is no command \\timin\nHINT:  Did you mean '\\\\timing'?\n"
        "ERROR:  42601: there is no command \\zzz\nHINT:  \\? lists the commands.\n"
    )


def test_help_lists_every_command(shell: TypedShell, tmp_path: Path) -> None:
    out, _ = shell.type("\\?\r", tmp_path / "history")
    for command in ("\\d [NAME]", "\\dt", "\\dv", "\\dm", "\\x", "\\timing", "\\i FILE", "\\q"):
        assert f"  {command} " in out


def test_control_c_drops_the_line_and_control_d_leaves(shell: TypedShell, tmp_path: Path) -> None:
    out, messages = shell.type("SELECT 1\x03SELECT 2 AS n;\r\x04", tmp_path / "history")
    assert out == " n\n───\n 2\n(1 row)\n\n"
    assert messages == ""


def test_a_terminal_gets_a_shell(tmp_path: Path) -> None:
    """The whole command in a pseudo-terminal: a prompt, a table, the end."""
    leader, follower = pty.openpty()
    environment = {
        **os.environ,
        "TERM": "xterm",
        "HOME": str(tmp_path),
        "LINES": "24",
        "COLUMNS": "80",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "outcrop.cli", "-w", str(tmp_path / "shop"), "sql"],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=environment,
        start_new_session=True,
    ) as process:
        os.close(follower)
        terminal = PseudoTerminal(leader)
        terminal.wait_for("shop=>")
        terminal.send("SELECT 6 * 7 AS answer;\r")
        terminal.wait_for("(1 row)")
        terminal.wait_for("shop=>")
        terminal.send("\\q\r")
        assert process.wait(timeout=60) == 0
    os.close(leader)


class PseudoTerminal:
    """The side of a pseudo-terminal at which a user sits."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._unread = ""

    def send(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def wait_for(self, text: str, timeout_s: float = 60.0) -> None:
        deadline = time.monotonic() + timeout_s
        while text not in self._unread:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._descriptor], [], [], max(left, 0))
            assert ready, f"{text!r} did not appear in {self._unread!r}"
            self._read()
        self._unread = self._unread.partition(text)[2]

    def _read(self) -> None:
        text = os.read(self._descriptor, 65_536).decode(errors="replace")
        # prompt_toolkit asks where the cursor is, as of a real terminal.
        for _ in range(text.count("\x1b[6n")):
            self.send("\x1b[1;1R")
        self._unread += text
