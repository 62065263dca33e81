"""Custody: who has had the things, and no transfer without its receipt goes unnoticed."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import CHEAP, ROOT
from tests.integration.test_cli import Program, program  # noqa: F401 - a fixture
from tests.integration.test_collecting import collect, folder, holds, size  # noqa: F401 - a fixture
from tests.integration.test_packages import hand_over
from witnessmark.archive import Archive, checking, custodying
from witnessmark.custody.receipts import Answer, Request
from witnessmark.errors import BadInput, BadRecord, Locked, NotFound, Refused
from witnessmark.model import CustodyReceipted
from witnessmark.model.statement import Instant, Token

WHO, WHY = "Canary Clerk", "the canary case"


@pytest.fixture
def filled(archive: Archive, folder: Path) -> Archive:  # noqa: F811 - the fixture
    collect(archive, folder)
    return archive


@pytest.fixture
def receiver(new_archive: Callable[[str], Archive]) -> Archive:
    return new_archive("receiver")


def names(archive: Archive) -> list[str]:
    return [row.sha256 for row in archive.queries.objects()]


def give(archive: Archive, **changes: str) -> int:
    said = {"to_whom": WHO, "reason": WHY, "method": "courier", **changes}
    return custodying.transfer(archive, names(archive)[:2], **said).index


def test_received_things_stand_in_the_chain(filled: Archive) -> None:
    name = names(filled)[0]
    entry = custodying.receive(
        filled, [name[:10]], from_whom=WHO, reason=WHY, method="in_person"
    ).index
    step = custodying.chain(filled, name)[-1]
    assert (step.entry, step.what) == (entry, "received")
    assert step.protected == {"from_whom": WHO, "reason": WHY}
    recorded = filled.journal.entry(entry)
    assert recorded.entry.by == filled.working_person().person
    assert WHO.encode() not in recorded.body
    assert WHY.encode() not in recorded.body
    assert holds(filled)


def test_a_transfer_is_an_open_gap_until_its_receipt(filled: Archive, receiver: Archive) -> None:
    number = give(filled, receiver_key=custodying.public_key(receiver))
    assert [(gap.entry, gap.objects) for gap in filled.queries.custody_gaps()] == [(number, 2)]
    one, _, other = names(filled)
    assert [gap.entry for gap in filled.queries.custody_gaps(one)] == [number]
    assert filled.queries.custody_gaps(other) == []
    assert any("has no receipt" in note for note in checking.check(filled).notes)
    request = Request.decode(custodying.request(filled, number).encode())
    signed, here = custodying.answer(receiver, request, "2026-01-02T03:04:05+02:00")
    assert (signed.received_at, here) == ("2026-01-02T01:04:05Z", 0)
    entry = custodying.receipt(filled, Answer.decode(signed.encode())).index
    assert filled.queries.custody_gaps() == []
    assert not any("receipt" in note for note in checking.check(filled).notes)
    assert [step.what for step in custodying.chain(filled, one)][-2:] == [
        "transferred", "receipted",
    ]  # fmt: skip
    assert custodying.chain(filled, other)[-1].what != "receipted"
    assert filled.journal.entry(entry).entry.fields["receiver_key"] == request.receiver_key
    with pytest.raises(Refused, match="has its receipt"):
        custodying.receipt(filled, signed)
    assert filled.rebuild()[1]
    assert holds(filled)


def test_only_the_named_receiver_can_close_it(
    filled: Archive, receiver: Archive, new_archive: Callable[[str], Archive]
) -> None:
    stranger = new_archive("stranger")
    number = give(filled, receiver_key=custodying.public_key(receiver))
    request = custodying.request(filled, number)
    with pytest.raises(BadInput, match="another key"):
        custodying.answer(stranger, request)
    open_one = dataclasses.replace(request, receiver_key="")
    forged, _ = custodying.answer(stranger, open_one)
    with pytest.raises(BadInput, match="Another key"):
        custodying.receipt(filled, forged)
    with pytest.raises(Refused, match="names a key"):
        custodying.receipt_on_paper(filled, number, Path(__file__))
    assert filled.queries.custody_gaps()


def test_a_receipt_for_something_else_closes_nothing(filled: Archive, receiver: Archive) -> None:
    number = give(filled)
    request = custodying.request(filled, number)
    for changed, words in (
        (dataclasses.replace(request, origin=receiver.origin), "for the archive"),
        (dataclasses.replace(request, objects=request.objects[:1]), "other objects"),
        (dataclasses.replace(request, transfer=0), "is no transfer"),
    ):
        signed, _ = custodying.answer(receiver, changed)
        with pytest.raises((BadInput, NotFound), match=words):
            custodying.receipt(filled, signed)
    assert filled.queries.custody_gaps()


def test_a_changed_answer_is_no_receipt(filled: Archive, receiver: Archive) -> None:
    signed, _ = custodying.answer(receiver, custodying.request(filled, give(filled)))
    for change in (
        {"received_at": "2020-01-02T03:04:05Z"},
        {"signature": "A" * 86 + "=="},
        {"key": "AAAA"},
        {"objects": signed.objects[::-1]},
    ):
        with pytest.raises(BadInput, match="signed receipt"):
            Answer.decode(dataclasses.replace(signed, **change).encode())
    with pytest.raises(BadInput):
        Answer.decode(signed.encode() + b"x")
    with pytest.raises(BadInput):
        Request.decode(signed.encode())


def test_the_record_takes_no_second_and_no_false_receipt(
    filled: Archive, receiver: Archive
) -> None:
    """The door itself refuses, and the check finds what came around the door."""
    signed, _ = custodying.answer(receiver, custodying.request(filled, give(filled)))
    false = CustodyReceipted(
        transfer=signed.transfer,
        received_at=Instant("2020-01-02T03:04:05Z"),
        receiver_key=Token(signed.key),
        receiver_signature=Token(signed.signature),
    )
    with pytest.raises(BadRecord):
        filled.say(dataclasses.replace(false, transfer=0))
    filled.say(false)
    assert [code for code, _ in checking.check(filled).problems] == ["receipt"]
    with pytest.raises(BadRecord, match="waits for a receipt"):
        filled.say(false)


@pytest.mark.parametrize("whose", ["nobody's", "a stranger's"])
def test_the_check_finds_a_receipt_that_the_named_receiver_did_not_sign(
    filled: Archive, receiver: Archive, new_archive: Callable[[str], Archive], whose: str
) -> None:
    number = give(filled, receiver_key=custodying.public_key(receiver))
    said = CustodyReceipted(transfer=number, received_at=Instant("2026-01-02T03:04:05Z"))
    if whose == "a stranger's":
        asked = dataclasses.replace(custodying.request(filled, number), receiver_key="")
        signed, _ = custodying.answer(new_archive("stranger"), asked, "2026-01-02T03:04:05Z")
        said = dataclasses.replace(
            said,
            receiver_key=Token(signed.key),
            receiver_signature=Token(signed.signature),
        )
    filled.say(said)
    assert [code for code, _ in checking.check(filled).problems] == ["receipt"]


def test_a_scan_of_a_paper_will_do(filled: Archive, tmp_path: Path) -> None:
    number = give(filled)
    (tmp_path / "scan.pdf").write_bytes(b"")
    with pytest.raises(BadInput, match="empty"):
        custodying.receipt_on_paper(filled, number, tmp_path / "scan.pdf")
    (tmp_path / "scan.pdf").write_bytes(b"%PDF signed")
    with pytest.raises(BadInput, match="no time"):
        custodying.receipt_on_paper(filled, number, tmp_path / "scan.pdf", "yesterday")
    custodying.receipt_on_paper(filled, number, tmp_path / "scan.pdf")
    assert filled.queries.custody_gaps() == []
    assert (
        custodying.chain(filled, names(filled)[0])[-1].facts["how"] == "stated by us with a paper"
    )
    assert holds(filled)


def test_who_why_and_how_are_asked(filled: Archive) -> None:
    before = size(filled)
    name = names(filled)[0]
    for words, call in (
        ("'to'", lambda: give(filled, to_whom=" ")),
        ("'reason'", lambda: give(filled, reason="")),
        ("is no method", lambda: give(filled, method="pigeon")),
        ("not canonical|base64|32 bytes", lambda: give(filled, receiver_key="AAAA")),
        ("No object", lambda: custodying.receive(
            filled, [], from_whom=WHO, reason=WHY, method="post")),
        ("starts with", lambda: custodying.receive(
            filled, ["ffff" * 16], from_whom=WHO, reason=WHY, method="post")),
        ("on itself", lambda: custodying.link(
            filled, name, name, relation="supports", reason=WHY)),
        ("is no relation", lambda: custodying.link(
            filled, name, names(filled)[1], relation="likes", reason=WHY)),
    ):  # fmt: skip
        with pytest.raises((Refused, BadInput, NotFound), match=words):
            call()
    with Archive.open(filled.folder) as locked, pytest.raises(Locked):
        give(locked)
    assert size(filled) == before


def test_links_by_people_and_hand_overs_are_in_the_chain(filled: Archive, tmp_path: Path) -> None:
    one, other, third = names(filled)
    custodying.link(filled, one, other, relation="contradicts", reason=WHY)
    hand_over(filled, tmp_path / "package")
    assert [row.relation for row in filled.queries.materials(other)] == ["contradicts"]
    assert filled.queries.materials(third) == []
    steps = custodying.chain(filled, other)
    assert [step.what for step in steps][-2:] == ["linked", "exported"]
    assert steps[-1].facts["carried"] == "yes"
    assert [step.entry for step in steps] == sorted(step.entry for step in steps)
    assert "linked" not in [step.what for step in custodying.chain(filled, third)]


def test_a_package_shows_the_gap_and_then_the_receipt(
    filled: Archive, receiver: Archive, tmp_path: Path
) -> None:
    number = give(filled)
    gap = hand_over(filled, tmp_path / "gap")
    assert f"(entry {number}, " in (gap / "README.txt").read_text()
    assert "custody_gap" in reports(gap, filled)
    signed, _ = custodying.answer(receiver, custodying.request(filled, number))
    custodying.receipt(filled, signed)
    whole = hand_over(filled, tmp_path / "whole")
    assert "no receipt" not in (whole / "README.txt").read_text()
    assert "custody_gap" not in reports(whole, filled)


def reports(package: Path, archive: Archive) -> list[str]:
    trust = package.with_suffix(".key")
    trust.write_text(archive.trust)
    command = [sys.executable, "-I", str(ROOT / "checker" / "check.py"), str(package), "--json"]
    ran = subprocess.run([*command, "--trust", str(trust)], capture_output=True, text=True)
    found = json.loads(ran.stdout)
    assert found["outcome"] == "holds", found
    return list(found["reports"])


def test_two_clubs_and_a_stick(program: Program, tmp_path: Path) -> None:  # noqa: F811
    source = tmp_path / "source"
    source.mkdir()
    (source / "clip.mp4").write_bytes(b"\0\0\0\x18ftypisom" + b"v" * 3000)
    program("collect", "source")
    name = json.loads(program("log", "-n", "3", "--json").splitlines()[0])
    name = name["entry"]["fields"]["sha256"]
    program("init", "theirs", "--scope", "scope.json")
    their_key = program("custody", "sign", "--key", "--archive", "theirs").strip()
    made = program.json("custody", "transfer", name[:8], "--to", "A Court", "--reason", "case 1",
                        "--receiver-key", their_key)  # fmt: skip
    number = str(made["entry"])
    for words in (("status",), ("show",), ("show", name[:8]), ("check",), ("custody", "show")):
        assert "has no receipt" in program(*words), words
    assert program.json("status")["custody_gaps"][0]["entry"] == made["entry"]
    program("custody", "receipt", number, "--request", "ask.json")
    program("custody", "sign", "ask.json", "answer.json", "--archive", "theirs")
    program("custody", "receipt", "--take", "answer.json")
    for words in (("status",), ("show",), ("show", name[:8]), ("check",)):
        assert "no receipt" not in program(*words), words
    chain = program.json("custody", "show", name[:8])["chain"]
    assert [step["what"] for step in chain] == ["stored", "seen", "transferred", "receipted"]
    assert chain[2]["protected"] == {"reason": "case 1", "to_whom": "A Court"}
    assert chain[2]["anchor"] == {"state": "unanchored", "since": chain[2]["at"]}
    assert f"unanchored since {chain[2]['at']}" in program("custody", "show", name[:8])
    program("custody", "receipt", number, code=2)
    program("custody", "receipt", number, "--request", "ask.json", code=1)
    assert "has its receipt" in program.err or "there already" in program.err


def test_a_second_person_can_receive(filled: Archive) -> None:
    filled.add_person("Second", b"their own passphrase", CHEAP)
    with Archive.open(filled.folder) as theirs:
        theirs.unlock(b"their own passphrase")
        made = custodying.receive(
            theirs, names(theirs)[:1], from_whom=WHO, reason=WHY, method="other"
        )
        assert made.entry.by != filled.working_person().person
        assert holds(theirs)
