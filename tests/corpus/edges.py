"""Edges on which readers of the pages could differ: which of two codes, or whether at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace as replaced
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ObjectIdentifier

from support.forge import der, ots
from support.forge import package as b
from support.forge.package import Earlier, Files, Package
from support.forge.tokens import MIDDLE, ROOT, STAMPER, START, Authority, Token
from tests.corpus.case import ARCHIVE_KEY, Case, add, files_attack, record_attack, register, replace
from tests.corpus.malformed import BRANCH, CERTIFICATE, KIND, SIGNER, pem
from tests.corpus.malformed import bent as token_bent
from tests.corpus.records import ENTRY, raw
from tests.corpus.seals import CAPTION, change, disclosing
from tests.corpus.stamps import (
    BLOCK,
    LISTS,
    MADE,
    ROOTS,
    STAMPED,
    TEXT,
    WITNESS_KEY,
    W,
    good,
    ots_attack,
    proved,
    stamped,
    token_attack,
)

# A note inside the seal: the seal's own form first, then the note's

for name, code, bend in (
    ("note_without_end", "note", lambda note: note[:-1]),
    ("note_of_two_lines", "note", lambda note: note.partition(b"\n\n")[0] + b"\n"),
    ("checkpoint_with_more", "checkpoint", lambda note: note.replace(b"\n14\n", b"\n014\n")),
):
    make = lambda path, bend=bend: Package(bend_seal=change(checkpoint=bend)).write(path)  # noqa: E731 - one of three
    register(f"seal_with_a_{name}", code, make)
files_attack(
    "seal",
    "seal_with_two_faults",
    lambda files: files.update({b.SEAL: files[b.SEAL].replace(b"\nindex ", b"\nindex 0")[:-1]}),
    "files",
)

# Folders in which nothing is


def with_empty_folders(path: Path) -> Path:
    Package().write(path)
    for name in ("checkpoints/7", "renewals/7", "record/tile/9"):
        (path / "data" / name).mkdir(parents=True)
    return path


add(Case("empty_folders", "holds", with_empty_folders, trust=(ARCHIVE_KEY,)))

# Two attestations of one proof that do not stand, for two reasons

good(
    "ots_pending_and_without_header",
    lambda: proved(
        ots.proof(TEXT, ots.fork(ots.pending(), ots.append(b"s", ots.hashed(ots.block(700_000)))))
    ),
    BLOCK,
    reports=("anchor_pending", "needs_headers", "unanchored"),
)

# Signatures that are named in two ways, attributes that are none

ATTRIBUTE = (*SIGNER, 3, 0)
OTHER_HASH = der.algorithm("1.2.840.10045.4.3.3")
CUT = b"\x30\x05\x00"
token_bent("token_signature", "token_of_two_hashes", (*SIGNER, 4), lambda _: OTHER_HASH)
token_bent("token", "token_attributes_are_no_der", (*SIGNER, 3), lambda _: der.element(0xA0, CUT))
token_bent("token_signature", "token_attribute_is_no_pair", ATTRIBUTE, lambda _: der.sequence())
token_bent("token_signature", "token_attribute_is_no_set", (*ATTRIBUTE, 1), lambda _: b"\x05\x00")

# key.rotated/1: for an archive `new`, `old`, the proof; for a person `old`, the proof, `new`

OFF, WEAK = "none", b.b64(bytes(32))
ARCHIVE, NEW = b.ARCHIVE.verifier(), b.NEW_ARCHIVE.verifier()
BOHDAN, STRANGER = b.b64(b.BOHDAN.public), b.b64(b.STRANGER.public)
for name, code, use, old, new, signer in (
    ("archive_old_is_no_key", "key", "archive", OFF, NEW, b.ARCHIVE),
    ("archive_new_before_old", "key", "archive", b.STRANGER.verifier(), OFF, b.STRANGER),
    ("archive_old_before_proof", "field", "archive", b.STRANGER.verifier(), NEW, b.ANNA),
    ("person_old_is_no_key", "key", "person", OFF, STRANGER, b.BOHDAN),
    ("person_old_is_weak", "weak_key", "person", WEAK, STRANGER, b.BOHDAN),
    ("person_old_before_new", "field", "person", STRANGER, OFF, b.BOHDAN),
    ("person_proof_before_new", "entry_signature", "person", BOHDAN, OFF, b.ANNA),
    ("person_new_is_no_key", "key", "person", BOHDAN, OFF, b.BOHDAN),
    ("person_new_is_weak", "weak_key", "person", BOHDAN, WEAK, b.BOHDAN),
):
    fields = b.rotation(use, old, new, signer)
    record_attack(
        code, f"rotated_{name}", lambda m, fields=fields: m.add("key.rotated/1", fields, b.ANNA)
    )

# Right but for one thing: what follows alone would pass

OPEN = ENTRY[:-1]
for name, data in {
    "text_without_end": OPEN + b',"z":"a',
    "list_without_end": OPEN + b',"z":[1}',
    "member_without_a_name": OPEN + b',z":1}',
    "member_without_a_value": OPEN + b',"z"1}',
    "object_without_end": OPEN,
    "objects_nested_deeply": OPEN + b',"z":' + b'{"a":' * 32 + b"1" + b"}" * 33,
}.items():
    record_attack("entry", f"entry_{name}", raw(data))
files_attack(
    "seal", "seal_extra_by_another_name", replace(b.SEAL, b"\nextra ", b"\nextrA "), "files"
)
disclosing("disclosure", "member_to_spare_at_the_end", CAPTION | {"zz": 1})


def second_line_without_end(files: Files) -> None:
    files[b.CHECKPOINT] += b.STRANGER.line(b.record().text(), "somebody.else")[:-1]


files_attack("note", "note_whose_second_line_has_no_end", second_line_without_end, "payload")
RIGHT = b"".join(b.b64(step).encode() + b"\n" for step in b.consistency(5, b.record().leaves()))
register(
    "consistency_and_half_a_line",
    "fork",
    lambda path: Package(earlier={5: Earlier(consistency=RIGHT + b"AA")}).write(path),
)
LONG = b"\x00" + b"8 bytes." + ots.sized(bytes(8193))
ots_attack("ots", "ots_long_payload", ots.proof(TEXT, ots.fork(LONG, ots.append(b"salt", BRANCH))))
STRANGERS = tuple(Authority(f"Stranger {number}") for number in range(31))
token_attack("token", "token_with_33_certificates", Token(extra=(MIDDLE, *STRANGERS)))
good(
    "token_with_32_certificates",
    lambda: stamped(Token(extra=(MIDDLE, *STRANGERS[1:])).response),
    *(ROOTS, LISTS),
    existed_by=STAMPED,
)
NAMED_BY_A_SET = replaced(
    Authority("Stranger named by a set"),
    bend=lambda data: der.edit(data, (0, 0, 3), lambda w: b"\x31" + w[1:]),
)
token_attack("token", "certificate_named_by_a_set", Token(extra=(MIDDLE, NAMED_BY_A_SET)))
token_bent(
    "token",
    "der_tag_of_several_bytes",
    SIGNER,
    lambda w: der.sequence(der.split(w)[0][1], b"\x9f\x00"),
)
files_attack(
    "note",
    "note_without_lines",
    lambda files: files.update({b.CHECKPOINT: b.record().text() + b"\n"}),
    "payload",
)

# DER with a member too many or too few

NULL = b"\x05\x00"
token_bent("token", "der_length_in_one_byte_more", KIND, lambda w: w[:1] + b"\x81" + w[1:])
token_bent("token", "der_one_member_more", (0, 1), lambda w: der.sequence(der.split(w)[0][1], NULL))
VALIDITY, TIME = (*CERTIFICATE, 0, 4), der.element(0x17, b"300101000000Z")
token_bent(
    "token",
    "certificate_of_three_times",
    VALIDITY,
    lambda w: der.sequence(der.split(w)[0][1], TIME),
)
NAMED = (*SIGNER, 3, 2, 1, 0, 0)
SHA256 = der.algorithm("2.16.840.1.101.3.4.2.1")
token_bent("token_signature", "token_names_nobody", NAMED, lambda _: der.sequence())
token_bent("token_signature", "token_names_without_a_hash", (*NAMED, 0), lambda _: der.sequence())
token_bent(
    "token_signature", "token_names_by_a_kind_alone", (*NAMED, 0), lambda _: der.sequence(SHA256)
)
NO_USE = x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.15"), b"\x03\x01\x00")
USELESS = Authority("Middle with a use of no bits", issuer=ROOT, more=((NO_USE, True),))
token_attack(
    "token",
    "issuer_usage_without_bits",
    Token(Authority("Stamper under that", issuer=USELESS, use="stamp"), (USELESS,)),
)
REVOKED = x509.load_pem_x509_crl(MIDDLE.revocations([(STAMPER, START, None)]))
TIMELESS = der.edit(REVOKED.public_bytes(Encoding.DER), (0, 0, 5, 0, 1), lambda _: b"")
add(
    Case(
        "revocation_without_a_time",
        "use",
        lambda path: Package().write(path),
        trust=(pem("X509 CRL", TIMELESS),),
    )
)

# Lines of manifests


def listing(line: bytes) -> Callable[[Files], None]:
    def bend(files: Files) -> None:
        files[b.PAYLOAD_MANIFEST] += line

    return bend


HASH = b"0" * 64 + b"  "
for name, code, line in (
    ("longest_path", "missing_file", HASH + b"data/z" + b"z" * 4090 + b"\n"),
    ("path_too_long", "manifest_syntax", HASH + b"data/z" + b"z" * 4091 + b"\n"),
    ("path_that_is_no_utf8", "path", HASH + b"data/\xff\n"),
    ("path_with_a_null", "path", HASH + b"data/\0\n"),
    ("path_of_a_climber_out_of_order", "path", HASH + b"data/../a\n"),
    ("path_with_cr", "manifest_syntax", HASH + b"data/z\rz\n"),
    ("path_empty", "manifest_syntax", HASH + b"\n"),
    ("hash_in_capitals", "manifest_syntax", b"A" * 64 + b"  data/z\n"),
    ("hash_too_long", "manifest_syntax", b"0" * 65 + b"  data/z\n"),
    ("three_spaces", "path", b"0" * 64 + b"   data/z\n"),
    ("line_empty", "manifest_syntax", b"\n"),
):
    files_attack(code, f"manifest_{name}", listing(line), "tags")

# Headers

good(
    "one_header_twice",
    lambda: proved(MADE),
    BLOCK + b"\n" + BLOCK,
    existed_by="2026-01-04T01:00:00Z",
)
for name, line in (
    ("two_headers_in_a_line", BLOCK + b" " + BLOCK.split()[2]),
    ("header_of_no_height", BLOCK.replace(b"800000", b"080000")),
    ("header_in_capitals", BLOCK.upper()),
    ("header_too_short", BLOCK[:-2]),
):
    add(Case(name, "use", lambda path: proved(MADE).write(path), trust=(ARCHIVE_KEY, line)))

# Names of keys: a list of characters, whatever the reader's Unicode knows

FORBIDDEN = (
    *(0x00, 0x1F, 0x20, 0x7F, 0x9F, 0xA0, 0xAD, 0x61C, 0x1680, 0x180E, 0x2000, 0x200F, 0x2028),
    *(0x202F, 0x205F, 0x206F, 0x3000, 0xFEFF, 0xFFF9, 0xFFFB, 0xE0000, 0xE007F),
)
ALLOWED = (
    *(0x21, 0x2A, 0x2C, 0x7E, 0xA1, 0xAC, 0xAE, 0x378, 0x600, 0x61B, 0x61D, 0x1681, 0x1FFF, 0x2010),
    *(0x2027, 0x2030, 0x205E, 0x2070, 0x2FFF, 0x3001, 0xE000, 0xFFF8, 0xFFFC, 0x1D173, 0xDFFFF),
    *(0xE0080, 0x10FFFF),
)
for point in FORBIDDEN:
    named = b.verifier_key(f"a{chr(point)}b", W.public, 4).encode()
    register(
        f"key_name_with_{point:x}", "key", lambda p: Package().write(p), trust=(ARCHIVE_KEY, named)
    )
ODD_NAME = "".join(map(chr, ALLOWED))
good(
    "key_name_with_all_that_may_be",
    lambda: Package(cosigners=[lambda text: W.cosign(text, name=ODD_NAME)]),
    W.witness(ODD_NAME).encode(),
    existed_by="2026-01-02T06:00:00Z",
)
for point in (0x20, 0xAD, 0x2028, 0xFEFF):
    line = lambda text, point=point: W.cosign(text, name=f"a{chr(point)}b")  # noqa: E731 - one a point
    register(
        f"line_of_a_key_name_with_{point:x}",
        "note",
        lambda path, line=line: Package(cosigners=[line]).write(path),
        trust=(ARCHIVE_KEY, WITNESS_KEY),
    )
