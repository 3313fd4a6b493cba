from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from outcrop.cli.emulate import _config
from outcrop.cli.main import build_parser, main

COMMAND = [sys.executable, "-m", "outcrop.cli", "emulate", "bedrock"]


def test_it_serves_until_it_is_stopped() -> None:
    with subprocess.Popen([*COMMAND, "--port", "0"], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            url = process.stderr.readline().split()[4].rstrip(".")
            with urllib.request.urlopen(f"{url}/_dev/ledger", timeout=30) as response:
                assert json.load(response)["requests"] == 0
        finally:
            process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(timeout=30) == 0
    assert rest == (
        f"  export AWS_ENDPOINT_URL_BEDROCK_RUNTIME={url}\n"
        "0 requests: 0 paid, 0 throttled, 0 failed\n"
    )


def test_options_reach_the_emulator() -> None:
    options = (
        "--port 1 --latency-ms 20 --quota rps=5 --quota tpm@a.b:0=100 --burst tpm=2 --seed 7 "
        "--fault throttling=0.1"
    )
    config = _config(build_parser().parse_args(["emulate", "bedrock", *options.split()]))
    assert (config.port, config.latency_ms, config.bursts) == (1, 20.0, {"tpm": 2.0})
    assert (config.quotas, config.seed, config.faults) == (
        {"rps": 5.0, "tpm@a.b:0": 100.0},
        7,
        {"throttling": 0.1},
    )
    assert config.backend is None


def test_an_unknown_fault_is_suggested(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["emulate", "bedrock", "--port", "0", "--fault", "throtling=0.1"]) == 1
    assert "HINT:  Did you mean 'throttling'?" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--quota", "--burst", "--fault"])
def test_what_is_no_number_by_name(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["emulate", "bedrock", "--port", "0", option, "rps=many"])
    assert "'rps=many' is not NAME=NUMBER" in capsys.readouterr().err


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["emulate", "bedrock", "--port", str(port)]) == 1
    assert f"port {port} cannot be used" in capsys.readouterr().err
