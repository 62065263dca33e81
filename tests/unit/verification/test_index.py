"""The index: exact within its radius, the same in any order, whole after a kill."""

from __future__ import annotations

import dataclasses
import itertools
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import footage
from witnessmark.verification.matching import Fingerprint, multihash
from witnessmark.verification.matching.decode import Sample, small
from witnessmark.verification.matching.features import Features
from witnessmark.verification.matching.fingerprint import make
from witnessmark.verification.matching.framehash import ORIENTATIONS, Hashes, distances
from witnessmark.verification.matching.index import VERSION, Index
from witnessmark.verification.matching.planning import plan
from witnessmark.verification.matching.sketch import Sketch, sketch

SIZE = (270, 480)


def pictures(seed: int, count: int = 16) -> list[np.ndarray]:
    """A camera that wanders over a made-up scene, eight pictures a second."""
    world = footage.texture(np.random.default_rng(seed), 420, 700)
    return [world[4 * n : 4 * n + SIZE[0], 6 * n : 6 * n + SIZE[1]] for n in range(count)]


def printed(images: Iterable[np.ndarray]) -> Fingerprint:
    samples = [Sample(n / 8, np.ascontiguousarray(each)) for n, each in enumerate(images)]
    return make(samples, len(samples) / 8)


VIDEOS = {f"video{seed}": printed(pictures(seed)) for seed in range(6)}


def crop(image: np.ndarray) -> np.ndarray:
    return small(image[40:250, 60:430])


def copy_of(name: str) -> Fingerprint:
    """A crop, of the same pictures a quarter second later."""
    return printed(crop(each) for each in pictures(int(name[-1]), 18)[2:])


def indexed(folder: Path, videos: dict[str, Fingerprint]) -> Index:
    index = Index.open(folder)
    for key, each in videos.items():
        index.add(key, each)
    index.commit()
    return Index.open(folder)


# --- exactness ---------------------------------------------------------------------------------


def near(rng: np.random.Generator, hashes: Hashes, flips: int) -> Hashes:
    """The same hashes with exactly so many bits changed in each."""
    bits = np.unpackbits(hashes.view(np.uint8), axis=1)
    for row in bits:
        row[rng.choice(256, flips, replace=False)] ^= 1
    return np.packbits(bits, axis=1).view(np.uint64)


@settings(deadline=None, max_examples=12)
@given(
    seed=st.integers(0, 2**32),
    cut=st.sampled_from([None, multihash.Cut(16, 16, 1), multihash.Cut(11, 12, 2)]),
    count=st.integers(0, 3000),
)
def test_what_exhaustive_search_finds_is_found(
    seed: int, cut: multihash.Cut | None, count: int
) -> None:
    rng = np.random.default_rng(seed)
    stored = rng.integers(0, 2**64, (count, 4), dtype=np.uint64)
    at = rng.integers(0, max(1, count), 40 if count else 0)
    flips = rng.integers(0, 40, len(at))
    asked = np.concatenate(
        [
            np.zeros((0, 4), np.uint64),
            *(near(rng, stored[a][None], f) for a, f in zip(at, flips, strict=True)),
        ]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multihash, "cut_of", lambda _: cut)
        tables = {
            name: np.zeros(shape, kind) for name, (kind, shape) in multihash.layout(count).items()
        }
        multihash.fill(stored, tables)
        hits = multihash.search(asked, stored, tables)
    off = distances(asked, stored)
    assert {*zip(hits.query.tolist(), hits.row.tolist(), strict=True)} == {
        (int(q), int(r)) for q, r in np.argwhere(off <= multihash.RADIUS)
    }
    assert np.array_equal(hits.distance, off[hits.query, hits.row])
    assert len(hits.query) >= (flips <= multihash.RADIUS).sum()


def test_the_cuts_cannot_miss() -> None:
    for count in (0, 20_000, 1_499_999, 1_500_000, 10**8):
        cut = multihash.cut_of(count)
        if cut:
            assert cut.chunks * (cut.flips + 1) > multihash.RADIUS
            assert cut.chunks * cut.width <= 256


# --- finding -----------------------------------------------------------------------------------


def test_copies_are_found_first(tmp_path: Path) -> None:
    index = indexed(tmp_path, VIDEOS)
    for name in VIDEOS:
        found = index.candidates(copy_of(name)).ranked
        assert found[0].key == name
        assert found[0].votes >= 8
        assert len(found) < len(VIDEOS)


