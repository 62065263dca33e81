"""A decided match between two objects: found by a program, decided about by people."""

from __future__ import annotations

import dataclasses

from witnessmark.model.protected import Protected
from witnessmark.model.sighting import Attachment
from witnessmark.model.statement import Sha256, Signed, Statement, Token, says

#: Links that make objects show one recording; others only stand beside them.
SAME_FOOTAGE = "same_footage"
#: What a person can decide about two stretches.
CONFIRM, SPLIT, MERGE = DECISIONS = ("confirm", "split", "merge")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LinkSegment:
    """Which milliseconds of `a` show which milliseconds of `b`.

    Attributes:
        rate: seconds of `b` for a second of `a`, decimal text.
        transform: orientation of `a` against `b` (`identity`, `mirror`, `rotate90`, ...).
    """

    a_start: Signed
    a_end: Signed
    b_start: Signed
    b_end: Signed
    rate: Token
    transform: Token


@says("link.found/1")
class LinkFound(Statement):
    """A program's match; `a` sorts before `b`, so that a pair is linked once.

    Attributes:
        relation: `same_footage`, `same_scene` or `same_sound`; data, others may come.
        score: pair-level score, decimal text, 0 to 1; its meaning is the matcher's error card.
        fingerprint: fingerprint version.
        matcher: matcher version.
        card: versions that the error card in force is of, `none` when this matcher had none.
        pairs: pairs of this archive that this matcher had to tell apart at that time.
        expected_false: how many links among so many pairs are false, at most at 95%, as that card
            has it; decimal text.
        evidence: all numbers behind the decision (role `evidence`), segment by segment.
    """

    a: Sha256
    b: Sha256
    relation: Token
    score: Token
    fingerprint: Token
    matcher: Token
    segments: tuple[LinkSegment, ...]
    card: Token | None = None
    pairs: int | None = None
    expected_false: Token | None = None
    evidence: Attachment | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DecidedSpan:
    """Milliseconds of `a` and milliseconds of `b` that a person compared."""

    a_start: int
    a_end: int
    b_start: int
    b_end: int


@says("link.decided/1")
class LinkDecided(Statement):
    """A person's word on a pair; `a` sorts before `b`. It wins over programs, whenever they come.

    Attributes:
        decision: `confirm` (one camera's take), `split` (not the same footage, whatever a program
            finds), `merge` (the same footage, though no program found it). Of two decisions about
            the same stretches, the later one counts.
        spans: the stretches; empty for all of both, which `merge` never is.
        reason: protected.
    """

    a: Sha256
    b: Sha256
    decision: Token
    spans: tuple[DecidedSpan, ...]
    reason: Protected
