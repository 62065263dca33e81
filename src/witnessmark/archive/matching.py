"""Matching: fingerprints of all objects, and the links between them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from witnessmark.archive import comparing
from witnessmark.archive.archive import Archive
from witnessmark.archive.batch import NONSENSE, Advance, nothing
from witnessmark.archive.fingerprinting import Kind, fingerprint_all
from witnessmark.archive.pairing import (
    Chosen,
    End,
    Link,
    Matcher,
    Pair,
    Verdict,
    all_pairs,
    compare_all,
)
from witnessmark.archive.tally import Tally
from witnessmark.errors import BadRecord
from witnessmark.model import Attachment, Json, LinkFound, ReferenceMatched
from witnessmark.model.statement import Sha256, Token
from witnessmark.ports import ObjectRow, Result
from witnessmark.record.canonical import canonical
from witnessmark.verification import matching
from witnessmark.verification.matching import card

_NO_PICTURE = "no picture could be decoded"
#: Up to so many objects all pairs are compared; of more, those that the search index finds alike.
#: Two hundred make 19,900 pairs, at most half an hour for one core.
ALL_PAIRS = 200


def match(archive: Archive, on_progress: Advance = nothing) -> Tally:
    """Fingerprints what has none, compares the pairs not yet compared, records the links.

    All of it in workers; a hostile file or fingerprint costs its own object or pair.
    """
    tally = Tally()
    there = fingerprint_all(archive, _KIND, tally, on_progress)
    _compare_all(archive, there, tally, on_progress)
    return tally


# --- fingerprints --------------------------------------------------------------------------------


def _made(result: Result) -> matching.Fingerprint | str:
    data = result.blobs.get("fingerprint", b"")
    return matching.Fingerprint.decode(data) if data else _NO_PICTURE


_KIND = Kind(
    name="fingerprint",
    version=matching.VERSION,
    module=comparing.MODULE,
    objects=("video", "picture"),
    magic=b"WMFP",
    decode=matching.Fingerprint.decode,
    made=_made,
)


def fingerprint_path(archive: Archive, sha256: str) -> Path:
    """Where the fingerprint of an object lies, once it is made."""
    return _KIND.path(archive, sha256)


def held_fingerprint(archive: Archive, sha256: str) -> matching.Fingerprint | None:
    """The fingerprint that is there; a file that is none is removed, to be made again."""
    return _KIND.held(archive, sha256)


# --- pairs ---------------------------------------------------------------------------------------


def _chosen(
    archive: Archive,
    rows: Sequence[ObjectRow],
    claimed: Sequence[End],
    done: Collection[tuple[int, int]],
    tally: Tally,
) -> Chosen:
    """All pairs of few objects; of many, those that the search index finds alike."""
    ends = [End(row.entry, row.sha256) for row in rows]
    if len(ends) <= ALL_PAIRS:
        return all_pairs(ends, claimed, done)
    from witnessmark.archive import searching  # which loads faiss, a quarter of a second

    found = searching.due(archive, rows, done)
    tally.left_off, tally.only_flat = sum(found.left_off.values()), len(found.only_flat)
    due = [(End(a.entry, a.sha256), End(b.entry, b.sha256)) for a, b in found.pairs]
    due += [(a, b) for a in ends for b in claimed if (a.entry, b.entry) not in done]
    return Chosen(iter(due), len(due), found.settled)


def _compare_all(
    archive: Archive, rows: Sequence[ObjectRow], tally: Tally, on_progress: Advance
) -> None:
    done = archive.work.compared(matching.MATCHER_VERSION)
    claimed = _claimed(archive)
    known = _known(math.comb(len(rows), 2) + len(rows) * len(claimed))

    def judge(pair: Pair, found: dict[str, Any]) -> Verdict | str:
        versions = {"fingerprint": matching.VERSION, "matcher": matching.MATCHER_VERSION}
        link = link_of(archive, pair, found, known, **versions)
        return link if isinstance(link, str) else Verdict(link.relation, link)

    matcher = Matcher(
        kind=_KIND,
        function="compare",
        version=matching.MATCHER_VERSION,
        linked=_linked(archive),
        judge=judge,
    )
    chosen = _chosen(archive, rows, claimed, done, tally)
    compare_all(archive, matcher, chosen, tally, on_progress)


def _claimed(archive: Archive) -> list[End]:
    """Claimed fingerprints of this version whose bytes are here, each once."""
    found: dict[str, End] = {}
    for row in archive.queries.reference_claims():
        if row.version == matching.VERSION and archive.blobs.has(row.name):
            found.setdefault(row.name, End(row.entry, row.name, claimed=True))
    return list(found.values())


def _linked(archive: Archive) -> set[tuple[str, str]]:
    """Pairs that this matcher linked."""
    version = matching.MATCHER_VERSION
    found = {(row.a, row.b) for row in archive.queries.links() if row.matcher == version}
    return found | {
        (row.object, row.reference)
        for row in archive.queries.reference_links()
        if row.matcher == version
    }


# --- links ---------------------------------------------------------------------------------------

#: Given to every link: what is known of the matcher's errors, and how large the search was.
Known = Mapping[str, Json]


def _known(pairs: int) -> Known:
    """Pairs that the matcher has to tell apart here, and what its error card makes of them."""
    expected = expected_false_links(pairs)
    if expected is None:
        return {"card": "none", "pairs": pairs}
    return {"card": expected.card, "pairs": pairs, "expected_false": expected.expected}


@dataclasses.dataclass(frozen=True, slots=True)
class Expected:
    """False links to expect among so many pairs: at most, at 95%, and in a sentence."""

    card: str
    expected: str
    sentence: str


NO_CARD = "There is no error card for this matcher: how many links are false is not known."


def expected_false_links(pairs: int) -> Expected | None:
    """What the matcher's error card says of so many pairs.

    None when nothing was measured, or with other versions than those that run.
    """
    found = card.expected_false_links(pairs)
    if not found.current or not found.measured.pairs:
        return None
    version = f"matcher {matching.MATCHER_VERSION} fingerprint {matching.VERSION}"
    return Expected(version, f"{found.at_most:.6g}", found.sentence)


def link_of(
    archive: Archive,
    pair: Pair,
    found: dict[str, Any],
    known: Known,
    *,
    fingerprint: str,
    matcher: str,
) -> Link | str:
    """A worker's match as a link, or why it makes no sense."""
    a, b = pair
    ends: dict[str, Json] = {"a": a.name, "b": b.name}
    if b.claimed:
        ends = {"object": a.name, "reference": b.name}
    try:
        segments: list[Json] = [dict(comparing.segment(each)) for each in found["segments"]]
        fields: dict[str, Json] = {
            **ends,
            "relation": found["relation"],
            "score": f"{comparing.number(found['score']):.4f}",
            "fingerprint": fingerprint,
            "matcher": matcher,
            "segments": segments,
            **known,
        }
        kind = ReferenceMatched if b.claimed else LinkFound
        link: Link = kind.read(fields)
        evidence = canonical({**known, "match": found})
    except (BadRecord, ArithmeticError, LookupError, TypeError, ValueError):
        return NONSENSE
    if not link.relation or len(segments) > _MOST_SEGMENTS or len(evidence) > _MOST_EVIDENCE:
        return NONSENSE
    stored = archive.blobs.put(BytesIO(evidence))
    attachment = Attachment(role=Token("evidence"), sha256=Sha256(stored.sha256), size=stored.size)
    return dataclasses.replace(link, evidence=attachment)


