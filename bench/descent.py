"""The estimate of which copy derives from which, on chains of synthetic edits with known truth.

Right: the arrow points from what was edited to the edit, over one step or several. Wrong: it points
the other way, or between two copies of which neither was made from the other. The thresholds in
`verification/matching/descent.py` were chosen on the clips called "fit"; "report" saw none of it.
"""

from __future__ import annotations

import functools
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path

import av

from bench.report import Row
from support import edits, footage
from witnessmark.model import LinkSegment
from witnessmark.model.statement import Token
from witnessmark.verification.matching import VERSION, Fingerprint
from witnessmark.verification.matching.descent import Descent, Version, estimate, tree
from witnessmark.verification.matching.fingerprint import of_file

CACHE = footage.ROOT / ".bench" / "descent"
#: Seconds of a clip, its longest side; every twelfth part of the list, and how many of those.
LENGTH, SIDE, PARTS, CLIPS = 10.0, 640, 12, 8
EXCERPT = 2.0, 7.0

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
    "excerpt": ("base", functools.partial(edits.excerpt, start=EXCERPT[0], end=EXCERPT[1])),
    "excerpt letterbox": ("excerpt", edits.EDITS["letterbox"]),
}


def _ancestors(name: str) -> set[str]:
    found = set()
    while name in CHAIN:
        name = CHAIN[name][0]
        found.add(name)
    return found


def material(name: str, source: Path, folder: Path) -> dict[str, Version]:
    """Fingerprints of the chain's copies of one clip."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {"base": folder / f"{name}.base.mp4"}
    if not paths["base"].exists():
        fps = edits.pace(source)
        pictures = edits.steady(edits.frames(source, end=LENGTH), fps)
        small = (edits.fitted(picture, SIDE) for picture in pictures)
        edits.write(folder / "half.mp4", small, fps, crf=18).rename(paths["base"])
    for copy, (parent, edit) in CHAIN.items():
        paths[copy] = folder / f"{name}.{copy.replace(' ', '-')}.mp4"
        if not paths[copy].exists():
            edit(paths[parent], folder / "half.mp4").rename(paths[copy])
    made = {}
    for copy, path in paths.items():
        kept = path.with_suffix(f".{VERSION}.wmfp")
        if not kept.exists():
            with path.open("rb") as file:
                kept.write_bytes(of_file(file)[0].encode())
        found = Fingerprint.decode(kept.read_bytes())
        with av.open(str(path)) as container:
            picture = container.streams.video[0]
            made[copy] = Version(
                name=copy,
                print=found,
                width=picture.width,
                height=picture.height,
                bytes=path.stat().st_size,
            )
    return made


def judge(found: Descent) -> str:
    """`right`, `wrong` or `undetermined`; of two that only share a parent nothing is right."""
    if found.parent is None:
        return "undetermined"
    return "right" if found.parent in _ancestors(str(found.child)) else "wrong"


def _shown(name: str) -> tuple[float, float]:
    """Seconds of the base that a copy shows."""
    while name in CHAIN and not name.startswith("excerpt"):
        name = CHAIN[name][0]
    return EXCERPT if name.startswith("excerpt") else (0.0, LENGTH)


def _true_segment(a: Version, b: Version) -> LinkSegment:
    """Where the copies show the same, as it was made."""
    (start_a, end_a), (start_b, end_b) = _shown(a.name), _shown(b.name)
    ends = (a.print.duration / 1000 + start_a, b.print.duration / 1000 + start_b)
    start, end = max(start_a, start_b), min(end_a, end_b, *ends)
    return LinkSegment(
        a_start=round(1000 * (start - start_a)),
        a_end=round(1000 * (end - start_a)),
        b_start=round(1000 * (start - start_b)),
        b_end=round(1000 * (end - start_b)),
        rate=Token("1.0000"),
        transform=Token("identity"),
    )


def estimates(versions: dict[str, Version]) -> list[tuple[str, str, Descent]]:
    """All pairs, over their true segments: what the matcher misses is measured elsewhere."""
    made = []
    for one, other in combinations(sorted(versions), 2):
        segments = [_true_segment(versions[one], versions[other])]
        made.append((one, other, estimate(versions[one], versions[other], segments)))
    return made


def chosen() -> dict[str, Path]:
    """Clips long enough, evenly over their names; one of each room and chair."""
    clips = footage.clips(CACHE)
    once = [
        name
        for name in sorted(clips)
        if name not in footage.SAME_SCENE[1:] and name not in footage.SAME_FOOTAGE[1:]
    ]
    step = max(1, len(once) // PARTS)
    return {name: clips[name] for name in once[::step][:CLIPS]}


def bench(halves: tuple[str, ...] = ("fit", "report")) -> list[Row]:
    """Rates on both halves of the clips: pair by pair, and of the arrows of whole trees."""
    tallies: dict[tuple[str, str], Counter[str]] = {}
    clips: Counter[str] = Counter()
    for number, (name, source) in enumerate(chosen().items()):
        half = ("fit", "report")[number % 2]
        if half not in halves:
            continue
        clips[half] += 1
        found = estimates(material(name, source, CACHE))
        for one, other, each in found:
            related = one in _ancestors(other) or other in _ancestors(one)
            kind = "pairs, parent and child" if related else "pairs, neither from the other"
            tallies.setdefault((half, kind), Counter())[judge(each)] += 1
        for arrow in tree(each for _, _, each in found).arrows:
            tallies.setdefault((half, "arrows of trees"), Counter())[judge(arrow)] += 1
    return [
        Row(
            f"descent, {kind} ({half}: {clips[half]} clips, {sum(counts.values())})",
            ", ".join(
                f"{what} {counts[what] / sum(counts.values()):.2f}"
                for what in ("right", "wrong", "undetermined")
                if counts[what]
            ),
            remark="synthetic edits, true segments",
        )
        for (half, kind), counts in sorted(tallies.items())
    ]


if __name__ == "__main__":
    for row in bench(tuple(sys.argv[1:]) or ("fit", "report")):
        print(row)
