"""The log holds neither keys nor, unless asked, prompts: whatever provider, whatever fault."""

from __future__ import annotations

import json
import logging
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from outcrop.config import WarehouseConfig, parse_config
from outcrop.emulator.config import EmulatorConfig
from outcrop.emulator.faults import FAULTS as SERVICE_FAULTS
from outcrop.emulator.server import RunningEmulator
from outcrop.errors import Error
from outcrop.providers.scripted_options import FAULTS as SCRIPTED_FAULTS
from outcrop.warehouse import Warehouse

PROMPT = "Xylophone"
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAQUOKKA0001",
    "AWS_SECRET_ACCESS_KEY": "quokkaSecretAccess",
    "AWS_SESSION_TOKEN": "quokkaSessionToken",
    "OPENAI_API_KEY": "sk-quokka-openai",
    "ANTHROPIC_API_KEY": "sk-quokka-anthropic",
    "MY_KEY": "quokkaOfMyOwn",
}
HEADER = "quokkaHeader"
FORBIDDEN = ("quokka", "akiaquokka")
STATUSES = (400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504, 529)
FAULTS_OF_ENDPOINTS = (
    *map(str, STATUSES),
    "garbage",
    "empty",
    "cut",
    "filtered",
    "reset",
    "half",
    "hang",
)


class Records(logging.Handler):
    """Everything that a record holds, as text."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.events: list[str] = []
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.events.append(record.getMessage())
        self.texts.append(f"{vars(record)!r} {logging.Formatter().format(record)}".lower())

    def with_prompts(self) -> set[str]:
        found = zip(self.events, self.texts, strict=True)
        return {event for event, text in found if PROMPT.lower() in text}

    def assert_no_keys(self) -> None:
        for text in self.texts:
            assert not any(key in text for key in FORBIDDEN), text


@pytest.fixture
def records() -> Iterator[Records]:
    handler = Records()
    logger = logging.getLogger("outcrop")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)


class Endpoint(BaseHTTPRequestHandler):
    """A chat endpoint that fails as the model's id says, and repeats all that it was sent."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        fault = json.loads(body)["model"]
        echo = f"{dict(self.headers)} {body}"
        if fault == "reset":
            linger_none = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_none)
            self.connection.close()
            self.close_connection = True
        elif fault == "hang":
            self.rfile.read(1)
            self.close_connection = True
        elif fault.isdigit():
            code = self.headers.get("Authorization") or self.headers.get("x-api-key")
            self._send(int(fault), {"error": {"message": echo, "type": code, "code": code}})
        elif fault in ("garbage", "half"):
            self._send(200, echo if fault == "garbage" else None)
        else:
            self._send(200, self._answer(fault, echo))

    def _answer(self, fault: str, echo: str) -> Mapping[str, Any]:
        text = "" if fault in ("empty", "filtered") else echo
        stops = {
            "cut": ("length", "max_tokens"),
            "filtered": ("content_filter", "refusal"),
        }
        openai, anthropic = stops.get(fault, ("stop", "end_turn"))
        if "messages" in self.path:
            return {
                "content": [{"type": "text", "text": text}],
                "stop_reason": anthropic,
                "usage": {"input_tokens": 9, "output_tokens": 9},
            }
        message = {"role": "assistant", "content": text}
        return {
            "choices": [{"message": message, "finish_reason": openai}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 9},
        }

    def _send(self, status: int, answer: object) -> None:
        """Send an answer, or half of one that is None."""
        content = b'{"half": ' if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content) * (2 if answer is None else 1)))
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = answer is None

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ask_all(folder: Path, config: WarehouseConfig, kind: str, models: Mapping[str, str]) -> None:
    """Ask each model, given as its function's name and id, about a row and about a text."""
    with Warehouse.open(folder / "w", config=config) as warehouse:
        session = warehouse.open_session()
        session.execute("CREATE TABLE t (p varchar(200))")
        session.execute(f"INSERT INTO t VALUES ('{PROMPT} one'), ('{PROMPT} two'), (' ')")
        session.execute("SET outcrop.retry_timeout TO 1")
        session.execute("SET outcrop.request_timeout TO '1s'")
        for function, model_id in models.items():
            session.execute(
                f"CREATE EXTERNAL MODEL m_{function} FUNCTION {function} IAM_ROLE default "
                f"MODEL_TYPE BEDROCK SETTINGS (MODEL_ID '{model_id}', ENDPOINT '{kind}', "
                f"SYSTEM 'Think of a {PROMPT}.', RETURNS VARCHAR(400))"
            )
            for query in (f"SELECT {function}(p) FROM t", f"SELECT {function}('{PROMPT} text')"):
                try:
                    list(session.execute(query).rows())
                except Error:
                    continue


