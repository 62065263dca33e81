"""Bytes that the archive holds, named by their SHA-256."""

from __future__ import annotations

from witnessmark.model.statement import Sha256, Statement, Token, says


@says("object.stored/1")
class ObjectStored(Statement):
    """The bytes were written, read back into a hash while writing, and made durable.

    Attributes:
        sha256: the object's name.
        size: bytes.
        kind: `video`, `picture`, `sound`, `document` or `other`, by its first bytes.
        derived_from: the original, when these bytes are a derivative.
    """

    sha256: Sha256
    size: int
    kind: Token
    derived_from: Sha256 | None = None
