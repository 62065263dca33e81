"""Who has had the things: received, transferred, receipted, disposed of, audited."""

from __future__ import annotations

import dataclasses

from witnessmark.model.protected import Protected
from witnessmark.model.sighting import Attachment
from witnessmark.model.statement import Instant, Sha256, Statement, Token, says


@says("custody.received/1")
class CustodyReceived(Statement):
    """Somebody gave these objects to the person who signs.

    Attributes:
        method: `in_person`, `courier`, `post`, `network`, `other`.
        reason, from_whom: protected.
    """

    objects: tuple[Sha256, ...]
    method: Token
    reason: Protected
    from_whom: Protected


@says("custody.transferred/1")
class CustodyTransferred(Statement):
    """The person who signs gave these objects out of their hands.

    Attributes:
        to_whom, reason: protected.
        receiver_key: base64 Ed25519 key that is to sign the receipt, when the receiver has one.
    """

    objects: tuple[Sha256, ...]
    method: Token
    reason: Protected
    to_whom: Protected
    receiver_key: Token | None = None


@says("custody.receipted/1")
class CustodyReceipted(Statement):
    """The receipt for a transfer. Until it stands here, the transfer is an open gap.

    Attributes:
        transfer: index of the `custody.transferred/1`.
        received_at: as the receipt says.
        receiver_key, receiver_signature: base64; over `record.custody.receipt_bytes`.
        document: the paper that was signed instead, as a scan (role `receipt`).
    """

    transfer: int
    received_at: Instant
    receiver_key: Token | None = None
    receiver_signature: Token | None = None
    document: Attachment | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Disposed:
    """One object whose bytes are gone."""

    sha256: Sha256
    size: int


@says("object.disposed/1")
class ObjectDisposed(Statement):
    """The bytes of these objects were destroyed; what the record says of them stays.

    Attributes:
        objects: names and sizes: the tombstones. They are not collected again.
        ground: `out_of_scope`, `duplicate_personal_data`, `consent_withdrawn`, `court_order`.
        reason: protected.
        contrary: whether any of them is linked with material that stays. Then `contrary_reason`
            says why it may go all the same.
        second, second_signature: another person; nobody disposes alone.
    """

    objects: tuple[Disposed, ...]
    ground: Token
    reason: Protected
    contrary: bool
    contrary_reason: Protected | None = None
    second: Token
    second_signature: Token = Token("")


@says("material.linked/1")
class MaterialLinked(Statement):
    """A person says that `a` bears on `b`.

    Attributes:
        relation: `contradicts`, `supports` or `context`.
    """

    a: Sha256
    b: Sha256
    relation: Token
    reason: Protected


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AuditedPlace:
    """One storage place: how much was read, and how many copies were bad or mended.

    Attributes:
        place: `archive`, or 32 hex digits: a keyed digest of where the copy lies.
        changed: also copies that could not be read to their end; `bad` tells them apart.
    """

    place: Token
    objects: int
    bytes: int
    missing: int
    changed: int
    repaired: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BadCopy:
    """A copy that is not what its name says. `what`: `missing`, `changed`, `unreadable`."""

    place: Token
    sha256: Sha256
    what: Token
    repaired: bool


@says("fixity.audited/1")
class FixityAudited(Statement):
    """Every copy in every place was read and hashed.

    Attributes:
        started_at: archive clock.
        places: each with its counts.
        bad: the bad copies, up to 200.
        more: the whole list, when there are more (role `bad_copies`).
    """

    started_at: Instant
    places: tuple[AuditedPlace, ...]
    bad: tuple[BadCopy, ...] = ()
    more: Attachment | None = None
