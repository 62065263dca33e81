"""What channels, phones and screens put around and over a picture, with random measures.

Each function here draws once and gives back what to do to every picture: `change(picture, tick)`.
"""

from __future__ import annotations

import cv2
import numpy as np

from support.edits.video import Change, Picture, resized

Random = np.random.Generator

_WORDS = (
    "SHOCKING",
    "BREAKING",
    "SEE THIS",
    "LIVE NOW",
    "SHARE",
    "NIGHT",
    "VALLEY",
    "TODAY",
    "NEWS",
)
_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX)


def colour(rng: Random) -> tuple[int, int, int]:
    """Any colour."""
    blue, green, red = (int(each) for each in rng.integers(0, 256, 3))
    return blue, green, red


def words(rng: Random, count: int) -> str:
    """A headline."""
    return " ".join(str(each) for each in rng.choice(_WORDS, count))


def _written(picture: Picture, text: str, at: tuple[int, int], height: float, rng: Random) -> None:
    """Text `height` pixels high with its lower left corner at `at`."""
    font = _FONTS[int(rng.integers(len(_FONTS)))]
    thick = max(1, round(height / 12))
    ink = (255, 255, 255) if rng.random() < 0.7 else (0, 255, 255)
    cv2.putText(picture, text, at, font, height / 22, ink, thick, cv2.LINE_AA)


