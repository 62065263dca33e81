"""Certificates beneath a stamp: a path to a pinned root (spec/anchor.md, steps 8 and 9)."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.oid import SignatureAlgorithmOID as Algorithm

from witnessmark.anchoring.der import SEQUENCE, one
from witnessmark.errors import BadStamp

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
_MAX_PATH = 8
_SIGNATURES = {
    Algorithm.RSA_WITH_SHA256: hashes.SHA256(),
    Algorithm.RSA_WITH_SHA384: hashes.SHA384(),
    Algorithm.RSA_WITH_SHA512: hashes.SHA512(),
    Algorithm.ECDSA_WITH_SHA256: hashes.SHA256(),
    Algorithm.ECDSA_WITH_SHA384: hashes.SHA384(),
    Algorithm.ECDSA_WITH_SHA512: hashes.SHA512(),
}
_COMPROMISE = {
    x509.ReasonFlags.key_compromise,
    x509.ReasonFlags.ca_compromise,
    x509.ReasonFlags.aa_compromise,
}
#: what the library raises over somebody else's bytes
_UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_KNOWN = (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage)


@dataclasses.dataclass(frozen=True, eq=False)
class Certificate:
    """A certificate; names and serial number as bytes, so that equal means equal bytes."""

    raw: bytes
    parsed: x509.Certificate
    serial: bytes
    issuer: bytes
    subject: bytes
    extensions: tuple[x509.Extension[x509.ExtensionType], ...]

    @property
    def key(self) -> PublicKey:
        """Its key. Raises `BadStamp` (`unsupported`) for one that spec/anchor.md does not name."""
        try:
            key = self.parsed.public_key()
        except (ValueError, UnsupportedAlgorithm) as error:
            raise _unsupported("a key") from error
        if isinstance(key, rsa.RSAPublicKey) and 2048 <= key.key_size <= 8192:
            return key
        curves = ec.SECP256R1 | ec.SECP384R1
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, curves):
            return key
        raise _unsupported("a key")

    @property
    def key_identifier(self) -> bytes | None:
        """Its subject key identifier."""
        for each in self.extensions:
            if isinstance(each.value, x509.SubjectKeyIdentifier):
                return each.value.digest
        return None

    @property
    def is_for_time_stamping(self) -> bool:
        """Its extended key usage is critical, and time stamping alone."""
        for each in self.extensions:
            if isinstance(each.value, x509.ExtendedKeyUsage):
                return each.critical and list(each.value) == [ExtendedKeyUsageOID.TIME_STAMPING]
        return False

    def may_issue(self, below: int) -> bool:
        """Whether it is a CA with room for `below` further ones, that may sign certificates."""
        constraints, usage = None, None
        for each in self.extensions:
            if isinstance(each.value, x509.BasicConstraints):
                constraints = each.value
            elif isinstance(each.value, x509.KeyUsage):
                usage = each.value
        if constraints is None or not constraints.ca or (usage and not usage.key_cert_sign):
            return False
        return constraints.path_length is None or constraints.path_length >= below

    def was_valid(self, time: datetime) -> bool:
        """Whether `time` is within its validity."""
        return self.parsed.not_valid_before_utc <= time <= self.parsed.not_valid_after_utc

    def is_signed_by(self, issuer: Certificate) -> bool:
        """Whether the issuer's key made its signature."""
        kind = _SIGNATURES.get(self.parsed.signature_algorithm_oid)
        if kind is None:
            raise _unsupported("a signature")
        made = self.parsed.tbs_certificate_bytes, self.parsed.signature
        return holds(issuer.key, kind, *made)


def holds(key: PublicKey, kind: hashes.HashAlgorithm, message: bytes, signature: bytes) -> bool:
    """Whether `key` made this signature (PKCS#1 v1.5, or ECDSA)."""
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, padding.PKCS1v15(), kind)
        else:
            key.verify(signature, message, ec.ECDSA(kind))
    except InvalidSignature:
        return False
    return True


def _unsupported(what: str) -> BadStamp:
    return BadStamp(f"The stamp needs {what} of a kind that is not handled.", code="unsupported")


def certificate(der: bytes) -> Certificate:
    """A certificate from its DER. Raises `BadStamp`."""
    body = one(der, SEQUENCE).members(SEQUENCE)[0].members()
    fields = [each for each in body if each.tag != 0xA0][:5]
    try:
        with _old_certificates():
            parsed = x509.load_der_x509_certificate(der)
            extensions = tuple(parsed.extensions)
    except _UNREADABLE as error:
        raise BadStamp("A certificate of the stamp cannot be read.") from error
    serial, _, issuer, _, subject = fields
    return Certificate(der, parsed, serial.body, issuer.raw, subject.raw, extensions)


