"""Matching by sound: fingerprints of all that can be heard, and the links between them.

As `matching`, after it: what the pictures explain is not told a second time. Every pair is
compared; there is no search index of sounds.
"""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from witnessmark.archive.archive import Archive
from witnessmark.archive.batch import NONSENSE, Advance, nothing
from witnessmark.archive.comparing import SOUND_MODULE
from witnessmark.archive.fingerprinting import Kind, fingerprint_all
from witnessmark.archive.matching import link_of
from witnessmark.archive.pairing import End, Matcher, Pair, Verdict, all_pairs, compare_all
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
    done = archive.work.compared(MATCHER_VERSION)
    ends = [End(row.entry, row.sha256) for row in rows]
    linked, footage = _links(archive)

    def judge(pair: Pair, found: dict[str, Any]) -> Verdict | str:
        link = _link(archive, pair, found, math.comb(len(ends), 2))
        if isinstance(link, str):
            return link
        left = _beside(link, footage.get((pair[0].name, pair[1].name), ()))
        return Verdict(left.relation if left else WITH_FOOTAGE, left)

    matcher = Matcher(
        kind=_KIND,
        function="compare_sounds",
        version=MATCHER_VERSION,
        linked=linked,
        judge=judge,
    )
    compare_all(archive, matcher, all_pairs(ends, (), done), tally, on_progress)


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