@pytest.mark.parametrize("turn", [each.name for each in ORIENTATIONS])
def test_whole_pictures_are_found_however_they_lie(tmp_path: Path, turn: str) -> None:
    index = indexed(tmp_path, VIDEOS)
    images = [each[:, ::-1] if "mirror" in turn else each for each in pictures(3)]
    quarters = int(turn.partition("rotate")[2] or 0) // 90
    found = index.candidates(printed(np.rot90(each, -quarters) for each in images)).ranked
    assert found[0].key == "video3"
    assert found[0].hashes >= 2


def test_a_mirrored_crop_is_found(tmp_path: Path) -> None:
    index = indexed(tmp_path, VIDEOS)
    mirrored = printed(crop(each)[:, ::-1] for each in pictures(4))
    found = index.candidates(mirrored).ranked
    assert found[0].key == "video4"
    assert not found[0].hashes


def test_a_picture_finds_its_video(tmp_path: Path) -> None:
    index = indexed(tmp_path, VIDEOS)
    assert index.candidates(printed([pictures(2)[4]])).ranked[0].key == "video2"
    assert index.candidates(printed([crop(pictures(2)[4])])).ranked[0].key == "video2"


def test_it_is_mutual(tmp_path: Path) -> None:
    videos = VIDEOS | {f"copy{n}": copy_of(f"video{n}") for n in range(3)}
    index = indexed(tmp_path, videos)
    pairs = {(k, c.key) for k, each in videos.items() for c in index.candidates(each).ranked}
    assert pairs == {(b, a) for a, b in pairs}
    assert {("copy1", "video1"), ("video1", "copy1")} <= pairs


