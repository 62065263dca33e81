"""Matching on made-up scenes: what is found, and what must not be called the same footage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from support import edits, footage
from witnessmark.verification.matching import Fingerprint, Match, match
from witnessmark.verification.matching.decode import Sample
from witnessmark.verification.matching.fingerprint import make, of_file


def of(path: Path) -> Fingerprint:
    with path.open("rb") as file:
        made, warnings = of_file(file)
    assert warnings == []
    return made


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return footage.synthetic(tmp_path_factory.mktemp("match") / "source.mp4", seed=1, seconds=6.0)


@pytest.fixture(scope="module")
def reference(source: Path) -> Fingerprint:
    return of(source)


def aligned(found: Match | None, *, rate: float = 1.0, offset: float = 0.0) -> None:
    """One footage match, each end within half a second of where it was put."""
    assert found is not None
    assert found.relation == "same_footage"
    for segment in found.segments:
        for here, there in zip(segment.query, segment.reference, strict=True):
            assert abs(here * rate + offset - there) <= 0.5


def test_itself(reference: Fingerprint) -> None:
    found = match(reference, reference)
    aligned(found)
    assert found is not None
    assert found.score > 0.99
    (segment,) = found.segments
    assert segment.transform == "identity"
    assert segment.query[1] - segment.query[0] >= 5.5


@pytest.mark.parametrize(
    ("edit", "transform"),
    [("mirror", "mirror"), ("rotate90", "rotate90"), ("crop_25", "identity"),
     ("caption_bar_and_logo", "identity"), ("blur_padded_portrait", "identity")],
)  # fmt: skip
def test_edits(
    source: Path, reference: Fingerprint, tmp_path: Path, edit: str, transform: str
) -> None:
    found = match(of(edits.EDITS[edit](source, tmp_path / "copy.mp4")), reference)
    aligned(found)
    assert found is not None
    assert {segment.transform for segment in found.segments} == {transform}


def test_direction_turns_the_rate_around(
    source: Path, reference: Fingerprint, tmp_path: Path
) -> None:
    fast = of(edits.speed(source, tmp_path / "fast.mp4", rate=1.25))
    aligned(match(fast, reference), rate=1.25)
    aligned(match(reference, fast), rate=0.8)


def test_excerpt(source: Path, reference: Fingerprint, tmp_path: Path) -> None:
    part = of(edits.excerpt(source, tmp_path / "part.mp4", start=2.1, end=5.0))
    aligned(match(part, reference), offset=2.1)


def test_other_footage_is_no_match(reference: Fingerprint, tmp_path: Path) -> None:
    other = of(footage.synthetic(tmp_path / "other.mp4", seed=2, seconds=6.0))
    assert match(other, reference) is None


def test_two_takes_by_one_fixed_camera_are_never_one_footage(tmp_path: Path) -> None:
    takes = [
        of(footage.synthetic(tmp_path / f"{n}.mp4", seed=5, take=n, fixed_camera=True))
        for n in range(3)
    ]
    for one in takes:
        for other in takes:
            found = match(one, other)
            if one is other:
                aligned(found)
            else:
                assert found is None or found.relation == "same_scene"


def test_a_still_picture_is_a_scene_and_no_proof_of_footage() -> None:
    picture = footage.texture(np.random.default_rng(0), 270, 480)
    still = make((Sample(n / 8, picture) for n in range(40)), 5.0)
    found = match(still, still)
    assert found is not None
    assert found.relation == "same_scene"


def test_a_scene_does_not_depend_on_who_asks() -> None:
    picture = footage.texture(np.random.default_rng(0), 270, 480)
    long, short = (make((Sample(n / 8, picture) for n in range(c)), c / 8) for c in (32, 10))
    for found in (match(long, short), match(short, long)):
        assert found is not None
        assert found.relation == "same_scene"


def test_nothing_and_next_to_nothing_match_nothing(reference: Fingerprint) -> None:
    empty = make([], 0.0)
    one = Fingerprint.decode(reference.encode())
    assert match(empty, one) is None
    assert match(one, empty) is None


def test_a_thin_strip_on_an_even_card_is_looked_at() -> None:
    """A title card: everything even but one line of letters."""
    from witnessmark.verification.matching.borders import inner

    for rows in (1, 2, 4, 7):
        card = np.full((240, 426), 40, np.uint8)
        card[100 : 100 + rows, 100:300:2] = 230
        left, top, right, bottom = inner(card)
        assert 0 <= left < right <= 426
        assert 0 <= top < bottom <= 240
