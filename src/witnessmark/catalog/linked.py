"""Rows of what belongs together: links, decisions about them, claimed fingerprints."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from witnessmark.catalog.decisions import EVER
from witnessmark.catalog.recordings import regroup
from witnessmark.catalog.tables import Tables, part, short
from witnessmark.catalog.writing import Said, Writers, members, need
from witnessmark.model import LinkDecided, LinkFound, ReferenceClaimed, ReferenceMatched
from witnessmark.model.link import SAME_FOOTAGE
from witnessmark.model.statement import plain


def _links(connection: sa.Connection, tables: Tables, said: Sequence[Said]) -> None:
    objects = need(connection, tables, {name for _, each in said for name in (each.a, each.b)})
    joined = set()
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
        if not connection.execute(sa.insert(tables.links).prefix_with("OR IGNORE"), link).rowcount:
            continue
        if each.segments:
            rows = [
                {"id": part(recorded.index, n), "link": recorded.index, **members(segment)}
                for n, segment in enumerate(each.segments)
            ]
            connection.execute(sa.insert(tables.segments), rows)
        if each.relation == SAME_FOOTAGE:
            joined |= {objects[each.a], objects[each.b]}
    regroup(connection, tables, joined)


def _decisions(connection: sa.Connection, tables: Tables, said: Sequence[Said]) -> None:
    objects = need(connection, tables, {name for _, each in said for name in (each.a, each.b)})
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
        for n, span in enumerate([members(span) for span in each.spans] or [everything])
    ]
    connection.execute(sa.insert(tables.decisions), rows)
    regroup(connection, tables, {key for row in rows for key in (row["a"], row["b"])})


def _references(connection: sa.Connection, tables: Tables, said: Sequence[Said]) -> None:
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
    connection.execute(sa.insert(tables.references), rows)


def _reference_links(connection: sa.Connection, tables: Tables, said: Sequence[Said]) -> None:
    objects = need(connection, tables, {each.object for _, each in said})
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
    connection.execute(sa.insert(tables.reference_links).prefix_with("OR IGNORE"), rows)


def _content(*values: Any) -> int:
    """63 bits of what was said, to tell it from something else."""
    text = json.dumps([plain(each) for each in values], sort_keys=True)
    return short(hashlib.sha256(text.encode()).hexdigest())


WRITERS: Writers = {
    LinkFound: _links,
    LinkDecided: _decisions,
    ReferenceClaimed: _references,
    ReferenceMatched: _reference_links,
}
