"""`witness.db`: the memory of a witness, apart from everything else of the archive.

A file of its own, because it must not be brought back from a backup: a witness that forgot what
it co-signed would co-sign two branches. Its key lies in the same file, so that both are lost
together, and `backup` copies neither.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import sqlalchemy as sa

from witnessmark.ports import Contradiction, WatchedLog
from witnessmark.stores.database import Database
from witnessmark.stores.durable import sync_folder

tables = sa.MetaData()
KEY = sa.Table(
    "witness_key",
    tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("seed", sa.LargeBinary, nullable=False),
)
LOGS = sa.Table(
    "logs",
    tables,
    sa.Column("origin", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
)
SEEN = sa.Table(
    "seen",
    tables,
    sa.Column("origin", sa.Text, primary_key=True),
    sa.Column("size", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("note", sa.LargeBinary, nullable=False),
)
CONTRADICTIONS = sa.Table(
    "contradictions",
    tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("before", sa.LargeBinary, nullable=False),
    sa.Column("note", sa.LargeBinary, nullable=False),
)
#: What was seen is never changed: against mistakes of ours.
_TRIGGERS = tuple(
    f"CREATE TRIGGER IF NOT EXISTS seen_no_{verb} BEFORE {verb} ON seen "
    "BEGIN SELECT RAISE(ABORT, 'seen only grows'); END"
    for verb in ("update", "delete")
)
#: Of one kind and origin; anybody can send wrong proofs, so those must not fill the disk.
_MOST = 100


class WitnessDb:
    """The `WitnessMemory` port on SQLite, synced at every commit."""

    def __init__(self, path: Path) -> None:
        new = not path.exists()
        self._database = Database(path)
        with self._database.write() as connection:
            tables.create_all(connection)
            for trigger in _TRIGGERS:
                connection.exec_driver_sql(trigger)
        if new:
            path.chmod(0o600)
            sync_folder(path.parent)

    def key(self) -> tuple[str, bytes] | None:
        """See `WitnessMemory.key`."""
        with self._database.read() as connection:
            return _key(connection)

    def make_key(self, name: str, seed: bytes) -> tuple[str, bytes]:
        """See `WitnessMemory.make_key`."""
        with self._database.write() as connection:
            found = _key(connection)
            if found is None:
                found = (name, seed)
                connection.execute(sa.insert(KEY), {"id": 1, "name": name, "seed": seed})
        return found

    def logs(self) -> list[WatchedLog]:
        """See `WitnessMemory.logs`."""
        query = sa.select(LOGS.c.name, LOGS.c.origin, LOGS.c.key).order_by(LOGS.c.origin)
        with self._database.read() as connection:
            return [WatchedLog(*row) for row in connection.execute(query)]

    def watch(self, log: WatchedLog) -> None:
        """See `WitnessMemory.watch`."""
        row = {"origin": log.origin, "name": log.name, "key": log.key}
        with self._database.write() as connection:
            connection.execute(sa.delete(LOGS).where(LOGS.c.origin == log.origin))
            connection.execute(sa.insert(LOGS), row)

    def seen(self, origin: str, size: int) -> list[bytes]:
        """See `WitnessMemory.seen`."""
        query = sa.select(SEEN.c.note).where(SEEN.c.origin == origin).limit(1)
        with self._database.read() as connection:
            same = connection.scalars(query.where(SEEN.c.size == size)).all()
            return [*same, *connection.scalars(query.order_by(SEEN.c.size.desc())).all()]

    def advance(self, origin: str, old: int, size: int, note: bytes) -> bool:
        """See `WitnessMemory.advance`. One exclusive transaction: read, compare, write, sync."""
        newest = sa.select(SEEN).where(SEEN.c.origin == origin).order_by(SEEN.c.size.desc())
        with self._database.write() as connection:
            row = connection.execute(newest.limit(1)).first()
            if (row.size if row else 0) != old or size < old:
                return False
            if row is not None and size == old:
                # the same checkpoint again: what was seen stays as it is
                return _text(row.note) == _text(note)
            connection.execute(sa.insert(SEEN), {"origin": origin, "size": size, "note": note})
        return True

    def contradict(self, found: Contradiction) -> bool:
        """See `WitnessMemory.contradict`."""
        texts = _text(found.before) + b"\0" + _text(found.note)
        alike = sa.select(sa.func.count()).where(
            CONTRADICTIONS.c.origin == found.origin, CONTRADICTIONS.c.kind == found.kind
        )
        row = {
            "digest": hashlib.sha256(texts).digest(),
            "origin": found.origin,
            "size": found.size,
            "kind": found.kind,
            "at": found.at,
            "before": found.before,
            "note": found.note,
        }
        with self._database.write() as connection:
            if (connection.scalar(alike) or 0) >= _MOST:
                return False
            insert = sa.insert(CONTRADICTIONS).prefix_with("OR IGNORE")
            return bool(connection.execute(insert, row).rowcount)

    def contradictions(self) -> list[Contradiction]:
        """See `WitnessMemory.contradictions`."""
        c = CONTRADICTIONS.c
        query = sa.select(c.origin, c.size, c.kind, c.at, c.before, c.note).order_by(c.id)
        with self._database.read() as connection:
            return [Contradiction(*row) for row in connection.execute(query)]

    def close(self) -> None:
        """Closes the file."""
        self._database.close()


def _key(connection: sa.Connection) -> tuple[str, bytes] | None:
    row = connection.execute(sa.select(KEY.c.name, KEY.c.seed)).first()
    return (row.name, row.seed) if row else None


def _text(note: bytes) -> bytes:
    """What the signatures of a note cover."""
    return note.rpartition(b"\n\n")[0]
