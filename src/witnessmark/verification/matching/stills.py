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
from witnessmark.verification.matching.fingerprint import Fingerprint
from witnessmark.verification.matching.motion import SHARED, Laid, centred, unit
from witnessmark.verification.matching.registration import registered

Floats = NDArray[np.float32]

#: Rows of the reference that its background is taken from.
_MOST = 400
#: Moments looked at closely, and those within so many seconds of the placement's keyframes.
_FEW, _AROUND = 8, 1.0
#: (Agreement of what is left with one moment, correlation of the whole with it), from which it is
#: that moment; before a fixed camera, of which other takes are as like as (.97, .986), more.
MOVING, STANDING = ((0.8, 0.95), (0.55, 0.98)), ((0.8, 0.99),)
#: How like the reference's own pictures are before a camera that stands still.
_FIXED = 0.9
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
        bars = STANDING if self.fixed >= _FIXED else MOVING
        sure = any(self.agreement >= a and self.likeness >= b for a, b in bars)
        return sure and self.energy >= _BACKGROUND

    @property
    def same_scene(self) -> bool:
        """Whether it shows at least the scene."""
        return self.likeness >= _SCENE


def moment(picture: Fingerprint, reference: Fingerprint, placement: Placement) -> Moment | None:
    """The best moment for a picture (a fingerprint of one sample), None if too little is shared.

    The placement comes from some keyframe; before a moving camera it is made exact at each moment
    that is tried.
    """
    laid = Laid(picture, reference, placement)
    if laid.shared < SHARED:
        return None
    every = 1 + len(laid.r) // _MOST
    found = [_at(laid, place, placement, every) for place in _tried(laid, placement)]
    if not found:
        return None
    return max(found, key=lambda each: (each.same_footage, each.agreement + each.likeness))


def _tried(laid: Laid, placement: Placement) -> list[int]:
    """Samples of the reference most like the picture, and those around the placement's own."""
    likeness = unit(centred(laid.r)) @ unit(centred(laid.q))[0]
    best = np.argsort(-likeness)[:_FEW]
    near = np.abs(laid.reference[:, None] - placement.reference[None, :3]).min(axis=1)
    around = np.flatnonzero(near <= _AROUND)
    around = around[np.argsort(near[around], kind="stable")][: 2 * _FEW]
    return sorted({*best.tolist(), *around.tolist()})


def _at(laid: Laid, place: int, placement: Placement, every: int) -> Moment:
    """The picture against sample `place`, laid as they both say."""
    matrix = registered(placement.matrix, laid.q_soft[0], laid.r_soft[place])
    best: Moment | None = None
    for each in (placement.matrix, matrix):
        if each is None:
            continue
        q, inside = laid.sampled(each)
        if inside.mean() < SHARED:
            continue
        spread = float(q.std())
        rows = laid.r_soft.reshape(len(laid.r_soft), -1)[:, inside]
        q, r = unit(centred(q))[0], unit(centred(rows[place : place + 1]))[0]
        shown = unit(centred(rows[::every]))
        background = np.median(shown, axis=0)
        rest_q, rest_r = q - background, r - background
        scale = float(np.sqrt((rest_q**2).sum() * (rest_r**2).sum()))
        made = Moment(
            time=float(laid.reference[place]),
            agreement=float(rest_q @ rest_r) / scale if scale > 0 else 0.0,
            likeness=float(q @ r),
            # Rows are of unit length, so that a row's mean square is its spread squared.
            energy=float((rest_q**2).sum()) * spread**2,
            fixed=float((shown @ unit(shown.mean(axis=0, keepdims=True)).T).mean()) ** 2,
            transform=placement.transform,
        )
        if best is None or made.likeness > best.likeness:
            best = made
    return best or Moment(float(laid.reference[place]), 0.0, 0.0, 0.0, 1.0, placement.transform)
