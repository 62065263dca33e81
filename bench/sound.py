"""`python -m bench sound`: one sound found again, by edit, and never found where it is not.

Sounds are those of the clips that can be heard, as far as they are here, and made-up ones; a
quarter of a minute of each. All edits are synthetic. Thresholds were chosen on other seeds of the
made-up sounds.
"""

from __future__ import annotations

import dataclasses
import io
import time
from collections.abc import Callable, Sequence
from itertools import permutations
from pathlib import Path

import numpy as np

from bench.matching.intervals import clustered, upper
from bench.matching.sounds import audible
from bench.report import Row
from support import footage, sounds
from support.edits import sound as spoken
from support.edits.sound import RATE, Samples
from witnessmark.verification.matching import angles, soundmatch
from witnessmark.verification.matching.fingerprint import of_file as seen
from witnessmark.verification.matching.matcher import match
from witnessmark.verification.matching.sound import SoundMatch, match_sounds
from witnessmark.verification.matching.soundprint import Soundprint, of_file

LENGTH, NEAR = 15.0, 0.5
#: Made-up sounds of each kind; first of their seeds.
SEEDS, FIRST = 3, 500


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """A sound, and what it comes from."""

    group: str
    real: bool
    sound: Samples
    held: Soundprint


@dataclasses.dataclass(frozen=True, slots=True)
class Edit:
    """What is done, and where the query then lies: reference = rate * query + offset.

    Attributes:
        rebuilt: what the reference is; the source itself when there is none.
    """

    make: Callable[[Samples], Samples]
    rate: float = 1.0
    offset: float = 0.0
    bit_rate: int = 64_000
    target: float = 0.95
    rebuilt: Callable[[Samples], Samples] | None = None


def _part(sound: Samples) -> Samples:
    return sound[3 * RATE : 9 * RATE]


EDITS = {
    "re-encoded at 24 kbit/s": Edit(lambda s: s, bit_rate=24_000, target=0.98),
    "excerpt of 6 s, half as loud": Edit(lambda s: _part(s) / 2, offset=3.0, target=0.98),
    "played at 0.8, pitch lower": Edit(lambda s: sounds.faster(s, 0.8), 0.8),
    "played at 1.13, pitch higher": Edit(lambda s: sounds.faster(s, 1.13), 1.13),
    "played at 1.25, pitch higher": Edit(lambda s: sounds.faster(s, 1.25), 1.25),
    "0.8 at its pitch": Edit(lambda s: sounds.tempo(s, 0.8), 0.8),
    "1.25 at its pitch": Edit(lambda s: sounds.tempo(s, 1.25), 1.25),
    "noise 10 dB under": Edit(lambda s: sounds.noisy(s, 10)),
    "noise as loud": Edit(lambda s: sounds.noisy(s, 0), target=0.0),
}
#: Two microphones, each with its room, filter, clock and noise.
ANGLES = {
    f"other angle, noise {told}": Edit(
        lambda s, d=decibels: sounds.other_angle(s[2 * RATE :], 1, decibels=d),
        offset=2.0,
        target=0.0,
        rebuilt=lambda s, d=decibels: sounds.other_angle(s, 2, decibels=d),
    )
    for told, decibels in (("10 dB under", 10), ("as loud", 0), ("5 dB over", -5))
}


def _heard(sound: Samples, bit_rate: int = 64_000) -> Soundprint:
    return of_file(io.BytesIO(sounds.coded(sound, bit_rate)))[0]


def sources() -> list[Source]:
    """What can be heard here."""
    made = [
        (clip.group, True, clip.sound[: round(LENGTH * RATE)])
        for clip in audible()
        if len(clip.sound) >= 9 * RATE
    ]
    made += [
        (f"{name} {seed}", False, make(FIRST + seed, LENGTH))
        for name, make in sounds.EVENTS.items()
        for seed in range(SEEDS)
    ]
    return [Source(group, real, sound, _heard(sound)) for group, real, sound in made]


def _placed(found: SoundMatch | None, edit: Edit) -> bool:
    return found is not None and all(
        abs(edit.rate * here + edit.offset - there) <= NEAR
        for each in found.segments
        for here, there in zip(each.query, each.reference, strict=True)
    )


