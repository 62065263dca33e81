"""Made-up sounds, and what happens to sound: for tests and benchmarks. All mono at 44.1 kHz."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import av
import av.filter
import numpy as np
from numpy.typing import NDArray

from support.edits.sound import RATE, Samples

Noise = np.random.Generator
_SCALE = (0, 2, 4, 5, 7, 9, 11)


def _made(sound: NDArray[np.float64]) -> Samples:
    return np.asarray(sound / max(float(np.abs(sound).max()), 1e-9) * 0.5, np.float32)


def speech(seed: int, seconds: float) -> Samples:
    """Syllables of one voice: harmonics under moving formants, hisses, pauses."""
    rng = np.random.default_rng(seed)
    out, at, pitch = np.zeros(round(seconds * RATE)), 0, rng.uniform(90, 220)
    while at < len(out) - 2000:
        n = min(round(RATE * rng.uniform(0.08, 0.25)), len(out) - at)
        time = np.arange(n) / RATE
        sung = pitch * (1 + 0.15 * np.sin(rng.uniform(0, 6) + time * rng.uniform(2, 8)))
        phase = 2 * np.pi * np.cumsum(sung) / RATE
        ranges = ((250, 850, 80), (850, 2400, 120), (2300, 3200, 180))
        formants = [(rng.uniform(low, high), width) for low, high, width in ranges]
        syllable = np.zeros(n)
        for h in range(1, 25):
            share = sum(1 / (1 + ((h * pitch - f) / w) ** 2) for f, w in formants)
            syllable += share / h**0.3 * np.sin(h * phase)
        if rng.random() < 0.35:
            syllable = rng.normal(size=n) * 0.5
        out[at : at + n] += syllable * np.hanning(n) * rng.uniform(0.4, 1)
        pause = rng.uniform(0.2, 0.6) if rng.random() < 0.15 else rng.uniform(0.01, 0.06)
        at += n + round(RATE * pause)
    return _made(out)


def music(seed: int, seconds: float) -> Samples:
    """Another melody and other chords over the same drums, in one key, at one pace."""
    rng, drums = np.random.default_rng(seed), np.random.default_rng(1)
    out, beat = np.zeros(round((seconds + 3) * RATE)), 0.5
    decay = np.arange(RATE // 5) / RATE
    kick = np.sin(2 * np.pi * 60 * decay) * np.exp(-decay * 20) * 0.8
    snare = drums.normal(size=len(decay)) * np.exp(-decay * 40) * 0.4

    def tone(hertz: float, length: float, harmonics: int) -> NDArray[np.float64]:
        time = np.arange(round(length * RATE)) / RATE
        return sum(np.sin(2 * np.pi * hertz * h * time) / h for h in range(1, harmonics))

    def add(what: NDArray[np.float64], time: float) -> None:
        at = round(time * RATE)
        out[at : at + len(what)] += what

    for number in range(int(seconds / beat)):
        time = number * beat
        add(snare if number % 2 else kick, time)
        for half in (0.0, 0.25):
            note = tone(220 * 2 ** ((rng.choice(_SCALE) + 12 * rng.integers(3)) / 12), 0.27, 9)
            add(note * np.exp(-np.arange(len(note)) / RATE * 5) * 0.3, time + half)
        if number % 4 == 0:
            root = rng.choice(_SCALE)
            for step in (0, 4, 7):
                add(tone(130.8 * 2 ** ((root + step) / 12), 2.0, 6) * 0.12, time)
    return _made(out[: round(seconds * RATE)])


def crowd(seed: int, seconds: float) -> Samples:
    """Four voices at once."""
    return _made(sum(speech(1000 + seed * 10 + n, seconds) for n in range(4)) * np.float64(1))


def shots(seed: int, seconds: float) -> Samples:
    """Bangs at random moments over hiss."""
    rng = np.random.default_rng(seed)
    out, at = rng.normal(size=round(seconds * RATE)) * 0.01, rng.exponential(0.9)
    while at < seconds - 1:
        bang = rng.normal(size=round(RATE * 0.3)) * np.exp(
            -np.arange(round(RATE * 0.3)) / RATE * rng.uniform(15, 40)
        )
        bang = np.convolve(bang, np.ones(round(rng.uniform(1, 12))), "same")
        start = round(at * RATE)
        out[start : start + len(bang)] += bang / np.abs(bang).max() * rng.uniform(0.3, 1)
        at += rng.exponential(0.9)
    return _made(out)


def hiss(seed: int, seconds: float) -> Samples:
    return _made(np.random.default_rng(seed + 10_000).normal(size=round(seconds * RATE)))


def hum(seed: int, seconds: float) -> Samples:
    """Mains and its harmonics, as bad cables and generators have, with a little noise."""
    time = np.arange(round(seconds * RATE)) / RATE
    out = sum(np.sin(2 * np.pi * 50 * h * time + seed * h) / h for h in range(1, 70))
    return _made(out + np.random.default_rng(seed + 20_000).normal(size=len(time)) * 0.01)


#: Sounds with something to recognise, and sounds without.
EVENTS: dict[str, Callable[[int, float], Samples]] = {
    "speech": speech, "music": music, "crowd": crowd, "shots": shots,
}  # fmt: skip
EMPTY: dict[str, Callable[[int, float], Samples]] = {"hiss": hiss, "hum": hum}


# --- what happens to sound -----------------------------------------------------------------------


def noisy(sound: Samples, decibels: float, seed: int = 0) -> Samples:
    """With white noise so far under it."""
    noise = np.random.default_rng(seed).normal(size=len(sound))
    return np.asarray(sound + noise * sound.std() * 10 ** (-decibels / 20), np.float32)


def faster(sound: Samples, rate: float) -> Samples:
    """Played faster, pitch and all."""
    at = np.arange(0, len(sound) - 1, rate)
    return np.interp(at, np.arange(len(sound)), sound).astype(np.float32)


def tempo(sound: Samples, rate: float) -> Samples:
    """Faster at its own pitch, as editing programs do it."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=RATE, format="flt", layout="mono")
    changed, sink = graph.add("atempo", str(rate)), graph.add("abuffersink")
    source.link_to(changed)
    changed.link_to(sink)
    graph.configure()
    made: list[Samples] = []

    def drain() -> None:
        while True:
            try:
                made.append(graph.pull().to_ndarray().ravel())
            except (av.BlockingIOError, av.EOFError):
                return

    for frame in _frames(sound, "flt", 4096):
        graph.push(frame)
        drain()
    graph.push(None)
    drain()
    return np.concatenate(made)


