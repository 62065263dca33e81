"""Search measured: a query of 30 s among 1,000, 10,000 and 100,000 videos.

Half of the real clips are looked for: each query is 30 s of excerpts of several of them, edited in
one way. The edits are synthetic, made of sampled pictures with JPEG in place of a video codec.
Among their references lie distractors (`bench/distractors.py`), whose features come from the other
half. "Exhaustive" compares a query with every reference by `match`; the index loses what that
finds and its candidates lack. Building and searching run in processes of their own, so that their
memory can be told.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import pickle
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from bench import distractors
from bench.report import Row
from support import footage
from witnessmark.verification.matching import Fingerprint, match
from witnessmark.verification.matching.decode import Sample, luma, small
from witnessmark.verification.matching.fingerprint import make, of_file
from witnessmark.verification.matching.index import Index

Picture = NDArray[np.uint8]
SIZES = (1_000, 10_000, 100_000)
#: The targets, at the largest size.
_P95, _MEMORY, _LOSS = 2.0, 6.0, 0.01
SECONDS = 30.0
_FAMILIES = (footage.SAME_FOOTAGE, footage.SAME_SCENE)
#: Videos a commit while an index is built.
_COMMIT = 5_000


# --- material ----------------------------------------------------------------------------------


def _crop(picture: Picture, side: float = 0.25) -> Picture:
    """A quarter of the width and height gone, off the middle."""
    height, width = picture.shape
    top, left = int(height * side * 0.3), int(width * side * 0.8)
    return picture[top : top + int(height * (1 - side)), left : left + int(width * (1 - side))]


def _overlay(picture: Picture) -> Picture:
    """A bar with words below, and a logo."""
    out = picture.copy()
    height, width = out.shape
    out[int(height * 0.85) :] = 20
    words = "CHANNEL  12:34  words that run"
    cv2.putText(out, words, (8, height - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 235, 2)
    cv2.circle(out, (width - 40, 36), 26, 250, -1)
    return out


def _padded(picture: Picture) -> Picture:
    """In the middle of a tall blurred copy."""
    height, width = picture.shape
    tall = cv2.GaussianBlur(cv2.resize(picture, (width, width * 16 // 9)), (0, 0), 15)
    top = (len(tall) - height) // 2
    tall[top : top + height] = picture
    return np.asarray(tall, np.uint8)


def _tilted(picture: Picture) -> Picture:
    """A screen filmed by hand: turned a little, seen from the side, before something dark."""
    height, width = picture.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    seen = np.array([[0.08, 0.12], [0.9, 0.06], [0.94, 0.9], [0.05, 0.93]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, seen * np.array([width, height], np.float32))
    return np.asarray(cv2.warpPerspective(picture, matrix, (width, height)), np.uint8)


def _tiny(picture: Picture) -> Picture:
    height, width = picture.shape
    scale = 144 / min(height, width)
    less = cv2.resize(picture, (round(width * scale), round(height * scale)))
    return np.asarray(less, np.uint8)


def _inset(picture: Picture) -> Picture:
    """Nearly half as wide and high, over something else."""
    height, width = picture.shape
    out = footage.texture(np.random.default_rng(5), height, width)
    less = cv2.resize(picture, None, fx=0.45, fy=0.45, interpolation=cv2.INTER_AREA)
    out[-len(less) - 8 : -8, -less.shape[1] - 8 : -8] = less
    return out


EDITS: dict[str, Callable[[Picture], Picture]] = {
    "as it is": lambda picture: picture,
    "144p": _tiny,
    "blur": lambda picture: np.asarray(cv2.GaussianBlur(picture, (0, 0), 2.0), np.uint8),
    "mirror": lambda picture: picture[:, ::-1],
    "quarter turn": lambda picture: np.rot90(picture),
    "letterbox": lambda picture: np.pad(picture, ((40, 40), (0, 0))),
    "crop of a quarter": _crop,
    "bar and logo": _overlay,
    "blur-padded": _padded,
    "tilted screen": _tilted,
    "inset": _inset,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Query:
    """An edited upload and the clips that it shows."""

    edit: str
    clips: tuple[str, ...]
    fingerprint: Fingerprint


def _pictures(path: Path, start: float, end: float) -> Iterator[Sample]:
    """Eight pictures a second from `start` to `end` seconds, times from 0."""
    with av.open(str(path)) as container:
        due, first = start, None
        for frame in container.decode(video=0):
            now = frame.time or 0.0
            first = now if first is None else first
            if now - first > end:
                return
            if now - first >= due - 1e-3:
                due += 1 / 8
                yield Sample(now - first - start, small(luma(frame), int(frame.rotation)))


def _edited(paths: list[Path], edit: Callable[[Picture], Picture]) -> Fingerprint:
    """Excerpts of several clips in a row, half a minute at most."""
    each_one = SECONDS / len(paths)

    def samples() -> Iterator[Sample]:
        begun = time_now = 0.0
        for path in paths:
            for sample in _pictures(path, 0.29, 0.29 + each_one):
                picture = np.ascontiguousarray(edit(sample.luma))
                coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 35])[1]
                decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)
                time_now = begun + sample.time
                yield Sample(time_now, small(decoded))
            begun = time_now + 1 / 8

    return make(samples(), SECONDS)


def _split(clips: dict[str, Path]) -> tuple[dict[str, Path], dict[str, Path]]:
    """Clips to look for and clips that distractors are made of; one scene is on one side."""
    alone = {name: name for name in clips}
    alone |= {name: family[0] for family in _FAMILIES for name in family if name in clips}
    kinds = sorted(set(alone.values()))
    return (
        {name: clips[name] for name in clips if kinds.index(alone[name]) % 2 == 0},
        {name: clips[name] for name in clips if kinds.index(alone[name]) % 2},
    )


@dataclasses.dataclass(frozen=True)
class Material:
    """What is searched for; the pairs of query number and reference that `match` finds."""

    references: dict[str, Fingerprint]
    queries: list[Query]
    model: distractors.Model
    likeness: dict[str, str]
    exhaustive: dict[tuple[int, str], str]
    pair_ms: float


def _material(place: Path) -> Material:
    """Made once, kept in `place`."""
    kept = place / "material.pickle"
    if not kept.exists():
        wanted, others = _split(footage.clips(place / "clips"))
        prints = {name: _print(path) for name, path in (wanted | others).items()}
        model = distractors.model(list(prints.values()), [prints[name] for name in others])
        names = sorted(wanted)
        groups = [names[at : at + 3] for at in range(0, len(names), 3)]
        queries = [
            Query(name, tuple(group), _edited([wanted[each] for each in group], edit))
            for name, edit in EDITS.items()
            for group in groups
        ]
        likeness = distractors.likeness(
            model, [prints[name] for name in wanted], [prints[name] for name in others]
        )
        references = {name: prints[name] for name in names}
        exhaustive, pair_ms = _exhaustive(references, queries)
        made = Material(references, queries, model, likeness, exhaustive, pair_ms)
        kept.write_bytes(pickle.dumps(made))
    loaded: Material = pickle.loads(kept.read_bytes())
    return loaded


def _exhaustive(
    references: dict[str, Fingerprint], queries: list[Query]
) -> tuple[dict[tuple[int, str], str], float]:
    """What `match` finds in every pair, and milliseconds of CPU for one."""
    started = time.process_time()
    found = {
        (number, name): result.relation
        for number, query in enumerate(queries)
        for name, reference in references.items()
        if (result := match(query.fingerprint, reference))
    }
    spent = time.process_time() - started
    return found, 1000 * spent / (len(queries) * len(references))


def _print(path: Path) -> Fingerprint:
    with path.open("rb") as file:
        return of_file(file)[0]


# --- measures ----------------------------------------------------------------------------------


def build(place: Path, size: int) -> dict[str, float]:
    """Adds distractors until the index holds `size` videos. In a process of its own."""
    material = _material(place)
    started = time.monotonic()
    index = Index.open(place / "index")
    if not len(index):
        for name, each in material.references.items():
            index.add(name, each)
        index.commit()
    made = 0.0
    while (held := len(index)) < size:
        begun = time.monotonic()
        part = list(distractors.sketches(material.model, min(_COMMIT, size - held), seed=held))
        made += time.monotonic() - begun
        for number, each in enumerate(part, held):
            index.add_sketch(f"distractor{number}", each)
        index.commit("none")
    index.commit("all")
    files = sum(path.stat().st_size for path in (place / "index").rglob("*") if path.is_file())
    return {
        "seconds": round(time.monotonic() - started - made, 1),
        "seconds_of_making_distractors": round(made, 1),
        "gigabytes_on_disk": round(files / 1e9, 2),
        "gigabytes_of_memory": _memory(),
    }


def ask(place: Path) -> dict[str, float]:
    """Puts every query to the index. In a process of its own."""
    material = _material(place)
    before = _memory()
    index = Index.open(place / "index")
    found, walls, cpus, extra = set(), [], [], []
    truth = {(n, each) for n, query in enumerate(material.queries) for each in query.clips}
    for number, query in enumerate(material.queries):
        wall, cpu = time.monotonic(), time.process_time()
        answer = index.candidates(query.fingerprint)
        walls.append(time.monotonic() - wall)
        cpus.append(time.process_time() - cpu)
        found |= {(number, each.key) for each in answer.ranked}
        extra.append(len(answer.ranked) + answer.left_off - len(query.clips))
    footage_found = {pair for pair, relation in material.exhaustive.items()} & truth
    return {
        "videos": len(index),
        "queries": len(walls),
        "p50": round(float(np.quantile(walls, 0.5)), 3),
        "p95": round(float(np.quantile(walls, 0.95)), 3),
        "cpu_p95": round(float(np.quantile(cpus, 0.95)), 3),
        "gigabytes": _memory(),
        "gigabytes_before": before,
        "true_pairs": len(truth),
        "by_exhaustive_search": len(footage_found),
        "of_them_by_index": len(footage_found & found),
        "by_index": len(truth & found),
        "other_candidates_mean": round(float(np.mean(extra)), 1),
        "other_candidates_p95": round(float(np.quantile(extra, 0.95)), 1),
        "pair_ms": round(material.pair_ms, 1),
    }


def _memory() -> float:
    """Largest resident memory of this process so far, gigabytes; mapped files count."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)


