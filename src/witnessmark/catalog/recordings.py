"""Recordings: the sets of object segments that links join, as rows of `recording_members`.

Two segments of one object belong together when they share at least half of the shorter one. The
grouping is the transitive closure of that and of what stands of the links (`decisions`), so the
order of arrival never changes which segments stand together.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import sqlalchemy as sa

from witnessmark.catalog.decisions import Decision, Edge, Line, Span, edges
from witnessmark.catalog.tables import Tables
from witnessmark.model.link import SAME_FOOTAGE


def together(one: Span, other: Span) -> bool:
    """Whether two spans of one object are the same stretch of footage."""
    shared = min(one.end, other.end) - max(one.start, other.start)
    shorter = min(one.end - one.start, other.end - other.start)
    return one.object == other.object and shared >= 0 and 2 * shared >= shorter


class _Groups:
    """Union-find over numbers."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}

    def find(self, item: int) -> int:
        root = self._parent.setdefault(item, item)
        while root != self._parent[root]:
            root = self._parent[root]
        while item != root:
            self._parent[item], item = root, self._parent[item]
        return root

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.find(one), self.find(other)))
        self._parent[high] = low


@dataclasses.dataclass(slots=True)
class Shown:
    """A stretch that shows a recording.

    Attributes:
        takes: numbers of the takes that people confirmed it to be of.
    """

    span: Span
    takes: set[int]

    @property
    def take(self) -> int | None:
        """With the same number, members are one camera's take; None: nobody said so of one."""
        return min(self.takes) if len(self.takes) == 1 else None


def group(edges: Iterable[Edge]) -> dict[int, list[Shown]]:
    """Recordings of what stands of all links.

    Returns:
        recording (the lowest number of its edges) to the stretches that show it, overlapping
        ones united.
    """
    edges = sorted(edges)
    groups, takes, ends = _Groups(), _Groups(), defaultdict(list)
    for number, edge in enumerate(edges):
        groups.join(2 * number, 2 * number + 1)
        if edge.confirmed:
            takes.join(2 * number, 2 * number + 1)
        ends[edge.a.object].append((edge.a, 2 * number))
        ends[edge.b.object].append((edge.b, 2 * number + 1))
    for rows in ends.values():
        rows.sort()
        for end, other in _neighbours(rows):
            groups.join(end, other)
            if edges[end // 2].confirmed and edges[other // 2].confirmed:
                takes.join(end, other)
    found: dict[int, list[Shown]] = defaultdict(list)
    for _, rows in sorted(ends.items()):
        for span, end in rows:
            confirmed = (
                {_number(edges[takes.find(end) // 2])} if edges[end // 2].confirmed else set()
            )
            _unite(found[_number(edges[groups.find(end) // 2])], Shown(span, confirmed))
    return found


def _neighbours(rows: Sequence[tuple[Span, int]]) -> Iterator[tuple[int, int]]:
    """Pairs of ends, sorted by their spans, that are the same stretch of one object."""
    for position, (span, end) in enumerate(rows):
        for later, other in rows[position + 1 :]:
            if later.start > span.end:
                break
            if together(span, later):
                yield end, other


def _number(edge: Edge) -> int:
    """A piece's own number: that of its segment, and which piece of it."""
    return edge.key[0] << 16 | edge.key[1]


def _unite(members: list[Shown], new: Shown) -> None:
    """Adds a stretch, which starts no earlier than those of its object already there."""
    last = members[-1] if members else None
    if last and last.span.object == new.span.object and new.span.start <= last.span.end:
        last.span = last.span._replace(end=max(last.span.end, new.span.end))
        last.takes |= new.takes
    else:
        members.append(new)


def regroup(connection: sa.Connection, tables: Tables, objects: set[int]) -> None:
    """Computes the recordings of all objects that links connect with `objects`, anew."""
    lines, decisions, reached = _component(connection, tables, objects)
    members = tables.members
    for start in range(0, len(reached), 500):
        part = reached[start : start + 500]
        connection.execute(sa.delete(members).where(members.c.object.in_(part)))
    fresh = [
        {"recording": recording, "take": each.take, **each.span._asdict()}
        for recording, shown in sorted(group(edges(lines, decisions)).items())
        for each in shown
    ]
    if fresh:
        connection.execute(sa.insert(members), fresh)


def _component(
    connection: sa.Connection, tables: Tables, objects: set[int]
) -> tuple[list[Line], list[Decision], list[int]]:
    """Lines and decisions among all objects that either connects with `objects`."""
    links, segments, said = tables.links, tables.segments, tables.decisions
    ends = ("a_start", "a_end", "b_start", "b_end")
    found = (
        sa.select(segments.c.id, links.c.a, links.c.b, *(segments.c[end] for end in ends))
        .join(segments, segments.c.link == links.c.id)
        .where(links.c.relation == SAME_FOOTAGE)
    )
    decided = sa.select(said.c.id, said.c.a, said.c.b, *(said.c[end] for end in ends))
    decided = decided.add_columns(said.c.decision)
    lines, decisions = set[Line](), set[Decision]()
    reached, waiting = set(objects), sorted(objects)
    while waiting:
        part, waiting = waiting[:400], waiting[400:]
        for query, a, b in ((found, links.c.a, links.c.b), (decided, said.c.a, said.c.b)):
            for side in (a, b):
                for row in connection.execute(query.where(side.in_(part))):
                    key, one, other, a0, a1, b0, b1, *kind = row
                    spans = Span(one, a0, a1), Span(other, b0, b1)
                    if kind:
                        decisions.add(Decision(key, kind[0], *spans))
                    else:
                        lines.add(Line(key, *spans))
                    fresh = {one, other} - reached
                    reached |= fresh
                    waiting += sorted(fresh)
    return sorted(lines), sorted(decisions), sorted(reached)
