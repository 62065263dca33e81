"""What must hold of a time-stamp: the rules here refuse all that the checker refuses."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support import authority
from support.forge import der
from support.forge.tokens import MIDDLE, ROOT, STAMPER, WHEN, Authority, Token
from tests.unit.checker.subject import check as checker
from witnessmark.anchoring import certificates, tokens
from witnessmark.anchoring import der as reading
from witnessmark.errors import BadStamp

TEXT = b"origin.example.org\n5\nAAAA\n"
EVIL = Authority("Evil root")
EVIL_STAMPER = Authority("Evil stamper", issuer=EVIL, use="stamp")
RSA_ROOT = Authority("RSA root", "rsa2048")
RSA_STAMPER = Authority("RSA stamper", "rsa2048", issuer=RSA_ROOT, use="stamp")
P384 = Authority("P-384 root", "p384", hash_name="sha384")
P384_STAMPER = Authority("P-384 stamper", "p384", issuer=P384, use="stamp", hash_name="sha384")


def stamper(**knobs: object) -> Authority:
    return dataclasses.replace(STAMPER, name=f"Stamper {sorted(knobs)}", **knobs)  # type: ignore[arg-type] # knobs of a test


def ours(response: bytes, roots: list[Authority], nonce: int | None = None) -> str:
    """ "" when it holds, or the reason."""
    try:
        tokens.check(response, TEXT, [certificates.certificate(each.der) for each in roots],
                     nonce=nonce)  # fmt: skip
    except BadStamp as error:
        return error.code
    return ""


def theirs(response: bytes, roots: list[Authority]) -> str:
    """What check.py says of the same bytes: "" when the stamp stands."""
    try:
        token = checker.check_token(response, TEXT, "file")
        found = checker.find_path(token, [checker.parse_certificate(each.der) for each in roots])
    except checker.RefusalError as error:
        return str(error.code)
    except checker.UnsupportedError:
        return "needs_algorithm"
    return "token_chain" if found is None else "" if found[1] else "token_validity"


HOLD = {
    "p256": (Token(), ROOT),
    "rsa": (Token(signer=RSA_STAMPER, extra=()), RSA_ROOT),
    "rsa with hash": (Token(signer=RSA_STAMPER, extra=(), rsa_plain=False), RSA_ROOT),
    "p384": (Token(signer=P384_STAMPER, extra=(), digest="sha384"), P384),
    "sha512 imprint": (Token(imprint_hash="sha512"), ROOT),
    "old signing certificate": (Token(old_signing_certificate=True), ROOT),
    "root comes along": (Token(extra=(ROOT, MIDDLE)), ROOT),
    "intermediate pinned": (Token(), MIDDLE),
    "intermediate pinned that does not come along": (Token(extra=()), MIDDLE),
    "strangers come along": (Token(extra=(EVIL, MIDDLE, EVIL_STAMPER)), ROOT),
}
FAIL = {
    "another digest": (Token(imprint=b"else"), ROOT, "wrong_imprint", "token_imprint"),
    "md5": (Token(imprint_hash="md5"), ROOT, "weak", "token_hash"),
    "sha1": (Token(imprint_hash="sha1"), ROOT, "weak", "token_hash"),
    "rejected": (Token(status=2), ROOT, "refused", "token"),
    "signature": (Token(break_signature=True), ROOT, "wrong_signature", "token_signature"),
    "digest": (Token(break_digest=True), ROOT, "wrong_signature", "token_signature"),
    "signer named": (Token(wrong_signer=True), ROOT, "wrong_signature", "token_signature"),
    "no content": (Token(leave_out=("content",)), ROOT, "wrong_signature", "token_signature"),
    "no digest": (Token(leave_out=("digest",)), ROOT, "wrong_signature", "token_signature"),
    "no signer": (Token(leave_out=("signer",)), ROOT, "wrong_signature", "token_signature"),
    "no certificate": (Token(with_signer=False), ROOT, "malformed", "token"),
    "self-signed authority": (
        Token(signer=EVIL_STAMPER, extra=(EVIL,)), ROOT, "untrusted", "token_chain"
    ),
    "path broken": (Token(extra=()), ROOT, "untrusted", "token_chain"),
    "stamper as root": (Token(), STAMPER, "untrusted", "token_chain"),
    "not critical": (
        Token(signer=stamper(use="stamp_not_critical")), ROOT, "wrong_use", "token_eku"
    ),
    "for more": (Token(signer=stamper(use="stamp_and_more")), ROOT, "wrong_use", "token_eku"),
    "for nothing": (Token(signer=stamper(use="none")), ROOT, "wrong_use", "token_eku"),
    "expired": (
        Token(signer=stamper(until=WHEN - timedelta(days=1))), ROOT, "expired", "token_validity"
    ),
    "not yet": (
        Token(signer=stamper(since=WHEN + timedelta(days=1))), ROOT, "expired", "token_validity"
    ),
    "middle expired": (
        Token(
            signer=stamper(issuer=dataclasses.replace(MIDDLE, until=WHEN - timedelta(days=1))),
            extra=(dataclasses.replace(MIDDLE, until=WHEN - timedelta(days=1)),),
        ),
        ROOT, "expired", "token_validity",
    ),
    "issued by a stamper": (
        Token(signer=Authority("Below", issuer=STAMPER, use="stamp"), extra=(STAMPER, MIDDLE)),
        ROOT, "untrusted", "token_chain",
    ),
    "intermediate pinned, signature": (
        Token(break_signature=True), MIDDLE, "wrong_signature", "token_signature"
    ),
    "another intermediate pinned": (
        Token(), Authority("Middle of others", issuer=ROOT), "untrusted", "token_chain"
    ),
    "small key": (
        Token(signer=Authority("Small", "rsa1024", issuer=MIDDLE, use="stamp")),
        ROOT,
        "unsupported",
        "needs_algorithm",
    ),
    "p521": (
        Token(signer=Authority("P-521", "p521", issuer=MIDDLE, use="stamp")),
        ROOT, "unsupported", "needs_algorithm",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HOLD)
def test_what_holds_here_holds_for_the_checker(case: str) -> None:
    token, root = HOLD[case]
    response = token.response(TEXT)
    assert (ours(response, [root]), theirs(response, [root])) == ("", "")


@pytest.mark.parametrize("case", FAIL)
def test_what_does_not_hold(case: str) -> None:
    token, root, reason, code = FAIL[case]
    response = token.response(TEXT)
    assert (ours(response, [root]), theirs(response, [root])) == (reason, code)


@dataclasses.dataclass(frozen=True)
class Loose(Token):
    """A token with something malformed where nobody needs to look."""

    def _signer_info(self, info: bytes) -> bytes:
        whole = super()._signer_info(info)
        inner = b"".join(each.raw for each in reading.one(whole, reading.SEQUENCE).members())
        return der.sequence(inner, der.element(0xA1, b"\x30\x05\x00"))


def test_nothing_malformed_hides_in_an_answer() -> None:
    response = Loose().response(TEXT)
    assert (ours(response, [ROOT]), theirs(response, [ROOT])) == ("malformed", "token")
    with pytest.raises(BadStamp, match="cut off"):  # noticed here, before the library
        tokens.check(response, TEXT, [certificates.certificate(ROOT.der)])


def test_a_path_needs_signatures_and_authorities() -> None:
    """Looked at alone: the library would notice too."""
    namesake = Authority(MIDDLE.name, "p384", issuer=ROOT)
    below = Authority("Below", issuer=STAMPER, use="stamp")
    for signer, others in ((STAMPER, (namesake,)), (below, (STAMPER, MIDDLE))):
        with pytest.raises(BadStamp) as caught:
            certificates.path(
                certificates.certificate(signer.der),
                [certificates.certificate(each.der) for each in others],
                [certificates.certificate(ROOT.der)],
                WHEN,
            )
        assert caught.value.code == "untrusted"


def test_the_library_alone_would_take_an_authority_from_the_answer() -> None:
    """Why nothing out of an answer is handed to it: as an intermediate it becomes an end."""
    from rfc3161_client import VerifierBuilder, decode_timestamp_response

    response = Token(signer=EVIL_STAMPER, extra=()).response(TEXT)
    verifier = VerifierBuilder(roots=[ROOT.certificate], intermediates=[EVIL.certificate]).build()
    assert verifier.verify_message(decode_timestamp_response(response), TEXT)
    assert ours(Token(signer=EVIL_STAMPER, extra=(EVIL,)).response(TEXT), [ROOT]) == "untrusted"


def test_what_is_pinned_need_not_sign_itself() -> None:
    """The library takes such an end nowhere (unable to get issuer certificate): it is not asked."""
    response = Token(extra=()).response(TEXT)
    assert (ours(response, [MIDDLE]), theirs(response, [MIDDLE])) == ("", "")
    middle = certificates.certificate(MIDDLE.der)
    with pytest.raises(BadStamp, match="unable to get issuer certificate"):
        tokens._ask_library(response, TEXT, middle, None)


def test_the_second_opinion_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stamp that only the rules here would take is refused by the library."""
    token, root = HOLD["p256"]
    response = Token(break_signature=True).response(TEXT)
    monkeypatch.setattr(tokens, "_signature_holds", lambda token: True)
    assert ours(response, [root]) == "untrusted"
    assert ours(token.response(TEXT), [root]) == ""


