"""Every query against every reference, in several processes; what comes out, judged."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.matching import prints
from bench.matching.judging import Verdict, judged
from bench.matching.negatives import Trial
from bench.matching.queries import Query
from bench.matching.sources import Piece
from witnessmark.verification.matching import Match


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    """A query and a piece that is none of its parts.

    Attributes:
        kind: `unrelated`, `scene` when both come from one shoot, or what a trial says.
        relation: what it was called, empty for nothing.
    """

    query: str
    groups: tuple[str, ...]
    half: str
    piece: str
    group: str
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


def outcome(query: Query, references: Sequence[Piece], *, own: bool = False) -> Outcome:
    """Makes what is missing, compares, judges; with its own shoots alone when `own`."""
    parts = query.made()
    if query.half == "fit":  # nothing of the report half may bear on a threshold
        references = [piece for piece in references if piece.half == "fit"]
    if own:
        shoots = {part.group for part in parts}
        references = [piece for piece in references if piece.group in shoots]
    found = prints.matches(query.path, {piece.name: piece.path for piece in references})
    names = {part.piece for part in parts}
    # What lies over or beside a part is not unrelated to its own shoot.
    groups = tuple(sorted({part.group for part in parts}))
    pairs = tuple(
        _pair(
            (query.name, query.half, groups),
            "scene" if piece.group in groups else "unrelated",
            (piece.name, piece.group),
            found.get(piece.name),
        )
        for piece in references
        if piece.name not in names
    )
    verdicts = tuple(judged(part, found.get(part.piece)) for part in parts)
    return Outcome(query.name, query.half, verdicts, pairs)


def _pair(
    query: tuple[str, str, tuple[str, ...]],
    kind: str,
    reference: tuple[str, str],
    match: Match | None,
) -> Pair:
    name, half, groups = query
    relation, score = (match.relation, match.score) if match else ("", 0.0)
    told = "; ".join(f"{s.query} = {s.reference}" for s in match.segments) if match else ""
    return Pair(name, groups, half, *reference, kind, relation, score, told)


def tried(trial: Trial) -> Outcome:
    """A query that shows none of its references."""
    found = prints.matches(trial.path, {name: path for name, (path, _) in trial.references.items()})
    whose = (trial.name, trial.half, (trial.group,))
    pairs = tuple(
        _pair(whose, trial.kind, (name, group), found.get(name))
        for name, (_, group) in trial.references.items()
    )
    return Outcome(trial.name, trial.half, (), pairs)


_work: Callable[[int], Outcome]


def _one(number: int) -> Outcome:
    return _work(number)


def _fingerprinted(path: str) -> None:
    prints.print_of(Path(path))


def make(queries: Sequence[Query], jobs: int) -> None:
    """Makes the files of queries that are missing, compares nothing."""

    # Mixed, so that what is there when somebody stops it is a sample of all.
    queries = sorted(queries, key=lambda query: zlib.crc32(query.name.encode()))

    def work(number: int) -> Outcome:
        queries[number].made()
        return Outcome(queries[number].name, queries[number].half, (), ())

    _each("queries made", work, len(queries), (), jobs)


def outcomes(
    queries: Sequence[Query], references: Sequence[Piece], jobs: int, *, own: bool = False
) -> list[Outcome]:
    """Of all queries, in their order."""
    paths = [piece.path for piece in references]

    def work(number: int) -> Outcome:
        return outcome(queries[number], references, own=own)

    return _each("queries", work, len(queries), paths, jobs)


def trials(tries: Sequence[Trial], jobs: int) -> list[Outcome]:
    """Of all pairs that share nothing."""
    paths = sorted({path for each in tries for path, _ in each.references.values()})
    return _each("hard negatives", lambda n: tried(tries[n]), len(tries), paths, jobs)


def _each(
    what: str, work: Callable[[int], Outcome], count: int, references: Sequence[Path], jobs: int
) -> list[Outcome]:
    """Calls `work` with 0 to `count` in several processes; progress goes to standard error."""
    global _work
    _work = work  # what the processes that are forked now will call
    started = last = time.monotonic()
    made = []
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("fork")) as pool:
        list(pool.map(_fingerprinted, [str(path) for path in references], chunksize=2))
        for number, each in enumerate(pool.map(_one, range(count)), 1):
            made.append(each)
            if time.monotonic() - last > 20 or number == count:
                last = time.monotonic()
                print(f"  {number}/{count} {what}, {last - started:.0f} s", file=sys.stderr)
    return made


def cores() -> int:
    """Processes to use when nobody says."""
    return min(2, os.cpu_count() or 1)
