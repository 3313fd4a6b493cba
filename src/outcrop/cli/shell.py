"""The interactive shell: reads statements and backslash commands, and runs them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_data_path
from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import ANSI
from prompt_toolkit.history import FileHistory
from prompt_toolkit.lexers import PygmentsLexer
from sqlglot import TokenType

from outcrop.cli.completion import ShellCompleter
from outcrop.cli.edge import attempt
from outcrop.cli.highlighting import OutcropLexer
from outcrop.cli.interpreter import Interpreter
from outcrop.cli.metacommands import METACOMMANDS, Shell, run_metacommand
from outcrop.cli.terminal import Style
from outcrop.cli.variables import substitute
from outcrop.errors import SqlSyntaxError
from outcrop.sql.script import Script, tokenize

if TYPE_CHECKING:
    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

HISTORY_FILE = "history"


def run_shell(
    interpreter: Interpreter,
    name: str,
    variables: Mapping[str, str],
    *,
    history: Path | None = None,
    terminal_input: Input | None = None,
    terminal_output: Output | None = None,
) -> int:
    """Read and run until the user leaves; return the exit code.

    `name` stands in the prompt. Tests give the terminal and the place of the history; by default
    they are the process's terminal and a file among the user's data.
    """
    shell = Shell(interpreter, variables)
    prompt = _prompt_session(
        interpreter, name, history or _history_file(), terminal_input, terminal_output
    )
    interpreter.messages.remark(
        f"Outcrop {version('outcrop')}. A statement ends with ;  Type \\? for help, \\q to leave."
    )
    while not shell.is_done:
        try:
            text = prompt.prompt()
        except KeyboardInterrupt:
            continue
        except EOFError:
            break
        try:
            _run(shell, text)
        except KeyboardInterrupt:
            interpreter.messages.remark("Canceled.")
    return 0


def is_complete(text: str) -> bool:
    """Whether `text` can be run: a backslash command, statements up to a `;`, or nothing."""
    stripped = text.strip()
    if not stripped or stripped.startswith("\\"):
        return True
    try:
        tokens = tokenize(Script.of(text))
    except SqlSyntaxError:
        return False
    return not tokens or tokens[-1].token_type is TokenType.SEMICOLON


def _run(shell: Shell, text: str) -> None:
    messages = shell.interpreter.messages
    if text.strip().startswith("\\"):
        attempt(lambda: run_metacommand(shell, text), messages)
    elif text.strip():
        attempt(lambda: _run_statements(shell, text), messages, text)


def _run_statements(shell: Shell, text: str) -> None:
    shell.interpreter.run(substitute(text, shell.variables))


def _prompt_session(
    interpreter: Interpreter,
    name: str,
    history: Path,
    terminal_input: Input | None,
    terminal_output: Output | None,
) -> PromptSession[str]:
    paint = interpreter.messages.terminal.paint
    commands = {command: entry.meaning for command, entry in METACOMMANDS.items()}
    session: PromptSession[str] = PromptSession(
        message=ANSI(paint(f"{name}=> ", Style.BOLD)),
        prompt_continuation=lambda width, line, wraps: f"{'-> ':>{width}}",
        lexer=PygmentsLexer(OutcropLexer),
        completer=ShellCompleter(interpreter.session.catalog, commands),
        complete_while_typing=True,
        auto_suggest=AutoSuggestFromHistory(),
        history=FileHistory(str(history)),
        input=terminal_input,
        output=terminal_output,
    )
    # Enter runs what is complete, and otherwise begins a new line.
    session.multiline = Condition(lambda: not is_complete(session.default_buffer.text))
    return session


def _history_file() -> Path:
    return user_data_path("outcrop", appauthor=False, ensure_exists=True) / HISTORY_FILE
