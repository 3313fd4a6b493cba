"""The guards of the test run hold: each is tried with what it must catch."""

from __future__ import annotations

import asyncio
import os
import socket
import textwrap
import urllib.request
from pathlib import Path

import pytest

from tests import guards

pytest_plugins = ["pytester"]


def test_a_test_cannot_connect_to_another_machine() -> None:
    with socket.socket() as client, pytest.raises(guards.NetworkReached, match=r"192\.0\.2\.1"):
        client.connect(("192.0.2.1", 80))


def test_a_test_cannot_look_up_another_machine() -> None:
    with pytest.raises(guards.NetworkReached, match="example"):
        urllib.request.urlopen("http://bedrock-runtime.example")


def test_a_coroutine_cannot_connect_to_another_machine() -> None:
    with pytest.raises(guards.NetworkReached, match=r"192\.0\.2\.1"):
        asyncio.run(asyncio.open_connection("192.0.2.1", 443))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_open(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = (host, server.getsockname()[1])
        with socket.create_connection(address) as client:
            assert client.getpeername() == server.getsockname()


def test_no_key_and_no_setting_of_the_developer_is_seen(tmp_path: Path) -> None:
    shell = {
        "PATH": "/bin",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_BEARER_TOKEN_BEDROCK": "secret",
        "OPENAI_API_KEY": "secret",
        "ANTHROPIC_API_KEY": "secret",
        "OUTCROP_WAREHOUSE": "/precious",
        "PGHOST": "production",
        "COLUMNS": "80",
        "HOME": "/home/someone",
    }
    isolated = guards.isolated_environment(shell, tmp_path)
    assert "secret" not in isolated.values()
    assert not {"OUTCROP_WAREHOUSE", "PGHOST", "COLUMNS"} & set(isolated)
    assert (isolated["PATH"], isolated["HOME"]) == ("/bin", str(tmp_path))
    assert isolated["AWS_EC2_METADATA_DISABLED"] == "true"


def test_this_run_is_isolated() -> None:
    assert Path(os.environ["HOME"]).name.startswith("outcrop-tests-home-")
    assert "OPENAI_API_KEY" not in os.environ


def test_the_models_of_the_developer_are_shared(tmp_path: Path) -> None:
    assert guards.isolated_environment({"OUTCROP_MODELS": "/m"}, tmp_path)["OUTCROP_MODELS"] == "/m"


def _run(pytester: pytest.Pytester, plugin: str, test: str, *arguments: str) -> pytest.RunResult:
    repository = Path(guards.__file__).parent.parent
    pytester.makeconftest(
        f"import sys; sys.path.insert(0, {str(repository)!r})\n"
        "from tests import guards\n"
        "guards.LEAK_GRACE_S = 0.1\n"
        f"def pytest_configure(config): config.pluginmanager.register(guards.{plugin}())\n"
    )
    pytester.makepyfile(textwrap.dedent(test))
    return pytester.runpytest_subprocess("-p", "no:randomly", "-p", "no:cacheprovider", *arguments)


@pytest.mark.parametrize("arguments", [(), ("--numprocesses", "1")])
def test_a_process_left_running_fails_the_run(
    pytester: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    test = """
        import subprocess
        children = []
        def test_it():
            children.append(subprocess.Popen(["sleep", "2"]))
        """
    result = _run(pytester, "NothingLeftRunning", test, *arguments)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*left running*", "process 'sleep', pid *test_a_process*.py)"])


def test_a_thread_left_running_fails_the_run(pytester: pytest.Pytester) -> None:
    test = """
        import threading
        def test_it():
            threading.Thread(target=threading.Event().wait, args=(1,), name="lost").start()
        """
    result = _run(pytester, "NothingLeftRunning", test)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*left running*", "thread 'lost' *"])


def test_a_run_that_ends_what_it_began_passes(pytester: pytest.Pytester) -> None:
    test = """
        import subprocess, threading
        def test_it():
            subprocess.run(["true"], check=True)
            thread = threading.Thread(target=int)
            thread.start()
            thread.join()
        """
    assert _run(pytester, "NothingLeftRunning", test).ret == pytest.ExitCode.OK


@pytest.mark.parametrize(
    "test",
    [
        "import pytest\n@pytest.mark.skip(reason='x')\ndef test_it(): pass\ndef test_b(): pass",
        "import pytest\ndef test_it(): pytest.skip('x')",
        "def test_it(): pass\nimport pytest\npytest.skip('x', allow_module_level=True)",
    ],
)
@pytest.mark.parametrize("arguments", [(), ("--numprocesses", "1")])
def test_a_skip_fails_the_run(
    pytester: pytest.Pytester, test: str, arguments: tuple[str, ...]
) -> None:
    pytester.makepyfile(test_other="def test_other(): pass")
    result = _run(pytester, "NothingSkipped", test, *arguments)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*skipped, which is a failure*", "test_a_skip_fails*"])
