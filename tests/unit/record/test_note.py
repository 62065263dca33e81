"""Signed notes, checkpoints and proofs: C2SP's own examples, and what must be refused."""

from __future__ import annotations

import base64
import contextlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from witnessmark.errors import BadRecord
from witnessmark.record import note
from witnessmark.record.checkpoint import Checkpoint
from witnessmark.record.proof import Proof

ORIGIN = "example.com/log"
KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
VERIFIER = note.VerifierKey(ORIGIN, KEY.public_key().public_bytes_raw())
TEXT = Checkpoint(ORIGIN, 3, b"\x01" * 32).text
NOTE = note.sign(TEXT, KEY, ORIGIN)

P = 2**255 - 19
#: y of the eight points of small order, derived here from the curve's equation
D = -121665 * pow(121666, -1, P) % P


def roots(square: int) -> set[int]:
    """Square roots modulo P (RFC 8032, 5.1.3)."""
    half = pow(square, (P + 3) // 8, P)
    both = {half, half * pow(2, (P - 1) // 4, P) % P}
    return {each for root in both for each in (root, P - root) if root * root % P == square % P}


def small_order_ys() -> set[int]:
    """Order 1: y = 1; 2: y = -1; 4: y = 0; 8: doubling gives y = 0, so d y^4 + 2 y^2 - 1 = 0."""
    inverse = pow(D, -1, P)
    squares = {(root - 1) * inverse % P for root in roots(1 + D)}
    return {0, 1, P - 1} | {y for square in squares for y in roots(square)}


def test_a_note_checks_under_its_key() -> None:
    parsed = note.parse(NOTE)
    assert parsed.text == TEXT
    assert parsed.check([VERIFIER]) == [VERIFIER]
    assert Checkpoint.parse(parsed.text) == Checkpoint(ORIGIN, 3, b"\x01" * 32)


def test_small_order_keys_are_refused() -> None:
    ys = small_order_ys()
    assert len(ys) == 5
    for y in ys | {P, P + 1}:
        for sign in (0, 1 << 255):
            public = (y | sign).to_bytes(32, "little")
            with pytest.raises(BadRecord) as caught:
                note.check_public_key(public)
            assert caught.value.code == "weak_key"
            encoded = str(note.VerifierKey("name", public))
            with pytest.raises(BadRecord):
                note.VerifierKey.parse(encoded)


def test_the_identity_key_would_accept_a_forgery_without_the_rule() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    identity = (1).to_bytes(32, "little")
    forged = identity + bytes(32)
    Ed25519PublicKey.from_public_bytes(identity).verify(forged, b"anything")  # accepts it
    with pytest.raises(BadRecord):
        note.verify(identity, forged, b"anything")


def test_verifier_keys_round_trip() -> None:
    assert note.VerifierKey.parse(str(VERIFIER)) == VERIFIER
    for broken in (
        str(VERIFIER).replace("example", "exemple"),
        str(VERIFIER)[:-4] + "AAA=",
        "name+00000000+AAAA",
        "",
        str(VERIFIER).replace("+A", "+B", 1),
    ):
        with pytest.raises(BadRecord):
            note.VerifierKey.parse(broken)


def test_an_example_of_the_specification() -> None:
    """The vkey that the Go module proxy has used since 2019 has the id its name asks for."""
    known = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    assert note.VerifierKey.parse(known).id.hex() == "033de0ae"


def other_line(name: str, key: Ed25519PrivateKey, text: str = TEXT) -> bytes:
    return note.sign(text, key, name).split(b"\n\n", 1)[1]


STRANGER = Ed25519PrivateKey.from_private_bytes(b"\x09" * 32)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (NOTE.replace(b"\n3\n", b"\n4\n"), "signature"),
        (TEXT.encode() + b"\n" + other_line(ORIGIN, STRANGER), "unsigned"),  # right name, other key
        (TEXT.encode() + b"\n" + other_line("another", KEY), "unsigned"),
        (NOTE + other_line(ORIGIN, KEY, TEXT + "more\n"), "signature"),  # valid plus invalid
    ],
)
def test_wrong_signatures(data: bytes, code: str) -> None:
    with pytest.raises(BadRecord) as caught:
        note.parse(data).check([VERIFIER])
    assert caught.value.code == code


def test_unknown_lines_are_ignored_and_no_key_counts_twice() -> None:
    data = NOTE + other_line("partner", STRANGER) + other_line(ORIGIN, KEY)
    assert note.parse(data).check([VERIFIER, VERIFIER]) == [VERIFIER]


def test_a_colliding_key_id_does_not_help() -> None:
    line = note.parse(NOTE).signatures[0]
    forged = base64.b64encode(line.key_id + STRANGER.sign(TEXT.encode())).decode()
    data = f"{TEXT}\n\u2014 {ORIGIN} {forged}\n".encode()
    with pytest.raises(BadRecord) as caught:
        note.parse(data).check([VERIFIER])
    assert caught.value.code == "signature"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        b"text\n\n",
        NOTE[:-1],
        NOTE.replace(b"\n\n", b"\n"),
        NOTE.replace(b"\xe2\x80\x94", b"-"),
        NOTE.replace(b"\n3\n", b"\n3\r\n"),
        NOTE + b"\xff",
        NOTE[:-2] + b" =\n",
        TEXT.encode() + b"\n" + other_line(ORIGIN, KEY) * 33,
    ],
)
def test_malformed_notes(data: bytes) -> None:
    with pytest.raises(BadRecord):
        note.parse(data).check([VERIFIER])


@pytest.mark.parametrize(
    "text",
    ["a\n1\n", "\n1\nAA==\n", TEXT + "extension\n", TEXT.replace("3", "03"),
     TEXT.replace("3", "-3"), TEXT.replace("AQEB", "AQE"), TEXT.replace("\n3\n", "\n\u0663\n")],
)  # fmt: skip
def test_malformed_checkpoints(text: str) -> None:
    with pytest.raises(BadRecord):
        Checkpoint.parse(text)


def test_proof_files_round_trip() -> None:
    for proof in (Proof(0, (), NOTE), Proof(7, (b"\x02" * 32, b"\x03" * 32), NOTE, b"extra")):
        assert Proof.parse(proof.encode()) == proof


@given(st.binary(max_size=200))
def test_any_bytes_are_a_proof_or_refused(data: bytes) -> None:
    for junk in (data, b"c2sp.org/tlog-proof@v1\n" + data):
        with contextlib.suppress(BadRecord):
            assert Proof.parse(junk).encode() == junk


@given(st.binary(max_size=300))
def test_any_bytes_are_a_note_or_refused(data: bytes) -> None:
    with pytest.raises(BadRecord):
        note.parse(data).check([VERIFIER])
