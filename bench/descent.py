"""The estimate of which copy derives from which, on chains of synthetic edits with known truth.

Right: the arrow points from what was edited to the edit, over one step or several. Wrong: it points
the other way, or between two copies of which neither was made from the other. The thresholds in
`verification/matching/descent.py` were chosen on the clips called "fit"; "report" saw none of it.
"""

from __future__ import annotations

import functools
from collections import Counter
from itertools import combinations
from pathlib import Path

from bench.report import Row
from support import edits, footage
from witnessmark.model import LinkSegment
from witnessmark.model.statement import Token
from witnessmark.verification.matching import Fingerprint, match
from witnessmark.verification.matching.descent import Descent, estimate
from witnessmark.verification.matching.fingerprint import of_file

CACHE = footage.ROOT / ".bench" / "descent"
#: Seconds of a clip, its longest side, and how many clips.
LENGTH, SIDE, CLIPS = 10.0, 640, 12

#: Name of a copy to what it was made from, and by which edit.
CHAIN = {
    "crop": ("base", edits.EDITS["crop_25"]),
    "crop overlay": ("crop", edits.EDITS["caption_bar_and_logo"]),
    "crop overlay small": ("crop overlay", edits.EDITS["small"]),
    "overlay": ("base", edits.EDITS["caption_bar_and_logo"]),
    "letterbox": ("base", edits.EDITS["letterbox"]),
    "letterbox low": ("letterbox", edits.EDITS["low_bitrate"]),
    "low": ("base", edits.EDITS["low_bitrate"]),
    "small": ("base", edits.EDITS["small"]),
    "portrait": ("base", edits.EDITS["blur_padded_portrait"]),
    "excerpt": ("base", functools.partial(edits.excerpt, start=2.0, end=7.0)),
    "excerpt letterbox": ("excerpt", edits.EDITS["letterbox"]),
}


def _ancestors(name: str) -> set[str]:
    found = set()
    while name in CHAIN:
        name = CHAIN[name][0]
        found.add(name)
    return found


def material(name: str, source: Path, folder: Path) -> dict[str, Fingerprint]:
    """Fingerprints of the chain's copies of one clip."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {"base": folder / f"{name}.base.mp4"}
    if not paths["base"].exists():
        fps = edits.pace(source)
        pictures = edits.steady(edits.frames(source, end=LENGTH), fps)
        edits.write(paths["base"], (edits.fitted(p, SIDE) for p in pictures), fps, crf=18)
    for copy, (parent, edit) in CHAIN.items():
        paths[copy] = folder / f"{name}.{copy.replace(' ', '-')}.mp4"
        if not paths[copy].exists():
            edit(paths[parent], paths[copy])
    made = {}
    for copy, path in paths.items():
        with path.open("rb") as file:
            made[copy] = of_file(file)[0]
    return made


def judge(one: str, other: str, found: Descent) -> str:
    """`right`, `wrong` or `undetermined`; the latter is right for two that only share a parent."""
    if found.parent is None:
        return "undetermined"
    return "right" if found.parent in _ancestors(str(found.child)) else "wrong"


def estimates(prints: dict[str, Fingerprint]) -> list[tuple[str, str, Descent]]:
    """All pairs that the matcher links."""
    made = []
    for one, other in combinations(sorted(prints), 2):
        found = match(prints[one], prints[other])
        if found is None or found.relation != "same_footage":
            continue
        segments = [
            LinkSegment(
                a_start=round(1000 * each.query[0]),
                a_end=round(1000 * each.query[1]),
                b_start=round(1000 * each.reference[0]),
                b_end=round(1000 * each.reference[1]),
                rate=Token(f"{each.rate:.4f}"),
                transform=Token(each.transform),
            )
            for each in found.segments
        ]
        made.append((one, other, estimate((one, prints[one]), (other, prints[other]), segments)))
    return made


def chosen() -> dict[str, Path]:
    """Clips long enough, evenly over their names; one of each room and chair."""
    clips = footage.clips(CACHE)
    once = [
        name
        for name in sorted(clips)
        if name not in footage.SAME_SCENE[1:] and name not in footage.SAME_FOOTAGE[1:]
    ]
    step = max(1, len(once) // CLIPS)
    return {name: clips[name] for name in once[::step][:CLIPS]}


def bench(verbose: bool = False) -> list[Row]:
    """Rates on both halves of the clips."""
    tallies: dict[tuple[str, str], Counter[str]] = {}
    for number, (name, source) in enumerate(chosen().items()):
        half = ("fit", "report")[number % 2]
        for one, other, found in estimates(material(name, source, CACHE)):
            related = one in _ancestors(other) or other in _ancestors(one)
            kind = "parent and child" if related else "neither from the other"
            said = judge(one, other, found)
            tallies.setdefault((half, kind), Counter())[said] += 1
            if verbose and said == "wrong":
                signs = ", ".join(f"{s.what} {s.weight:+.1f}" for s in found.signs)
                print(f"    wrong: {name}: {one} | {other}: {found.parent} -> ({signs})")
    rows = []
    for (half, kind), counts in sorted(tallies.items()):
        total = sum(counts.values())
        shares = ", ".join(
            f"{what} {counts[what] / total:.2f}" for what in ("right", "wrong", "undetermined")
        )
        rows.append(Row(f"{kind}, {half} clips, {total} pairs, synthetic edits", shares, ""))
    return rows


if __name__ == "__main__":
    for row in bench(verbose=True):
        print(row)
