"""Recordings: the sets of object segments that links join, as rows of `recording_members`.

Two segments of one object belong together when they share at least half of the shorter one. The
grouping is the transitive closure of that and of the links, so the order of arrival never
changes which segments stand together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa

from witnessmark.catalog.tables import Tables


class Span(NamedTuple):
    """Milliseconds of one object, as one end of a link segment."""

    object: int
    start: int
    end: int


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


def group(pairs: Iterable[tuple[int, Span, Span]]) -> dict[int, list[Span]]:
    """Recordings of a set of link segments.

    Args:
        pairs: (segment id, span of `a`, span of `b`).

    Returns:
        recording (its lowest segment id) to the spans that show it, overlapping ones united.
    """
    pairs = sorted(pairs)
    groups, ends = _Groups(), defaultdict(list)
    for number, (_, a, b) in enumerate(pairs):
        groups.join(2 * number, 2 * number + 1)
        ends[a.object].append((a, 2 * number))
        ends[b.object].append((b, 2 * number + 1))
    for rows in ends.values():
        rows.sort()
        for position, (span, end) in enumerate(rows):
            for later, other in rows[position + 1 :]:
                if later.start > span.end:
                    break
                if together(span, later):
                    groups.join(end, other)
    found: dict[int, list[Span]] = defaultdict(list)
    for _, rows in sorted(ends.items()):
        for span, end in rows:
            _unite(found[pairs[groups.find(end) // 2][0]], span)
    return found


def _unite(spans: list[Span], span: Span) -> None:
    """Adds `span`, which starts no earlier than those of its object already there."""
    if spans and spans[-1].object == span.object and span.start <= spans[-1].end:
        spans[-1] = spans[-1]._replace(end=max(spans[-1].end, span.end))
    else:
        spans.append(span)


def regroup(connection: sa.Connection, tables: Tables, objects: set[int]) -> None:
    """Computes the recordings of all objects that links connect with `objects`, anew."""
    rows, reached = _component(connection, tables, objects)
    members = tables.members
    for start in range(0, len(reached), 500):
        part = reached[start : start + 500]
        connection.execute(sa.delete(members).where(members.c.object.in_(part)))
    found = group((key, Span(a, a0, a1), Span(b, b0, b1)) for key, a, b, a0, a1, b0, b1 in rows)
    fresh = [
        {"recording": recording, **span._asdict()}
        for recording, spans in sorted(found.items())
        for span in spans
    ]
    if fresh:
        connection.execute(sa.insert(members), fresh)


def _component(
    connection: sa.Connection, tables: Tables, objects: set[int]
) -> tuple[set[tuple[int, int, int, int, int, int, int]], list[int]]:
    links, segments = tables.links, tables.segments
    query = (
        sa.select(
            segments.c.id,
            links.c.a,
            links.c.b,
            segments.c.a_start,
            segments.c.a_end,
            segments.c.b_start,
            segments.c.b_end,
        )
        .join(segments, segments.c.link == links.c.id)
        .where(links.c.relation == "same_footage")
    )
    rows: set[tuple[int, int, int, int, int, int, int]] = set()
    reached, waiting = set(objects), sorted(objects)
    while waiting:
        part, waiting = waiting[:400], waiting[400:]
        for side in (links.c.a, links.c.b):
            for row in connection.execute(query.where(side.in_(part))):
                rows.add(tuple(row))
                fresh = {row.a, row.b} - reached
                reached |= fresh
                waiting += sorted(fresh)
    return rows, sorted(reached)
