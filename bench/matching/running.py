"""Every query against every reference, in several processes; what comes out, judged."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.matching import prints
from bench.matching.judging import Verdict, judged
from bench.matching.queries import Query
from bench.matching.sources import Piece


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    """A query and a piece that is none of its parts.

    Attributes:
        kind: `unrelated`, or `scene` when both come from one shoot.
        relation: what it was called, empty for nothing.
    """

    query: str
    groups: tuple[str, ...]
    half: str
    piece: str
    group: str
    reference_half: str
    kind: str
    relation: str
    score: float
    told: str


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """Of one query: a verdict for each part, and all pairs with other pieces."""

    query: str
    half: str
    verdicts: tuple[Verdict, ...]
    pairs: tuple[Pair, ...]


def outcome(query: Query, references: Sequence[Piece]) -> Outcome:
    """Makes what is missing, compares, judges."""
    parts = query.made()
    if query.half == "fit":  # nothing of the report half may bear on a threshold
        references = [piece for piece in references if piece.half == "fit"]
    found = prints.matches(query.path, {piece.name: piece.path for piece in references})
    names = {part.piece for part in parts}
    # What lies over or beside a part is not unrelated to its own shoot.
    groups = tuple(sorted({part.group for part in parts}))
    pairs = []
    for piece in references:
        if piece.name in names:
            continue
        match = found.get(piece.name)
        told = "; ".join(f"{s.query} = {s.reference}" for s in match.segments) if match else ""
        kind = "scene" if piece.group in groups else "unrelated"
        pairs.append(Pair(
            query.name, groups, query.half, piece.name, piece.group, piece.half, kind,
            match.relation if match else "", match.score if match else 0.0, told,
        ))  # fmt: skip
    verdicts = tuple(judged(part, found.get(part.piece)) for part in parts)
    return Outcome(query.name, query.half, verdicts, tuple(pairs))


_work: tuple[Sequence[Query], Sequence[Piece]] = ((), ())


def _one(number: int) -> Outcome:
    queries, references = _work
    return outcome(queries[number], references)


def _fingerprinted(path: str) -> None:
    prints.print_of(Path(path))


def outcomes(queries: Sequence[Query], references: Sequence[Piece], jobs: int) -> Iterator[Outcome]:
    """In the order of the queries; progress goes to standard error."""
    global _work
    _work = (queries, references)
    started = last = time.monotonic()
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("fork")) as pool:
        list(pool.map(_fingerprinted, [str(piece.path) for piece in references]))
        for number, each in enumerate(pool.map(_one, range(len(queries))), 1):
            yield each
            if time.monotonic() - last > 20 or number == len(queries):
                last = time.monotonic()
                spent = last - started
                print(f"  {number}/{len(queries)} queries, {spent:.0f} s", file=sys.stderr)


def cores() -> int:
    """Processes to use when nobody says."""
    return min(2, os.cpu_count() or 1)
