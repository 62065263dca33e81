"""The measurement measures: hits, misses, intervals, and a split that no shoot crosses."""

from __future__ import annotations

import numpy as np
import pytest

from bench.matching import calibration, intervals, peers, sources
from bench.matching.judging import judged
from bench.matching.queries import Part
from witnessmark.verification.matching import Match, Segment

PART = Part("excerpt", "clip", "shoot", 4.0, 8.0, 10.0, 1.0)


def _match(query: tuple[float, float], offset: float, relation: str = "same_footage") -> Match:
    there = (query[0] + offset, query[1] + offset)
    return Match(relation, 0.9, (Segment(query, there, 1.0, "identity"),))


@pytest.mark.parametrize(
    ("match", "outcome", "found", "placed"),
    [
        (_match((4.1, 7.9), 10.2), "found", True, True),
        (_match((4.1, 7.9), 10.7), "wrong place", True, False),
        (_match((0.0, 3.9), 10.0), "elsewhere in the query", False, False),
        (_match((4.1, 7.9), 10.0, "same_scene"), "same_scene", False, False),
        (None, "nothing", False, False),
    ],
)
def test_verdicts(match: Match | None, outcome: str, found: bool, placed: bool) -> None:
    verdict = judged(PART, match)
    assert (verdict.outcome, verdict.found, verdict.placed) == (outcome, found, placed)


def test_a_still_must_name_its_second() -> None:
    still = Part("screenshot", "clip", "shoot", 0.0, 0.0, 5.0, 1.0)
    near = Match("same_footage", 0.9, (Segment((0.0, 0.0), (4.5, 5.5), 1.0, "identity"),))
    whole = Match("same_footage", 0.9, (Segment((0.0, 0.0), (0.0, 10.0), 1.0, "identity"),))
    assert judged(still, near).found
    assert not judged(still, whole).found


def test_clips_that_thresholds_were_chosen_on_are_never_reported() -> None:
    half = sources.halves()
    filmed = {source.group for source in (*sources.SEEN, *sources.OTHERS)}
    assert {half[source.group] for source in sources.SEEN} == {"fit"}
    assert {half[group] for group in sources.LOOKED_AT} == {"fit"}
    assert sum(half[group] == "report" for group in filmed) >= 5


def test_bounds() -> None:
    assert intervals.upper(0, 300) == pytest.approx(1 - 0.05 ** (1 / 300), rel=1e-6)
    assert intervals.upper(0, 300) == pytest.approx(3 / 300, rel=0.01)
    # Clopper and Pearson's table: 2 of 20, one-sided 95%.
    assert intervals.upper(2, 20) == pytest.approx(0.2826, abs=1e-3)
    assert intervals.upper(5, 5) == 1


def test_clusters_widen_an_interval() -> None:
    apart = {str(n): [n % 2 == 0] for n in range(40)}
    together = {str(n): [n % 2 == 0] * 10 for n in range(4)}
    widths = [np.diff(intervals.clustered(groups)).item() for groups in (apart, together)]
    assert widths[1] > 2 * widths[0]
    assert intervals.clustered({"a": [True] * 100}) == pytest.approx((0.05, 1.0))


def test_curve_rises_and_follows_the_truth() -> None:
    scores = np.array([0.0] * 90 + [0.5] * 10 + [0.6] * 10 + [0.9] * 40)
    truth = np.array([0.0] * 85 + [1.0] * 5 + [1.0] * 4 + [0.0] * 6 + [1.0] * 3 + [0.0] * 7
                     + [1.0] * 40)  # fmt: skip
    curve = calibration.rising(scores, truth)
    shares = [share for _, share in curve]
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.2
    assert 0.9 < shares[-1] < 1


def test_peer_draws_its_line_at_the_wanted_precision() -> None:
    def pair(distance: int, *, copy: bool) -> peers.Compared:
        near = np.array([distance] * 10)
        return peers.Compared("row", "group", "fit", copy, (near, near))

    pairs = [pair(20, copy=True)] * 200 + [pair(65, copy=True)] * 50 + [pair(66, copy=False)] * 50
    setting = peers.fitted(pairs)
    linked = [each for each in pairs if setting.linked(each)]
    assert all(each.copy for each in linked)
    assert len(linked) == 200  # 65 and 66 lie within one radius that is tried: both or none
