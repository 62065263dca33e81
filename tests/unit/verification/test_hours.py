"""Hours against hours: every sample is compared, in pieces."""

from __future__ import annotations

import dataclasses
import functools

import cv2
import numpy as np
import pytest

from support import footage
from witnessmark.verification.matching import (
    Fingerprint,
    candidates,
    hours,
    match,
    matcher,
    motion,
)
from witnessmark.verification.matching.fingerprint import spread
from witnessmark.verification.matching.framehash import frame_hash
from witnessmark.verification.matching.hours import Budget, pieces

#: Seconds before one view, and samples a second.
SCENE, RATE = 15.0, 8
#: Samples held, and seconds of a piece, in these tests.
MOST, PIECE = 1_000, 24.0


def long(
    minutes: float,
    *,
    late: float = 0.0,
    take: int = 1,
    noise: int = 0,
    first: float = 0.0,
    scene: float = SCENE,
    pace: float = 1.0,
) -> Fingerprint:
    """A made-up video: one view after the other, and before each something goes about.

    Args:
        late: seconds by which its samples lie beside those of another copy.
        take: what goes about; the views are the same.
        first: second of the whole at which it begins.
        scene: seconds before one view.
        pace: how fast things go about.
    """
    clock = np.arange(0, minutes * 60, 1 / RATE) + late
    seen = clock + first
    rng = np.random.default_rng(4)
    views = [footage.texture(rng, 36, 36) for _ in range(int(seen[-1] / scene) + 2)]
    thumbs = np.stack([views[int(time / scene)] for time in seen]).astype(np.float32)
    along = seen * pace
    y, x = np.mgrid[:36, :36].astype(np.float32)
    for speed, phase in np.random.default_rng(take).uniform((0.4, 0), (1.6, 40), (4, 2)):
        across = 18 + 14 * np.sin(speed * along + phase + np.sin(0.37 * along))
        down = 18 + 14 * np.cos(0.8 * speed * along + 2 * phase + np.sin(0.53 * along))
        near = (x - across[:, None, None]) ** 2 + (y - down[:, None, None]) ** 2
        thumbs += 90 * np.exp(-near / 8).astype(np.float32)
    thumbs += np.random.default_rng(9).normal(0, 1 + noise, thumbs.shape).astype(np.float32)
    return of_thumbs(clock - late, np.clip(thumbs, 0, 255).astype(np.uint8))


def of_thumbs(clock: np.ndarray, thumbs: np.ndarray) -> Fingerprint:
    n = len(clock)
    hashes = np.stack([frame_hash(cv2.resize(each, (72, 72))) for each in thumbs])
    whole = np.repeat(np.array([[0, 0, 255, 255]], np.uint8), n, axis=0)
    return Fingerprint(
        width=480, height=270, duration=round(clock[-1] * 1000) + 125,
        times=np.rint(clock * 1000).astype(np.uint32), full=hashes, inner=hashes, edges=whole,
        inset=np.zeros((n, 4), np.uint64), inset_edges=0 * whole,
        inset_thumbs=thumbs[:0], between=whole, contrast=spread(thumbs), thumbs=thumbs,
        keys=np.zeros(0, np.uint32), features=(),
    )  # fmt: skip


@pytest.fixture(autouse=True)
def minutes_are_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a test does not take minutes."""
    for module in (hours, motion):
        monkeypatch.setattr(module, "MOST", MOST)
    monkeypatch.setattr(hours, "PIECE", PIECE)


@pytest.fixture(scope="module")
def whole() -> Fingerprint:
    return long(5.0)


def test_a_copy_of_hours_is_one_segment(whole: Fingerprint) -> None:
    copy = long(4.0, late=0.06, noise=3, first=33.0)
    for query, reference, apart in ((copy, whole, 33.0), (whole, copy, -33.0)):
        found = match(query, reference)
        assert found is not None
        assert found.relation == "same_footage"
        (segment,) = found.segments
        assert segment.rate == 1.0
        assert segment.reference[0] - segment.query[0] == pytest.approx(apart, abs=0.2)
        assert segment.query[1] - segment.query[0] == pytest.approx(240, abs=3)


def test_samples_that_are_left_out_lose_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why there are pieces: one view, in which something goes about quickly."""
    one = long(4.0, scene=1e9, pace=4.0)
    copy = long(3.0, late=0.06, noise=3, first=33.0, scene=1e9, pace=4.0)
    found = match(copy, one)
    assert found is not None
    assert found.relation == "same_footage"
    monkeypatch.setattr(matcher, "pieces", lambda *all_four: [all_four[:3]])
    monkeypatch.setattr(motion, "MOST", 300)
    thinned = match(copy, one)
    assert thinned is None or thinned.relation == "same_scene"


def test_two_long_takes_of_one_place_are_a_scene() -> None:
    one, other = (long(4.0, take=take, scene=1e9) for take in (1, 2))
    found = match(one, other)
    assert found is not None
    assert found.relation == "same_scene"


