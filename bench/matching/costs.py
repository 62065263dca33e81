"""What a fingerprint costs, in CPU seconds against plain decoding of the same files."""

from __future__ import annotations

import functools
import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import av

from bench.matching.sources import CACHE, Piece, kept
from bench.report import Row
from support import edits
from support.edits import pictures
from support.edits.video import Picture
from witnessmark.verification.matching import Fingerprint, match
from witnessmark.verification.matching.fingerprint import of_file

#: Long files: pieces in a row, 1280 x 720, a minute at least.
MIXES = {
    "dog, cups, office": ("dog", "cups", "office.0", "office.1", "dog", "cups", "office.0"),
    "road, drone, bikes, city": ("road", "drone", "bikes", "city", "beach", "chair.0", "cars.0"),
    "one camera": ("campus.0", "campus.1", "campus.2", "campus.0", "campus.1", "campus.2"),
}
SECONDS, ROUNDS, FPS = 61.0, 5, 25.0


def _pictures(pieces: Sequence[Piece]) -> Iterator[Picture]:
    count = 0
    for piece in itertools.cycle(pieces):
        for picture in edits.steady(edits.frames(piece.path), FPS):
            if count >= SECONDS * FPS:
                return
            count += 1
            yield pictures.boxed(picture, 1280, 720)


def files(pieces: Sequence[Piece]) -> list[Path]:
    """Long files of what is here."""
    held, made = {piece.name: piece for piece in pieces}, []
    for number, names in enumerate(MIXES.values()):
        out = CACHE / "long" / f"{number}.mp4"
        chosen = [held[name] for name in names if name in held]
        if not chosen:
            continue
        made.append(kept(out, functools.partial(_written, chosen)))
    return made


def _written(pieces: Sequence[Piece], out: Path) -> None:
    edits.write(out, _pictures(pieces), FPS, crf=23)


def _decoded(path: Path, skipping: bool = False) -> None:
    with av.open(str(path)) as container:
        codec = container.streams.video[0].codec_context
        codec.thread_count = 1
        if skipping:
            codec.skip_frame = "NONREF"
        for _ in container.decode(video=0):
            pass


def _printed(path: Path) -> Fingerprint:
    with path.open("rb") as file:
        return of_file(file)[0]


def _spent(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def costs(pieces: Sequence[Piece]) -> list[Row]:
    """Medians of interleaved rounds, for each long file and for all."""
    rows, ratios = [], []
    for path, mix in zip(files(pieces), MIXES, strict=False):
        times: dict[str, list[float]] = {"print": [], "decode": [], "skip": []}
        for _ in range(ROUNDS):
            times["decode"].append(_spent(lambda: _decoded(path)))  # noqa: B023 - called here
            times["print"].append(_spent(lambda: _printed(path)))  # noqa: B023 - called here
            times["skip"].append(_spent(lambda: _decoded(path, skipping=True)))  # noqa: B023 - called here
        made, full, skipped = (
            statistics.median(times[name]) for name in ("print", "decode", "skip")
        )
        ratios.append(made / full)
        told = f"{made:.2f} s against {full:.2f} s; {skipped:.2f} s without non-reference frames"
        rows.append(
            _row(f"fingerprint / full decode CPU, 61 s of 720p H.264: {mix}", ratios[-1], told)
        )
    if ratios:
        told = "worst of the files; non-reference frames are skipped when there are 20 a second"
        rows.append(_row("fingerprint / full decode CPU", max(ratios), told))
    return rows


def _row(what: str, ratio: float, told: str) -> Row:
    return Row(what, f"{ratio:.2f}x", "<= 1.5x", ratio <= 1.5, told)


def pairs(pieces: Sequence[Piece]) -> list[Row]:
    """Milliseconds of a comparison, bytes of a second."""
    held = [_printed(piece.path) for piece in pieces[::4]]
    spent = [_spent(lambda: match(a, b)) * 1000 for a in held for b in held]  # noqa: B023 - called here
    size = sum(len(each.encode()) for each in held) / sum(each.duration / 1000 for each in held)
    return [
        Row("comparison of two fingerprints, CPU", f"{statistics.median(spent):.1f} ms",
            remark=f"median of {len(spent)}, at most {max(spent):.0f} ms"),
        Row("fingerprint, bytes a second of video", f"{size:,.0f}"),
    ]  # fmt: skip
