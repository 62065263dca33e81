"""What every writer of rows needs: the keys of objects, and the members of a statement."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from witnessmark.catalog.tables import Tables, short
from witnessmark.errors import BadRecord
from witnessmark.model import Recorded, Statement
from witnessmark.model.statement import plain

Said = tuple[Recorded, Any]
#: Writes the rows of statements of one type.
Write = Callable[[sa.Connection, Tables, Sequence[Said]], None]
Writers = dict[type[Statement], Write]


def object_ids(connection: sa.Connection, tables: Tables, names: Iterable[str]) -> dict[str, int]:
    """Object keys by SHA-256; names that are not there are left out."""
    table, wanted = tables.objects, {name: short(name) for name in names}
    found: dict[str, int] = {}
    numbers = sorted(set(wanted.values()))
    for start in range(0, len(numbers), 500):
        query = sa.select(table.c.id, table.c.sha256).where(
            table.c.short.in_(numbers[start : start + 500])
        )
        found |= {sha256.hex(): key for key, sha256 in connection.execute(query)}
    return {name: found[name] for name in wanted if name in found}


def need(connection: sa.Connection, tables: Tables, names: Iterable[str]) -> dict[str, int]:
    """Object keys by SHA-256. Raises `BadRecord` when one is not there."""
    wanted = set(names)
    found = object_ids(connection, tables, wanted)
    if missing := wanted - found.keys():
        raise BadRecord(f"The record does not hold the object {min(missing)}.", code="object")
    return found


def members(value: Any) -> dict[str, Any]:
    """The fields of a statement, or of a part of one."""
    found = plain(value)
    assert isinstance(found, dict)
    return found
