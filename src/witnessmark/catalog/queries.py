"""The `Queries` port over the catalog's tables."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy as sa

from witnessmark.catalog.decisions import EVER
from witnessmark.catalog.tables import Tables, short
from witnessmark.catalog.writing import object_ids
from witnessmark.errors import NotFound
from witnessmark.model import DatedBy, DecidedSpan, LinkSegment
from witnessmark.ports import (
    AnchorRow,
    CosignatureRow,
    DecisionRow,
    Gap,
    LinkRow,
    MaterialRow,
    Member,
    ObjectRow,
    ReferenceLinkRow,
    ReferenceRow,
    RunRow,
    Seen,
    SightingRow,
)

Read = Callable[[], AbstractContextManager[sa.Connection]]
_CHUNK = 500


class SqlQueries:
    """Reads through `read`, which opens a snapshot of the database."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._tables = Tables()

    def seen(self, places: Sequence[str]) -> dict[str, set[Seen]]:
        """See `Queries.seen`."""
        s, o = self._tables.sightings, self._tables.objects
        found: dict[str, set[Seen]] = {place: set() for place in places}
        query = sa.select(s.c.place, o.c.sha256, s.c.outcome, s.c.reason, s.c.content).outerjoin(
            o, o.c.id == s.c.object
        )
        with self._read() as connection:
            for start in range(0, len(places), _CHUNK):
                numbers = {short(place) for place in places[start : start + _CHUNK]}
                for place, sha256, outcome, reason, content in connection.execute(
                    query.where(s.c.place_short.in_(numbers))
                ):
                    if place.hex() in found:
                        name = sha256.hex() if sha256 is not None else None
                        found[place.hex()].add(Seen(name, outcome, reason, content.hex()))
        return found

    def counts(self) -> dict[str, int]:
        """See `Queries.counts`."""
        t = self._tables
        parts = {
            "objects": sa.func.count(t.objects.c.id).filter(t.objects.c.derived_from.is_(None)),
            "derivatives": sa.func.count(t.objects.c.derived_from),
            "bytes": sa.func.coalesce(sa.func.sum(t.objects.c.size), 0),
            "sightings": sa.func.count(t.sightings.c.id),
            "runs": sa.func.count(t.runs.c.id),
            "findings": sa.func.count(t.findings.c.id),
            "links": sa.func.count(t.links.c.id),
            "recordings": sa.func.count(t.members.c.recording.distinct()),
        }
        with self._read() as connection:
            found = {name: connection.scalar(sa.select(each)) or 0 for name, each in parts.items()}
        references = len(self.references())
        return {**found, "objects": found["objects"] - references, "references": references}

    def references(self) -> dict[str, str]:
        """See `Queries.references`."""
        s, r, o = self._tables.sightings, self._tables.runs, self._tables.objects
        own = sa.select(s.c.object).join(r, r.c.id == s.c.run)
        own = own.where(r.c.reference.is_(None), s.c.object.is_not(None))
        query = (
            sa.select(o.c.sha256, sa.func.min(r.c.reference))
            .join(s, s.c.object == o.c.id)
            .join(r, r.c.id == s.c.run)
            .where(o.c.derived_from.is_(None), r.c.reference.is_not(None), o.c.id.not_in(own))
            .group_by(o.c.id)
        )
        with self._read() as connection:
            return {sha256.hex(): name for sha256, name in connection.execute(query)}

    def reference_claims(self) -> list[ReferenceRow]:
        """See `Queries.reference_claims`."""
        c = self._tables.references
        query = sa.select(c.c.id, c.c.collection, c.c.name, c.c.version, c.c.duration)
        query = query.add_columns(c.c.claimed_date).order_by(c.c.id)
        with self._read() as connection:
            return [
                ReferenceRow(key, collection, name.hex(), *rest)
                for key, collection, name, *rest in connection.execute(query)
            ]

    def reference_links(self, sha256: str | None = None) -> list[ReferenceLinkRow]:
        """See `Queries.reference_links`."""
        n, o = self._tables.reference_links, self._tables.objects
        query = (
            sa.select(n.c.id, o.c.sha256, n.c.reference, n.c.relation, n.c.score, n.c.matcher)
            .join(o, o.c.id == n.c.object)
            .order_by(n.c.id)
        )
        if sha256 is not None:
            query = query.where(n.c.object == self.object(sha256).entry)
        with self._read() as connection:
            return [
                ReferenceLinkRow(key, name.hex(), reference.hex(), *rest)
                for key, name, reference, *rest in connection.execute(query)
            ]

    def objects(self, kinds: Sequence[str] = ()) -> list[ObjectRow]:
        """See `Queries.objects`."""
        query = self._originals()
        if kinds:
            query = query.where(self._tables.objects.c.kind.in_(kinds))
        return self._object_rows(query)

    def object(self, sha256: str) -> ObjectRow:
        """See `Queries.object`."""
        name = sha256.removeprefix("sha256:").lower()
        if not re.fullmatch(r"[0-9a-f]{4,64}", name):
            raise NotFound(f"{sha256[:80]!r} is not (the start of) the SHA-256 of an object.")
        low, high = short(name.ljust(64, "0")), short(name.ljust(64, "f"))
        rows = self._object_rows(
            self._objects().where(self._tables.objects.c.short.between(low, high))
        )
        rows = [row for row in rows if row.sha256.startswith(name)]
        if len(rows) != 1:
            count = "Several objects start" if rows else "No object starts"
            raise NotFound(f"{count} with {name}.", todo="'witnessmark show' lists them.")
        return rows[0]

    def held(self, names: Sequence[str]) -> set[str]:
        """See `Queries.held`."""
        with self._read() as connection:
            known = object_ids(connection, self._tables, names)
            keys, made = list(known.values()), set[int]()
            o = self._tables.objects
            copies = sa.select(o.c.id).where(o.c.derived_from.is_not(None))
            for start in range(0, len(keys), _CHUNK):
                part = o.c.id.in_(keys[start : start + _CHUNK])
                made.update(connection.scalars(copies.where(part)))
            return {name for name, key in known.items() if key not in made}

    def unexamined(self, check: str, version: str) -> list[ObjectRow]:
        """See `Queries.unexamined`."""
        o, f = self._tables.objects, self._tables.findings
        done = sa.select(f.c.object).where(f.c.check == check, f.c.version == version)
        gone = self._object_ids_of_disposed()
        return self._object_rows(self._originals().where(o.c.id.not_in(done), o.c.id.not_in(gone)))

    def _object_ids_of_disposed(self) -> sa.Select[Any]:
        o, d = self._tables.objects, self._tables.disposed
        same = (o.c.short == d.c.short) & (o.c.sha256 == d.c.sha256)
        return sa.select(o.c.id).join(d, same)

    def _objects(self) -> sa.Select[Any]:
        o = self._tables.objects
        return sa.select(o.c.id, o.c.sha256, o.c.size, o.c.kind).order_by(o.c.id)

    def _originals(self) -> sa.Select[Any]:
        return self._objects().where(self._tables.objects.c.derived_from.is_(None))

    def _object_rows(self, query: sa.Select[Any]) -> list[ObjectRow]:
        with self._read() as connection:
            rows = connection.execute(query).all()
        return [ObjectRow(key, sha256.hex(), size, kind) for key, sha256, size, kind in rows]

    def sightings(self, sha256: str | None = None) -> list[SightingRow]:
        """See `Queries.sightings`."""
        s, o, r = self._tables.sightings, self._tables.objects, self._tables.runs
        query = (
            sa.select(s, o.c.sha256, r.c.run.label("run_name"), r.c.source, r.c.party)
            .outerjoin(o, o.c.id == s.c.object)
            .join(r, r.c.id == s.c.run)
            .order_by(s.c.id)
        )
        if sha256 is not None:
            query = query.where(s.c.object == self.object(sha256).entry)
        with self._read() as connection:
            rows = connection.execute(query).all()
            dates = self._dates(connection, [row.id for row in rows])
        return [
            SightingRow(
                row.id,
                row.sha256.hex() if row.sha256 is not None else None,
                row.run_name,
                row.source,
                row.party,
                row.outcome,
                row.reason,
                tuple(dates[row.id]),
            )
            for row in rows
        ]

    def _dates(
        self, connection: sa.Connection, sightings: Sequence[int]
    ) -> defaultdict[int, list[DatedBy]]:
        d = self._tables.dates
        found: defaultdict[int, list[DatedBy]] = defaultdict(list)
        for start in range(0, len(sightings), _CHUNK):
            query = sa.select(d.c.sighting, d.c.what, d.c.at, d.c.grade, d.c.bounds_media)
            part = query.where(d.c.sighting.in_(sightings[start : start + _CHUNK]))
            for sighting, what, at, grade, bounds in connection.execute(part.order_by(d.c.id)):
                dated = DatedBy(what=what, at=at, grade=grade, bounds_media=bounds)
                found[sighting].append(dated)
        return found

    def findings(self, sha256: str) -> list[int]:
        """See `Queries.findings`."""
        f = self._tables.findings
        query = sa.select(f.c.id).where(f.c.object == self.object(sha256).entry).order_by(f.c.id)
        with self._read() as connection:
            return list(connection.scalars(query))

    def runs(self) -> list[RunRow]:
        """See `Queries.runs`."""
        r = self._tables.runs
        with self._read() as connection:
            rows = connection.execute(sa.select(r).order_by(r.c.id)).all()
        return [
            RunRow(
                row.id if row.entry is None else row.entry,
                row.run,
                row.source,
                row.party,
                row.started_at,
                json.loads(row.tally) if row.tally else None,
                row.reference,
            )
            for row in rows
        ]

    def links(self, sha256: str | None = None) -> list[LinkRow]:
        """See `Queries.links`."""
        n, s = self._tables.links, self._tables.segments
        a, b = self._tables.objects.alias("a"), self._tables.objects.alias("b")
        query = (
            sa.select(n.c.id, a.c.sha256, b.c.sha256, n.c.relation, n.c.score, n.c.matcher)
            .join(a, a.c.id == n.c.a)
            .join(b, b.c.id == n.c.b)
            .order_by(n.c.id)
        )
        if sha256 is not None:
            key = self.object(sha256).entry
            query = query.where((n.c.a == key) | (n.c.b == key))
        segments: defaultdict[int, list[LinkSegment]] = defaultdict(list)
        with self._read() as connection:
            rows = connection.execute(query).all()
            for start in range(0, len(rows), _CHUNK):
                keys = [row[0] for row in rows[start : start + _CHUNK]]
                part = sa.select(s).where(s.c.link.in_(keys)).order_by(s.c.id)
                for each in connection.execute(part).mappings():
                    members = {k: v for k, v in each.items() if k not in ("id", "link")}
                    segments[each["link"]].append(LinkSegment(**members))
        return [
            LinkRow(key, one.hex(), other.hex(), relation, score, tuple(segments[key]), matcher)
            for key, one, other, relation, score, matcher in rows
        ]

    def decisions(self, sha256: str | None = None) -> list[DecisionRow]:
        """See `Queries.decisions`."""
        d = self._tables.decisions
        a, b = self._tables.objects.alias("a"), self._tables.objects.alias("b")
        query = (
            sa.select(d, a.c.sha256.label("one"), b.c.sha256.label("other"))
            .join(a, a.c.id == d.c.a)
            .join(b, b.c.id == d.c.b)
            .order_by(d.c.id)
        )
        if sha256 is not None:
            key = self.object(sha256).entry
            query = query.where((d.c.a == key) | (d.c.b == key))
        with self._read() as connection:
            rows = connection.execute(query).all()
        return [
            DecisionRow(row.id, row.entry, row.one.hex(), row.other.hex(), row.decision, _span(row))
            for row in rows
        ]

    def recordings(self) -> dict[int, list[Member]]:
        """See `Queries.recordings`."""
        m, o = self._tables.members, self._tables.objects
        query = (
            sa.select(m.c.recording, o.c.sha256, m.c.start, m.c.end, m.c.take)
            .join(o, o.c.id == m.c.object)
            .order_by(m.c.recording, m.c.object, m.c.start)
        )
        found: dict[int, list[Member]] = {}
        with self._read() as connection:
            for recording, sha256, *rest in connection.execute(query):
                found.setdefault(recording, []).append(Member(sha256.hex(), *rest))
        return found

    def acts(self, *types: str) -> list[int]:
        """See `Queries.acts`."""
        a = self._tables.acts
        with self._read() as connection:
            return list(
                connection.scalars(sa.select(a.c.id).where(a.c.type.in_(types)).order_by(a.c.id))
            )

    def anchors(self) -> list[AnchorRow]:
        """See `Queries.anchors`."""
        a = self._tables.anchors
        with self._read() as connection:
            rows = connection.execute(sa.select(a).order_by(a.c.size, a.c.id)).all()
        found = [
            AnchorRow(
                entry=row.id,
                size=row.size,
                root=row.root.hex(),
                kind=row.kind,
                authority=row.authority,
                state=row.state,
                time=row.time,
                height=row.height,
                proof=row.proof.hex(),
                chain=row.chain.hex() if row.chain is not None else None,
                via=row.via,
                received_at=row.received_at,
            )
            for row in rows
        ]
        kept = {(each.size, each.kind, each.authority) for each in found if each.stands}
        return [r for r in found if r.stands or (r.size, r.kind, r.authority) not in kept]

    def erased(self, entry: int) -> set[str]:
        """See `Queries.erased`."""
        e = self._tables.erased
        with self._read() as connection:
            return set(connection.scalars(sa.select(e.c.field).where(e.c.entry == entry)))

    def risk(self, entry: int) -> str:
        """See `Queries.risk`."""
        r = self._tables.risks
        with self._read() as connection:
            decision: str | None = connection.scalar(sa.select(r.c.decision).where(r.c.id == entry))
        if decision is None:
            raise NotFound(f"Entry {entry} is not a risk record.")
        return decision

    def custody_gaps(self, sha256: str | None = None) -> list[Gap]:
        """See `Queries.custody_gaps`."""
        t, d = self._tables.transfers, self._tables.transferred
        query = (
            sa.select(t.c.id, t.c.at, sa.func.count(d.c.id))
            .outerjoin(d, d.c.transfer == t.c.id)
            .where(t.c.receipt.is_(None))
            .group_by(t.c.id)
            .order_by(t.c.id)
        )
        if sha256 is not None:
            key = self.object(sha256).entry
            query = query.where(t.c.id.in_(sa.select(d.c.transfer).where(d.c.object == key)))
        with self._read() as connection:
            return [Gap(*row) for row in connection.execute(query)]

    def disposed(self, names: Sequence[str] | None = None) -> dict[str, int]:
        """See `Queries.disposed`."""
        d = self._tables.disposed
        query = sa.select(d.c.sha256, d.c.by_entry).order_by(d.c.id)
        found: dict[str, int] = {}
        with self._read() as connection:
            if names is None:
                rows = connection.execute(query).all()
                return {sha256.hex(): entry for sha256, entry in rows}
            for start in range(0, len(names), _CHUNK):
                numbers = {short(name) for name in names[start : start + _CHUNK]}
                for sha256, entry in connection.execute(query.where(d.c.short.in_(numbers))):
                    found[sha256.hex()] = entry
        return {name: found[name] for name in names if name in found}

    def materials(self, sha256: str | None = None) -> list[MaterialRow]:
        """See `Queries.materials`."""
        m = self._tables.materials
        a, b = self._tables.objects.alias("a"), self._tables.objects.alias("b")
        query = (
            sa.select(m.c.id, a.c.sha256, b.c.sha256, m.c.relation)
            .join(a, a.c.id == m.c.a)
            .join(b, b.c.id == m.c.b)
            .order_by(m.c.id)
        )
        if sha256 is not None:
            key = self.object(sha256).entry
            query = query.where((m.c.a == key) | (m.c.b == key))
        with self._read() as connection:
            return [
                MaterialRow(key, one.hex(), other.hex(), relation)
                for key, one, other, relation in connection.execute(query)
            ]

    def cosignatures(self) -> list[CosignatureRow]:
        """See `Queries.cosignatures`."""
        c = self._tables.cosignatures
        with self._read() as connection:
            rows = connection.execute(sa.select(c).order_by(c.c.size, c.c.id)).all()
        return [
            CosignatureRow(
                row.id,
                row.size,
                row.root.hex(),
                row.witness,
                row.time,
                f"\u2014 {row.witness.partition('+')[0]} {row.signature}\n",
            )
            for row in rows
        ]

    def people(self) -> dict[str, str]:
        """See `Queries.people`."""
        p = self._tables.people
        with self._read() as connection:
            return {key: state for key, state in connection.execute(sa.select(p.c.key, p.c.state))}


def _span(row: Any) -> DecidedSpan | None:
    if row.a_end == EVER:
        return None
    return DecidedSpan(a_start=row.a_start, a_end=row.a_end, b_start=row.b_start, b_end=row.b_end)
