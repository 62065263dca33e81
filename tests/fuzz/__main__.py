"""`python -m tests.fuzz [--seconds N] [TARGET...]`: the documented run; prints its counts."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.fuzz.run import FoundError, throw
from tests.fuzz.targets import TARGETS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", default=list(TARGETS), help="default: all")
    parser.add_argument("--seconds", type=float, default=60, help="for each (default: 60)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="default: the clock")
    options = parser.parse_args()
    keep = Path(".fuzz")
    keep.mkdir(exist_ok=True)
    total = failed = 0
    for name in options.targets:
        try:
            thrown = throw(
                name,
                TARGETS[name],
                count=sys.maxsize,
                seconds=options.seconds,
                seed=options.seed,
                keep=keep,
            )
        except FoundError as found:
            failed += 1
            print(f"{name}: {found}", flush=True)
            continue
        total += thrown
        print(f"{name}: {thrown:,} inputs survived (seed {options.seed})", flush=True)
    print(f"in all: {total:,} inputs, {failed} parsers with a hole")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