@pytest.mark.parametrize(
    ("reason", "at", "new", "old"),
    [
        (x509.ReasonFlags.key_compromise, WHEN + timedelta(days=9), "revoked", "revoked"),
        (None, WHEN + timedelta(days=9), "revoked", "revoked"),
        (x509.ReasonFlags.superseded, WHEN + timedelta(days=9), "revoked", ""),
        (x509.ReasonFlags.superseded, WHEN - timedelta(days=9), "revoked", "revoked"),
    ],
)
def test_revoked(reason: x509.ReasonFlags | None, at: datetime, new: str, old: str) -> None:
    """A new stamp is refused for any reason; one that is looked at again, as a reader would."""
    response = Token().response(TEXT)
    roots = [certificates.certificate(ROOT.der)]

    def code(pem: bytes, time: datetime | None) -> str:
        lists = certificates.lists_from_pem(pem)
        try:
            # the answers of the forge bear no nonce: a new stamp is looked at without one
            path = tokens.check(response, TEXT, roots, lists=lists if time else ()).path
            certificates.check_revoked(path, lists, time)
        except BadStamp as error:
            return error.code
        return ""

    pem = MIDDLE.revocations([(STAMPER, at, reason)])
    assert (code(pem, None), code(pem, WHEN)) == (new, old)
    assert code(MIDDLE.revocations([(STAMPER, at, reason)], signer=EVIL), WHEN) == ""
    assert code(EVIL.revocations([(STAMPER, at, reason)]), WHEN) == ""
    early = MIDDLE.revocations([(STAMPER, at, reason)], at=WHEN - timedelta(days=1))
    assert code(early, WHEN) == ""


