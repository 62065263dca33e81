"""What lies over a picture: insets and bars, found, matched, and left out of what they cover."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from support import edits, footage
from support.edits import dressing, reuploads
from witnessmark.verification.matching import Fingerprint, Match, candidates, match, motion
from witnessmark.verification.matching.decode import Sample
from witnessmark.verification.matching.fingerprint import make, of_file
from witnessmark.verification.matching.framehash import distances
from witnessmark.verification.matching.index import Index
from witnessmark.verification.matching.seams import Overlaid

#: Left, top, right, bottom of an inset in a picture of 480 x 270.
BOX = (300, 150, 468, 258)


def of(path: Path) -> Fingerprint:
    with path.open("rb") as file:
        return of_file(file)[0]


def wandering(seed: int, count: int, height: int = 270, width: int = 480) -> Iterator[np.ndarray]:
    """A camera that moves over a made-up scene."""
    world = footage.texture(np.random.default_rng(seed), height + 4 * count, width + 6 * count)
    for n in range(count):
        yield world[4 * n : 4 * n + height, 6 * n : 6 * n + width].copy()


def inlaid(count: int = 24, *, covered: int = 1, shown: int = 2) -> list[np.ndarray]:
    return over(wandering(covered, count), wandering(shown, count))


def over(covered: Iterable[np.ndarray], shown: Iterable[np.ndarray]) -> list[np.ndarray]:
    left, top, right, bottom = BOX
    made = []
    for picture, inset in zip(covered, shown, strict=True):
        picture[top:bottom, left:right] = cv2.resize(inset, (right - left, bottom - top))
        made.append(picture)
    return made


def swarm(seed: int, count: int) -> Iterator[np.ndarray]:
    """A fixed camera before small things that go to and fro."""
    rng = np.random.default_rng(seed)
    background = footage.texture(rng, 270, 480)
    places, phases = rng.uniform(20, 250, (90, 2)), rng.uniform(0, 7, (90, 2))
    for n in range(count):
        picture = background.copy()
        for y, x in (places * (1, 1.8) + 5 * np.sin(phases + n * np.array([1.1, 0.7]))).astype(int):
            cv2.circle(picture, (int(x), int(y)), 4, 255 if (x + y) % 2 else 0, -1)
        yield picture


def printed(pictures: list[np.ndarray]) -> Fingerprint:
    return make((Sample(n / 8, each) for n, each in enumerate(pictures)), len(pictures) / 8)


def overlaid(pictures: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    over = Overlaid()
    for each in pictures:
        over.add(each)
    made = over.made()
    assert len(made["inset_thumbs"]) == made["inset_edges"].any(axis=1).sum()
    return made["inset"], made["inset_edges"], made["between"]


def test_of_a_short_rest_what_was_found_before_stands() -> None:
    pictures = inlaid(66)
    _, insets, _ = overlaid(pictures)
    assert insets[0].any()
    assert (insets == insets[0]).all()
    _, insets, _ = overlaid([*wandering(1, 64), *pictures[64:]])
    assert not insets.any()


# --- finding -----------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [16, 64, 150])
def test_an_inset_is_found_to_the_pixel_and_hashed(count: int) -> None:
    hashes, insets, between = overlaid(inlaid(count))
    assert len(hashes) == len(insets) == len(between) == count
    assert np.abs(insets / 255 * [480, 270, 480, 270] - BOX).max() <= 3
    alone = printed(list(wandering(2, count))).full
    assert (np.diag(distances(hashes, alone)) <= 40).all()
    assert (between == [0, 0, 255, 255]).all()


def test_a_line_within_an_inset_does_not_cut_it_short() -> None:
    """The upper seam is seen in part, a shelf across the inset altogether."""
    left, top, right, _ = BOX
    pictures = inlaid(24)
    for picture in pictures:
        picture[top + 30 : top + 33, left:right] = 255
        hidden = slice(left + 70, left + 96)
        picture[top - 8 : top, hidden] = picture[top, hidden]
    _, insets, _ = overlaid(pictures)
    assert np.abs(insets / 255 * [480, 270, 480, 270] - BOX).max() <= 3


def test_plain_footage_has_neither_inset_nor_bars() -> None:
    hashes, insets, between = overlaid(list(wandering(3, 40)))
    assert not hashes.any()
    assert not insets.any()
    assert (between == [0, 0, 255, 255]).all()


def test_one_picture_tells_nothing_of_what_stays() -> None:
    hashes, insets, _ = overlaid(inlaid(1))
    assert not hashes.any()
    assert not insets.any()


def test_bars_are_found() -> None:
    pictures = list(wandering(4, 24))
    for n, picture in enumerate(pictures):
        picture[220:] = 30
        picture[245:, 10 + n : 200 + n] = 220
    _, _, between = overlaid(pictures)
    assert (between[:, 1] == 0).all()
    assert np.abs(between[:, 3] / 255 * 270 - 220).max() <= 2


def test_what_is_there_for_some_of_the_time_is_not_laid_over_the_rest() -> None:
    """A card of three seconds, and then a picture."""
    pictures = list(wandering(7, 60))
    for picture in pictures[:24]:
        picture[:] = 90
        picture[:40] = 200
        picture[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 160
    _, insets, between = overlaid(pictures)
    assert not insets.any()
    assert (between == [0, 0, 255, 255]).all()


def test_a_stream_may_change_its_size() -> None:
    pictures = [*inlaid(10), *wandering(5, 10, 480, 270), *inlaid(10)]
    hashes, insets, _ = overlaid(pictures)
    assert len(hashes) == 30
    assert insets[:10].all(axis=1).all()
    assert not insets[10:20].any()
    assert insets[20:].all(axis=1).all()


# --- matching ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("seams")
    one, other = (
        footage.synthetic(folder / f"{seed}.mp4", seed=seed, seconds=6.0, size=(480, 270))
        for seed in (31, 32)
    )
    return one, other


@pytest.fixture(scope="module")
def composed(clips: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Fingerprint:
    """The first clip small in a corner over the second one."""
    out = tmp_path_factory.mktemp("seams") / "composed.mp4"
    reuploads.picture_in_picture(clips[0], out, np.random.default_rng(3), behind=clips[1])
    return of(out)


def aligned(found: Match | None, transform: str = "identity") -> None:
    assert found is not None
    assert found.relation == "same_footage"
    for segment in found.segments:
        assert segment.transform == transform
        assert abs(segment.query[0] - segment.reference[0]) <= 0.5
        assert abs(segment.query[1] - segment.reference[1]) <= 0.5


@pytest.mark.parametrize("which", [0, 1], ids=["inset", "background"])
def test_both_pictures_of_a_composition_are_found_both_ways(
    clips: tuple[Path, Path], composed: Fingerprint, which: int
) -> None:
    alone = of(clips[which])
    aligned(match(composed, alone))
    aligned(match(alone, composed))


def test_what_shares_nothing_with_a_composition_stays_nothing(
    composed: Fingerprint, tmp_path: Path
) -> None:
    other = of(footage.synthetic(tmp_path / "other.mp4", seed=33, seconds=6.0, size=(480, 270)))
    assert match(composed, other) is None
    assert match(other, composed) is None


def seamless(one: Fingerprint) -> Fingerprint:
    """As if no seam had been found."""
    return dataclasses.replace(one, inset_edges=0 * one.inset_edges)


def test_an_inset_is_a_video_of_its_own() -> None:
    """What moves in it is too small to be seen in thumbnails of the whole."""
    alone, composed = printed(list(swarm(8, 48))), printed(over(wandering(1, 48), swarm(8, 48)))
    (inset,) = composed.within()
    assert inset.within() == ()
    assert np.allclose(candidates.by_hash(inset, alone)[0].matrix, np.eye(2, 3), atol=0.01)
    small, whole = match(composed, alone), match(seamless(composed), alone)
    aligned(small)
    assert small is not None
    assert whole is None or small.score > whole.score + 0.08


def test_what_two_channels_lay_over_their_pictures_makes_no_copy() -> None:
    """The same panel, that changes, in a box over two programmes."""
    one, other = (printed(over(wandering(seed, 48), swarm(8, 48))) for seed in (50, 51))
    assert one.within()
    assert other.within()
    for found in (match(one, other), match(other, one)):
        assert found is None or found.relation != "same_footage"


def test_an_inset_that_comes_and_goes_is_two() -> None:
    """What was in the picture between them is none of it."""
    plain, shown = list(wandering(1, 192)), list(swarm(8, 192))
    pictures = over(plain, shown)
    pictures[64:128] = wandering(9, 64)
    composed = printed(pictures)
    first, second = sorted(composed.within(), key=lambda each: int(each.times[0]))
    assert first.times[-1] < 8_200
    assert second.times[0] > 15_500
    found = match(composed, printed(shown))
    assert found is not None
    assert all(segment.query[1] - segment.query[0] < 9 for segment in found.segments)


def test_what_an_inset_covers_is_compared_beside_it(
    clips: tuple[Path, Path], composed: Fingerprint, monkeypatch: pytest.MonkeyPatch
) -> None:
    background = of(clips[1])
    with_it = match(composed, background)
    monkeypatch.setattr(motion, "_beside", lambda _, points, __: np.ones(points.shape[1], bool))
    without = match(composed, background)
    assert with_it is not None
    assert without is not None
    assert with_it.score > without.score + 0.08


def test_the_rim_of_an_inset_is_not_compared(
    clips: tuple[Path, Path], composed: Fingerprint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its cells show what is beside it, too."""
    alone = of(clips[0])
    inner = match(seamless(composed), alone)
    monkeypatch.setattr(motion, "_off_rim", lambda _, x, *__: np.ones(len(x), bool))
    whole = match(seamless(composed), alone)
    assert inner is not None
    assert whole is not None
    assert inner.score > whole.score + 0.01