#: So many fit into an entry, beside everything else.
_MOST_SEGMENTS = 200
_MOST_EVIDENCE = 4 << 20


# --- coverage ------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How much of the archive was searched, by what.

    Attributes:
        objects: videos and pictures whose bytes are here.
        fingerprinted: of them, those with a fingerprint of this version.
        failed: those of which none can be made; findings say why.
        claimed: fingerprints without their video that were searched too; `claimed_other` are of
            another version, or not at hand, and were not.
        pairs: among the fingerprinted and with the claimed ones; `compared` of them by this
            matcher, or found unlike by the search index.
    """

    fingerprint: str
    matcher: str
    objects: int
    fingerprinted: int
    failed: int
    claimed: int
    claimed_other: int
    pairs: int
    compared: int

    @property
    def whole(self) -> bool:
        """Whether everything here was compared with everything else."""
        return self.fingerprinted == self.objects and self.compared == self.pairs

    def __str__(self) -> str:
        other = f"; {self.claimed_other} claimed fingerprints were not" * bool(self.claimed_other)
        return (
            f"{self.fingerprinted} of {self.objects} videos and pictures here have a fingerprint "
            f"(version {self.fingerprint}), of {self.failed} none could be made; "
            f"{self.compared} of {self.pairs} pairs were compared (matcher {self.matcher}){other}"
        )


def coverage(archive: Archive) -> Coverage:
    """How much of the archive was searched."""
    gone = archive.queries.disposed()
    rows = [row for row in archive.queries.objects(_KIND.objects) if row.sha256 not in gone]
    there = {row.entry for row in rows if fingerprint_path(archive, row.sha256).is_file()}
    claimed = {end.entry for end in _claimed(archive)}
    due = {row.entry for row in archive.queries.unexamined(*_KIND.check)}
    done = archive.work.compared(matching.MATCHER_VERSION)
    return Coverage(
        fingerprint=matching.VERSION,
        matcher=matching.MATCHER_VERSION,
        objects=len(rows),
        fingerprinted=len(there),
        failed=sum(row.entry not in there and row.entry not in due for row in rows),
        claimed=len(claimed),
        claimed_other=len({row.name for row in archive.queries.reference_claims()}) - len(claimed),
        pairs=math.comb(len(there), 2) + len(there) * len(claimed),
        compared=_looked_at(there | claimed, done),
    )


def _looked_at(held: Collection[int], done: Collection[tuple[int, int]]) -> int:
    """How many pairs of `held` entries were compared, or found unlike by the search index.

    The index has looked at a pair when both are settled; at others only what was compared counts.
    """
    there = set(held)
    settled = {a for a, b in done if a == b and a in there}
    beside = sum(
        a != b and there.issuperset((a, b)) and not settled.issuperset((a, b)) for a, b in done
    )
    return math.comb(len(settled), 2) + beside
