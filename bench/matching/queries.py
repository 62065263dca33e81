"""Queries with their truth: every edit of every piece, inlays, compilations, stills."""

from __future__ import annotations

import dataclasses
import json
import os
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bench.matching.sources import CACHE, COPIES, OTHERS, RENDERED, SEEN, Piece, located
from support.edits import reuploads
from support.edits.reuploads import Clock

#: Rows of the table, in its order.
LIGHT, HARD = tuple(reuploads.LIGHT), tuple(reuploads.HARD)
INLAY, MIX, STILLS = ("inset", "background"), ("compilation",), tuple(reuploads.STILLS)
COPY = "real copies, not synthetic"
ROWS = (COPY, *LIGHT, *HARD, *INLAY, *MIX, *STILLS)
#: Shortest piece that a part is cut out of, seconds.
_CUTTABLE = 4.5
_SEEDS = {"fit": 1, "report": 2}


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """Seconds `start` to `end` of a query show a piece: there = rate * here + offset.

    A still is a part without length.
    """

    row: str
    piece: str
    group: str
    start: float
    end: float
    offset: float
    rate: float


@dataclasses.dataclass(frozen=True, slots=True)
class Query:
    """An upload to be made: from which pieces, and how.

    Attributes:
        copy: a second copy that came from elsewhere, with its truth; then nothing is made.
    """

    name: str
    edit: str
    half: str
    pieces: tuple[Piece, ...]
    make: Callable[[Path], list[Part]]
    suffix: str = ".mp4"
    copy: tuple[Path, tuple[Part, ...]] | None = None

    @property
    def path(self) -> Path:
        if self.copy:
            return self.copy[0]
        return CACHE / "edits" / reuploads.VERSION / f"{self.name}{self.suffix}"

    @property
    def is_made(self) -> bool:
        return self.copy is not None or self.path.with_suffix(".json").exists()

    def made(self) -> list[Part]:
        """The truth; the file is made when it is not there yet."""
        if self.copy:
            return list(self.copy[1])
        truth = self.path.with_suffix(".json")
        if not self.is_made:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            partial = self.path.with_name(f"{os.getpid()}-{self.path.name}")
            parts = self.make(partial)
            partial.rename(self.path)
            text = json.dumps([dataclasses.asdict(part) for part in parts])
            partial.write_text(text, encoding="utf-8")
            partial.rename(truth)
        return [Part(**each) for each in json.loads(truth.read_text(encoding="utf-8"))]


def _rng(half: str, name: str) -> np.random.Generator:
    return np.random.default_rng([_SEEDS[half], zlib.crc32(name.encode())])


def _part(row: str, piece: Piece, clock: Clock, at: float = 0.0) -> Part:
    offset = clock.start - clock.rate * at
    return Part(row, piece.name, piece.group, at, at + clock.length, offset, clock.rate)


def of_pieces(pieces: Sequence[Piece]) -> list[Query]:
    """All queries from camera footage among `pieces`, in an order that does not depend on it.

    Of each shoot its longest piece gets every edit: more of one shoot would tell little more.
    """
    filmed = sorted((p for p in pieces if p.kind != "rendered"), key=lambda piece: piece.name)
    made: list[Query] = []
    for half in _SEEDS:
        ours = [piece for piece in filmed if piece.half == half]
        first = {piece.group: piece for piece in sorted(ours, key=_least)}
        edited = sorted(first.values(), key=lambda piece: piece.name)
        made += [
            _edited(piece, kind, edit)
            for piece in edited
            for kind, edit in (reuploads.LIGHT | reuploads.HARD | reuploads.STILLS).items()
            if kind != "excerpt" or reuploads.length(piece.base) >= _CUTTABLE
        ]
        made += [_inlay(piece, ours) for piece in edited]
        made += _mixes(ours, half)
    return made + _copies(pieces)


