"""Finds the second of a video that a picture comes from: a screenshot, a photograph of a screen.

A fixed camera's background is in every second of every take. So what the reference shows most of
the time is taken away from both, and what is left of the picture must agree with what is left of
one moment. A picture in which nothing but the background is seen stays a scene.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from witnessmark.verification.matching.candidates import Placement
from witnessmark.verification.matching.cells import centred, sampled, softened, unit
from witnessmark.verification.matching.fingerprint import Fingerprint
from witnessmark.verification.matching.motion import SHARED
from witnessmark.verification.matching.registration import registered

Floats = NDArray[np.float32]

#: Rows of the reference: so many in all, and so many that its background is taken from.
_HELD, _MOST = 20_000, 400
#: Points looked at in a cell, each way, at most; times a placement is made closer.
_PARTS, _CLOSER = 6, 3
_SAME = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
#: Moments looked at closely, and those within so many seconds of the placement's keyframes.
_FEW, _AROUND = 8, 1.0
#: How like the reference's own pictures are, at least, and then: agreement of what is left with one
#: moment, and correlation of the whole with it, from which it is that moment. Where the camera
#: hardly moves the whole says less; where it moves fast, less time lies between two samples that
#: differ. Measured: true moments from (.92, .988), and before a fixed camera from (.85, .9945); of
#: 54 pairs of a picture and its clip without that second, or another take, 7 passed: somebody
#: holds still there, or does again what he did.
BARS = ((0.9, 0.8, 0.99), (0.5, 0.85, 0.98), (-1.0, 0.85, 0.95))
#: Mean square of what is left of the picture (levels of 255) below which it shows background only.
_BACKGROUND = 5.0
#: Correlation of the whole picture with a moment from which they show one scene.
_SCENE = 0.7


@dataclasses.dataclass(frozen=True, slots=True)
class Moment:
    """The moment of the reference that is most like the picture under one placement.

    Attributes:
        time: seconds.
        agreement: correlation of what the background does not explain, -1 to 1.
        likeness: correlation of the whole, -1 to 1.
        energy: mean square of what the background does not explain of the picture, in levels.
        fixed: how like the reference's own pictures are: near 1 for a fixed camera.
    """

    time: float
    agreement: float
    likeness: float
    energy: float
    fixed: float
    transform: str

    @property
    def same_footage(self) -> bool:
        """Whether the picture shows this moment, not only its scene."""
        agreement, likeness = next(bar for fixed, *bar in BARS if self.fixed >= fixed)
        sure = self.agreement >= agreement and self.likeness >= likeness
        return sure and self.energy >= _BACKGROUND

    @property
    def same_scene(self) -> bool:
        """Whether it shows at least the scene."""
        return self.likeness >= _SCENE


def moment(picture: Fingerprint, reference: Fingerprint, placement: Placement) -> Moment | None:
    """The best moment for a picture (a fingerprint of one sample), None if too little is shared.

    The placement comes from some keyframe; it is made exact at each moment that is tried.
    """
    laid = _Laid(picture, reference, placement)
    q, inside = laid.sampled(placement.matrix)
    if inside.mean() < SHARED:
        return None
    likeness = unit(centred(laid.flat[:, inside])) @ unit(centred(q[None, inside]))[0]
    found = [laid.at(place, placement) for place in _tried(laid.times, likeness, placement)]
    if not found:
        return None
    return max(found, key=lambda each: (each.same_footage, each.agreement + each.likeness))


def _tried(times: NDArray[np.float64], likeness: Floats, placement: Placement) -> list[int]:
    """Samples of the reference most like the picture, and those around the placement's own."""
    best = np.argsort(-likeness)[:_FEW]
    near = np.abs(times[:, None] - placement.reference[None, :3]).min(axis=1)
    around = np.flatnonzero(near <= _AROUND)
    around = around[np.argsort(near[around], kind="stable")][: 2 * _FEW]
    return sorted({*best.tolist(), *around.tolist()})


class _Laid:
    """A picture laid onto the cells of a reference, each the mean of what it covers.

    Measured: values between the picture's cells instead of means, after softening both sides,
    kept true moments of small pictures at an agreement of .47 and more; means, from .84.
    """

    def __init__(self, picture: Fingerprint, reference: Fingerprint, placement: Placement) -> None:
        every = 1 + len(reference) // _HELD
        thumbs = reference.thumbs[::every]
        scale = float(np.abs(np.linalg.det(placement.matrix[:, :2])) ** 0.5)
        self.picture = picture.thumbs[:1].astype(np.float32)
        # Cells of the picture that one of the reference covers, each way.
        ratio = scale * self.picture.shape[1] / thumbs.shape[1]
        self.rows = softened(thumbs, 1 / ratio)
        self.flat = self.rows.reshape(len(self.rows), -1)
        self.times = reference.seconds[::every]
        self._parts = min(_PARTS, 1 + int(np.ceil(ratio * thumbs.shape[1] / self.rows.shape[1])))

    def sampled(self, matrix: NDArray[np.float64]) -> tuple[Floats, NDArray[np.bool_]]:
        """The picture in each of the s * s cells, and which of them lie in it altogether."""
        side, parts = self.rows.shape[1], self._parts
        centres = (np.arange(side * parts) + 0.5) / (side * parts)
        x, y = (each.ravel() for each in np.meshgrid(centres, centres))
        there = matrix @ np.stack([x, y, np.ones_like(x)])
        inside = np.all((there >= 0) & (there <= 1), axis=0)
        cells = (side, parts, side, parts)
        values = sampled(self.picture, there)[0].reshape(cells).mean(axis=(1, 3))
        return values.ravel(), inside.reshape(cells).all(axis=(1, 3)).ravel()

    def at(self, place: int, placement: Placement) -> Moment:
        """The picture against sample `place`, laid as they both say."""
        matrix = placement.matrix
        best = self._judged(place, placement, matrix)
        for _ in range(_CLOSER):
            closer = self._closer(place, matrix)
            if closer is None:
                break
            matrix = closer
            again = self._judged(place, placement, matrix)
            best = again if again.likeness > best.likeness else best
        return best

    def _closer(self, place: int, matrix: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """`matrix` made more exact, from the picture as it lies on the reference by now."""
        values, inside = self.sampled(matrix)
        side = self.rows.shape[1]
        shown = inside.reshape(side, side)
        step = registered(_SAME, values.reshape(side, side), self.rows[place], shown)
        return None if step is None else matrix @ np.vstack([step, [0, 0, 1]])

    def _judged(self, place: int, placement: Placement, matrix: NDArray[np.float64]) -> Moment:
        time = float(self.times[place])
        values, inside = self.sampled(matrix)
        if inside.mean() < SHARED:
            return Moment(time, 0.0, 0.0, 0.0, 1.0, placement.transform)
        q = unit(centred(values[None, inside]))[0]
        r = unit(centred(self.flat[None, place, inside]))[0]
        shown = unit(centred(self.flat[:: 1 + len(self.flat) // _MOST, inside]))
        background = np.median(shown, axis=0)
        rest_q, rest_r = q - background, r - background
        scale = float(np.sqrt((rest_q**2).sum() * (rest_r**2).sum()))
        return Moment(
            time=time,
            agreement=float(rest_q @ rest_r) / scale if scale > 0 else 0.0,
            likeness=float(q @ r),
            # Rows are of unit length, so that a row's mean square is its spread squared.
            energy=float((rest_q**2).sum()) * float(values[inside].std()) ** 2,
            fixed=float((shown @ unit(shown.mean(axis=0, keepdims=True)).T).mean()) ** 2,
            transform=placement.transform,
        )
