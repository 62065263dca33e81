"""What a score means: bounds grow with the archive, another version is said, shares rise."""

from __future__ import annotations

import dataclasses
import json

import pytest

from witnessmark.verification.matching import MATCHER_VERSION, VERSION, card
from witnessmark.verification.matching.card import Card, Measured


def _measured(false: int) -> Measured:
    return Measured(
        pairs=10_000, false=false, shoots=12, couples=300, rate=false / 10_000, upper=0.01,
        upper_by_pair=0.0003,
    )  # fmt: skip


@pytest.fixture
def made() -> Card:
    curve = ((0.0, 0.02), (0.7, 0.9), (0.9, 0.99))
    return Card(MATCHER_VERSION, VERSION, {"same_footage": _measured(2)}, curve, {})


def test_expectation_grows_with_the_pairs(made: Card) -> None:
    some, many = (card.expected_false_links(n, of=made) for n in (1000, 1_000_000))
    assert (some.expected, many.expected) == pytest.approx((0.2, 200))
    assert (some.at_most, many.at_most) == pytest.approx((10, 10_000))
    assert many.at_most_by_pair == pytest.approx(300)
    assert "1,000,000 pairs" in many.sentence
    assert "synthetic edits" in many.sentence


def test_no_false_link_seen_is_no_promise(made: Card) -> None:
    clean = dataclasses.replace(made, relations={"same_footage": _measured(0)})
    expected = card.expected_false_links(1_000_000, of=clean)
    assert expected.expected == 0
    assert expected.at_most > 0


@pytest.mark.parametrize("change", [{"matcher": "0"}, {"fingerprint": "0"}])
def test_another_version_is_said(made: Card, change: dict[str, str]) -> None:
    old = card.expected_false_links(10, of=dataclasses.replace(made, **change))
    assert not old.current
    assert "another version" in old.sentence
    assert card.expected_false_links(10, of=made).current
    assert "another version" not in card.expected_false_links(10, of=made).sentence


def test_share_of_copies_rises_and_falls_with_the_prior(made: Card) -> None:
    shares = [card.share_of_copies(score, of=made) for score in (0.0, 0.69, 0.7, 0.95)]
    assert shares == pytest.approx([0.02, 0.02, 0.9, 0.99])
    assert card.share_of_copies(0.95, prior=1e-6, of=made) < 1e-3


def test_card_survives_its_file(made: Card) -> None:
    assert card.parse(json.dumps(dataclasses.asdict(made))) == made


def test_packaged_card_reads() -> None:
    held = card.card()
    assert {"same_footage", "same_scene", "one_scene"} <= set(held.relations)
    for each in held.relations.values():
        assert each.rate <= each.upper_by_pair <= 1
        assert each.upper_by_pair <= each.upper, "pairs of one couple are not independent"
    shares = [share for _, share in held.curve]
    assert shares == sorted(shares)