def _copies(pieces: Sequence[Piece]) -> list[Query]:
    """Second copies from elsewhere: other encoders, other people's bars and signs."""
    held = {piece.name: piece for piece in pieces}
    made = []
    for number, (name, place) in enumerate(COPIES):
        path = located(place)
        (source,) = [each for each in (*SEEN, *OTHERS, *RENDERED) if each.name == name]
        if path is None or source.kind == "rendered":
            continue
        spans = source.spans or ((0.0, reuploads.length(path)),)
        names = [f"{name}.{k}" for k in range(len(spans))] if len(spans) > 1 else [name]
        chosen = [(held[each], span) for each, span in zip(names, spans, strict=True)
                  if each in held]  # fmt: skip
        if chosen:
            parts = tuple(
                Part(COPY, piece.name, piece.group, *span, -span[0], 1.0) for piece, span in chosen
            )
            of = tuple(piece for piece, _ in chosen)
            made.append(
                Query(f"{name} copy {number}", COPY, of[0].half, of, _nothing, copy=(path, parts))
            )
    return made


def _nothing(out: Path) -> list[Part]:
    raise AssertionError(f"{out} is not to be made")


def _least(piece: Piece) -> tuple[float, str]:
    """Orders pieces: the longest last, of equals the first name."""
    return round(reuploads.length(piece.base)), "".join(chr(255 - ord(c)) for c in piece.name)


def _edited(piece: Piece, kind: str, edit: reuploads.Reupload) -> Query:
    name = f"{piece.name} {kind}".replace(":", "x")

    def make(out: Path) -> list[Part]:
        return [_part(kind, piece, edit(piece.base, out, _rng(piece.half, name)))]

    return Query(name, kind, piece.half, (piece,), make, ".jpg" if kind in STILLS else ".mp4")


def _inlay(piece: Piece, others: Sequence[Piece]) -> Query:
    """The piece in a corner over one of another shoot."""
    name = f"{piece.name} inlay"
    rng = _rng(piece.half, name)
    choice = [other for other in others if other.group != piece.group]
    behind = choice[int(rng.integers(len(choice)))]

    def make(out: Path) -> list[Part]:
        clock = reuploads.picture_in_picture(
            piece.base, out, _rng(piece.half, name), behind=behind.base
        )
        return [_part("inset", piece, clock), _part("background", behind, clock)]

    return Query(name, "inlay", piece.half, (piece, behind), make)


def _mixes(ours: Sequence[Piece], half: str) -> list[Query]:
    """Every piece that is long enough is in two compilations of three shoots."""
    usable = [piece for piece in ours if reuploads.length(piece.base) >= _CUTTABLE]
    made = []
    for turn in range(2):
        order = list(_rng(half, f"mix {turn}").permutation(len(usable)))
        while len(order) >= 3:
            chosen: list[Piece] = []
            for at in list(order):
                if usable[at].group not in {piece.group for piece in chosen} and len(chosen) < 3:
                    chosen.append(usable[at])
                    order.remove(at)
            if len(chosen) < 3:
                break
            made.append(_mix(f"{half} mix {turn}-{len(made)}", half, tuple(chosen)))
    return made


def _mix(name: str, half: str, chosen: tuple[Piece, ...]) -> Query:
    def make(out: Path) -> list[Part]:
        clocks = reuploads.compilation([each.base for each in chosen], out, _rng(half, name))
        starts = np.cumsum([0.0, *(clock.length for clock in clocks)])
        return [
            _part("compilation", piece, clock, float(at))
            for piece, clock, at in zip(chosen, clocks, starts, strict=False)
        ]

    return Query(name, "mix", half, chosen, make)


#: Queries of an edit in the quick subset.
_FEW = 3


def few(queries: Sequence[Query]) -> list[Query]:
    """The quick subset: of every edit so many, from both halves."""
    ranked = sorted(queries, key=lambda query: zlib.crc32(query.name.encode()))
    counts: Counter[str] = Counter()
    kept = set()
    for query in ranked:
        if counts[query.edit] < _FEW:
            counts[query.edit] += 1
            kept.add(query.name)
    return [query for query in queries if query.name in kept]
