"""Grouping of object segments into recordings."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from witnessmark.catalog.recordings import Span, group, together


def test_copies_of_a_copy_are_one_recording() -> None:
    found = group([(1, Span(1, 0, 100), Span(2, 0, 100)), (2, Span(2, 0, 100), Span(3, 5, 105))])
    assert found == {1: [Span(1, 0, 100), Span(2, 0, 100), Span(3, 5, 105)]}


def test_a_compilation_carries_several() -> None:
    found = group(
        [
            (10, Span(1, 0, 100), Span(9, 0, 100)),
            (20, Span(2, 0, 100), Span(9, 100, 200)),
            (30, Span(3, 0, 100), Span(9, 195, 300)),
        ]
    )
    assert sorted(found) == [10, 20, 30]
    assert [span for span in found[20] if span.object == 9] == [Span(9, 100, 200)]


def test_the_same_stretch_twice_in_one_object_stays_two_spans() -> None:
    found = group([(1, Span(1, 0, 100), Span(9, 0, 100)), (2, Span(1, 0, 100), Span(9, 300, 400))])
    assert found == {1: [Span(1, 0, 100), Span(9, 0, 100), Span(9, 300, 400)]}


def test_half_of_the_shorter_span_decides() -> None:
    assert together(Span(1, 0, 100), Span(1, 50, 150))
    assert not together(Span(1, 0, 100), Span(1, 51, 151))
    assert together(Span(1, 0, 1000), Span(1, 900, 1010))
    assert not together(Span(1, 0, 100), Span(2, 0, 100))


spans = st.builds(
    lambda o, s, n: Span(o, s, s + n), st.integers(1, 5), st.integers(0, 300), st.integers(1, 200)
)
links = st.lists(st.tuples(spans, spans), max_size=12)


@given(links, st.randoms())
def test_the_order_of_arrival_changes_nothing(pairs: list, shuffler: random.Random) -> None:
    numbered = [(n, a, b) for n, (a, b) in enumerate(pairs)]
    shuffled = list(numbered)
    shuffler.shuffle(shuffled)
    assert group(numbered) == group(shuffled)


@given(links)
def test_every_end_of_a_link_is_in_its_recording(pairs: list) -> None:
    found = group([(n, a, b) for n, (a, b) in enumerate(pairs)])

    def recordings_with(span: Span) -> set[int]:
        return {
            key
            for key, members in found.items()
            for m in members
            if m.object == span.object and m.start <= span.start and span.end <= m.end
        }

    for a, b in pairs:
        assert recordings_with(a) & recordings_with(b)
