"""One sound in two files: what is found, where, and what must not be called the same."""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import footage, sounds
from support.edits import sound as under
from support.edits.sound import RATE, Samples
from witnessmark.errors import BadInput
from witnessmark.verification.matching import angles, fingerprint, match
from witnessmark.verification.matching.fingerprint import of_file as seen
from witnessmark.verification.matching.matcher import Segment
from witnessmark.verification.matching.sound import (
    SoundMatch,
    compare_sounds,
    explained,
    match_sounds,
    soundprint,
)
from witnessmark.verification.matching.soundprint import BANDS, Soundprint, of_file

SECONDS = 14.0


def heard(sound: Samples) -> Soundprint:
    return of_file(io.BytesIO(sounds.coded(sound)))[0]


@functools.cache
def event(name: str, seed: int = 0, seconds: float = SECONDS) -> Samples:
    return (sounds.EVENTS | sounds.EMPTY)[name](seed, seconds)


@functools.cache
def reference(name: str, seed: int = 0) -> Soundprint:
    return heard(event(name, seed))


def placed(found: SoundMatch | None, *, rate: float = 1.0, offset: float = 0.0) -> SoundMatch:
    assert found is not None
    assert found.relation == "same_sound"
    for each in found.segments:
        for here, there in zip(each.query, each.reference, strict=True):
            assert abs(here * rate + offset - there) <= 0.5, found
    return found


# --- the fingerprint -----------------------------------------------------------------------------

ENCODED = Soundprint(
    np.random.default_rng(0).integers(0, 255, (9, BANDS)).astype(np.uint8)
).encode()


def test_round_trip() -> None:
    assert Soundprint.decode(ENCODED).encode() == ENCODED
    assert len(Soundprint.decode(ENCODED)) == 9


@given(st.binary(max_size=200), st.booleans())
def test_garbage_is_refused(data: bytes, start_well: bool) -> None:
    with pytest.raises(BadInput):
        Soundprint.decode(ENCODED[:12] + data if start_well else data)


@given(st.integers(0, len(ENCODED) - 1), st.binary(min_size=1, max_size=3))
def test_a_cut_and_more_behind_the_end_are_refused(length: int, more: bytes) -> None:
    for data in (ENCODED[:length], ENCODED + more):
        with pytest.raises(BadInput):
            Soundprint.decode(data)


