"""One run of the shapes: what was measured so far, so that each is run once."""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path

from tests.shapes.document import Findings
from tests.shapes.measure import Measured, Refusal, measure, prepare, refuse
from tests.shapes.shapes import REFUSED, SHAPES, Refused, Shape
from tests.shapes.smallest import PlainDatabase


class Run:
    """Runs shapes as they are asked for, each on a copy of one warehouse, below `folder`."""

    def __init__(self, database: PlainDatabase, folder: Path) -> None:
        self._database = database
        self._folder = folder
        self._numbers = count(1)
        prepare(folder / "prepared")
        self._measured: dict[Shape, Measured] = {}
        self._refusals: dict[Refused, Refusal] = {}

    def measured(self, shape: Shape) -> Measured:
        """Return what a shape costs."""
        if shape not in self._measured:
            self._measured[shape] = measure(shape, self._database, self._new_folder())
        return self._measured[shape]

    def refusal(self, refused: Refused) -> Refusal:
        """Return how a statement is refused."""
        if refused not in self._refusals:
            self._refusals[refused] = refuse(refused, self._new_folder())
        return self._refusals[refused]

    def findings(self) -> Findings:
        """Return all that the page says."""
        return Findings(
            shapes=[self.measured(shape) for shape in SHAPES],
            refusals=[self.refusal(refused) for refused in REFUSED],
        )

    def _new_folder(self) -> Path:
        folder = self._folder / f"run{next(self._numbers)}"
        shutil.copytree(self._folder / "prepared", folder)
        return folder