@pytest.mark.parametrize(("level", "placed"), [(1, 1), (0, 0)], ids=["picture", "dark"])
def test_dark_insets_have_nothing_in_common(level: int, placed: int) -> None:
    """The hash of an empty box is that of coding noise, the same on every channel."""
    one, other = printed(inlaid(40, covered=41)), printed(inlaid(40, covered=42, shown=3))
    assert other.inset_edges.any()
    thumbs = one.inset_thumbs * np.uint8(level)
    one = dataclasses.replace(one, inset=other.inset, inset_thumbs=thumbs)
    (here,), (there,) = one.within(), other.within()
    assert len(candidates.by_hash(here, there)) == placed


def test_a_running_line_does_not_hide_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wide, fast line moves more than all the rest."""
    still = footage.synthetic(
        tmp_path / "still.mp4", seed=35, seconds=6.0, size=(480, 270), fixed_camera=True
    )
    line = footage.texture(np.random.default_rng(9), 80, 6000)[:76]
    line[:, ::2] //= 2

    def under(number: int, picture: np.ndarray) -> np.ndarray:
        out = picture.copy()
        out[-76:] = line[:, 30 * number : 30 * number + 480, None]
        return out

    shown = enumerate(edits.steady(edits.frames(still), 25.0))
    dressed = of(edits.write(tmp_path / "dressed.mp4", (under(n, p) for n, p in shown), 25.0))
    found = match(dressed, of(still))
    aligned(found)
    assert found is not None
    assert found.score > 0.8
    monkeypatch.setattr(motion, "_within", lambda _, points, __: np.ones(points.shape[1], bool))
    found = match(dressed, of(still))
    assert found is None or found.relation == "same_scene" or found.score < 0.75


def test_mirrored_cropped_and_under_a_channels_signs(
    clips: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "mirrored.mp4"
    reuploads.mirror_crop_overlay(clips[0], out, np.random.default_rng(8))
    aligned(match(of(out), of(clips[0])), "mirror")


def test_the_index_finds_an_inset(
    clips: tuple[Path, Path], composed: Fingerprint, tmp_path: Path
) -> None:
    index = Index.open(tmp_path)
    for seed in range(50, 54):
        index.add(f"other{seed}", printed(list(wandering(seed, 24))))
    index.add("inset", of(clips[0]))
    index.commit()
    assert [each.key for each in index.candidates(composed).ranked] == ["inset"]


def test_a_channels_bars_lie_where_the_fingerprint_says(
    clips: tuple[Path, Path], tmp_path: Path
) -> None:
    rng = np.random.default_rng(5)
    change = dressing.channel(480, 270, rng)
    shown = enumerate(edits.steady(edits.frames(clips[0]), 25.0))
    made = of(edits.write(tmp_path / "channel.mp4", (change(p, n) for n, p in shown), 25.0))
    blank = change(np.full((270, 480, 3), 7, np.uint8), 0)
    rows = np.flatnonzero((blank[:, 240] != 7).any(axis=1))
    bottom = int(rows[rows > 135].min(initial=270))
    assert np.abs(made.between[:, 3] / 255 * 270 - bottom).max() <= 2
