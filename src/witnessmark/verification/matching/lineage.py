"""Which copy that we hold is dated earliest, by those who do not profit from the date.

A time says "this copy existed by then", nothing more: no date shows that another copy is younger.
Only dates of independent grade order copies (seen live by us, captured by another, stamped from
outside). What a handed-over file states is a claim: a donated export is a text file that its donor
can edit. A post's own date says nothing of media that an edit put in later (`bounds_media`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from witnessmark.model import DatedBy
from witnessmark.model.statement import Instant, Token

#: Grades that order copies, strongest last; `stated` is not among them.
ORDERING = ("observed", "captured", "anchored")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One object that shows the footage.

    Attributes:
        name: SHA-256.
        dates: from all its sightings.
        held_since: when its bytes came here, by our own clock.
        seen_live: when we first took it from where it was public, and not from somebody's hands;
            "" if never.
        reference: whether it is only in reference collections: its dates are claims.
        width, height: pixels, None when not known.
        shown: milliseconds of the footage that it shows.
    """

    name: str
    dates: tuple[DatedBy, ...] = ()
    held_since: str = ""
    seen_live: str = ""
    reference: bool = False
    width: int | None = None
    height: int | None = None
    shown: int = 0

    @property
    def independent(self) -> list[DatedBy]:
        """Dates that order it, earliest first."""
        good = [d for d in self.dates if _orders(d) and not self.reference]
        if moment(self.seen_live):
            seen, by = Token("seen"), Token("observed")
            good.append(DatedBy(what=seen, at=Instant(self.seen_live), grade=by, bounds_media=True))
        return sorted(good, key=lambda d: (_time(d), ORDERING.index(d.grade)))

    @property
    def claims(self) -> list[DatedBy]:
        """Dates that order nothing, earliest first."""
        return sorted((d for d in self.dates if self.reference or not _orders(d)), key=_as_text)


def _orders(date: DatedBy) -> bool:
    return date.bounds_media and date.grade in ORDERING and moment(date.at) is not None


def _as_text(date: DatedBy) -> tuple[str, str, str]:
    return date.at, date.what, date.grade


def moment(instant: str) -> datetime | None:
    """An instant of the record as a time; None when no calendar has it."""
    try:
        found = datetime.fromisoformat(instant)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Earliest:
    """The earliest copy we hold, or why that cannot be said.

    Attributes:
        copy: its name; None: undetermined.
        date: what orders it.
        why: when undetermined: `no_independent_date`, `same_time`, or `held_before`: a copy that
            was handed over lay here before the dated ones were seen, and nobody independent says
            when it appeared.
        rivals: names of the copies that leave it open.
        undated: names of copies without a date of independent grade; they may be older.
        claims: (name, date) of all that files and donors state; they ordered nothing.
    """

    copy: str | None
    date: DatedBy | None = None
    why: str = ""
    rivals: tuple[str, ...] = ()
    undated: tuple[str, ...] = ()
    claims: tuple[tuple[str, DatedBy], ...] = ()


def earliest(copies: Iterable[Copy]) -> Earliest:
    """Orders copies of one recording; the order in which they are given does not matter."""
    copies = sorted(copies, key=lambda copy: copy.name)
    dated = [(dates[0], copy) for copy in copies if (dates := copy.independent)]
    undated = tuple(copy.name for copy in copies if not copy.independent)
    claims = tuple((copy.name, date) for copy in copies for date in copy.claims)
    if not dated:
        return Earliest(copy=None, why="no_independent_date", undated=undated, claims=claims)
    first = min(_time(date) for date, _ in dated)
    best = [(date, copy) for date, copy in dated if _time(date) == first]
    if len(best) > 1:
        rivals = tuple(copy.name for _, copy in best)
        return Earliest(copy=None, why="same_time", rivals=rivals, undated=undated, claims=claims)
    before = tuple(
        copy.name
        for copy in copies
        if copy is not best[0][1] and (held := moment(copy.held_since)) and held < first
    )
    if before:
        return Earliest(copy=None, why="held_before", rivals=before, undated=undated, claims=claims)
    date, copy = best[0]
    return Earliest(copy=copy.name, date=date, undated=undated, claims=claims)


def _time(date: DatedBy) -> datetime:
    found = moment(date.at)
    assert found is not None
    return found


def longest(copies: Sequence[Copy]) -> tuple[str, ...]:
    """Names of the copies that show most of the footage, to a tenth of a second."""
    most = max((copy.shown for copy in copies), default=0)
    return tuple(sorted(copy.name for copy in copies if copy.shown >= most - 100))


def sharpest(copies: Sequence[Copy]) -> tuple[str, ...]:
    """Names of the copies with most pixels; none when no size is known."""
    sizes = {c.name: c.width * c.height for c in copies if c.width and c.height}
    most = max(sizes.values(), default=0)
    return tuple(sorted(name for name, size in sizes.items() if size == most))
