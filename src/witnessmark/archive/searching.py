"""Which pairs of an archive's videos are compared: those that its search index finds alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Sequence

from witnessmark.archive.archive import Archive
from witnessmark.archive.matching import fingerprint_path
from witnessmark.errors import BadInput
from witnessmark.ports import ObjectRow
from witnessmark.stores.durable import settle
from witnessmark.verification.matching import Fingerprint
from witnessmark.verification.matching.index import Index
from witnessmark.verification.matching.planning import plan

_INDEX = "index"
#: Fingerprints taken in at a time, to bound memory.
_TOGETHER = 1000
Pair = tuple[ObjectRow, ObjectRow]


@dataclasses.dataclass(frozen=True, slots=True)
class Due:
    """What is to be compared.

    Attributes:
        pairs: rows, the one whose name sorts first first; in order.
        settled: pairs of one entry with itself, to be put down with the compared ones once all of
            `pairs` are: the candidates of these objects need not be looked for again.
        left_off: name of an object to the number of its candidates that are too many to compare.
        only_flat: names of objects that show nothing but black or even pictures.
    """

    pairs: tuple[Pair, ...]
    settled: tuple[tuple[int, int], ...]
    left_off: dict[str, int]
    only_flat: tuple[str, ...]


def due(archive: Archive, rows: Sequence[ObjectRow], done: Collection[tuple[int, int]]) -> Due:
    """The pairs to compare, after the index was brought up to date.

    Args:
        rows: objects with a fingerprint.
        done: entries of pairs that were compared, and what was `settled`, by this matcher.
    """
    index = Index.open(archive.derived / _INDEX, settle)
    held = {row.sha256: row for row in rows}
    _update(archive, index, held)
    new = [row for row in rows if (row.entry, row.entry) not in done]
    made = plan(index, _prints(archive, [row.sha256 for row in new]))
    pairs = [(held[a], held[b]) for a, b in made.pairs]
    return Due(
        tuple((a, b) for a, b in pairs if (a.entry, b.entry) not in done),
        tuple((row.entry, row.entry) for row in new),
        made.left_off,
        made.only_flat,
    )


def forget(archive: Archive, names: Iterable[str]) -> None:
    """Takes objects out of the index; no file of it holds anything of them then."""
    index = Index.open(archive.derived / _INDEX, settle)
    index.forget(names)
    index.commit()


def _update(archive: Archive, index: Index, held: Collection[str]) -> None:
    """Adds what is missing, takes out what is gone; a kill loses at most what was added last."""
    inside = index.keys()
    index.forget(inside.difference(held))
    missing = sorted(set(held) - inside)
    for start in range(0, len(missing) or 1, _TOGETHER):
        for name, each in _prints(archive, missing[start : start + _TOGETHER]):
            index.add(name, each)
        index.commit()


def _prints(archive: Archive, names: Iterable[str]) -> Iterator[tuple[str, Fingerprint]]:
    """The fingerprints that can be read; the next run makes the others again."""
    for name in names:
        try:
            yield name, Fingerprint.decode(fingerprint_path(archive, name).read_bytes())
        except (FileNotFoundError, BadInput):
            continue
