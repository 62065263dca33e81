"""Opening SQLite so that what was committed stays, also after a power cut."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError

from witnessmark.errors import StoreFailure

_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=60000",
    "temp_store=MEMORY",
    "cache_size=-131072",
    # a larger log merges rewrites of the same page before they reach the database file
    "wal_autocheckpoint=8192",
)


class Database:
    """One SQLite file: `write()` for an exclusive transaction, `read()` for a snapshot.

    Args:
        path: the file, created when missing.
        secure_delete: overwrite deleted rows with zeros (for protected values).
    """

    def __init__(self, path: Path, *, secure_delete: bool = False) -> None:
        self.path = path
        url = sa.URL.create("sqlite", database=str(path))
        self.engine = sa.create_engine(url)
        pragmas = (*_PRAGMAS, "secure_delete=ON") if secure_delete else _PRAGMAS

        def configure(connection: sa.engine.interfaces.DBAPIConnection, _: object) -> None:
            # SQLAlchemy's own transactions, not the driver's
            connection.isolation_level = None
            cursor = connection.cursor()
            for pragma in pragmas:
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        def begin(connection: sa.Connection) -> None:
            exclusive = connection.get_execution_options().get("exclusive")
            connection.exec_driver_sql("BEGIN IMMEDIATE" if exclusive else "BEGIN")

        sa.event.listen(self.engine, "connect", configure)
        sa.event.listen(self.engine, "begin", begin)

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that no other writer overlaps; committed on leaving.

        Raises:
            StoreFailure: the database could not be written; nothing of the transaction stayed.
        """
        try:
            connecting = self.engine.connect().execution_options(exclusive=True)
            with connecting as connection, connection.begin():
                yield connection
        except DatabaseError as error:
            raise _failure(error) from error

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A snapshot for reading."""
        try:
            with self.engine.connect() as connection:
                yield connection
        except DatabaseError as error:
            raise _failure(error) from error

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of a statement that cannot run inside a transaction (checkpoints of the log)."""
        raw = self.engine.raw_connection()
        try:
            return [tuple(row) for row in raw.cursor().execute(statement).fetchall()]
        finally:
            raw.close()

    def close(self) -> None:
        """Closes all connections."""
        self.engine.dispose()


def _failure(error: DatabaseError) -> StoreFailure:
    reason = str(error.orig)
    full = "full" in reason
    return StoreFailure(
        f"The database did not take it: {reason}.",
        kept="What was acknowledged before is safe; nothing of this step was kept.",
        todo="Free some space, then run it again." if full else "Look at the disk, then try again.",
        code="disk_full" if full else "database",
    )
