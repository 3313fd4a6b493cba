"""Runs the benchmarks and prints their tables: `python -m benchmarks [--quick] [NAME ...]`."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace

from benchmarks import (
    call_rate,
    fewest_calls,
    first_row,
    in_process,
    journal,
    limited_filter,
    local_tokens,
    million,
    planning,
    quota,
    staged_plan,
)
from benchmarks.report import describe_machine, format_report, seconds

# In the order in which they are run.
_BENCHMARKS = {
    module.NAME: module.measure
    for module in (
        staged_plan,
        call_rate,
        in_process,
        local_tokens,
        fewest_calls,
        limited_filter,
        first_row,
        planning,
        quota,
        journal,
        million,
    )
}
# Only when it is named, since it takes minutes.
_BY_NAME_ALONE = frozenset({million.NAME})


def main() -> int:
    """Run what the command line names; return 1 if an expectation was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"of {', '.join(_BENCHMARKS)}; default: all but {', '.join(_BY_NAME_ALONE)}",
    )
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, to see that it runs; expects nothing"
    )
    options = parser.parse_args()
    for name in options.names:
        if name not in _BENCHMARKS:
            parser.error(f"{name!r} is none of {', '.join(_BENCHMARKS)}")
    print(f"machine: {describe_machine()}")
    print(f"command: python -m benchmarks {' '.join(sys.argv[1:])}".rstrip() + "\n")
    started = time.perf_counter()
    missed = 0
    for name in options.names or [name for name in _BENCHMARKS if name not in _BY_NAME_ALONE]:
        report = _BENCHMARKS[name](is_quick=options.quick)
        if options.quick:
            report = replace(report, targets=())
        print(format_report(report), flush=True)
        missed += sum(not target.is_met for target in report.targets)
    print(f"took {seconds(time.perf_counter() - started)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
