"""Time from outside: tokens, proofs in blocks, co-signatures, and their absence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509

from support.forge import ots
from support.forge import package as b
from support.forge.package import COSIGNED, ORIGIN, WITNESS, Earlier, Package, Signer
from support.forge.tokens import END, MIDDLE, ROOT, STAMPER, START, WHEN, Authority, Token
from tests.corpus.case import ARCHIVE_KEY, Case, add, files_attack, register

W = Signer(31)
WITNESS_KEY = W.witness().encode()
ROOTS = ROOT.pem
LISTS = ROOT.revocations() + MIDDLE.revocations()
STAMPED = "2026-01-03T12:00:00Z"
#: All of the originals of the small record are below this size.
SIZE = 13

Stamp = Callable[[bytes], bytes]


def stamped(*stamps: Stamp, size: int = SIZE, ending: str = "tsr", **more: Any) -> Package:
    """The small package with these stamps over its checkpoint of that size."""
    named = {f"stamp-{number}.{ending}": stamp for number, stamp in enumerate(stamps)}
    return Package(earlier={size: Earlier(stamps=named)}, **more)


def token_attack(code: str, name: str, *tokens: Token | Stamp, **more: Any) -> None:
    """These tokens, for a reader who brings the root and all lists."""
    stamps = [each.response if isinstance(each, Token) else each for each in tokens]
    trust = more.pop("trust", (ARCHIVE_KEY, ROOTS, LISTS))
    register(name, code, lambda path: stamped(*stamps, **more).write(path), trust=trust)


def good(name: str, package: Callable[[], Package], *trust: bytes, **more: Any) -> None:
    """Holds for a reader who brings the archive's key, and this."""
    add(Case(name, "holds", lambda p: package().write(p), trust=(ARCHIVE_KEY, *trust), **more))


# Tokens that stand, in every algorithm that is handled


def chain(root: str, middle: str, stamper: str, hash_name: str = "sha256") -> tuple[Authority, ...]:
    first = Authority(f"Root {root} {hash_name}", root, hash_name=hash_name)
    second = Authority(f"Middle {middle} {hash_name}", middle, first, hash_name=hash_name)
    third = Authority(f"Stamper {stamper} {hash_name}", stamper, second, "stamp")
    return first, second, replace(third, hash_name=hash_name)


for name, kinds, digest in (
    ("rsa", ("rsa2048", "rsa2048", "rsa2048"), "sha256"),
    ("rsa_sha512", ("rsa2048", "rsa2048", "rsa2048"), "sha512"),
    ("p256_sha384", ("p256", "p384", "p256"), "sha384"),
    ("p384", ("p384", "p384", "p384"), "sha384"),
    ("mixed", ("rsa2048", "p384", "p256"), "sha512"),
):
    top, between, stamper = chain(*kinds, hash_name=digest)
    token = Token(stamper, (between,), digest=digest, imprint_hash=digest)
    lists = top.revocations() + between.revocations()
    good(
        f"token_{name}",
        lambda token=token: stamped(token.response),
        top.pem,
        lists,
        existed_by=STAMPED,
        without=("unanchored", "needs_roots", "needs_revocation_lists"),
    )
