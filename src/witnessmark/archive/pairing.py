"""Pairs of fingerprints of one kind: those that are due are compared, and links come of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from witnessmark.archive.archive import Archive
from witnessmark.archive.batch import Advance, Batch
from witnessmark.archive.comparing import Comparison
from witnessmark.archive.fingerprinting import Kind
from witnessmark.archive.tally import TRIES, Tally
from witnessmark.model import LinkFound, ReferenceMatched


@dataclasses.dataclass(frozen=True, slots=True)
class End:
    """One side of a pair: an object's fingerprint, or one that somebody claims.

    Attributes:
        entry: of the object, or of the first claim.
        name: SHA-256 of the object, or of the claimed fingerprint.
    """

    entry: int
    name: str
    claimed: bool = False


#: The second one may be claimed.
Pair = tuple[End, End]
Link = LinkFound | ReferenceMatched


@dataclasses.dataclass(frozen=True, slots=True)
class Chosen:
    """Pairs that are due, at most how many, and what is settled once all of them are compared."""

    pairs: Iterator[Pair]
    total: int
    settled: Collection[tuple[int, int]] = ()


def all_pairs(
    ends: Sequence[End], claimed: Sequence[End], done: Collection[tuple[int, int]]
) -> Chosen:
    """The pairs that are due, those of one object one after the other: all that are not `done`.

    Args:
        ends: objects with a fingerprint.
        claimed: fingerprints without their video: compared with the objects, not with each other.
        done: entries of pairs that this matcher compared, in the order of the pair.
    """
    held = {end.entry for end in (*ends, *claimed)}
    there = sum(a != b and held.issuperset((a, b)) for a, b in done)
    pairs = math.comb(len(ends), 2) + len(ends) * len(claimed)
    return Chosen(_each(ends, claimed, done), pairs - there)


def _each(
    ends: Sequence[End], claimed: Sequence[End], done: Collection[tuple[int, int]]
) -> Iterator[Pair]:
    ends = sorted(ends, key=lambda end: end.name)
    for place, a in enumerate(ends):
        for b in (*ends[place + 1 :], *claimed):
            if (a.entry, b.entry) not in done:
                yield a, b


class Verdict(NamedTuple):
    """What a pair came to, in a word for the tally, and the link that says so, if one does."""

    relation: str
    link: Link | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    """How fingerprints of a kind are compared.

    Attributes:
        kind: of the fingerprints.
        function: the worker function that compares, in the kind's module.
        version: of everything that decides.
        linked: names of pairs that this version linked: they get no second link.
        judge: what a worker's match comes to, or why it makes no sense.
    """

    kind: Kind[Any]
    function: str
    version: str
    linked: Collection[tuple[str, str]]
    judge: Callable[[Pair, dict[str, Any]], Verdict | str]

    def comparison(self, archive: Archive) -> Comparison[End]:
        """Compares in workers of `archive`."""
        return Comparison(
            lambda: archive.engine([self.kind.module]),
            lambda end: self._path(archive, end),
            f"{self.kind.module}:{self.function}",
        )

    def _path(self, archive: Archive, end: End) -> Path:
        if end.claimed:
            return archive.blobs.path(end.name)
        return self.kind.path(archive, end.name)

    def subject(self, pair: Pair | None = None) -> str:
        """What `work` calls a pair that failed; without one, how all of them begin."""
        rows = f"{pair[0].entry} {pair[1].entry}" if pair else ""
        return f"compare {self.version} {rows}"


def compare_all(
    archive: Archive, matcher: Matcher, chosen: Chosen, tally: Tally, on_progress: Advance
) -> None:
    """Compares what is due; links first, so that a kill costs a comparison at most."""
    tried = archive.work.tried(matcher.subject())
    compared: list[tuple[int, int]] = []
    failed: set[int] = set()

    def remember() -> None:
        archive.work.add_compared(compared, matcher.version)
        compared.clear()

    def due() -> Iterator[Pair]:
        for pair in chosen.pairs:
            tally.due += 1
            if tried.get(matcher.subject(pair), 0) >= TRIES:
                tally.given_up += 1
            else:
                yield pair

    with Batch(archive, remember) as batch:
        for pair, answer in matcher.comparison(archive).of(due()):
            found = _judged(matcher, pair, answer)
            if isinstance(found, str):
                failed |= {end.entry for end in pair}
                tally.pairs_failed += 1
                tally.because(found)
                _look_again(archive, matcher.kind, pair)
                subject = matcher.subject(pair)
                archive.work.ask_again(subject, tried.get(subject, 0) + 1, "")
            else:
                tally.came_to(found.relation)
                if found.link and (pair[0].name, pair[1].name) not in matcher.linked:
                    batch.add(found.link, *(end.name for end in pair if not end.claimed))
                    tally.links += 1
                compared.append((pair[0].entry, pair[1].entry))
            batch.step()
            on_progress(tally.compared + tally.pairs_failed, chosen.total)
        compared += [pair for pair in chosen.settled if pair[0] not in failed]


def _judged(matcher: Matcher, pair: Pair, answer: dict[str, Any] | str | None) -> Verdict | str:
    if isinstance(answer, dict):
        return matcher.judge(pair, answer)
    return Verdict("none", None) if answer is None else answer


def _look_again(archive: Archive, kind: Kind[Any], pair: Pair) -> None:
    """Removes our own fingerprints if they are none; what somebody claims is not ours to make."""
    for end in pair:
        if not end.claimed:
            kind.held(archive, end.name)
