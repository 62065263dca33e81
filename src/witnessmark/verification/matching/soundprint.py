"""The fingerprint of a sound: how loud it is in 44 bands of pitch, 25 times a second.

Bands lie a semitone apart, so that sound played faster with its pitch is the same, some bands
higher. Like a video's it is derived data, and one without its sound is only a claim. Words can
partly be guessed from it: treat it like the sound.

Layout, little-endian, version 1:
    "WMSP", version u16, bands u16, frames n u32; n times 44 levels u8: half decibels above
    -100 dB of full scale.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from witnessmark.errors import BadInput
from witnessmark.verification.media import DecodeErrors, decoded, open_media

VERSION = "1"
#: Frames a second.
PACE = 25
#: Samples a second, and from one frame to the next; a frame looks at an eighth of a second.
RATE = 8_000
_HOP = RATE // PACE
_WINDOW = 1024
#: 270 to 3,400 Hz: what telephones, messengers and small microphones let through.
BANDS = 44
_LOWEST = 270.0
#: Seven hours, as of pictures.
MAX_FRAMES = 7 * 3600 * PACE
#: Frames that are computed together.
_TOGETHER = 256
#: A hole in the clock up to this is silence, seconds; a longer one is nonsense.
_LONGEST_HOLE = 600.0

_HEADER = struct.Struct("<4sHHI")
_MAGIC = b"WMSP"
Levels = NDArray[np.uint8]
Samples = NDArray[np.float32]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Soundprint:
    """What is kept of a sound to find it again: n x 44 levels, `PACE` frames a second."""

    levels: Levels

    def __len__(self) -> int:
        return len(self.levels)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self) / PACE

    def encode(self) -> bytes:
        """The bytes of the layout above."""
        head = _HEADER.pack(_MAGIC, int(VERSION), BANDS, len(self))
        return head + self.levels.tobytes()

    @classmethod
    def decode(cls, data: bytes) -> Soundprint:
        """Reads what `encode` wrote.

        Raises:
            BadInput: another version, or bytes that are not exactly one fingerprint.
        """
        if len(data) < _HEADER.size or data[:4] != _MAGIC:
            raise _bad("has no sound fingerprint's header")
        _, version, bands, n = _HEADER.unpack_from(data)
        if version != int(VERSION):
            raise _bad(f"is of version {version}, not {VERSION}")
        if bands != BANDS or n > MAX_FRAMES:
            raise _bad("claims impossible counts")
        if len(data) != _HEADER.size + n * BANDS:
            raise _bad("is not as long as it says")
        return cls(np.frombuffer(data, np.uint8, n * BANDS, _HEADER.size).reshape(n, BANDS))


def _bad(why: str) -> BadInput:
    return BadInput(
        f"This sound fingerprint {why}.",
        todo="Make it again from the sound.",
        code="soundprint",
    )


def _bank() -> NDArray[np.float32]:
    """Triangles over the FFT's bins, one a band, each of weight 1."""
    hertz = np.arange(_WINDOW // 2 + 1) * RATE / _WINDOW
    place = 12 * np.log2(np.maximum(hertz, 1.0) / _LOWEST)
    weight = np.maximum(0.0, 1 - np.abs(place[:, None] - np.arange(BANDS)) / 1.0)
    return np.asarray(weight / weight.sum(axis=0), np.float32)


_BANK = _bank()
_HANN = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
_SCALE = np.float32((2 / _HANN.sum()) ** 2)


def _levels(sound: Samples) -> Levels:
    """Levels of every whole window in `sound`."""
    windows = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW)[::_HOP]
    power = np.abs(np.fft.rfft(windows * _HANN)).astype(np.float32) ** 2 * _SCALE
    decibels = 10 * np.log10(power @ _BANK + 1e-12)
    return np.asarray(np.clip(np.rint(2 * (decibels + 100)), 0, 255), np.uint8)


