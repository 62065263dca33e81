"""What a witness may answer, from the question, the keys and what it has seen."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from support.forge import package as forge
from tests.unit.record.test_cosignature import EXAMPLE
from witnessmark.errors import BadRecord
from witnessmark.record.note import VerifierKey
from witnessmark.record.tree import EMPTY_ROOT
from witnessmark.record.witnessing import MAX_REQUEST, Answer, Request, Status, Verdict, decide

LOG = VerifierKey(forge.ORIGIN, forge.ARCHIVE.public)
LOGS = {LOG.name: [LOG]}
LEAVES = [forge.leaf(b"%d" % n) for n in range(40)]
FORKED = [*LEAVES[:5], *(forge.leaf(b"other %d" % n) for n in range(35))]


def note(size: int, leaves: list[bytes] = LEAVES, signer: forge.Signer = forge.ARCHIVE) -> bytes:
    root = forge.root(leaves[:size]) if size else EMPTY_ROOT
    text = f"{forge.ORIGIN}\n{size}\n{forge.b64(root)}\n".encode()
    return forge.sign_note(text, signer)


def request(old: int, new: int, leaves: list[bytes] = LEAVES) -> Request:
    proof = forge.consistency(old, leaves[:new]) if 0 < old <= new else []
    return Request(old, tuple(proof), note(new, leaves))


def judged(asked: Request, *seen: bytes) -> Verdict:
    return decide(Request.parse(asked.encode()), LOGS, seen)


# The body of the example of c2sp.org/tlog-witness, with the note of that of tlog-cosignature
BODY = (
    b"old 20852014\n"
    b"PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
    b"jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n"
    b"5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n"
    b"/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n"
    b"\n" + EXAMPLE.encode()
)


def test_the_documents_question_is_read() -> None:
    asked = Request.parse(BODY)
    assert (asked.old, len(asked.proof), asked.note) == (20_852_014, 4, EXAMPLE.encode())
    assert asked.encode() == BODY
    assert decide(asked, LOGS, []).status == Status.UNKNOWN


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"old 1\n",
        BODY.replace(b"old 2", b"old 02"),
        BODY.replace(b"old 2", b"old -2"),
        BODY.replace(b"old ", b"old  "),
        BODY.replace(b"old", b"new"),
        BODY.replace(b"old 20852014", b"old " + b"9" * 17),
        BODY.replace(b"old 20852014", b"old " + b"9" * 5000),
        BODY.replace(b"kaw=\n", b"kaw\n"),
        BODY.replace(b"kaw=\n", b"ka==\n"),
        BODY.replace(b"kaw=\n", b"kaw=\r\n"),
        BODY.replace(b"\n/6W", b"\n\xc3\xa4/6W"),
        b"old 1\n" + (base64.b64encode(bytes(32)) + b"\n") * 64 + b"\n" + EXAMPLE.encode(),
        BODY + b" " * MAX_REQUEST,
    ],
)
def test_malformed_questions(data: bytes) -> None:
    with pytest.raises(BadRecord):
        Request.parse(data)


def test_the_first_checkpoint_is_cosigned_as_it_comes() -> None:
    assert judged(request(0, 7)).status == Status.COSIGNED
    assert judged(request(0, 7)._replace(proof=(bytes(32),))).status == Status.BAD_PROOF


@pytest.mark.parametrize("old", [1, 2, 3, 4, 7, 8, 31, 32, 40])
def test_what_continues_is_cosigned(old: int) -> None:
    for new in range(old, 41):
        assert judged(request(old, new), note(old)).status == Status.COSIGNED


@pytest.mark.parametrize("old", [6, 7, 8, 31, 32])
def test_a_fork_is_never_cosigned(old: int) -> None:
    """The other branch's own proof, this branch's proof, no proof, from any size."""
    for new in range(old, 41):
        for leaves in (LEAVES, FORKED):
            proof = tuple(forge.consistency(old, leaves[:new]))
            for steps in (proof, ()):
                asked = Request(old, steps, note(new, FORKED))
                found = judged(asked, note(old))
                assert found.status in (Status.BAD_PROOF, Status.CONFLICT)
                assert found.against == note(old)
        for claimed in range(old + 1):
            asked = Request(claimed, (), note(new, FORKED))
            assert judged(asked, note(old)).status != Status.COSIGNED


def test_two_roots_of_one_size_are_a_fork_whatever_size_was_asked_from() -> None:
    for claimed in (0, 3, 9):
        found = judged(Request(claimed, (), note(9, FORKED)), note(9), note(30))
        assert (found.status, found.against) == (Status.CONFLICT, note(9))


def test_the_other_size_is_said_and_nothing_is_proven_by_it() -> None:
    for old in (0, 5, 8, 20):
        found = judged(request(old, 30), note(7))
        assert (found.status, found.against) == (Status.CONFLICT, None)
    assert judged(request(3, 3), note(7)).status == Status.CONFLICT


def test_an_old_size_above_the_checkpoint() -> None:
    assert judged(Request(9, (), note(7)), note(9)).status == Status.BAD_REQUEST


def test_strangers_checkpoints_are_not_cosigned() -> None:
    stranger = Request(0, (), note(7, signer=forge.STRANGER))
    assert judged(stranger).status == Status.UNSIGNED
    edited = Request(0, (), note(7).replace(b"\n7\n", b"\n8\n"))
    assert judged(edited).status == Status.UNSIGNED
    assert decide(request(0, 7), {}, []).status == Status.UNKNOWN


def test_extensions_and_malformed_notes_are_not_cosigned() -> None:
    text = note(7).split(b"\n\n")[0] + b"\nextension\n"
    for bad in (forge.sign_note(text, forge.ARCHIVE), b"words", note(7)[:-1], b""):
        assert judged(Request(0, (), bad)).status == Status.BAD_REQUEST


def test_an_empty_record_has_one_root() -> None:
    assert judged(request(0, 0)).status == Status.COSIGNED
    text = f"{forge.ORIGIN}\n0\n{forge.b64(bytes(32))}\n".encode()
    wrong = Request(0, (), forge.sign_note(text, forge.ARCHIVE))
    assert judged(wrong).status == Status.BAD_PROOF
    assert judged(request(0, 7), note(0)).status == Status.COSIGNED


def test_strangers_lines_beside_the_right_one_are_ignored() -> None:
    other = Ed25519PrivateKey.from_private_bytes(b"\x05" * 32)
    line = forge.b64(b"abcd" + other.sign(b"x"))
    asked = Request(0, (), note(7) + f"\u2014 stranger {line}\n".encode())
    assert judged(asked).status == Status.COSIGNED


def test_answers_as_files() -> None:
    for answer in (
        Answer(Status.COSIGNED, "", b"lines\n"),
        Answer(Status.CONFLICT, "", b"12\n"),
        Answer(Status.BAD_PROOF, "", note(7)),
    ):
        assert Answer.parse(answer.encode()) == answer
    for bad in (b"refused 999\n", b"refused \n", b"refused abc\n"):
        with pytest.raises(BadRecord):
            Answer.parse(bad)


# --- what another witness is tested with ---------------------------------------------------------

#: Requests and statuses by which the public witness "litewitness" is tested (its tree heads are
#: checkpoints of C2SP): key, size, root, signature, size before, proof, status. An unknown origin
#: was 403 there; today's tlog-witness says 404.
PUBLIC = bytes.fromhex("ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f")
TREE = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e56"
ONE = (
    1,
    "2a" + "00" * 31,
    "b7cf653aa9c565a1ca359db81bd3bc656ab2890c6ea4c0aec42295e80aa05049"
    "423505026434f987923ccdf07d440c152cd59e736e5914d8ada8d7a4d51b2106",
)
THREE = (
    3,
    "45c088d4d939e9971298811f227d1295eaad57bbafae55cd71c171e7de48c25d",
    "655bb4871d15bc05032d67eece88900c4863a27f190393b99176391577f5def9"
    "71b023d9a418c3226b7b7ea47b33686d9b3849451dadc6b07c007c595af1ea0a",
)
FIVE = (
    5,
    "42bb57ad06420afa4882c4a63ac6a1ec77480b330b2f20dfc53a0caa5f564e36",
    "0fc43899968b48b5150b0e8fe7ad07b17c21c7056a6fe381deb0cd19ece103d5"
    "9b2119b5dbe5d54d8a1262ce67f01245c5898b4b56f747495804a17a2eec0f0c",
)
LEAF = [f"2a{n:02x}" + "00" * 30 for n in range(5)]
TO_THREE = [LEAF[1], LEAF[2]]
FROM_ONE = [
    LEAF[1],
    "f9f50357e93def4078237b8aaea24ce1a3f5965a0f64ff26bebd99e30470d8b2",
    LEAF[4],
]
FROM_THREE = [
    LEAF[2],
    LEAF[3],
    "c2088815d65f60dbfa594d4e96504ab169cb6084bf0c132ab7c521fd2e0eba41",
    LEAF[4],
]
OTHERS = [
    ("2", ONE, 0, [], 200),
    ("2", (*THREE[:2], THREE[2][:-1] + "b"), 1, TO_THREE, 403),
    ("1", THREE, 1, TO_THREE, 404),
    ("2", THREE, 1, [], 422),
    ("2", THREE, 1, [LEAF[1], LEAF[2][:-1] + "1"], 422),
    ("2", THREE, 1, TO_THREE, 200),
    ("2", FIVE, 1, FROM_ONE, 409),
    ("2", FIVE, 3, FROM_THREE, 200),
]


def test_the_cases_of_another_witness() -> None:
    log = VerifierKey(TREE + "2", PUBLIC)
    seen: list[bytes] = []
    for digit, (size, root, signature), old, proof, status in OTHERS:
        origin = TREE + digit
        text = f"{origin}\n{size}\n{forge.b64(bytes.fromhex(root))}\n"
        blob = VerifierKey(origin, PUBLIC).id + bytes.fromhex(signature)
        signed = f"{text}\n\u2014 {origin} {forge.b64(blob)}\n".encode()
        asked = Request(old, tuple(map(bytes.fromhex, proof)), signed)
        found = decide(Request.parse(asked.encode()), {log.name: [log]}, seen)
        assert found.status == status
        if status == 200:
            seen.append(signed)


def test_a_body_made_by_another_log_is_read_as_it_came() -> None:
    """A whole body, with its signature line, of the same witness's tests."""
    public = bytes.fromhex("52c05edad1bf5feffa81354faae59a655d9a9a1a793ed2f62c39c26c0be2aecd")
    origin = "sigsum.org/v1/tree/985ea163f5af026723561354f51f2ebcdcf2af809ce254ccfb64aa9aadd80f90"
    body = (
        f"old 0\n\n{origin}\n1\nKgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\u2014 {origin} "
        "7BKT0gOfNZ1J0So9unY3BZtm2YkPIoNYM/dce0Z2avJDs8dxN6ts9bOSwwrVrbjm6P9K3ZxpK6jJngOG6YvGGzV/lwo=\n"
    )
    log = VerifierKey(origin, public)
    assert decide(Request.parse(body.encode()), {origin: [log]}, []).status == 200
