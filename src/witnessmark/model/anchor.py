"""Time and witnesses from outside: stamps over checkpoints, partners' co-signatures, forks."""

from __future__ import annotations

from witnessmark.model.sighting import Attachment
from witnessmark.model.statement import Instant, Sha256, Statement, Token, says


@says("anchor.received/1")
class AnchorReceived(Statement):
    """An outside authority has stamped the checkpoint of `size`.

    Attributes:
        size, root: the checkpoint; its text is what was stamped (spec/anchor.md).
        kind: `rfc3161` or `opentimestamps`.
        authority: its name in the archive's settings.
        state: `stamped` (a token that was checked), `pending` (a calendar's promise) or
            `confirmed` (in a block).
        time: the token's time, or the block's; absent while pending.
        height: the block's height.
        proof: the whole response (role `timestamp_response`) or proof (role `ots_proof`).
        chain: the certificates that were pinned when it was checked (role `chain`, PEM).
        via: `direct`, `proxy` or `partner`.
    """

    size: int
    root: Sha256
    kind: Token
    authority: Token
    state: Token
    time: Instant | None = None
    height: int | None = None
    proof: Attachment
    chain: Attachment | None = None
    via: Token = Token("direct")


@says("anchor.failed/1")
class AnchorFailed(Statement):
    """An authority gave no stamp, or a wrong one. It is asked again; nothing waits for it.

    Attributes:
        reason: `unreachable`, `refused`, `wrong_nonce`, `wrong_imprint`, `untrusted`, ...
        attempts: how often it was asked in this go.
    """

    size: int
    root: Sha256
    kind: Token
    authority: Token
    reason: Token
    attempts: int = 1


@says("cosignature.received/1")
class CosignatureReceived(Statement):
    """A partner saw the checkpoint of `size`, and that it continues the last one they saw.

    Attributes:
        witness: the partner's C2SP verifier key (type 0x04).
        time: by the partner's clock.
        signature: base64 as it stands in the note's line: key id, time, signature.
    """

    size: int
    root: Sha256
    witness: Token
    time: Instant
    signature: Token


@says("fork.reported/1")
class ForkReported(Statement):
    """Somebody holds a checkpoint under our key that contradicts this record.

    Attributes:
        size: of the contradicting checkpoint.
        ours, theirs: root of this record at that size, and theirs.
        note: the contradicting checkpoint (role `checkpoint`).
    """

    size: int
    ours: Sha256
    theirs: Sha256
    note: Attachment
