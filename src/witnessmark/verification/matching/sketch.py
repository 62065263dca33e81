"""What the index keeps of a fingerprint: some hashes, and some features as words.

A sketch is the same for a query and for what is searched, so that whether two videos find each
other does not depend on which of them asks. Words of mirrored pictures are the exception: only
the one who asks has them, since to store them would double the index.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from witnessmark.verification.matching import words
from witnessmark.verification.matching.candidates import FLAT
from witnessmark.verification.matching.decode import RATE
from witnessmark.verification.matching.features import Features
from witnessmark.verification.matching.fingerprint import Fingerprint
from witnessmark.verification.matching.framehash import Hashes, distances

#: Of the samples, two a second: 30 s give at most 60 whole and 60 trimmed hashes.
_STEP = round(RATE / 2)
#: A hash this near (bits of 256) to one of the last few that were kept brings nothing new.
PRUNED, LAST = 12, 8
#: Hashes of a video in all; of a longer one every second, third, ... is kept, down to this.
MOST_HASHES = 4000
#: Keyframes of half a minute, at least, and of a video in all; words of each. More of both find
#: more, and cost memory. Measured, with as much memory each: 12 keyframes of 240 words found more
#: than 8 of 300 before a moving camera, where keyframes of two uploads lie seconds apart, and than
#: 24 of 100, which share too few.
_KEYS, _KEY_SPAN, _LEAST_KEYS, MOST_KEYS = 12, 30.0, 9, 600
WORDS = 240
#: How far from a border a feature must lie, of the width or height: half of what it looks at.
_RIM = 0.03
_PACKED = np.array([1, 256], np.uint16)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sketch:
    """n hashes, k keyframes, p words.

    Attributes:
        hashes: n x 4, of whole and of trimmed pictures and of pictures within them, in the
            orientation they were found in.
        words, signatures, places: p, keyframe after keyframe; in a keyframe no word comes twice.
            A place is x + 256 y, in 255ths of the picture's longer side.
        keyframes: p, number of the keyframe that a word belongs to, from 0 to k - 1, rising.
        only_flat: there were pictures, and all of them are black, or as even as black: there is
            nothing to search by.
    """

    hashes: Hashes
    words: NDArray[np.uint16]
    signatures: NDArray[np.uint64]
    places: NDArray[np.uint16]
    keyframes: NDArray[np.uint32]
    only_flat: bool

    @property
    def keys(self) -> int:
        """How many keyframes have words."""
        return int(self.keyframes[-1]) + 1 if len(self.keyframes) else 0


def sketch(fingerprint: Fingerprint) -> Sketch:
    """The sketch of a fingerprint, however short or empty that is."""
    return _sketched(fingerprint, _hashes(fingerprint), _keyframes(fingerprint))


def mirrored(fingerprint: Fingerprint) -> Sketch:
    """The words of the mirror image, to ask with; hashes are turned when they are asked for."""
    turned = [_there(each.mirror()) for each in _keyframes(fingerprint)]
    return _sketched(fingerprint, fingerprint.full[:0], [each for each in turned if len(each)])


def _there(features: Features) -> Features:
    """Those whose descriptor is known: of a point near the edge the mirrored one may not be."""
    known = features.descriptors.any(axis=1)
    return Features(features.points[known], features.descriptors[known], features.mirrored[known])


def _sketched(fingerprint: Fingerprint, hashes: Hashes, keyframes: list[Features]) -> Sketch:
    sides = np.array([fingerprint.width, fingerprint.height]) * 255
    scale = sides / max(fingerprint.width, fingerprint.height)
    parts = [_worded(each, scale) for each in keyframes]
    columns = list(zip(*parts, strict=True)) or [(), (), ()]
    kinds = (np.uint16, np.uint64, np.uint16)
    spoken, signatures, places = (
        np.concatenate([np.zeros(0, kind), *column])
        for kind, column in zip(kinds, columns, strict=True)
    )
    return Sketch(
        hashes=hashes,
        words=spoken,
        signatures=signatures,
        places=places,
        keyframes=np.repeat(np.arange(len(parts), dtype=np.uint32), [len(p[0]) for p in parts]),
        only_flat=bool(len(fingerprint)) and not len(hashes) and not parts,
    )


def _worded(
    features: Features, scale: NDArray[np.float64]
) -> tuple[NDArray[np.uint16], NDArray[np.uint64], NDArray[np.uint16]]:
    """Words, signatures and places of a keyframe.

    Repeated texture gives one word many times, which would vote many times: the first, strongest
    one stays.
    """
    found = words.nearest(features.descriptors)
    _, first = np.unique(found, return_index=True)
    first = np.sort(first)[:WORDS]
    places = np.clip(np.rint(features.points[first] * scale), 0, 255).astype(np.uint16)
    return found[first], words.signatures(features.descriptors[first]), places @ _PACKED


def _hashes(fingerprint: Fingerprint) -> Hashes:
    """Hashes of lively pictures, whole, trimmed and of insets, without what brings nothing new."""
    lively = fingerprint.contrast[::_STEP] >= FLAT
    insets = _insets(fingerprint)
    some = -(-(int(lively.sum()) * 2 + len(insets)) // MOST_HASHES) or 1
    whole = fingerprint.full[::_STEP][lively][::some]
    trimmed = fingerprint.inner[::_STEP][lively][::some]
    kept = pruned(whole)
    odd = np.any(whole != trimmed, axis=1)
    parts = [kept, pruned(trimmed[odd]), pruned(insets[::some])]
    return np.concatenate(parts).astype(np.uint64, copy=False)


def _insets(fingerprint: Fingerprint) -> Hashes:
    """Those of lively pictures within the pictures."""
    lively = [each.full[::_STEP][each.contrast[::_STEP] >= FLAT] for each in fingerprint.within()]
    return np.concatenate([fingerprint.inset[:0], *lively])


def pruned(hashes: Hashes) -> Hashes:
    """Of hashes (n x 4) in order of time, those that bring something new."""
    kept: list[int] = []
    for number in range(len(hashes)):
        last = hashes[kept[-LAST:]]
        if not kept or distances(hashes[number : number + 1], last).min() > PRUNED:
            kept.append(number)
    return hashes[kept]


def _keyframes(fingerprint: Fingerprint) -> list[Features]:
    """Keyframes spread evenly over those with features."""
    boxes = fingerprint.edges[fingerprint.keys] / 255.0
    inside = [_inside(*each) for each in zip(fingerprint.features, boxes, strict=True)]
    some = [each for each in inside if len(each)]
    wanted = min(
        MOST_KEYS, max(_LEAST_KEYS, round(fingerprint.duration / 1000 * _KEYS / _KEY_SPAN))
    )
    if len(some) <= wanted:
        return some
    return [some[place] for place in np.linspace(0, len(some) - 1, wanted).round().astype(int)]


def _inside(features: Features, box: NDArray[np.float64]) -> Features:
    """Without those on the rim of a border: all letterboxes have them in common."""
    low = np.where(box[:2] > 0, box[:2] + _RIM, 0)
    high = np.where(box[2:] < 1, box[2:] - _RIM, 1)
    kept = np.all((features.points >= low) & (features.points <= high), axis=1)
    return Features(features.points[kept], features.descriptors[kept], features.mirrored[kept])
