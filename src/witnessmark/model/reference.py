"""Reference collections: older footage to compare with, most of it only as fingerprints."""

from __future__ import annotations

from witnessmark.model.link import LinkSegment
from witnessmark.model.protected import Protected
from witnessmark.model.sighting import Attachment
from witnessmark.model.statement import PublicText, Sha256, Statement, Token, says


@says("reference.claimed/1")
class ReferenceClaimed(Statement):
    """Somebody says that a video which is not here has this fingerprint. Nothing of it is checked.

    Attributes:
        collection: its public name in this archive.
        fingerprint: the bytes that came (role `fingerprint`).
        version: fingerprint version.
        duration: milliseconds, as the fingerprint says.
        claimed_date: when the video is said to be from: a year, a day, or a time.
        title, from_whom: protected.
    """

    collection: PublicText
    fingerprint: Attachment
    version: Token
    duration: int
    claimed_date: Token | None = None
    title: Protected | None = None
    from_whom: Protected | None = None


@says("reference.matched/1")
class ReferenceMatched(Statement):
    """A program's match of an object with a fingerprint that somebody claims.

    Attributes:
        object: ours; the `a` of the segments.
        reference: SHA-256 of the claimed fingerprint; the `b` of the segments.
        relation, score, fingerprint, matcher, card, pairs, expected_false, evidence: as in
            `LinkFound`.
    """

    object: Sha256
    reference: Sha256
    relation: Token
    score: Token
    fingerprint: Token
    matcher: Token
    segments: tuple[LinkSegment, ...]
    card: Token | None = None
    pairs: int | None = None
    expected_false: Token | None = None
    evidence: Attachment | None = None


@says("reference.exported/1")
class ReferenceExported(Statement):
    """Fingerprints of these objects were given to a partner. A fingerprint is like a small picture.

    Attributes:
        recipient, purpose: protected.
        risk: entry index of the risk record.
        version: fingerprint version.
    """

    recipient: Protected
    purpose: Protected
    risk: int
    objects: tuple[Sha256, ...]
    version: Token
