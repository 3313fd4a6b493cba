"""`python -m outcrop.cli` is `outcrop`."""

from __future__ import annotations

import sys

from outcrop.cli.main import main

sys.exit(main())
