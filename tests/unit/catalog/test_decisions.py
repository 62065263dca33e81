"""What stands of links once people decided: lines and rectangles in the plane of two clocks."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from witnessmark.catalog.decisions import EVER, LEAST, Decision, Line, Span, edges
from witnessmark.catalog.recordings import group

A, B, C = 1, 2, 3
WHOLE = (0, 60_000)


def line(key: int, a: int = A, b: int = B, at: tuple[int, int] = WHOLE, to: int = 0) -> Line:
    return Line(key, Span(a, *at), Span(b, at[0] + to, at[1] + to))


def word(
    key: int,
    kind: str,
    at: tuple[int, int] = (-EVER, EVER),
    there: tuple[int, int] | None = None,
    a: int = A,
    b: int = B,
) -> Decision:
    return Decision(key, kind, Span(a, *at), Span(b, *(there or at)))


def spans(lines: list[Line], *words: Decision) -> list[tuple[int, int]]:
    return [(each.a.start, each.a.end) for each in edges(lines, words)]


def test_a_program_is_believed_until_somebody_speaks() -> None:
    (edge,) = edges([line(1)], [])
    assert (edge.a, edge.b, edge.confirmed) == (Span(A, *WHOLE), Span(B, *WHOLE), False)


def test_a_split_takes_the_link_away_also_from_a_later_program() -> None:
    assert spans([line(1)], word(5, "split")) == []
    assert spans([line(1), line(9, at=(3_000, 50_000))], word(5, "split")) == []


def test_a_split_of_a_stretch_cuts_it_out() -> None:
    cut = word(5, "split", (20_000, 30_000))
    assert spans([line(1)], cut) == [(0, 20_000), (30_000, 60_000)]
    assert spans([line(1), line(9)], cut).count((0, 20_000)) == 2


def test_only_the_pair_of_stretches_is_split() -> None:
    """The same seconds of A against other seconds of B are another question."""
    cut = word(5, "split", (20_000, 30_000), (0, 10_000))
    assert spans([line(1)], cut) == [WHOLE]
    assert spans([line(1, b=C)], cut) == [WHOLE]


def test_what_is_left_beside_a_cut_is_no_sliver() -> None:
    cut = word(5, "split", (LEAST - 1, 60_000))
    assert spans([line(1)], cut) == []
    assert spans([line(1)], word(5, "split", (LEAST, 60_000))) == [(0, LEAST)]


def test_the_later_word_wins() -> None:
    assert spans([line(1)], word(5, "split"), word(6, "confirm")) == [WHOLE]
    assert spans([line(1)], word(5, "confirm"), word(6, "split")) == []
    (edge,) = edges([line(1)], [word(5, "split"), word(6, "confirm")])
    assert edge.confirmed
    part = word(6, "confirm", (10_000, 40_000))
    assert spans([line(1)], word(5, "split"), part) == [(10_000, 40_000)]


def test_a_merge_needs_no_program_and_bows_to_a_later_split_only() -> None:
    merge = word(5, "merge", (0, 10_000), (5_000, 15_000))
    (edge,) = edges([], [merge])
    assert (edge.b, edge.confirmed) == (Span(B, 5_000, 15_000), True)
    assert spans([], merge, word(6, "split")) == []
    assert spans([], word(4, "split"), merge) == [(0, 10_000)]
    assert spans([], merge, word(6, "split"), word(7, "confirm")) == [(0, 10_000)]


def test_a_word_that_is_not_known_changes_nothing() -> None:
    (edge,) = edges([line(1)], [word(5, "doubt")])
    assert (edge.a.end, edge.confirmed) == (60_000, False)
    assert spans([line(1)], word(5, "split"), word(6, "doubt")) == []


def test_most_of_a_line_must_be_confirmed() -> None:
    (little,) = edges([line(1)], [word(5, "confirm", (0, 20_000))])
    (most,) = edges([line(1)], [word(5, "confirm", (0, 40_000))])
    assert (little.confirmed, most.confirmed) == (False, True)


def test_a_picture_has_no_length() -> None:
    picture = Line(1, Span(A, 0, 0), Span(B, 4_000, 4_000))
    assert len(edges([picture], [])) == 1
    assert edges([picture], [word(5, "split", (0, 0), (3_000, 5_000))]) == []
    assert len(edges([picture], [word(5, "split", (0, 0), (5_000, 6_000))])) == 1
    assert edges([picture], [word(5, "confirm")])[0].confirmed
    still = Line(1, Span(A, 0, 0), Span(B, 0, 4_000))
    assert edges([still], [word(5, "split", (0, 0), (0, 4_000))]) == []


stretch = st.builds(lambda s, n: (s, s + n), st.integers(0, 40_000), st.integers(0, 30_000))
pair = st.sampled_from([(A, B), (B, A), (A, C), (B, C), (C, 4)])
machine = st.builds(lambda p, at, to: (p, at, to), pair, stretch, st.integers(0, 9_000))
person = st.builds(
    lambda p, kind, at, there: (p, kind, at, there),
    pair,
    st.sampled_from(["confirm", "split", "merge"]),
    st.one_of(st.just((-EVER, EVER)), stretch),
    stretch,
)


def recordings(lines: list[Line], words: list[Decision]) -> set[frozenset]:
    """Recordings without their numbers, which come from the order of arrival."""
    found = group(edges(lines, words)).values()
    return {
        frozenset((each.span, len(each.takes)) for each in shown) for shown in found
    }  # fmt: skip


@settings(deadline=None)
@given(st.lists(machine, max_size=6), st.lists(person, max_size=5), st.randoms())
def test_when_links_and_words_arrive_changes_nothing(
    found: list, said: list, shuffler: random.Random
) -> None:
    """Links come in any order before, between and after the decisions, whose own order stays."""

    def arrived(order: list[int]) -> set[frozenset]:
        # what comes gets its number from its place; decisions keep their order among themselves
        places = sorted(shuffler.sample(range(100), len(said)))
        rest = [n for n in range(100) if n not in places]
        lines = [
            Line(rest[place], Span(p[0], *at), Span(p[1], at[0] + to, at[1] + to))
            for place, (p, at, to) in zip(order, found, strict=True)
        ]
        shuffler.shuffle(lines)
        words = [
            Decision(
                place,
                kind,
                Span(p[0], *(there if kind == "merge" else at)),
                Span(p[1], *(there if at[0] != -EVER else at if kind != "merge" else there)),
            )
            for place, (p, kind, at, there) in zip(places, said, strict=True)
        ]
        shuffler.shuffle(words)
        return recordings(lines, words)

    first = arrived(list(range(len(found))))
    order = list(range(len(found)))
    shuffler.shuffle(order)
    assert arrived(order) == first


@settings(deadline=None)
@given(st.lists(machine, max_size=6), st.lists(person, max_size=5))
def test_a_split_of_everything_leaves_nothing_of_a_pair(found: list, said: list) -> None:
    lines = [
        Line(n, Span(p[0], *at), Span(p[1], at[0] + to, at[1] + to))
        for n, (p, at, to) in enumerate(found)
    ]
    words = [Decision(n, k, Span(p[0], *t), Span(p[1], *t)) for n, (p, k, _, t) in enumerate(said)]
    last = Decision(99, "split", Span(B, -EVER, EVER), Span(A, -EVER, EVER))
    assert not [e for e in edges(lines, [*words, last]) if {e.a.object, e.b.object} == {A, B}]
