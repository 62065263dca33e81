"""Appending sightings to record and catalog, from an empty archive to a million entries."""

from __future__ import annotations

import hashlib
import statistics
import time
from pathlib import Path

from bench.collecting import SCOPE
from bench.report import Row
from witnessmark.archive import Archive
from witnessmark.custody.keys import Kdf
from witnessmark.model import DatedBy, Entry, ObjectStored, Protected, SightingRecorded

BATCH = 1_000
SMALL, LARGE = 10_000, 1_000_000
ROUNDS, BATCHES = 7, 3
RUN = "0" * 32
POSTED = DatedBy(what="posted", at="2026-01-01T00:00:00Z", grade="stated", bounds_media=True)


def batch(start: int, author: str) -> list[Entry]:
    """Entries from `start`: half sightings of new objects with their objects, as in collection."""
    entries = []
    for number in range(start, start + BATCH // 2):
        sha256 = hashlib.sha256(b"object %d" % number).hexdigest()
        place = hashlib.sha256(b"place %d" % number).hexdigest()[:32]
        stored = ObjectStored(sha256=sha256, size=number, kind="video")
        seen = SightingRecorded(
            run=RUN,
            source="telegram_export",
            place=place,
            content=place,
            outcome="stored",
            object=sha256,
            kind="video_file",
            dates=(POSTED,),
            stated={"width": 640, "height": 360, "duration_seconds": 10},
            name=Protected(sha256),
            author=Protected(sha256),
            caption=Protected(sha256),
            where=Protected(sha256),
            message=Protected(sha256),
        )
        about = (f"sha256:{sha256}",)
        entries += [
            Entry(type=each.TYPE, by=author, about=about, fields=each.fields())
            for each in (stored, seen)
        ]
    return entries


def grown(folder: Path, size: int) -> Archive:
    """A new archive with about `size` entries."""
    archive = Archive.create(folder, SCOPE, "bench", b"bench secret", Kdf(1, 64, 1))
    for start in range(0, size, BATCH):
        archive.journal.append(batch(start // 2, archive.author), archive.project)
    return archive


def timed_append(archive: Archive, number: int) -> float:
    """Seconds for one entry of a batch of new objects."""
    entries = batch(number * BATCH, archive.author)
    started = time.perf_counter()
    archive.journal.append(entries, archive.project)
    return (time.perf_counter() - started) / BATCH


def appending(place: Path, size: int = LARGE) -> list[Row]:
    """A million entries, and then batches on it and on archives of 10,000, by turns."""
    started = time.perf_counter()
    large = grown(place / "large", size)
    rate = size / (time.perf_counter() - started)
    times: dict[str, list[float]] = {"small": [], "large": []}
    number = size
    for number_of_round in range(ROUNDS):
        small = grown(place / f"small{number_of_round}", SMALL)
        for _ in range(BATCHES):
            number += 1
            times["small"].append(timed_append(small, number))
            times["large"].append(timed_append(large, number))
        small.close()
    large.database.run("PRAGMA wal_checkpoint(TRUNCATE)")
    head = large.journal.head()
    bytes_each = (place / "large" / "archive.db").stat().st_size / (head.size if head else 1)
    large.close()
    rows = []
    for name, middle in (("medians", statistics.median), ("means", statistics.fmean)):
        few, many = (middle(times[key]) for key in ("small", "large"))
        rows.append(
            Row(f"cost per entry at {size:,} / at {SMALL:,} entries, {name}", f"{many / few:.2f}x",
                "<= 1.5x", many / few <= 1.5, f"{many * 1e6:.0f} against {few * 1e6:.0f} us")
        )  # fmt: skip
    rows.append(Row("appending a million, entries per second", f"{rate:,.0f}"))
    rows.append(Row("bytes per entry, record and catalog", f"{bytes_each:,.0f}"))
    return rows
