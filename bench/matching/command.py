"""`python -m bench matching`: what is measured, with options."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bench.matching import negatives, queries, running, sources, tables
from bench.matching.running import Outcome
from bench.report import HEADER, Row


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m bench matching", description=__doc__)
    made.add_argument("--quick", action="store_true", help="a fifth of the queries")
    made.add_argument("--misses", action="store_true", help="list every miss and false link")
    made.add_argument("--half", choices=["fit", "report"], help="queries of one half only")
    made.add_argument("--row", action="append", help="queries of one edit only; may be repeated")
    made.add_argument("--negatives", action="store_true", help="only pairs that share nothing")
    made.add_argument("--jobs", type=int, default=running.cores(), help="processes")
    return made


def measured(options: argparse.Namespace) -> list[Outcome]:
    """Outcomes of the queries that the options name."""
    pieces = sources.pieces()
    chosen = queries.of_pieces(pieces)
    if options.half:
        chosen = [query for query in chosen if query.half == options.half]
    if options.row:
        chosen = [query for query in chosen if any(row in query.name for row in options.row)]
    if options.quick:
        chosen = queries.few(chosen)
    return running.outcomes(chosen, pieces, options.jobs)


def tried(options: argparse.Namespace) -> list[Outcome]:
    """Outcomes of pairs that share nothing."""
    chosen = negatives.trials(sources.pieces())
    if options.half:
        chosen = [trial for trial in chosen if trial.half == options.half]
    if options.quick:
        chosen = chosen[::8]
    return running.trials(chosen, options.jobs)


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


def table(_: Path) -> list[Row]:
    """The rows of `make bench`."""
    options = parser().parse_args([])
    return rows(measured(options)) + tables.hard_negatives(tried(options))


def main(arguments: Sequence[str]) -> None:
    options = parser().parse_args(arguments)
    outcomes = [] if options.negatives else measured(options)
    trials = [] if options.row else tried(options)
    if options.misses:
        for line in tables.misses([*outcomes, *trials]):
            print(line)
        print()
    print(HEADER)
    for row in [*rows(outcomes), *tables.hard_negatives(trials)]:
        print(row)
