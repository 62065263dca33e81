"""Matching by sound: fingerprints of all that can be heard, and the links between them.

As `matching`, after it: what the pictures explain is not told a second time. Every pair is
compared; there is no search index of sounds.
"""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from witnessmark.archive import comparing
from witnessmark.archive.archive import Archive
from witnessmark.archive.batch import FAILURES, NONSENSE, Advance, Batch, inconclusive, nothing
from witnessmark.archive.comparing import SOUND_MODULE
from witnessmark.archive.matching import TRIES, End, Pair, Tally, link_of, pairs_to_compare
from witnessmark.errors import BadInput
from witnessmark.model import FindingRecorded, Json, LinkFound, LinkSegment
from witnessmark.model.link import SAME_FOOTAGE
from witnessmark.model.statement import Token
from witnessmark.ports import ObjectRow, Outcome, Task
from witnessmark.stores.durable import write_file
from witnessmark.verification.matching import Segment
from witnessmark.verification.matching.sound import MATCHER_VERSION, explained
from witnessmark.verification.matching.soundprint import VERSION, Soundprint

_CHECK = ("soundprint", VERSION)
_NO_SOUND = "no sound, or silence only"
#: What a pair comes to whose common sound goes with common pictures.
WITH_FOOTAGE = "with_footage"


def match(archive: Archive, on_progress: Advance = nothing) -> Tally:
    """Fingerprints the sounds that have none, compares the pairs not yet compared, records links.

    All of it in workers; a hostile file or fingerprint costs its own object or pair. In the tally
    `failed` are objects without sound too.
    """
    tally = Tally()
    gone = archive.queries.disposed()
    rows = [row for row in archive.queries.objects(("video", "sound")) if row.sha256 not in gone]
    due = {row.sha256 for row in archive.queries.unexamined(*_CHECK)}
    there = [row for row in rows if held_soundprint(archive, row.sha256)]
    held = set(there)
    missing = [row for row in rows if row.sha256 in due and row not in held]
    tally.objects, tally.held = len(rows), len(there)
    tally.failed_before = len(rows) - len(there) - len(missing)
    there += _fingerprint(archive, missing, tally, on_progress)
    _compare_all(archive, there, tally, on_progress)
    return tally


def soundprint_path(archive: Archive, sha256: str) -> Path:
    """Where the sound fingerprint of an object lies, once it is made."""
    return archive.derived / "soundprints" / VERSION / sha256[:2] / sha256


def held_soundprint(archive: Archive, sha256: str) -> bool:
    """Whether a sound fingerprint is there; a file that is none is removed, to be made again."""
    path = soundprint_path(archive, sha256)
    try:
        Soundprint.decode(path.read_bytes())
    except FileNotFoundError:
        return False
    except BadInput:
        path.unlink()
        return False
    return True


def _fingerprint(
    archive: Archive, rows: Sequence[ObjectRow], tally: Tally, on_progress: Advance
) -> list[ObjectRow]:
    """Makes fingerprints; an object that none can be made of gets a finding that says so."""
    waiting = {row.sha256: row for row in rows}
    tasks = [
        Task(
            row.sha256,
            f"{SOUND_MODULE}:soundprint",
            str(archive.blobs.path(row.sha256)),
            {"size": row.size},
        )
        for row in rows
    ]
    made: list[ObjectRow] = []
    engine = archive.engine([SOUND_MODULE])
    with Batch(archive) as batch, closing(engine.map(tasks)) as outcomes:
        for done, outcome in enumerate(outcomes, 1):
            row = waiting[outcome.key]
            found = _decoded(outcome)
            if isinstance(found, str):
                batch.add(_without(row, found), row.sha256)
                tally.failed += 1
                tally.because(found)
            else:
                path = soundprint_path(archive, row.sha256)
                path.parent.mkdir(parents=True, exist_ok=True)
                write_file(path, found.encode())
                made.append(row)
                tally.fingerprints += 1
            batch.step()
            on_progress(done, len(tasks))
    return made


def _without(row: ObjectRow, why: str) -> FindingRecorded:
    """The finding that there is no sound fingerprint."""
    bare = inconclusive(row, *_CHECK)
    result = Token("not_applicable") if why == _NO_SOUND else bare.result
    return dataclasses.replace(bare, result=result, reason=Token(why))


