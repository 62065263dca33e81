"""Witnesses' keys and lines, against the examples of the C2SP documents and by attack."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from support.forge.package import Signer
from tests.unit.record.test_note import KEY, NOTE, TEXT, VERIFIER, small_order_ys
from witnessmark.errors import BadRecord
from witnessmark.record.cosignature import (
    Cosignature,
    WitnessKey,
    check,
    check_encoded,
    cosign,
    parse_lines,
    signed_bytes,
)
from witnessmark.record.note import VerifierKey, parse, read_key

NAME, SEED = "witness.example/w", Ed25519PrivateKey.from_private_bytes(b"\x0b" * 32)
WITNESS = WitnessKey.of(NAME, SEED)
NOW = 1_767_333_600


def refused(code: str) -> pytest.RaisesExc[BadRecord]:
    return pytest.raises(BadRecord, check=lambda error: error.code == code)


# The example of c2sp.org/tlog-cosignature, and lines of the example of c2sp.org/tlog-witness
EXAMPLE = """\
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""  # noqa: E501 - the document's lines
ANSWER = """\
\u2014 witness.example/w1 CMp+6LWBU0anHGH5aNDTJkH/gj79sG+T6+iP2ThYN5krrDJbR1HDnucjL39QsZTSvVjyQLrdk3DXDqI5G2HgLatVs0pWh6Up69HVOw==
\u2014 witness.example/w1 I7rEps0pvK2UqkS2gSpVUDhrhVtQV9lgF6pRrWAvjJHjyWpW7VcE3SiOlVlbQNt64vWhO+DlkL0+UfzuOBMh9ChdMkP1vi/lCAsmlw==
\u2014 witness.example/w2 AWui8Sk55XjYLOijihBjhqEH6nS1ndDymE0a+6idX7pLcnoB+dhnz0854aLZgrrKbYKA7nC3HNJhm/kWl7oJlqU3rXXvpysAdyP3wQ==
"""  # noqa: E501 - the document's lines


def test_the_documents_example_is_read() -> None:
    note = parse(EXAMPLE.encode())
    line = note.signatures[1]
    assert (line.name, line.key_id.hex()) == ("witness.example.com/w1", "8d66cf3f")
    assert int.from_bytes(line.value[:8], "big") == 1_679_315_147  # "time 1679315147" there
    assert len(line.value) == 72
    assert "".join(each.line for each in note.signatures) == EXAMPLE.split("\n\n")[1]
    assert signed_bytes(note.text, 1_679_315_147) == (
        b"cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
        b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )


def test_the_documents_answer_is_read() -> None:
    lines = parse_lines(ANSWER.encode())
    assert [each.name[-2:] for each in lines] == ["w1", "w1", "w2"]
    assert "".join(each.line for each in lines) == ANSWER
    assert check(TEXT, lines, WITNESS) is None  # lines of unknown keys are ignored


def test_a_key_in_public_use_has_the_id_that_its_name_asks_for() -> None:
    known = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
    assert str(WitnessKey.parse(known)) == known
    with refused("key"):
        VerifierKey.parse(known)
    with refused("key"):
        WitnessKey.parse(str(VERIFIER))
    for broken in (known.replace("remora", "remore"), known[:-4] + "AAAA", "", "a+b+c"):
        with pytest.raises(BadRecord):
            WitnessKey.parse(broken)


def test_small_order_keys_are_refused() -> None:
    for y in small_order_ys():
        public = y.to_bytes(32, "little")
        with refused("weak_key"):
            WitnessKey.parse(str(WitnessKey("name", public)))


def test_a_cosignature_is_the_one_that_the_pages_ask_for() -> None:
    """Made here and, from the pages alone, by `support.forge`: the same bytes."""
    signer = Signer(7)
    made = cosign(TEXT, signer.private, NAME, NOW)
    assert made.line.line.encode() == signer.cosign(TEXT.encode(), NOW, NAME)
    assert str(made.witness) == signer.witness(NAME)
    assert read_key(signer.witness(NAME), 4) == (NAME, signer.public)


def lines_of(*cosignatures: Cosignature) -> bytes:
    return "".join(each.line.line for each in cosignatures).encode()


def test_a_cosignature_checks() -> None:
    made = cosign(TEXT, SEED, NAME, NOW)
    note = parse(NOTE + lines_of(made))
    assert note.check([VERIFIER]) == [VERIFIER]
    assert check(note.text, note.signatures, WITNESS) == made
    assert made.instant == "2026-01-02T06:00:00Z"
    assert check_encoded(TEXT, made.encoded, WITNESS) == made
    assert check(NOTE.decode(), parse(NOTE).signatures, WITNESS) is None


def test_what_was_not_signed_is_refused() -> None:
    made = cosign(TEXT, SEED, NAME, NOW)
    with refused("signature"):
        check(TEXT.replace("\n3\n", "\n4\n"), [made.line], WITNESS)
    for bit in range(8 * len(made.line.value)):
        value = bytearray(made.line.value)
        value[bit // 8] ^= 1 << bit % 8
        with refused("signature"):
            check(TEXT, [made.line._replace(value=bytes(value))], WITNESS)
    for value in (made.line.value[:-1], made.line.value + b"\0", made.line.value[8:], b"x"):
        with refused("signature"):
            check(TEXT, [made.line._replace(value=value)], WITNESS)


def test_a_signature_of_the_other_kind_is_none() -> None:
    """A checkpoint's signature by the same key, put into a witness's line."""
    value = NOW.to_bytes(8, "big") + SEED.sign(TEXT.encode())
    line = cosign(TEXT, SEED, NAME, NOW).line._replace(value=value)
    with refused("signature"):
        check(TEXT, [line], WITNESS)
    encoded = base64.b64encode(WITNESS.id + value).decode()
    with refused("signature"):
        check_encoded(TEXT, encoded, WITNESS)


def test_one_key_counts_once() -> None:
    one, two = cosign(TEXT, SEED, NAME, NOW), cosign(TEXT, SEED, NAME, NOW + 1)
    with refused("cosigner"):
        check(TEXT, [one.line, two.line], WITNESS)


def test_times_that_no_calendar_has_are_refused() -> None:
    for time in (253_402_300_800, 2**63, 2**64 - 1):
        value = time.to_bytes(8, "big") + SEED.sign(signed_bytes(TEXT, time))
        line = cosign(TEXT, SEED, NAME, NOW).line._replace(value=value)
        with refused("signature"):
            check(TEXT, [line], WITNESS)


def test_another_key_under_the_same_name_does_not_count() -> None:
    other = cosign(TEXT, KEY, NAME, NOW)
    assert check(TEXT, [other.line], WITNESS) is None
    with refused("signature"):
        check(TEXT, [other.line._replace(key_id=WITNESS.id)], WITNESS)
    with refused("signature"):
        check_encoded(TEXT, other.encoded, WITNESS)


@pytest.mark.parametrize(
    "data", [b"", b"\n", ANSWER.encode()[:-1], b"\xff\n", ANSWER.encode() * 11, b"words\n"]
)
def test_malformed_answers(data: bytes) -> None:
    with pytest.raises(BadRecord):
        parse_lines(data)


def test_names_that_no_key_may_have() -> None:
    for name in ("", "a b", "a+b", "a\nb", "a\u00a0b"):
        with refused("key"):
            WitnessKey.of(name, SEED)
