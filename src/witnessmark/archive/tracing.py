"""Of one recording: which copy is dated earliest, which is best, which derives from which."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from witnessmark.archive import collecting, custodying, linking, matching, roles
from witnessmark.archive.archive import Archive
from witnessmark.errors import NotFound
from witnessmark.model import FindingRecorded, LinkSegment
from witnessmark.model.link import SAME_FOOTAGE
from witnessmark.ports import LinkRow, Member, ObjectRow
from witnessmark.verification.matching import Fingerprint
from witnessmark.verification.matching.descent import Descent, Tree, Version, estimate, tree
from witnessmark.verification.matching.lineage import Copy, Earliest, earliest, longest, sharpest

#: Copies of one recording between which descent is estimated: pairs grow with the square.
MOST_COPIES = 60


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """What can be said of one recording's copies.

    Attributes:
        members: the stretches that show it.
        one_take: whether people confirmed that it is one camera's.
        longest, sharpest: names of the copies that show most of it, and with most pixels.
        descent: which derives from which, an estimate; None when it was not asked for.
        not_compared: names of copies without a fingerprint at hand, or beyond `MOST_COPIES`.
    """

    members: tuple[Member, ...]
    one_take: bool
    earliest: Earliest
    longest: tuple[str, ...]
    sharpest: tuple[str, ...]
    descent: Tree | None
    not_compared: tuple[str, ...] = ()


def trace(archive: Archive, name: str, *, descent: bool = True) -> list[Traced]:
    """What can be said of every recording that an object shows, in order of its time.

    Raises:
        NotFound: no such object, or no other copy of what it shows is known.
    """
    row = archive.queries.object(name)
    of = [
        members
        for members in archive.queries.recordings().values()
        if any(member.sha256 == row.sha256 for member in members)
    ]
    if not of:
        raise NotFound(
            f"No other copy of what {row.sha256[:12]} shows is known here.",
            todo="'witnessmark match' looks for copies; then 'witnessmark show' lists them.",
        )
    of.sort(key=lambda members: min(m.start for m in members if m.sha256 == row.sha256))
    return [trace_members(archive, members, descent=descent) for members in of]


def trace_members(archive: Archive, members: Sequence[Member], *, descent: bool = True) -> Traced:
    """What can be said of one recording."""
    found = copies(archive, members)
    arrows, left = _descent(archive, members) if descent else (None, ())
    return Traced(
        members=tuple(members),
        one_take=linking.is_take(members),
        earliest=earliest(found),
        longest=longest(found),
        sharpest=sharpest(found),
        descent=arrows,
        not_compared=left,
    )


def copies(archive: Archive, members: Iterable[Member]) -> list[Copy]:
    """The objects of a recording with their dates and sizes."""
    known, references, made = collecting.collectors(), archive.queries.references(), []
    shown: dict[str, int] = {}
    for member in members:
        shown[member.sha256] = shown.get(member.sha256, 0) + member.end - member.start
    for name, length in shown.items():
        sightings = archive.queries.sightings(name)
        live = [row.entry for row in sightings if row.source in known and known[row.source].live]
        since = archive.queries.object(name).entry
        size = _pixels(archive, name)
        made.append(
            Copy(
                name=name,
                dates=tuple(date for row in sightings for date in row.dates),
                held_since=archive.journal.entry(since).entry.at,
                seen_live=archive.journal.entry(live[0]).entry.at if live else "",
                reference=name in references,
                width=size[0],
                height=size[1],
                shown=length,
            )
        )
    return made


def _pixels(archive: Archive, name: str) -> tuple[int | None, int | None]:
    """Width and height of the first picture stream, from the newest finding that says them."""
    for index in reversed(archive.queries.findings(name)):
        said = archive.journal.entry(index).said
        if isinstance(said, FindingRecorded) and said.check == "metadata":
            for number in range(8):
                stated = [said.values.get(f"stream{number}.{side}") for side in ("width", "height")]
                if all(text and text.isdecimal() and len(text) < 9 for text in stated):
                    return int(stated[0] or 0), int(stated[1] or 0)
    return None, None


# --- descent -------------------------------------------------------------------------------------


def _descent(archive: Archive, members: Sequence[Member]) -> tuple[Tree, tuple[str, ...]]:
    names = sorted({member.sha256 for member in members})
    versions, missing = {}, names[MOST_COPIES:]
    for name in names[:MOST_COPIES]:
        found = _version(archive, archive.queries.object(name))
        if found is None:
            missing.append(name)
        else:
            versions[name] = found
    links = _links(archive, versions)
    estimates: list[Descent] = []
    for a, b in itertools.combinations(sorted(versions), 2):
        segments = _segments(links.get((a, b)), members)
        if segments:
            estimates.append(estimate(versions[a], versions[b], segments))
    return tree(estimates), tuple(missing)


def _version(archive: Archive, row: ObjectRow) -> Version | None:
    found: Fingerprint | None = matching.held_fingerprint(archive, row.sha256)
    if found is None:
        return None
    width, height = _pixels(archive, row.sha256)
    return Version(name=row.sha256, print=found, width=width, height=height, bytes=row.size)


def _links(archive: Archive, versions: Iterable[str]) -> dict[tuple[str, str], LinkRow]:
    """The newest link of each pair that stands, of the same footage."""
    found: dict[tuple[str, str], LinkRow] = {}
    for name in versions:
        for each in linking.standings(archive, name):
            if each.link and each.relation == SAME_FOOTAGE and each.state != linking.GONE:
                found[each.a, each.b] = each.link
    return found


def _segments(link: LinkRow | None, members: Sequence[Member]) -> list[LinkSegment]:
    """Those of a link that belong to this recording."""
    return [
        each
        for each in (link.segments if link else ())
        if link and _within(link.a, each.a_start, each.a_end, members)
        and _within(link.b, each.b_start, each.b_end, members)
    ]  # fmt: skip


def _within(name: str, start: int, end: int, members: Sequence[Member]) -> bool:
    return any(m.sha256 == name and m.start <= start and end <= m.end for m in members)


# --- who was first -------------------------------------------------------------------------------


def may_see_uploader(archive: Archive) -> None:
    """Raises `Locked` or `Refused` unless the person at work may see who published first."""
    roles.require(archive, roles.FIRST_UPLOADER)


def first_uploader(archive: Archive, found: Earliest) -> list[dict[str, Any]]:
    """Where the earliest copy was seen, and who published it there: only for those who may know.

    Returns:
        for each sighting of that copy its entry, source, party and protected values.

    Raises:
        Locked, Refused: see `roles.require`; asked before anything else.
    """
    may_see_uploader(archive)
    if found.copy is None:
        return []
    return [
        {
            "entry": row.entry,
            "source": row.source,
            "party": row.party,
            **custodying.opened(archive, archive.journal.entry(row.entry)),
        }
        for row in archive.queries.sightings(found.copy)
    ]
