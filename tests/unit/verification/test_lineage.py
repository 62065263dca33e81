"""The earliest copy we hold: only dates of independent grade order; forgeries never win."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from witnessmark.model import DatedBy
from witnessmark.model.statement import Instant, Token
from witnessmark.verification.matching.lineage import Copy, earliest, longest, moment, sharpest


def at(day: int) -> str:
    return f"2026-03-{day:02}T12:00:00Z"


def dated(when: str, grade: str = "observed", what: str = "posted", bounds: bool = True) -> DatedBy:
    return DatedBy(what=Token(what), at=Instant(when), grade=Token(grade), bounds_media=bounds)


def copy(name: str, *dates: DatedBy, held: int = 20, live: int = 0) -> Copy:
    return Copy(name=name, dates=dates, held_since=at(held), seen_live=at(live) if live else "")


#: A post that somebody saw live, captured on the fifth and taken in on the twentieth.
REAL = copy("real", dated(at(5), "captured"), live=20)


def test_the_first_of_independent_dates_is_the_earliest() -> None:
    later = copy("later", dated(at(6)), live=21)
    found = earliest([later, REAL])
    assert (found.copy, found.why) == ("real", "")
    assert found.date is not None
    assert (found.date.at, found.date.grade) == (at(5), "captured")


@pytest.mark.parametrize("grade", ["observed", "captured", "anchored"])
def test_each_independent_grade_orders(grade: str) -> None:
    assert earliest([REAL, copy("x", dated(at(4), grade))]).copy == "x"


@pytest.mark.parametrize("grade", ["stated", "", "certain"])
def test_a_forged_backdated_export_never_becomes_earliest(grade: str) -> None:
    """A donor wrote a date from before the event into the text file that came with the video."""
    forged = copy("forged", dated("2019-01-01T00:00:00Z", grade), held=25)
    found = earliest([forged, REAL])
    assert found.copy == "real"
    assert found.undated == ("forged",)
    assert [(name, date.at) for name, date in found.claims] == [("forged", "2019-01-01T00:00:00Z")]


def test_nor_does_one_that_was_handed_in_before_anybody_looked() -> None:
    """It lay here first, and that says nothing of who published first: so nothing is said."""
    forged = copy("forged", dated("2019-01-01T00:00:00Z", "stated"), held=2)
    seen = copy("seen", live=9, held=9)
    found = earliest([forged, seen])
    assert (found.copy, found.why, found.rivals) == (None, "held_before", ("forged",))
    assert earliest([forged]).copy is None
    thousand = [copy(f"forged {n}", dated(at(1), "stated"), held=22) for n in range(1000)]
    assert earliest([*thousand, REAL]).copy == "real"


def test_nor_does_an_edited_post_with_swapped_media() -> None:
    """The post is old and was seen live; its video came with an edit."""
    posted = dated("2020-01-01T00:00:00Z", "observed", bounds=False)
    swapped = copy("swapped", posted, dated(at(8), "observed", "edited"), live=21)
    found = earliest([swapped, REAL])
    assert found.copy == "real"
    assert ("swapped", posted) in found.claims
    assert earliest([swapped]).date == dated(at(8), "observed", "edited")


def test_nor_does_a_reference() -> None:
    film = Copy(name="film", dates=(dated(at(1), "captured"),), held_since=at(22), reference=True)
    found = earliest([film, REAL])
    assert found.copy == "real"
    assert [name for name, _ in found.claims] == ["film"]


def test_the_same_moment_is_undetermined() -> None:
    other = copy("other", dated("2026-03-05T12:00:00.000Z"))
    found = earliest([REAL, other])
    assert (found.copy, found.why, found.rivals) == (None, "same_time", ("other", "real"))


def test_without_independent_dates_nothing_is_earliest() -> None:
    found = earliest([copy("a", dated(at(1), "stated")), copy("b")])
    assert (found.copy, found.why) == (None, "no_independent_date")
    assert earliest([]).copy is None


def test_dates_of_no_calendar_are_claims() -> None:
    wrong = dated("2026-99-99T99:99:99Z", "captured")
    assert moment(wrong.at) is None
    assert earliest([copy("a", wrong), REAL]).copy == "real"


dates = st.builds(
    lambda day, grade, bounds: dated(at(day), grade, bounds=bounds),
    st.integers(1, 28),
    st.sampled_from(["stated", "observed", "captured", "anchored"]),
    st.booleans(),
)
some = st.lists(
    st.tuples(st.lists(dates, max_size=3), st.integers(1, 28), st.integers(0, 28)), max_size=6
)


@settings(deadline=None)
@given(some, st.randoms())
def test_the_order_of_copies_changes_nothing(drawn: list, shuffler: random.Random) -> None:
    made = [copy(f"c{n}", *d, held=h, live=v) for n, (d, h, v) in enumerate(drawn)]
    shuffled = list(made)
    shuffler.shuffle(shuffled)
    assert earliest(made) == earliest(shuffled)


@settings(deadline=None)
@given(some, st.lists(st.integers(1, 28), min_size=1, max_size=20))
def test_stated_dates_change_nothing_but_the_claims(drawn: list, days: list[int]) -> None:
    made = [copy(f"c{n}", *d, held=h, live=v) for n, (d, h, v) in enumerate(drawn)]
    more = [
        Copy(
            name=each.name,
            dates=(*each.dates, *(dated(at(day), "stated") for day in days)),
            held_since=each.held_since,
            seen_live=each.seen_live,
        )
        for each in made
    ]
    one, other = earliest(made), earliest(more)
    assert (one.copy, one.date, one.why, one.rivals) == (
        other.copy, other.date, other.why, other.rivals,
    )  # fmt: skip


def test_longest_and_sharpest() -> None:
    a = Copy(name="a", width=640, height=360, shown=9_950)
    b = Copy(name="b", width=1280, height=720, shown=4_000)
    c = Copy(name="c", shown=10_000)
    assert longest([a, b, c]) == ("a", "c")
    assert sharpest([a, b, c]) == ("b",)
    assert sharpest([c]) == ()
    assert longest([]) == ()
