"""Decides by what moves: the same take moves the same way at the same time, two takes do not.

Two takes by one fixed camera share background, hashes and features; nothing that stands still
can tell them apart. So thumbnails are laid onto each other, what stands still is taken away
(the mean of the moments around), and the rest must agree along one line of time, for as long as
both show the scene. The measure is a normalised correlation over space and time, taken twice:
waves, and people who do one thing again, agree over a second and not within half of one.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from witnessmark.verification.matching.align import GAP, LEAST, Stretch, align
from witnessmark.verification.matching.candidates import Placement
from witnessmark.verification.matching.cells import (
    between,
    centred,
    nearest,
    residual,
    sampled,
    softened,
    unit,
)
from witnessmark.verification.matching.decode import RATE
from witnessmark.verification.matching.evidence import NOISY, Aligned
from witnessmark.verification.matching.fingerprint import Fingerprint
from witnessmark.verification.matching.noise import shared as shared_noise
from witnessmark.verification.matching.registration import registered

Floats = NDArray[np.float32]

#: Samples on each side whose mean counts as what stands still, the second time.
_CLOSELY = round(RATE / 2)
#: Correlation of two residuals from which they vote.
_VOTE = 0.35
#: Votes kept of one query sample.
_VOTES = 6
#: Samples compared with all of the other side at a time, to bound memory.
_BLOCK = 512
#: Mean square (of levels) from which a cell moves, and how many must.
_ACTIVE, _FEWEST = 64.0, 200
#: Difference of neighbouring cells (in levels, both ways together) that is none, and the least
#: contrast of something drawn.
_EVEN, _INKED = 1.5, 12.0
#: Moments of a stretch that are registered anew.
_REGISTERED = 5
#: Samples of one side held at a time: forty minutes, 120 MB.
MOST = 20_000
#: Mean square of a residual (levels of 255) below which nothing moves but the rounding of a
#: thumbnail. What a camera's noise and a first encoder leave lies above, and copies keep it.
STILL = 0.25
#: Share of the reference that the query must show.
SHARED = 0.047
#: Correlation of two thumbnails from which they show one scene.
_SCENE = 0.6
#: Of a long stretch, samples looked at together at first, and the agreement that makes hope.
_PROBE, _HOPE = 64, 0.25
#: Samples beyond a stretch may be unlike for a second before it ends.
_SLACK = round(RATE)
#: Offsets tried around a line, seconds: samples of two uploads lie up to a sixteenth apart.
_NUDGES = (-0.06, -0.03, 0.0, 0.03, 0.06)
#: What a rate other than 1 must add in agreement.
_PLAIN = 0.02
#: Blocks each way, cells of one that must be shared, samples looked at, mean square of detail (in
#: levels) that is some, correlation from which detail is the same.
_BLOCKS, _BLOCK_CELLS, _LOOKS, _DETAIL, _BLOCK_LIKE = 6, 12, 16, 6.0, 0.5
#: Blocks that agree where two videos show one scene. Measured: parts before one fixed camera from
#: .38 on (98 of 100), one template over unrelated clips to .30 (95 of 100), over textures .37.
SCENIC = 0.4
#: Share of the pictures with an inset from which it counts, of the cells from which it is meant.
_MOSTLY = 0.5
#: A side of the reference this far within the query, of the query's side, has something beyond.
_RIM = 0.015
#: Seconds by which one side is shifted, to see what comes again.
_SHIFTS = np.concatenate([np.arange(-3.0, -0.4, 0.25), np.arange(0.5, 3.1, 0.25)])


class Laid:
    """Two fingerprints laid onto each other by a placement, cell for cell (n x p and m x p)."""

    def __init__(self, query: Fingerprint, reference: Fingerprint, placement: Placement) -> None:
        rows = _near(query, placement.query, reference.duration)
        columns = _near(reference, placement.reference, query.duration)
        scale = float(np.abs(np.linalg.det(placement.matrix[:, :2])) ** 0.5)
        # How many cells of the query a cell of the reference covers there, each way.
        ratio = scale * query.thumbs.shape[1] / reference.thumbs.shape[1]
        self.q_soft = softened(query.thumbs[rows], ratio)
        self.r_soft = softened(reference.thumbs[columns], 1 / ratio)
        self.query = query.seconds[rows]
        self.reference = reference.seconds[columns]
        self._insets = _inset(query, rows), _inset(reference, columns)
        self._between = [
            np.median(each.between[some], axis=0) / 255.0
            for each, some in ((query, rows), (reference, columns))
        ]
        self.q, inside = self.sampled(placement.matrix)
        self.inside = inside
        self.shared = float(inside.mean())
        side = self.r_soft.shape[1]
        across = np.arange(side) * _BLOCKS // side
        self.block = (across[:, None] * _BLOCKS + across[None, :]).ravel()[inside]
        self.r = self.r_soft.reshape(len(self.r_soft), -1)[:, inside]
        self.q_rest, self.q_energy = residual(self.q)
        self.r_rest, self.r_energy = residual(self.r)

    def sampled(self, matrix: NDArray[np.float64]) -> tuple[Floats, NDArray[np.bool_]]:
        """The query where the reference's cells lie (n x p), and which of its cells do (s * s)."""
        side = self.r_soft.shape[1]
        centres = (np.arange(side) + 0.5) / side
        x, y = (each.ravel() for each in np.meshgrid(centres, centres))
        there = matrix @ np.stack([x, y, np.ones_like(x)])
        margin = 0.5 / self.q_soft.shape[1]
        inside = np.all((there >= margin) & (there <= 1 - margin), axis=0)
        inside &= _off_rim(matrix, x, y, self.q_soft.shape[1])
        for inset, place in zip(self._insets, (there, np.stack([x, y])), strict=True):
            inside &= _beside(inset, place, inside)
        for box, place, cells in zip(
            self._between, (there, np.stack([x, y])), (self.q_soft, self.r_soft), strict=True
        ):
            inside &= _within(box, place, 0.5 / cells.shape[1])
        return sampled(self.q_soft, there[:, inside]), inside

    def breadth(self, placement: Placement) -> float:
        """Share of the blocks with detail in which it is the same, where a placement says so."""
        rows = nearest(self.query, placement.query)
        return self._breadth(rows, nearest(self.reference, placement.reference))

    def stretches(self) -> list[Stretch]:
        """Lines of time along which what moves agrees."""
        if self.shared < SHARED or min(len(self.q), len(self.r)) < 2:
            return []
        q_rest = np.where(self.q_energy[:, None] < STILL, 0, unit(self.q_rest))
        r_rest = np.where(self.r_energy[:, None] < STILL, 0, unit(self.r_rest)).T
        votes = []
        for start in range(0, len(q_rest), _BLOCK):
            rows, columns, weight = _voters(q_rest[start : start + _BLOCK] @ r_rest)
            votes.append((self.query[rows + start], self.reference[columns], weight))
        query, reference, weight = (np.concatenate(each) for each in zip(*votes, strict=True))
        return align(query, reference, weight)

    def exact(self, stretch: Stretch, matrix: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """`matrix` made exact along a stretch, from a few moments that are registered anew."""
        inside = np.flatnonzero((self.query >= stretch.start) & (self.query <= stretch.end))
        found = []
        for at in inside[np.linspace(0, len(inside) - 1, _REGISTERED).astype(int)]:
            time = np.array([stretch.reference(float(self.query[at]))])
            there = nearest(self.reference, time)[0]
            found.append(registered(matrix, self.q_soft[at], self.r_soft[there]))
        made = [each for each in found if each is not None]
        return np.median(made, axis=0) if len(made) > _REGISTERED // 2 else None

    def judged(self, stretch: Stretch) -> Aligned | None:
        """The stretch, extended while both show one scene, with its evidence.

        Few copies are sped up, and over seconds a rate is hard to see: the plain one is tried
        too, and taken when it explains as much.
        """
        found = self._along(stretch)
        middle = (stretch.start + stretch.end) / 2
        plain = dataclasses.replace(stretch, rate=1.0, offset=stretch.reference(middle) - middle)
        straight = self._along(plain)
        if found is None or straight is None:
            return found or straight
        if straight.same_footage != found.same_footage:
            return straight if straight.same_footage else found
        return straight if straight.agreement > found.agreement - _PLAIN else found

    def _along(self, stretch: Stretch) -> Aligned | None:
        at = stretch.rate * self.query + stretch.offset
        near = nearest(self.reference, at)
        there = np.abs(self.reference[near] - at) <= 0.75 / RATE
        q_shape, r_shape = unit(centred(self.q)), unit(centred(self.r[near]))
        scene = np.einsum("ij,ij->i", q_shape, r_shape)
        inside = (self.query >= stretch.start) & (self.query <= stretch.end)
        run = _run(there & (scene >= _SCENE), there & inside)
        if run.sum() < LEAST or not self._promising(run, at):
            return None
        # What stands still is taken away anew, over the same pictures on both sides: beyond the
        # run one of them may show something else.
        times, rows = self.query[run], self.q[run]
        rests = residual(rows), residual(rows, _CLOSELY)
        found = [self._compared(rests, at[run] + nudge) for nudge in _NUDGES]
        best = int(np.argmax([each[0] for each in found]))
        agreement, _, energy, cells = found[best]
        line = dataclasses.replace(
            stretch,
            start=float(times[0]),
            end=float(times[-1]),
            offset=stretch.offset + _NUDGES[best],
        )
        made = Aligned(
            line,
            agreement,
            max(each[1] for each in found),
            _even(energy) / RATE,
            _even(cells),
            self._breadth(np.flatnonzero(run), near[run]),
            self._drawn(near[run]),
        )
        exactly = at[run] + _NUDGES[best]
        if not made.same_footage and made.quick >= NOISY:
            found_too = shared_noise(rows, between(self.r, self.reference, exactly), self.inside)
            made = dataclasses.replace(made, noise=found_too)
        if made.same_footage:
            made = dataclasses.replace(made, again=self._again(rows, exactly))
        return made

    def _promising(self, run: NDArray[np.bool_], at: NDArray[np.float64]) -> bool:
        """Whether a longer look pays: of over two minutes, those seconds are compared first in
        which most moves."""
        rows = np.flatnonzero(run)
        if len(rows) <= 2 * _BLOCK:
            return True
        starts = np.arange(0, len(rows) - _PROBE + 1, _PROBE // 2)
        energy = [float(self.q_energy[rows[start : start + _PROBE]].sum()) for start in starts]
        most = starts[np.argsort(energy)[::-1][: _BLOCK // _PROBE]]
        some = [rows[start : start + _PROBE] for start in most]
        mine = np.concatenate([residual(self.q[each])[0] for each in some])
        for nudge in _NUDGES:
            other = [between(self.r, self.reference, at[each] + nudge) for each in some]
            theirs = np.concatenate([residual(each)[0] for each in other])
            if _correlation(mine, theirs) >= _HOPE:
                return True
        return False

    def _compared(
        self, rests: tuple[tuple[Floats, Floats], ...], at: NDArray[np.float64]
    ) -> tuple[float, float, Floats, Floats]:
        """Agreement over a second, and within half of one; energy of each row, and of each cell.

        `rests`: residuals of the query over a second, and over half of one.
        """
        other = between(self.r, self.reference, at)
        ((slow, energy), (quick, _)), (theirs, their_energy) = rests, residual(other)
        agreement = _correlation(slow, theirs)
        theirs = residual(other, _CLOSELY)[0]
        cells = np.maximum((quick * theirs).sum(axis=0), 0)
        return agreement, _correlation(quick, theirs), np.sqrt(energy * their_energy), cells

    def _again(self, rows: Floats, at: NDArray[np.float64]) -> float:
        """The greatest agreement within half a second when the reference is shifted."""
        first = max(0, (len(rows) - _BLOCK) // 2)
        rows, at = rows[first : first + _BLOCK], at[first : first + _BLOCK]
        most = 0.0
        for shift in _SHIFTS:
            there = (at + shift >= self.reference[0]) & (at + shift <= self.reference[-1])
            if there.sum() >= 2 * LEAST:
                other = between(self.r, self.reference, at[there] + shift)
                most = max(most, _agreement(rows[there], other, _CLOSELY))
        return most

    def _drawn(self, there: NDArray[np.intp]) -> float:
        """Share of the shared cells that are as bright as their neighbours."""
        pictures = self.r_soft[there[:: 1 + len(there) // _LOOKS]]
        across = np.abs(np.diff(pictures, axis=2, append=pictures[:, :, -1:]))
        down = np.abs(np.diff(pictures, axis=1, append=pictures[:, -1:]))
        inside = (across + down).reshape(len(pictures), -1)[:, self.inside] < _EVEN
        return float(inside.mean()) if pictures.std() >= _INKED else 0.0

    def _breadth(self, rows: NDArray[np.intp], there: NDArray[np.intp]) -> float:
        """Share of blocks with detail on either side in which it is the same."""
        step = 1 + len(rows) // _LOOKS
        q, r = self._detail(self.q[rows[::step]]), self._detail(self.r[there[::step]])
        count = int(self.block.max()) + 1
        both, mine, theirs = (
            np.bincount(self.block, (a * b).sum(axis=0), minlength=count)
            for a, b in ((q, r), (q, q), (r, r))
        )
        cells = np.bincount(self.block, minlength=count) * len(q)
        seen = (np.maximum(mine, theirs) >= _DETAIL * cells) & (cells >= _BLOCK_CELLS * len(q))
        like = both[seen] / np.sqrt(np.maximum(mine[seen] * theirs[seen], 1e-6))
        return float((like >= _BLOCK_LIKE).mean()) if seen.any() else 1.0

    def _detail(self, rows: Floats) -> Floats:
        """Rows without the mean of each block."""
        count = int(self.block.max()) + 1
        cells = np.maximum(np.bincount(self.block, minlength=count), 1)
        means = np.stack([np.bincount(self.block, row, minlength=count) for row in rows]) / cells
        return np.asarray(rows - means[:, self.block], np.float32)


def _near(fingerprint: Fingerprint, times: NDArray[np.float64], other: int) -> NDArray[np.intp]:
    """Samples that the other one (so many milliseconds long) can reach from `times`, in seconds.

    Of hours, what is near, and of that no more than `MOST`: memory stays bounded.
    """
    clock, reach = fingerprint.seconds, 1.4 * other / 1000 + 2 * GAP
    marks = np.sort(times)
    after = np.clip(np.searchsorted(marks, clock), 1, max(1, len(marks) - 1))
    ends = np.stack([marks[after - 1], marks[np.minimum(after, len(marks) - 1)]])
    near = np.flatnonzero(np.abs(ends - clock).min(axis=0) <= reach)
    return near[:: 1 + len(near) // MOST]


def _off_rim(
    matrix: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64], side: int
) -> NDArray[np.bool_]:
    """Which points of the reference do not lie on its rim, where the query goes on beyond it.

    There a cell of the query (`side` each way) shows the page around, too.
    """
    apart = np.linalg.norm(matrix[:, :2], axis=0) * side
    out = np.ones(len(x), bool)
    for middle, away in (
        ((0.0, 0.5), x * apart[0]), ((1.0, 0.5), (1 - x) * apart[0]),
        ((0.5, 0.0), y * apart[1]), ((0.5, 1.0), (1 - y) * apart[1]),
    ):  # fmt: skip
        there = matrix @ np.array([*middle, 1.0])
        if np.all((there > _RIM) & (there < 1 - _RIM)):
            out &= away >= 1
    return out


def _inset(fingerprint: Fingerprint, rows: NDArray[np.intp]) -> NDArray[np.float64] | None:
    """Left, top, right, bottom of a picture within most of the pictures, 0 to 1."""
    edges = fingerprint.inset_edges[rows]
    some = edges.any(axis=1)
    if some.mean() < _MOSTLY:
        return None
    return np.asarray(np.median(edges[some], axis=0) / 255.0)


def _within(
    box: NDArray[np.float64], points: NDArray[np.float64], margin: float
) -> NDArray[np.bool_]:
    """Which points (2 x p) lie between bars, and not on their seams."""
    low = np.where(box[:2] > 0, box[:2] + margin, 0)
    high = np.where(box[2:] < 1, box[2:] - margin, 1)
    return np.asarray(np.all((points >= low[:, None]) & (points <= high[:, None]), axis=0))


def _beside(
    inset: NDArray[np.float64] | None, points: NDArray[np.float64], inside: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which points (2 x p) to compare: beside an inset, that lies over something else; or in it.

    An inset shows one thing and what it covers another, whatever agrees of either: a copy of the
    one is compared without the other.
    """
    if inset is None:
        return np.ones(points.shape[1], bool)
    within = np.all((points >= inset[:2, None]) & (points <= inset[2:, None]), axis=0)
    share = (within & inside).sum() / max(1, inside.sum())
    return ~within if share < _MOSTLY else np.ones(points.shape[1], bool)


def _voters(like: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Rows, columns and values of the few highest of every row that are high enough."""
    kept = min(_VOTES, like.shape[1])
    columns = np.argpartition(-like, kept - 1, axis=1)[:, :kept].ravel()
    rows = np.repeat(np.arange(len(like)), kept)
    weight = like[rows, columns].astype(np.float64)
    good = weight > _VOTE
    return rows[good], columns[good], weight[good]


def _even(energy: Floats) -> float:
    """How many of the values it would be if all were alike: one start counts little in a minute.

    Kish's effective sample size.
    """
    return float(energy.sum() ** 2 / max(float((energy**2).sum()), 1e-9))


def _agreement(a: Floats, b: Floats, around: int) -> float:
    """Of what moves against `around` samples on each side."""
    return _correlation(residual(a, around)[0], residual(b, around)[0])


def _correlation(a: Floats, b: Floats) -> float:
    """Over all rows at once, where either side moves by more than coding noise.

    So that what moves more counts more, and a small thing that moves is not lost in the noise of
    the rest. Measured at 8 levels: copies rose by up to .05, other takes by .01 at most.
    """
    gain = float(np.sqrt((b * b).sum() / max(float((a * a).sum()), 1e-6)))
    active = (gain * a) ** 2 + b * b > 2 * _ACTIVE
    if active.sum() >= _FEWEST:
        a, b = a[active], b[active]
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 0 else 0.0


def _run(good: NDArray[np.bool_], core: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """From the first to the last of `core`, extended over `good` with small holes."""
    out = np.zeros(len(good), bool)
    places = np.flatnonzero(core)
    if not len(places):
        return out
    first, last = int(places[0]), int(places[-1])
    for step in (-1, 1):
        end = at = first if step < 0 else last
        while 0 <= at + step < len(good) and abs(at + step - end) <= _SLACK:
            at += step
            if good[at]:
                end = at
        first, last = (end, last) if step < 0 else (first, end)
    out[first : last + 1] = good[first : last + 1] | core[first : last + 1]
    return out
