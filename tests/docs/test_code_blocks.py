"""Every code block of every document runs, and gives what the document says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs import documents
from tests.docs.blocks import read_blocks, read_marks
from tests.docs.document_run import DocumentRun


def _cases() -> Iterator[object]:
    for path in documents.all_documents():
        needs_model = read_marks(path).get("models") == "local"
        marks = [pytest.mark.local_model] if needs_model else []
        yield pytest.param(path, not needs_model, id=documents.name(path), marks=marks)


@pytest.mark.parametrize(("path", "is_scripted"), list(_cases()))
def test_code_blocks(path: Path, is_scripted: bool, tmp_path: Path) -> None:
    with DocumentRun(documents.REPOSITORY, tmp_path, is_scripted=is_scripted) as run:
        run.run(read_blocks(path))
