"""Packages with random changes, sealed again: both checkers answer alike, whatever it is."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from support.browser import Checker
from support.forge import ots, tokens, zips
from support.forge import package as b
from support.forge.package import Earlier, Files, Package
from tests.fuzz.mutate import mutated
from tests.page.test_edges import both

HEIGHT = 700_000
PLAIN = tokens.Authority("RSA of the tests", "rsa2048", issuer=tokens.MIDDLE, use="stamp")
LARGE = tokens.Authority("P-384 of the tests", "p384", issuer=tokens.ROOT, use="stamp")


class Everything:
    """A package with a stamp of every kind, and all that a reader can bring for it."""

    def __init__(self) -> None:
        self.record = b.record()
        proof, root = ots.in_block(self.record.text(9), HEIGHT)
        header = ots.header(root, 1_767_400_000)
        branches = ots.fork(ots.pending(), ots.append(b"x", ots.hashed(ots.block(3))))
        self.earlier = {
            5: Earlier(
                stamps={
                    "first.tsr": tokens.Token().response,
                    "second.tsr": tokens.Token(LARGE, extra=(), digest="sha384").response,
                    "third.tsr": tokens.Token(PLAIN, old_signing_certificate=True).response,
                }
            ),
            9: Earlier(
                stamps={"block.ots": lambda _: proof, "more.ots": lambda t: ots.proof(t, branches)},
                cosigners=[b.STRANGER.cosign],
            ),
        }
        lines = [b.ARCHIVE.verifier(), b.STRANGER.witness(), ots.line(HEIGHT, header)]
        self.trust = [
            "\n".join(lines).encode(),
            tokens.ROOT.pem + tokens.ROOT.revocations() + tokens.MIDDLE.revocations(),
            self.record.checkpoint(),
        ]
        self.payload = Package(self.record, earlier=self.earlier).payload()

    def sealed(self, name: str, data: bytes) -> Files:
        """The package with one payload file changed before everything after it was made."""
        package = Package(self.record, earlier=self.earlier)
        package.payload = lambda: self.payload | {name: data}  # the same signatures every time
        return package.files()


def write(files: Files, folder: Path) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def everything() -> Everything:
    return Everything()


def test_it_holds_unchanged(everything: Everything, checker: Checker, tmp_path: Path) -> None:
    name = b.CHECKPOINT
    path = write(everything.sealed(name, everything.payload[name]), tmp_path / "p")
    ours, theirs = both(checker, path, everything.trust)
    assert ours == theirs
    assert ours[0] == "holds"
    assert ours[3] == "2026-01-02T06:00:00Z"


def test_changed_payload(
    everything: Everything, checker: Checker, tmp_path: Path, torture: bool
) -> None:
    chance = random.Random(3)
    names = sorted(everything.payload)
    names += 4 * [name for name in names if name.endswith((".tsr", ".ots"))]
    for number in range(5000 if torture else 40):
        name = chance.choice(names)
        data = mutated([everything.payload[name]], chance)
        path = write(everything.sealed(name, data), tmp_path / str(number))
        ours, theirs = both(checker, path, everything.trust)
        assert ours == theirs, (number, name)


def test_changed_trust(
    everything: Everything, checker: Checker, tmp_path: Path, torture: bool
) -> None:
    chance = random.Random(4)
    name = b.CHECKPOINT
    path = write(everything.sealed(name, everything.payload[name]), tmp_path / "p")
    for number in range(2000 if torture else 40):
        trust = list(everything.trust)
        place = chance.randrange(len(trust))
        trust[place] = mutated([trust[place]], chance)
        ours, theirs = both(checker, path, trust)
        assert ours == theirs, number


def test_changed_zips(
    everything: Everything, checker: Checker, tmp_path: Path, torture: bool
) -> None:
    chance = random.Random(5)
    files = Package(b.Record(everything.record.entries[:1]), [], [], []).files()
    whole = zips.write(tmp_path / "whole.zip", zips.items(files)).read_bytes()
    directory = whole.index(b"PK\x01\x02")
    for number in range(5000 if torture else 60):
        path = tmp_path / f"{number}.zip"
        path.write_bytes(whole[:directory] + mutated([whole[directory:]], chance))
        ours, theirs = both(checker, path)
        assert ours == theirs, number
