"""vPDQ (package `vpdq`) and plain PDQ at one picture a second (`pdqhash`), on the same queries.

Both are judged generously: by pair, wherever in the query the match lies. Radius, the share of
pictures that must agree, and whose share, are those with most recall at 99% precision on the fit
half; figures are of the other half.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import itertools
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from bench.matching import prints
from bench.matching.sources import CACHE

Hashes = NDArray[np.uint8]
#: PDQ's own floor for the quality of a picture, and the radii tried: 31 is its own.
QUALITY, RADII = 50, (31, 40, 50, 60, 70, 80, 90)
PRECISION = 0.99


def pdq(path: Path) -> Hashes:
    """PDQ of a picture, or of one picture a second of a video (n x 32 bytes)."""
    import pdqhash  # an extra: without it the other parts still run

    if path.suffix == ".jpg":
        pictures = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)]
    else:
        pictures = list(_each_second(path))
    hashed = (pdqhash.compute(picture) for picture in pictures)
    kept = [np.packbits(bits.astype(np.uint8)) for bits, quality in hashed if quality >= QUALITY]
    return np.array(kept, np.uint8).reshape(-1, 32)


def _each_second(path: Path) -> Iterable[NDArray[np.uint8]]:
    due = -1.0
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            at = float(frame.time or 0.0)
            if at >= due:
                due = (at if due < 0 else due) + 1.0
                yield frame.to_ndarray(format="rgb24")


def vpdq(path: Path) -> Hashes:
    """vPDQ at its own one hash a second (n x 32 bytes); of a picture, its PDQ."""
    if path.suffix == ".jpg":
        return pdq(path)
    import vpdq as package

    # It opens files by name only, and not every name.
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder) / f"clip{path.suffix}"
        there.symlink_to(path.resolve())
        found = package.computeHash(str(there), seconds_per_hash=1.0, thread_count=1)
    kept = [bytes.fromhex(each.hex) for each in found if each.quality >= QUALITY]
    return np.frombuffer(b"".join(kept), np.uint8).reshape(-1, 32)


PEERS: dict[str, tuple[str, Callable[[Path], Hashes]]] = {
    "vPDQ": ("vpdq", vpdq),
    "PDQ at 1 fps": ("pdqhash", pdq),
}


def missing() -> list[str]:
    """Packages of peers that are not installed here."""
    absent = []
    for package, _ in PEERS.values():
        try:
            importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            absent.append(package)
    return absent


def hashes(peer: str, path: Path) -> Hashes:
    """Kept on disk by package version."""
    package, make = PEERS[peer]
    place = CACHE / "peers" / f"{package}-{importlib.metadata.version(package)}"
    kept = place / f"{prints.key(path)}.bin"
    if not kept.exists():
        prints.keep(kept, make(path).tobytes())
    return np.frombuffer(kept.read_bytes(), np.uint8).reshape(-1, 32)


def _prepare(task: tuple[str, str]) -> None:
    hashes(task[0], Path(task[1]))


def prepare(names: Iterable[str], paths: Iterable[Path], jobs: int) -> None:
    """Hashes what is not hashed yet, in several processes."""
    tasks = [(name, os.fspath(path)) for name, path in itertools.product(names, set(paths))]
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("fork")) as pool:
        list(pool.map(_prepare, tasks, chunksize=4))


@dataclasses.dataclass(frozen=True, slots=True)
class Compared:
    """A query and a reference.

    Attributes:
        copy: whether they share footage.
        nearest: for each picture of the query, the distance of the nearest of the reference;
            and the other way round.
    """

    row: str
    group: str
    half: str
    copy: bool
    nearest: tuple[NDArray[np.int64], NDArray[np.int64]]

    def score(self, radius: int, whose: int) -> float:
        """The share of pictures that are near: of the query, the reference, or the greater."""
        shares = [float((each <= radius).mean()) if len(each) else 0.0 for each in self.nearest]
        return max(shares) if whose == 2 else shares[whose]


def compared(
    row: str, group: str, half: str, *, copy: bool, query: Hashes, reference: Hashes
) -> Compared:
    """All distances of a pair, and of them the least."""
    off = np.bitwise_count(query[:, None] ^ reference[None]).sum(axis=2, dtype=np.int64)
    if not off.size:
        nothing: NDArray[np.int64] = np.zeros(0, np.int64)
        return Compared(row, group, half, copy, (nothing, nothing))
    return Compared(row, group, half, copy, (off.min(axis=1), off.min(axis=0)))


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """Where a peer draws its line."""

    radius: int
    whose: int
    share: float

    def linked(self, pair: Compared) -> bool:
        return pair.score(self.radius, self.whose) >= self.share

    def __str__(self) -> str:
        whose = ("the query's", "the reference's", "either's")[self.whose]
        return f"distance {self.radius}, {self.share:.2f} of {whose} pictures"


#: What vPDQ's own matching asks for.
SHIPPED = Setting(31, 0, 0.80)


def fitted(pairs: Sequence[Compared]) -> Setting:
    """The setting with most copies linked at `PRECISION` among these pairs."""
    best, chosen = -1, Setting(31, 0, 1.01)
    truth = np.array([pair.copy for pair in pairs])
    for radius, whose in itertools.product(RADII, range(3)):
        scores = np.array([pair.score(radius, whose) for pair in pairs])
        for share in np.unique(scores[truth & (scores > 0)]):
            linked = scores >= share
            good = int((linked & truth).sum())
            if good > best and good >= PRECISION * int(linked.sum()):
                best, chosen = good, Setting(radius, whose, float(share))
    return chosen
