"""What must be true of an archive after anything has happened to the machine."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.conftest import CHEAP, SCOPE, SECRET
from tests.torture.acts import ACTS
from witnessmark.archive import Archive, checking

FILES = {f"{n}.mp4": bytes([n]) * (1000 + n) for n in range(5)} | {"a.txt": b"words"}
#: A disk that fills must be met by the writes, not by the reserve that collecting leaves.
_SETTINGS = "reserve_mb = 0\n"


def make(folder: Path, act: str) -> tuple[Path, Path]:
    """A state at which `act` can start, and a source of six small files."""
    source, state = folder / "source", folder / "state"
    source.mkdir()
    for name, data in FILES.items():
        (source / name).write_bytes(data)
    (state / "out").mkdir(parents=True)
    Archive.create(state / "archive", SCOPE, "Canary Person", SECRET, CHEAP).close()
    (state / "archive" / "archive.toml").write_text(_SETTINGS)
    ACTS[act].prepare(state, source)
    return state, source


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


def survey(act: str, state: Path, output: str) -> None:
    """Asserts that the archive is whole, and what `act` promises besides."""
    survey_archive(state / "archive", output)
    ACTS[act].survey(state, output)


def survey_archive(folder: Path, output: str) -> None:
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
                assert archive.vault.open(recorded.said.where).field == "where"  # type: ignore[union-attr] # by its type


def complete(act: str, state: Path, source: Path) -> None:
    """Asserts that the same command goes on to its end, and leaves a whole archive."""
    ACTS[act].complete(state, source)
    survey(act, state, "")
