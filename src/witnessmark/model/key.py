"""Changes of keys follow the same way as everything else: entries, from the genesis on."""

from __future__ import annotations

from witnessmark.model.statement import KeyId, Statement, Token, says


@says("key.rotated/1")
class KeyRotated(Statement):
    """From the next entry on, `new` takes the place of `old`.

    Attributes:
        use: `archive` (checkpoints; keys are C2SP verifier keys) or `person` (base64 keys).
        proof: base64 signature by `old` over `record.history.rotation_bytes`. Without it, anybody
            could write a record that names somebody's key and rotates away from it.
    """

    use: Token
    old: Token
    new: Token
    proof: Token


@says("key.revoked/1")
class KeyRevoked(Statement):
    """The key `about` speaks of says nothing valid from here on.

    Attributes:
        key: key id.
        reason: `lost`, `stolen`, `left` or `superseded`.
        suspect_after: record size after which its earlier signatures are in doubt too.
    """

    key: KeyId
    reason: Token
    suspect_after: int | None = None
