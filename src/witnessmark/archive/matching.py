"""Matching: fingerprints of all objects, and the links between them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import combinations
from pathlib import Path

from witnessmark.archive.archive import Archive
from witnessmark.archive.batch import FAILURES, NONSENSE, Advance, Batch, inconclusive, nothing
from witnessmark.errors import BadInput
from witnessmark.model import LinkFound, LinkSegment
from witnessmark.model.statement import Sha256, Token
from witnessmark.ports import ObjectRow, Outcome, Task
from witnessmark.stores.durable import write_file
from witnessmark.verification import matching

_NO_PICTURE = "no picture could be decoded"
_CHECK = ("fingerprint", matching.VERSION)
Prints = dict[ObjectRow, matching.Fingerprint]


def fingerprint_path(archive: Archive, sha256: str) -> Path:
    """Where the fingerprint of an object lies, once it is made."""
    folder = archive.derived / "fingerprints" / matching.VERSION / sha256[:2]
    return folder / sha256


def match(archive: Archive, on_progress: Advance = nothing) -> dict[str, int]:
    """Fingerprints what has none, compares the pairs not yet compared, records the links.

    Pairs are compared in this process, one after the other: workers take open files only.

    Returns:
        counts: fingerprints, failed, pairs, same_footage, same_scene, pairs_failed.
    """
    counts = dict.fromkeys(
        ("fingerprints", "failed", "pairs", "same_footage", "same_scene", "pairs_failed"), 0
    )
    rows = archive.queries.objects(("video", "picture"))
    prints = dict(_load(archive, rows))
    due = {row.sha256 for row in archive.queries.unexamined(*_CHECK)}
    missing = [row for row in rows if row not in prints and row.sha256 in due]
    prints |= _fingerprint(archive, missing, counts, on_progress)
    _compare_all(archive, prints, counts, on_progress)
    return counts


def _load(
    archive: Archive, rows: Iterable[ObjectRow]
) -> Iterator[tuple[ObjectRow, matching.Fingerprint]]:
    """The fingerprints that are there; a file that is none is removed, to be made again."""
    for row in rows:
        path = fingerprint_path(archive, row.sha256)
        try:
            yield row, matching.Fingerprint.decode(path.read_bytes())
        except FileNotFoundError:
            continue
        except BadInput:
            path.unlink()


def _fingerprint(
    archive: Archive, rows: list[ObjectRow], counts: dict[str, int], on_progress: Advance
) -> Prints:
    """Makes fingerprints; an object that none can be made of gets a finding that says so."""
    waiting = {row.sha256: row for row in rows}
    tasks = [
        Task(
            row.sha256,
            "witnessmark.verification.matching:fingerprint",
            str(archive.blobs.path(row.sha256)),
            {"size": row.size},
        )
        for row in rows
    ]
    prints: Prints = {}
    engine = archive.engine(["witnessmark.verification.matching"])
    with Batch(archive) as batch, closing(engine.map(tasks)) as outcomes:
        for done, outcome in enumerate(outcomes, 1):
            row = waiting[outcome.key]
            made = _decoded(outcome)
            if isinstance(made, str):
                bare = inconclusive(row, *_CHECK)
                batch.add(dataclasses.replace(bare, reason=Token(made)), row.sha256)
                counts["failed"] += 1
            else:
                path = fingerprint_path(archive, row.sha256)
                path.parent.mkdir(parents=True, exist_ok=True)
                write_file(path, made.encode())
                prints[row] = made
                counts["fingerprints"] += 1
            batch.step()
            on_progress(done, len(tasks))
    return prints


def _decoded(outcome: Outcome) -> matching.Fingerprint | str:
    """The fingerprint that a worker made, or why there is none."""
    if outcome.result is None:
        return FAILURES[outcome.failure]
    data = outcome.result.blobs.get("fingerprint", b"")
    if not data:
        return _NO_PICTURE
    try:
        return matching.Fingerprint.decode(data)
    except BadInput:
        return NONSENSE


def _compare_all(
    archive: Archive, prints: Prints, counts: dict[str, int], on_progress: Advance
) -> None:
    """Compares the pairs that were not; links first, so that a kill costs a comparison at most."""
    done = archive.work.compared(matching.MATCHER_VERSION)
    linked = {(row.a, row.b) for row in archive.queries.links()}
    held = {row.entry for row in prints}
    total = math.comb(len(prints), 2) - sum(held.issuperset(pair) for pair in done)
    compared: list[tuple[int, int]] = []

    def remember() -> None:
        archive.work.add_compared(compared, matching.MATCHER_VERSION)
        compared.clear()

    with Batch(archive, remember) as batch:
        for a, b in combinations(sorted(prints, key=lambda row: row.sha256), 2):
            if (a.entry, b.entry) in done:
                continue
            try:
                link = _compare(prints[a], prints[b], a.sha256, b.sha256)
            # a fingerprint that a hostile file made up must not keep the others from being
            # compared; the pair is counted, and tried again by the next run
            except Exception:  # noqa: BLE001
                counts["pairs_failed"] += 1
                continue
            if link and (link.a, link.b) not in linked:
                batch.add(link, link.a, link.b)
                counts[link.relation] += 1
            compared.append((a.entry, b.entry))
            batch.step()
            counts["pairs"] += 1
            on_progress(counts["pairs"] + counts["pairs_failed"], total)


def _compare(
    one: matching.Fingerprint, other: matching.Fingerprint, a: str, b: str
) -> LinkFound | None:
    match = matching.match(one, other)
    if match is None:
        return None
    segments = tuple(
        LinkSegment(
            a_start=_ms(each.query[0]),
            a_end=_ms(each.query[1]),
            b_start=_ms(each.reference[0]),
            b_end=_ms(each.reference[1]),
            rate=Token(f"{each.rate:.4f}"),
            transform=Token(each.transform),
        )
        for each in match.segments
    )
    return LinkFound(
        a=Sha256(a),
        b=Sha256(b),
        relation=Token(match.relation),
        score=Token(f"{match.score:.4f}"),
        fingerprint=Token(matching.VERSION),
        matcher=Token(matching.MATCHER_VERSION),
        segments=segments,
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
