"""Making the catalog again from the record: into shadow tables, then a swap."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

import sqlalchemy as sa

from witnessmark.catalog.projection import Projection
from witnessmark.catalog.tables import Tables
from witnessmark.model import Recorded

_SHADOW = "_shadow"
_BATCH = 1_000


def create(connection: sa.Connection) -> None:
    """Makes the catalog's tables where they are missing."""
    Tables().metadata.create_all(connection)


def rebuild(
    connection: sa.Connection,
    entries: Iterable[Recorded],
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Replays `entries` into fresh tables and puts them in place of the old ones.

    All in the caller's exclusive transaction: readers see the old catalog, then the new one.

    Returns:
        how many entries were replayed.
    """
    shadow = Tables(_SHADOW)
    shadow.metadata.drop_all(connection)
    shadow.metadata.create_all(connection)
    project, count = Projection(shadow), 0
    for batch in _batches(entries):
        project(connection, batch)
        count += len(batch)
        progress(count)
    live = Tables()
    live.metadata.drop_all(connection)
    for table in shadow.metadata.sorted_tables:
        connection.exec_driver_sql(
            f"ALTER TABLE {table.name} RENAME TO {table.name.removesuffix(_SHADOW)}"
        )
    for table in live.metadata.sorted_tables:
        for index in table.indexes:
            connection.exec_driver_sql(f"DROP INDEX {index.name}{_SHADOW}")
            index.create(connection)
    return count


def _batches(entries: Iterable[Recorded]) -> Iterable[Sequence[Recorded]]:
    source = iter(entries)
    while batch := list(islice(source, _BATCH)):
        yield batch


def digests(connection: sa.Connection) -> dict[str, str]:
    """Table name to a SHA-256 over all its rows in key order.

    Tables that are missing, or of another version, are left out. Equal before and after a rebuild.
    """
    look, found = sa.inspect(connection), {}
    there = set(look.get_table_names())
    for table in Tables().metadata.sorted_tables:
        if table.name in there and _same_columns(look, table):
            digest = hashlib.sha256()
            for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns)):
                digest.update(repr(tuple(row)).encode())
            found[table.name] = digest.hexdigest()
    return found


def outdated(connection: sa.Connection) -> bool:
    """Whether a catalog is there whose tables or columns are not those of this version."""
    look = sa.inspect(connection)
    there, wanted = set(look.get_table_names()), Tables().metadata.tables
    if not there & wanted.keys():
        return False
    return not wanted.keys() <= there or not all(_same_columns(look, t) for t in wanted.values())


def _same_columns(look: sa.Inspector, table: sa.Table) -> bool:
    there = {column["name"] for column in look.get_columns(table.name)}
    return there == {column.name for column in table.columns}


class Replay:
    """The catalog as the record says it, in a temporary database of its own."""

    def __init__(self) -> None:
        # an empty name is a database on the disk that goes when it is closed
        self._engine = sa.create_engine(
            "sqlite://", creator=lambda: sqlite3.connect(""), poolclass=sa.StaticPool
        )
        self._connection = self._engine.connect()
        create(self._connection)
        self._project = Projection(Tables())
        self._waiting: list[Recorded] = []
        self.size = 0

    def add(self, recorded: Recorded) -> None:
        """The next entry."""
        self._waiting.append(recorded)
        self.size += 1
        if len(self._waiting) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._project(self._connection, self._waiting)
            self._waiting = []

    def differences(self, connection: sa.Connection) -> list[str]:
        """Names of the tables whose rows are not those of the entries added so far."""
        self._flush()
        mine, theirs = digests(self._connection), digests(connection)
        return sorted(name for name in mine if mine[name] != theirs.get(name))

    def close(self) -> None:
        """Removes the temporary database."""
        self._connection.close()
        self._engine.dispose()


def projected_size(connection: sa.Connection) -> int:
    """How many entries the catalog has taken in."""
    if not sa.inspect(connection).has_table(Tables().projected.name):
        return 0
    return connection.scalar(sa.select(Tables().projected.c.size)) or 0
