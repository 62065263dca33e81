"""The record on SQLite: entries, tiles and checkpoints in one exclusive transaction."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from witnessmark.errors import NotFound, StoreFailure
from witnessmark.model import Entry, Recorded
from witnessmark.ports import Project
from witnessmark.record.checkpoint import Checkpoint
from witnessmark.record.entries import encode, place, recorded
from witnessmark.record.note import parse
from witnessmark.record.tiles import Tile, grow, root_from_edge
from witnessmark.record.tree import HASH_SIZE
from witnessmark.stores.database import Database

tables = sa.MetaData()
ENTRIES = sa.Table(
    "entries",
    tables,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
TILES = sa.Table(
    "tiles",
    tables,
    sa.Column("level", sa.Integer, primary_key=True),
    sa.Column("tile", sa.Integer, primary_key=True),
    sa.Column("hashes", sa.LargeBinary, nullable=False),
)
CHECKPOINTS = sa.Table(
    "checkpoints",
    tables,
    sa.Column("size", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("note", sa.LargeBinary, nullable=False),
)

#: Against mistakes of ours; whoever has the file can drop them, and then the tree shows it.
_TRIGGERS = (
    *(
        f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} only grow'); END"
        for table in ("entries", "checkpoints")
        for verb in ("update", "delete")
    ),
    "CREATE TRIGGER IF NOT EXISTS tiles_no_delete BEFORE delete ON tiles "
    "BEGIN SELECT RAISE(ABORT, 'tiles only grow'); END",
    "CREATE TRIGGER IF NOT EXISTS tiles_only_grow BEFORE update ON tiles "
    "WHEN substr(new.hashes, 1, length(old.hashes)) IS NOT old.hashes "
    "BEGIN SELECT RAISE(ABORT, 'tiles only grow'); END",
)
_PAGE = 1_000

Clock = Callable[[], datetime]
SignNote = Callable[[Checkpoint], bytes]
#: Given the newest note (None at the start) and entries about to be taken: the entries by the
#: author in force, and what signs the checkpoint over them. Called in the transaction.
Prepare = Callable[[bytes | None, Sequence[Entry]], tuple[Sequence[Entry], SignNote]]


def utc_now() -> datetime:
    """The archive's own clock."""
    return datetime.now(UTC)


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds, as `at` stands in entries."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class SqlJournal:
    """The `Journal` port on a `Database`.

    Args:
        database: where; its tables are created.
        origin: the record's name, for its first entry; later its own head says it.
        sign: signs a checkpoint with the archive's key.
        prepare: chooses the key instead, when keys may change between two appends.
        clock: gives `at`. It is written down as it is, also when it went backwards.
    """

    def __init__(
        self,
        database: Database,
        origin: str,
        sign: SignNote,
        clock: Clock = utc_now,
        prepare: Prepare | None = None,
    ) -> None:
        self._database = database
        self._origin = origin
        self._sign = sign
        self._clock = clock
        self._prepare = prepare
        with database.write() as connection:
            tables.create_all(connection)
            for trigger in _TRIGGERS:
                connection.exec_driver_sql(trigger)

    def append(self, entries: Sequence[Entry], project: Project) -> list[Recorded]:
        """See `Journal.append`."""
        if not entries:
            return []
        with self._database.write() as connection:
            head = _head(connection)
            size = head.size if head else 0
            self._check_root(connection, head)
            at, sign = instant(self._clock()), self._sign
            if self._prepare:
                entries, sign = self._prepare(_newest(connection), entries)
            taken = [self._take(size + n, entry, at) for n, entry in enumerate(entries)]
            connection.execute(
                sa.insert(ENTRIES), [{"id": each.index, "body": each.body} for each in taken]
            )
            root = _grow(connection, size, [each.leaf for each in taken])
            checkpoint = Checkpoint(head.origin if head else self._origin, size + len(taken), root)
            note = sign(checkpoint)
            connection.execute(sa.insert(CHECKPOINTS), {"size": checkpoint.size, "note": note})
            project(connection, taken)
        return taken

    @staticmethod
    def _take(index: int, entry: Entry, at: str) -> Recorded:
        placed = dataclasses.replace(entry, at=at)
        return place(index, placed, encode(placed))

    def _check_root(self, connection: sa.Connection, head: Checkpoint | None) -> None:
        """Refuses to sign over a head that its own tiles contradict."""
        if head and root_from_edge(head.size, _reader(connection)) != head.root:
            raise _damaged()

    def head(self) -> Checkpoint | None:
        """See `Journal.head`."""
        with self._database.read() as connection:
            return _head(connection)

    def note(self, size: int | None = None) -> bytes:
        """See `Journal.note`."""
        query = sa.select(CHECKPOINTS.c.note).order_by(CHECKPOINTS.c.size.desc()).limit(1)
        if size is not None:
            query = query.where(CHECKPOINTS.c.size == size)
        with self._database.read() as connection:
            note = connection.scalar(query)
        if note is None:
            raise NotFound("The record has no checkpoint of that size.")
        return _bytes(note)

    def notes(self) -> Iterator[tuple[int, bytes]]:
        """See `Journal.notes`. Reads in pages, as `read` does."""
        after = -1
        while True:
            query = sa.select(CHECKPOINTS).where(CHECKPOINTS.c.size > after)
            with self._database.read() as connection:
                page = connection.execute(query.order_by(CHECKPOINTS.c.size).limit(_PAGE)).all()
            if not page:
                return
            for size, note in page:
                yield size, _bytes(note)
            after = page[-1][0]

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Recorded]:
        """See `Journal.read`. Reads in pages, so that no transaction stays open."""
        query = sa.select(ENTRIES.c.id, ENTRIES.c.body).order_by(ENTRIES.c.id).limit(_PAGE)
        while stop is None or start < stop:
            page_query = query.where(ENTRIES.c.id >= start)
            if stop is not None:
                page_query = page_query.where(ENTRIES.c.id < stop)
            with self._database.read() as connection:
                page = connection.execute(page_query).all()
            if not page:
                return
            for index, body in page:
                yield recorded(index, _bytes(body))
            start = page[-1][0] + 1

    def entry(self, index: int) -> Recorded:
        """See `Journal.entry`."""
        for found in self.read(index, index + 1):
            return found
        raise NotFound(f"The record has no entry {index}.")

    def tile(self, tile: Tile) -> bytes:
        """See `Journal.tile`."""
        with self._database.read() as connection:
            return _reader(connection)(tile)


