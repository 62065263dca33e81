"""Tokens, certificates, lists and proofs of time that are malformed, each in one place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ObjectIdentifier

from support.forge import der, ots
from support.forge import package as b
from support.forge.package import Earlier, Package
from support.forge.tokens import MIDDLE, ROOT, STAMPER, Authority, Token
from tests.corpus.case import ARCHIVE_KEY, Case, add, register
from tests.corpus.elsewhere import plain
from tests.corpus.stamps import (
    BLOCK,
    EXPIRED,
    MADE,
    TEXT,
    ots_attack,
    stamped,
    token_attack,
)

#: Where things stand in a response: indices of elements, level by level.
STATUS, KIND, SIGNED = (0, 0, 0), (0, 1, 0), (0, 1, 1, 0)
CONTENT_KIND, INFO = (*SIGNED, 2, 0), (*SIGNED, 2, 1, 0)
CERTIFICATE, SIGNERS = (*SIGNED, 3, 0), (*SIGNED, 4)
SIGNER = (*SIGNERS, 0)
Change = Callable[[bytes], bytes]
NULL = b"\x05\x00"


def bent(code: str, name: str, path: Sequence[int], change: Change) -> None:
    """A right token with one element changed."""
    token_attack(code, name, lambda text: der.edit(Token().response(text), path, change))


def to(new: bytes) -> Change:
    return lambda _: new


def inside(path: Sequence[int], change: Change) -> Change:
    """An octet string whose content is changed at `path`."""
    return lambda whole: der.octets(der.edit(der.split(whole)[0][1], path, change))


def long_form(whole: bytes) -> bytes:
    """The same element, its length in one byte more than it needs."""
    size = len(der.split(whole)[0][1])
    head = bytes([whole[0], 0x83]) + size.to_bytes(3, "big")
    return head + der.split(whole)[0][1]


def deep(levels: int) -> bytes:
    made = NULL
    for _ in range(levels):
        made = der.sequence(made)
    return made


bent("token", "der_long_length", (0,), long_form)
bent("token", "der_second_element", (0,), lambda whole: whole + NULL)
bent("token", "der_other_members", (0, 0), to(NULL))
bent("token", "der_nested_deeply", (0, 0), lambda whole: der.sequence(der.integer(0), deep(40)))
bent("token", "der_empty_integer", STATUS, to(b"\x02\x00"))
bent("token", "der_padded_integer", STATUS, to(b"\x02\x02\x00\x00"))
bent("token", "der_empty_identifier", KIND, to(b"\x06\x00"))
bent("token", "der_padded_identifier", KIND, lambda whole: der.element(6, b"\x80" + whole[2:]))
bent("token", "token_of_no_signed_data", KIND, to(der.oid("1.2.840.113549.1.7.1")))
bent("token", "token_of_other_content", CONTENT_KIND, to(der.oid("1.2.840.113549.1.7.1")))
bent("token", "token_version", INFO, inside((0, 0), to(der.integer(2))))
LOCAL_TIME = der.element(0x18, b"20260103130000+0100")
bent("token", "token_local_time", INFO, inside((0, 4), to(LOCAL_TIME)))
bent("token", "token_of_no_day", INFO, inside((0, 4), to(der.element(0x18, b"20260231120000Z"))))
bent("token", "token_without_signers", SIGNERS, to(b""))
bent("token", "token_of_two_signers", SIGNER, lambda whole: whole + whole)
bent("token", "token_without_attributes", (*SIGNER, 3), to(b""))
bent("token", "token_digest_algorithm", (*SIGNER, 2), to(der.set_of(NULL)))
bent("token", "token_hash_kind", INFO, inside((0, 2, 0), to(der.set_of(NULL))))
bent("token_signature", "token_attributes_malformed", (*SIGNER, 3, 0), to(der.integer(1)))
bent("token_signature", "token_attribute_twice", (*SIGNER, 3, 0), lambda whole: whole + whole)
bent("token", "certificate_signature_bits", (*CERTIFICATE, 2), lambda w: w.replace(b"\0", b"\1", 1))
bent("token", "certificate_without_serial", (*CERTIFICATE, 0, 1), to(b""))
OTHER_KIND = to(der.algorithm("1.2.840.10045.4.3.3"))
bent("token", "certificate_of_two_algorithms", (*CERTIFICATE, 1), OTHER_KIND)
EXTENSIONS = (*CERTIFICATE, 0, 7, 0)
FALSE_MARK = b"\x01\x01\x00"
bent("token", "extension_marked_false", (*EXTENSIONS, 0, 1), to(FALSE_MARK))
bent("token", "extension_twice", (*EXTENSIONS, 0), lambda whole: whole + whole)


def unchecked(name: str, token: Token, *roots: Authority) -> None:
    """By an algorithm that is not handled: never fine, and with roots given, not checked."""
    trust = (ARCHIVE_KEY, b"".join(root.pem for root in roots or (ROOT,)))
    package = stamped(token.response)
    reports = ("needs_algorithm", "unanchored")
    add(Case(name, "not_checked", lambda p: package.write(p), trust=trust, reports=reports))


def stamper(kind: str, issuer: Authority = MIDDLE) -> Authority:
    return Authority(f"Stamper with {kind}", kind, issuer, "stamp")


unchecked("key_of_1024_bits", Token(stamper("rsa1024")))
unchecked("key_of_ed25519", Token(stamper("ed25519")))
unchecked("token_digest_of_sha1", Token(digest="sha1"))
unchecked("token_named_by_md5", Token(signing_hash="md5"))
PSS_ROOT = Authority("Root that signs by PSS", "rsa2048", pss=True)
unchecked("certificate_signed_by_pss", Token(stamper("p256", PSS_ROOT), ()), PSS_ROOT)
STRANGE = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
ODD = Authority("Middle with something strange", issuer=ROOT, more=((STRANGE, True),))
unchecked("critical_extension_unknown", Token(stamper("p256", ODD), (ODD,)))
CONSTRAINTS = x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.19"), b"\x30\x03\x01\x01")
BROKEN = Authority(
    "Middle with broken limits", issuer=ROOT, use="bare", more=((CONSTRAINTS, True),)
)
token_attack("token", "issuer_malformed", Token(stamper("p256", BROKEN), (BROKEN,)))
USAGE = x509.KeyUsage(True, *[False] * 8)
SIGNS_ONLY = Authority("Middle that signs no certificates", issuer=ROOT, more=((USAGE, True),))
token_attack("token_chain", "issuer_signs_none", Token(stamper("p256", SIGNS_ONLY), (SIGNS_ONLY,)))
SHALLOW = Authority("Root with nobody beneath", path_length=0)
UNDER = Authority("Middle under it", issuer=SHALLOW)
token_attack(
    "token_chain",
    "too_many_issuers",
    Token(stamper("p256", UNDER), (UNDER,)),
    trust=(ARCHIVE_KEY, SHALLOW.pem),
)
token_attack("token_validity", "token_expired_without_roots", EXPIRED, trust=(ARCHIVE_KEY,))


def off_the_curve(data: bytes) -> bytes:
    return der.edit(data, (0, 0, 6, 1), lambda bits: bits[:-1] + bytes([bits[-1] ^ 1]))


token_attack("token_signature", "key_off_its_curve", Token(replace(STAMPER, bend=off_the_curve)))

# What the reader brings


def pem(kind: str, data: bytes) -> bytes:
    encoded = b.b64(data).encode()
    return b"-----BEGIN %s-----\n%s\n-----END %s-----\n" % (kind.encode(), encoded, kind.encode())


LIST = x509.load_pem_x509_crl(MIDDLE.revocations()).public_bytes(Encoding.DER)
CUT_LIST = pem("X509 CRL", der.edit(LIST, (0, 0, 1), to(b"")))
add(Case("trust_is_no_list", "use", plain, trust=(CUT_LIST,)))
add(Case("trust_is_half_a_list", "use", plain, trust=(pem("X509 CRL", b"\x30\x00"),)))

# OpenTimestamps

BRANCH = ots.hashed(ots.block(800_000))
SALT = ots.append(b"salt", BRANCH)
ots_attack("ots", "ots_ends_before_an_operation", ots.proof(TEXT, b""))
ots_attack("ots", "ots_version", MADE.replace(b"\x94\x01", b"\x94\x02", 1))
ots_attack("ots", "ots_padded_number", ots.proof(TEXT, b"\xf0\x84\x00salt" + BRANCH))
ots_attack("ots", "ots_huge_number", ots.proof(TEXT, b"\xf0" + b"\xff" * 9 + b"\x01"))
ots_attack("ots", "ots_long_value", ots.proof(TEXT, ots.append(bytes(4097), BRANCH)))
GROWS = ots.append(bytes(3000), ots.append(bytes(3000), BRANCH))
ots_attack("ots", "ots_value_grows", ots.proof(TEXT, GROWS))
ots_attack("ots", "ots_unknown_operation", ots.proof(TEXT, b"\x55" + SALT))
LONG_HEIGHT = b"\x00" + ots.BITCOIN + ots.sized(ots.number(800_000) + b"\0")
ots_attack(
    "ots", "ots_height_with_more", ots.proof(TEXT, ots.append(b"salt", ots.hashed(LONG_HEIGHT)))
)
KECCAK = ots.proof(TEXT, b"\x67" + ots.append(b"more", BRANCH))
add(
    Case(
        "ots_by_an_operation_that_is_not_handled",
        "holds",
        lambda path: stamped(lambda _: KECCAK, ending="ots").write(path),
        trust=(ARCHIVE_KEY, BLOCK),
        reports=("needs_algorithm", "unanchored"),
    )
)

# Earlier checkpoints

register(
    "checkpoint_without_consistency",
    "missing_file",
    lambda path: Package(
        bend_payload=lambda files: files.pop("data/checkpoints/5/consistency") and None,
        earlier={5: Earlier()},
    ).write(path),
)
NO_END = b.b64(bytes(32)).encode()
register(
    "consistency_last_line_without_end",
    "fork",
    lambda path: Package(earlier={5: Earlier(consistency=NO_END)}).write(path),
)
