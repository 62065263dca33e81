"""From entries to rows: the only writer of the catalog, in the journal's own transaction.

The same entries in the same order give the same rows, whether they come one by one as they are
appended or all at once in a rebuild. The rows of each type of statement are written by `collected`,
`linked` and `acts`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import sqlalchemy as sa

from witnessmark.catalog import acts, collected, linked
from witnessmark.catalog.tables import Tables
from witnessmark.catalog.writing import Said, Writers
from witnessmark.errors import Refused
from witnessmark.model import (
    FindingRecorded,
    LinkFound,
    ObjectDisposed,
    ObjectStored,
    Recorded,
    ReferenceMatched,
    SightingRecorded,
    Statement,
    ValueDisclosed,
    ValueErased,
)

_MANY = (ObjectStored, SightingRecorded, FindingRecorded, LinkFound, ReferenceMatched)
#: In this order, whatever comes first in an append: later ones speak of rows of earlier ones.
_WRITERS: Writers = {**collected.WRITERS, **linked.WRITERS, **acts.WRITERS}


class Projection:
    """Callable that the journal runs inside its transaction (`ports.Project`)."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables

    def __call__(self, connection: sa.Connection, taken: Sequence[Recorded]) -> None:
        """Writes the rows of `taken`.

        Raises:
            BadRecord: an entry speaks of an object or run that the record does not hold.
        """
        groups: dict[type[Statement], list[Said]] = defaultdict(list)
        for recorded in taken:
            if recorded.said is not None:
                groups[type(recorded.said)].append((recorded, recorded.said))
        for kind, write in _WRITERS.items():
            if said := groups.get(kind):
                write(connection, self.tables, said)
        others = [
            {"id": each.index, "type": each.entry.type}
            for each in taken
            if not isinstance(each.said, _MANY)
        ]
        if others:
            connection.execute(sa.insert(self.tables.acts), others)
        acts.lift(connection, self.tables, taken)
        self._advance(connection, taken[-1].index + 1)

    def _advance(self, connection: sa.Connection, size: int) -> None:
        table = self.tables.projected
        if not connection.execute(sa.update(table).values(size=size)).rowcount:
            connection.execute(sa.insert(table), {"id": 1, "size": size})


class GuardedProjection(Projection):
    """For what is being said now: refuses the word of a person whose key is not in force.

    Between unlocking and saying, another process may have rotated or revoked that key, or the
    second person's, or the last other one.
    """

    def __call__(self, connection: sa.Connection, taken: Sequence[Recorded]) -> None:
        """See `Projection`. Raises `Refused` too."""
        signers = {each.entry.by for each in taken if each.entry.signature and each.index}
        signers |= {
            each.said.second
            for each in taken
            if isinstance(each.said, ValueDisclosed | ValueErased | ObjectDisposed)
        } - {"alone"}
        if signers - self._in_force(connection):
            raise Refused(
                "A key that signs this is not in force: it was replaced or revoked.",
                kept="Nothing was added.",
                todo="'witnessmark keys list' says which keys are in force.",
                code="author",
            )
        super().__call__(connection, taken)
        if signers and not self._in_force(connection):
            raise Refused(
                "This would end the last person's key: nobody could sign anything any more.",
                kept="Nothing was added.",
                todo="First another person joins ('witnessmark keys --add-person').",
                code="last_person",
            )

    def _in_force(self, connection: sa.Connection) -> set[str]:
        people = self.tables.people
        return set(connection.scalars(sa.select(people.c.key).where(people.c.state == "active")))
