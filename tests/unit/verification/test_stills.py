"""A picture and the second of a video it comes from."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from support import footage
from support.edits import dressing
from witnessmark.verification.matching import Fingerprint, match
from witnessmark.verification.matching.candidates import Placement
from witnessmark.verification.matching.decode import Sample
from witnessmark.verification.matching.fingerprint import make, of_file
from witnessmark.verification.matching.stills import moment

SECOND = 3.2


def of(path: Path) -> Fingerprint:
    with path.open("rb") as file:
        return of_file(file)[0]


def shot(video: Path, out: Path, *, mirrored: bool = False, page: bool = False) -> Fingerprint:
    """The frame at `SECOND` as a JPEG, mirrored, or small within a page."""
    with av.open(str(video)) as container:
        frame = next(f for f in container.decode(video=0) if (f.time or 0) >= SECOND)
    picture = frame.to_ndarray(format="bgr24")
    picture = picture[:, ::-1] if mirrored else picture
    if page:
        picture = dressing.page(cv2.resize(picture, None, fx=2, fy=2), np.random.default_rng(4))
    assert cv2.imwrite(str(out), np.ascontiguousarray(picture))
    return of(out)


@pytest.fixture(scope="module", params=[False, True], ids=["moving camera", "fixed camera"])
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("stills") / "video.mp4"
    return footage.synthetic(place, seed=3, seconds=6.0, fixed_camera=request.param)


@pytest.mark.parametrize("edit", [{}, {"mirrored": True}, {"page": True}])
def test_a_screenshot_finds_its_second(video: Path, tmp_path: Path, edit: dict[str, bool]) -> None:
    found = match(shot(video, tmp_path / "shot.jpg", **edit), of(video))
    assert found is not None
    assert found.relation == "same_footage"
    (segment,) = found.segments
    assert segment.query == (0.0, 0.0)
    assert abs(segment.reference[0] - SECOND) <= 0.5
    assert segment.transform == ("mirror" if edit.get("mirrored") else "identity")


def test_a_placement_a_little_off_is_made_exact(video: Path, tmp_path: Path) -> None:
    """Points of a page place it to a hundredth; what is left of a moment is finer than that."""
    picture, reference = shot(video, tmp_path / "shot.jpg"), of(video)
    exact = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    off = np.array([[0.97, 0.0, 0.02], [0.0, 0.98, -0.01]])
    when = np.array([SECOND])
    found = [
        moment(picture, reference, Placement(matrix, "identity", when, when, 1.0, 1.0))
        for matrix in (exact, off)
    ]
    for each in found:
        assert each is not None
        assert each.same_footage
        assert each.agreement >= 0.93
        assert abs(each.time - SECOND) <= 0.2


def test_cells_are_means_of_what_they_cover(tmp_path: Path) -> None:
    """Fine texture, of which values between the picture's pixels would tell nothing."""
    rng = np.random.default_rng(6)
    pictures = [rng.integers(0, 256, (480, 480), np.uint8) for _ in range(3)]
    reference = make((Sample(n / 8, each) for n, each in enumerate(pictures)), 0.4)
    whole = Placement(
        np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
        "identity", np.zeros(1), np.array([0.125]), 1.0, 1.0,
    )  # fmt: skip
    found = moment(make([Sample(0.0, pictures[1])], 0.0), reference, whole)
    assert found is not None
    assert found.time == 0.125
    assert found.agreement >= 0.9


def test_the_video_finds_its_screenshot(video: Path, tmp_path: Path) -> None:
    found = match(of(video), shot(video, tmp_path / "shot.jpg"))
    assert found is not None
    assert found.relation == "same_footage"
    assert abs(found.segments[0].query[0] - SECOND) <= 0.5
    assert found.segments[0].reference == (0.0, 0.0)


def test_a_picture_of_another_take_is_the_scene_at_most(tmp_path: Path) -> None:
    takes = [
        footage.synthetic(tmp_path / f"{n}.mp4", seed=5, take=n, fixed_camera=True, seconds=6.0)
        for n in range(2)
    ]
    found = match(shot(takes[0], tmp_path / "shot.jpg"), of(takes[1]))
    assert found is None or found.relation == "same_scene"


def test_a_picture_of_something_else_is_nothing(video: Path, tmp_path: Path) -> None:
    footage.photo(tmp_path / "photo.jpg", seed=8)
    assert match(of(tmp_path / "photo.jpg"), of(video)) is None


def test_two_pictures_never_prove_footage(video: Path, tmp_path: Path) -> None:
    one = shot(video, tmp_path / "one.jpg")
    found = match(one, one)
    assert found is not None
    assert found.relation == "same_scene"