def test_a_cut_within_hours_makes_two_segments(whole: Fingerprint) -> None:
    first, second = whole.part(0, 100), whole.part(200, 299)
    later = second.times - second.times[0] + np.uint32(100_000)
    cut = joined(first, dataclasses.replace(second, times=later))
    found = match(cut, whole)
    assert found is not None
    ends = [each for segment in found.segments for each in (*segment.query, *segment.reference)]
    assert ends == pytest.approx([0, 100, 0, 100, 100, 199, 200, 299], abs=1.5)


def joined(one: Fingerprint, other: Fingerprint) -> Fingerprint:
    names = ("times", "full", "inner", "edges", "inset", "inset_edges", "inset_thumbs", "between",
             "contrast", "thumbs")  # fmt: skip
    both = {n: np.concatenate([getattr(one, n), getattr(other, n)]) for n in names}
    return dataclasses.replace(one, **both, duration=int(both["times"][-1]) + 125)


def test_every_piece_is_small_and_few_pairs_are_left_out(whole: Fingerprint) -> None:
    copy = long(4.0, late=0.06, first=33.0)
    for placement in candidates.by_hash(copy, whole):
        made = pieces(copy, whole, placement, Budget())
        assert len(made) > 3
        assert all(max(len(query), len(there)) <= MOST for query, there, _ in made)
        assert sum(len(each.query) for *_, each in made) >= 0.9 * len(placement.query)
        for query, there, each in made:
            assert np.isin(each.query, query.seconds).all()
            assert np.isin(each.reference, there.seconds).all()


def test_short_ones_stay_whole(whole: Fingerprint) -> None:
    short = whole.part(0, 30)
    placement = candidates.by_hash(short, short)[0]
    assert pieces(short, short, placement, Budget()) == [(short, short, placement)]


def test_of_too_many_pieces_those_with_most_pairs_are_compared(whole: Fingerprint) -> None:
    placement = candidates.by_hash(whole, whole)[0]
    budget = Budget(4)
    assert len(pieces(whole, whole, placement, budget)) == 4
    assert budget.left == 0
    assert pieces(whole, whole, placement, budget) == []


def test_a_reel_of_a_long_video_is_found_both_ways(whole: Fingerprint) -> None:
    """Four parts in another order; the reel is short, so all of it is compared with each piece."""
    parts = [whole.part(start, start + 15) for start in (240, 30, 160, 90)]
    shown = [
        dataclasses.replace(part, times=part.times - part.times[0] + np.uint32(15_000 * n))
        for n, part in enumerate(parts)
    ]
    reel = functools.reduce(joined, shown)
    for query, reference in ((reel, whole), (whole, reel)):
        found = match(query, reference)
        assert found is not None
        assert len(found.segments) == 4


def test_a_short_event_in_a_long_rest_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between eight places spread evenly it would not be seen."""
    monkeypatch.setattr(hours, "MOST", 20_000)
    for second in (35.0, 60.0, 110.0):
        rest = quiet(180, second)
        copy = dataclasses.replace(rest, thumbs=coarser(rest.thumbs))
        found = match(copy, rest)
        assert found is not None
        assert found.relation == "same_footage", second


def quiet(seconds: float, event: float) -> Fingerprint:
    """A fixed camera; somebody passes for ten seconds."""
    scene = footage.texture(np.random.default_rng(6), 36, 36)
    clock = np.arange(0, seconds, 1 / RATE)
    thumbs = np.repeat(scene[None], len(clock), axis=0)
    for n in np.flatnonzero((clock >= event) & (clock < event + 10)):
        across = round(3.2 * (clock[n] - event) + 2 * np.sin(2.3 * clock[n]))
        thumbs[n, 8:30, max(0, across) : across + 7] = 250 - 20 * (n % 3)
    return of_thumbs(clock, thumbs)


def coarser(thumbs: np.ndarray) -> np.ndarray:
    """As an encoder leaves it: nothing of what is fine."""
    soft = np.stack([cv2.GaussianBlur(each, (3, 3), 0) for each in thumbs])
    return (soft // 3 * 3).astype(np.uint8)


def test_a_copy_at_another_speed_keeps_its_rate(whole: Fingerprint) -> None:
    part = whole.part(0, 200)
    fast = dataclasses.replace(
        part, times=np.rint(part.times / 1.1).astype(np.uint32), duration=181_818
    )
    found = match(fast, whole)
    assert found is not None
    first, last = found.segments[0], found.segments[-1]
    for segment in (first, last):
        assert segment.rate == pytest.approx(1.1, abs=0.01)
        assert segment.reference[1] == pytest.approx(1.1 * segment.query[1], abs=0.5)
    assert last.query[1] - first.query[0] == pytest.approx(181, abs=4)


def test_a_part_keeps_its_insets(whole: Fingerprint) -> None:
    edges = np.zeros((len(whole), 4), np.uint8)
    edges[40:80] = 10, 10, 90, 90
    thumbs = whole.thumbs[40:80]
    one = dataclasses.replace(whole, inset_edges=edges, inset_thumbs=thumbs)
    part = one.part(6.0, 8.0)
    assert len(part) == 16
    assert np.array_equal(part.inset_thumbs, whole.thumbs[48:64])
    assert np.array_equal(Fingerprint.decode(part.encode()).inset_thumbs, part.inset_thumbs)
