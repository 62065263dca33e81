"""Matching by sound over a real archive, and on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from support import edits, footage, sounds
from support.edits.sound import under
from tests.integration.test_collecting import collect
from tests.integration.test_examining import answering, said
from witnessmark.archive import Archive, matching, sounding
from witnessmark.cli.app import app
from witnessmark.model import FindingRecorded

SECONDS = 6.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip, its copy, its sound under other pictures, a mute copy, the sound alone."""
    folder, scratch = tmp_path_factory.mktemp("heard"), tmp_path_factory.mktemp("mute")
    sound = sounds.speech(1, SECONDS)
    first = footage.synthetic(scratch / "first.mp4", seconds=SECONDS, seed=1)
    second = footage.synthetic(scratch / "second.mp4", seconds=SECONDS, seed=2)
    under(first, sound, folder / "clip.mp4")
    under(first, sounds.noisy(sound, 20), folder / "copy.mp4")
    under(second, sound, folder / "other.mp4")
    edits.EDITS["small"](first, folder / "mute.mp4")
    (folder / "alone.m4a").write_bytes(sounds.coded(sound))
    return folder


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """One sound in two files, without pictures."""
    folder = tmp_path / "alone"
    folder.mkdir()
    for rate in (24_000, 64_000):
        (folder / f"{rate}.m4a").write_bytes(sounds.coded(sounds.speech(1, SECONDS), rate))
    return folder


def names(archive: Archive, folder: Path) -> dict[str, str]:
    """Name of each object to that of its file."""
    import hashlib

    return {hashlib.sha256(p.read_bytes()).hexdigest(): p.stem for p in folder.iterdir()}


def test_sound_is_linked_beside_footage_and_never_joins_it(archive: Archive, made: Path) -> None:
    collect(archive, made)
    called = names(archive, made)
    pictures, heard = matching.match(archive), sounding.match(archive)
    assert pictures.relations["same_footage"] == 3
    links = {
        (frozenset((called[row.a], called[row.b])), row.relation) for row in archive.queries.links()
    }
    alike = {"clip", "copy", "other", "alone"}
    expected = {frozenset((a, b)) for a in alike for b in alike if a < b}
    expected -= {frozenset(("clip", "copy"))}
    assert {pair for pair, relation in links if relation == "same_sound"} == expected
    assert heard.relations == {"same_sound": 5, sounding.WITH_FOOTAGE: 1}
    (members,) = archive.queries.recordings().values()
    assert {called[member.sha256] for member in members} == {"clip", "copy", "mute"}
    (finding,) = (each for each in said(archive, FindingRecorded) if each.check == "soundprint")
    assert (finding.result, finding.reason) == ("not_applicable", "no sound, or silence only")
    again = sounding.match(archive)
    assert (again.held, again.failed_before, again.compared, again.links) == (4, 1, 0, 0)
    assert archive.rebuild()[1]


def test_a_malformed_fingerprint_is_made_again(archive: Archive, alone: Path) -> None:
    collect(archive, alone)
    assert sounding.match(archive).fingerprints == 2
    path = sounding.soundprint_path(archive, archive.queries.objects()[0].sha256)
    good = path.read_bytes()
    path.write_bytes(good[:-1])
    assert sounding.match(archive).fingerprints == 1
    assert path.read_bytes() == good


def test_a_worker_that_was_taken_over_joins_no_footage(
    archive: Archive, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect(archive, alone)
    assert sounding.match(archive).links == 1
    segment = {"query": ["0", "5"], "reference": ["0", "5"], "rate": "1", "transform": "identity"}
    claim = {"relation": "same_footage", "score": "1", "segments": [segment]}
    monkeypatch.setattr(sounding, "MATCHER_VERSION", "sound-next")
    answering(monkeypatch, [claim])
    tally = sounding.match(archive)
    assert (tally.due, tally.pairs_failed, tally.links) == (1, 1, 0)
    assert not archive.queries.recordings()
    claim["relation"] = "same_sound"
    assert sounding.match(archive).links == 1


def test_the_command_tells_sound_in_a_row_of_its_own(made: Path) -> None:
    query, others = made / "clip.mp4", [made / f"{n}.mp4" for n in ("copy", "other", "mute")]
    against = [part for path in (*others, made / "alone.m4a") for part in ("--against", str(path))]
    done = CliRunner().invoke(app, ["match", str(query), *against, "--json"])
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in done.output.splitlines()]
    told = [(Path(row["reference"]).stem, row["relation"]) for row in rows]
    assert told == [("copy", "same_footage"), ("other", "same_sound"), ("mute", "same_footage"),
                    ("alone", "same_sound")]  # fmt: skip
    sound = rows[1]
    assert set(sound) == {"query", "reference", "relation", "score", "segments", "evidence"}
    (segment,) = sound["segments"]
    assert segment["transform"] == "identity"
    assert abs(segment["query"][0] - segment["reference"][0]) < 0.2