def logo(size: int, rng: Random) -> Picture:
    """A channel's sign: a disc or a square with a letter in it."""
    out = np.full((size, size, 3), colour(rng), np.uint8)
    middle, ink = (size // 2, size // 2), colour(rng)
    if rng.random() < 0.5:
        cv2.circle(out, middle, size // 3, ink, -1)
    else:
        cv2.rectangle(out, (size // 5, size // 3), (size * 4 // 5, size * 2 // 3), ink, -1)
    _written(out, str(rng.choice(list("ABKNTV"))), (size // 3, size * 2 // 3), size / 2.5, rng)
    return out


def _bar(width: int, height: int, rng: Random) -> Picture:
    """A caption bar."""
    out = np.full((height, width, 3), colour(rng) if rng.random() < 0.5 else (0, 0, 0), np.uint8)
    _written(out, words(rng, 3), (width // 30, height * 2 // 3), height / 2.2, rng)
    return out


def channel(width: int, height: int, rng: Random) -> Change:
    """A sign in one corner, a caption bar below or above, a ticker that runs through it."""
    sign = logo(max(12, round(min(width, height) * rng.uniform(0.13, 0.22))), rng)
    margin = max(2, min(width, height) // 40)
    bar = _bar(width, round(height * rng.uniform(0.1, 0.16)), rng)
    strip_height = max(10, round(height * rng.uniform(0.05, 0.08)))
    strip = _bar(width * 3, strip_height, rng)
    _written(strip, words(rng, 7), (width, strip_height * 3 // 4), strip_height / 1.6, rng)
    pace, above = rng.uniform(0.004, 0.012) * width, rng.random() < 0.25
    left = rng.random() < 0.5
    top = bar.shape[0] + margin if above else margin

    def change(picture: Picture, tick: int) -> Picture:
        out = picture.copy()
        x = margin if left else width - margin - len(sign)
        out[top : top + len(sign), x : x + len(sign)] = sign
        start = 0 if above else height - len(bar) - len(strip)
        out[start : start + len(bar)] = bar
        shift = round(tick * pace) % (2 * width)
        low = height - len(strip)
        out[low:] = strip[:, shift : shift + width]
        return out

    return change


def bars(rng: Random, ink: tuple[int, int, int]) -> Change:
    """Even bars on two sides, or on all four."""
    share = rng.uniform(0.06, 0.2)
    kind = rng.choice(["above", "beside", "around"])

    def change(picture: Picture, tick: int) -> Picture:
        del tick
        y = 0 if kind == "beside" else round(picture.shape[0] * share)
        x = 0 if kind == "above" else round(picture.shape[1] * share)
        out = cv2.copyMakeBorder(picture, y, y, x, x, cv2.BORDER_CONSTANT, value=ink)
        return np.asarray(out, np.uint8)

    return change


def tilt(width: int, height: int, rng: Random) -> Change:
    """Turned by two to five degrees; the corners black, repeated, or zoomed away."""
    angle = rng.uniform(2, 5) * rng.choice([-1, 1])
    fill = rng.choice(["black", "repeated", "zoomed"])
    turn = np.radians(abs(angle))
    long, short = max(width, height), min(width, height)
    zoom = np.cos(turn) + np.sin(turn) * long / short if fill == "zoomed" else 1.0
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, float(zoom))
    border = cv2.BORDER_REPLICATE if fill == "repeated" else cv2.BORDER_CONSTANT

    def change(picture: Picture, tick: int) -> Picture:
        del tick
        return np.asarray(
            cv2.warpAffine(picture, matrix, (width, height), borderMode=border), np.uint8
        )

    return change


def _interface(width: int, height: int, rng: Random) -> Picture:
    """A player's page: grey ground, bars, buttons, lines of text."""
    out = np.full((height, width, 3), int(rng.integers(15, 240)), np.uint8)
    ink = colour(rng)
    cv2.rectangle(out, (0, 0), (width, height // 14), ink, -1)
    for number in range(int(rng.integers(3, 9))):
        y = int(rng.uniform(0.1, 0.97) * height)
        cv2.line(out, (width // 40, y), (int(width * rng.uniform(0.2, 0.9)), y), colour(rng), 2)
        x = width * (number + 1) // 11
        cv2.circle(out, (x, height * 27 // 28), max(2, height // 60), colour(rng), -1)
    _written(out, words(rng, 2), (width // 30, height // 18), height / 30, rng)
    return out


def screen(width: int, height: int, rng: Random) -> Change:
    """Filmed off a screen: page around it, bezel, perspective, stripes, noise, flicker."""
    ground = _interface(width, height, rng)
    share = rng.uniform(0.62, 0.85)
    inner_w, inner_h = round(width * share), round(height * share)
    left = int(rng.integers(0, width - inner_w + 1))
    top = int(rng.integers(height // 14, max(height // 14 + 1, height - inner_h)))
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    bend = rng.uniform(-0.05, 0.05, (4, 2)) * [width, height]
    matrix = cv2.getPerspectiveTransform(corners, (corners + bend).astype(np.float32))
    rows = np.arange(height)[:, None, None]
    cycle, beat, depth = rng.uniform(2.3, 5.0), rng.uniform(0.3, 2.0), rng.uniform(2, 6)
    flicker, gain = rng.uniform(0.02, 0.06), rng.uniform(0.8, 1.15)
    noise = rng.normal(0, rng.uniform(2, 5), (8, height, width, 1)).astype(np.float32)

    def change(picture: Picture, tick: int) -> Picture:
        page = ground.copy()
        page[top : top + inner_h, left : left + inner_w] = resized(picture, inner_w, inner_h)[
            : height - top
        ]
        filmed = cv2.warpPerspective(page, matrix, (width, height)).astype(np.float32)
        stripes = depth * np.sin(2 * np.pi * rows / cycle + tick * beat)
        light = gain * (1 + flicker * np.sin(tick * beat * 1.7))
        out = filmed * light + stripes + noise[tick % len(noise)]
        return np.clip(out, 0, 255).astype(np.uint8)

    return change


def page(picture: Picture, rng: Random) -> Picture:
    """A still as somebody's phone saved it: the player's page around it."""
    height, width = picture.shape[:2]
    tall, wide = round(height * rng.uniform(1.15, 2.2)), round(width * rng.uniform(1.0, 1.2))
    out = _interface(wide, tall, rng)
    top = int(rng.uniform(0.2, 0.8) * (tall - height))
    left = (wide - width) // 2
    out[top : top + height, left : left + width] = picture
    return out
