"""Rows of what was collected and examined: objects, sightings, runs, findings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

import sqlalchemy as sa

from witnessmark.catalog.tables import Tables, part, short
from witnessmark.catalog.writing import Said, Writers, members, need, object_ids
from witnessmark.model import FindingRecorded, ObjectStored, RunRecorded, SightingRecorded
from witnessmark.model.statement import plain


def _objects(connection: sa.Connection, tables: Tables, said: Sequence[Said]) -> None:
    known = object_ids(connection, tables, [each.sha256 for _, each in said])
    rows: dict[str, dict[str, object]] = {}
    for recorded, each in said:
        if each.sha256 in rows or each.sha256 in known:
            if each.derived_from is None:  # what was made here was found outside: an original
                _is_original(connection, tables, each.sha256, known, rows)
            continue
        rows[each.sha256] = {
            "id": recorded.index,
            "short": short(each.sha256),
            "sha256": bytes.fromhex(each.sha256),
            "size": each.size,
            "kind": each.kind,
            "derived_from": _parent(connection, tables, each.derived_from, rows),
        }
    if rows:
        connection.execute(sa.insert(tables.objects), list(rows.values()))


def _is_original(
    connection: sa.Connection,
    tables: Tables,
    name: str,
    known: Mapping[str, int],
    rows: dict[str, dict[str, object]],
) -> None:
    if name in rows:
        rows[name]["derived_from"] = None
        return
    table = tables.objects
    update = sa.update(table).where(table.c.id == known[name])
    connection.execute(update.values(derived_from=None))


def _parent(
    connection: sa.Connection,
    tables: Tables,
    name: str | None,
    rows: Mapping[str, Mapping[str, object]],
) -> object:
    """The key of what an object was derived from; it may come in the same append."""
    if name is None:
        return None
    return rows[name]["id"] if name in rows else need(connection, tables, [name])[name]


def _run_key(connection: sa.Connection, tables: Tables, run: str, first: dict[str, object]) -> int:
    """The key of a run; its row is made from `first`, when this is its first mention."""
    table = tables.runs
    key = connection.scalar(sa.select(table.c.id).where(table.c.run == run))
    if key is None:
        connection.execute(sa.insert(table), {"run": run, **first})
        return cast(int, first["id"])
    return int(key)


def _sightings(connection: sa.Connection, tables: Tables, said: Sequence[Said]) -> None:
    objects = need(connection, tables, {each.object for _, each in said if each.object})
    runs: dict[str, int] = {}
    for recorded, each in said:
        if each.run not in runs:
            first = {"id": recorded.index, "source": each.source, "party": each.party}
            first |= {"started_at": recorded.entry.at, "reference": each.reference}
            runs[each.run] = _run_key(connection, tables, each.run, first)
    connection.execute(
        sa.insert(tables.sightings),
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
        {"id": part(recorded.index, n), "sighting": recorded.index, **members(date)}
        for recorded, each in said
        for n, date in enumerate(each.dates)
    ]
    if dates:
        connection.execute(sa.insert(tables.dates), dates)


def _runs(connection: sa.Connection, tables: Tables, said: Sequence[Said]) -> None:
    table = tables.runs
    for recorded, each in said:
        values = {
            "source": each.source,
            "party": each.party,
            "reference": each.reference,
            "started_at": each.started_at,
            "tally": json.dumps(plain(each.tally), sort_keys=True),
            "entry": recorded.index,
        }
        key = _run_key(connection, tables, each.run, {"id": recorded.index, **values})
        connection.execute(sa.update(table).where(table.c.id == key).values(**values))
        # a run that was cut off is named once, by the next one to end
        cut_off = sa.update(table).where(table.c.run.in_(each.interrupted))
        connection.execute(cut_off.where(table.c.tally.is_(None)).values(tally="{}"))


def _findings(connection: sa.Connection, tables: Tables, said: Sequence[Said]) -> None:
    # two examinations at once find the same: the first one said stays
    objects = need(connection, tables, {each.object for _, each in said})
    connection.execute(
        sa.insert(tables.findings).prefix_with("OR IGNORE"),
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


WRITERS: Writers = {
    ObjectStored: _objects,
    SightingRecorded: _sightings,
    RunRecorded: _runs,
    FindingRecorded: _findings,
}
