"""What stands of a link once people decided about it.

A link segment is a line in the plane of two clocks: moment of `a` against moment of `b`. A person's
decision is a rectangle in that plane. At every point of the line the latest decision whose
rectangle holds it counts; where there is none, the program's word does. So it does not matter
which program finds a line, how it cuts it, or whether it comes before or after the decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple, TypeVar

from witnessmark.model.link import CONFIRM, DECISIONS, MERGE, SPLIT

#: Decisions about all of a pair reach further than any clock.
EVER = 1 << 53
#: What is left of a line beside a cut is dropped below this, milliseconds: people name stretches
#: in tenths of seconds, and 1.5 s is the shortest stretch that the matcher itself reports.
LEAST = 1_500


class Span(NamedTuple):
    """Milliseconds of one object, as one end of a link segment."""

    object: int
    start: int
    end: int


class Line(NamedTuple):
    """A link segment; `since` is 0 for a program's, the decision's key for a person's."""

    key: int
    a: Span
    b: Span
    since: int = 0


class Decision(NamedTuple):
    """A person's word on a rectangle; a higher key is a later word."""

    key: int
    kind: str
    a: Span
    b: Span


class Edge(NamedTuple):
    """What stands of a line: (its key, number of the piece), both ends, and by whose word.

    Attributes:
        confirmed: whether people said so of most of it.
    """

    key: tuple[int, int]
    a: Span
    b: Span
    confirmed: bool


def edges(lines: Iterable[Line], decisions: Sequence[Decision]) -> list[Edge]:
    """What stands of `lines`, and of the lines that people drew themselves.

    The order of either does not matter; that of decisions is in their keys.
    """
    drawn = [Line(d.key, d.a, d.b, d.key) for d in decisions if d.kind == MERGE]
    about: dict[tuple[int, int], list[Decision]] = {}
    for each in sorted(map(_turned, decisions)):
        about.setdefault((each.a.object, each.b.object), []).append(each)
    found: list[Edge] = []
    for line in sorted(map(_turned, [*lines, *drawn])):
        found += pieces(line, about.get((line.a.object, line.b.object), ()))
    return found


_Pair = TypeVar("_Pair", Line, Decision)


def _turned(pair: _Pair) -> _Pair:
    """The same with the lower object as `a`."""
    return pair if pair.a.object <= pair.b.object else pair._replace(a=pair.b, b=pair.a)


def pieces(line: Line, decisions: Sequence[Decision]) -> list[Edge]:
    """What stands of one line; `decisions` about its pair, earlier ones first."""
    # a line that a person drew bows to later decisions only; words of a later version are not ours
    later = [each for each in decisions if each.key >= line.since and each.kind in DECISIONS]
    shares = [(each, share) for each in later if (share := _share(line, each)) is not None]
    if not shares:
        return [Edge((line.key, 0), line.a, line.b, confirmed=False)]
    if _lengths(line) == (0, 0):
        kind = shares[-1][0].kind
        made = Edge((line.key, 0), line.a, line.b, confirmed=kind in (CONFIRM, MERGE))
        return [] if kind == SPLIT else [made]
    cuts = sorted({Fraction(0), Fraction(1), *(cut for _, share in shares for cut in share)})
    runs: list[list[tuple[Fraction, Fraction, bool]]] = [[]]
    for low, high in pairwise(cuts):
        word = [each.kind for each, (start, end) in shares if start <= low and high <= end]
        if word and word[-1] == SPLIT:
            runs.append([])
        else:
            runs[-1].append((low, high, bool(word)))
    whole = len(runs) == 1
    kept = [_piece(line, run) for run in runs if run]
    kept = [each for each in kept if whole or _length(each) >= LEAST]
    return [each._replace(key=(line.key, n)) for n, each in enumerate(kept)]


def _share(line: Line, decision: Decision) -> tuple[Fraction, Fraction] | None:
    """The part of the line, 0 to 1, that lies in the decision's rectangle."""
    low, high = Fraction(0), Fraction(1)
    for mine, theirs in ((line.a, decision.a), (line.b, decision.b)):
        length = mine.end - mine.start
        if length <= 0:
            if not theirs.start <= mine.start <= theirs.end:
                return None
            continue
        low = max(low, Fraction(theirs.start - mine.start, length))
        high = min(high, Fraction(theirs.end - mine.start, length))
    return (low, high) if low < high else None


def _piece(line: Line, run: Sequence[tuple[Fraction, Fraction, bool]]) -> Edge:
    low, high = run[0][0], run[-1][1]
    said = sum((end - start for start, end, word in run if word), Fraction(0))
    ends = [
        Span(
            each.object,
            round(each.start + low * (each.end - each.start)),
            round(each.start + high * (each.end - each.start)),
        )
        for each in (line.a, line.b)
    ]
    return Edge((line.key, 0), ends[0], ends[1], confirmed=2 * said >= high - low)


def _lengths(line: Line) -> tuple[int, int]:
    return max(0, line.a.end - line.a.start), max(0, line.b.end - line.b.start)


def _length(edge: Edge) -> int:
    return max(edge.a.end - edge.a.start, edge.b.end - edge.b.start)
