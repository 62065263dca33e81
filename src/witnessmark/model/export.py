"""A package that left the archive."""

from __future__ import annotations

from witnessmark.model.protected import Protected
from witnessmark.model.statement import Sha256, Statement, Token, says


@says("export.made/1")
class ExportMade(Statement):
    """What was handed over; the record commits to the package's tag manifest.

    Attributes:
        recipient, purpose: protected.
        risk: index of the risk record that covers it.
        tagmanifest: SHA-256 of the package's `tagmanifest-sha256.txt`.
        record_size, record_root: the record as the package carries it.
        objects: how many objects are in the package.
        disclosures: how many protected values it discloses.
        encrypted: whether it was encrypted to the recipient.
        profile: `court` or `share` (spec/package.md, rule 10).
    """

    recipient: Protected
    purpose: Protected
    risk: int
    tagmanifest: Sha256
    record_size: int
    record_root: Sha256
    objects: int
    disclosures: int = 0
    encrypted: bool = True
    profile: Token = Token("court")
