"""`private.db`: sealed rows for the vault. Nothing in it is readable without the vault's key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import sqlalchemy as sa

from witnessmark.errors import StoreFailure
from witnessmark.ports import SealedValue
from witnessmark.stores.database import Database
from witnessmark.stores.durable import restrict

tables = sa.MetaData()
SECRETS = sa.Table(
    "secrets",
    tables,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
)
VALUES = sa.Table(
    "sealed_values",
    tables,
    sa.Column("commitment", sa.LargeBinary, primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
TOMBSTONES = sa.Table(
    "tombstones",
    tables,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sqlite_with_rowid=False,
)
UNSETTLED = sa.Table(
    "unsettled",
    tables,
    sa.Column("batch", sa.Text, nullable=False, index=True),
    sa.Column("since", sa.Integer, nullable=False),
    sa.Column("commitment", sa.LargeBinary, nullable=False),
)


class PrivateDb:
    """The `PrivateRows` port on SQLite with `secure_delete`."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, secure_delete=True)
        with self._database.write() as connection:
            tables.create_all(connection)
        restrict(path, 0o600)

    def get(self, name: str) -> bytes | None:
        """See `PrivateRows.get`."""
        with self._database.read() as connection:
            return connection.scalar(sa.select(SECRETS.c.value).where(SECRETS.c.name == name))

    def names(self, prefix: str) -> list[str]:
        """See `PrivateRows.names`."""
        query = sa.select(SECRETS.c.name).where(SECRETS.c.name.startswith(prefix, autoescape=True))
        with self._database.read() as connection:
            return list(connection.scalars(query.order_by(SECRETS.c.name)))

    def set(self, name: str, value: bytes) -> None:
        """See `PrivateRows.set`."""
        with self._database.write() as connection:
            connection.execute(sa.delete(SECRETS).where(SECRETS.c.name == name))
            connection.execute(sa.insert(SECRETS), {"name": name, "value": value})

    def drop(self, name: str) -> None:
        """See `PrivateRows.drop`."""
        with self._database.write() as connection:
            connection.execute(sa.delete(SECRETS).where(SECRETS.c.name == name))

    def add(self, values: Sequence[SealedValue], batch: str, since: int) -> None:
        """See `PrivateRows.add`."""
        with self._database.write() as connection:
            erased = set(connection.scalars(sa.select(TOMBSTONES.c.digest)))
            kept = [each for each in values if erased.isdisjoint(each.tombstones)]
            if kept:
                connection.execute(
                    sa.insert(VALUES),
                    [{"commitment": each.commitment, "sealed": each.sealed} for each in kept],
                )
                connection.execute(
                    sa.insert(UNSETTLED),
                    [
                        {"batch": batch, "since": since, "commitment": each.commitment}
                        for each in kept
                    ],
                )

    def value(self, commitment: bytes) -> bytes | None:
        """See `PrivateRows.value`."""
        query = sa.select(VALUES.c.sealed).where(VALUES.c.commitment == commitment)
        with self._database.read() as connection:
            return connection.scalar(query)

    def values(self) -> Iterator[tuple[bytes, bytes]]:
        """See `PrivateRows.values`."""
        with self._database.read() as connection:
            for commitment, sealed in connection.execute(sa.select(VALUES)):
                yield commitment, sealed

    def remove(self, commitments: Sequence[bytes], tombstones: Sequence[bytes]) -> None:
        """See `PrivateRows.remove`. The log is folded into the file and cut to zero bytes."""
        with self._database.write() as connection:
            for commitment in commitments:
                connection.execute(sa.delete(VALUES).where(VALUES.c.commitment == commitment))
                connection.execute(sa.delete(UNSETTLED).where(UNSETTLED.c.commitment == commitment))
            for digest in tombstones:
                connection.exec_driver_sql(
                    "INSERT OR IGNORE INTO tombstones (digest) VALUES (?)", (digest,)
                )
        ((busy, *_),) = self._database.run("PRAGMA wal_checkpoint(TRUNCATE)")
        if busy:
            raise StoreFailure(
                "The values are erased, but another program still reads private.db.",
                kept="Until it ends, their sealed bytes stay in the database's log.",
                todo="End the other program; the next command on this archive finishes it.",
                code="busy",
            )

    def unsettled(self) -> list[tuple[str, int, list[bytes]]]:
        """See `PrivateRows.unsettled`."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(UNSETTLED)).all()
        batches: dict[tuple[str, int], list[bytes]] = {}
        for batch, since, commitment in rows:
            batches.setdefault((batch, since), []).append(commitment)
        return [(batch, since, each) for (batch, since), each in batches.items()]

    def settle(self, batch: str) -> None:
        """See `PrivateRows.settle`."""
        with self._database.write() as connection:
            connection.execute(sa.delete(UNSETTLED).where(UNSETTLED.c.batch == batch))

    def close(self) -> None:
        """Closes the file."""
        self._database.close()
