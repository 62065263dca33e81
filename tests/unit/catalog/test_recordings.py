"""Grouping of object segments into recordings."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from witnessmark.catalog.decisions import Edge, Span
from witnessmark.catalog.recordings import group, together


def edge(key: int, a: Span, b: Span, *, confirmed: bool = False) -> Edge:
    return Edge((key, 0), a, b, confirmed)


def grouped(*edges: Edge) -> list[list[Span]]:
    return [[each.span for each in shown] for _, shown in sorted(group(edges).items())]


def takes(*edges: Edge) -> list[list[int | None]]:
    return [[each.take for each in shown] for _, shown in sorted(group(edges).items())]


def test_copies_of_a_copy_are_one_recording() -> None:
    found = grouped(
        edge(1, Span(1, 0, 100), Span(2, 0, 100)), edge(2, Span(2, 0, 100), Span(3, 5, 105))
    )
    assert found == [[Span(1, 0, 100), Span(2, 0, 100), Span(3, 5, 105)]]


def test_a_compilation_carries_several() -> None:
    found = grouped(
        edge(10, Span(1, 0, 100), Span(9, 0, 100)),
        edge(20, Span(2, 0, 100), Span(9, 100, 200)),
        edge(30, Span(3, 0, 100), Span(9, 195, 300)),
    )
    assert [[span for span in each if span.object == 9] for each in found] == [
        [Span(9, 0, 100)],
        [Span(9, 100, 200)],
        [Span(9, 195, 300)],
    ]


def test_the_same_stretch_twice_in_one_object_stays_two_spans() -> None:
    found = grouped(
        edge(1, Span(1, 0, 100), Span(9, 0, 100)), edge(2, Span(1, 0, 100), Span(9, 300, 400))
    )
    assert found == [[Span(1, 0, 100), Span(9, 0, 100), Span(9, 300, 400)]]


def test_two_pieces_of_one_line_are_two_recordings() -> None:
    one, other = Span(1, 0, 100), Span(2, 0, 100)
    late, later = Span(1, 500, 600), Span(2, 500, 600)
    found = group([Edge((7, 0), one, other, False), Edge((7, 1), late, later, False)])
    assert len(found) == 2


def test_half_of_the_shorter_span_decides() -> None:
    assert together(Span(1, 0, 100), Span(1, 50, 150))
    assert not together(Span(1, 0, 100), Span(1, 51, 151))
    assert together(Span(1, 0, 1000), Span(1, 900, 1010))
    assert not together(Span(1, 0, 100), Span(2, 0, 100))


def test_a_take_is_what_people_confirmed_of_all_members() -> None:
    a, b, c, d = (Span(n, 0, 100) for n in range(4))
    assert takes(edge(1, a, b), edge(2, b, c)) == [[None, None, None]]
    one, two, three = takes(edge(1, a, b, confirmed=True), edge(2, b, c))[0]
    assert one == two is not None
    assert three is None
    confirmed = takes(edge(1, a, b, confirmed=True), edge(2, b, c, confirmed=True))[0]
    assert len(set(confirmed)) == 1
    apart = takes(edge(1, a, b, confirmed=True), edge(2, b, c), edge(3, c, d, confirmed=True))[0]
    assert apart[0] == apart[1] != apart[2] == apart[3]


spans = st.builds(
    lambda o, s, n: Span(o, s, s + n), st.integers(1, 5), st.integers(0, 300), st.integers(1, 200)
)
links = st.lists(st.tuples(spans, spans, st.booleans()), max_size=12)


def edges_of(pairs: list) -> list[Edge]:
    return [edge(n, a, b, confirmed=said) for n, (a, b, said) in enumerate(pairs)]


@settings(deadline=None)
@given(links, st.randoms())
def test_the_order_of_arrival_changes_nothing(pairs: list, shuffler: random.Random) -> None:
    numbered = edges_of(pairs)
    shuffled = list(numbered)
    shuffler.shuffle(shuffled)
    assert group(numbered) == group(shuffled)


@settings(deadline=None)
@given(links)
def test_every_end_of_a_link_is_in_its_recording(pairs: list) -> None:
    found = group(edges_of(pairs))

    def recordings_with(span: Span) -> set[int]:
        return {
            key
            for key, members in found.items()
            for m in (each.span for each in members)
            if m.object == span.object and m.start <= span.start and span.end <= m.end
        }

    for a, b, _ in pairs:
        assert recordings_with(a) & recordings_with(b)