good("token", lambda: stamped(Token().response), ROOTS, LISTS, existed_by=STAMPED)
good(
    "token_without_lists",
    lambda: stamped(Token().response),
    ROOTS,
    existed_by=STAMPED,
    reports=("needs_revocation_lists",),
)
good(
    "token_without_roots",
    lambda: stamped(Token().response),
    reports=("needs_roots", "unanchored"),
)
good(
    "token_with_sha1_signing_certificate",
    lambda: stamped(Token(old_signing_certificate=True).response),
    ROOTS,
    existed_by=STAMPED,
)
good(
    "token_granted_with_mods",
    lambda: stamped(Token(status=1).response),
    ROOTS,
    existed_by=STAMPED,
)
good(
    "token_over_an_older_checkpoint",
    lambda: stamped(Token().response, size=5),
    ROOTS,
    existed_by=STAMPED,
)
good(
    "token_from_before_the_original",
    lambda: stamped(Token().response, size=3),
    ROOTS,
    reports=("unanchored",),
)
good(
    "two_authorities",
    lambda: stamped(Token().response, Token(when=WHEN - timedelta(hours=5)).response),
    ROOTS,
    existed_by="2026-01-03T07:00:00Z",
)
OTHER = Authority("Another root")
UNKNOWN = Token(Authority("Another stamper", issuer=OTHER, use="stamp"), ())
good(
    "one_authority_of_two_is_known",
    lambda: stamped(Token().response, UNKNOWN.response),
    ROOTS,
    existed_by=STAMPED,
    reports=("untrusted_token",),
)
CURVE = Token(Authority("Stamper of P-521", "p521", MIDDLE, "stamp"))
add(
    Case(
        "token_by_an_algorithm_that_is_not_handled",
        "not_checked",
        lambda path: stamped(CURVE.response).write(path),
        trust=(ARCHIVE_KEY, ROOTS),
        reports=("needs_algorithm", "unanchored"),
    )
)
good(
    "token_under_an_intermediate_that_is_trusted",
    lambda: stamped(Token(extra=()).response),
    *(MIDDLE.pem, MIDDLE.revocations()),
    existed_by=STAMPED,
    without=("needs_revocation_lists", "untrusted_token"),
)
REVOKED_LATER = ROOT.revocations() + MIDDLE.revocations(
    [(STAMPER, WHEN + timedelta(days=1), x509.ReasonFlags.superseded)]
)
good(
    "token_superseded_later",
    lambda: stamped(Token().response),
    ROOTS,
    REVOKED_LATER,
    existed_by=STAMPED,
)
good(
    "list_of_another_time_says_nothing",
    lambda: stamped(Token().response),
    ROOTS,
    MIDDLE.revocations([(STAMPER, START, None)], at=WHEN - timedelta(days=1)),
    existed_by=STAMPED,
    reports=("needs_revocation_lists",),
)

# 49 to 55: tokens that are refused

SELF = Authority("Stamper of itself", use="stamp")
token_attack("token_chain", "token_of_an_embedded_root", Token(SELF, ()))
token_attack("token_chain", "token_of_another_root", UNKNOWN)
token_attack("token_chain", "token_without_its_middle", Token(extra=()))
EMBEDDED = Authority("Root of the tests", "p384")
token_attack(
    "token_chain",
    "token_of_a_root_with_a_trusted_name",
    Token(Authority("Stamper of a twin", issuer=EMBEDDED, use="stamp"), (EMBEDDED,)),
)
token_attack(
    "token_chain",
    "token_certificate_as_anchor",
    Token(),
    trust=(ARCHIVE_KEY, STAMPER.pem),
)
NOT_A_CA = Authority("Middle that is no authority", issuer=ROOT, use="none")
token_attack(
    "token_chain",
    "token_issued_by_no_authority",
    Token(Authority("Stamper below it", issuer=NOT_A_CA, use="stamp"), (NOT_A_CA,)),
)
for use in ("none", "stamp_not_critical", "stamp_and_more"):
    token_attack("token_eku", f"token_use_{use}", Token(replace(STAMPER, use=use)))
for title, since, until in (
    ("expired", START, WHEN - timedelta(days=1)),
    ("not_yet_valid", WHEN + timedelta(days=1), END),
):
    bad = Authority(f"Stamper {title}", "p256", MIDDLE, "stamp", since, until)
    token_attack("token_validity", f"token_{title}", Token(bad))
    EXPIRED = Token(bad)
    above = Authority(f"Middle {title}", "p256", ROOT, "ca", since, until)
    below = Authority(f"Stamper below {title}", issuer=above, use="stamp")
    token_attack("token_validity", f"token_middle_{title}", Token(below, (above,)))
