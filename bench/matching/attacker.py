"""`python -m bench attacker`: somebody who has our code tries to slip through, or to frame.

Within a budget that a viewer hardly minds, edits are drawn at random, half of them near the best
so far; the attacker sees our answer and its score after each. *Evading*: a copy is no longer
called the same footage. *Colliding*: an unrelated clip is. Printed as it comes out, not as wished.
"""

from __future__ import annotations

import argparse
import dataclasses
import multiprocessing
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from bench.matching import running, sources
from bench.matching.intervals import upper
from bench.matching.sources import Piece
from bench.report import HEADER, Row
from support import edits
from support.edits.video import Picture
from witnessmark.verification.matching import Fingerprint, match
from witnessmark.verification.matching.fingerprint import of_file

#: Of the clip: seconds, and longest side.
SECONDS, SIDE, FPS = 5.0, 320, 20.0
#: The budget: the most that each may be. Angle in degrees, the rest as shares.
BUDGET = {
    "crop": 0.05, "shift": 0.03, "angle": 2.0, "bend": 0.03, "gain": 0.12, "gamma": 0.15,
    "noise": 0.03, "speed": 0.04, "waver": 0.01, "ghost": 0.08, "flicker": 0.05,
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Attempt:
    """Each part of the budget from -1 to 1."""

    spent: tuple[float, ...]
    seed: int

    def of(self, name: str) -> float:
        return self.spent[list(BUDGET).index(name)] * BUDGET[name]


def _next(best: Attempt | None, rng: np.random.Generator) -> Attempt:
    """Near the best so far, or anywhere."""
    count, seed = len(BUDGET), int(rng.integers(1 << 31))
    if best is not None and rng.random() < 0.5:
        near = np.array(best.spent) + rng.normal(0, 0.3, count)
        return Attempt(tuple(np.clip(near, -1, 1)), seed)
    # The edge of the budget is where most is gained.
    anywhere = np.sign(rng.uniform(-1, 1, count)) * rng.uniform(0, 1, count) ** 0.5
    return Attempt(tuple(anywhere), seed)


def _edited(shown: Sequence[Picture], other: Sequence[Picture], attempt: Attempt) -> list[Picture]:
    """The clip within the budget; `other` may shine through."""
    height, width = shown[0].shape[:2]
    rng = np.random.default_rng(attempt.seed)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    bend = rng.uniform(-1, 1, (4, 2)) * attempt.of("bend") * [width, height]
    out = []
    rate = 1 + attempt.of("speed")
    for tick in range(int(len(shown) / rate)):
        picture = shown[min(len(shown) - 1, int(tick * rate))].astype(np.float32)
        ghost = abs(attempt.of("ghost"))
        picture = picture * (1 - ghost) + other[tick % len(other)] * ghost
        sway = attempt.of("waver") * np.sin(tick / 3) * width
        turn = cv2.getRotationMatrix2D(
            (width / 2, height / 2), attempt.of("angle"), 1 + abs(attempt.of("crop"))
        )
        turn[:, 2] += [attempt.of("shift") * width + sway, attempt.of("shift") * height]
        there = (corners @ turn[:, :2].T + turn[:, 2] + bend).astype(np.float32)
        matrix = cv2.getPerspectiveTransform(corners, there)
        picture = cv2.warpPerspective(picture, matrix, (width, height), borderMode=1)
        light = 1 + attempt.of("gain") + attempt.of("flicker") * rng.uniform(-1, 1)
        curve = np.clip(picture / 255, 0, 1) ** (1 + attempt.of("gamma")) * light * 255
        curve = curve + rng.normal(0, abs(attempt.of("noise")) * 255, (height, width, 1))
        out.append(np.clip(curve, 0, 255).astype(np.uint8))
    return out


def _shown(piece: Piece) -> list[Picture]:
    taken = edits.steady(edits.frames(piece.base, end=SECONDS), FPS)
    return [edits.fitted(picture, SIDE) for picture in taken]


def _print(shown: Sequence[Picture], folder: Path) -> Fingerprint:
    path = edits.write(folder / "try.mp4", iter(shown), FPS)
    with path.open("rb") as file:
        return of_file(file)[0]


@dataclasses.dataclass(frozen=True, slots=True)
class Attack:
    """On one clip.

    Attributes:
        successes: of the tries.
        first: number of the first that succeeded, 0 for none.
    """

    clip: str
    goal: str
    tries: int
    successes: int
    first: int


def attack(clip: Piece, target: Piece, goal: str, tries: int) -> Attack:
    """Edits `clip`: to `evade` itself, or to `collide` with `target`."""
    rng = np.random.default_rng([tries, len(clip.name), ord(clip.name[0]), len(goal)])
    shown = _shown(clip)
    other = [cv2.resize(each, shown[0].shape[1::-1]) for each in _shown(target)]
    aim = target if goal == "collide" else clip
    with tempfile.TemporaryDirectory() as temporary, aim.path.open("rb") as file:
        there, folder = of_file(file)[0], Path(temporary)
        best, least, successes, first = None, np.inf, 0, 0
        for number in range(1, tries + 1):
            attempt = _next(best, rng)
            found = match(_print(_edited(shown, other, attempt), folder), there)
            linked = found is not None and found.relation == "same_footage"
            score = found.score if found is not None and linked else 0.0
            cost = score if goal == "evade" else -score
            if cost < least:
                best, least = attempt, cost
            if linked == (goal == "collide"):
                successes, first = successes + 1, first or number
    return Attack(clip.name, goal, tries, successes, first)


def _chosen(pieces: Sequence[Piece], clips: int) -> list[tuple[Piece, Piece]]:
    """Clips of the report half, one a shoot, each with one of another shoot."""
    filmed = [each for each in pieces if each.kind != "rendered" and each.half == "report"]
    once = list({piece.group: piece for piece in reversed(filmed)}.values())
    once.sort(key=lambda piece: piece.name)
    return [(piece, once[number - 1]) for number, piece in enumerate(once)][:clips]


def rows(attacks: Sequence[Attack]) -> list[Row]:
    """Rates by goal."""
    made = []
    for goal in ("evade", "collide"):
        ours = [each for each in attacks if each.goal == goal]
        tries, won = sum(each.tries for each in ours), sum(each.successes for each in ours)
        clips = sum(each.first > 0 for each in ours)
        first = ", ".join(f"{each.clip} at try {each.first}" for each in ours if each.first)
        told = (
            f"{clips} of {len(ours)} clips within {ours[0].tries} tries"
            f" (95% at most {upper(clips, len(ours)):.2f}){': ' + first if first else ''}"
        )
        made.append(Row(f"attacker with our code, small random edits: {goal}",
                        f"{won / tries:.4f} of tries", remark=told))  # fmt: skip
    return made


def _one(task: tuple[Piece, Piece, str, int]) -> Attack:
    return attack(*task)


def table(tries: int, clips: int, jobs: int) -> list[Row]:
    """Both goals on so many clips."""
    pairs = _chosen(sources.pieces(), clips)
    tasks = [(a, b, goal, tries) for goal in ("evade", "collide") for a, b in pairs]
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("fork")) as pool:
        return rows(list(pool.map(_one, tasks)))


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench attacker", description=__doc__)
    parser.add_argument("--tries", type=int, default=200)
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--jobs", type=int, default=running.cores())
    options = parser.parse_args(arguments)
    print(HEADER)
    for row in table(options.tries, options.clips, options.jobs):
        print(row)
