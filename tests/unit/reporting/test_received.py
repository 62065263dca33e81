"""Bags by others: the public conformance suite, and what the library alone would let through."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import bagit
import pytest

from tests.conftest import ROOT
from witnessmark.errors import BadInput
from witnessmark.reporting import received

SUITE = ROOT.parent / "shared" / "suites" / "bagit"
#: What a kind of case asks for; a warning may be accepted or refused, but never with a traceback.
EXPECTED = {"valid": True, "invalid": False, "linux-only": False, "windows-only": False}


def accepted(folder: Path) -> bool:
    try:
        received.check_bag(folder)
    except BadInput:
        return False
    return True


def cases() -> list[tuple[str, Path]]:
    return sorted((path.parent.name, path) for path in SUITE.glob("v*/*/*") if path.is_dir())


@pytest.mark.shared
@pytest.mark.skipif(not SUITE.is_dir(), reason="the public suite is in ../shared")
def test_the_public_conformance_suite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong, counts = [], Counter[str]()
    for number, (kind, path) in enumerate(cases()):
        copy = tmp_path / str(number)
        shutil.copytree(path, copy, copy_function=shutil.copyfile, symlinks=True)
        found = accepted(copy)
        counts[kind] += 1
        if kind in EXPECTED and found != EXPECTED[kind]:
            wrong.append(f"{path.relative_to(SUITE)}: accepted={found}")
    assert wrong == []
    assert counts["valid"] > 20
    assert counts["invalid"] > 10
    with capsys.disabled():
        print(f"\n  BagIt conformance: {sum(counts.values())} cases, as asked: {dict(counts)}")


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    folder = tmp_path / "bag"
    folder.mkdir()
    (folder / "clip.mp4").write_bytes(b"bytes")
    bagit.make_bag(str(folder), checksums=["sha256"])
    declared = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    (folder / "bagit.txt").write_text(declared)
    (folder / "tagmanifest-sha256.txt").unlink()
    return folder


def test_a_whole_bag_holds_and_says_what_it_does_not_protect(bag: Path) -> None:
    found = received.check_bag(bag)
    assert (found.version, found.files) == ("1.0", 1)
    assert any("no tag manifest" in note for note in found.notes)
    assert any("no signature" in note for note in found.notes)


def test_white_space_that_the_library_accepts_is_refused(bag: Path) -> None:
    text = (bag / "bagit.txt").read_text().replace("BagIt-Version:", "BagIt-Version :")
    spaced = text.replace("BagIt-Version :", "BagIt-Version:").replace("Encoding: ", "Encoding:  ")
    (bag / "bagit.txt").write_text(spaced)
    bagit.Bag(str(bag)).validate()  # what would be let through
    assert not accepted(bag)


@pytest.mark.parametrize(
    "place",
    [
        "../out",
        "/etc/out",
        "~/out",
        "C:\\out",
        "%HomeDrive%\\out",
        "\\\\?\\UNC\\a\\out",
        "data/../../o",
    ],
)
def test_a_fetch_list_that_leaves_the_bag_is_refused(bag: Path, place: str) -> None:
    (bag / "fetch.txt").write_text(f"scheme:somewhere 5 {place}\n")
    with pytest.raises(BadInput, match="outside the bag"):
        received.check_bag(bag)


def test_a_changed_file_and_a_link_are_refused(bag: Path, tmp_path: Path) -> None:
    (bag / "data" / "clip.mp4").write_bytes(b"bytez")
    with pytest.raises(BadInput, match="does not hold"):
        received.check_bag(bag)
    (bag / "data" / "clip.mp4").write_bytes(b"bytes")
    (bag / "data" / "link").symlink_to(tmp_path)
    with pytest.raises(BadInput, match="link"):
        received.check_bag(bag)


def test_no_bag_at_all(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no bag"):
        received.check_bag(tmp_path)
