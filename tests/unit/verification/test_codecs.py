"""Codecs, pixel formats, paces: the same pictures are found however they are coded."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from support import edits, footage
from witnessmark.verification.matching import Fingerprint, match
from witnessmark.verification.matching.fingerprint import of_file

SIZE, SECONDS = (192, 144), 3.0
_HDR = "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:log-level=none"
#: name: codec, pixel format, file, options of the coder.
CODED = {
    "hevc, 10 bit, HDR": ("libx265", "yuv420p10le", "mkv", {"x265-params": _HDR}),
    "h264, 4:4:4": ("libx264", "yuv444p", "mp4", {}),
    "h264, interlaced": ("libx264", "yuv420p", "mp4", {"x264-params": "interlaced=1"}),
    "av1": ("libsvtav1", "yuv420p", "mkv", {"preset": "12"}),
    "vp8": ("libvpx", "yuv420p", "webm", {"deadline": "realtime", "cpu-used": "8"}),
    "vp9": ("libvpx-vp9", "yuv420p", "webm", {"deadline": "realtime", "cpu-used": "8"}),
    "mpeg-4 part 2": ("mpeg4", "yuv420p", "avi", {}),
    "mpeg-2, interlaced": ("mpeg2video", "yuv420p", "ts", {"flags": "+ildct+ilme"}),
    "motion jpeg": ("mjpeg", "yuvj420p", "avi", {}),
    "prores": ("prores_ks", "yuv422p10le", "mov", {}),
    "rgb planes": ("ffv1", "gbrp10le", "mkv", {}),
    "grey, 16 bit": ("ffv1", "gray16le", "mkv", {}),
    "gif": ("gif", "rgb8", "gif", {}),
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("codecs") / "source.mp4"
    return footage.synthetic(place, seed=6, seconds=SECONDS, size=SIZE)


@pytest.fixture(scope="module")
def reference(source: Path) -> Fingerprint:
    with source.open("rb") as file:
        return of_file(file)[0]


def coded(
    source: Path, out: Path, codec: str, pixels: str, options: dict[str, str], *, vary: bool = False
) -> Path:
    """The same pictures, coded anew; `vary` leaves out every second or so, at random."""
    chance = np.random.default_rng(2)
    with av.open(str(source)) as old, av.open(str(out), "w") as new:
        stream = new.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = *SIZE, pixels
        for number, frame in enumerate(old.decode(video=0)):
            if vary and chance.random() < 0.5:
                continue
            picture = frame.reformat(*SIZE, pixels)
            picture.pts, picture.time_base = number, Fraction(1, 25)
            picture.pict_type = av.video.frame.PictureType.NONE
            new.mux(stream.encode(picture))
        new.mux(stream.encode(None))
    return out


def found_again(path: Path, reference: Fingerprint) -> None:
    with path.open("rb") as file:
        made, warnings = of_file(file)
    assert warnings == []
    found = match(made, reference)
    assert found is not None
    assert found.relation == "same_footage"
    (segment,) = found.segments
    assert segment.query[1] - segment.query[0] >= 0.8 * SECONDS
    assert abs(segment.query[0] - segment.reference[0]) <= 0.2


@pytest.mark.parametrize("name", CODED)
def test_however_it_is_coded(
    name: str, source: Path, reference: Fingerprint, tmp_path: Path
) -> None:
    codec, pixels, suffix, options = CODED[name]
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    found_again(coded(source, tmp_path / f"copy.{suffix}", codec, pixels, options), reference)


def test_a_pace_that_varies(source: Path, reference: Fingerprint, tmp_path: Path) -> None:
    copy = coded(source, tmp_path / "copy.mkv", "libx264", "yuv420p", {}, vary=True)
    found_again(copy, reference)


def test_two_recordings_in_one_file_are_both_looked_at(source: Path, tmp_path: Path) -> None:
    other = footage.synthetic(tmp_path / "other.mp4", seed=12, seconds=5.0)
    streams = []
    for clip in (source, other):
        path = tmp_path / f"{clip.stem}.ts"
        edits.write(path, edits.steady(edits.frames(clip), 25.0), 25.0)
        streams.append(path.read_bytes())
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(streams))
    with joined.open("rb") as file:
        both, warnings = of_file(file)
    assert "clock_jumps" in warnings
    for clip in (source, other):
        with clip.open("rb") as file:
            found = match(of_file(file)[0], both)
        assert found is not None
        assert found.relation == "same_footage"
