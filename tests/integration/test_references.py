"""Reference collections: never our own material, and claims stay claims."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from support import edits, footage
from support.checker import outcome
from tests.conftest import SECRET
from tests.integration.test_packages import hand_over
from witnessmark.archive import Archive, checking, collecting, handing_over, matching, referencing
from witnessmark.archive.collecting import choose
from witnessmark.cli.app import app
from witnessmark.collection.run import Channel
from witnessmark.errors import BadInput, Locked, Refused
from witnessmark.model import ReferenceClaimed, ReferenceMatched
from witnessmark.verification.matching import VERSION
from witnessmark.verification.matching.fingerprint import of_file

CLAIM = referencing.Claim("Invented films", "1999", "The canary's film", "the canary's lender")


def take(archive: Archive, where: Path, reference: str = "") -> None:
    collector = choose(str(where))
    preflight = collector.preflight(str(where))
    channel = Channel(reference=reference)
    collecting.collect(archive, str(where), collector, channel, preflight=preflight)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "material"
    made.mkdir()
    for n in range(2):
        (made / f"{n}.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes([n]) * 999)
    return made


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """The fingerprint of a film that is not in the archive."""
    clip = footage.synthetic(tmp_path / "film.mp4", seconds=4.0)
    with clip.open("rb") as file:
        data = of_file(file)[0].encode()
    made = tmp_path / "film.wmfp"
    made.write_bytes(data)
    return made


# --- with the video ------------------------------------------------------------------------------


def test_reference_material_is_not_our_own(archive: Archive, folder: Path) -> None:
    take(archive, folder, "Exercises")
    counts = archive.queries.counts()
    assert (counts["objects"], counts["references"]) == (0, 2)
    assert set(archive.queries.references().values()) == {"Exercises"}
    (run,) = archive.queries.runs()
    assert run.reference == "Exercises"
    take(archive, folder, "Exercises")
    assert archive.queries.counts()["sightings"] == 2
    assert archive.rebuild()[1]


def test_what_is_found_again_as_our_own_is(archive: Archive, folder: Path) -> None:
    """In either order; the reference run that came first hides nothing from a later one."""
    take(archive, folder, "Exercises")
    (folder / "1.mp4").unlink()
    take(archive, folder)
    counts = archive.queries.counts()
    assert (counts["objects"], counts["references"]) == (1, 1)
    take(archive, folder, "Exercises")
    assert archive.queries.counts()["objects"] == 1
    assert archive.rebuild()[1]


@pytest.mark.parametrize("name", ["  ", "x" * 201, "a\x07bell"])
def test_a_collection_has_a_proper_name(name: str, archive: Archive, folder: Path) -> None:
    with pytest.raises(BadInput, match="name of the reference collection"):
        take(archive, folder, name)


# --- fingerprints alone --------------------------------------------------------------------------


def test_a_claimed_fingerprint_is_matched_and_joins_nothing(
    archive: Archive, film: Path, tmp_path: Path
) -> None:
    ours = tmp_path / "ours"
    ours.mkdir()
    edits.EDITS["small"](tmp_path / "film.mp4", ours / "copy.mp4")
    footage.synthetic(ours / "other.mp4", seconds=3.0, seed=5)
    take(archive, ours)
    taken = referencing.add(archive, [film, film], CLAIM)
    assert (len(taken.added), taken.held, taken.failed) == (1, 1, {})
    tally = matching.match(archive)
    assert (tally.links, tally.relations) == (1, {"same_footage": 1, "none": 2})
    assert tally.due == 3
    assert matching.coverage(archive).claimed == 1
    assert matching.coverage(archive).whole
    (found,) = archive.queries.reference_links()
    assert found.relation == "same_footage"
    assert not archive.queries.links()
    assert not archive.queries.recordings()
    said = archive.journal.entry(found.entry).said
    assert isinstance(said, ReferenceMatched)
    assert said.evidence is not None
    assert matching.match(archive).due == 0
    assert archive.rebuild()[1]
    assert not checking.check(archive).problems
    package = hand_over(archive, tmp_path / "package", objects=(found.object,))
    assert outcome(package, archive.trust) == ("holds", "")
    entries = (package / "data" / "record" / "entries").read_text()
    assert "reference.claimed/1" in entries
    assert "reference.matched/1" in entries
    assert "somebody's claim" in (package / "README.txt").read_text()


def test_hostile_fingerprints_are_counted(archive: Archive, film: Path, tmp_path: Path) -> None:
    bad = {
        "empty": b"",
        "magic": b"WMFP",
        "cut": film.read_bytes()[:-1],
        "counts": film.read_bytes()[:14] + b"\xff" * 8 + film.read_bytes()[22:],
        "version": b"WMFP\xff\xff" + film.read_bytes()[6:],
    }
    files = []
    for name, data in bad.items():
        (tmp_path / name).write_bytes(data)
        files.append(tmp_path / name)
    (tmp_path / "link").symlink_to(film)
    before = archive.journal.head()
    taken = referencing.add(archive, [*files, tmp_path / "link", tmp_path / "none"], CLAIM)
    assert len(taken.failed) == 7
    assert not taken.added
    assert archive.journal.head() == before


def test_claims_are_signed_sealed_and_stated(archive: Archive, film: Path) -> None:
    (made,) = referencing.add(archive, [film], CLAIM).added
    said = archive.journal.entry(made.index).said
    assert isinstance(said, ReferenceClaimed)
    assert (said.collection, said.claimed_date, said.version) == ("Invented films", "1999", VERSION)
    assert archive.journal.entry(made.index).entry.signature
    assert b"canary" not in made.body
    assert said.title is not None
    assert archive.vault.open(said.title).value == "The canary's film"
    with pytest.raises(BadInput, match="no date"):
        referencing.add(archive, [film], referencing.Claim("x", "in spring"))
    archive.person = None
    with pytest.raises(Locked):
        referencing.add(archive, [film], CLAIM)


def test_fingerprints_go_out_under_a_risk_record(
    archive: Archive, film: Path, tmp_path: Path
) -> None:
    ours = tmp_path / "ours"
    ours.mkdir()
    (tmp_path / "film.mp4").rename(ours / "film.mp4")
    take(archive, ours)
    matching.match(archive)
    (row,) = archive.queries.objects()
    answers = dict.fromkeys(handing_over.RISKS, "none")
    no = handing_over.record_risk(archive, "do_not_share", answers).index
    yes = handing_over.record_risk(archive, "share", answers).index
    target = tmp_path / "prints"
    for given in (
        referencing.Given(recipient="", purpose="p", risk=yes),
        referencing.Given(recipient="Club B", purpose="p", risk=0),
        referencing.Given(recipient="Club B", purpose="p", risk=no),
    ):
        with pytest.raises(Refused):
            referencing.export(archive, target, [row.sha256], given)
    given = referencing.Given(recipient="Club B", purpose="p", risk=yes)
    made = referencing.export(archive, target, [row.sha256[:12]], given)
    assert archive.journal.entry(made.index).entry.signature
    (written,) = target.iterdir()
    assert written.name == f"{row.sha256}.wmfp"
    assert written.read_bytes() == film.read_bytes()
    with pytest.raises(Refused, match="served the hand-over"):
        referencing.export(archive, tmp_path / "again", [row.sha256], given)
    assert referencing.add(archive, [written], CLAIM).added


def test_the_command_line_says_whose_claim_it_is(archive: Archive, film: Path) -> None:
    environment = {
        "WITNESSMARK_ARCHIVE": str(archive.folder),
        "WITNESSMARK_PASSPHRASE": SECRET.decode(),
    }

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, ["reference", *words], env=environment)
        assert done.exit_code == 0, done.output
        return done.output

    assert "no reference collection" in run("list")
    run("add", str(film), "--name", "Invented films", "--claimed-date", "1999")
    assert "1 fingerprints without their video, claims all" in run("list")
    assert json.loads(run("list", "--json"))["claims"][0]["claimed_date"] == "1999"