def _recall(name: str, edit: Edit, all_of: Sequence[Source]) -> tuple[list[Row], list[Soundprint]]:
    found: dict[str, list[bool]] = {}
    placed: list[bool] = []
    weak, queries = 0, []
    for source in all_of:
        query = _heard(edit.make(source.sound), edit.bit_rate)
        held = _heard(edit.rebuilt(source.sound)) if edit.rebuilt else source.held
        queries.append(query)
        what = match_sounds(query, held)
        weak += what is not None and "GCC-PHAT" in what.evidence
        found.setdefault(source.group, []).append(what is not None)
        if what is not None:
            placed.append(_placed(what, edit))
    values = [each for group in found.values() for each in group]
    low, high = clustered(found)
    real = sum(source.real for source in all_of)
    share = float(np.mean(values))
    remark = (
        f"{sum(values)}/{len(values)} sounds of {len(found)} sources ({real} recorded), 95%"
        f" {low:.2f}-{high:.2f}; {sum(placed)}/{len(placed)} within {NEAR} s; {weak} by GCC-PHAT;"
        " synthetic edits"
    )
    target = f">= {edit.target}" if edit.target else ""
    reached = share >= edit.target if edit.target else None
    return [Row(f"same sound, {name}", f"{share:.3f}", target, reached, remark)], queries


def _unrelated(all_of: Sequence[Source], queries: Sequence[Sequence[Soundprint]]) -> list[Row]:
    """False matches, and how near the nearest came."""
    empty = [_heard(make(n, LENGTH)) for make in sounds.EMPTY.values() for n in range(2)]
    groups = [source.group for source in all_of] + [f"empty {n}" for n in range(len(empty))]
    held = [source.held for source in all_of] + empty
    false = pairs = 0
    nearest, peak, ratio = 0.0, 0.0, 0.0
    couples = set()
    for a, b in permutations(range(len(held)), 2):
        if groups[a] == groups[b]:
            continue
        couples.add(frozenset((groups[a], groups[b])))
        more = [each[a] for each in queries] if a < len(all_of) else []
        for query in (held[a], *more):
            pairs += 1
            false += match_sounds(query, held[b]) is not None
        if a < b:
            near = soundmatch.heard(held[a], held[b], least=0.0)
            nearest = max([nearest, *(each.agreement for each in near)])
            for each in angles.aligned(held[a], held[b], everything=True):
                peak, ratio = max(peak, each.peak), max(ratio, each.ratio)
    remark = (
        f"{len(couples)} couples of sources, 95% upper bound {upper(false, len(couples)):.4f} by"
        f" couple; nearest: correlation {nearest:.2f} of {soundmatch.WHOLE} needed, peak"
        f" {peak:.1f} deviations, {ratio:.2f} times the second"
    )
    return [Row("pairs of unlike sound called the same", f"{false} of {pairs}", "0", not false,
                remark)]  # fmt: skip


def _pictures(place: Path) -> Row:
    """One sound under other pictures: by sound, and never by pictures; a mute copy by pictures."""
    right = total = 0
    for seed in range(4):
        sound = sounds.speech(FIRST + seed, 8.0)
        clips = [footage.synthetic(place / f"{n}.mp4", seed=2 * seed + n) for n in range(2)]
        made = [spoken.under(each, sound, place / f"loud{n}.mp4") for n, each in enumerate(clips)]
        data = [io.BytesIO(path.read_bytes()) for path in (*made, clips[0])]
        ears, eyes = [of_file(each)[0] for each in data[:2]], [seen(each)[0] for each in data]
        mute = match(eyes[2], eyes[0])
        right += (
            match_sounds(*ears) is not None
            and match(*eyes[:2]) is None
            and mute is not None
            and mute.relation == "same_footage"
        )
        total += 1
    told = "same_sound and nothing else; the mute copy by its pictures; synthetic edits"
    return Row("one sound under other pictures", f"{right} of {total}", f"{total}",
               right == total, told)  # fmt: skip


def _cost() -> list[Row]:
    data = sounds.coded(np.tile(sounds.speech(FIRST, 30.0), 2))
    spent = []
    for _ in range(5):
        start = time.process_time()
        made = of_file(io.BytesIO(data))[0]
        spent.append(time.process_time() - start)
    other = _heard(sounds.music(FIRST, 60.0))
    start = time.process_time()
    match_sounds(made, other)
    pair = time.process_time() - start
    return [
        Row("CPU of a sound fingerprint of 60 s", f"{np.median(spent):.2f} s", "< 0.5 s",
            float(np.median(spent)) < 0.5, f"{len(made.encode()) / 1024:.0f} KiB; median of 5"),
        Row("CPU of comparing two unlike sounds of 60 s", f"{pair:.2f} s"),
    ]  # fmt: skip


def table(place: Path) -> list[Row]:
    """The rows of `make bench`."""
    all_of, rows, queries = sources(), [], []
    for name, edit in (EDITS | ANGLES).items():
        made, asked = _recall(name, edit, all_of)
        rows += made
        if name in ("noise as loud", "other angle, noise as loud"):
            queries.append(asked)
    return [*rows, *_unrelated(all_of, queries), _pictures(place), *_cost()]