def sketches(draw: st.DrawFn) -> Sketch:
    """Few words and hashes that many videos share, so that something is found."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    hashes = np.array([[n, n, n, n] for n in range(6)], np.uint64) << np.uint64(40)
    keys = draw(st.integers(0, 3))
    counts = [draw(st.integers(1, 20)) for _ in range(keys)]
    chosen = [np.sort(rng.choice(30, count, replace=False)) for count in counts]
    total = sum(counts)
    words = np.concatenate([np.zeros(0, np.uint16), *chosen]).astype(np.uint16)
    return Sketch(
        hashes=hashes[rng.random(6) < 0.4],
        words=words,
        signatures=(1 << rng.integers(0, 14, total)).astype(np.uint64),
        places=(words * np.uint16(4421) % np.uint16(65521)).astype(np.uint16),  # where it always is
        keyframes=np.repeat(np.arange(keys), counts).astype(np.uint32),
        only_flat=False,
    )


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_neither_order_nor_segments_change_what_is_found(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = {
        f"v{n}": data.draw(st.composite(sketches)()) for n in range(data.draw(st.integers(1, 9)))
    }
    answers = []
    for _ in range(2):
        index = Index.open(tmp_path_factory.mktemp("index"))
        for key in data.draw(st.permutations(sorted(made))):
            index.add_sketch(key, made[key])
            if data.draw(st.booleans()):
                index.commit()
        index.commit(data.draw(st.sampled_from(["some", "all", "none"])))
        answers.append([index.search(each) for each in made.values()])
    assert answers[0] == answers[1]
    pairs = {(a, c.key) for a, found in zip(made, answers[0], strict=True) for c in found.ranked}
    assert pairs == {(b, a) for a, b in pairs}


def test_features_on_the_rim_of_a_letterbox_are_left_out() -> None:
    boxed = printed(np.pad(each, ((60, 60), (0, 0))) for each in pictures(1))
    low, high = (boxed.edges[boxed.keys[0]][k] for k in (1, 3))
    assert 0 < low < high < 255
    assert any(
        ((f.points[:, 1] * 255 < low + 4) | (f.points[:, 1] * 255 > high - 4)).any()
        for f in boxed.features
    )
    rows = sketch(boxed).places >> 8
    assert len(rows)
    scale = boxed.height / max(boxed.width, boxed.height)
    assert rows.min() > (low + 5) * scale
    assert rows.max() < (high - 5) * scale


def test_many_small_commits_become_few_segments(tmp_path: Path) -> None:
    index = Index.open(tmp_path)
    empty = sketch(printed([]))
    for n in range(70):
        index.add_sketch(f"v{n}", empty)
        index.commit()
    assert len(list((tmp_path / VERSION).glob("*.segment"))) < 15
    assert Index.open(tmp_path).keys() == {f"v{n}" for n in range(70)}


def test_common_things_rank_lower(tmp_path: Path) -> None:
    """Three share a card with the query; one of them shares its own footage, too."""
    card = footage.texture(np.random.default_rng(99), *SIZE)
    cards = [np.roll(card, 9 * n, axis=1) for n in range(8) for _ in range(4)]
    videos = {f"v{n}": printed([*cards, *pictures(n)]) for n in range(3)} | {"w": VIDEOS["video5"]}
    query = printed([*cards, *pictures(5)])
    ranked = indexed(tmp_path, videos).candidates(query).ranked
    assert ranked[0].key == "w"
    assert len(ranked) == 4


# --- odd fingerprints --------------------------------------------------------------------------


def test_odd_fingerprints_are_taken_and_asked_for(tmp_path: Path) -> None:
    black = np.zeros(SIZE, np.uint8)
    whole = VIDEOS["video0"]
    odd = {
        "nothing": printed([]),
        "black": printed([black] * 20),
        "one sample": printed([pictures(1)[0]]),
        "no keyframes": dataclasses.replace(whole, keys=whole.keys[:0], features=()),
        "thin": printed([pictures(1)[0][:16]]),
    }
    index = indexed(tmp_path, VIDEOS | odd)
    assert index.keys() == {*VIDEOS, *odd}
    found = {name: index.candidates(each) for name, each in odd.items()}
    assert found["black"].only_flat
    assert not found["black"].ranked
    assert not found["nothing"].only_flat
    assert not found["nothing"].ranked
    assert found["no keyframes"].ranked[0].key in ("no keyframes", "video0")
    assert {"one sample", "video1"} <= {each.key for each in found["one sample"].ranked}


def test_a_long_video_has_a_bounded_sketch() -> None:
    whole = VIDEOS["video0"]
    rng, n = np.random.default_rng(0), 40_000
    some = whole.features[0]
    few = Features(some.points[:9], some.descriptors[:9], some.mirrored[:9])
    long = dataclasses.replace(
        whole,
        duration=n * 125,
        times=np.arange(n, dtype=np.uint32) * 125,
        full=rng.integers(0, 2**64, (n, 4), dtype=np.uint64),
        inner=rng.integers(0, 2**64, (n, 4), dtype=np.uint64),
        contrast=np.full(n, 50, np.uint8),
        edges=np.repeat(whole.edges[:1], n, axis=0),
        keys=np.arange(0, n, 50, dtype=np.uint32),
        features=(few,) * (n // 50),
    )
    made = sketch(long)
    assert len(made.hashes) <= 4000
    assert made.keys <= 600


# --- files -------------------------------------------------------------------------------------


def test_what_is_forgotten_is_in_no_file(tmp_path: Path) -> None:
    index = indexed(tmp_path, VIDEOS)
    before = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"video2" in before
    assert VIDEOS["video2"].full[0].tobytes() in before
    index.forget(["video2", "never held"])
    index.commit()
    for each in (index, Index.open(tmp_path)):
        assert each.keys() == VIDEOS.keys() - {"video2"}
        assert not [c for c in each.candidates(copy_of("video2")).ranked if c.key == "video2"]
        assert each.candidates(copy_of("video4")).ranked[0].key == "video4"
    after = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"video2" not in after
    assert VIDEOS["video2"].full[0].tobytes() not in after


def test_adding_again_replaces(tmp_path: Path) -> None:
    index = indexed(tmp_path, VIDEOS)
    index.add("video2", VIDEOS["video3"])
    index.commit()
    assert len(Index.open(tmp_path)) == len(VIDEOS)
    found = Index.open(tmp_path).candidates(copy_of("video3")).ranked
    assert [each.key for each in found[:2]] == ["video2", "video3"]


def test_damaged_segments_are_left_out_and_made_again(tmp_path: Path) -> None:
    index = indexed(tmp_path, {"video0": VIDEOS["video0"]})
    index.add("video1", VIDEOS["video1"])
    index.commit()
    path = max((tmp_path / VERSION).glob("*.segment"))
    whole = path.read_bytes()
    for bad in (
        whole[:-70],
        whole[:9],
        b"",
        b"WMAR\xff\xff\xff\xff",
        whole.replace(b"<u4", b"<f4"),
    ):
        path.write_bytes(bad)
        index = Index.open(tmp_path)
        assert index.keys() == {"video0"}
        assert index.damaged == (path.name,)
    index.add("video1", VIDEOS["video1"])
    index.commit()
    assert Index.open(tmp_path).keys() == {"video0", "video1"}
    assert not Index.open(tmp_path).damaged


@pytest.mark.parametrize("bad", [b"", b"{", b"[]", b'{"segments": 1}', b'{"segments": ["../x"]}'])
def test_a_list_that_is_none_gives_an_empty_index(tmp_path: Path, bad: bytes) -> None:
    indexed(tmp_path, {"video0": VIDEOS["video0"]})
    (tmp_path / VERSION / "segments.json").write_bytes(bad)
    index = Index.open(tmp_path)
    assert not len(index)
    assert index.damaged
    index.add("video1", VIDEOS["video1"])
    index.commit()
    assert Index.open(tmp_path).keys() == {"video1"}


def test_other_versions_are_removed(tmp_path: Path) -> None:
    old = tmp_path / "0-1-1"
    old.mkdir(parents=True)
    (old / "segments.json").write_text("{}")
    indexed(tmp_path, {"video0": VIDEOS["video0"]})
    assert not old.exists()


WRITER = """
import os, signal, sys
from pathlib import Path
from witnessmark.verification.matching.fingerprint import Fingerprint
from witnessmark.verification.matching.index import Index
steps, prints = int(sys.argv[2]), Path(sys.argv[3])
def settle(temporary, path):
    global steps
    steps -= 1
    if steps < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    temporary.replace(path)