KEY_COMPROMISE = x509.ReasonFlags.key_compromise
for title, when, reason in (
    ("before", WHEN - timedelta(days=1), x509.ReasonFlags.superseded),
    ("stolen_later", WHEN + timedelta(days=9), KEY_COMPROMISE),
    ("without_reason", WHEN + timedelta(days=9), None),
):
    listed = ROOT.revocations() + MIDDLE.revocations([(STAMPER, when, reason)])
    trust = (ARCHIVE_KEY, ROOTS, listed)
    token_attack("token_revoked", f"token_revoked_{title}", Token(), trust=trust)
MIDDLE_REVOKED = ROOT.revocations([(MIDDLE, START, None)]) + MIDDLE.revocations()
token_attack(
    "token_revoked", "token_middle_revoked", Token(), trust=(ARCHIVE_KEY, ROOTS, MIDDLE_REVOKED)
)
token_attack("token_imprint", "token_for_another_digest", Token(imprint=b"another text"))
token_attack("token_imprint", "token_of_another_checkpoint", Token(imprint=b.record().text(5)))
for weak in ("md5", "sha1"):
    token_attack("token_hash", f"token_imprint_{weak}", Token(imprint_hash=weak))
token_attack("token_signature", "token_signature_bent", Token(break_signature=True))
token_attack("token_signature", "token_digest_bent", Token(break_digest=True))
token_attack("token_signature", "token_names_another_signer", Token(wrong_signer=True))
for part in ("content", "digest", "signer"):
    token_attack("token_signature", f"token_without_{part}", Token(leave_out=(part,)))
token_attack("token", "token_without_its_certificate", Token(with_signer=False))
token_attack("token", "token_rejected", Token(status=2))
token_attack("token", "token_tail", lambda text: Token().response(text) + b"\0")
token_attack("token", "token_cut", lambda text: Token().response(text)[:-1])
token_attack("token", "token_is_text", lambda text: b"anchored: yes")
token_attack("token", "token_empty", lambda text: b"")

# 56, 57: OpenTimestamps

MADE, MERKLE = ots.in_block(b.record().text(), 800_000)
MINED = int(datetime(2026, 1, 4, 1, tzinfo=UTC).timestamp())
HEADER = ots.header(MERKLE, MINED)
BLOCK = ots.line(800_000, HEADER).encode()


def proved(proof: bytes) -> Package:
    return stamped(lambda _: proof, ending="ots")


def ots_attack(code: str, name: str, proof: bytes, *trust: bytes) -> None:
    trust = (ARCHIVE_KEY, *(trust or (BLOCK,)))
    register(name, code, lambda path: proved(proof).write(path), trust=trust)


TEXT = b.record().text()
good("ots_in_a_block", lambda: proved(MADE), BLOCK, existed_by="2026-01-04T01:00:00Z")
good("ots_without_header", lambda: proved(MADE), reports=("needs_headers", "unanchored"))
good(
    "ots_pending",
    lambda: proved(ots.proof(TEXT, ots.append(b"x", ots.hashed(ots.pending())))),
    BLOCK,
    reports=("anchor_pending", "unanchored"),
)
good(
    "ots_pending_and_in_a_block",
    lambda: proved(
        ots.proof(
            TEXT, ots.fork(ots.pending(), ots.append(b"salt", ots.hashed(ots.block(800_000))))
        )
    ),
    BLOCK,
    existed_by="2026-01-04T01:00:00Z",
    without=("anchor_pending", "unanchored"),
)
ots_attack(
    "ots_block",
    "ots_of_another_block",
    MADE,
    ots.line(800_000, ots.header(b"r" * 32, MINED)).encode(),
)
ots_attack("ots_digest", "ots_of_another_digest", ots.in_block(b"another text", 800_000)[0])
ots_attack("ots", "ots_without_magic", MADE[1:])
ots_attack("ots", "ots_cut", MADE[:-1])
ots_attack("ots", "ots_tail", MADE + b"\0")
ots_attack("ots", "ots_deep", ots.proof(TEXT, b"\x08" * 300 + ots.pending()))
ots_attack("ots", "ots_empty", b"")
FORGED = HEADER[:76] + (int.from_bytes(HEADER[76:], "little") ^ 0x5A5A5A).to_bytes(4, "little")
while int.from_bytes(ots.double(FORGED), "little") <= 0x7FFFFF << 8 * 29:
    FORGED = FORGED[:76] + (int.from_bytes(FORGED[76:], "little") + 1).to_bytes(4, "little")
