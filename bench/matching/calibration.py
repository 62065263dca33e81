"""What a score means: fitted on the fit half, reported on the other, written into the product."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.matching.intervals import upper
from bench.matching.running import Outcome, Pair
from bench.report import Row
from witnessmark.verification import matching
from witnessmark.verification.matching import MATCHER_VERSION, VERSION
from witnessmark.verification.matching.card import Card, Measured, share_of_copies

CARD = Path(matching.__file__).with_name("card.json")
Floats = NDArray[np.float64]


def _couples(pairs: Iterable[Pair]) -> set[tuple[str, ...]]:
    return {tuple(sorted((group, each.group))) for each in pairs for group in each.groups}


def measured(pairs: Sequence[Pair], relation: str) -> Measured:
    """How often these pairs, which are no such thing, were called so."""
    false = [each for each in pairs if each.relation == relation]
    couples, wrong = len(_couples(pairs)), len(_couples(false))
    return Measured(
        pairs=len(pairs),
        false=len(false),
        shoots=len({group for each in pairs for group in each.groups}),
        couples=couples,
        rate=len(false) / max(1, len(pairs)),
        upper=upper(wrong, couples),
        upper_by_pair=upper(len(false), len(pairs)),
    )


def _scored(outcomes: Sequence[Outcome]) -> tuple[Floats, Floats]:
    """Score and truth of all pairs; a pair that is not linked as footage scores nothing."""
    told = [(v.score if v.linked else 0.0, 1.0) for each in outcomes for v in each.verdicts]
    told += [
        (p.score if p.relation == "same_footage" else 0.0, 0.0)
        for each in outcomes
        for p in each.pairs
    ]
    scores, truth = np.array(told).T
    return scores, truth


def _balanced(truth: Floats) -> Floats:
    """Weights by which copies and others count the same in all."""
    return np.where(truth > 0, 0.5 / truth.sum(), 0.5 / (1 - truth).sum())


def rising(scores: Floats, truth: Floats) -> list[tuple[float, float]]:
    """The rising step function nearest to the truth (pool adjacent violators).

    Half a pair of each kind is added to every step, so that none claims certainty.
    """
    weight = _balanced(truth)
    extra = np.array([0.25 / truth.sum(), 0.25 / (1 - truth).sum()])
    steps: list[list[float]] = []  # score, weight of copies, weight of others
    for score in np.unique(scores):
        at = scores == score
        good = float(weight[at & (truth > 0)].sum())
        steps.append([float(score), good, float(weight[at].sum()) - good])
        while len(steps) > 1 and _share(steps[-2]) >= _share(steps[-1]):
            _, copies, others = steps.pop()
            steps[-1][1] += copies
            steps[-1][2] += others
    return [(s, float((c + extra[0]) / (c + o + extra.sum()))) for s, c, o in steps]


def _share(step: Sequence[float]) -> float:
    return step[1] / (step[1] + step[2])


def made(outcomes: Sequence[Outcome], trials: Sequence[Outcome]) -> Card:
    """The card: the curve from the fit half, everything else from the other."""
    fit = [each for each in outcomes if each.half == "fit"]
    report = [each for each in outcomes if each.half == "report"]
    pairs = [pair for each in (*report, *trials) if each.half == "report" for pair in each.pairs]
    other = [pair for pair in pairs if pair.group not in pair.groups]
    scene = [pair for pair in pairs if pair.group in pair.groups]
    curve = rising(*_scored(fit))
    card = Card(
        MATCHER_VERSION,
        VERSION,
        {
            "same_footage": measured(other, "same_footage"),
            "same_scene": measured(other, "same_scene"),
            "one_scene": measured(scene, "same_footage"),
        },
        tuple((round(score, 4), round(share, 5)) for score, share in curve),
        {},
    )
    return dataclasses.replace(card, reported=_reported(card, *_scored(report)))


def _reported(card: Card, scores: Floats, truth: Floats) -> dict[str, float]:
    """How far the curve is off where it was not fitted, copies and others weighing the same."""
    said = np.array([share_of_copies(score, of=card) for score in scores])
    weight = _balanced(truth)
    linked = scores > 0
    return {
        "brier": round(float((weight * (said - truth) ** 2).sum()), 5),
        "said_of_linked": round(float(np.average(said[linked], weights=weight[linked])), 5),
        "true_of_linked": round(float(np.average(truth[linked], weights=weight[linked])), 5),
        "copies": int(truth.sum()),
        "others": int((1 - truth).sum()),
    }


def write(card: Card) -> None:
    """Into the product."""
    text = json.dumps(dataclasses.asdict(card), indent=1, sort_keys=True)
    CARD.write_text(text + "\n", encoding="utf-8")


def rows(card: Card) -> list[Row]:
    """What the card says."""
    told = [
        Row(
            f"card: {name}, false among pairs of {each.couples} couples of shoots",
            f"{each.false} of {each.pairs}",
            remark=f"upper bound {each.upper:.1e}, if all pairs were independent"
            f" {each.upper_by_pair:.1e}; synthetic edits",
        )
        for name, each in card.relations.items()
    ]
    figures = ", ".join(f"{name} {value}" for name, value in card.reported.items())
    return [*told, Row("card: curve on the half it was not fitted on", figures)]
