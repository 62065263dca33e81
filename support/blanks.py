"""Made-up videos that are alike without being copies: black, night, grass, cards, slide shows.

Two of one kind with other seeds share a look, a template or a movement, never a recording.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from support.edits import dressing
from support.edits.video import Picture, resized, write
from support.footage import texture

Random = np.random.Generator
#: Width, height, pictures a second, seconds.
WIDTH, HEIGHT, FPS, SECONDS = 480, 270, 25.0, 8.0
_COUNT = int(FPS * SECONDS)


def _noisy(picture: Picture, rng: Random, level: float) -> Picture:
    noise = rng.normal(0, level, (HEIGHT, WIDTH, 1))
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def _flat(ink: tuple[int, int, int]) -> Picture:
    return np.full((HEIGHT, WIDTH, 3), ink, np.uint8)


def black(rng: Random) -> Iterator[Picture]:
    """Nothing, with a little noise or none."""
    level = float(rng.choice([0.0, 1.5]))
    for _ in range(_COUNT):
        yield _noisy(_flat((2, 2, 2)), rng, level)


def night(rng: Random) -> Iterator[Picture]:
    """Dark noise before a hand that shakes, and a few lights that flicker."""
    ground = texture(rng, HEIGHT + 40, WIDTH + 40)[..., None] // 16
    lights = rng.integers([20, 20], [WIDTH, HEIGHT], (5, 2))
    for number in range(_COUNT):
        x, y = (int(20 + 12 * np.sin(number / each)) for each in (17, 23))
        out = np.repeat(ground[y : y + HEIGHT, x : x + WIDTH], 3, axis=2)
        out = np.ascontiguousarray(out)
        for light in lights:
            level = int(rng.integers(90, 200))
            cv2.circle(out, (int(light[0]) - x, int(light[1]) - y), 3, (level,) * 3, -1)
        yield _noisy(out, rng, 6.0)


def grass(rng: Random) -> Iterator[Picture]:
    """Fine green texture that sways."""
    blades = rng.random((HEIGHT * 2, WIDTH * 2)).astype(np.float32)
    blades = cv2.GaussianBlur(blades, (0, 0), 2.0, sigmaY=5.0)
    blades = (blades - blades.min()) / np.ptp(blades)
    for number in range(_COUNT):
        shift = int(6 + 6 * np.sin(number / 9))
        seen = blades[40 : 40 + HEIGHT, 40 + shift : 40 + shift + WIDTH, None]
        yield _noisy((seen * [60, 170, 70]).astype(np.uint8), rng, 2.0)


def sky(rng: Random) -> Iterator[Picture]:
    """A gradient with clouds that drift."""
    clouds = cv2.GaussianBlur(texture(rng, HEIGHT, WIDTH * 2), (0, 0), 12)[..., None]
    rise = np.linspace(120, 220, HEIGHT)[:, None, None] * np.array([1.0, 0.8, 0.55])
    for number in range(_COUNT):
        seen = clouds[:, number // 2 : number // 2 + WIDTH] / 255.0
        yield _noisy(np.clip(rise * (0.75 + 0.5 * seen), 0, 255).astype(np.uint8), rng, 1.0)


def sign(rng: Random) -> Iterator[Picture]:
    """The same channel's sign for everybody, on a ground of one's own."""
    mark = dressing.logo(120, np.random.default_rng(77))
    ground = _flat(dressing.colour(rng))
    ground[75:195, 180:300] = mark
    for _ in range(_COUNT):
        yield _noisy(ground, rng, 1.0)


def intro_card(rng: Random) -> Iterator[Picture]:
    """One card for everybody that fades in and out; then a texture of one's own."""
    same = np.random.default_rng(78)
    card = dressing.page(_flat(dressing.colour(same)), same)
    card = resized(card, WIDTH, HEIGHT)
    own = resized(np.repeat(texture(rng, HEIGHT, WIDTH)[..., None], 3, axis=2), WIDTH, HEIGHT)
    for number in range(_COUNT):
        if number < 3 * FPS:
            light = min(1.0, number / 12, (3 * FPS - number) / 12)
            yield _noisy((card * light).astype(np.uint8), rng, 0.5)
        else:
            yield _noisy(np.roll(own, number * 2, axis=1), rng, 1.0)


def countdown(rng: Random) -> Iterator[Picture]:
    """Figures and a hand that turns, in one's own colours and at one's own pace."""
    ground, ink, pace = dressing.colour(rng), dressing.colour(rng), rng.uniform(0.8, 1.3)
    radius = int(rng.integers(60, 110))
    for number in range(_COUNT):
        left = 9 - number / FPS * pace
        out = _flat(ground)
        cv2.circle(out, (WIDTH // 2, HEIGHT // 2), radius, ink, 3)
        turn = -2 * np.pi * (left % 1.0)
        tip = int(WIDTH / 2 + radius * np.sin(turn)), int(HEIGHT / 2 - radius * np.cos(turn))
        cv2.line(out, (WIDTH // 2, HEIGHT // 2), tip, ink, 2)
        cv2.putText(out, str(int(left)), (WIDTH // 2 - 25, HEIGHT // 2 + 25), 0, 2.5, ink, 5)
        yield _noisy(out, rng, 1.0)


def test_card(rng: Random) -> Iterator[Picture]:
    """Colour bars, the same for everybody, with one's own noise."""
    inks = [(each & 1) * 190 for each in range(8)]
    out = _flat((0, 0, 0))
    for number in range(8):
        x = number * WIDTH // 8
        out[: HEIGHT * 3 // 4, x : x + WIDTH // 8] = (
            inks[number], (number >> 1 & 1) * 190, (number >> 2 & 1) * 190,
        )  # fmt: skip
        out[HEIGHT * 3 // 4 :, x : x + WIDTH // 8] = number * 32
    for _ in range(_COUNT):
        yield _noisy(out, rng, 2.0)


def still_picture(rng: Random) -> Iterator[Picture]:
    """One picture, for as long as it lasts."""
    picture = np.repeat(texture(rng, HEIGHT, WIDTH)[..., None], 3, axis=2)
    for _ in range(_COUNT):
        yield _noisy(picture, rng, 1.0)


def slide_show(rng: Random) -> Iterator[Picture]:
    """Own pictures, two seconds each, with the zoom and the fade that everybody uses."""
    slides = [texture(rng, HEIGHT * 3 // 2, WIDTH * 3 // 2) for _ in range(4)]
    span = _COUNT // 4
    for number in range(_COUNT):
        part = number % span / span
        zoom = 1 + 0.2 * part
        w, h = round(WIDTH * 1.5 / zoom), round(HEIGHT * 1.5 / zoom)
        seen = resized(slides[number // span][:h, :w, None], WIDTH, HEIGHT)
        light = min(1.0, part * 8, (1 - part) * 8)
        picture = np.repeat(seen.reshape(HEIGHT, WIDTH, 1), 3, axis=2)
        yield _noisy((picture * light).astype(np.uint8), rng, 0.5)


KINDS: dict[str, Callable[[Random], Iterator[Picture]]] = {
    "black": black,
    "night": night,
    "grass": grass,
    "sky": sky,
    "same sign": sign,
    "same intro card": intro_card,
    "countdown": countdown,
    "test card": test_card,
    "still picture": still_picture,
    "slide show": slide_show,
}


def blank(path: Path, kind: str, seed: int) -> Path:
    """Eight seconds of a kind."""
    rng = np.random.default_rng([len(kind), ord(kind[0]), seed])
    return write(path, KINDS[kind](rng), FPS, crf=24)
