"""Search among a thousand distractors, and whether those are as far as unrelated clips are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import distractors
from bench.searching import EDITS
from support import footage
from witnessmark.verification.matching import Fingerprint
from witnessmark.verification.matching.decode import Sample, small
from witnessmark.verification.matching.fingerprint import make
from witnessmark.verification.matching.framehash import distances
from witnessmark.verification.matching.index import Index
from witnessmark.verification.matching.sketch import pruned


def pictures(seed: int) -> list[np.ndarray]:
    world = footage.texture(np.random.default_rng(seed), 420, 760)
    return [
        np.ascontiguousarray(world[3 * n : 3 * n + 270, 6 * n : 6 * n + 480]) for n in range(40)
    ]


def printed(images: list[np.ndarray]) -> Fingerprint:
    return make((Sample(n / 8, small(each)) for n, each in enumerate(images)), len(images) / 8)


CLIPS = [printed(pictures(seed)) for seed in range(4)]
MODEL = distractors.model(CLIPS, CLIPS[2:])


def test_distractors_are_as_far_as_unrelated_clips() -> None:
    made, kept = distractors.hashes(MODEL, 60, np.random.default_rng(0))
    assert all(np.array_equal(pruned(each), each[k]) for each, k in zip(made, kept, strict=True))
    off = np.concatenate(
        [distances(made[n], made[m]).ravel() for n in range(20) for m in range(20, 60)]
    )
    assert off.mean() == pytest.approx(128, abs=1)
    assert 7 < off.std() < 9.5
    assert off.min() > 70
    near = np.mean([np.diagonal(distances(each, each), 1).mean() for each in made])
    far = np.mean([np.diagonal(distances(each, each), 30).mean() for each in made])
    assert near < far - 5


def test_copies_are_found_among_a_thousand(tmp_path: Path) -> None:
    index = Index.open(tmp_path)
    for number, each in enumerate(CLIPS[:2]):
        index.add(f"clip{number}", each)
    for number, made in enumerate(distractors.sketches(MODEL, 1000, seed=3)):
        index.add_sketch(f"distractor{number}", made)
    index.commit()
    assert len(index) == 1002
    others = []
    for edit in ("144p", "mirror", "quarter turn", "crop of a quarter", "bar and logo"):
        copy = printed([np.ascontiguousarray(EDITS[edit](each)) for each in pictures(1)])
        found = Index.open(tmp_path).candidates(copy).ranked
        assert found[0].key == "clip1", edit
        others.append(len(found) - 1)
    assert np.mean(others) < 50
