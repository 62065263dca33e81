"""What must be true of an archive after anything has happened to the machine."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.conftest import CHEAP, SCOPE, SECRET
from tests.torture import victim
from witnessmark.archive import Archive, checking

FILES = {f"{n}.mp4": bytes([n]) * (1000 + n) for n in range(5)} | {"a.txt": b"words"}


def make(folder: Path) -> tuple[Path, Path]:
    """A new archive and a source of six small files."""
    source = folder / "source"
    source.mkdir()
    for name, data in FILES.items():
        (source / name).write_bytes(data)
    Archive.create(folder / "archive", SCOPE, "Canary Person", SECRET, CHEAP).close()
    return folder / "archive", source


def acknowledged(output: str) -> tuple[int, set[str]]:
    """Size of the record and blobs that were acknowledged in a victim's output."""
    size, blobs = 1, set()
    for line in output.splitlines():
        word, _, rest = line.partition(" ")
        if word == "entries" and rest.isdigit():
            size = max(size, int(rest))
        elif word == "blob" and len(rest) == 64:
            blobs.add(rest)
    return size, blobs


def survey(folder: Path, output: str) -> None:
    """Asserts that the archive opens, is whole, and has all that was acknowledged."""
    size, blobs = acknowledged(output)
    with Archive.open(folder) as archive:
        archive.unlock(SECRET)
        checked = checking.check(archive)
        assert checked.problems == []
        assert checked.entries >= size, f"{checked.entries} of {size} acknowledged entries"
        for name in blobs:
            with archive.blobs.open(name) as file:
                assert hashlib.sha256(file.read()).hexdigest() == name
        for recorded in archive.journal.read():
            if recorded.entry.type == "sighting.recorded/1":
                assert archive.vault.open(recorded.said.where).field == "where"  # type: ignore[union-attr]


def complete(folder: Path, source: Path) -> None:
    """Asserts that the same command goes on and ends with everything."""
    victim.collect(folder, source)
    with Archive.open(folder) as archive:
        held = {row.sha256 for row in archive.queries.objects()}
        assert held == {hashlib.sha256(data).hexdigest() for data in FILES.values()}
        assert checking.check(archive).problems == []
        stored = [row for row in archive.queries.sightings() if row.outcome == "stored"]
        assert len(stored) == len(FILES), "a sighting was recorded twice or lost"
