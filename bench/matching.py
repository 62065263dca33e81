"""Matching measured: recall by edit, false matches, two takes of one scene, and what it costs.

Edits are synthetic, made here from short clips: real re-uploads are harder. The clips under
"seen" were looked at while thresholds were chosen. Of those under "unseen" only the disjoint
parts were, never an edit. Three "seen" clips last under four seconds before a fixed camera.
"Found" is any segment in the right place, not all of it.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from bench.report import Row
from support import edits, footage
from witnessmark.verification.matching import Fingerprint, Match, match
from witnessmark.verification.matching.fingerprint import of_file
from witnessmark.verification.media import open_media

CACHE = footage.ROOT / ".bench" / "matching"
#: Seconds of a clip that edits are made of, and their longest side.
LENGTH, SIDE = 12.0, 640
#: Clips on whose edits no threshold was chosen, and second copies of them that came from elsewhere.
UNSEEN = {
    "beach": "mindeng_nom-exif/testdata__mkv_640x360.mkv",
    "earth": "mindeng_nom-exif/testdata__webm_480.webm",
    "river": "contentauth_c2pa-rs/sdk__tests__fixtures__video1.mp4",
}
COPIES = {
    "beach": "mindeng_nom-exif/testdata__3gp_640x360.3gp",
    "earth": "contentauth_c2pa-rs/sdk__tests__fixtures__test.avi",
}
ROOM = frozenset(footage.SAME_SCENE)
CHAIR = frozenset(footage.SAME_FOOTAGE)


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """What a query truly shows: seconds `start` to `end` of it, reference = rate * t + offset."""

    clip: str
    start: float
    end: float
    offset: float = 0.0
    rate: float = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Query:
    """An edited upload with its truth."""

    edit: str
    path: Path
    parts: tuple[Part, ...]


# --- material ----------------------------------------------------------------------------------


def _base(name: str, source: Path) -> Path:
    """The first seconds of a clip, no larger than `SIDE`, nearly lossless."""
    out = CACHE / f"{name}.mp4"
    if not out.exists():
        fps = edits.pace(source)
        pictures = edits.steady(edits.frames(source, end=LENGTH), fps)
        edits.write(out, (edits.fitted(each, SIDE) for each in pictures), fps, crf=18)
    return out


def _length(path: Path) -> float:
    with av.open(str(path)) as container:
        return (container.duration or 0) / av.time_base


def _edited(name: str, base: Path, behind: Path) -> Iterator[Query]:
    """Every edit of one clip."""
    length = _length(base)
    start, end = 0.3 * length + 0.1, 0.8 * length
    kinds = dict(edits.EDITS)
    kinds["excerpt"] = functools.partial(edits.excerpt, start=start, end=end)
    kinds["picture_in_picture"] = functools.partial(edits.picture_in_picture, behind=behind)
    for kind, edit in kinds.items():
        out = CACHE / f"{name}.{kind}.mp4"
        if not out.exists():
            edit(base, out)
        rate = float(kind.partition("speed_")[2] or 1)
        part = Part(name, 0.0, length / rate, rate=rate)
        if kind == "excerpt":
            part = Part(name, 0.0, end - start, offset=start)
        yield Query(kind, out, (part,))


def _compilations(bases: dict[str, Path]) -> Iterator[Query]:
    """Three clips in a row, four seconds of each."""
    names = [name for name, base in bases.items() if _length(base) >= 5.0]
    for number in range(0, len(names) - 2, 3):
        chosen = names[number : number + 3]
        out = CACHE / f"compilation.{'+'.join(chosen)[:80]}.mp4"
        if not out.exists():
            edits.compilation([(bases[name], 0.6, 4.6) for name in chosen], out)
        parts = [Part(n, 4.0 * k, 4.0 * k + 4, offset=0.6 - 4.0 * k) for k, n in enumerate(chosen)]
        yield Query("compilation", out, tuple(parts))


def _queries(clips: dict[str, Path]) -> Iterator[Query]:
    CACHE.mkdir(parents=True, exist_ok=True)
    once = {n: p for n, p in clips.items() if n not in CHAIR or n == max(CHAIR)}
    bases = {name: _base(name, path) for name, path in once.items()}
    names = list(bases)
    for place, name in enumerate(names):
        yield from _edited(name, bases[name], bases[names[place - 1]])
    yield from _compilations(bases)


@functools.cache
def _print(path: Path) -> Fingerprint:
    with path.open("rb") as file:
        return of_file(file)[0]


def _one(a: str, b: str) -> bool:
    """Whether two names stand for the same footage."""
    return a == b or {a, b} <= CHAIR


# --- measures ----------------------------------------------------------------------------------


def _hit(found: Match | None, part: Part) -> tuple[bool, bool]:
    """Whether the footage was found there, and every end within half a second of the truth."""
    if found is None or found.relation != "same_footage":
        return False, False
    mine = [s for s in found.segments if s.query[1] > part.start and s.query[0] < part.end]
    off = [
        abs(part.rate * here + part.offset - there)
        for segment in mine
        for here, there in zip(segment.query, segment.reference, strict=True)
    ]
    return bool(mine), bool(off) and max(off) <= 0.5


def recall(clips: dict[str, Path], label: str) -> list[dict[str, object]]:
    """Rows by edit: parts, found, aligned, and false matches against all other clips."""
    rows: dict[str, list[int]] = defaultdict(lambda: [0] * 6)
    missed: dict[str, list[str]] = defaultdict(list)
    for query in _queries(clips):
        here, row = _print(query.path), rows[query.edit]
        names = {part.clip for part in query.parts}
        for name, path in clips.items():
            found = match(here, _print(path))
            parts = [part for part in query.parts if part.clip == name]
            for part in parts:
                hit, placed = _hit(found, part)
                row[0], row[1], row[2] = row[0] + 1, row[1] + hit, row[2] + placed
                row[5] += found is not None and not hit
                if not hit:
                    missed[query.edit].append(name)
            if not parts and not any(_one(name, each) for each in names):
                row[3] += 1
                if query.edit == "picture_in_picture":
                    row[3] -= 1  # what it lies over is a clip of ours, too
                else:
                    row[4] += found is not None and found.relation == "same_footage"
    keys = ("parts", "found", "within_half_a_second", "unrelated", "false", "only_as_scene")
    return [
        {"table": f"recall, synthetic edits, {label}", "edit": edit}
        | dict(zip(keys, row, strict=True))
        | {"missed": missed[edit]}
        for edit, row in rows.items()
    ]


def negatives(clips: dict[str, Path], label: str) -> list[dict[str, object]]:
    """Unrelated clips, two takes of a room, and disjoint thirds of every clip."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for a, b in itertools.permutations(clips, 2):
        kind = "one room, other take" if {a, b} <= ROOM else "unrelated"
        kind = "real edits of one clip" if _one(a, b) else kind
        _count(counts[kind], match(_print(clips[a]), _print(clips[b])))
    for name, path in clips.items():
        whole = _print(path)
        for pieces in (2, 3):
            length = whole.duration / 1000 / pieces
            parts = [cut(whole, k * length, (k + 1) * length - 0.3) for k in range(pieces)]
            for one, other in itertools.permutations(parts, 2):
                _count(counts["disjoint parts of one clip"], match(one, other))
        if label == "unseen":
            copy = _print(footage.SHARED / "samples" / COPIES[name]) if name in COPIES else whole
            _count(counts["real copies"], match(copy, whole))
    return [{"table": f"pairs, {label}", "kind": kind} | dict(row) for kind, row in counts.items()]