ots_attack("header", "header_without_work", MADE, ots.line(800_000, FORGED).encode())
AFTER = ots.header(bytes(32), MINED + 600, before=bytes(32))
ots_attack(
    "header", "header_off_the_chain", MADE, BLOCK + b"\n" + ots.line(800_001, AFTER).encode()
)

# 45, 30: partners


def cosigned(*lines: Stamp, size: int = SIZE) -> Package:
    return Package(earlier={size: Earlier(cosigners=list(lines))})


good("cosigned", lambda: cosigned(W.cosign), WITNESS_KEY, existed_by="2026-01-02T06:00:00Z")
good(
    "cosigned_head",
    lambda: Package(cosigners=[W.cosign]),
    WITNESS_KEY,
    existed_by="2026-01-02T06:00:00Z",
    without=("unanchored", "needs_witness_keys"),
)
good(
    "cosigned_by_an_unknown_witness",
    lambda: cosigned(W.cosign),
    reports=("needs_witness_keys", "unanchored"),
)
good(
    "cosigned_and_stamped",
    lambda: Package(
        earlier={SIZE: Earlier(stamps={"first.tsr": Token().response}, cosigners=[W.cosign])}
    ),
    *(WITNESS_KEY, ROOTS, LISTS),
    existed_by="2026-01-02T06:00:00Z",
    without=("unanchored", "needs_witness_keys", "needs_roots", "needs_revocation_lists"),
)


def cosigner_attack(code: str, name: str, *lines: Stamp, trust: bytes = WITNESS_KEY) -> None:
    keys = (ARCHIVE_KEY, trust)
    register(name, code, lambda path: cosigned(*lines).write(path), trust=keys)


cosigner_attack("cosigner", "witness_twice", W.cosign, lambda text: W.cosign(text, COSIGNED + 60))
cosigner_attack(
    "cosigner",
    "witness_under_two_names",
    W.cosign,
    lambda text: W.cosign(text, name="second.example/w"),
    trust=WITNESS_KEY + b"\n" + W.witness("second.example/w").encode(),
)
cosigner_attack(
    "cosigner",
    "archive_as_its_own_witness",
    b.ARCHIVE.cosign,
    trust=b.ARCHIVE.witness().encode(),
)
cosigner_attack("signature", "witness_of_another_text", lambda text: W.cosign(text + b"!"))


def longer(line: bytes) -> bytes:
    """One byte more than a co-signature has."""
    head, encoded = line.rsplit(b" ", 1)
    return head + b" " + b.b64(b.base64.b64decode(encoded) + b"!").encode() + b"\n"


def other_time(text: bytes) -> bytes:
    """The line says another time than was signed."""
    name, blob = WITNESS, b.note_id(WITNESS, W.public, 4)
    right = b.base64.b64decode(W.cosign(text).split()[-1])
    wrong = blob + (COSIGNED - 86_400).to_bytes(8, "big") + right[12:]
    return f"\u2014 {name} {b.b64(wrong)}\n".encode()


cosigner_attack("signature", "witness_at_another_time", other_time)
cosigner_attack("signature", "witness_in_the_year_10000", lambda t: W.cosign(t, 253_402_300_800))
cosigner_attack("signature", "witness_line_with_more", lambda t: longer(W.cosign(t)))