@given(st.integers(0, len(ENCODED) - 1), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_harmless(place: int, value: int) -> None:
    data = bytearray(ENCODED)
    data[place] = value
    with contextlib.suppress(BadInput):
        assert Soundprint.decode(bytes(data)).encode() == bytes(data)


def test_another_version_is_refused() -> None:
    with pytest.raises(BadInput, match="version 255"):
        Soundprint.decode(ENCODED[:4] + b"\xff\x00" + ENCODED[6:])


def test_how_it_is_cut_into_parts_does_not_matter() -> None:
    from witnessmark.verification.matching.soundprint import make

    sound = event("speech")[: 3 * RATE : 5]
    whole = make([sound]).encode()
    rng = np.random.default_rng(3)
    cuts = np.sort(rng.integers(0, len(sound), 40))
    assert make(np.split(sound, cuts)).encode() == whole
    assert make([]).encode() == make([np.zeros(0, np.float32)]).encode()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_damaged_sound_is_said_and_never_raised(seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = np.frombuffer(sounds.coded(event("speech")[: 2 * RATE]), np.uint8).copy()
    places = rng.integers(0, len(data), 40)
    data[places] = rng.integers(0, 256, 40)
    hostile = data[: rng.integers(len(data) // 2, len(data))].tobytes()
    made = soundprint(io.BytesIO(hostile), {})
    assert isinstance(made.value, dict)
    if "soundprint" in made.blobs:
        Soundprint.decode(made.blobs["soundprint"])
    else:
        assert made.value["warnings"]


def test_nothing_to_hear_is_said(tmp_path: Path) -> None:
    mute = footage.synthetic(tmp_path / "mute.mp4", seconds=0.5)
    silent = io.BytesIO()
    with wave.open(silent, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(bytes(2 * RATE))
    for data, word in (
        (mute.read_bytes(), "no_sound"),
        (silent.getvalue(), "silent"),
        (b"nothing at all", "not_media"),
    ):
        made = soundprint(io.BytesIO(data), {})
        assert not made.blobs
        assert isinstance(made.value, dict)
        assert made.value["warnings"] == [word]


# --- what is found -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(sounds.EVENTS))
def test_a_recording_is_found_again(name: str) -> None:
    sound, held = event(name), reference(name)
    copies = {
        "24 kbit/s": (sounds.coded(sound, 24_000), 1.0, 0.0),
        "half as loud, noise": (sounds.coded(sounds.noisy(sound / 2, 10)), 1.0, 0.0),
        "excerpt": (sounds.coded(sound[4 * RATE : 11 * RATE]), 1.0, 4.0),
        "slower": (sounds.coded(sounds.faster(sound, 0.8)), 0.8, 0.0),
        "faster": (sounds.coded(sounds.faster(sound, 1.25)), 1.25, 0.0),
        "slower at its pitch": (sounds.coded(sounds.tempo(sound, 0.8)), 0.8, 0.0),
        "faster at its pitch": (sounds.coded(sounds.tempo(sound, 1.25)), 1.25, 0.0),
    }
    for edit, (data, rate, offset) in copies.items():
        copy = of_file(io.BytesIO(data))[0]
        for found, sign in ((match_sounds(copy, held), 1), (match_sounds(held, copy), -1)):
            turned = (rate, offset) if sign > 0 else (1 / rate, -offset / rate)
            got = placed(found, rate=turned[0], offset=turned[1])
            assert got.score >= 0.5, edit


def test_pieces_of_a_compilation_are_segments() -> None:
    one, other = event("speech"), event("crowd")
    both = heard(np.concatenate([other[2 * RATE : 9 * RATE], one[5 * RATE : 12 * RATE]]))
    first = placed(match_sounds(both, reference("crowd")), offset=2.0)
    second = placed(match_sounds(both, reference("speech")), offset=-2.0)
    for found, (start, end) in ((first, (0, 7)), (second, (7, 14))):
        (segment,) = found.segments
        assert abs(segment.query[0] - start) <= 1
        assert abs(segment.query[1] - end) <= 1


@given(
    st.sampled_from(sorted(sounds.EVENTS)),
    st.floats(0, 6),
    st.floats(5, 8),
    st.sampled_from([0.8, 0.87, 0.95, 1.0, 1.0, 1.06, 1.18, 1.25]),
)
@settings(max_examples=8, deadline=None)
def test_what_was_cut_and_sped_up_is_found_where_it_was(
    name: str, start: float, seconds: float, rate: float
) -> None:
    cut = event(name)[round(start * RATE) : round((start + seconds) * RATE)]
    found = match_sounds(heard(sounds.faster(cut, rate)), reference(name))
    placed(found, rate=rate, offset=start)


@pytest.mark.parametrize("name", sorted(sounds.EVENTS))
def test_other_microphones_of_one_event_are_aligned(name: str) -> None:
    one = heard(sounds.other_angle(event(name, 1, 20), 1, decibels=10))
    other = heard(sounds.other_angle(event(name, 1, 20)[3 * RATE :], 2, decibels=5))
    placed(match_sounds(one, other), offset=-3.0)
    (laid,) = angles.aligned(one, other)
    assert abs(laid.offset + 3.0) <= 0.2
    (turned,) = angles.aligned(other, one)
    assert abs(turned.offset - 3.0) <= 0.2


def test_gcc_phat_finds_what_frames_do_not_and_says_so() -> None:
    one = heard(sounds.other_angle(event("shots", 1, 30), 1, decibels=0))
    other = heard(sounds.other_angle(event("shots", 1, 30)[3 * RATE :], 2, decibels=0))
    found = placed(match_sounds(one, other), offset=-3.0)
    assert found.evidence.startswith("aligned by GCC-PHAT")
    assert found.score < 0.5


# --- what must not be ----------------------------------------------------------------------------


def test_sounds_that_are_not_the_same_never_match() -> None:
    made = {
        (name, seed): reference(name, seed)
        for name in (*sounds.EVENTS, *sounds.EMPTY)
        for seed in (0, 1)
    }
    made["silence", 0] = heard(np.zeros(10 * RATE, np.float32))
    for one, other in itertools.combinations(made, 2):
        assert match_sounds(made[one], made[other]) is None, (one, other)
    assert match_sounds(made["silence", 0], made["silence", 0]) is None


@pytest.mark.shared
@pytest.mark.skipif(not footage.real(), reason="no real clips are here")
def test_real_clips_do_not_sound_alike_but_copies_do() -> None:
    made = {}
    for name, path in footage.real().items():
        with path.open("rb") as file:
            data = soundprint(file, {}).blobs
        if data:
            made[name] = Soundprint.decode(data["soundprint"])
    for one, other in itertools.combinations(made, 2):
        found = match_sounds(made[one], made[other])
        assert (found is not None) == ({one, other} <= set(footage.SAME_FOOTAGE)), (one, other)


def test_the_same_sound_under_other_pictures_is_never_the_same_footage(tmp_path: Path) -> None:
    first = footage.synthetic(tmp_path / "first.mp4", seed=1, seconds=6.0)
    second = footage.synthetic(tmp_path / "second.mp4", seed=2, seconds=6.0)
    sound = event("speech")[: 6 * RATE]
    paths = {
        name: under.under(pictures, sound, tmp_path / f"{name}.mp4")
        for name, pictures in (("one", first), ("other", second))
    }
    data = {name: io.BytesIO(path.read_bytes()) for name, path in paths.items()}
    sight = {name: seen(file)[0] for name, file in data.items()}
    ear = {name: of_file(file)[0] for name, file in data.items()}
    assert match(sight["one"], sight["other"]) is None
    placed(match_sounds(ear["one"], ear["other"]))
    # a muted copy has its pictures
    muted = seen(io.BytesIO(first.read_bytes()))[0]
    found = match(muted, sight["one"])
    assert found is not None
    assert found.relation == "same_footage"


def test_sound_that_goes_with_the_footage_is_not_told_twice() -> None:
    def line(start: float, end: float, offset: float = 0.0) -> Segment:
        return Segment((start, end), (start + offset, end + offset), 1.0, "identity")

    assert not explained(line(0, 10), [])
    assert explained(line(0, 10), [line(1, 9)])
    assert explained(line(0, 10), [line(0, 3), line(7, 12)])
    assert not explained(line(20, 30), [line(1, 9)])
    assert not explained(line(0, 10), [line(0, 31, offset=5)])
    assert not explained(line(0, 10), [line(0, 4)])


def test_a_worker_answers_for_each_pair() -> None:
    good = reference("speech").encode()
    answer = compare_sounds(
        io.BytesIO(good), {}, also=[io.BytesIO(good), io.BytesIO(good[:-1]), io.BytesIO(ENCODED)]
    )
    assert isinstance(answer.value, list)
    found, cut, other = answer.value
    assert isinstance(found, dict)
    assert (found["relation"], cut, other) == ("same_sound", {"failure": "unreadable"}, None)
    with pytest.raises(BadInput):
        compare_sounds(io.BytesIO(b"x"), {}, also=[])


def test_the_picture_fingerprint_takes_no_sound(tmp_path: Path) -> None:
    pictures = footage.synthetic(tmp_path / "mute.mp4", seconds=2.0)
    loud = under.under(pictures, event("music")[: 2 * RATE], tmp_path / "loud.mp4")
    with loud.open("rb") as file:
        assert set(fingerprint(file, {}).blobs) == {"fingerprint"}
