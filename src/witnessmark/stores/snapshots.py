"""Databases as files: consistent copies of them, and what a copy says of itself."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from witnessmark.errors import Refused, StoreFailure
from witnessmark.stores.durable import restrict, sync_file

_KEPT = "The backup was not touched."


def take(source: Path, copy: Path) -> None:
    """Writes a consistent, durable copy of a database that others may be writing to."""
    copy.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as reading,
        closing(sqlite3.connect(copy)) as writing,
    ):
        reading.backup(writing)
        # one file without a log beside it can be read from a medium that cannot be written
        writing.execute("PRAGMA journal_mode = DELETE").fetchone()
    with open(copy, "rb+") as file:
        sync_file(file.fileno())
    restrict(copy, 0o600)


def fold(database: Path) -> None:
    """Folds a write-ahead log in. Raises `Refused` (`busy`) while another program has it open."""
    # leaving WAL takes the database for itself, so it also shows whether anybody has it open
    try:
        with closing(sqlite3.connect(database, timeout=5)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            (mode,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise _unreadable(database, error) from error
        mode = "locked"
    except sqlite3.DatabaseError as error:
        raise _unreadable(database, error) from error
    if mode != "delete":
        raise Refused(
            f"{database.parent} is open in another program.",
            kept=_KEPT,
            todo="Close whatever works with the backup, then run it again.",
            code="busy",
        )


def strip(database: Path) -> None:
    """Removes triggers and views from a copy that others may have had in hand.

    They would run whenever we write, and could keep what is to be erased. Our own are made again
    when the archive is opened.

    Raises:
        StoreFailure: it is no database, or damaged.
    """
    query = "SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view')"
    try:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            for kind, name in connection.execute(query).fetchall():
                quoted = name.replace('"', '""')
                connection.execute(f'DROP {kind} "{quoted}"')
            connection.commit()
    except sqlite3.DatabaseError as error:
        raise _unreadable(database, error) from error


def _unreadable(database: Path, error: Exception) -> StoreFailure:
    return StoreFailure(
        f"{database} cannot be read: {error}.",
        kept=_KEPT,
        todo="Back up into another folder, then look at this one's disk.",
        code="database",
    )


def newest_note(record: Path) -> bytes | None:
    """The newest checkpoint in the record at this path."""
    try:
        # without a log nobody has it open, and then a read-only medium will do
        alone = "" if record.with_name(record.name + "-wal").exists() else "&immutable=1"
        address = f"{record.resolve().as_uri()}?mode=ro{alone}"
        with closing(sqlite3.connect(address, uri=True)) as reading:
            query = "SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1"
            found = reading.execute(query).fetchone()
    except sqlite3.DatabaseError as error:
        raise _unreadable(record, error) from error
    return found[0] if found else None