@pytest.mark.skipif(not authority.OPENSSL, reason="there is no openssl here")
def test_a_new_stamp_by_a_revoked_certificate(tmp_path: Path) -> None:
    real = authority.Authority(tmp_path)
    question = tokens.question(TEXT)
    response, roots = real.stamp(question.request), certificates.from_pem(real.roots.read_bytes())
    lists = certificates.lists_from_pem(real.revocations(x509.ReasonFlags.superseded))
    with pytest.raises(BadStamp) as caught:
        tokens.check(response, TEXT, roots, nonce=question.nonce, lists=lists)
    assert caught.value.code == "revoked"
    assert tokens.check(response, TEXT, roots, lists=lists)  # a reader would let it stand


def test_each_question_is_new_and_says_only_a_digest() -> None:
    one, two = tokens.question(TEXT), tokens.question(TEXT)
    assert one.nonce != two.nonce
    digest = hashlib.sha256(TEXT).hexdigest()
    assert tokens.is_question(one.request, digest)
    assert len(one.request) < 90
    assert not tokens.is_question(one.request, "00" * 32)
    assert not tokens.is_question(one.request + b"\0", digest)
    assert not tokens.is_question(b"", digest)


@pytest.mark.parametrize("name", ["sha384", "sha512"])
def test_a_question_by_a_stronger_hash(name: str, tmp_path: Path) -> None:
    question = tokens.question(TEXT, name)
    assert hashlib.new(name, TEXT).digest() in question.request
    assert tokens.is_question(question.request, "00" * 32)  # nothing here to compare it with
    assert not tokens.is_question(question.request[:-4] + b"\x01\x01\x00", "00" * 32)
    real = authority.Authority(tmp_path)
    real.digest = name
    response, roots = real.stamp(question.request), certificates.from_pem(real.roots.read_bytes())
    found = tokens.check(response, TEXT, roots, nonce=question.nonce, least=name)
    assert found.hashes == (name, name)