def _head(connection: sa.Connection) -> Checkpoint | None:
    """The newest checkpoint. Raises `StoreFailure` when the entries do not end where it says."""
    last = connection.scalar(sa.select(sa.func.max(ENTRIES.c.id)))
    query = sa.select(CHECKPOINTS).order_by(CHECKPOINTS.c.size.desc()).limit(1)
    row = connection.execute(query).first()
    if row is None and last is None:
        return None
    head = Checkpoint.parse(parse(_bytes(row.note)).text) if row else None
    if (
        head is None
        or row is None
        or not head.size == row.size == (-1 if last is None else last) + 1
    ):
        raise _damaged()
    return head


def _bytes(value: object) -> bytes:
    """`value`, which SQLite would give out as text or a number if somebody put that in."""
    if not isinstance(value, bytes):
        raise _damaged()
    return value


def _newest(connection: sa.Connection) -> bytes | None:
    query = sa.select(CHECKPOINTS.c.note).order_by(CHECKPOINTS.c.size.desc()).limit(1)
    return connection.scalar(query)


def _damaged() -> StoreFailure:
    return StoreFailure(
        "The record does not fit its own newest checkpoint.",
        kept="Nothing was added.",
        todo="Run 'witnessmark check' and restore the archive from a backup.",
        code="damaged_record",
    )


def _reader(connection: sa.Connection) -> Callable[[Tile], bytes]:
    def read(tile: Tile) -> bytes:
        query = sa.select(TILES.c.hashes).where(
            TILES.c.level == tile.level, TILES.c.tile == tile.index
        )
        found = connection.scalar(query)
        hashes = b"" if found is None else _bytes(found)
        if len(hashes) < tile.width * HASH_SIZE:
            raise NotFound(f"The record has no {tile.path}.")
        return hashes[: tile.width * HASH_SIZE]

    return read


def _grow(connection: sa.Connection, size: int, leaves: list[bytes]) -> bytes:
    """Writes the tiles that change; the new root."""
    changed = list(grow(size, leaves, _reader(connection)))
    connection.exec_driver_sql(
        "INSERT INTO tiles (level, tile, hashes) VALUES (?, ?, ?) "
        "ON CONFLICT (level, tile) DO UPDATE SET hashes = excluded.hashes",
        [(tile.level, tile.index, hashes) for tile, hashes in changed],
    )
    fresh = {(tile.level, tile.index): hashes for tile, hashes in changed}
    stored = _reader(connection)

    def read(tile: Tile) -> bytes:
        hashes = fresh.get((tile.level, tile.index))
        return stored(tile) if hashes is None else hashes[: tile.width * HASH_SIZE]

    return root_from_edge(size + len(leaves), read)
