"""Receipts by file: a request goes out on a stick, an answer signed by the receiver comes back.

Both are one JSON object in canonical form with a line end. They name objects by hash and the
transfer by number; no person and no place stands in them.
"""

from __future__ import annotations

import dataclasses
from base64 import b64encode
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from witnessmark.errors import BadInput, BadRecord
from witnessmark.model import Json
from witnessmark.model.statement import PATTERNS, Instant, Sha256
from witnessmark.record.canonical import canonical, parse
from witnessmark.record.custody import receipt_bytes
from witnessmark.record.note import check_public_key, strict_base64, verify

_REQUEST, _ANSWER = "witnessmark/receipt-request/1", "witnessmark/receipt/1"
#: A transfer names at most a few hundred objects; anything longer is something else.
_LIMIT = 1 << 20
_KEPT = "Nothing was changed."


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a receiver is asked to sign.

    Attributes:
        origin: the giving archive's record.
        transfer: index of the transfer in it.
        objects: SHA-256 names in the order of the transfer.
        receiver_key: base64 key that is to sign; "" for any.
    """

    origin: str
    transfer: int
    objects: tuple[str, ...]
    receiver_key: str = ""

    def encode(self) -> bytes:
        """The request as a file."""
        members: dict[str, Json] = {"form": _REQUEST, "origin": self.origin}
        members |= {"transfer": self.transfer, "objects": list(self.objects)}
        if self.receiver_key:
            members["receiver_key"] = self.receiver_key
        return canonical(members) + b"\n"

    @staticmethod
    def decode(data: bytes) -> Request:
        """The request in a file. Raises `BadInput`."""
        members = _read(data, _REQUEST, "a request for a receipt")
        return Request(**_common(members), receiver_key=_text(members, "receiver_key", ""))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A signed receipt: the request's members, when it was received, key and signature (base64)."""

    origin: str
    transfer: int
    objects: tuple[str, ...]
    received_at: str
    key: str
    signature: str

    def encode(self) -> bytes:
        """The answer as a file."""
        members: Json = {**dataclasses.asdict(self), "form": _ANSWER, "objects": list(self.objects)}
        return canonical(members) + b"\n"

    @staticmethod
    def decode(data: bytes) -> Answer:
        """The answer in a file, its signature checked.

        Raises:
            BadInput: it is none, or its signature does not fit it.
        """
        members = _read(data, _ANSWER, "a signed receipt")
        answer = Answer(
            **_common(members),
            received_at=_text(members, "received_at"),
            key=_text(members, "key"),
            signature=_text(members, "signature"),
        )
        if not PATTERNS[Instant].fullmatch(answer.received_at):
            raise _broken("a signed receipt", "'received_at' is no time")
        try:
            public = check_public_key(strict_base64(answer.key, "Its key"))
            value = strict_base64(answer.signature, "Its signature")
            fits = verify(public, value, answer.signed_bytes())
        except BadRecord as error:
            raise _broken("a signed receipt", error.what) from error
        if not fits:
            raise _broken("a signed receipt", "its signature does not fit what it says")
        return answer

    def signed_bytes(self) -> bytes:
        """What `key` signed."""
        return receipt_bytes(self.origin, self.transfer, self.objects, self.received_at)


def sign(request: Request, received_at: str, key: Ed25519PrivateKey) -> Answer:
    """The answer to `request` under the receiver's key.

    Raises:
        BadInput: the request asks for another key's signature.
    """
    public = b64encode(key.public_key().public_bytes_raw()).decode("ascii")
    if request.receiver_key not in ("", public):
        raise BadInput(
            "This request asks for the signature of another key than yours.",
            kept="Nothing was signed.",
            todo="The person whose key it names signs it; or the giver makes a transfer for yours.",
        )
    bare = Answer(
        origin=request.origin,
        transfer=request.transfer,
        objects=request.objects,
        received_at=received_at,
        key=public,
        signature="",
    )
    signature = b64encode(key.sign(bare.signed_bytes())).decode("ascii")
    return dataclasses.replace(bare, signature=signature)


def _read(data: bytes, form: str, what: str) -> dict[str, Json]:
    try:
        members = parse(data.removesuffix(b"\n"), limit=_LIMIT)
    except BadRecord as error:
        raise _broken(what, error.what) from error
    if not isinstance(members, dict) or members.get("form") != form:
        raise _broken(what, "it is another kind of file, or from a newer version")
    return members


def _common(members: dict[str, Json]) -> dict[str, Any]:
    objects, transfer = members.get("objects"), members.get("transfer")
    names = [each for each in objects if isinstance(each, str)] if isinstance(objects, list) else []
    if not names or names != objects or not all(map(PATTERNS[Sha256].fullmatch, names)):
        raise _broken("a receipt", "it does not name objects by their SHA-256")
    if type(transfer) is not int or transfer < 0:
        raise _broken("a receipt", "it does not name a transfer")
    return {"origin": _text(members, "origin"), "transfer": transfer, "objects": tuple(names)}


def _text(members: dict[str, Json], name: str, default: str | None = None) -> str:
    value = members.get(name, default)
    if not isinstance(value, str) or len(value) > 256:
        raise _broken("a receipt", f"'{name}' is missing or malformed")
    return value


def _broken(what: str, why: str) -> BadInput:
    return BadInput(
        f"This is not {what} that can be used: {why.rstrip('.')}.",
        kept=_KEPT,
        todo="Ask for the file again; it must come as it was written, byte for byte.",
    )
