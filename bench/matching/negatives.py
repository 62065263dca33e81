"""Pairs that share no footage and look as if they might: disjoint parts, blanks, one template."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.matching.sources import CACHE, OTHERS, SEEN, Piece, cut, halves, kept, located
from support import blanks, edits
from support.edits import dressing, reuploads

#: Raise when what is made here comes out otherwise than before.
VERSION = "1"
#: Most parts of a source, their seconds, and what lies between two of them at least.
MOST, LONGEST, SHORTEST, APART = 8, 6.0, 1.2, 0.3
#: Blanks of a kind in each half.
EACH = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Trial:
    """A query against references of which it shows none.

    Attributes:
        kind: what makes it hard.
        groups: shoots on either side; a blank is a group of its own.
        references: name to path and group.
    """

    name: str
    kind: str
    half: str
    group: str
    path: Path
    references: dict[str, tuple[Path, str]]


def _place(name: str) -> Path:
    return CACHE / "negatives" / VERSION / name


def _spans(length: float) -> list[tuple[str, list[tuple[float, float]]]]:
    """Ways to cut a clip into parts that share nothing."""
    ways = []
    counts = {2, 3, *([min(MOST, int(length / (LONGEST + APART)))] if length > 20 else [])}
    for count in sorted(counts):
        step = length / count
        lasts = min(step - APART, LONGEST if count > 3 else step)
        if lasts >= SHORTEST:
            ways.append((f"{count}", [(k * step, k * step + lasts) for k in range(count)]))
    return ways


def _part(name: str, span: tuple[float, float]) -> Path:
    return _place(f"{name} {span[0]:.1f}-{span[1]:.1f}.mp4")


def disjoint() -> list[Trial]:
    """Halves, thirds and sixths of every clip of a camera, each against the others."""
    half, made = halves(), []
    for source in (*SEEN, *OTHERS):
        path = located(source.place)
        if path is None:
            continue
        for way, spans in _spans(reuploads.length(path)):
            parts = {
                f"{source.name} part {k + 1} of {way}": cut(
                    path, _part(source.name, span), *span, 640
                )
                for k, span in enumerate(spans)
            }
            kind = f"disjoint parts, {source.kind} camera"
            made += [
                Trial(name, kind, half[source.group], source.group, part,
                      {n: (p, source.group) for n, p in parts.items() if n != name})
                for name, part in parts.items()
            ]  # fmt: skip
    return made


def takes(pieces: Sequence[Piece]) -> list[Trial]:
    """Takes of one place, unedited: pieces of one shoot from different clips."""
    origin = {piece.name: piece.name.partition(".")[0] for piece in pieces}
    made = []
    for piece in pieces:
        others = {
            other.name: (other.path, other.group)
            for other in pieces
            if other.group == piece.group and origin[other.name] != origin[piece.name]
        }
        if others:
            made.append(
                Trial(f"{piece.name} as taken", "other takes of one place", piece.half,
                      piece.group, piece.path, others)
            )  # fmt: skip
    return made


def plain(pieces: Sequence[Piece]) -> list[Trial]:
    """Unedited pieces against all of other shoots."""
    return [
        Trial(f"{piece.name} plain", "unedited clips of other shoots", piece.half, piece.group,
              piece.path, _others(pieces, piece))
        for piece in pieces
    ]  # fmt: skip


def _others(pieces: Sequence[Piece], piece: Piece) -> dict[str, tuple[Path, str]]:
    return {p.name: (p.path, p.group) for p in pieces
            if p.group != piece.group and (piece.half != "fit" or p.half == "fit")}  # fmt: skip


def blank(pieces: Sequence[Piece]) -> list[Trial]:
    """Blanks against all blanks of their half and against its pieces."""
    made = []
    for number, half in enumerate(("fit", "report")):
        seeds = range(number * EACH, (number + 1) * EACH)
        ours = {f"{kind} {seed}": _blank(kind, seed) for kind in blanks.KINDS for seed in seeds}
        clips = {piece.name: (piece.path, piece.group) for piece in pieces if piece.half == half}
        for name, path in ours.items():
            others = {other: (p, other) for other, p in ours.items() if other != name}
            kind = f"made up: {name.rpartition(' ')[0]}"
            made.append(Trial(name, kind, half, name, path, others | clips))
    return made


def _blank(kind: str, seed: int) -> Path:
    return kept(_place(f"{kind} {seed}.mp4"), lambda partial: blanks.blank(partial, kind, seed))


def template(pieces: Sequence[Piece]) -> list[Trial]:
    """One channel's caption, sign and ticker over every shoot, in one size."""
    filmed = {piece.group: piece for piece in reversed(pieces) if piece.kind != "rendered"}
    dressed = {piece.name: (_dressed(piece), piece) for piece in filmed.values()}
    made = []
    for name, (path, piece) in dressed.items():
        others = {
            other: (there, its.group)
            for other, (there, its) in dressed.items()
            if other != name and its.half == piece.half
        }
        made.append(Trial(f"{name} in the template", "same caption template over unrelated footage",
                          piece.half, piece.group, path, others))  # fmt: skip
    return made


def _dressed(piece: Piece) -> Path:
    def make(partial: Path) -> None:
        change = dressing.channel(640, 360, np.random.default_rng(5))
        fps = edits.pace(piece.base)
        shown = enumerate(edits.steady(edits.frames(piece.base), fps))
        edits.write(partial, (change(edits.resized(p, 640, 360), n) for n, p in shown), fps)

    return kept(_place(f"{piece.name} in the template.mp4"), make)


def trials(pieces: Sequence[Piece]) -> list[Trial]:
    """All of them."""
    return [
        *disjoint(), *takes(pieces), *plain(pieces), *blank(pieces), *template(pieces),
    ]  # fmt: skip
