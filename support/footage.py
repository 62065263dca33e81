"""Real clips for tests and benchmarks, or synthetic ones on a machine that has none."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
FETCHED = ROOT / ".demo" / "footage"
_SUFFIXES = (".mp4", ".mkv", ".webm", ".mov")

#: Fixed-camera takes of the same room: the same scene, never the same footage.
SAME_SCENE = ("sample-videos__again", "sample-videos__book", "sample-videos__walk")
#: Edits of one clip that came in with it.
SAME_FOOTAGE = (
    "ThreatExchange__chair-22-sd-grey-bar",
    "ThreatExchange__chair-22-with-large-logo-bar",
    "ThreatExchange__chair-orig-22-sd-bar",
)


def real() -> dict[str, Path]:
    """Clips by name from the shared folder or from what the demo fetched; empty if neither."""
    for folder in (SHARED / "footage", FETCHED):
        if folder.is_dir():
            paths = sorted(p for p in folder.iterdir() if p.suffix in _SUFFIXES)
            if paths:
                return {path.stem: path for path in paths}
    return {}


def clips(folder: Path) -> dict[str, Path]:
    """Real clips by name; without any, four synthetic ones made in `folder`."""
    found = real()
    if found:
        return found
    folder.mkdir(parents=True, exist_ok=True)
    made = {f"synthetic_{seed}": folder / f"synthetic_{seed}.mp4" for seed in range(4)}
    for seed, path in enumerate(made.values()):
        if not path.exists():
            synthetic(path, seed=seed)
    return made


def texture(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """Detail on every scale, as photographs have: noise summed over octaves."""
    total: NDArray[np.float32] = np.zeros((height, width), np.float32)
    for octave in range(2, 8):
        coarse = rng.random((height // 2 ** (8 - octave) + 2, width // 2 ** (8 - octave) + 2))
        total += cv2.resize(coarse.astype(np.float32), (width, height)) * 0.6**octave
    total = (total - total.min()) / (total.max() - total.min())
    scaled: NDArray[np.uint8] = (total * 255).astype(np.uint8)
    return scaled


def synthetic(
    path: Path,
    *,
    seed: int = 0,
    seconds: float = 8.0,
    size: tuple[int, int] = (320, 240),
    fixed_camera: bool = False,
    take: int = 0,
    turned: int = 0,
    words: str = "",
) -> Path:
    """A made-up scene, H.264 at 25 pictures a second: a wandering camera and moving things.

    Args:
        size: width and height, even.
        fixed_camera: the background stands still.
        take: same scene, other movements.
        turned: pictures lie this many degrees (in quarters) clockwise, and a note in the file
            tells players to turn them back.
        words: what the file says of its device.
    """
    width, height = size
    scene, moves = np.random.default_rng(seed), np.random.default_rng([seed, take, 7])
    world = texture(scene, height * 2, width * 2)
    things = [
        (texture(scene, height // 3, width // 5), moves.random(4) * 2 + 0.3) for _ in range(3)
    ]
    drift = moves.random(4)
    with av.open(str(path), "w") as out:
        out.metadata.update({"title": words, "comment": words} if words else {})
        stream = out.add_stream("libx264", rate=25, options={"preset": "veryfast", "crf": "20"})
        stream.width, stream.height = (height, width) if turned % 180 else size
        stream.pix_fmt = "yuv420p"
        if turned:
            stream.set_display_rotation(turned)
        for number in range(int(seconds * 25)):
            t = number / 25
            x, y = (0.0, 0.0) if fixed_camera else np.sin(drift[:2] * t + drift[2:] * 6) * 0.5 + 0.5
            left, top = int(x * width), int(y * height)
            picture = world[top : top + height, left : left + width].copy()
            for patch, (fx, fy, px, py) in things:
                _paste(picture, patch, np.sin(fx * t + px * 9), np.sin(fy * t + py * 9))
            lying = np.ascontiguousarray(np.rot90(picture, -turned // 90))
            frame = av.VideoFrame.from_ndarray(lying, format="gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def photo(path: Path, words: str = "", *, seed: int = 0) -> Path:
    """A JPEG with words in a comment segment."""
    pixels = texture(np.random.default_rng(seed), 240, 320)
    data = cv2.imencode(".jpg", pixels)[1].tobytes()
    comment = words.encode()
    segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment if words else b""
    path.write_bytes(data[:2] + segment + data[2:])
    return path


def _paste(picture: NDArray[np.uint8], patch: NDArray[np.uint8], x: float, y: float) -> None:
    """Puts `patch` into `picture` at a place given from -1 to 1 each way."""
    (h, w), (ph, pw) = picture.shape, patch.shape
    left, top = int((x + 1) / 2 * (w - pw)), int((y + 1) / 2 * (h - ph))
    picture[top : top + ph, left : left + pw] = 255 - patch
