"""Alignment: what was put somewhere is found there, whatever the order and whatever else votes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from witnessmark.verification.matching.align import LEAST, Stretch, align

STEP = 0.25


def pairs_on(
    start: float, seconds: float, rate: float, offset: float
) -> tuple[np.ndarray, np.ndarray]:
    """Query and reference times, both on their sampling grids, of one true stretch."""
    query = np.arange(round(start / STEP), round((start + seconds) / STEP)) * STEP
    reference = np.round((rate * query + offset) / STEP) * STEP
    return query, reference


def found(query: np.ndarray, reference: np.ndarray, weight: float = 1.0) -> list[Stretch]:
    return align(query, reference, np.full(len(query), weight))


@settings(deadline=None)
@given(
    rate=st.floats(0.8, 1.25),
    offset=st.floats(0, 60),
    start=st.floats(0, 20),
    seconds=st.floats(4, 40),
    noise=st.integers(0, 60),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_shifted_scaled_cut_sequence_is_found_where_it_was_put(
    rate: float, offset: float, start: float, seconds: float, noise: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    query, reference = pairs_on(start, seconds, rate, offset)
    strays = rng.choice(query, noise), rng.random(noise) * 120
    all_query = np.concatenate([query, strays[0]])
    all_reference = np.concatenate([reference, strays[1]])
    best = max(found(all_query, all_reference), key=lambda stretch: stretch.votes)
    middle = start + seconds / 2
    assert abs(best.reference(middle) - (rate * middle + offset)) < 0.5
    assert best.start <= start + 1.0
    assert best.end >= start + seconds - 1.0
    assert abs(best.rate - rate) < 0.6 / seconds + 0.01


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_order_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    query, reference = pairs_on(2, 8, 1.1, 5)
    query = np.concatenate([query, rng.choice(query, 20)])
    reference = np.concatenate([reference, rng.random(20) * 40])
    weight = rng.random(len(query)) + 0.1
    shuffled = rng.permutation(len(query))
    assert align(query, reference, weight) == align(
        query[shuffled], reference[shuffled], weight[shuffled]
    )


@settings(deadline=None)
@given(st.permutations([0, 1, 2]), st.floats(0, 5))
def test_pieces_in_any_order_are_all_found(order: list[int], shift: float) -> None:
    """A compilation: three pieces of one source, six seconds each, cut together anew."""
    sources = [shift + 20 * place for place in order]
    parts = [pairs_on(6 * n, 6, 1.0, source - 6 * n) for n, source in enumerate(sources)]
    stretches = found(*(np.concatenate(side) for side in zip(*parts, strict=True)))
    assert len(stretches) == 3
    for n, (stretch, source) in enumerate(zip(stretches, sources, strict=True)):
        assert abs(stretch.start - 6 * n) <= 0.5
        assert abs(stretch.reference(6 * n + 3) - (source + 3)) < 0.5


def test_one_vote_for_a_query_frame() -> None:
    """A still frame that looks like a whole minute weighs less than five that move."""
    query, reference = pairs_on(10, LEAST * STEP + 0.25, 1.0, 5.0)
    still = np.zeros(200), np.arange(200) * STEP
    stretches = found(np.concatenate([query, still[0]]), np.concatenate([reference, still[1]]))
    assert len(stretches) == 1
    assert stretches[0].start == 10.0


def test_a_gap_splits() -> None:
    first, second = pairs_on(0, 4, 1.0, 3.0), pairs_on(10, 4, 1.0, 3.0)
    stretches = found(*(np.concatenate(side) for side in zip(first, second, strict=True)))
    assert [(s.start, s.end) for s in stretches] == [(0.0, 3.75), (10.0, 13.75)]


@pytest.mark.parametrize("count", [0, 1, LEAST - 1])
def test_too_little_is_nothing(count: int) -> None:
    assert found(np.arange(count) * STEP, np.arange(count) * STEP) == []
