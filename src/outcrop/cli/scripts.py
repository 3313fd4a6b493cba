"""Script files."""

from __future__ import annotations

from pathlib import Path

from outcrop.errors import FileUnavailable


def read_script(path: Path) -> str:
    """Return the text of a script; raises FileUnavailable."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FileUnavailable(
            f"cannot read the script {str(path)!r}: {_reason(error)}",
            hint="A script is a file of UTF-8 text; - reads it from stdin.",
        ) from error


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
