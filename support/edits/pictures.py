"""What an edit does to one picture (BGR, height x width x 3)."""

from __future__ import annotations

import cv2
import numpy as np

from support.edits.video import Picture, resized


def small_picture(picture: Picture, short: int = 144) -> Picture:
    scale = short / min(picture.shape[:2])
    return resized(picture, round(picture.shape[1] * scale), round(picture.shape[0] * scale))


def grey(picture: Picture) -> Picture:
    return cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR).astype(
        np.uint8, copy=False
    )


def blur(picture: Picture) -> Picture:
    sigma = min(picture.shape[:2]) / 120
    return cv2.GaussianBlur(picture, (0, 0), sigma).astype(np.uint8, copy=False)


def caption(picture: Picture) -> Picture:
    """A black bar with text over the lowest seventh, and a logo in the upper right corner."""
    out = picture.copy()
    height, width = out.shape[:2]
    bar, unit = height // 7, max(1.0, height / 270)
    out[-bar:] = 0
    place = (width // 20, height - bar // 3)
    white = (255, 255, 255)
    cv2.putText(out, "BREAKING: SEE THIS", place, 0, 0.7 * unit, white, round(2 * unit))
    logo = max(8, height // 6)
    cv2.rectangle(out, (width - logo - 8, 8), (width - 8, 8 + logo), (40, 40, 220), -1)
    cv2.circle(out, (width - logo // 2 - 8, 8 + logo // 2), logo // 3, white, -1)
    return out


def letterbox(picture: Picture) -> Picture:
    bar = picture.shape[0] // 6
    return np.pad(picture, ((bar, bar), (0, 0), (0, 0)))


def mirror(picture: Picture) -> Picture:
    return np.ascontiguousarray(picture[:, ::-1])


def rotate90(picture: Picture) -> Picture:
    return np.ascontiguousarray(np.rot90(picture, -1))


def crop(picture: Picture, fraction: float = 0.2) -> Picture:
    """Takes `fraction` off width and height, a third of it left and above."""
    height, width = picture.shape[:2]
    top, left = round(height * fraction / 3), round(width * fraction / 3)
    low, right = round(height * fraction * 2 / 3), round(width * fraction * 2 / 3)
    return np.ascontiguousarray(picture[top : height - low, left : width - right])


def portrait(picture: Picture) -> Picture:
    """9:16 with the clip across and a blurred, enlarged copy of it above and below."""
    height, width = picture.shape[:2]
    tall = width * 16 // 9
    if height >= tall:  # portrait already: the same at its sides
        return np.ascontiguousarray(portrait(picture.transpose(1, 0, 2)).transpose(1, 0, 2))
    cut = max(8, height * width // tall)
    middle = picture[:, (width - cut) // 2 : (width + cut) // 2]
    back = cv2.GaussianBlur(resized(middle, width, tall), (0, 0), width / 30)
    top = (tall - height) // 2
    back[top : top + height] = picture
    return back.astype(np.uint8, copy=False)


def brighter(picture: Picture) -> Picture:
    return cv2.convertScaleAbs(picture, alpha=1.25, beta=15).astype(np.uint8, copy=False)


def boxed(picture: Picture, width: int, height: int) -> Picture:
    """Fitted into `width` by `height` with black around."""
    scale = min(width / picture.shape[1], height / picture.shape[0])
    inside = resized(picture, round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    out = np.zeros((height, width, 3), np.uint8)
    top, left = (height - inside.shape[0]) // 2, (width - inside.shape[1]) // 2
    out[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return out
