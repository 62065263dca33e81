"""OpenTimestamps and block headers: a promise is no time, and a block carries its work."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import calendar as loopback
from support.calendar import FIRST, Calendar
from support.forge import ots
from tests.unit.checker.subject import check as checker
from witnessmark.anchoring import blocks, calendars
from witnessmark.anchoring.http import Door, NoAnswer
from witnessmark.errors import BadInput, BadStamp

TEXT = b"origin.example.org\n5\nAAAA\n"
DIGEST = hashlib.sha256(TEXT).digest()
DOOR = Door(direct=True, seconds=3)


@pytest.fixture
def calendar() -> Iterator[Calendar]:
    with loopback.running() as running:
        yield running


def test_a_promise_and_its_keeping_hold_for_the_checker(calendar: Calendar) -> None:
    proofs = [calendars.submit(DOOR, calendar.url, DIGEST) for _ in range(5)]
    assert len({proof.promises for proof in proofs}) == 5, "the same digest is sent twice"
    for proof in proofs:
        assert not proof.blocks
        assert [kind for kind, _, _ in checker.check_ots(proof.data, TEXT, "")] == [ots.PENDING]
    assert calendars.upgrade(DOOR, calendar.url, proofs[0], DIGEST) is None
    height = calendar.mine(moment=1_700_000_000)
    headers = blocks.parse(calendar.lines())
    for proof in proofs:
        grown = calendars.upgrade(DOOR, calendar.url, proof, DIGEST)
        assert grown is not None
        found = blocks.confirm(grown, headers)
        assert found is not None
        assert (found.height, found.time.timestamp()) == (height, 1_700_000_000)
        attested = checker.check_ots(grown.data, TEXT, "")
        assert {kind for kind, _, _ in attested} == {ots.PENDING, ots.BITCOIN}
        (root,) = (value for kind, _, value in attested if kind == ots.BITCOIN)
        assert root == headers[height][36:68]
        assert blocks.confirm(grown, {}) is None
        with pytest.raises(BadStamp) as caught:
            blocks.confirm(grown, {height: ots.header(bytes(32), 5)})
        assert caught.value.code == "wrong_block"


def test_the_calendar_does_not_see_the_digest(calendar: Calendar) -> None:
    calendars.submit(DOOR, calendar.url, DIGEST)
    salted = hashlib.sha256(DIGEST + b"salt of the calendar").digest()
    assert calendar.waiting != [salted]


@pytest.mark.parametrize("mood", ["500", "garbage", "deep"])
def test_moods(calendar: Calendar, mood: str) -> None:
    proof = calendars.submit(DOOR, calendar.url, DIGEST)
    calendar.mine()
    calendar.mood = mood
    with pytest.raises(NoAnswer if mood == "500" else BadStamp):
        calendars.submit(DOOR, calendar.url, DIGEST)
    with pytest.raises(NoAnswer if mood == "500" else BadStamp):
        calendars.upgrade(DOOR, calendar.url, proof, DIGEST)


def test_proofs_of_something_else(calendar: Calendar) -> None:
    proof = calendars.submit(DOOR, calendar.url, DIGEST)
    with pytest.raises(BadStamp) as caught:
        calendars.read(proof.data, bytes(32))
    assert caught.value.code == "wrong_imprint"
    bad = [
        b"",
        proof.data + b"\0",
        proof.data[:-1],
        ots.proof(TEXT, b"\x00" + bytes(8) + ots.sized(b"")),  # attested by nobody known
        ots.proof(TEXT, ots.append(b"x", ots.block(5))),  # no Merkle root
        ots.proof(TEXT, ots.block(1 << 40)),
        ots.proof(TEXT, b"\xaa"),
        ots.proof(TEXT, ots.append(b"x" * 5000, ots.pending())),
        ots.proof(TEXT, ots.fork(*[ots.pending()] * 60_000)),
    ]
    for data in bad:
        with pytest.raises(BadStamp) as caught:
            calendars.read(data, DIGEST)
        assert caught.value.code == "malformed"


PROOF = ots.proof(
    TEXT, ots.fork(ots.append(b"x" * 9, ots.hashed(ots.block(700_000))), ots.hashed(ots.pending()))
)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(PROOF) - 1), st.integers(1, 255))
def test_no_bent_proof_holds_here_and_fails_there(at: int, flip: int) -> None:
    bent = PROOF[:at] + bytes([PROOF[at] ^ flip]) + PROOF[at + 1 :]
    try:
        calendars.read(bent, DIGEST)
    except BadStamp:
        return
    checker.check_ots(bent, TEXT, "")


# --- headers -------------------------------------------------------------------------------------


def test_headers_carry_work_and_chain(calendar: Calendar) -> None:
    for _ in range(3):
        calendar.mine()
    lines = calendar.lines()
    assert blocks.parse("# a comment\n\n" + lines) == calendar.headers
    header = calendar.headers[FIRST]
    no_work = header[:72] + (0x03000001).to_bytes(4, "little") + header[76:]
    apart = ots.header(bytes(32), 1_700_000_000)
    for text, code in [
        (ots.line(FIRST, no_work), "header"),
        (lines + ots.line(FIRST + 3, apart), "header"),
    ]:
        with pytest.raises(BadStamp) as caught:
            blocks.parse(text)
        assert caught.value.code == code
    for text in ("block 5", "block 05 " + header.hex(), "block 5 " + header.hex()[2:], "x"):
        with pytest.raises(BadInput):
            blocks.parse(text)


def test_a_service_that_gives_another_block(calendar: Calendar) -> None:
    calendar.mine()
    assert blocks.ask(DOOR, calendar.url, FIRST) == calendar.headers[FIRST]
    with pytest.raises(NoAnswer):
        blocks.ask(DOOR, calendar.url, FIRST + 1)
    other = ots.header(b"x" * 32, 5)
    good = calendar.headers[FIRST]
    calendar.headers[FIRST] = good[:72] + (0x03000001).to_bytes(4, "little") + good[76:]
    with pytest.raises(BadStamp) as caught:
        blocks.ask(DOOR, calendar.url, FIRST)
    assert caught.value.code == "header"

    class Liar(Door):
        """Names one block and gives another."""

        def get(self, url: str, *, answer: str = "") -> bytes:
            return other.hex().encode() if url.endswith("/header") else b"ab" * 32

    with pytest.raises(BadStamp) as caught:
        blocks.ask(Liar(direct=True), "http://blocks.example.org", FIRST)
    assert caught.value.code == "header"
