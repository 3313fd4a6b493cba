from __future__ import annotations

import subprocess
import sys

import pytest

from outcrop.cli.main import build_parser, main


def test_help_lists_commands_options_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    text = capsys.readouterr().out
    places = [text.index(word) for word in ("commands:", "  sql ", "options:", "examples:")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["sql"],
        ["demo"],
        ["models"],
        ["models", "pull"],
        ["models", "list"],
        ["journal"],
        ["journal", "stats"],
        ["journal", "verify"],
        ["journal", "prune"],
        ["journal", "export"],
        ["journal", "import"],
        ["emulate"],
        ["emulate", "bedrock"],
    ],
)
def test_help_fits_80_columns(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*command, "--help"])
    assert caught.value.code == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["sqll"], "invalid choice: 'sqll'"),
        (["sql", "--format", "xml"], "invalid choice: 'xml'"),
        (["sql", "-c", "SELECT 1", "-f", "x.sql"], "not allowed with argument"),
        (["sql", "-v", "novalue"], "'novalue' is not NAME=VALUE"),
        (["emulate", "bedrock"], "--port"),
        (["emulate", "bedrock", "--port", "70000"], "'70000' is no port"),
        (["emulate", "bedrock", "--port", "1", "--fault", "throttling"], "is not NAME=NUMBER"),
        (["models"], "COMMAND"),
        (["journal"], "COMMAND"),
        (["journal", "prune"], "name what goes"),
        (["journal", "prune", "--older-than", "90"], "'90' is no age"),
        (["journal", "prune", "--model", "m", "--history"], "--history goes with --older-than"),
    ],
)
def test_wrong_arguments_exit_with_2(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_model_that_nobody_knows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "pull", "smollm2-135"]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first == "ERROR:  38000: no local model is called 'smollm2-135'"
    assert second == "HINT:  Did you mean 'smollm2-135m-instruct'?"


def test_the_warehouse_is_named_before_or_after_the_command() -> None:
    parser = build_parser()
    for arguments in (["-w", "shop", "sql"], ["sql", "--warehouse", "shop"]):
        assert parser.parse_args(arguments).warehouse == "shop"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == "outcrop 0.1.0\n"


@pytest.mark.parametrize("statement", ["import outcrop", "import outcrop.cli.main"])
def test_what_is_heavy_is_not_imported_early(statement: str) -> None:
    heavy = "{'duckdb', 'pyarrow', 'aiohttp', 'sqlglot', 'botocore', 'prompt_toolkit'}"
    code = f"import sys; {statement}; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout == "[]\n"