# 48, 58, 59: clocks, and anchors that say less than they seem to


def backdated(path: Path) -> Path:
    """The archive's clock said an earlier year; only the anchor bounds it from above."""
    made = b.record()
    old = [entry.replace(b"2026-01-02T03:04:05", b"2019-01-02T03:04:05") for entry in made.entries]
    made.entries = [
        entry if b'"signature"' in entry else old[n] for n, entry in enumerate(made.entries)
    ]
    return Package(made, earlier={SIZE: Earlier(stamps={"first.tsr": Token().response})}).write(
        path
    )


add(
    Case(
        "clock_set_back",
        "holds",
        backdated,
        trust=(ARCHIVE_KEY, ROOTS, LISTS),
        reports=("own_clock",),
        existed_by=STAMPED,
    )
)
EARLY = datetime(2026, 1, 2, 1, tzinfo=UTC)
good(
    "clock_ahead",
    lambda: stamped(Token(when=EARLY).response),
    ROOTS,
    existed_by="2026-01-02T01:00:00Z",
    reports=("clock_ahead", "own_clock"),
)
good("unanchored", Package, reports=("unanchored", "own_clock", "needs_seen_checkpoint"))
register(
    "stamp_older_than_its_checkpoint",
    "checkpoint",
    lambda path: Package(
        earlier={
            12: Earlier(checkpoint=b.record().checkpoint(), stamps={"a.tsr": Token().response})
        }
    ).write(path),
    trust=(ARCHIVE_KEY, ROOTS),
)
register(
    "stamp_over_a_fork",
    "fork",
    lambda path: Package(
        earlier={
            5: Earlier(
                checkpoint=b.sign_note(
                    b"%s\n5\n%s\n" % (ORIGIN.encode(), b.b64(bytes(32)).encode()), b.ARCHIVE
                ),
                stamps={"a.tsr": Token().response},
            )
        }
    ).write(path),
    trust=(ARCHIVE_KEY, ROOTS),
)
for title, proof in (("missing_steps", b""), ("no_base64", b"!\n"), ("no_end", b"AA")):
    register(
        f"consistency_{title}",
        "fork",
        lambda path, proof=proof: Package(earlier={5: Earlier(consistency=proof)}).write(path),
    )
NOTHING = {"data/checkpoints/0/checkpoint": b"", "data/checkpoints/0/consistency": b""}
files_attack("undeclared_file", "consistency_from_nothing", lambda f: f.update(NOTHING), "payload")

OLD = Authority("Stamper of long ago", "p256", MIDDLE, "stamp", START, WHEN + timedelta(days=2))
good(
    "list_from_after_the_certificates_end",
    lambda: stamped(Token(OLD).response),
    ROOTS,
    LISTS,
    existed_by=STAMPED,
    reports=("needs_revocation_lists",),
)
#: Authorities of one name and key, each the issuer of all: paths without number, and no root.
CROWD = tuple(
    Authority("Crowd", issuer=Authority("Crowd", since=START), since=START + timedelta(days=n))
    for n in range(12)
)
token_attack(
    "token_chain",
    "token_among_many_issuers",
    Token(Authority("Stamper of the crowd", issuer=CROWD[0], use="stamp"), CROWD),
)
LAST = Authority("Root for ever", until=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
LATE = Authority("Stamper for ever", "p256", LAST, "stamp", until=LAST.until)
good(
    "token_of_the_last_second",
    lambda: stamped(Token(LATE, (), LAST.until).response),
    LAST.pem,
    existed_by="9999-12-31T23:59:59Z",
)
add(
    Case(
        "two_headers_of_one_height",
        "use",
        lambda path: proved(MADE).write(path),
        trust=(ARCHIVE_KEY + b"\n" + BLOCK + b"\n" + ots.line(800_000, bytes(80)).encode(),),
    )
)
