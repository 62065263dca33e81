"""RFC 3161: asking for a time-stamp, and what must hold of the answer (spec/anchor.md).

Two programs look at each answer: the rules of the specification, written here, and the library
`rfc3161-client`. The library takes certificates handed to it as ends of a path, so it is given
the one pinned root that the path found here leads to, and an answer that brings the certificates
of that path alone. A path of its ends in a self-signed certificate and nowhere else (measured with
1.0.9: "unable to get issuer certificate"); where an intermediate one is pinned, the rules here
decide alone.
"""

from __future__ import annotations

import dataclasses
import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from witnessmark.anchoring import certificates as certs
from witnessmark.anchoring import der
from witnessmark.anchoring.certificates import Certificate
from witnessmark.anchoring.der import INTEGER, OCTETS, OID, SEQUENCE, SET, Element
from witnessmark.anchoring.hashes import is_as_strong
from witnessmark.errors import BadStamp

QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"
_SIGNED_DATA, _TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_SIGNER_V1, _SIGNER_V2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
_RSA = "1.2.840.113549.1.1.1"
_HASHES = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}
_SIGNATURES = {
    "1.2.840.113549.1.1.11": (True, "sha256"),
    "1.2.840.113549.1.1.12": (True, "sha384"),
    "1.2.840.113549.1.1.13": (True, "sha512"),
    "1.2.840.10045.4.3.2": (False, "sha256"),
    "1.2.840.10045.4.3.3": (False, "sha384"),
    "1.2.840.10045.4.3.4": (False, "sha512"),
}
#: AlgorithmIdentifier of each hash, as it stands in a request
_ASKED = {
    name: bytes.fromhex(f"300d06096086480165030402{last}0500")
    for name, last in (("sha256", "01"), ("sha384", "02"), ("sha512", "03"))
}
_MAX_CERTIFICATES = 32
_GRANTED = b"\x30\x03\x02\x01\x00"


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """A request (DER) over a checkpoint's text, and the nonce that its answer must bear."""

    request: bytes
    nonce: int


@dataclasses.dataclass(frozen=True, slots=True)
class Stamp:
    """An answer that holds.

    Attributes:
        time: when, by the authority.
        path: certificates from the signer's to the pinned root.
        hashes: of the imprint, and of what the signer signed.
    """

    time: datetime
    path: tuple[Certificate, ...]
    hashes: tuple[str, str]

    @property
    def until(self) -> datetime:
        """When the first of its certificates ends."""
        return min(each.parsed.not_valid_after_utc for each in self.path)


def question(text: bytes, hash_name: str = "sha256") -> Question:
    """A request for a time-stamp over that hash of `text`, with a nonce never used before."""
    nonce = secrets.randbits(63) | 1 << 62  # of one length: it tells nothing of itself
    imprint = der.make(
        SEQUENCE, _ASKED[hash_name], der.make(OCTETS, hashlib.new(hash_name, text).digest())
    )
    number = der.make(INTEGER, nonce.to_bytes(8, "big"))
    return Question(der.make(SEQUENCE, b"\x02\x01\x01", imprint, number, b"\x01\x01\xff"), nonce)


def is_question(request: bytes, digest: str) -> bool:
    """Whether a request asks for one digest, with a nonce, and for nothing else.

    An SHA-256 must be `digest` (hex); a digest by a stronger hash cannot be compared with it.
    """
    try:
        members = der.one(request, SEQUENCE).members(INTEGER, SEQUENCE, INTEGER)
        algorithm, imprint = _pair(members[1], SEQUENCE, OCTETS)
        kind = _HASHES.get(_identifier(algorithm))
    except BadStamp:
        return False
    if kind is None or len(members) != 4 or members[3].raw != b"\x01\x01\xff":
        return False
    if algorithm.raw != _ASKED[kind.name] or len(imprint.body) != kind.digest_size:
        return False
    return kind.name != "sha256" or imprint.body.hex() == digest


@dataclasses.dataclass(frozen=True)
class _Token:
    """An answer taken apart; nothing of it is checked."""

    info: bytes
    hash_oid: str
    imprint: bytes
    time: datetime
    nonce: int | None
    digest_oid: str
    attributes: Element
    signature_kind: str
    signature: bytes
    signer: Certificate
    certificates: list[Certificate]


