"""The same sound under other pictures: found, and in its place.

A query shows ten seconds of one shoot at most and carries as much sound of another. It is compared
with the whole clip that the sound is from, and with all other clips that can be heard.
"""

from __future__ import annotations

import dataclasses
import functools
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.matching.intervals import clustered, upper
from bench.matching.sources import CACHE, OTHERS, SEEN, Piece, halves, kept, located
from bench.report import Row
from support.edits import sound
from support.edits.sound import RATE, Samples
from witnessmark.verification.matching.sound import match_sounds
from witnessmark.verification.matching.soundprint import Soundprint, of_file

VERSION = "1"
#: A clip this quiet (root mean square) cannot be heard; seconds of sound that a query takes.
SILENT, LENGTH, SHORTEST = 0.005, 8.0, 4.0
NEAR = 0.5


@dataclasses.dataclass(frozen=True, slots=True)
class Heard:
    """A clip with sound."""

    name: str
    group: str
    half: str
    path: Path
    sound: Samples


def audible() -> list[Heard]:
    """Camera clips whose sound is worth finding."""
    half, made = halves(), []
    for source in (*SEEN, *OTHERS):
        path = located(source.place)
        if path is None:
            continue
        samples = sound.heard(path)
        loud = float(np.sqrt((samples**2).mean())) if len(samples) else 0.0
        if loud > SILENT and len(samples) >= SHORTEST * RATE:
            made.append(Heard(source.name, source.group, half[source.group], path, samples))
    return made


def _query(heard: Heard, pictures: Piece) -> tuple[Path, float]:
    """Pictures with the sound of another clip, and the second at which that begins."""
    rng = np.random.default_rng(zlib.crc32(heard.name.encode()))
    whole = len(heard.sound) / RATE
    start = float(rng.uniform(0, max(0.0, whole - LENGTH)))
    part = heard.sound[round(start * RATE) :][: round(LENGTH * RATE)]
    part = part * np.float32(rng.uniform(0.5, 1.0))
    part = part + rng.normal(0, 0.002, len(part)).astype(np.float32)
    out = CACHE / "sounds" / VERSION / f"{heard.name} under {pictures.name}.mp4"
    return kept(out, lambda partial: sound.under(pictures.base, part, partial)), start


@functools.cache
def _print(path: Path) -> Soundprint:
    with path.open("rb") as file:
        return of_file(file)[0]


def rows(pieces: Sequence[Piece]) -> list[Row]:
    """Recall and false links of `same_sound`, both halves: nothing was fitted to any of them."""
    clips = audible()
    long = [piece for piece in pieces if piece.kind != "rendered"]
    found: dict[str, list[bool]] = {}
    false = pairs = 0
    for heard in clips:
        others = [piece for piece in long if piece.group != heard.group]
        pictures = others[zlib.crc32(f"under {heard.name}".encode()) % len(others)]
        query, start = _query(heard, pictures)
        references = {clip.name: clip.path for clip in clips if clip.group != pictures.group}
        here = _print(query)
        matches = {name: match_sounds(here, _print(path)) for name, path in references.items()}
        for clip in clips:
            match = matches.get(clip.name)
            same = match is not None and match.relation == "same_sound"
            if clip.name == heard.name:
                placed = same and match is not None and all(
                    abs(there - here - start) <= NEAR
                    for s in match.segments
                    for here, there in zip(s.query, s.reference, strict=True)
                )  # fmt: skip
                found.setdefault(heard.group, []).append(placed)
            elif clip.group not in (heard.group, pictures.group):
                pairs, false = pairs + 1, false + same
    values = [each for group in found.values() for each in group]
    if not values:
        return []
    low, high = clustered(found)
    told = f"{sum(values)}/{len(values)} clips of {len(found)} shoots, 95% {low:.2f}-{high:.2f}"
    bound = f"95% upper bound by pair {upper(false, pairs):.2f}"
    return [
        Row("same sound under other pictures, found within 0.5 s", f"{np.mean(values):.3f}",
            remark=f"{told}; synthetic edits"),
        Row("pairs of unlike sound called the same", f"{false} of {pairs}", "0", not false, bound),
    ]  # fmt: skip
