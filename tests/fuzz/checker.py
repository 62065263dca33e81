"""Targets: every parser of check.py that reads somebody else's bytes.

Whatever it is given, check.py ends in an answer; inside, a parser refuses, or raises what its
caller turns into a refusal.
"""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path

from support.forge import ots, zips
from support.forge import package as b
from support.forge.package import Package
from support.forge.tokens import MIDDLE, ROOT, STAMPER, Token
from tests.unit.checker.subject import check

REFUSES: tuple[type[Exception], ...] = (check.RefusalError, ValueError, check.UnsupportedError)
TEXT = b.record().text()
_PROOF = ots.proof(TEXT, ots.fork(ots.append(b"salt", ots.hashed(ots.block(5))), ots.pending()))
_PLACE = tempfile.TemporaryDirectory()


def responses() -> list[bytes]:
    return [Token().response(TEXT), Token(digest="sha512", imprint_hash="sha384").response(TEXT)]


def token(data: bytes) -> None:
    try:
        found = check.check_token(data, TEXT, "stamp")
        check.find_path(found, [check.parse_certificate(ROOT.der)])
    except IndexError:  # its callers take this as malformed too
        raise ValueError from None


def certificates() -> list[bytes]:
    lists = (ROOT.revocations(), MIDDLE.revocations([(STAMPER, STAMPER.since, None)]))
    ders = [base64.b64decode(b"".join(each.splitlines()[1:-1])) for each in lists]
    return [ROOT.der, STAMPER.der, *ders]


def certificate(data: bytes) -> None:
    for parse in (check.parse_certificate, check.parse_revocation_list):
        try:
            parse(data)
        except (ValueError, IndexError):
            continue


def proofs() -> list[bytes]:
    return [_PROOF]


def proof(data: bytes) -> None:
    for kind, payload, _ in check.check_ots(data, TEXT, "stamp"):
        if kind == check.BITCOIN:
            check.block_height(payload, "stamp")


def trusted() -> list[bytes]:
    keys = f"{b.ARCHIVE.verifier()}\n{b.Signer(31).witness()}\n{ots.line(5, bytes(80))}\n"
    return [keys.encode(), ROOT.pem + MIDDLE.revocations(), b.record().checkpoint()]


def trust(data: bytes) -> None:
    brought = check.Trust()
    brought.add(data, "trust")
    brought.parse_keys()
    check.check_headers(brought.headers)


def zipped() -> list[bytes]:
    path = Path(_PLACE.name) / "seed.zip"
    zips.write(path, zips.items(Package(disclosures=[]).files()))
    return [path.read_bytes()]


def whole(data: bytes) -> None:
    """The whole check of one file; it must end in an answer of its own."""
    path = Path(_PLACE.name) / "fuzzed.zip"
    path.write_bytes(data)
    assert check.check(str(path), check.Trust()).outcome in ("refused", "not_checked")


def seals() -> list[bytes]:
    return [Package().files()[b.SEAL]]


def seal(data: bytes) -> None:
    check.parse_seal(data, "seal")


def lines() -> list[bytes]:
    return b.record().entries


def entry(data: bytes) -> None:
    found = check.parse_entry(data, 1, "entries")
    assert check.canonical(found.value) == data
