"""A decided match between two objects."""

from __future__ import annotations

import dataclasses

from witnessmark.model.statement import Sha256, Signed, Statement, Token, says


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
        relation: `same_footage` or `same_scene`.
        score: pair-level score, decimal text, 0 to 1; its meaning is the matcher's error card.
        fingerprint: fingerprint version.
        matcher: matcher version.
    """

    a: Sha256
    b: Sha256
    relation: Token
    score: Token
    fingerprint: Token
    matcher: Token
    segments: tuple[LinkSegment, ...]
