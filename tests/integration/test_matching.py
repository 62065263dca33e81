"""Matching on real clips, or made-up ones where there are none: edits, negatives, one worker."""

from __future__ import annotations

import functools
import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from support import edits, footage
from witnessmark.verification.matching import Fingerprint, Match, match
from witnessmark.verification.matching.fingerprint import of_file

#: A drone, a dog and a silent film; on a machine without them, whatever there is.
CHOSEN = ("gpmf-parser__karma", "moviepy__chaplin", "sam2__01_dog")


@functools.cache
def of(path: Path) -> Fingerprint:
    with path.open("rb") as file:
        return of_file(file)[0]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return footage.clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def uploads(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Seven small seconds of three clips, as somebody would send them on."""
    folder = tmp_path_factory.mktemp("uploads")
    names = [name for name in CHOSEN if name in clips] or sorted(clips)[:3]
    made = {}
    for name in names:
        pictures = edits.steady(edits.frames(clips[name], end=7.0), 25.0)
        small = (edits.fitted(picture, 400) for picture in pictures)
        made[name] = edits.write(folder / f"{name}.mp4", small, 25.0)
    return made


def placed(found: Match | None, *, start: float, end: float, offset: float, rate: float) -> bool:
    """Whether footage was found in that part of the query, within half a second of the truth."""
    if found is None or found.relation != "same_footage":
        return False
    mine = [s for s in found.segments if s.query[1] > start and s.query[0] < end]
    ends = [pair for s in mine for pair in zip(s.query, s.reference, strict=True)]
    return bool(mine) and all(abs(rate * q + offset - r) <= 0.5 for q, r in ends)


@pytest.mark.parametrize(
    "edit",
    ["low_bitrate", "small", "caption_bar_and_logo", "letterbox", "mirror", "rotate90", "crop_25",
     "speed_0.8", "speed_1.25"],
)  # fmt: skip
def test_an_edited_upload_is_found_and_nothing_else(
    edit: str, clips: dict[str, Path], uploads: dict[str, Path], tmp_path: Path
) -> None:
    rate = float(edit.partition("speed_")[2] or 1)
    for name, upload in uploads.items():
        copy = of(edits.EDITS[edit](upload, tmp_path / f"{name}.mp4"))
        found = match(copy, of(clips[name]))
        assert placed(found, start=0, end=7 / rate, offset=0, rate=rate), (name, found)
        for other in uploads:
            if other != name:
                assert match(copy, of(clips[other])) is None


def test_a_compilation_gives_a_segment_for_each_source(
    clips: dict[str, Path], uploads: dict[str, Path], tmp_path: Path
) -> None:
    names = list(uploads)
    parts = [(uploads[name], 1.5, 6.0) for name in names]
    made = of(edits.compilation(parts, tmp_path / "made.mp4", size=(400, 240)))
    for place, name in enumerate(names):
        start = 4.5 * place
        found = match(made, of(clips[name]))
        assert placed(found, start=start, end=start + 4.5, offset=1.5 - start, rate=1), name
        assert found is not None
        assert len(found.segments) == 1


def test_no_two_clips_are_called_one(clips: dict[str, Path]) -> None:
    for a, b in itertools.combinations(clips, 2):
        if {a, b} <= set(footage.SAME_FOOTAGE):
            continue
        found = match(of(clips[a]), of(clips[b]))
        takes = {a, b} <= set(footage.SAME_SCENE)
        assert found is None or (takes and found.relation == "same_scene"), (a, b, found)


@pytest.mark.shared
@pytest.mark.skipif(not footage.real(), reason="no real clips are here")
def test_takes_of_one_room_are_a_scene_and_edits_of_one_clip_are_footage() -> None:
    real = footage.real()
    for names, relation in (
        (footage.SAME_SCENE, "same_scene"),
        (footage.SAME_FOOTAGE, "same_footage"),
    ):
        for a, b in itertools.permutations([name for name in names if name in real], 2):
            found = match(of(real[a]), of(real[b]))
            assert found is not None, (a, b)
            assert found.relation == relation, (a, b)


SANDBOXED = """
import io, os, sys
from pathlib import Path
from witnessmark.verification.matching import fingerprint
data = Path(sys.argv[1]).read_bytes()
def audit(event, args):
    if event in ("open", "import", "socket.__new__", "subprocess.Popen", "os.exec"):
        print(event, args[:1], file=sys.stderr)
        os._exit(9)
sys.addaudithook(audit)
assert fingerprint(io.BytesIO(data), {}).blobs
"""


def test_a_worker_opens_and_imports_nothing_after_its_start(tmp_path: Path) -> None:
    path = footage.synthetic(tmp_path / "clip.mp4", seconds=1.0)
    done = subprocess.run(
        [sys.executable, "-c", SANDBOXED, str(path)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