def other_angle(
    sound: Samples, seed: int, *, decibels: float = 10, reverberation: float = 0.5
) -> Samples:
    """The event by another microphone: a room of its own, filter, noise, gain, and clock.

    Args:
        decibels: by which its own noise is under what it hears.
        reverberation: seconds in which the room's echo falls by 60 decibels; it is as loud as
            what comes straight.
    """
    rng = np.random.default_rng([seed, 5])
    n = round(RATE * reverberation)
    room = rng.normal(size=n) * np.exp(-6.9 * np.arange(n) / n)
    room /= np.linalg.norm(room)
    room[round(rng.uniform(0, 0.01) * RATE)] += 1
    size = 1 << (len(sound) + n).bit_length()
    here = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(room, size), size)[: len(sound)]
    here = faster(np.asarray(here, np.float32), 1 + rng.uniform(-1e-4, 1e-4))
    wide = round(rng.uniform(1, 8))
    here = np.convolve(here, np.ones(wide) / wide, "same")
    dull = np.convolve(rng.normal(size=len(here)), np.ones(20) / 20, "same")
    noise = dull * 4 + rng.normal(size=len(here)) * 0.3
    level = 10 ** (-decibels / 20) * here.std() / noise.std()
    return _made(here + noise * level) * np.float32(rng.uniform(0.1, 1))


def _frames(sound: Samples, form: str, size: int) -> Iterator[av.AudioFrame]:
    for start in range(0, len(sound), size):
        part = np.ascontiguousarray(sound[None, start : start + size], np.float32)
        frame = av.AudioFrame.from_ndarray(part, form, "mono")
        frame.sample_rate, frame.pts = RATE, start
        yield frame


def coded(sound: Samples, bit_rate: int = 64_000) -> bytes:
    """AAC in MP4, without pictures."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        stream.bit_rate = bit_rate
        for frame in _frames(sound, "fltp", 1024):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()
