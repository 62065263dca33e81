"""From entries to rows: the only writer of the catalog, in the journal's own transaction.

The same entries in the same order give the same rows, whether they come one by one as they are
appended or all at once in a rebuild.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import sqlalchemy as sa

from witnessmark.catalog.decisions import EVER
from witnessmark.catalog.recordings import regroup
from witnessmark.catalog.tables import Tables, part, short
from witnessmark.errors import BadRecord, Refused
from witnessmark.model import (
    AnchorReceived,
    CosignatureReceived,
    CustodyReceipted,
    CustodyTransferred,
    Entry,
    FindingRecorded,
    Genesis,
    KeyRevoked,
    KeyRotated,
    LinkDecided,
    LinkFound,
    MaterialLinked,
    ObjectDisposed,
    ObjectStored,
    PersonAdded,
    Recorded,
    ReferenceClaimed,
    ReferenceMatched,
    RiskRecorded,
    RunRecorded,
    SightingRecorded,
    Statement,
    ValueDisclosed,
    ValueErased,
    attachments,
    key_id,
)
from witnessmark.model.link import SAME_FOOTAGE
from witnessmark.model.statement import plain

Said = tuple[Recorded, Any]
_MANY = (ObjectStored, SightingRecorded, FindingRecorded, LinkFound, ReferenceMatched)


class Projection:
    """Callable that the journal runs inside its transaction (`ports.Project`)."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self._by_type: dict[type[Statement], Callable[[sa.Connection, list[Said]], None]] = {
            ObjectStored: self._objects,
            SightingRecorded: self._sightings,
            RunRecorded: self._runs,
            FindingRecorded: self._findings,
            LinkFound: self._links,
            LinkDecided: self._decisions,
            ReferenceClaimed: self._references,
            ReferenceMatched: self._reference_links,
            RiskRecorded: self._risks,
            AnchorReceived: self._anchors,
            ValueErased: self._erased,
            CosignatureReceived: self._cosignatures,
            Genesis: self._people,
            PersonAdded: self._people,
            KeyRotated: self._people,
            KeyRevoked: self._people,
            CustodyTransferred: self._transfers,
            CustodyReceipted: self._receipts,
            ObjectDisposed: self._disposed,
            MaterialLinked: self._materials,
        }

    def __call__(self, connection: sa.Connection, taken: Sequence[Recorded]) -> None:
        """Writes the rows of `taken`.

        Raises:
            BadRecord: an entry speaks of an object or run that the record does not hold.
        """
        groups: dict[type[Statement], list[Said]] = defaultdict(list)
        for recorded in taken:
            if recorded.said is not None:
                groups[type(recorded.said)].append((recorded, recorded.said))
        for kind, write in self._by_type.items():
            if said := groups.get(kind):
                write(connection, said)
        acts = [
            {"id": each.index, "type": each.entry.type}
            for each in taken
            if not isinstance(each.said, _MANY)
        ]
        if acts:
            connection.execute(sa.insert(self.tables.acts), acts)
        self._lift(connection, taken)
        self._advance(connection, taken[-1].index + 1)

    def _advance(self, connection: sa.Connection, size: int) -> None:
        table = self.tables.projected
        if not connection.execute(sa.update(table).values(size=size)).rowcount:
            connection.execute(sa.insert(table), {"id": 1, "size": size})

    def object_ids(self, connection: sa.Connection, names: Iterable[str]) -> dict[str, int]:
        """Object keys by SHA-256; names that are not there are left out."""
        table, wanted = self.tables.objects, {name: short(name) for name in names}
        found: dict[str, int] = {}
        numbers = sorted(set(wanted.values()))
        for start in range(0, len(numbers), 500):
            query = sa.select(table.c.id, table.c.sha256).where(
                table.c.short.in_(numbers[start : start + 500])
            )
            found |= {sha256.hex(): key for key, sha256 in connection.execute(query)}
        return {name: found[name] for name in wanted if name in found}

    def _need(self, connection: sa.Connection, names: Iterable[str]) -> dict[str, int]:
        wanted = set(names)
        found = self.object_ids(connection, wanted)
        if missing := wanted - found.keys():
            raise BadRecord(f"The record does not hold the object {min(missing)}.", code="object")
        return found

    def _objects(self, connection: sa.Connection, said: list[Said]) -> None:
        known = self.object_ids(connection, [each.sha256 for _, each in said])
        rows: dict[str, dict[str, object]] = {}
        for recorded, each in said:
            if each.sha256 in rows or each.sha256 in known:
                if each.derived_from is None:  # what was made here was found outside: an original
                    self._is_original(connection, each.sha256, known, rows)
                continue
            rows[each.sha256] = {
                "id": recorded.index,
                "short": short(each.sha256),
                "sha256": bytes.fromhex(each.sha256),
                "size": each.size,
                "kind": each.kind,
                "derived_from": self._parent(connection, each.derived_from, rows),
            }
        if rows:
            connection.execute(sa.insert(self.tables.objects), list(rows.values()))

    def _is_original(
        self,
        connection: sa.Connection,
        name: str,
        known: Mapping[str, int],
        rows: dict[str, dict[str, object]],
    ) -> None:
        if name in rows:
            rows[name]["derived_from"] = None
            return
        table = self.tables.objects
        update = sa.update(table).where(table.c.id == known[name])
        connection.execute(update.values(derived_from=None))

    def _parent(
        self, connection: sa.Connection, name: str | None, rows: Mapping[str, Mapping[str, object]]
    ) -> object:
        """The key of what an object was derived from; it may come in the same append."""
        if name is None:
            return None
        return rows[name]["id"] if name in rows else self._need(connection, [name])[name]

    def _run_key(self, connection: sa.Connection, run: str, first: dict[str, object]) -> int:
        """The key of a run; its row is made from `first`, when this is its first mention."""
        table = self.tables.runs
        key = connection.scalar(sa.select(table.c.id).where(table.c.run == run))
        if key is None:
            connection.execute(sa.insert(table), {"run": run, **first})
            return cast(int, first["id"])
        return int(key)

    def _sightings(self, connection: sa.Connection, said: list[Said]) -> None:
        objects = self._need(connection, {each.object for _, each in said if each.object})
        runs: dict[str, int] = {}
        for recorded, each in said:
            if each.run not in runs:
                first = {"id": recorded.index, "source": each.source, "party": each.party}
                first |= {"started_at": recorded.entry.at, "reference": each.reference}
                runs[each.run] = self._run_key(connection, each.run, first)
        connection.execute(
            sa.insert(self.tables.sightings),
            [
                {
                    "id": recorded.index,
                    "object": objects[each.object] if each.object else None,
                    "run": runs[each.run],
                    "place_short": short(each.place),
                    "place": bytes.fromhex(each.place),
                    "content": bytes.fromhex(each.content),
                    "outcome": each.outcome,
                    "reason": each.reason,
                    "kind": each.kind,
                }
                for recorded, each in said
            ],
        )
        dates = [
            {"id": part(recorded.index, n), "sighting": recorded.index, **_members(date)}
            for recorded, each in said
            for n, date in enumerate(each.dates)
        ]
        if dates:
            connection.execute(sa.insert(self.tables.dates), dates)

    def _runs(self, connection: sa.Connection, said: list[Said]) -> None:
        table = self.tables.runs
        for recorded, each in said:
            values = {
                "source": each.source,
                "party": each.party,
                "reference": each.reference,
                "started_at": each.started_at,
                "tally": json.dumps(plain(each.tally), sort_keys=True),
                "entry": recorded.index,
            }
            key = self._run_key(connection, each.run, {"id": recorded.index, **values})
            connection.execute(sa.update(table).where(table.c.id == key).values(**values))
            # a run that was cut off is named once, by the next one to end
            cut_off = sa.update(table).where(table.c.run.in_(each.interrupted))
            connection.execute(cut_off.where(table.c.tally.is_(None)).values(tally="{}"))

    def _findings(self, connection: sa.Connection, said: list[Said]) -> None:
        # two examinations at once find the same: the first one said stays
        objects = self._need(connection, {each.object for _, each in said})
        connection.execute(
            sa.insert(self.tables.findings).prefix_with("OR IGNORE"),
            [
                {
                    "id": recorded.index,
                    "object": objects[each.object],
                    "check": each.check,
                    "version": each.version,
                    "result": each.result,
                    "reason": each.reason,
                }
                for recorded, each in said
            ],
        )

    def _links(self, connection: sa.Connection, said: list[Said]) -> None:
        objects = self._need(connection, {name for _, each in said for name in (each.a, each.b)})
        tables, joined = self.tables, set()
        for recorded, each in said:
            link = {
                "id": recorded.index,
                "a": objects[each.a],
                "b": objects[each.b],
                "relation": each.relation,
                "score": each.score,
                "matcher": each.matcher,
                "content": _content(each.relation, each.segments),
            }
            # two matchings at once find the same: the first one said stays. Who found something
            # else is kept beside it: which of them came first must not decide what belongs together
            if not connection.execute(
                sa.insert(tables.links).prefix_with("OR IGNORE"), link
            ).rowcount:
                continue
            if each.segments:
                rows = [
                    {"id": part(recorded.index, n), "link": recorded.index, **_members(segment)}
                    for n, segment in enumerate(each.segments)
                ]
                connection.execute(sa.insert(tables.segments), rows)
            if each.relation == SAME_FOOTAGE:
                joined |= {objects[each.a], objects[each.b]}
        regroup(connection, tables, joined)

    def _decisions(self, connection: sa.Connection, said: list[Said]) -> None:
        objects = self._need(connection, {name for _, each in said for name in (each.a, each.b)})
        everything = {"a_start": -EVER, "a_end": EVER, "b_start": -EVER, "b_end": EVER}
        rows = [
            {
                "id": part(recorded.index, n),
                "entry": recorded.index,
                "a": objects[each.a],
                "b": objects[each.b],
                "decision": each.decision,
                **span,
            }
            for recorded, each in said
            for n, span in enumerate([_members(span) for span in each.spans] or [everything])
        ]
        connection.execute(sa.insert(self.tables.decisions), rows)
        regroup(connection, self.tables, {key for row in rows for key in (row["a"], row["b"])})

    def _references(self, connection: sa.Connection, said: list[Said]) -> None:
        rows = [
            {
                "id": recorded.index,
                "collection": each.collection,
                "name": bytes.fromhex(each.fingerprint.sha256),
                "version": each.version,
                "duration": each.duration,
                "claimed_date": each.claimed_date,
            }
            for recorded, each in said
        ]
        connection.execute(sa.insert(self.tables.references), rows)

    def _reference_links(self, connection: sa.Connection, said: list[Said]) -> None:
        objects = self._need(connection, {each.object for _, each in said})
        rows = [
            {
                "id": recorded.index,
                "object": objects[each.object],
                "reference": bytes.fromhex(each.reference),
                "relation": each.relation,
                "score": each.score,
                "matcher": each.matcher,
                "content": _content(each.relation, each.segments),
            }
            for recorded, each in said
        ]
        connection.execute(sa.insert(self.tables.reference_links).prefix_with("OR IGNORE"), rows)

    def _risks(self, connection: sa.Connection, said: list[Said]) -> None:
        rows = [{"id": recorded.index, "decision": each.decision} for recorded, each in said]
        connection.execute(sa.insert(self.tables.risks), rows)

    def _anchors(self, connection: sa.Connection, said: list[Said]) -> None:
        # two programs at once ask the same authority: the first stamp said stays
        rows = [
            {
                "id": recorded.index,
                "size": each.size,
                "root": bytes.fromhex(each.root),
                "kind": each.kind,
                "authority": each.authority,
                "state": each.state,
                "time": each.time,
                "height": each.height,
                "proof": bytes.fromhex(each.proof.sha256),
                "chain": bytes.fromhex(each.chain.sha256) if each.chain else None,
                "via": each.via,
                "received_at": recorded.entry.at,
            }
            for recorded, each in said
        ]
        connection.execute(sa.insert(self.tables.anchors).prefix_with("OR IGNORE"), rows)

    def _erased(self, connection: sa.Connection, said: list[Said]) -> None:
        rows = [
            {"id": part(recorded.index, n), "by_entry": recorded.index, **_members(value)}
            for recorded, each in said
            for n, value in enumerate(each.values)
        ]
        if rows:
            connection.execute(sa.insert(self.tables.erased), rows)

    def _cosignatures(self, connection: sa.Connection, said: list[Said]) -> None:
        rows = [
            {
                "id": recorded.index,
                "size": each.size,
                "root": bytes.fromhex(each.root),
                "public": each.witness.split("+", 2)[-1],
                "witness": each.witness,
                "time": each.time,
                "signature": each.signature,
            }
            for recorded, each in said
        ]
        connection.execute(sa.insert(self.tables.cosignatures).prefix_with("OR IGNORE"), rows)

    def _people(self, connection: sa.Connection, said: list[Said]) -> None:
        table = self.tables.people
        for recorded, each in said:
            for key, state in _key_changes(recorded.entry, each):
                change = sa.update(table).where(table.c.key == key).values(state=state)
                if not connection.execute(change).rowcount:
                    connection.execute(sa.insert(table), {"key": key, "state": state})

    def _transfers(self, connection: sa.Connection, said: list[Said]) -> None:
        tables, rows = self.tables, []
        objects = self._need(connection, {name for _, each in said for name in each.objects})
        for recorded, each in said:
            row = {"id": recorded.index, "at": recorded.entry.at}
            connection.execute(sa.insert(tables.transfers), row)
            rows += [
                {"id": part(recorded.index, n), "transfer": recorded.index, "object": objects[name]}
                for n, name in enumerate(each.objects)
            ]
        if rows:
            connection.execute(sa.insert(tables.transferred), rows)

    def _receipts(self, connection: sa.Connection, said: list[Said]) -> None:
        table = self.tables.transfers
        for recorded, each in said:
            waiting = sa.update(table).where(table.c.id == each.transfer, table.c.receipt.is_(None))
            if not connection.execute(waiting.values(receipt=recorded.index)).rowcount:
                raise BadRecord(
                    f"Entry {each.transfer} is no transfer that waits for a receipt.",
                    code="receipt",
                )

    def _disposed(self, connection: sa.Connection, said: list[Said]) -> None:
        rows = [
            {
                "id": part(recorded.index, n),
                "by_entry": recorded.index,
                "short": short(gone.sha256),
                "sha256": bytes.fromhex(gone.sha256),
            }
            for recorded, each in said
            for n, gone in enumerate(each.objects)
        ]
        if rows:
            connection.execute(sa.insert(self.tables.disposed), rows)

    def _lift(self, connection: sa.Connection, taken: Sequence[Recorded]) -> None:
        """An attachment that came again with something else is not destroyed any more.

        Small outputs of checks are alike for many files. Objects stay what they are: disposed of.
        """
        gone, objects = self.tables.disposed, self.tables.objects
        if connection.execute(sa.select(gone.c.id).limit(1)).first() is None:
            return
        for recorded in taken:
            names = [bytes.fromhex(each.sha256) for each in attachments(recorded.said)]
            if not names:
                continue
            stored = sa.select(objects.c.sha256).where(
                objects.c.sha256.in_(names), objects.c.id < recorded.index
            )
            connection.execute(
                sa.delete(gone).where(
                    gone.c.sha256.in_(names),
                    gone.c.by_entry < recorded.index,
                    gone.c.sha256.not_in(stored),
                )
            )

    def _materials(self, connection: sa.Connection, said: list[Said]) -> None:
        objects = self._need(connection, {name for _, each in said for name in (each.a, each.b)})
        rows = [
            {
                "id": recorded.index,
                "a": objects[each.a],
                "b": objects[each.b],
                "relation": each.relation,
            }
            for recorded, each in said
        ]
        connection.execute(sa.insert(self.tables.materials), rows)


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


def _key_changes(entry: Entry, said: Any) -> list[tuple[str, str]]:
    match said:
        case Genesis():
            return [(entry.by, "active")]
        case PersonAdded(key=new):
            return [(_id(new), "active")]
        case KeyRotated(use="person", old=old, new=new):
            return [(_id(old), "rotated"), (_id(new), "active")]
        case KeyRevoked(key=key):
            return [(key, "revoked")]
    return []


def _id(encoded: str) -> str:
    return key_id(base64.b64decode(encoded))


def _content(*values: Any) -> int:
    """63 bits of what was said, to tell it from something else."""
    text = json.dumps([plain(each) for each in values], sort_keys=True)
    return short(hashlib.sha256(text.encode()).hexdigest())


def _members(value: Any) -> dict[str, Any]:
    members = plain(value)
    assert isinstance(members, dict)
    return members