def check(
    response: bytes,
    text: bytes,
    roots: Sequence[Certificate],
    *,
    nonce: int | None = None,
    lists: Sequence[x509.CertificateRevocationList] = (),
    least: str = "sha256",
) -> Stamp:
    """What a TimeStampResp over `text` says, by pinned roots.

    Args:
        nonce: that of the request; None when an answer is looked at again.
        least: no weaker hash may be that of the imprint, or of what is signed.

    Raises:
        BadStamp: `malformed`, `refused`, `weak`, `wrong_imprint`, `wrong_nonce`, `wrong_use`,
            `wrong_signature`, `expired`, `untrusted`, `revoked`, `unsupported`.
    """
    token = _take_apart(response)
    if token.hash_oid not in _HASHES:
        raise BadStamp("The stamp's imprint is by a hash that is weak or unknown.", code="weak")
    found = _HASHES[token.hash_oid].name, _HASHES.get(token.digest_oid, hashes.SHA256()).name
    if not all(is_as_strong(each, least) for each in found):
        what = f"The stamp rests on {' and '.join(dict.fromkeys(found))}, and not on {least}."
        raise BadStamp(what, code="weak")
    if hashlib.new(_HASHES[token.hash_oid].name, text).digest() != token.imprint:
        raise BadStamp("The stamp is over something else.", code="wrong_imprint")
    if nonce is not None and token.nonce != nonce:
        raise BadStamp("The stamp answers another question.", code="wrong_nonce")
    if not token.signer.is_for_time_stamping:
        what = "The signer's certificate is not for time-stamping alone."
        raise BadStamp(what, code="wrong_use")
    if not _signature_holds(token):
        raise BadStamp("The stamp's signature does not hold.", code="wrong_signature")
    path = certs.path(token.signer, token.certificates, roots, token.time)
    certs.check_revoked(path, lists, token.time if nonce is None else None)
    if path[-1].issuer == path[-1].subject:
        _ask_library(_with_only(response, path[:-1]), text, path[-1], nonce)
    return Stamp(token.time, path, found)


def signer(response: bytes) -> Certificate:
    """The certificate that an answer names as its signer's; nothing else of it is looked at.

    Raises:
        BadStamp: there is none.
    """
    return _take_apart(response).signer


def _ask_library(response: bytes, text: bytes, root: Certificate, nonce: int | None) -> None:
    from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

    try:
        verifier = VerifierBuilder(roots=[root.parsed], nonce=nonce).build()
        verifier.verify_message(decode_timestamp_response(response), text)
    except VerificationError as error:
        raise BadStamp(f"The stamp does not hold: {error}.", code="untrusted") from error
    except ValueError as error:
        raise BadStamp("The stamp cannot be read by rfc3161-client.") from error


def _with_only(response: bytes, path: Sequence[Certificate]) -> bytes:
    """The same answer with these certificates alone, in the order that DER asks for.

    They are outside of what is signed; many authorities send them in another order, which the
    library does not read. Nor does it take status 1 (granted with modifications), as unsigned.
    """
    _, content = der.one(response, SEQUENCE).members(SEQUENCE)
    kind, wrapped = content.members(OID, 0xA0)
    *head, signers = wrapped.only(SEQUENCE).members(INTEGER, SET, SEQUENCE)
    certificates = der.make(0xA0, *sorted(each.raw for each in path))
    signed = der.make(SEQUENCE, *(each.raw for each in head[:3]), certificates, signers.raw)
    whole = der.make(SEQUENCE, kind.raw, der.make(0xA0, signed))
    return der.make(SEQUENCE, _GRANTED, whole)