def _decoded(outcome: Outcome) -> Soundprint | str:
    """The fingerprint that a worker made, or why there is none."""
    if outcome.result is None:
        return FAILURES[outcome.failure]
    if "soundprint" in outcome.result.blobs:
        try:
            return Soundprint.decode(outcome.result.blobs["soundprint"])
        except BadInput:
            return NONSENSE
    value = outcome.result.value
    warnings = value.get("warnings") if isinstance(value, dict) else None
    return _NO_SOUND if warnings in (["no_sound"], ["silent"]) else "no sound could be decoded"


def _compare_all(
    archive: Archive, rows: Sequence[ObjectRow], tally: Tally, on_progress: Advance
) -> None:
    """Compares what is due; links first, so that a kill costs a comparison at most."""
    done = archive.work.compared(MATCHER_VERSION)
    tried = archive.work.tried(_subject())
    ends = [End(row.entry, row.sha256) for row in rows]
    pairs = math.comb(len(ends), 2)
    held = {end.entry for end in ends}
    total = pairs - sum(held.issuperset(pair) for pair in done)
    linked, footage = _links(archive)
    compared: list[tuple[int, int]] = []

    def remember() -> None:
        archive.work.add_compared(compared, MATCHER_VERSION)
        compared.clear()

    def due() -> Iterator[Pair]:
        for pair in pairs_to_compare(ends, (), done):
            tally.due += 1
            if tried.get(_subject(pair), 0) >= TRIES:
                tally.given_up += 1
            else:
                yield pair

    with Batch(archive, remember) as batch:
        comparison: comparing.Comparison[End] = comparing.Comparison(
            lambda: archive.engine([SOUND_MODULE]),
            lambda end: soundprint_path(archive, end.name),
            f"{SOUND_MODULE}:compare_sounds",
        )
        for pair, found in comparison.of(due()):
            names = pair[0].name, pair[1].name
            link = _link(archive, pair, found, pairs) if isinstance(found, dict) else found
            if isinstance(link, str):
                for name in names:
                    held_soundprint(archive, name)
                tally.pairs_failed += 1
                tally.because(link)
                archive.work.ask_again(_subject(pair), tried.get(_subject(pair), 0) + 1, "")
            else:
                left = link and _beside(link, footage.get(names, ()))
                tally.came_to(left.relation if left else WITH_FOOTAGE if link else "none")
                if left and names not in linked:
                    batch.add(left, *names)
                    tally.links += 1
                compared.append((pair[0].entry, pair[1].entry))
            batch.step()
            on_progress(tally.compared + tally.pairs_failed, total)


def _subject(pair: Pair | None = None) -> str:
    """What the `work` table calls a pair that failed; without one, how all of them begin."""
    rows = f"{pair[0].entry} {pair[1].entry}" if pair else ""
    return f"compare {MATCHER_VERSION} {rows}"


_Names = tuple[str, str]


def _links(archive: Archive) -> tuple[set[_Names], Mapping[_Names, list[Segment]]]:
    """Pairs that this matcher linked, and what is the same footage in which pairs."""
    linked, footage = set[_Names](), defaultdict[_Names, list[Segment]](list)
    for row in archive.queries.links():
        if row.matcher == MATCHER_VERSION:
            linked.add((row.a, row.b))
        elif row.relation == SAME_FOOTAGE:
            footage[row.a, row.b] += map(_seconds, row.segments)
    return linked, footage


def _seconds(each: LinkSegment) -> Segment:
    return Segment(
        (each.a_start / 1000, each.a_end / 1000),
        (each.b_start / 1000, each.b_end / 1000),
        float(each.rate),
        each.transform,
    )


def _link(archive: Archive, pair: Pair, found: dict[str, Any], pairs: int) -> LinkFound | str:
    """A worker's match as a link, or why it makes no sense."""
    known: dict[str, Json] = {"card": "none", "pairs": pairs}
    link = link_of(archive, pair, found, known, fingerprint=VERSION, matcher=MATCHER_VERSION)
    # whatever a worker that was taken over says, sound never joins footage
    if not isinstance(link, LinkFound) or link.relation != "same_sound":
        return NONSENSE
    return link


def _beside(link: LinkFound, footage: Sequence[Segment]) -> LinkFound | None:
    """Without the segments that go with the same footage, None if none is left."""
    left = tuple(each for each in link.segments if not explained(_seconds(each), footage))
    return dataclasses.replace(link, segments=left) if left else None
