"""`python -m bench matching`: what is measured, with options."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bench.matching import (
    calibration,
    comparing,
    costs,
    negatives,
    queries,
    running,
    sounds,
    sources,
    tables,
)
from bench.matching.queries import Query
from bench.matching.running import Outcome
from bench.matching.sources import Piece
from bench.report import HEADER, Row


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m bench matching", description=__doc__)
    made.add_argument("--quick", action="store_true", help="three queries of each edit")
    made.add_argument("--misses", action="store_true", help="list every miss and false link")
    made.add_argument("--half", choices=["fit", "report"], help="queries of one half only")
    made.add_argument("--row", action="append", help="queries with this in their name")
    made.add_argument("--negatives", action="store_true", help="only pairs that share nothing")
    made.add_argument("--edits", action="store_true", help="only queries, no further pairs")
    made.add_argument("--own", action="store_true", help="queries against their own shoot alone")
    made.add_argument("--made", action="store_true", help="only queries that are made already")
    made.add_argument("--make", action="store_true", help="make the queries, compare nothing")
    made.add_argument("--card", action="store_true", help="write the card into the product")
    made.add_argument("--no-peers", action="store_true", help="without the side by side")
    made.add_argument("--jobs", type=int, default=running.cores(), help="processes")
    return made


def chosen(options: argparse.Namespace, pieces: Sequence[Piece]) -> list[Query]:
    """The queries that the options name."""
    made = queries.of_pieces(pieces)
    if options.half:
        made = [query for query in made if query.half == options.half]
    if options.row:
        made = [query for query in made if any(row in query.name for row in options.row)]
    if options.made:
        made = [query for query in made if query.is_made]
    return queries.few(made) if options.quick else made


def tried(options: argparse.Namespace, pieces: Sequence[Piece]) -> list[Outcome]:
    """Outcomes of pairs that share nothing."""
    made = negatives.trials(pieces)
    if options.half:
        made = [trial for trial in made if trial.half == options.half]
    return running.trials(made[::8] if options.quick else made, options.jobs)


def rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """The whole table."""
    made: list[Row] = []
    for half in ("fit", "report"):
        if any(each.half == half for each in outcomes):
            made += tables.recall(outcomes, half)
            pairs = [pair for each in outcomes if each.half == half for pair in each.pairs]
            made += tables.false_links(
                (pair for pair in pairs if pair.kind == "unrelated"),
                f"false matches among unrelated pairs, {half} half",
            )
            made += tables.false_links(
                (pair for pair in pairs if pair.kind == "scene"),
                f"same-scene pairs called copies, {half} half",
            )
    return made


def measured(options: argparse.Namespace) -> tuple[list[Outcome], list[Row]]:
    """All outcomes and all rows that the options ask for."""
    pieces = sources.pieces()
    asked = [] if options.negatives else chosen(options, pieces)
    if options.make:
        running.make(asked, options.jobs)
        return [], []
    outcomes = running.outcomes(asked, pieces, options.jobs, own=options.own)
    made = rows(outcomes)
    if asked and not (options.no_peers or options.half or options.own):
        made += comparing.table(outcomes, asked, pieces, options.jobs)
    if not (options.row or options.edits or options.own):
        trials = tried(options, pieces)
        made += tables.hard_negatives(trials)
        if whole(options):
            card = calibration.made(outcomes, trials)
            made += calibration.rows(card)
            if options.card:
                calibration.write(card)
        outcomes += trials
    if whole(options):
        made += sounds.rows(pieces) + costs.costs(pieces) + costs.pairs(pieces)
    return outcomes, made


def whole(options: argparse.Namespace) -> bool:
    """Whether everything was asked for."""
    parts = ("quick", "half", "row", "negatives", "edits", "own", "made")
    return not any(getattr(options, name) for name in parts)


def table(_: Path) -> list[Row]:
    """The rows of `make bench`."""
    return measured(parser().parse_args([]))[1]


def main(arguments: Sequence[str]) -> None:
    given = parser()
    options = given.parse_args(arguments)
    if options.card and not whole(options):
        given.error("--card needs the whole measurement")
    outcomes, made = measured(options)
    if options.misses:
        for line in tables.misses(outcomes):
            print(line)
        print()
    print(HEADER)
    for row in made:
        print(row)
