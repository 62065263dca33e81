"""Checking packages as a stranger does: a large one, and one of many entries."""

from __future__ import annotations

import hashlib
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from bench.appending import BATCH, RUN
from bench.collecting import ROUNDS, SCOPE, collect, hash_file, timed
from bench.report import Row
from support.checker import CHECKER
from witnessmark.archive import Archive, handing_over
from witnessmark.archive.handing_over import RISKS, HandOver
from witnessmark.custody.keys import Kdf
from witnessmark.model import Entry, Protected, SightingRecorded

FILES, SIZE = 20, 500_000_000
ENTRIES = 100_000
SECRET = b"bench secret"


def hand_over(archive: Archive, target: Path) -> Path:
    """A package of everything, unencrypted; beside it the key to trust."""
    archive.unlock(SECRET)
    risk = handing_over.record_risk(archive, "share", dict.fromkeys(RISKS, "none known")).index
    order = HandOver(recipient="bench", purpose="bench", risk=risk, unencrypted=True)
    handing_over.export(archive, target, order)
    target.with_name("trust.txt").write_text(archive.trust + "\n")
    return target


def check(package: Path) -> None:
    trust = package.with_name("trust.txt")
    command = [sys.executable, "-I", str(CHECKER), str(package), "--trust", str(trust), "--json"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


_MEMORY = """
import runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit:
    pass
lines = open("/proc/self/status").read().splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmHWM")), file=sys.stderr)
"""


def peak(package: Path) -> str:
    """Peak memory of check.py on this package, in MB; of its own pages, not of its parent's."""
    trust = package.with_name("trust.txt")
    command = [sys.executable, "-c", _MEMORY, str(CHECKER), str(package), "--trust", str(trust)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return f"{int(done.stderr.split()[-1]) / 1024:.0f} MB"


def large(place: Path) -> list[Row]:
    """10 GB in 20 originals, against one hashlib pass over the same files."""
    source = place / "source"
    source.mkdir()
    for number in range(FILES):
        with open(source / f"{number:02}.mp4", "wb") as file:
            file.write(number.to_bytes(8, "big"))
            file.truncate(SIZE)
    collect(source, place / "archive")
    with Archive.open(place / "archive") as archive:
        package = hand_over(archive, place / "package")
    shutil.rmtree(place / "archive")
    paths = [path for path in package.rglob("*") if path.is_file()]
    times: dict[str, list[float]] = {"hash": [], "check": []}
    for number in range(ROUNDS):
        order = [("hash", lambda: [hash_file(path) for path in paths]),
                 ("check", lambda: check(package))]  # fmt: skip
        for name, work in order if number % 2 else reversed(order):
            times[name].append(timed(work))
    hashed, checked = (statistics.median(times[name]) for name in ("hash", "check"))
    ratio = hashed / checked
    return [
        Row("check.py on a 10 GB package / one hashlib pass, throughput", f"{ratio:.2f}x",
            ">= 0.8x", ratio >= 0.8,
            f"{checked:.1f} s against {hashed:.1f} s, peak {peak(package)}"),
    ]  # fmt: skip


def _sightings(start: int, author: str) -> list[Entry]:
    entries = []
    for number in range(start, start + BATCH):
        digest = hashlib.sha256(b"place %d" % number).hexdigest()
        seen = SightingRecorded(
            run=RUN, source="telegram_export", place=digest[:32], content=digest[:32],
            outcome="not_included", reason="not_in_this_export",
            where=Protected(digest), caption=Protected(digest),
        )  # fmt: skip
        entries.append(Entry(type=seen.TYPE, by=author, about=(), fields=seen.fields()))
    return entries


def many(place: Path) -> list[Row]:
    """100,000 entries, each with its form, author and place under the root."""
    with Archive.create(place / "archive", SCOPE, "bench", SECRET, Kdf(1, 64, 1)) as archive:
        for start in range(0, ENTRIES, BATCH):
            archive.journal.append(_sightings(start, archive.author), archive.project)
        package = hand_over(archive, place / "package")
    seconds = statistics.median(timed(lambda: check(package)) for _ in range(3))
    size = os.path.getsize(package / "data" / "record" / "entries") / 1e6
    return [
        Row("check.py, 100,000 entries with proofs", f"{seconds:.1f} s", "< 60 s", seconds < 60,
            f"{size:.0f} MB of entries, peak {peak(package)}"),
    ]  # fmt: skip


def packages(place: Path) -> list[Row]:
    """Both."""
    rows = []
    for name, part in (("many", many), ("large", large)):
        (place / name).mkdir()
        rows += part(place / name)
        shutil.rmtree(place / name)
    return rows