def _count(row: dict[str, int], found: Match | None) -> None:
    row["pairs"] += 1
    row[found.relation if found else "nothing"] += 1


def cut(whole: Fingerprint, start: float, end: float) -> Fingerprint:
    """The fingerprint that the seconds from `start` to `end` would have, nearly."""
    kept = (whole.seconds >= start) & (whole.seconds < end)
    first = int(np.argmax(kept))
    keys = (whole.keys >= first) & (whole.keys < first + kept.sum())
    return dataclasses.replace(
        whole,
        duration=round((end - start) * 1000),
        times=whole.times[kept] - whole.times[first],
        full=whole.full[kept],
        inner=whole.inner[kept],
        edges=whole.edges[kept],
        contrast=whole.contrast[kept],
        thumbs=whole.thumbs[kept],
        keys=whole.keys[keys] - np.uint32(first),
        features=tuple(each for each, k in zip(whole.features, keys, strict=True) if k),
    )


def costs(clips: dict[str, Path]) -> dict[str, object]:
    """CPU seconds: fingerprints against plain decoding, and milliseconds for a pair."""
    made = decoded = 0.0
    for path in clips.values():
        started = time.process_time()
        with path.open("rb") as file:
            of_file(file)
        middle = time.process_time()
        with path.open("rb") as file, open_media(file) as container:
            container.streams.video[0].codec_context.thread_count = 1
            for _ in container.decode(video=0):
                pass
        made, decoded = made + middle - started, decoded + time.process_time() - middle
    spent = []
    for a, b in itertools.product(clips.values(), repeat=2):
        started = time.process_time()
        match(_print(a), _print(b))
        spent.append((time.process_time() - started) * 1000)
    sizes = sum(len(_print(path).encode()) for path in clips.values())
    return {
        "table": "costs",
        "fingerprint_to_full_decode_cpu": round(made / decoded, 2),
        "pair_ms_median": round(float(np.median(spent)), 1),
        "pair_ms_max": round(max(spent), 1),
        "bytes_a_second": round(sizes / sum(_print(p).duration / 1000 for p in clips.values())),
    }


def run() -> list[dict[str, object]]:
    """All tables as rows."""
    seen = footage.clips(CACHE / "clips")
    rows = recall(seen, "seen") + negatives(seen, "seen")
    samples = footage.SHARED / "samples"
    unseen = {name: samples / path for name, path in UNSEEN.items() if (samples / path).exists()}
    if unseen:
        rows += recall(unseen, "unseen") + negatives(unseen, "unseen")
    return [*rows, costs(seen)]


def table(_: Path) -> list[Row]:
    """The rows of `make bench`."""
    return [_row(each) for each in run()]


def _row(each: dict[str, object]) -> Row:
    what = ", ".join(str(each.pop(name)) for name in ("table", "edit", "kind") if name in each)
    if "parts" not in each:
        return Row(what, ", ".join(f"{name} {value}" for name, value in each.items()))
    false = f"{each['false']} false among {each['unrelated']} other clips"
    return Row(what, f"{each['found']}/{each['parts']} found", remark=false)


def main() -> None:
    for row in run():
        print(", ".join(f"{name}: {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
