"""Matching by sound: fingerprints of all that can be heard, and the links between them.

As `matching`, after it: what the pictures explain is not told a second time. Every pair is
compared; there is no search index of sounds.
"""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from witnessmark.archive import comparing
from witnessmark.archive.archive import Archive
from witnessmark.archive.batch import NONSENSE, Advance, Batch, nothing
from witnessmark.archive.comparing import SOUND_MODULE
from witnessmark.archive.fingerprinting import Kind, fingerprint_all
from witnessmark.archive.matching import TRIES, End, Pair, link_of, pairs_to_compare
from witnessmark.archive.tally import Tally
from witnessmark.model import Json, LinkFound, LinkSegment
from witnessmark.model.link import SAME_FOOTAGE
from witnessmark.ports import ObjectRow, Result
from witnessmark.verification.matching import Segment
from witnessmark.verification.matching.sound import MATCHER_VERSION, explained
from witnessmark.verification.matching.soundprint import VERSION, Soundprint

_NO_SOUND = "no sound, or silence only"
#: What a pair comes to whose common sound goes with common pictures.
WITH_FOOTAGE = "with_footage"


def match(archive: Archive, on_progress: Advance = nothing) -> Tally:
    """Fingerprints the sounds that have none, compares the pairs not yet compared, records links.

    All of it in workers; a hostile file or fingerprint costs its own object or pair. In the tally
    `failed` are objects without sound too.
    """
    tally = Tally()
    there = fingerprint_all(archive, _KIND, tally, on_progress)
    _compare_all(archive, there, tally, on_progress)
    return tally


def _made(result: Result) -> Soundprint | str:
    if "soundprint" in result.blobs:
        return Soundprint.decode(result.blobs["soundprint"])
    value = result.value
    warnings = value.get("warnings") if isinstance(value, dict) else None
    return _NO_SOUND if warnings in (["no_sound"], ["silent"]) else "no sound could be decoded"


_KIND = Kind(
    name="soundprint",
    version=VERSION,
    module=SOUND_MODULE,
    objects=("video", "sound"),
    decode=Soundprint.decode,
    made=_made,
    not_applicable=_NO_SOUND,
)


def soundprint_path(archive: Archive, sha256: str) -> Path:
    """Where the sound fingerprint of an object lies, once it is made."""
    return _KIND.path(archive, sha256)


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
                    _KIND.held(archive, name)
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