def _take_apart(data: bytes) -> _Token:
    der.check(data)
    whole = der.one(data, SEQUENCE).members(SEQUENCE)
    if whole[0].members(INTEGER)[0].number not in (0, 1):
        raise BadStamp("The authority refuses to stamp this.", code="refused")
    if len(whole) != 2 or whole[1].tag != SEQUENCE:
        raise BadStamp("The authority's answer holds no stamp.")
    kind, wrapped = _pair(whole[1], OID, 0xA0)
    if kind.dotted != _SIGNED_DATA:
        raise BadStamp("The authority's answer holds no stamp.")
    signed = wrapped.only(SEQUENCE).members(INTEGER, SET, SEQUENCE)
    kind, wrapped = _pair(signed[2], OID, 0xA0)
    if kind.dotted != _TST_INFO or signed[-1].tag != SET:
        raise BadStamp("The authority's answer holds no stamp.")
    info = wrapped.only(OCTETS).body
    members = der.one(info, SEQUENCE).members(INTEGER, OID, SEQUENCE, INTEGER)
    if members[0].number != 1 or len(members) < 5:
        raise BadStamp("The stamp is not of version 1.")
    algorithm, imprint = _pair(members[2], SEQUENCE, OCTETS)
    nonces = [each.number for each in members[5:] if each.tag == INTEGER]
    given = [c for part in signed[3:-1] if part.tag == 0xA0 for c in der.elements(part.body)]
    if len(given) > _MAX_CERTIFICATES:
        raise BadStamp("The stamp brings too many certificates.")
    found = [certs.certificate(each.raw) for each in given]
    signer = signed[-1].only(SEQUENCE).members(INTEGER)
    if [each.tag for each in signer[2:6]] != [SEQUENCE, 0xA0, SEQUENCE, OCTETS]:
        raise BadStamp("The stamp's signature is not as it should be.")
    return _Token(
        info=info,
        hash_oid=_identifier(algorithm),
        imprint=imprint.body,
        time=members[4].moment,
        nonce=nonces[0] if nonces else None,
        digest_oid=_identifier(signer[2]),
        attributes=signer[3],
        signature_kind=_identifier(signer[4]),
        signature=signer[5].body,
        signer=_named(signer[1], found),
        certificates=found,
    )


def _pair(element: Element, *tags: int) -> list[Element]:
    found = element.members(*tags)
    if len(found) != len(tags):
        raise BadStamp("Something in the stamp has a member too many.")
    return found


def _identifier(algorithm: Element) -> str:
    return algorithm.members(OID)[0].dotted


def _named(name: Element, found: Sequence[Certificate]) -> Certificate:
    """The signer's certificate, by issuer and serial number or by key identifier."""
    for each in found:
        if name.tag == 0x80:
            if name.body == each.key_identifier:
                return each
        elif name.tag == SEQUENCE:
            issuer, serial = _pair(name, SEQUENCE, INTEGER)
            if (issuer.raw, serial.body) == (each.issuer, each.serial):
                return each
    raise BadStamp("The stamp does not bring its signer's certificate.")


def _signature_holds(token: _Token) -> bool:
    """Whether the attributes name content, digest and signer, and the signer signed them."""
    kind = _HASHES.get(token.digest_oid)
    if kind is None or token.signature_kind not in {*_SIGNATURES, _RSA}:
        raise BadStamp("The stamp's signature is not of a kind handled.", code="unsupported")
    key = token.signer.key
    expected = isinstance(key, rsa.RSAPublicKey), kind.name
    if _SIGNATURES.get(token.signature_kind, (True, kind.name)) != expected:
        return False
    if not _attributes_fit(token, hashlib.new(kind.name, token.info).digest()):
        return False
    # what is signed is the SET, while in the token its tag is implicit
    return certs.holds(key, kind, b"\x31" + token.attributes.raw[1:], token.signature)


def _attributes_fit(token: _Token, digest: bytes) -> bool:
    attributes: dict[str, Element] = {}
    for each in token.attributes.members():
        name, values = _pair(each, OID, SET)
        if name.dotted in attributes:
            return False
        attributes[name.dotted] = values
    if not {_CONTENT_TYPE, _MESSAGE_DIGEST} <= attributes.keys():
        return False
    return (
        attributes[_CONTENT_TYPE].only(OID).dotted == _TST_INFO
        and attributes[_MESSAGE_DIGEST].only(OCTETS).body == digest
        and _names(attributes, token.signer)
    )


def _names(attributes: dict[str, Element], signer: Certificate) -> bool:
    """Whether signingCertificate or signingCertificateV2 holds the hash of the signer's."""
    for name, hash_name in ((_SIGNER_V2, "sha256"), (_SIGNER_V1, "sha1")):
        if name in attributes:
            first = attributes[name].only(SEQUENCE).members(SEQUENCE)[0].members(SEQUENCE)[0]
            members = first.members()
            if members and members[0].tag == SEQUENCE:
                kind = _HASHES.get(_identifier(members.pop(0)))
                if kind is None:
                    what = "The stamp names its signer by a hash that is not handled."
                    raise BadStamp(what, code="unsupported")
                hash_name = kind.name
            return bool(members) and members[0].body == hashlib.new(hash_name, signer.raw).digest()
    return False
