"""Ways in which one video may lie in another: from hashes of pictures, and from features.

Both give a `Placement`: where a point of the reference is to be found in the query. Neither
decides anything; what moves does (`motion`).
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from numpy.typing import NDArray

from witnessmark.verification.matching.features import Features
from witnessmark.verification.matching.fingerprint import Fingerprint
from witnessmark.verification.matching.framehash import (
    ORIENTATIONS,
    Hashes,
    Orientation,
    distances,
    orient,
)

Floats = NDArray[np.float64]

#: Differing bits of 256. Unrelated pictures differ in 128 +- 16; PDQ's own threshold is 31.
NEAR = 64
#: A picture flatter than this (standard deviation of luma) looks like any other flat one.
FLAT = 6
#: Of the samples, hashes compare every fourth of the query with every second of the reference,
#: and of hours so many in all.
_Q_STEP, _Q_MOST, _R_STEP, _R_MOST = 4, 2000, 2, 20_000
#: Query samples that must agree before hashes make a placement.
LEAST_SAMPLES = 3
#: Placements looked at for a pair of videos.
MOST = 6

#: Features of a keyframe used to find pairs of keyframes: so many that a video has `_SCOUTS` in
#: all, and of hours the features of so many keyframes. All are used to place one.
_SCOUTS, _LEAST_SCOUTS, _MOST_SCOUTED = 1800, 40, 600
#: Differing bits of 256 up to which two ORB descriptors may be one point: to scout, to place.
_SCOUTED, _SAME_POINT = 64, 72
_SCOUT_VOTES = 4
_VERIFIED = 14
#: RANSAC: how far a point may lie off, of the longest side; and how many must agree.
_REACH = 0.0125
INLIERS = 12
#: The points that agree must cover this share of the query: two videos with the same logo do not.
_SPREAD = 0.04
_SCALES = (0.2, 5.0)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where a reference lies in a query.

    Attributes:
        matrix: 2 x 3, takes a point of the reference (x, y from 0 to 1) into the query.
        transform: the nearest of the eight orientations.
        query, reference: seconds of the pairs of samples that say so.
        support: how strongly; to rank placements of one kind.
        share: of the query samples looked at, 0 to 1.
    """

    matrix: Floats
    transform: str
    query: Floats
    reference: Floats
    support: float
    share: float


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _View:
    """Some samples of a fingerprint, whole or without borders."""

    hashes: Hashes
    seconds: Floats
    flat: NDArray[np.bool_]
    boxes: Floats


def _views(fingerprint: Fingerprint, step: int) -> list[_View]:
    seconds = fingerprint.seconds[::step]
    flat = fingerprint.contrast[::step] < FLAT
    whole = np.broadcast_to(np.array([0.0, 0.0, 1.0, 1.0]), (len(seconds), 4))
    views = [_View(fingerprint.full[::step], seconds, flat, whole)]
    if not np.array_equal(fingerprint.full, fingerprint.inner):
        edges = fingerprint.edges[::step] / 255.0
        views.append(_View(fingerprint.inner[::step], seconds, flat, edges))
    return views


