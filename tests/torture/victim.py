"""The program that is tortured: opens an archive, collects a folder, says what was acknowledged.

Run as `python -m tests.torture.victim ARCHIVE SOURCE`. Each line on standard output is written
only after the thing is acknowledged: `entries SIZE` by the journal, `blob SHA256` by the store.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from witnessmark.archive import Archive, collecting
from witnessmark.collection import run as room
from witnessmark.collection.run import Channel
from witnessmark.errors import WitnessmarkError

room.BATCH_ITEMS = 2


def tell(line: str) -> None:
    os.write(1, line.encode() + b"\n")


def collect(folder: Path, source: Path) -> None:
    """Collects `source` into the archive in `folder`, telling each acknowledgement."""
    with Archive.open(folder) as archive:
        append, put = archive.journal.append, archive.blobs.put

        def told_append(entries: object, project: object) -> object:
            taken = append(entries, project)  # type: ignore[arg-type]
            tell(f"entries {taken[-1].index + 1}")
            return taken

        def told_put(file: object) -> object:
            stored = put(file)  # type: ignore[arg-type]
            tell(f"blob {stored.sha256}")
            return stored

        archive.journal.append = told_append  # type: ignore[method-assign, assignment]
        archive.blobs.put = told_put  # type: ignore[method-assign, assignment]
        collector = collecting.choose(str(source), "folder")
        preflight = collector.preflight(str(source))
        run = collecting.collect(archive, str(source), collector, Channel(), preflight=preflight)
        tell(f"done {run.tally.failed}")


if __name__ == "__main__":
    try:
        collect(Path(sys.argv[1]), Path(sys.argv[2]))
    except WitnessmarkError as error:
        tell(f"refused {error.code}")
        sys.exit(1)
