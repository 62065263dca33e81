"""Which copy derives from which: an estimate from what edits leave behind, never more.

Edits accumulate in one direction: parts are cut away, borders and captions are added, detail is
lost. From two fingerprints and the segments that join them come signs, each of which says that
one side was made from something like the other. Signs that contradict each other mean that both
were made from a third copy, or that nothing can be said: undetermined, like signs that are weak.
Nothing here knows who made what: two edits can leave the same traces as the way back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from witnessmark.model import LinkSegment
from witnessmark.verification.matching.features import Features
from witnessmark.verification.matching.fingerprint import Fingerprint
from witnessmark.verification.matching.framehash import THUMB

Floats = NDArray[np.float64]

#: Sum of signs from which a direction is named; and what the other side may have at most.
#: Both, and the weights below, from `bench/descent.py` on one half of the clips.
ENOUGH, AGAINST = 1.0, 0.5
#: Samples of a segment that are looked at.
_SAMPLES = 160
#: Keyframe pairs that are laid onto each other, and how far apart in time they may be, seconds.
_PAIRS, _APART = 12, 0.35
_SAME_POINT, _INLIERS, _REACH = 64, 12, 0.0125
#: What lies around a part has this much less contrast when it was blurred; this much when it is
#: the rest of the picture. Measured on the clips called "fit": at most .47, at least .57.
_BLURRED, _SHARP = 0.42, 0.55
#: Standard deviation over time (levels of 255) of a cell that stands still; and that moves.
_STILL, _MOVES = 1.5, 6.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Version:
    """A copy with what is known of its file; None or 0 when it is not known.

    Attributes:
        width, height: pixels of the file, upright.
        bytes: of the file.
    """

    name: str
    print: Fingerprint
    width: int | None = None
    height: int | None = None
    bytes: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Sign:
    """A trace of an edit: `what` was done to one side. `weight` above 0: to `a`, below: to `b`."""

    what: str
    weight: float


@dataclasses.dataclass(frozen=True, slots=True)
class Descent:
    """What the signs between two copies amount to.

    Attributes:
        parent, child: names; None: undetermined.
        strength: sum of the signs for it, less those against it.
        signs: all of them; the child's are those that speak for it.
    """

    a: str
    b: str
    parent: str | None
    child: str | None
    strength: float
    signs: tuple[Sign, ...]

    @property
    def done(self) -> frozenset[str]:
        """Kinds of signs on the child."""
        return frozenset(s.what for s in self.signs if (s.weight > 0) == (self.child == self.a))


def estimate(a: Version, b: Version, segments: Sequence[LinkSegment]) -> Descent:
    """Which of two copies was made from one like the other; `segments` as in their link."""
    signs = tuple(_signs(a, b, segments))
    edited_a = sum(sign.weight for sign in signs if sign.weight > 0)
    edited_b = -sum(sign.weight for sign in signs if sign.weight < 0)
    high, low = max(edited_a, edited_b), min(edited_a, edited_b)
    if high < ENOUGH or low > AGAINST:
        return Descent(a.name, b.name, None, None, high - low, signs)
    parent, child = (b.name, a.name) if edited_a > edited_b else (a.name, b.name)
    return Descent(a.name, b.name, parent, child, high - low, signs)


def _signs(one: Version, other: Version, segments: Sequence[LinkSegment]) -> Iterable[Sign]:
    a, b = one.print, other.print
    if not segments or not len(a) or not len(b):
        return
    main = max(segments, key=lambda s: (s.a_end - s.a_start, -s.a_start))
    yield from _time(a, b, segments)
    pairs = _key_pairs(a, b, main)
    matrix = _laid(a, b, pairs) if "mirror" not in main.transform else None
    yield from _coding(one, other, matrix)
    if matrix is None or {a.thumbs.shape[1], b.thumbs.shape[1]} != {THUMB}:
        yield from _borders(a, b)
    else:
        yield from _frames(a, b, matrix)
        yield from _overlay(a, b, main, matrix)


# --- time ----------------------------------------------------------------------------------------


def _time(a: Fingerprint, b: Fingerprint, segments: Sequence[LinkSegment]) -> Iterable[Sign]:
    """An excerpt is part of a longer take; a compilation cuts at the ends of what it took."""
    if len(segments) > 1:
        return
    segment = segments[0]
    in_a = _share(segment.a_start, segment.a_end, a)
    in_b = _share(segment.b_start, segment.b_end, b)
    if in_a >= 0.9 and in_b <= 0.8:
        weight = _ends(b, segment.b_start, segment.b_end)
    elif in_b >= 0.9 and in_a <= 0.8:
        weight = -_ends(a, segment.a_start, segment.a_end)
    else:
        return
    if weight:
        made = weight > 0 if in_a >= 0.9 else weight < 0
        yield Sign("excerpt" if made else "compilation", weight)


def _share(start: int, end: int, of: Fingerprint) -> float:
    return (end - start) / max(1, of.duration)


def _ends(whole: Fingerprint, start: int, end: int) -> float:
    """1 when the longer one goes on unbroken over the ends of the stretch, -1 when it cuts there.

    Around an end, pictures half a second apart are compared with those before and after.
    """
    ends = [at for at in (start, end) if 1_500 < at < whole.duration - 1_500]
    jumps = [_jump(whole, at) for at in ends]
    if not jumps:
        return 0.0
    return 1.0 if max(jumps) < 2.5 else -1.0 if min(jumps) > 4.0 else 0.0


def _jump(whole: Fingerprint, at: int) -> float:
    """The largest change between neighbours near a time, in units of the usual one there."""
    near = np.abs(whole.times.astype(np.int64) - at) <= 3_000
    thumbs = whole.thumbs[near].astype(np.float64)
    if len(thumbs) < 6:
        return 3.0
    change = np.abs(np.diff(thumbs, axis=0)).mean(axis=(1, 2))
    close = np.abs(whole.times[near][1:].astype(np.int64) - at) <= 700
    if not close.any():
        return 3.0
    return float(change[close].max() / max(1.0, np.median(change)))


# --- space ---------------------------------------------------------------------------------------


def _borders(a: Fingerprint, b: Fingerprint) -> Iterable[Sign]:
    """Even borders that one side has and the other has not; a clear sky looks like one too."""
    more = _border(a) - _border(b)
    if abs(more) >= 0.06:
        yield Sign("borders", 0.6 if more > 0 else -0.6)


def _border(of: Fingerprint) -> float:
    """Share of the picture outside of its even borders."""
    left, top, right, bottom = _content(of)
    return float(1 - max(0.0, right - left) * max(0.0, bottom - top))


def _content(of: Fingerprint) -> Floats:
    """Left, top, right, bottom of what is not even border, from 0 to 1."""
    return np.asarray(np.median(of.edges, axis=0) / 255.0)


def _key_pairs(a: Fingerprint, b: Fingerprint, segment: LinkSegment) -> list[tuple[int, int]]:
    """Keyframes of the same moment, evenly over the segment."""
    rate = float(segment.rate)
    at_a, at_b = a.seconds[a.keys], b.seconds[b.keys]
    if not len(at_a) or not len(at_b):
        return []
    there = segment.b_start / 1000 + (at_a - segment.a_start / 1000) * rate
    nearest = np.abs(at_b[None] - there[:, None]).argmin(axis=1)
    inside = (at_a >= segment.a_start / 1000) & (at_a <= segment.a_end / 1000)
    close = np.flatnonzero(inside & (np.abs(at_b[nearest] - there) <= _APART))
    if not len(close):
        return []
    chosen = close[np.unique(np.linspace(0, len(close) - 1, _PAIRS).round().astype(int))]
    return [(int(k), int(nearest[k])) for k in chosen]


def _laid(a: Fingerprint, b: Fingerprint, pairs: Sequence[tuple[int, int]]) -> Floats | None:
    """2 x 3, takes a point of `a` (x, y from 0 to 1) into `b`; the median of the pairs'."""
    found = [
        matrix
        for k, m in pairs
        if (matrix := _similar(a, b, a.features[k], b.features[m])) is not None
    ]
    if len(found) < max(1, len(pairs) // 4):
        return None
    return np.asarray(np.median(np.stack(found), axis=0))


def _similar(a: Fingerprint, b: Fingerprint, one: Features, other: Features) -> Floats | None:
    if min(len(one), len(other)) < _INLIERS:
        return None
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(
        one.descriptors, other.descriptors
    )
    near = [(m.queryIdx, m.trainIdx) for m in matches if m.distance <= _SAME_POINT]
    if len(near) < _INLIERS:
        return None
    size_a, size_b = (np.array([f.width, f.height], float) for f in (a, b))
    at_a = one.points[[k for k, _ in near]] * size_a
    at_b = other.points[[m for _, m in near]] * size_b
    matrix, inside = cv2.estimateAffinePartial2D(
        at_a, at_b, ransacReprojThreshold=_REACH * size_b.max(), maxIters=400
    )
    if matrix is None or int(inside.sum()) < _INLIERS:
        return None
    linear = np.diag(1 / size_b) @ matrix[:, :2] @ np.diag(size_a)
    return np.column_stack([linear, matrix[:, 2] / size_b])


def _inverse(matrix: Floats) -> Floats:
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def _frames(a: Fingerprint, b: Fingerprint, matrix: Floats) -> Iterable[Sign]:
    """One frame lies in the other: cut out of it, or set into borders that were added."""
    if abs(np.linalg.det(matrix[:, :2])) < 1e-3:
        return
    back = _inverse(matrix)
    a_in_b, b_in_a = float(_inside(_FRAME, matrix).mean()), float(_inside(_FRAME, back).mean())
    part, whole = max(a_in_b, b_in_a), min(a_in_b, b_in_a)
    if whole > 0.93 or part < 0.9:
        return
    a_is_part = a_in_b > b_in_a
    larger, into = (b, back) if a_is_part else (a, matrix)
    inside = _inside(_FRAME, into)
    left, top, right, bottom = _content(larger)
    x, y, _ = _FRAME
    even = (x < left) | (x > right) | (y < top) | (y > bottom)
    added = 1.0 if a_is_part else -1.0  # speaks against the part: cut out of the larger one
    if float(even[~inside].mean()) > 0.7:
        yield Sign("borders", -added)
        return
    around = _around(larger, inside)
    if around < _BLURRED:
        yield Sign("padding", -0.8 * added)
    elif around > _SHARP and whole > 0.35:
        yield Sign("crop", added)


#: Points evenly over a frame: x, y and 1.
_FRAME: Floats = np.stack(
    [each.ravel() for each in np.meshgrid(*[(np.arange(THUMB) + 0.5) / THUMB] * 2)]
    + [np.ones(THUMB * THUMB)]
)


def _inside(points: Floats, matrix: Floats) -> NDArray[np.bool_]:
    """Which points the matrix takes into the other frame."""
    there = matrix @ points
    return np.asarray(np.all((there >= -0.02) & (there <= 1.02), axis=0))


def _around(larger: Fingerprint, inside: NDArray[np.bool_]) -> float:
    """How much neighbouring cells differ outside of the part, against inside of it."""
    thumbs, part = larger.thumbs.astype(np.float64), inside.reshape(THUMB, THUMB)
    across = np.abs(np.diff(thumbs, axis=2)).mean(axis=0)
    down = np.abs(np.diff(thumbs, axis=1)).mean(axis=0)

    def mean(cells: NDArray[np.bool_]) -> float:
        in_rows, in_columns = cells[:, 1:] & cells[:, :-1], cells[1:] & cells[:-1]
        count = int(in_rows.sum() + in_columns.sum())
        return float(across[in_rows].sum() + down[in_columns].sum()) / max(1, count)

    return mean(~part) / max(0.1, mean(part))


# --- what is in the picture ----------------------------------------------------------------------


def _coding(a: Version, b: Version, matrix: Floats | None) -> Iterable[Sign]:
    """Fewer pixels for the same content, and fewer bytes for a second of it."""
    area = abs(float(np.linalg.det(matrix[:, :2]))) if matrix is not None else 1.0
    if a.width and a.height and b.width and b.height and area > 1e-3:
        pixels = a.width * a.height / (area * b.width * b.height)
        if not 0.75 < pixels < 1 / 0.75:
            yield Sign("fewer pixels", 0.8 if pixels < 1 else -0.8)
    if a.bytes and b.bytes and a.print.duration and b.print.duration:
        rate = a.bytes / a.print.duration / (b.bytes / b.print.duration)
        if not 0.6 < rate < 1 / 0.6:
            yield Sign("fewer bytes", 0.6 if rate < 1 else -0.6)


def _overlay(
    a: Fingerprint, b: Fingerprint, segment: LinkSegment, matrix: Floats
) -> Iterable[Sign]:
    """Cells that stand still on one side while the other moves: something was put over it."""
    moments = _moments(a, b, segment)
    if moments is None:
        return
    centres = (np.arange(THUMB) + 0.5) / THUMB
    x, y = (each.ravel() for each in np.meshgrid(centres, centres))
    points = np.stack([x, y, np.ones_like(x)])
    inside = _inside(points, matrix)
    there = np.clip((matrix @ points * THUMB).astype(int), 0, THUMB - 1)
    mine = a.thumbs[moments[0]].reshape(len(moments[0]), -1)[:, inside].astype(float)
    theirs = b.thumbs[moments[1]][:, there[1], there[0]][:, inside].astype(float)
    moves_a, moves_b = mine.std(axis=0), theirs.std(axis=0)
    over_a = float(((moves_a < _STILL) & (moves_b > _MOVES)).mean()) if inside.any() else 0.0
    over_b = float(((moves_b < _STILL) & (moves_a > _MOVES)).mean()) if inside.any() else 0.0
    if max(over_a, over_b) >= 0.02 and min(over_a, over_b) < 0.01:
        yield Sign("overlay", 1.0 if over_a > over_b else -1.0)


def _moments(
    a: Fingerprint, b: Fingerprint, segment: LinkSegment
) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """Samples of the same moments, of each side."""
    mine = np.flatnonzero((a.times >= segment.a_start) & (a.times <= segment.a_end))
    if len(mine) < 8:
        return None
    mine = mine[np.unique(np.linspace(0, len(mine) - 1, _SAMPLES).round().astype(int))]
    there = segment.b_start / 1000 + (a.seconds[mine] - segment.a_start / 1000) * float(
        segment.rate
    )
    theirs = np.abs(b.seconds[None] - there[:, None]).argmin(axis=1)
    close = np.abs(b.seconds[theirs] - there) <= _APART
    return (mine[close], theirs[close]) if close.sum() >= 8 else None


# --- all copies of a recording -------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Tree:
    """Copies with arrows from parent to child, without those that a longer way explains.

    Attributes:
        arrows: what was estimated, in order of names; no way leads back to where it began.
        open: pairs that were compared and stay undetermined.
    """

    arrows: tuple[Descent, ...]
    open: tuple[Descent, ...]


def tree(found: Iterable[Descent]) -> Tree:
    """Puts estimates together.

    Two edits of one copy look as if one came from the other. When that copy is here too, an arrow
    between them stays only if the one shows what was done to the other. Of two that may both be
    the parent, the less edited one is named. All others are undetermined, as is the weakest arrow
    of a circle.
    """
    named = sorted(found, key=lambda each: (each.a, each.b))
    there: dict[tuple[str | None, str | None], Descent] = {
        (each.parent, each.child): each for each in named if each.parent is not None
    }
    loose = [each for each in named if each.parent is None]
    arrows = [
        each
        for each in there.values()
        if _inherits(each, there) and not _outdone(each, there, loose)
    ]
    loose += [_open(each) for each in there.values() if each not in arrows]
    while circle := _circle(arrows):
        weakest = min(circle, key=lambda each: (each.strength, each.a, each.b))
        arrows.remove(weakest)
        loose.append(_open(weakest))
    short = [each for each in arrows if not _detour(each, arrows)]
    return Tree(tuple(short), tuple(sorted(loose, key=lambda each: (each.a, each.b))))


def _open(each: Descent) -> Descent:
    return dataclasses.replace(each, parent=None, child=None)


def _inherits(arrow: Descent, there: Mapping[tuple[str | None, str | None], Descent]) -> bool:
    """Whether the child shows what was done to its parent, for every copy that is above both."""
    return all(
        above.done <= there[over, arrow.child].done
        for (over, child), above in there.items()
        if child == arrow.parent and (over, arrow.child) in there
    )


def _outdone(
    arrow: Descent,
    there: Mapping[tuple[str | None, str | None], Descent],
    loose: Sequence[Descent],
) -> bool:
    """Whether another copy may be the parent as well, and is less edited, as far as is known."""
    for each in loose:
        if arrow.parent in (each.a, each.b):
            other = each.b if arrow.parent == each.a else each.a
            weight = sum(sign.weight for sign in each.signs)
            edited = weight if arrow.parent == each.a else -weight
            if edited > 0 and (other, arrow.child) in there:
                return True
    return False


def _circle(arrows: Sequence[Descent]) -> list[Descent]:
    """Arrows that lie on some way back to where it began."""
    below = _below(arrows)
    return [each for each in arrows if each.parent in below.get(str(each.child), ())]


def _detour(arrow: Descent, arrows: Sequence[Descent]) -> bool:
    """Whether other arrows lead from its parent to its child."""
    rest = _below([each for each in arrows if each is not arrow])
    return arrow.child in rest.get(str(arrow.parent), ())


def _below(arrows: Iterable[Descent]) -> Mapping[str, set[str]]:
    """Name to all that descends from it."""
    children: dict[str, set[str]] = {}
    for each in arrows:
        children.setdefault(str(each.parent), set()).add(str(each.child))
    found: dict[str, set[str]] = {}
    for name in children:
        seen, waiting = set[str](), list(children[name])
        while waiting:
            child = waiting.pop()
            if child not in seen:
                seen.add(child)
                waiting += children.get(child, ())
        found[name] = seen
    return found


def all_pairs(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of copies in order of names."""
    return list(combinations(sorted(names), 2))