@contextmanager
def _old_certificates() -> Iterator[None]:
    """Old roots break small rules (a serial number of 0); the library takes them, and warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        yield


def from_pem(data: bytes) -> list[Certificate]:
    """The certificates of a PEM file. Raises `ValueError` when it has none."""
    with _old_certificates():
        found = x509.load_pem_x509_certificates(data)
    return [certificate(each.public_bytes(Encoding.DER)) for each in found]


def to_pem(certificates: Iterable[Certificate]) -> bytes:
    """A PEM file of certificates."""
    return b"".join(each.parsed.public_bytes(Encoding.PEM) for each in certificates)


def lists_from_pem(data: bytes) -> list[x509.CertificateRevocationList]:
    """The revocation lists of a PEM file. Raises `ValueError`."""
    mark, end = b"-----BEGIN X509 CRL-----", b"-----END X509 CRL-----"
    parts = data.split(mark)[1:]
    return [x509.load_pem_x509_crl(mark + part.partition(end)[0] + end) for part in parts]


def path(
    signer: Certificate, others: Sequence[Certificate], roots: Sequence[Certificate], time: datetime
) -> tuple[Certificate, ...]:
    """From the signer to a pinned root; `others` came with the stamp and are never an end.

    Raises:
        BadStamp: `untrusted` when there is none, `expired` when one of its certificates was not
            valid at `time`, `unsupported`.
    """
    ends = {each.raw for each in roots}
    pool = [*roots, *(each for each in others if each.raw not in ends)]
    found = _walk_up(signer, [each for each in pool if each.was_valid(time)], ends)
    if found and signer.was_valid(time):
        return found
    if found or _walk_up(signer, pool, ends):
        what = "A certificate beneath the stamp was not valid at its time."
        raise BadStamp(what, code="expired")
    raise BadStamp("The stamp leads to no certificate that is pinned here.", code="untrusted")


def _walk_up(
    signer: Certificate, issuers: Sequence[Certificate], ends: set[bytes]
) -> tuple[Certificate, ...]:
    """A path to an end, or none. Each certificate is tried once at each height, so that no number
    of certificates of one name makes it long."""
    waiting: list[tuple[Certificate, ...]] = [(signer,)]
    tried: set[tuple[bytes, int]] = set()
    signed: dict[tuple[bytes, bytes], bool] = {}
    while waiting:
        below = waiting.pop()
        last = below[-1]
        if (last.raw, len(below)) in tried:
            continue
        tried.add((last.raw, len(below)))
        _check_critical(last)
        for issuer in issuers:
            if issuer.subject != last.issuer or not issuer.may_issue(len(below) - 1):
                continue
            pair = last.raw, issuer.raw
            if pair not in signed:
                signed[pair] = last.is_signed_by(issuer)
            if signed[pair] and issuer.raw in ends:
                return (*below, issuer)
            if signed[pair] and len(below) + 1 < _MAX_PATH:
                waiting.append((*below, issuer))
    return ()


def _check_critical(each: Certificate) -> None:
    if any(ext.critical and not isinstance(ext.value, _KNOWN) for ext in each.extensions):
        raise _unsupported("a critical extension")


def check_revoked(
    chain: Sequence[Certificate],
    lists: Sequence[x509.CertificateRevocationList],
    time: datetime | None = None,
) -> None:
    """No list by its issuer revokes a certificate of the path (spec/anchor.md, step 9).

    Args:
        time: of a stamp that is looked at again. None for a new one: then any revocation counts,
            whatever its reason and date, and another stamp can be asked for.

    Raises:
        BadStamp: `revoked`.
    """
    for below, issuer in pairwise(chain):
        for each in lists:
            if each.issuer.public_bytes() != below.parsed.issuer.public_bytes():
                continue
            if time and each.last_update_utc < time:
                continue
            named = each.get_revoked_certificate_by_serial_number(below.parsed.serial_number)
            if named is None or not each.is_signature_valid(issuer.key):
                continue
            if time is None or named.revocation_date_utc <= time or _compromised(named):
                what = "A certificate beneath the stamp was revoked."
                raise BadStamp(what, code="revoked")


def _compromised(named: x509.RevokedCertificate) -> bool:
    """Whether the revocation is of every stamp, also of those made before it."""
    try:
        reason = named.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return True
    return reason in _COMPROMISE
