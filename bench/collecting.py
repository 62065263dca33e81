"""Collecting and checking against a durable floor, interleaved, in one run."""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.report import Row
from witnessmark.archive import Archive, checking, collecting
from witnessmark.collection.run import Channel
from witnessmark.custody.keys import Kdf
from witnessmark.model import Scope

ROUNDS = 7
FILES, TOTAL = 50, 1 << 30
SCOPE = Scope(purpose="bench", parties=(), places=(), dates="", legal_basis="", scratch=True)
CHUNK = 1 << 20


def make_source(folder: Path) -> None:
    """1 GiB in 50 files of random bytes."""
    folder.mkdir(parents=True)
    block = os.urandom(CHUNK)
    for number in range(FILES):
        with open(folder / f"{number:02}.mp4", "wb") as file:
            file.write(number.to_bytes(8, "big"))
            for _ in range(TOTAL // FILES // CHUNK):
                file.write(block)


def floor(source: Path, target: Path) -> None:
    """Copy, fsync, and one hashlib pass: what nobody can do without."""
    target.mkdir()
    for path in sorted(source.iterdir()):
        with open(path, "rb") as reading, open(target / path.name, "wb") as writing:
            shutil.copyfileobj(reading, writing, CHUNK)
            writing.flush()
            os.fsync(writing.fileno())
        hash_file(target / path.name)


def hash_file(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def collect(source: Path, target: Path) -> None:
    with Archive.create(target, SCOPE, "bench", b"bench secret", Kdf(1, 64, 1)) as archive:
        collector = collecting.choose(str(source), "folder")
        preflight = collector.preflight(str(source))
        run = collecting.collect(archive, str(source), collector, Channel(), preflight=preflight)
        assert run.tally.stored == run.tally.seen


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def collecting_and_checking(place: Path) -> list[Row]:
    """Ratios of medians of interleaved rounds."""
    source = place / "source"
    make_source(source)
    times: dict[str, list[float]] = {"floor": [], "collect": [], "hash": [], "check": []}
    for number in range(ROUNDS):
        order = [("floor", floor), ("collect", collect)]
        for name, work in order if number % 2 else reversed(order):
            target = place / name
            shutil.rmtree(target, ignore_errors=True)
            os.sync()
            times[name].append(timed(lambda: work(source, target)))  # noqa: B023 - called here
        with Archive.open(place / "collect") as archive:
            paths = [archive.blobs.path(name) for name in archive.blobs.names()]
            times["hash"].append(timed(lambda: [hash_file(path) for path in paths]))  # noqa: B023 - called here
            times["check"].append(timed(lambda: checking.check(archive)))
    medians = {name: statistics.median(each) for name, each in times.items()}
    ratio = medians["collect"] / medians["floor"]
    throughput = medians["hash"] / medians["check"]
    return [
        Row("collect 1 GiB in 50 files / durable floor", f"{ratio:.2f}x", "<= 1.5x", ratio <= 1.5,
            f"{medians['collect']:.2f} s against {medians['floor']:.2f} s"),
        Row("check of that archive / one hashlib pass, throughput", f"{throughput:.2f}x",
            ">= 0.8x", throughput >= 0.8,
            f"{medians['check']:.2f} s against {medians['hash']:.2f} s"),
    ]  # fmt: skip


_MEMORY = """
import sys
from pathlib import Path
from bench.collecting import collect
collect(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def peak_memory(place: Path) -> Row:
    """Peak memory of a process that collects one 5 GB file."""
    source = place / "large"
    source.mkdir()
    with open(source / "large.mp4", "wb") as file:
        file.truncate(5_000_000_000)
    program = [sys.executable, "-c", _MEMORY, str(source), str(place / "large-archive")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    subprocess.run(program, check=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert peak > before, "another child was larger"
    shutil.rmtree(place / "large-archive")
    shutil.rmtree(source)
    megabytes = peak / 1024
    return Row("peak memory, one file of 5 GB", f"{megabytes:.0f} MB", "< 300 MB", megabytes < 300)


def import_time() -> Row:
    """Median of starting the command line, less starting Python alone."""
    times: dict[str, list[float]] = {"cli": [], "bare": []}
    for _ in range(ROUNDS):
        for name, code in (("bare", "pass"), ("cli", "import witnessmark.cli")):
            command = [sys.executable, "-c", code]
            times[name].append(timed(lambda: subprocess.run(command, check=True)))  # noqa: B023 - called here
    cli, bare = (statistics.median(times[name]) for name in ("cli", "bare"))
    return Row("import of the command line", f"{cli:.2f} s", "< 0.3 s", cli < 0.3,
               f"of which Python itself {bare:.2f} s")  # fmt: skip
