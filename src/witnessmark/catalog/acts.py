"""Rows of what people, partners and authorities did: risks, anchors, keys, custody, disposal."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from witnessmark.catalog.tables import Tables, part, short
from witnessmark.catalog.writing import Said, Writers, members, need
from witnessmark.errors import BadRecord
from witnessmark.model import (
    AnchorReceived,
    CosignatureReceived,
    CustodyReceipted,
    CustodyTransferred,
    Entry,
    Genesis,
    KeyRevoked,
    KeyRotated,
    MaterialLinked,
    ObjectDisposed,
    PersonAdded,
    Recorded,
    RiskRecorded,
    ValueErased,
    attachments,
    key_id,
)


def _risks(connection: sa.Connection, tables: Tables, said: Sequence[Said]) -> None:
    rows = [{"id": recorded.index, "decision": each.decision} for recorded, each in said]
    connection.execute(sa.insert(tables.risks), rows)


def _anchors(connection: sa.Connection, tables: Tables, said: Sequence[Said]) -> None:
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
    connection.execute(sa.insert(tables.anchors).prefix_with("OR IGNORE"), rows)


def _erased(connection: sa.Connection, tables: Tables, said: Sequence[Said]) -> None:
    rows = [
        {"id": part(recorded.index, n), "by_entry": recorded.index, **members(value)}
        for recorded, each in said
        for n, value in enumerate(each.values)
    ]
    if rows:
        connection.execute(sa.insert(tables.erased), rows)


def _cosignatures(connection: sa.Connection, tables: Tables, said: Sequence[Said]) -> None:
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
    connection.execute(sa.insert(tables.cosignatures).prefix_with("OR IGNORE"), rows)


def _people(connection: sa.Connection, tables: Tables, said: Sequence[Said]) -> None:
    table = tables.people
    for recorded, each in said:
        for key, state in _key_changes(recorded.entry, each):
            change = sa.update(table).where(table.c.key == key).values(state=state)
            if not connection.execute(change).rowcount:
                connection.execute(sa.insert(table), {"key": key, "state": state})


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


def _transfers(connection: sa.Connection, tables: Tables, said: Sequence[Said]) -> None:
    objects = need(connection, tables, {name for _, each in said for name in each.objects})
    rows = []
    for recorded, each in said:
        row = {"id": recorded.index, "at": recorded.entry.at}
        connection.execute(sa.insert(tables.transfers), row)
        rows += [
            {"id": part(recorded.index, n), "transfer": recorded.index, "object": objects[name]}
            for n, name in enumerate(each.objects)
        ]
    if rows:
        connection.execute(sa.insert(tables.transferred), rows)


def _receipts(connection: sa.Connection, tables: Tables, said: Sequence[Said]) -> None:
    table = tables.transfers
    for recorded, each in said:
        waiting = sa.update(table).where(table.c.id == each.transfer, table.c.receipt.is_(None))
        if not connection.execute(waiting.values(receipt=recorded.index)).rowcount:
            raise BadRecord(
                f"Entry {each.transfer} is no transfer that waits for a receipt.",
                code="receipt",
            )


def _disposed(connection: sa.Connection, tables: Tables, said: Sequence[Said]) -> None:
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
        connection.execute(sa.insert(tables.disposed), rows)


def lift(connection: sa.Connection, tables: Tables, taken: Sequence[Recorded]) -> None:
    """An attachment that came again with something else is not destroyed any more.

    Small outputs of checks are alike for many files. Objects stay what they are: disposed of.
    """
    gone, objects = tables.disposed, tables.objects
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


def _materials(connection: sa.Connection, tables: Tables, said: Sequence[Said]) -> None:
    objects = need(connection, tables, {name for _, each in said for name in (each.a, each.b)})
    rows = [
        {
            "id": recorded.index,
            "a": objects[each.a],
            "b": objects[each.b],
            "relation": each.relation,
        }
        for recorded, each in said
    ]
    connection.execute(sa.insert(tables.materials), rows)


WRITERS: Writers = {
    RiskRecorded: _risks,
    AnchorReceived: _anchors,
    ValueErased: _erased,
    CosignatureReceived: _cosignatures,
    Genesis: _people,
    PersonAdded: _people,
    KeyRotated: _people,
    KeyRevoked: _people,
    CustodyTransferred: _transfers,
    CustodyReceipted: _receipts,
    ObjectDisposed: _disposed,
    MaterialLinked: _materials,
}
