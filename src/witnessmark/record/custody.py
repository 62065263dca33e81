"""Receipts for transfers: the bytes a receiver signs, and the rule that every receipt must keep."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from witnessmark.errors import BadRecord
from witnessmark.model import CustodyReceipted, CustodyTransferred, Json, Recorded
from witnessmark.record.canonical import canonical
from witnessmark.record.note import strict_base64, verify

_DOMAIN = b"witnessmark/receipt/1\n"


def receipt_bytes(origin: str, transfer: int, objects: Sequence[str], received_at: str) -> bytes:
    """What the receiver of a transfer signs (spec/package.md, rule 9).

    Args:
        origin: the record that holds the transfer.
        transfer: index of the `custody.transferred/1` in it.
        objects: SHA-256 names in the order of the transfer.
        received_at: as the receipt says.
    """
    said: Json = {"objects": list(objects), "received_at": received_at, "transfer": transfer}
    return _DOMAIN + origin.encode() + b"\n" + canonical(said)


def check_receipt(
    origin: str, transfer: CustodyTransferred, number: int, receipt: CustodyReceipted
) -> None:
    """Raises `BadRecord` (`receipt`, `weak_key`) unless `receipt` is one for transfer `number`."""
    key, signature = receipt.receiver_key, receipt.receiver_signature
    if transfer.receiver_key is not None and (key != transfer.receiver_key or signature is None):
        raise BadRecord(
            f"The receipt for entry {number} is not signed by the receiver that it names.",
            code="receipt",
        )
    if signature is None:
        return
    try:
        public = strict_base64(key or "", "The receiver's key")
        value = strict_base64(signature, "The receiver's signature")
    except BadRecord as error:
        raise BadRecord(error.what, code="receipt") from error
    if len(public) != 32:
        raise BadRecord("The receiver's key has not 32 bytes.", code="receipt")
    signed = receipt_bytes(origin, number, transfer.objects, receipt.received_at)
    if not verify(public, value, signed):
        raise BadRecord(
            f"The receiver did not sign the receipt for entry {number}.", code="receipt"
        )


@dataclasses.dataclass
class Transfers:
    """Transfers and their receipts, followed through a record.

    Attributes:
        open: index to transfer, for those without a receipt.
        receipted: index of a transfer to that of its receipt.
    """

    open: dict[int, CustodyTransferred] = dataclasses.field(default_factory=dict)
    receipted: dict[int, int] = dataclasses.field(default_factory=dict)

    def add(self, recorded: Recorded, origin: str) -> None:
        """Takes in the next entry.

        Raises:
            BadRecord: `receipt`: a receipt for no earlier transfer, a second one, or one that is
                not signed as its transfer asks.
        """
        match recorded.said:
            case CustodyTransferred() as said:
                self.open[recorded.index] = said
            case CustodyReceipted(transfer=number) as said:
                if number in self.receipted:
                    raise BadRecord(f"The transfer {number} has a receipt already.", code="receipt")
                if number not in self.open:
                    raise BadRecord(
                        f"Entry {number} is no transfer that waits for a receipt.", code="receipt"
                    )
                check_receipt(origin, self.open.pop(number), number, said)
                self.receipted[number] = recorded.index
