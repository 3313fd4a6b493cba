"""The log of the command line: what is logged, how it looks, where it goes."""

from __future__ import annotations

import argparse
import io
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from outcrop.cli.log import log_config, logging_to
from outcrop.cli.main import main
from outcrop.cli.messages import Messages
from outcrop.cli.terminal import Terminal
from outcrop.config import LogConfig, parse_config
from outcrop.errors import ConfigInvalid, FileUnavailable
from outcrop.inference.events import BudgetAlert, CallAnswered, JournalFailed, emit

SCRIPT = """
CREATE TABLE t (p varchar(40));
INSERT INTO t VALUES ('one'), ('two');
CREATE EXTERNAL MODEL m FUNCTION f IAM_ROLE default MODEL_TYPE BEDROCK
SETTINGS (MODEL_ID 'a.model', ENDPOINT 'scripted');
SELECT f(p) FROM t;
"""


def logged(config: LogConfig) -> str:
    stream = io.StringIO()
    with logging_to(Messages(stream, Terminal()), config):
        emit(JournalFailed("a group of writes", "DiskFull", lost=2))
        emit(BudgetAlert("q", 50, "50 % of it"))
        emit(CallAnswered("q", "m", "p", "a.model", "00", 1, 5, None, None, 7, None))
    emit(JournalFailed("after the end", "DiskFull"))
    return stream.getvalue()


def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["-w", str(tmp_path / "w"), "sql", "-c", SCRIPT, *arguments]) == 0
    return capsys.readouterr().err


def objects(text: str) -> list[Mapping[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_by_default_errors_alone_are_logged() -> None:
    time, _, rest = logged(LogConfig()).partition(" ")
    assert time.endswith("Z")
    assert rest == 'ERROR journal_failed what="a group of writes" error=DiskFull lost=2\n'


@pytest.mark.parametrize(("level", "count"), [("error", 1), ("warning", 2), ("debug", 3)])
def test_the_level(level: str, count: int) -> None:
    assert len(logged(LogConfig(level=level)).splitlines()) == count


def test_json_lines() -> None:
    first, second, third = objects(logged(LogConfig(level="debug", format="json")))
    assert list(first) == ["time", "level", "event", "what", "error", "lost"]
    assert (first["level"], first["event"], first["lost"]) == ("error", "journal_failed", 2)
    assert (second["percent"], second["reason"]) == (50, "50 % of it")
    assert "output_tokens" not in third  # what is not known is left out
    assert third["duration_ms"] == 7


def test_the_logger_is_left_as_it_was() -> None:
    logger = logging.getLogger("outcrop")
    before = (logger.level, list(logger.handlers))
    logged(LogConfig(level="debug"))
    assert (logger.level, list(logger.handlers)) == before


def test_a_file_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "outcrop.log"
    for _ in range(2):
        assert logged(LogConfig(file=path)) == ""
    assert len(path.read_text().splitlines()) == 2
    with pytest.raises(FileUnavailable, match="cannot be written"):
        logged(LogConfig(file=tmp_path / "missing" / "outcrop.log"))


def test_the_command_line_overrules_the_file() -> None:
    config = LogConfig(level="info", format="json", prompts=True)
    none = argparse.Namespace(log_level=None, log_format=None, log_file=None)
    assert log_config(config, none) == config
    some = argparse.Namespace(log_level="debug", log_format="text", log_file=Path("f"))
    assert log_config(config, some) == LogConfig("debug", "text", Path("f"), prompts=True)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"level": "loud"}, "log.level must be one of debug, info, warning, error"),
        ({"format": "xml"}, "log.format must be one of text, json"),
        ({"prompts": "yes"}, "log.prompts must be true or false"),
        ({"file": ""}, "log.file must be a text"),
        ({"colour": True}, "unknown key log.colour"),
    ],
)
def test_what_the_file_cannot_say(table: Mapping[str, object], message: str) -> None:
    with pytest.raises(ConfigInvalid, match=message):
        parse_config({"log": table})


def test_a_statement_with_its_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun, ended = objects(run(tmp_path, capsys, "--log-level", "info", "--log-format", "json"))
    assert begun["event"] == "statement_begun"
    assert "query_text" not in begun
    assert ended["query_id"] == begun["query_id"]
    numbers = ("outcome", "calls", "reused", "failed", "possibly_paid")
    assert [ended[name] for name in numbers] == ["completed", 2, 0, 0, 0]


def test_the_warehouse_says_what_is_logged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "w").mkdir()
    log = tmp_path / "events.jsonl"
    (tmp_path / "w" / "outcrop.toml").write_text(
        f'[log]\nlevel = "debug"\nformat = "json"\nprompts = true\nfile = "{log}"\n'
    )
    assert "statement_begun" not in run(tmp_path, capsys)
    begun, *answered, _ = objects(log.read_text())
    assert begun["query_text"].strip() == "SELECT f(p) FROM t"
    assert [event["event"] for event in answered] == ["call_answered"] * 2
    assert {"one" in event["request"] for event in answered} == {True, False}