def make(parts: Iterable[Samples]) -> Soundprint:
    """The fingerprint of mono sound at `RATE`, in parts of any length.

    Frame k looks at the sound around k / PACE seconds. What is beyond `MAX_FRAMES` is left out.
    """
    made: list[Levels] = []
    # half a window of silence before and after: the first frame is centred on the first sample
    left = np.zeros(_WINDOW // 2, np.float32)
    total = 0
    chunk = _WINDOW + (_TOGETHER - 1) * _HOP
    for part in _closed(parts):
        left = np.concatenate([left, part])
        while len(left) >= chunk and total < MAX_FRAMES:
            made.append(_levels(left[:chunk]))
            left = left[_TOGETHER * _HOP :]
            total += _TOGETHER
        if total >= MAX_FRAMES:
            break
    if len(left) >= _WINDOW:
        made.append(_levels(left))
    levels = np.concatenate(made) if made else np.zeros((0, BANDS), np.uint8)
    return Soundprint(np.ascontiguousarray(levels[:MAX_FRAMES]))


def _closed(parts: Iterable[Samples]) -> Iterator[Samples]:
    some = False
    for part in parts:
        some = some or len(part) > 0
        # a hostile file can hold any number, or none
        yield np.clip(np.nan_to_num(np.asarray(part, np.float32)), -4.0, 4.0)
    if some:
        yield np.zeros(_WINDOW // 2, np.float32)


@dataclasses.dataclass(slots=True)
class Sound:
    """Reads `file` once; `warnings` are complete when `parts` has ended.

    Attributes:
        warnings: `no_sound`, `damaged_packets`, `read_error`, `cut_short`, `clock_jumps`,
            `not_media`.
    """

    file: BinaryIO
    warnings: list[str] = dataclasses.field(default_factory=list)

    def parts(self) -> Iterator[Samples]:
        """The first sound stream at `RATE`, mono, from the first picture's moment on, if there
        are pictures. Damage is skipped and noted, never raised."""
        try:
            container = open_media(self.file)
        except DecodeErrors:
            self._warn("not_media")
            return
        with container:
            if not container.streams.audio:
                self._warn("no_sound")
                return
            yield from self._placed(self._frames(container), _origin(container))

    def _warn(self, word: str) -> None:
        if word not in self.warnings:
            self.warnings.append(word)

    def _frames(self, container: InputContainer) -> Iterator[av.AudioFrame]:
        stream = container.streams.audio[0]
        if getattr(stream, "codec_context", None) is None:  # FFmpeg knows no decoder
            self._warn("no_sound")
            return
        yield from decoded(container, stream, av.AudioFrame, self._warn)

    def _placed(self, frames: Iterator[av.AudioFrame], origin: float | None) -> Iterator[Samples]:
        """Mono samples, with silence where the clock leaves a hole."""
        mono, count = _Mono(), 0
        for frame in frames:
            at = float(frame.time) if frame.time is not None else None
            if at is not None:
                origin = at if origin is None else origin
                hole = at - origin - count / RATE
                if not -_LONGEST_HOLE <= hole <= _LONGEST_HOLE:
                    self._warn("clock_jumps")
                    origin = at - count / RATE
                elif hole > 0.1:
                    silence = np.zeros(round(hole * RATE), np.float32)
                    count += len(silence)
                    yield silence
            try:
                sound = mono(frame)
            except DecodeErrors:
                self._warn("damaged_packets")
                continue
            count += len(sound)
            yield sound
            if count > MAX_FRAMES * _HOP:
                self._warn("cut_short")
                return


def _origin(container: InputContainer) -> float | None:
    """When the first picture stands, by the stream's own word; None without pictures."""
    for stream in container.streams.video:
        if stream.start_time is not None and stream.time_base is not None:
            return float(stream.start_time * stream.time_base)
    return None


class _Mono:
    """Brings frames to one channel at `RATE`; a stream may change its form in the middle."""

    def __init__(self) -> None:
        self._form: tuple[str, str, int] | None = None
        self._resampler: av.AudioResampler | None = None

    def __call__(self, frame: av.AudioFrame) -> Samples:
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._resampler is None or form != self._form:
            self._resampler, self._form = av.AudioResampler("flt", "mono", RATE), form
        made = [each.to_ndarray().ravel() for each in self._resampler.resample(frame)]
        return np.concatenate(made) if made else np.zeros(0, np.float32)


def of_file(file: BinaryIO) -> tuple[Soundprint, list[str]]:
    """The fingerprint of what decodes in `file`, and warnings about what does not."""
    sound = Sound(file)
    made = make(sound.parts())
    if not len(made) and not sound.warnings:
        sound.warnings.append("no_sound")
    return made, sound.warnings
