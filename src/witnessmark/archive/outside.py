"""Which older checkpoints go into a package: those that somebody outside has seen.

For every object and every authority, calendar and partner, the first one over it; and the newest of
each. All others say nothing more of these objects.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence

from witnessmark.archive import anchoring, stamps
from witnessmark.archive.archive import Archive
from witnessmark.errors import WitnessmarkError
from witnessmark.model import ObjectStored, Recorded
from witnessmark.ports import AnchorRow, CosignatureRow
from witnessmark.reporting.package import Earlier

_ENDINGS = {"rfc3161": ".tsr", "opentimestamps": ".ots"}


def earlier(
    archive: Archive, entries: Iterable[Recorded], objects: Iterable[str]
) -> tuple[list[Earlier], list[str]]:
    """The checkpoints, smallest first, with what stands over each.

    And a sentence for each stamp that does not hold any more: with it, a package would be refused.
    """
    indices = _stored(entries, set(objects))
    holding, left_out = _holding(archive)
    anchors, lines = _best(holding), archive.queries.cosignatures()
    legs: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for anchor in anchors:
        legs[anchor.kind, anchor.authority + anchor.state].add(anchor.size)
    for line in lines:
        legs["witness", line.witness].add(line.size)
    chosen = {size for sizes in legs.values() for size in _over(sorted(sizes), indices)}
    return [_checkpoint(size, anchors, lines) for size in sorted(chosen)], left_out


def _holding(archive: Archive) -> tuple[list[AnchorRow], list[str]]:
    """Stamps that are still what the record says, and a sentence for each other one."""
    found, left_out = [], []
    for row in archive.queries.anchors():
        try:
            stamps.recheck(archive, row)
            found.append(row)
        except WitnessmarkError as error:
            who = f"{row.authority} over the checkpoint of {row.size} entries"
            left_out.append(f"The stamp by {who} is left out: {error.what}")
    return found, left_out


def standing(archive: Archive, entries: Iterable[Recorded], objects: Iterable[str]) -> str:
    """The latest of the earliest outside times of these objects, in words."""
    indices = _stored(entries, set(objects))
    if not indices:
        return "there are no objects here"
    last = archive.journal.entry(indices[-1])
    return str(anchoring.standings(archive).of(last.index, last.entry.at))


def _stored(entries: Iterable[Recorded], objects: set[str]) -> list[int]:
    """Where the record first stores each object."""
    first: dict[str, int] = {}
    for recorded in entries:
        if isinstance(recorded.said, ObjectStored) and recorded.said.sha256 in objects:
            first.setdefault(recorded.said.sha256, recorded.index)
    return sorted(first.values())


def _over(sizes: Sequence[int], indices: Iterable[int]) -> set[int]:
    """The first size beyond each index, and the last of all."""
    places = {bisect_right(sizes, index) for index in indices} | {len(sizes) - 1}
    return {sizes[place] for place in places if place < len(sizes)}


def _best(rows: Iterable[AnchorRow]) -> list[AnchorRow]:
    """One stamp of each authority over each checkpoint: what stands before what is promised."""
    found: dict[tuple[int, str, str], AnchorRow] = {}
    for row in rows:
        key = row.size, row.kind, row.authority
        if key not in found or row.stands > found[key].stands:
            found[key] = row
    return list(found.values())


def _checkpoint(
    size: int, anchors: Iterable[AnchorRow], lines: Iterable[CosignatureRow]
) -> Earlier:
    stamps: dict[str, str] = {}
    for row in anchors:
        if row.size == size:
            stamps[_name(row, stamps)] = row.proof
    cosignatures = tuple(row.line.encode() for row in lines if row.size == size)
    return Earlier(size=size, cosignatures=cosignatures, stamps=stamps)


def _name(row: AnchorRow, taken: Iterable[str]) -> str:
    """A file name after the authority, unlike all that are taken."""
    plain = re.sub(r"[^a-z0-9]+", "-", row.authority.lower()).strip("-")[:30] or row.kind
    names = [plain, *(f"{plain}-{number}" for number in range(2, 1000))]
    return next(name for each in names if (name := each + _ENDINGS[row.kind]) not in taken)