def by_hash(query: Fingerprint, reference: Fingerprint) -> list[Placement]:
    """Placements from whole pictures and pictures without borders, in eight orientations."""
    # A picture has one chance: it is compared with every sample.
    step = _R_STEP if len(query) > 1 else 1
    there = _views(reference, max(step, -(-len(reference) // _R_MOST)))
    found = [
        _agreed(here, other, orientation)
        for here in _views(query, max(_Q_STEP, -(-len(query) // _Q_MOST)))
        for other in there
        for orientation in ORIENTATIONS
    ]
    ranked = sorted((each for each in found if each), key=lambda each: -each.support)
    return ranked[:MOST]


def _agreed(query: _View, reference: _View, orientation: Orientation) -> Placement | None:
    off = distances(query.hashes, orient(reference.hashes, orientation))
    off[query.flat] = 256
    off[:, reference.flat] = 256
    nearest = off.min(axis=1, initial=256)
    if (nearest <= NEAR).sum() < min(LEAST_SAMPLES, len(query.seconds)):
        return None
    q = np.flatnonzero(nearest <= NEAR)
    r = off[q].argmin(axis=1)
    boxes = [
        np.median(view.boxes[np.unique(at)], axis=0) for view, at in ((query, q), (reference, r))
    ]
    return Placement(
        _between(boxes[0], boxes[1], orientation),
        orientation.name,
        query.seconds[q],
        reference.seconds[r],
        float(np.maximum(0, NEAR + 1.0 - nearest).sum()),
        len(q) / max(1, int((~query.flat).sum())),
    )


def _between(query: Floats, reference: Floats, orientation: Orientation) -> Floats:
    """The matrix that lays box `reference`, oriented, onto box `query`."""
    turn = np.array(orientation.matrix, float)
    linear = np.diag(query[2:] - query[:2]) @ turn @ np.diag(1 / (reference[2:] - reference[:2]))
    middle_q, middle_r = (query[:2] + query[2:]) / 2, (reference[:2] + reference[2:]) / 2
    return np.column_stack([linear, middle_q - linear @ middle_r])


def by_features(query: Fingerprint, reference: Fingerprint) -> list[Placement]:
    """Placements from ORB features of keyframes: a similarity, plain or mirrored, by RANSAC."""
    seen: list[tuple[Floats, float, float, int]] = []
    for here in (query.features, tuple(each.mirror() for each in query.features)):
        for q, r in _scout(here, reference.features):
            placed = _place(here[q], reference.features[r], query, reference)
            if placed is None:
                continue
            matrix = placed[0] if here is query.features else _UNMIRROR @ _squared(placed[0])
            times = query.seconds[query.keys[q]], reference.seconds[reference.keys[r]]
            seen.append((matrix, float(times[0]), float(times[1]), placed[1]))
    return _grouped(seen, max(1, len(query.features)))


#: Takes x of a mirrored picture back.
_UNMIRROR = np.array([[-1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])


def _squared(matrix: Floats) -> Floats:
    return np.vstack([matrix, [0.0, 0.0, 1.0]])


def _scout(query: tuple[Features, ...], reference: tuple[Features, ...]) -> list[tuple[int, int]]:
    """Pairs of keyframes whose strongest features look alike, the likeliest first."""
    q_all, q_of = _stacked(query)
    r_all, r_of = _stacked(reference)
    if not len(q_all) or not len(r_all):
        return []
    matches = cv2.BFMatcher(cv2.NORM_HAMMING).match(q_all, r_all)
    near = [(m.queryIdx, m.trainIdx) for m in matches if m.distance <= _SCOUTED]
    votes = np.zeros((len(query), len(reference)), int)
    for q, r in near:
        votes[q_of[q], r_of[r]] += 1
    # Neighbouring keyframes share their points, so that the nearest one takes all the votes.
    pairs = np.argwhere(votes >= _SCOUT_VOTES)
    order = np.argsort(-votes[tuple(pairs.T)], kind="stable")
    return [(int(q), int(r)) for q, r in pairs[order][:_VERIFIED]]


def _stacked(all_features: tuple[Features, ...]) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    each_one = max(_LEAST_SCOUTS, _SCOUTS // max(1, len(all_features)))
    chosen = np.arange(0, len(all_features), 1 + len(all_features) // _MOST_SCOUTED)
    parts = [all_features[at].descriptors[:each_one] for at in chosen]
    of = np.repeat(chosen, [len(part) for part in parts])
    return (np.concatenate(parts) if parts else np.zeros((0, 32), np.uint8)), of


def _place(
    q: Features, r: Features, query: Fingerprint, reference: Fingerprint
) -> tuple[Floats, int] | None:
    """The matrix that takes points of `r` into `q`, and how many agree."""
    q_size = np.array([query.width, query.height], float)
    r_size = np.array([reference.width, reference.height], float)
    found = _similar(q, r, q_size, r_size)
    if found is None:
        return None
    matrix, at_q, _ = found
    agreed = at_q / q_size
    if len(agreed) < INLIERS or float(np.prod(np.ptp(agreed, axis=0))) < _SPREAD:
        return None
    linear = np.diag(1 / q_size) @ matrix[:, :2] @ np.diag(r_size)
    return np.column_stack([linear, matrix[:, 2] / q_size]), len(agreed)


def _similar(
    q: Features, r: Features, q_size: Floats, r_size: Floats
) -> tuple[Floats, Floats, Floats] | None:
    """The similarity from pixels of `r` to pixels of `q` by RANSAC, and the points that agree."""
    if min(len(q), len(r)) < INLIERS:
        return None
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(q.descriptors, r.descriptors)
    pairs = [(m.queryIdx, m.trainIdx) for m in matches if m.distance <= _SAME_POINT]
    if len(pairs) < INLIERS:
        return None
    at_q = q.points[[a for a, _ in pairs]] * q_size
    at_r = r.points[[b for _, b in pairs]] * r_size
    cv2.setRNGSeed(0)  # what was compared before must not change what is found
    matrix, inside = cv2.estimateAffinePartial2D(
        at_r, at_q, ransacReprojThreshold=_REACH * q_size.max(), maxIters=400
    )
    if matrix is None or not _SCALES[0] < np.hypot(*matrix[:, 0]) < _SCALES[1]:
        return None
    agreed = inside.ravel() > 0
    return np.asarray(matrix, float), at_q[agreed], at_r[agreed]


def agreeing(
    q: Features, r: Features, q_shape: tuple[int, ...], r_shape: tuple[int, ...]
) -> tuple[Floats, Floats]:
    """Points (n x 2, pixels) of two pictures that one similarity explains, mirrored or not.

    Args:
        q_shape, r_shape: height and width of the pictures.
    """
    q_size, r_size = (np.array(shape[1::-1], float) for shape in (q_shape, r_shape))
    plain, mirrored = (_similar(each, r, q_size, r_size) for each in (q, q.mirror()))
    if mirrored is not None and (plain is None or len(mirrored[1]) > len(plain[1])):
        return np.array([q_size[0], 0.0]) + mirrored[1] * np.array([-1.0, 1.0]), mirrored[2]
    return plain[1:] if plain is not None else (np.zeros((0, 2)), np.zeros((0, 2)))


def _grouped(seen: list[tuple[Floats, float, float, int]], looked: int) -> list[Placement]:
    """Placements that put the corners at nearly the same places are one."""
    corners = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]], float).T
    groups: list[list[tuple[Floats, float, float, int]]] = []
    for each in sorted(seen, key=lambda one: -one[3]):
        for group in groups:
            scale = np.abs(np.linalg.det(group[0][0][:, :2])) ** 0.5
            if np.abs((group[0][0] - each[0]) @ corners).max() < 0.06 * max(1.0, scale):
                group.append(each)
                break
        else:
            groups.append([each])
    placements = [
        Placement(
            group[0][0],
            _orientation(group[0][0]),
            np.array([one[1] for one in group]),
            np.array([one[2] for one in group]),
            float(sum(one[3] for one in group)),
            len({one[1] for one in group}) / looked,
        )
        for group in groups
    ]
    return sorted(placements, key=lambda each: -each.support)[:MOST]


def _orientation(matrix: Floats) -> str:
    """The orientation whose axes are nearest to the matrix's."""
    axes = matrix[:, :2] / np.linalg.norm(matrix[:, :2], axis=0)
    return max(ORIENTATIONS, key=lambda each: float((np.array(each.matrix) * axes).sum())).name
