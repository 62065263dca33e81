"""The fingerprint's bytes, the hash's orientations, borders, and decoding of damaged files."""

from __future__ import annotations

import contextlib
import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import footage
from witnessmark.errors import BadInput
from witnessmark.verification.matching import VERSION, Fingerprint, fingerprint
from witnessmark.verification.matching.borders import inner
from witnessmark.verification.matching.decode import Sample
from witnessmark.verification.matching.fingerprint import make, of_file
from witnessmark.verification.matching.framehash import (
    ORIENTATIONS,
    Orientation,
    distances,
    frame_hash,
    orient,
    square,
)


def picture(seed: int = 0, height: int = 270, width: int = 480) -> np.ndarray:
    return footage.texture(np.random.default_rng(seed), height, width)


def sampled(seed: int = 0, count: int = 12) -> Fingerprint:
    return make((Sample(n / 8, picture(seed + n)) for n in range(count)), count / 8)


ENCODED = sampled().encode()


def test_round_trip() -> None:
    before, after = sampled(), Fingerprint.decode(ENCODED)
    names = ("times", "full", "inner", "edges", "inset", "inset_edges", "inset_thumbs",
             "between", "contrast", "thumbs", "keys")  # fmt: skip
    for name in names:
        assert np.array_equal(getattr(before, name), getattr(after, name)), name
    assert (before.width, before.height, before.duration) == (480, 270, 1500)
    for one, other in zip(before.features, after.features, strict=True):
        assert np.array_equal(one.descriptors, other.descriptors)
        assert np.abs(one.points - other.points).max() < 1e-4
    assert after.encode() == ENCODED


def test_empty_round_trip() -> None:
    assert len(Fingerprint.decode(make([], 0.0).encode())) == 0


@given(st.binary(max_size=200), st.booleans())
def test_garbage_is_refused(data: bytes, start_well: bool) -> None:
    with pytest.raises(BadInput):
        Fingerprint.decode(ENCODED[:24] + data if start_well else data)


@given(st.integers(0, len(ENCODED) - 1))
def test_a_cut_is_refused(length: int) -> None:
    with pytest.raises(BadInput):
        Fingerprint.decode(ENCODED[:length])


@given(st.integers(0, len(ENCODED) - 1), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_harmless(place: int, value: int) -> None:
    data = bytearray(ENCODED)
    data[place] = value
    with contextlib.suppress(BadInput):
        assert Fingerprint.decode(bytes(data)).encode() == bytes(data)


def test_more_behind_the_end_and_other_versions_are_refused() -> None:
    for data in (ENCODED + b"x", ENCODED[:4] + b"\xff\x00" + ENCODED[6:]):
        with pytest.raises(BadInput):
            Fingerprint.decode(data)


@pytest.mark.parametrize("name", ["edges", "inset_edges", "between"])
def test_boxes_that_hold_nothing_are_refused(name: str) -> None:
    whole = sampled()
    for box in ((9, 0, 9, 200), (0, 200, 90, 100)):
        boxes = np.array(getattr(whole, name))
        boxes[3] = box
        with pytest.raises(BadInput):
            Fingerprint.decode(dataclasses.replace(whole, **{name: boxes}).encode())


@pytest.mark.parametrize("name", ["edges", "between"])
def test_only_an_inset_may_be_none(name: str) -> None:
    whole = sampled()
    boxes = np.array(getattr(whole, name))
    boxes[3] = 0
    with pytest.raises(BadInput):
        Fingerprint.decode(dataclasses.replace(whole, **{name: boxes}).encode())


def oriented(image: np.ndarray, name: str) -> np.ndarray:
    """Turned in pixels, as the name says."""
    if name.startswith("mirror"):
        image = image[:, ::-1]
    turns = int(name.partition("rotate")[2] or 0) // 90
    return np.ascontiguousarray(np.rot90(image, -turns))


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=lambda each: each.name)
def test_orientations_follow_from_the_hash(orientation: Orientation) -> None:
    for seed in range(5):
        image = picture(seed)
        turned = frame_hash(square(oriented(image, orientation.name)))[None]
        off = {
            other.name: int(distances(orient(frame_hash(square(image))[None], other), turned)[0, 0])
            for other in ORIENTATIONS
        }
        assert off.pop(orientation.name) <= 16
        assert min(off.values()) > 64


def test_unrelated_pictures_are_far() -> None:
    hashes = np.stack([frame_hash(square(picture(seed))) for seed in range(12)])
    off = distances(hashes, hashes)
    assert (np.diag(off) == 0).all()
    assert off[~np.eye(12, dtype=bool)].min() > 80


def test_even_borders_are_found_and_flat_pictures_left_alone() -> None:
    boxed = np.pad(picture(height=200), ((40, 30), (10, 0)), constant_values=16)
    left, top, right, bottom = inner(boxed)
    assert abs(left - 10) <= 1
    assert abs(top - 40) <= 1
    assert (right, bottom) == (490, 240)
    assert inner(np.full((100, 160), 7, np.uint8)) == (0, 0, 160, 100)


def test_worker_function(tmp_path: Path) -> None:
    path = footage.synthetic(tmp_path / "clip.mp4", seconds=2.0)
    with path.open("rb") as file:
        result = fingerprint(file, {})
    assert result.value["version"] == VERSION
    assert result.value["warnings"] == []
    assert abs(result.value["duration"] - 2000) <= 80
    assert len(Fingerprint.decode(result.blobs["fingerprint"])) == result.value["samples"] == 16


def test_a_corrupt_tail_keeps_what_decodes(tmp_path: Path) -> None:
    path = footage.synthetic(tmp_path / "clip.mkv", seconds=4.0)
    data = path.read_bytes()
    whole, none = of_file(io.BytesIO(data))
    assert none == []
    noise = np.random.default_rng(3).integers(0, 256, len(data) // 2, dtype=np.uint8).tobytes()
    for damaged in (data[: len(data) // 2], data[: len(data) // 2] + noise):
        part, _ = of_file(io.BytesIO(damaged))
        assert 2 <= len(part) < len(whole)
        assert np.array_equal(part.full[:2], whole.full[:2])


@pytest.mark.parametrize("data", [b"", b"no video", bytes(5000)])
def test_what_is_no_video_gives_a_warning(data: bytes) -> None:
    result = fingerprint(io.BytesIO(data), {})
    assert result.value["warnings"] == ["not_media"]
    assert not result.blobs


def test_turned_by_the_display_matrix(tmp_path: Path) -> None:
    """A phone held upright stores lying pictures and a note to turn them."""
    upright = footage.synthetic(tmp_path / "up.mp4", seconds=1.0, turned=0)
    noted = footage.synthetic(tmp_path / "noted.mp4", seconds=1.0, turned=90)
    with upright.open("rb") as a, noted.open("rb") as b:
        one, other = of_file(a)[0], of_file(b)[0]
    assert (one.width, one.height) == (other.width, other.height)
    assert distances(one.full, other.full)[0, 0] <= 20
