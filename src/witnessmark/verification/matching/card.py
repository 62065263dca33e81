"""What a score means: the measured error of this matcher, and the false links to expect.

The card (`card.json`) is made by `python -m bench matching --card`: fitted on one half of the
clip sources, reported on the other. Every figure is of synthetic edits of short real clips. It is
of one version of the matcher and of the fingerprint; with others, everything here says so.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from importlib import resources
from typing import Any

from witnessmark.verification.matching.fingerprint import VERSION as FINGERPRINT
from witnessmark.verification.matching.matcher import VERSION as MATCHER

_FILE = "card.json"


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """How often pairs that are no such thing were called by a relation's name.

    Attributes:
        pairs: compared, none of which shares footage.
        false: of them, called so.
        shoots: independent clip sources on the query's side.
        couples: couples of independent sources: pairs of one couple are not independent.
        rate: false / pairs.
        upper: 95% upper bound of the rate, each couple of sources taken as one trial.
        upper_by_pair: the same if all pairs were independent, which they are not.
    """

    pairs: int
    false: int
    shoots: int
    couples: int
    rate: float
    upper: float
    upper_by_pair: float


@dataclasses.dataclass(frozen=True, slots=True)
class Card:
    """The measurement.

    Attributes:
        matcher, fingerprint: versions it is of.
        relations: by relation. `same_footage` counts pairs of other shoots; `one_scene` counts
            pairs of one shoot that share no second, called the same footage.
        curve: (score, share), rising: what share of pairs with this score or more, up to the next
            one, are copies where copies and others are compared equally often.
        reported: how the curve did on the sources that it was not fitted on.
    """

    matcher: str
    fingerprint: str
    relations: dict[str, Measured]
    curve: tuple[tuple[float, float], ...]
    reported: dict[str, float]

    @property
    def current(self) -> bool:
        """Whether it is of the versions that run."""
        return (self.matcher, self.fingerprint) == (MATCHER, FINGERPRINT)


@dataclasses.dataclass(frozen=True, slots=True)
class Expectation:
    """False links to expect among so many pairs.

    Attributes:
        expected: at the measured rate.
        at_most: at the rate's upper bound, by couples of sources.
        at_most_by_pair: at the bound that takes all measured pairs for independent.
        current: whether the card is of the versions that run.
    """

    pairs_compared: int
    expected: float
    at_most: float
    at_most_by_pair: float
    measured: Measured
    current: bool

    @property
    def sentence(self) -> str:
        """For a screen: what was measured, and what it makes here."""
        told = (
            f"{self.pairs_compared:,} pairs compared: {_number(self.expected)} false links"
            f" expected, at most {_number(self.at_most)} (95%). Measured on synthetic edits:"
            f" {self.measured.false} false among {self.measured.pairs:,} pairs"
            f" from {self.measured.couples:,} couples of independent clips."
        )
        return told if self.current else f"{told} Measured with another version of the matcher."


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == 0 else f"{value:.2g}"


def parse(text: str) -> Card:
    """A card from its JSON."""
    fields: dict[str, Any] = json.loads(text)
    return Card(
        fields["matcher"],
        fields["fingerprint"],
        {name: Measured(**each) for name, each in fields["relations"].items()},
        tuple((float(score), float(share)) for score, share in fields["curve"]),
        dict(fields["reported"]),
    )


@functools.cache
def card() -> Card:
    """The packaged card."""
    return parse(resources.files(__package__).joinpath(_FILE).read_text(encoding="utf-8"))


def expected_false_links(
    pairs_compared: int, relation: str = "same_footage", of: Card | None = None
) -> Expectation:
    """Links between pairs that share nothing, to expect when so many pairs are compared.

    Args:
        pairs_compared: pairs of videos, found by an index or not: all that could have been linked.
        of: another card than the packaged one.
    """
    from_card = of or card()
    measured = from_card.relations[relation]
    return Expectation(
        pairs_compared,
        measured.rate * pairs_compared,
        measured.upper * pairs_compared,
        measured.upper_by_pair * pairs_compared,
        measured,
        from_card.current,
    )


def share_of_copies(score: float, prior: float = 0.5, of: Card | None = None) -> float:
    """The share of pairs of this score that are copies.

    Args:
        score: of a `same_footage` link.
        prior: share of copies among the pairs that are compared; in a large archive it is tiny.
    """
    even = 0.0
    for start, share in (of or card()).curve:
        if score >= start:
            even = share
    odds = even / max(1 - even, 1e-12) * prior / max(1 - prior, 1e-12)
    return odds / (1 + odds)
