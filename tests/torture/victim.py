"""The program that is tortured: `python -m tests.torture.victim ACT STATE SOURCE`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.torture.acts import ACTS, tell
from witnessmark.errors import WitnessmarkError

if __name__ == "__main__":
    try:
        ACTS[sys.argv[1]].run(Path(sys.argv[2]), Path(sys.argv[3]))
    except WitnessmarkError as error:
        tell(f"refused {error.code}")
        sys.exit(1)
