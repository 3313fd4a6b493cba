"""What is tracked belongs to everybody: no path of one machine, no registry, no huge file."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

SOURCE_LINES_MAX = 600
FILE_BYTES_MAX = 1_000_000

# Absolute paths below somebody's folders, and hosts of package registries (mirrors differ).
_FOREIGN = re.compile(
    r"(?<![\w.<{}$-])/(?:home/\w+|Users/\w+|work|root)/"
    r"|pypi\.org|pythonhosted|registry\.npmjs|deb\.debian\.org"
)


def _tracked(folder: Path) -> list[Path]:
    # Files that are about to be committed count as well; ignored ones do not.
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = (folder / name for name in listed.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""  # no text


def test_no_path_or_host_of_one_machine(repository: Path) -> None:
    found = [
        f"{path.relative_to(repository)}:{number}: {match[0]}"
        for path in _tracked(repository)
        if path != Path(__file__)
        for number, line in enumerate(_text(path).splitlines(), start=1)
        for match in _FOREIGN.finditer(line)
    ]
    assert found == []


def test_no_source_file_holds_too_much(repository: Path) -> None:
    lengths = {
        path.relative_to(repository / "src"): len(_text(path).splitlines())
        for path in _tracked(repository / "src")
        if path.suffix == ".py"
    }
    assert {path: n for path, n in lengths.items() if n > SOURCE_LINES_MAX} == {}


def test_no_tracked_file_is_huge(repository: Path) -> None:
    sizes = {p.relative_to(repository): p.stat().st_size for p in _tracked(repository)}
    assert {path: size for path, size in sizes.items() if size > FILE_BYTES_MAX} == {}


@pytest.mark.parametrize(
    ("line", "is_foreign"),
    [
        ("see /home/ann/notes", True),
        ("cd /root/main", True),
        ("path/to/root/main", False),
        ("https://pypi.org/simple", True),
        ("a /tmp/file", False),
    ],
)
def test_the_pattern_finds_what_it_should(line: str, is_foreign: bool) -> None:
    assert bool(_FOREIGN.search(line)) is is_foreign


def test_every_folder_of_tests_is_a_package(repository: Path) -> None:
    """Otherwise two test files of one name, in two folders, would be one module to pytest."""
    folders = {path.parent for path in (repository / "tests").rglob("test_*.py")}
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []
