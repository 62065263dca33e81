"""Time-stamp tokens (RFC 3161) and the certificates beneath them, with a knob for each attack.

Keys are fixed, so that every run makes the same certificates; ECDSA signatures alone differ.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from support.forge import der

WHEN = datetime(2026, 1, 3, 12, 0, 0, tzinfo=UTC)
START, END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
TST_INFO = "1.2.840.113549.1.9.16.1.4"
HASH_OIDS = {
    "md5": "1.2.840.113549.2.5",
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_EC_OIDS = {f"sha{bits}": f"1.2.840.10045.4.3.{n}" for bits, n in ((256, 2), (384, 3), (512, 4))}

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@functools.cache
def key(kind: str, name: str) -> Key:
    """A key of `kind` (`rsa2048`, `p256`, ..., `ed25519`), one for each name in a run."""
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    curve = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}[kind]
    number = int.from_bytes(hashlib.sha512(f"{kind} {name}".encode()).digest()[:31], "big")
    return ec.derive_private_key(number, curve)


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


@dataclass(frozen=True)
class Authority:
    """A certificate with its key.

    Attributes:
        issuer: who signed it; None for a root.
        use: `ca`, `stamp`, or for attacks `stamp_not_critical`, `stamp_and_more`, `none`; `bare`
            has no basic constraints at all.
        more: extensions that come along, and whether they are critical.
        pss: signs certificates by RSASSA-PSS.
        bend: changes the certificate after it was signed.
    """

    name: str
    kind: str = "p256"
    issuer: Authority | None = None
    use: str = "ca"
    since: datetime = START
    until: datetime = END
    hash_name: str = "sha256"
    more: tuple[tuple[x509.ExtensionType, bool], ...] = ()
    path_length: int | None = None
    pss: bool = False
    bend: Callable[[bytes], bytes] | None = None

    @property
    def key(self) -> Key:
        return key(self.kind, self.name)

    @functools.cached_property
    def certificate(self) -> x509.Certificate:
        issuer = self.issuer or self
        words = f"{self.name} {self.kind} {self.use} {self.since} {self.until}"
        serial = int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big") >> 1
        made = x509.CertificateBuilder(
            issuer_name=named(issuer.name),
            subject_name=named(self.name),
            public_key=self.key.public_key(),
            serial_number=serial,
            not_valid_before=self.since,
            not_valid_after=self.until,
        )
        if self.use != "bare":
            limits = x509.BasicConstraints(self.use == "ca", self.path_length)
            made = made.add_extension(limits, critical=True)
        identifier = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        made = made.add_extension(identifier, critical=False)
        if self.use.startswith("stamp"):
            uses = [ExtendedKeyUsageOID.TIME_STAMPING]
            if self.use == "stamp_and_more":
                uses.append(ExtendedKeyUsageOID.CODE_SIGNING)
            critical = self.use != "stamp_not_critical"
            made = made.add_extension(x509.ExtendedKeyUsage(uses), critical=critical)
        for extension, critical in self.more:
            made = made.add_extension(extension, critical=critical)
        if issuer.pss:
            scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
            return made.sign(issuer.key, hashes.SHA256(), rsa_padding=scheme)
        return made.sign(issuer.key, HASHES[self.hash_name])

    @property
    def der(self) -> bytes:
        made = self.certificate.public_bytes(serialization.Encoding.DER)
        return self.bend(made) if self.bend else made

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def revocations(
        self,
        revoked: Sequence[tuple[Authority, datetime, x509.ReasonFlags | None]] = (),
        at: datetime = WHEN + timedelta(days=30),
        signer: Authority | None = None,
    ) -> bytes:
        """A revocation list (PEM) that this authority gives out."""
        made = x509.CertificateRevocationListBuilder(
            issuer_name=named(self.name), last_update=at, next_update=at + timedelta(days=30)
        )
        for each, since, reason in revoked:
            entry = x509.RevokedCertificateBuilder(each.certificate.serial_number, since)
            if reason:
                entry = entry.add_extension(x509.CRLReason(reason), critical=False)
            made = made.add_revoked_certificate(entry.build())
        signed = made.sign((signer or self).key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)


ROOT = Authority("Root of the tests")
MIDDLE = Authority("Middle of the tests", issuer=ROOT)
STAMPER = Authority("Stamper of the tests", issuer=MIDDLE, use="stamp")


@dataclass(frozen=True)
class Token:
    """A response over a checkpoint's text; every field is a knob.

    Attributes:
        extra: certificates that come along besides the signer's.
        imprint: what was stamped instead of the text.
        break_signature, break_digest, wrong_signer: bent after signing, or before.
        signing_hash: named in signingCertificateV2 when it is not the default.
        leave_out: attributes to leave out (`content`, `digest`, `signer`).
    """

    signer: Authority = STAMPER
    extra: tuple[Authority, ...] = (MIDDLE,)
    when: datetime = WHEN
    imprint_hash: str = "sha256"
    digest: str = "sha256"
    imprint: bytes | None = None
    status: int = 0
    break_signature: bool = False
    break_digest: bool = False
    wrong_signer: bool = False
    old_signing_certificate: bool = False
    rsa_plain: bool = True
    leave_out: tuple[str, ...] = ()
    with_signer: bool = True
    signing_hash: str = ""

    def response(self, text: bytes) -> bytes:
        """The DER of the whole TimeStampResp."""
        info = self._info(text)
        content = der.sequence(der.oid(TST_INFO), der.element(0xA0, der.octets(info)))
        certificates = [each.der for each in self.extra]
        if self.with_signer:
            certificates.insert(0, self.signer.der)
        signed = der.sequence(
            der.integer(3),
            der.set_of(der.algorithm(HASH_OIDS[self.digest])),
            content,
            der.element(0xA0, *certificates),
            der.set_of(self._signer_info(info)),
        )
        wrapped = der.sequence(der.oid("1.2.840.113549.1.7.2"), der.element(0xA0, signed))
        return der.sequence(der.sequence(der.integer(self.status)), wrapped)

    def _info(self, text: bytes) -> bytes:
        imprint = hashlib.new(self.imprint_hash, text if self.imprint is None else self.imprint)
        return der.sequence(
            der.integer(1),
            der.oid("1.2.3.4.1"),
            der.sequence(der.algorithm(HASH_OIDS[self.imprint_hash]), der.octets(imprint.digest())),
            der.integer(1),
            der.generalized(self.when),
        )

    def _attributes(self, info: bytes) -> bytes:
        named = MIDDLE if self.wrong_signer else self.signer
        digest = hashlib.new(self.digest, info + b"!" * self.break_digest).digest()
        if self.old_signing_certificate:
            first = der.sequence(der.octets(hashlib.sha1(named.der).digest()))
            kind = "1.2.840.113549.1.9.16.2.12"
        else:
            names_hash = der.algorithm(HASH_OIDS[self.signing_hash]) if self.signing_hash else b""
            value = hashlib.new(self.signing_hash or "sha256", named.der).digest()
            first = der.sequence(names_hash, der.octets(value))
            kind = "1.2.840.113549.1.9.16.2.47"
        found = {
            "content": (("1.2.840.113549.1.9.3"), der.oid(TST_INFO)),
            "digest": (("1.2.840.113549.1.9.4"), der.octets(digest)),
            "signer": (kind, der.sequence(der.sequence(first))),
        }
        kept = [value for name, value in found.items() if name not in self.leave_out]
        return b"".join(sorted(der.sequence(der.oid(k), der.set_of(v)) for k, v in kept))

    def _signer_info(self, info: bytes) -> bytes:
        attributes = self._attributes(info)
        kind, signature = self._sign(der.element(0x31, attributes))
        if self.break_signature:
            signature = signature[:-1] + bytes([signature[-1] ^ 1])
        certificate = self.signer.certificate
        issuer = certificate.issuer.public_bytes()
        return der.sequence(
            der.integer(1),
            der.sequence(issuer, der.integer(certificate.serial_number)),
            der.algorithm(HASH_OIDS[self.digest]),
            der.element(0xA0, attributes),
            kind,
            der.octets(signature),
        )

    def _sign(self, message: bytes) -> tuple[bytes, bytes]:
        hash_algorithm = HASHES.get(self.digest, hashes.SHA256())
        if isinstance(self.signer.key, ed25519.Ed25519PrivateKey):
            return der.algorithm("1.3.101.112"), self.signer.key.sign(message)
        if isinstance(self.signer.key, ec.EllipticCurvePrivateKey):
            signature = self.signer.key.sign(message, ec.ECDSA(hash_algorithm))
            return der.algorithm(_EC_OIDS.get(self.digest, _EC_OIDS["sha256"])), signature
        number = {"sha256": 11, "sha384": 12, "sha512": 13}[self.digest]
        dotted = f"1.2.840.113549.1.1.{1 if self.rsa_plain else number}"
        signature = self.signer.key.sign(message, padding.PKCS1v15(), hash_algorithm)
        return der.algorithm(dotted, null=True), signature
