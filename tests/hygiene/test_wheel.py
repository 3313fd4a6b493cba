"""The wheel: it builds from the repository, and installs with the core dependencies alone."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

STEP_TIMEOUT_S = 280
# Optional packages, which `pip install outcrop` must not bring along.
EXTRAS = ("boto3", "botocore", "xllamacpp")
CONTENT = (
    "outcrop/py.typed",
    "outcrop/pricing/prices.json",
    "outcrop/cli/main.py",
)
# Run on every start of Python, so nothing may bring one that we did not look at: in 2026 keys were
# stolen through one.
EXPECTED_STARTUP_FILES: frozenset[str] = frozenset()


def _run(arguments: list[str | Path], environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        arguments,
        env={**environment, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        capture_output=True,
        text=True,
        timeout=STEP_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.mark.timeout(600)
def test_wheel_installs_with_the_core_alone(
    repository: Path, developer_environment: dict[str, str], tmp_path: Path
) -> None:
    pip: list[str | Path] = [sys.executable, "-m", "pip"]
    _run([*pip, "wheel", repository, "--no-deps", "-w", tmp_path], developer_environment)
    [wheel] = tmp_path.glob("outcrop-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert [name for name in CONTENT if name not in names] == []
    assert [name for name in names if not name.startswith("outcrop")] == []
    assert any(name.endswith("/licenses/LICENSE") for name in names)

    environment = tmp_path / "environment"
    _run([sys.executable, "-m", "venv", "--without-pip", environment], developer_environment)
    python = environment / "bin" / "python"
    _run([*pip, "--python", python, "install", wheel], developer_environment)
    [site_packages] = environment.glob("lib/python3*/site-packages")
    assert [name for name in EXTRAS if (site_packages / name).exists()] == []
    assert {path.name for path in site_packages.glob("*.pth")} == EXPECTED_STARTUP_FILES

    clean = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    _run([python, "-c", "import outcrop; outcrop.connect"], clean)
    assert "usage: outcrop" in _run([environment / "bin" / "outcrop", "--help"], clean)
    printed = _run(
        [
            environment / "bin/outcrop",
            "-w",
            tmp_path / "w",
            "sql",
            "-c",
            "SELECT 1",
            "--format=csv",
        ],
        clean,
    )
    assert printed.splitlines()[1:] == ["1"]
