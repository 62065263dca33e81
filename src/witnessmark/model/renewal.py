"""Everything hashed again by a stronger hash, before the one beneath the record ages."""

from __future__ import annotations

from witnessmark.model.sighting import Attachment
from witnessmark.model.statement import Instant, Statement, Token, says


@says("digests.renewed/1")
class DigestsRenewed(Statement):
    """All entries below `size`, and the files that they name, have these digests (spec/renewal.md).

    Attributes:
        hash: `sha384` or `sha512`.
        size: entries from 0 to `size` - 1.
        row: a digest for each entry and what it names, one after the other (role `row`).
        files: digests of the files by their SHA-256 (role `files`); it never leaves as a whole.
    """

    hash: Token
    size: int
    row: Attachment
    files: Attachment


@says("renewal.anchored/1")
class RenewalAnchored(Statement):
    """An outside authority has stamped the row of a renewal, by the renewal's hash.

    Attributes:
        renewal: entry of the renewal.
        authority, time, proof, chain, via: as in `anchor.received/1`.
    """

    renewal: int
    authority: Token
    time: Instant
    proof: Attachment
    chain: Attachment | None = None
    via: Token = Token("direct")
