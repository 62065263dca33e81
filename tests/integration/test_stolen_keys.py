"""What the archive's stolen key allows, measured: the past up to the last co-signature stands.

The packages are made by hand from the pages, so that the thief is bound by no product of ours.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.checker import CHECKER
from support.forge import package as forge
from witnessmark.custody.witness import Witness
from witnessmark.record.note import VerifierKey
from witnessmark.record.witnessing import Request, Status
from witnessmark.stores.witness import WitnessDb

#: The thief has the archive's key, and no person's.
THIEF = forge.ARCHIVE
LIE = {**forge.statements()["finding.recorded/1"], "reason": "a lie"}


@pytest.fixture
def honest() -> forge.Record:
    return forge.record()


@pytest.fixture
def witness(tmp_path: Path) -> Any:
    memory = WitnessDb(tmp_path / "witness.db")
    made = Witness.make(memory, "witness.example/w")
    made.watch("archive", VerifierKey.parse(THIEF.verifier()))
    yield made
    memory.close()


def ask(witness: Witness, record: forge.Record, old: int = 0) -> tuple[Status, bytes]:
    proof = tuple(forge.consistency(old, record.leaves())) if old else ()
    answer = witness.answer(Request(old, proof, record.checkpoint()).encode())
    return answer.status, answer.body


def check(
    package: forge.Package, folder: Path, *trust: bytes, signer: forge.Signer = THIEF
) -> dict[str, Any]:
    """What check.py says with an archive's key and these."""
    package.write(folder / "package")
    files = []
    for number, each in enumerate((signer.verifier().encode() + b"\n", *trust)):
        path = folder / f"trust-{number}"
        path.write_bytes(each)
        files += ["--trust", str(path)]
    command = [sys.executable, "-I", str(CHECKER), str(folder / "package"), "--json", *files]
    done = subprocess.run(command, capture_output=True, text=True)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def rewritten(honest: forge.Record, entry: int) -> forge.Record:
    """The same record with one machine entry replaced, and everything signed again."""
    forged = honest.copy()
    value = json.loads(forged.entries[entry])
    assert "signature" not in value
    forged.entries[entry] = forged.entry("finding.recorded/1", LIE)
    return forged


def test_the_past_before_a_cosignature_cannot_be_rewritten(
    honest: forge.Record, witness: Witness, tmp_path: Path
) -> None:
    status, line = ask(witness, honest)
    assert status is Status.COSIGNED
    seen, size = honest.checkpoint() + line, len(honest.entries)
    key = f"{witness.key}\n".encode()
    package = forge.Package(record=honest, cosigners=[lambda _: line])
    (tmp_path / "honest").mkdir()
    said = check(package, tmp_path / "honest", key, seen)
    assert said["outcome"] == "holds", said
    forged = rewritten(honest, 5)
    # the archive's key alone makes a package that holds for who has never seen another record
    (tmp_path / "alone").mkdir()
    assert check(forge.Package(record=forged), tmp_path / "alone")["outcome"] == "holds"
    # with what the witness saw it is a fork
    (tmp_path / "seen").mkdir()
    said = check(forge.Package(record=forged), tmp_path / "seen", key, seen)
    assert (said["outcome"], said["code"]) == ("refused", "fork")
    # the honest record's co-signature does not fit it
    (tmp_path / "pasted").mkdir()
    pasted = forge.Package(record=forged, cosigners=[lambda _: line])
    assert check(pasted, tmp_path / "pasted", key)["code"] == "signature"
    # and the witness does not sign it, whatever is asked
    for old in (0, size):
        assert ask(witness, forged, old)[0] is not Status.COSIGNED
    longer = forged.copy()
    longer.add("finding.recorded/1", LIE)
    for old in (0, size):
        assert ask(witness, longer, old)[0] is not Status.COSIGNED
    # made longer, it shows no proof from what was seen: that is said, not passed over
    (tmp_path / "longer").mkdir()
    said = check(forge.Package(record=longer), tmp_path / "longer", key, seen)
    assert "needs_consistency" in said["reports"]
    (tmp_path / "proven").mkdir()
    proven = forge.Package(record=longer, earlier={size: forge.Earlier()})
    assert check(proven, tmp_path / "proven", key, seen)["code"] == "fork"


def test_after_the_cosignature_forging_is_possible_and_then_in_doubt(
    honest: forge.Record, witness: Witness, tmp_path: Path
) -> None:
    """Honestly: what comes after the last co-signature rests on the archive's key alone."""
    _, line = ask(witness, honest)
    seen, size = honest.checkpoint() + line, len(honest.entries)
    key = f"{witness.key}\n".encode()
    forged = honest.copy()
    forged.add("finding.recorded/1", LIE)
    assert ask(witness, forged, size)[0] is Status.COSIGNED  # it is a right continuation
    # the theft comes to light: a new key, the old one revoked, doubted since the last checkpoint
    # from before it
    person = forge.ANNA
    line_of_new = forge.NEW_ARCHIVE.verifier()
    forged.add("key.rotated/1", forge.rotation("archive", THIEF.verifier(), line_of_new, THIEF),
               person)  # fmt: skip
    forged.archive = forge.NEW_ARCHIVE
    revoked = {"key": THIEF.id, "reason": "stolen", "suspect_after": size}
    without = forged.copy()
    without.add("key.revoked/1", {"key": THIEF.id, "reason": "stolen"}, person)
    forged.add("key.revoked/1", revoked, person)
    earlier = {size: forge.Earlier(cosigners=[lambda _: line], signer=THIEF)}
    for name, record, doubted in (("doubted", forged, True), ("believed", without, False)):
        package = forge.Package(record=record, earlier=earlier)
        (tmp_path / name).mkdir()
        said = check(package, tmp_path / name, key, seen, signer=forge.NEW_ARCHIVE)
        assert said["outcome"] == "holds", said
        assert ("suspect" in said["reports"]) is doubted
        # the revoked key vouches for nothing any more: who checks needs the new line
        (tmp_path / f"{name}-old").mkdir()
        assert check(package, tmp_path / f"{name}-old", key, seen)["code"] == "trust"


def test_the_thief_cannot_speak_for_people_or_change_keys(
    honest: forge.Record, tmp_path: Path
) -> None:
    new = forge.STRANGER.verifier()
    for number, (kind, fields) in enumerate(
        [
            ("key.rotated/1", forge.rotation("archive", THIEF.verifier(), new, THIEF)),
            ("key.revoked/1", {"key": forge.ANNA.id, "reason": "stolen"}),
            ("risk.recorded/1", forge.statements()["risk.recorded/1"]),
        ]
    ):
        forged = honest.copy()
        forged.add(kind, fields, THIEF)
        (tmp_path / str(number)).mkdir()
        said = check(forge.Package(record=forged), tmp_path / str(number))
        assert (said["outcome"], said["code"]) == ("refused", "author")


def test_a_stolen_witness_key_alone_proves_no_record(honest: forge.Record, tmp_path: Path) -> None:
    """Without the archive's key there is no checkpoint to co-sign; with both, only a seen one
    and the other witnesses help."""
    stranger = honest.copy()
    stranger.archive = forge.STRANGER
    package = forge.Package(record=stranger, cosigners=[forge.Signer(9).cosign])
    said = check(package, tmp_path, f"{forge.Signer(9).witness()}\n".encode())
    assert said["outcome"] == "refused"