@pytest.mark.parametrize("knobs", [{"imprint_hash": "sha512"}, {"digest": "sha512"}, {}])
def test_a_stamp_that_rests_on_a_weaker_hash(knobs: dict[str, str]) -> None:
    response = Token(**knobs).response(TEXT)  # type: ignore[arg-type] # knobs of a test
    roots = [certificates.certificate(ROOT.der)]
    assert tokens.check(response, TEXT, roots)
    with pytest.raises(BadStamp) as caught:
        tokens.check(response, TEXT, roots, least="sha512")
    assert caught.value.code == "weak"


@pytest.mark.skipif(not authority.OPENSSL, reason="there is no openssl here")
@pytest.mark.parametrize("kind", ["p256", "p384", "rsa"])
def test_real_authorities(kind: str, tmp_path: Path) -> None:
    """What `openssl ts` signs is taken here, by the checker, and by openssl itself."""
    real = authority.Authority(tmp_path, kind=kind)
    question = tokens.question(TEXT)
    response = real.stamp(question.request)
    roots = certificates.from_pem(real.roots.read_bytes())
    found = tokens.check(response, TEXT, roots, nonce=question.nonce)
    assert abs(found.time - datetime.now(UTC)) < timedelta(minutes=1)
    assert len(found.path) == 3
    token = checker.check_token(response, TEXT, "file")
    path, valid = checker.find_path(token, [checker.parse_certificate(roots[0].raw)])
    assert ([each.raw for each in path], valid) == ([each.raw for each in found.path], True)
    (tmp_path / "text").write_bytes(TEXT)
    (tmp_path / "answer").write_bytes(response)
    subprocess.run(
        [*(authority.OPENSSL or "", "ts", "-verify", "-data", tmp_path / "text"),
         *("-in", tmp_path / "answer", "-CAfile", real.roots)],
        check=True, capture_output=True,
    )  # fmt: skip
    with pytest.raises(BadStamp) as caught:
        tokens.check(response, TEXT, roots, nonce=question.nonce ^ 1)
    assert caught.value.code == "wrong_nonce"


RESPONSE = Token().response(TEXT)
ROOTS = [certificates.certificate(ROOT.der)]


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(RESPONSE) - 1), st.integers(1, 255))
@example(1, 0x80)
def test_no_bent_answer_holds_here_and_fails_there(at: int, flip: int) -> None:
    """One byte changed: never a crash, and never taken where the checker would refuse it."""
    bent = RESPONSE[:at] + bytes([RESPONSE[at] ^ flip]) + RESPONSE[at + 1 :]
    if ours(bent, [ROOT]) == "":
        assert theirs(bent, [ROOT]) in ("", "needs_algorithm")


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(RESPONSE) - 1))
def test_no_truncated_answer_holds(length: int) -> None:
    assert ours(RESPONSE[:length], [ROOT]) == "malformed"


def test_lengths_and_numbers_have_one_spelling() -> None:
    long = RESPONSE[:1] + b"\x83\x00" + RESPONSE[2:]
    assert ours(long, [ROOT]) == "malformed"
    assert ours(RESPONSE + b"\0", [ROOT]) == "malformed"
    assert ours(der.sequence(der.integer(0)) * 2, [ROOT]) == "malformed"