def _apart(what: str, place: Path, size: int = 0) -> dict[str, float]:
    """A measure in a process of its own."""
    command = [sys.executable, "-m", "bench.searching", what, str(place), str(size)]
    done = subprocess.run(command, capture_output=True, check=True, cwd=footage.ROOT)
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def measure(place: Path, sizes: tuple[int, ...]) -> Iterator[Row]:
    """Rows for growing sizes."""
    material = _material(place)
    for name, figure in material.likeness.items():
        yield Row(f"likeness of distractors: {name}", figure)
    p95s = {}
    for size in sizes:
        built = _apart("build", place, size)
        got = _apart("ask", place)
        p95s[size] = got["p95"]
        yield from _rows(size, built, got, target=size == SIZES[-1])
    growth = [f"x{p95s[b] / p95s[a]:.1f} to {b}" for a, b in itertools.pairwise(sizes)]
    yield Row("growth of p95", ", ".join(growth))


def _rows(
    size: int, built: dict[str, float], got: dict[str, float], *, target: bool
) -> Iterator[Row]:
    what = f"search among {size} videos, {got['queries']} queries of 30 s (synthetic edits)"
    sought, kept = got["by_exhaustive_search"], got["of_them_by_index"]
    loss = 1 - kept / max(1, sought)
    yield Row(
        f"{what}: p95 latency",
        f"{got['p95']} s, CPU {got['cpu_p95']} s, median {got['p50']} s",
        f"<= {_P95} s" if target else "",
        got["p95"] <= _P95 if target else None,
    )
    yield Row(
        f"{what}: memory",
        f"{got['gigabytes']} GB, {built['gigabytes_on_disk']} GB on disk",
        f"<= {_MEMORY} GB" if target else "",
        got["gigabytes"] <= _MEMORY if target else None,
        f"before opening it {got['gigabytes_before']} GB",
    )
    yield Row(
        f"{what}: recall against exhaustive",
        f"{kept}/{sought} = {kept / max(1, sought):.3f}",
        f">= {1 - _LOSS}" if target else "",
        loss <= _LOSS if target else None,
        f"true pairs: {got['true_pairs']}, by the index {got['by_index']}",
    )
    yield Row(
        f"{what}: other candidates",
        f"mean {got['other_candidates_mean']}, p95 {got['other_candidates_p95']}",
        remark=f"comparing a pair costs {got['pair_ms']} ms of CPU",
    )
    yield Row(
        f"{what}: building",
        f"{built['seconds']} s, {built['gigabytes_of_memory']} GB",
        remark="from sketches, without the time to make distractors",
    )


def table(place: Path) -> list[Row]:
    """The rows of `make bench`."""
    return list(measure(place, SIZES))


if __name__ == "__main__":
    word, folder, number = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    print(json.dumps(build(folder, number) if word == "build" else ask(folder)))