def assert_clean(records: Records, statements: int) -> None:
    assert records.events.count("statement_begun") == statements
    assert records.events.count("statement_ended") == statements
    assert records.with_prompts() == set()
    records.assert_no_keys()


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_endpoints_that_repeat_what_they_are_sent(
    tmp_path: Path, records: Records, kind: str
) -> None:
    with endpoint() as url:
        provider = {
            "kind": kind,
            "base_url": url,
            "api_key_env": "MY_KEY",
            "headers": {"X-Tenant": HEADER},
        }
        models = {f"f_{fault}": fault for fault in (*FAULTS_OF_ENDPOINTS, "fine")}
        ask_all(tmp_path, parse_config({"providers": {"it": provider}}), "it", models)
    assert_clean(records, 2 * len(models))
    assert {"call_answered", "row_failed"} <= set(records.events)


def test_bedrock_with_every_fault_of_the_service(tmp_path: Path, records: Records) -> None:
    names = {name: f"f_{name.replace('-', '_')}" for name in SERVICE_FAULTS}
    rates = {f"{name}@model.{name}": 1.0 for name in names}
    settings = EmulatorConfig(faults=rates, drip_s=0.1, hang_s=5.0)
    with RunningEmulator(settings) as emulator:
        provider = {"kind": "bedrock", "endpoint_url": emulator.url, "region": "us-east-1"}
        config = parse_config({"providers": {"it": provider}})
        models = {function: f"model.{name}" for name, function in names.items()}
        ask_all(tmp_path, config, "it", models)
    assert_clean(records, 2 * len(models))
    assert {"call_answered", "row_failed", "throttle_epoch"} <= set(records.events)


def scripted(log: Mapping[str, Any]) -> tuple[WarehouseConfig, Mapping[str, str]]:
    """Return a provider for each fault, and models by their ids that are routed there."""
    providers = {
        f"with_{fault}": {"kind": "scripted", "faults": {fault: 1.0}} for fault in SCRIPTED_FAULTS
    }
    routes = {fault: {"provider": f"with_{fault}", "model": fault} for fault in SCRIPTED_FAULTS}
    config = parse_config({"providers": providers, "routes": routes, "log": log})
    return config, {f"f_{fault}": fault for fault in SCRIPTED_FAULTS}


def ask_scripted(folder: Path, log: Mapping[str, Any]) -> int:
    config, models = scripted(log)
    with Warehouse.open(folder / "w", config=config) as warehouse:
        session = warehouse.open_session()
        session.execute("CREATE TABLE t (p varchar(200))")
        session.execute(f"INSERT INTO t VALUES ('{PROMPT} one'), ('{PROMPT} two')")
        session.execute("SET outcrop.retry_timeout TO 1")
        for function, model_id in models.items():
            session.execute(
                f"CREATE EXTERNAL MODEL m_{function} FUNCTION {function} IAM_ROLE default "
                f"MODEL_TYPE BEDROCK SETTINGS (MODEL_ID '{model_id}', RETURNS INTEGER)"
            )
            try:
                list(session.execute(f"SELECT {function}(p), '{PROMPT}' FROM t").rows())
            except Error:
                continue
    return len(models)


def test_the_scripted_provider_with_every_fault(tmp_path: Path, records: Records) -> None:
    assert_clean(records, ask_scripted(tmp_path, {}))


def test_prompts_are_there_where_they_are_asked_for(tmp_path: Path, records: Records) -> None:
    ask_scripted(tmp_path, {"prompts": True})
    assert {"statement_begun", "row_failed"} <= records.with_prompts()
    records.assert_no_keys()


@pytest.mark.local_model
def test_a_local_model(tmp_path: Path, records: Records) -> None:
    models = {"f": "smollm2-135m-instruct", "g": "no-such-model"}
    ask_all(tmp_path, parse_config({}), "local", models)
    assert_clean(records, 2 * len(models))