index = Index.open(Path(sys.argv[1]), settle)
for key in ("video2", "video3"):
    index.add(key, Fingerprint.decode((prints / key).read_bytes()))
index.forget(["video0"])
index.commit()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system cannot kill")
def test_a_killed_writer_leaves_the_index_as_it_was_or_will_be(tmp_path: Path) -> None:
    seen = set()
    for key in ("video2", "video3"):
        (tmp_path / key).write_bytes(VIDEOS[key].encode())
    for steps in itertools.count():
        folder = tmp_path / str(steps)
        indexed(folder, {key: VIDEOS[key] for key in ("video0", "video1")})
        command = [sys.executable, "-c", WRITER, str(folder), str(steps), str(tmp_path)]
        done = subprocess.run(command, cwd=footage.ROOT, timeout=120, check=False).returncode
        index = Index.open(folder)
        assert not index.damaged
        held = frozenset(index.keys())
        seen.add(held)
        assert held in ({"video0", "video1"}, {"video1", "video2", "video3"})
        assert all(index.candidates(copy_of(key)).ranked[0].key == key for key in held)
        index.add("video4", VIDEOS["video4"])  # and can be written on
        index.commit()
        listed = {path.name for path in (folder / VERSION).iterdir()}
        assert Index.open(folder).keys() == held | {"video4"}
        assert not [name for name in listed if name.startswith(".")]
        if done == 0:
            break
        assert done == -signal.SIGKILL
    assert steps >= 3
    assert len(seen) == 2


# --- planning ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_arrival_does_not_change_the_pairs(tmp_path: Path, seed: int) -> None:
    videos = VIDEOS | {f"copy{n}": copy_of(f"video{n}") for n in range(4)}
    everything = set()
    rng = np.random.default_rng(seed)
    index, left = Index.open(tmp_path), list(rng.permutation(sorted(videos)))
    while left:
        arrived, left = left[: (size := int(rng.integers(1, 4)))], left[size:]
        for key in arrived:
            index.add(key, videos[key])
        index.commit()
        made = plan(index, [(key, videos[key]) for key in arrived])
        assert not made.left_off
        everything |= set(made.pairs)
    assert {(f"copy{n}", f"video{n}") for n in range(4)} <= everything
    at_once = plan(indexed(tmp_path / "b", videos), videos.items())
    assert everything == set(at_once.pairs)


def test_what_is_left_off_is_said(tmp_path: Path) -> None:
    videos = {f"v{n}": VIDEOS["video1"] for n in range(6)} | {
        "black": printed([np.zeros(SIZE, np.uint8)])
    }
    made = plan(indexed(tmp_path, videos), videos.items(), most=2)
    assert made.left_off == {f"v{n}": 3 for n in range(6)}
    assert made.only_flat == ("black",)
    found = indexed(tmp_path, videos).candidates(VIDEOS["video1"], most=4)
    assert (len(found.ranked), found.left_off) == (4, 2)
