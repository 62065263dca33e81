"""`make bench`: prints the table of the README. `python -m bench NAME...` runs a part.

`page5` (the page with an original of 5 GB) runs only when it is named; `matching` and
`attacker` have options of their own (`python -m bench matching --help`).
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import appending, collecting, descent, packages, page, searching, sound
from bench.matching import attacker
from bench.matching import command as matching
from bench.report import HEADER, Row

PARTS: dict[str, Callable[[Path], list[Row]]] = {
    "memory": lambda place: [collecting.peak_memory(place)],
    "import": lambda _: [collecting.import_time()],
    "collecting": collecting.collecting_and_checking,
    "appending": appending.appending,
    "matching": matching.table,
    "sound": sound.table,
    "attacker": lambda _: attacker.table(tries=200, clips=6, jobs=2),
    "searching": searching.table,
    "descent": lambda _: descent.bench(),
    "packages": packages.packages,
    "page": page.page,
}
#: Only when they are named.
LONG: dict[str, Callable[[Path], list[Row]]] = {"page5": page.page_with_five}


def main(arguments: list[str]) -> None:
    parts = PARTS | LONG
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, epilog="example: python -m bench searching"
    )
    parser.add_argument(
        "name", nargs="*", choices=("all", *parts), default="all", metavar="NAME",
        help=", ".join(parts),
    )  # fmt: skip
    asked = parser.parse_args(arguments).name
    rows: list[Row] = []
    for name in PARTS if "all" in asked else asked:
        place = Path(tempfile.mkdtemp(prefix="bench-", dir=Path.cwd()))
        try:
            for row in parts[name](place):
                rows.append(row)
                print(row, flush=True)
        finally:
            shutil.rmtree(place, ignore_errors=True)
    print(f"\n{HEADER}")
    for row in rows:
        print(row)


if __name__ == "__main__":
    if sys.argv[1:2] == ["matching"]:
        matching.main(sys.argv[2:])
    elif sys.argv[1:2] == ["attacker"]:
        attacker.main(sys.argv[2:])
    else:
        main(sys.argv[1:])
