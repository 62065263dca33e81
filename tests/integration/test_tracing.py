"""Earliest copy, best copy, descent and who was first, on a real archive."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.conftest import CHEAP, SECRET
from tests.integration.test_collecting import collect
from tests.integration.test_linking import found as link
from tests.integration.test_linking import say
from witnessmark.archive import Archive, collecting, linking, matching, roles, tracing
from witnessmark.cli.app import app
from witnessmark.errors import BadInput, Locked, NotFound, Refused
from witnessmark.model import DatedBy, SightingRecorded
from witnessmark.model.statement import Instant, PublicText, Sha256, Token

THEIRS = b"their own passphrase"


@pytest.fixture
def names(archive: Archive, tmp_path: Path) -> list[str]:
    """Two objects that were handed over, joined by a link."""
    folder = tmp_path / "files"
    folder.mkdir()
    for n in range(2):
        (folder / f"{n}.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes([n]) * 999)
    collect(archive, folder)
    made = sorted(row.sha256 for row in archive.queries.objects())
    say(archive, link(*made))
    return made


def sighted(archive: Archive, name: str, *dates: DatedBy, source: str = "folder") -> None:
    """A further sighting of an object, by a collector of that kind."""
    said = SightingRecorded(
        run=Token("0" * 32),
        source=Token(source),
        place=Token(name[:32]),
        content=Token(name[32:]),
        outcome=Token("stored"),
        party=PublicText("Party A"),
        object=Sha256(name),
        dates=dates,
        author=archive.protect("author", "@canary_channel"),
    )
    archive.say(said, (f"sha256:{name}",))


def dated(at: str, grade: str, bounds: bool = True, what: str = "posted") -> DatedBy:
    return DatedBy(what=Token(what), at=Instant(at), grade=Token(grade), bounds_media=bounds)


def test_handed_over_copies_are_in_no_order(archive: Archive, names: list[str]) -> None:
    sighted(archive, names[0], dated("2019-01-01T00:00:00Z", "stated"))
    (found,) = tracing.trace(archive, names[0])
    assert (found.earliest.copy, found.earliest.why) == (None, "no_independent_date")
    assert (names[0], dated("2019-01-01T00:00:00Z", "stated")) in found.earliest.claims


def test_a_forged_export_and_swapped_media_stay_behind(
    archive: Archive, names: list[str], tmp_path: Path
) -> None:
    """A capture by another beats a backdated export and an old post with newer media."""
    a, b = names
    sighted(archive, a, dated("2019-01-01T00:00:00Z", "stated"))
    sighted(archive, a, dated("2018-01-01T00:00:00Z", "observed", bounds=False))
    sighted(archive, b, dated("2022-03-05T00:00:00Z", "captured"))
    (found,) = tracing.trace(archive, a[:12])
    assert found.earliest.copy == b
    assert found.earliest.undated == (a,)


def test_what_we_saw_live_is_dated_by_us_but_not_against_what_lay_here(
    archive: Archive, names: list[str]
) -> None:
    assert collecting.collectors()["links"].live
    sighted(archive, names[0], source="links")
    (found,) = tracing.trace(archive, names[0])
    assert (found.earliest.copy, found.earliest.why) == (None, "held_before")
    assert found.earliest.rivals == (names[1],)
    linking.decide(archive, *names, "split", reason="r")
    with pytest.raises(NotFound, match="No other copy"):
        tracing.trace(archive, names[0])


def test_who_was_first_takes_a_role(archive: Archive, names: list[str]) -> None:
    sighted(archive, names[0], dated("2022-03-05T00:00:00Z", "captured"))
    (found,) = tracing.trace(archive, names[0])
    shown = tracing.first_uploader(archive, found.earliest)
    assert "@canary_channel" in {each.get("author") for each in shown}
    archive.add_person("Second Person", THEIRS, CHEAP)
    archive.add_person("Third Person", b"the third passphrase", CHEAP, roles=["sources"])
    archive.unlock(THEIRS)
    with pytest.raises(Refused, match="do not let you see who published"):
        tracing.first_uploader(archive, found.earliest)
    with pytest.raises(Refused, match="Only who made the archive"):
        archive.add_person("Fourth", b"the fourth passphrase", CHEAP, roles=["sources"])
    archive.unlock(b"the third passphrase")
    assert tracing.first_uploader(archive, found.earliest) == shown
    archive.person = None
    with pytest.raises(Locked):
        tracing.first_uploader(archive, found.earliest)


def test_roles_follow_a_key_that_was_replaced(archive: Archive) -> None:
    from witnessmark.archive import key_care

    before = archive.working_person().person
    after = key_care.rotate_person(archive, before, b"a new passphrase", CHEAP)
    held = roles.roles(archive)
    assert before != after
    assert held[after] == held[before] == {"founder", "member"}


def test_roles_that_are_none_cannot_be_given(archive: Archive) -> None:
    for role in ("founder", "king"):
        with pytest.raises(BadInput, match="cannot be given"):
            archive.add_person("Second Person", THEIRS, CHEAP, roles=[role])
    assert len(archive.queries.people()) == 1


def test_the_command_shows_no_uploader_unless_asked(archive: Archive, names: list[str]) -> None:
    sighted(archive, names[0], dated("2022-03-05T00:00:00Z", "captured"))
    sighted(archive, names[1], dated("2019-01-01T00:00:00Z", "stated"))
    archive.add_person("Second Person", THEIRS, CHEAP)
    where = {"WITNESSMARK_ARCHIVE": str(archive.folder)}

    def run(secret: bytes, *words: str) -> tuple[int, str]:
        environment = {**where, "WITNESSMARK_PASSPHRASE": secret.decode()}
        done = CliRunner().invoke(app, ["trace", names[0], *words], env=environment)
        return (1 if done.exception and done.exit_code else 0), done.output + str(done.exception)

    code, out = run(SECRET)
    assert code == 0
    assert f"earliest copy we hold: {names[0][:12]}" in out
    assert "claim: " in out
    assert "orders nothing" in out
    assert "0 of 2 videos and pictures here have a fingerprint" in out
    assert "canary" not in out
    code, out = run(SECRET, "--who")
    assert code == 0
    assert "@canary_channel" in out
    code, out = run(THEIRS, "--who")
    assert code == 1
    assert "do not let you" in out
    assert "canary" not in out
    code, out = run(SECRET, "--json")
    shown = json.loads(out.splitlines()[0])
    assert shown["earliest"]["copy"] == names[0]
    assert "canary" not in out


def test_coverage_is_part_of_the_answer(archive: Archive, names: list[str]) -> None:
    assert matching.match(archive).failed == 2
    searched = matching.coverage(archive)
    assert (searched.objects, searched.fingerprinted, searched.failed) == (2, 0, 2)
    assert not searched.whole


def test_an_archive_of_an_earlier_version_is_replayed(
    archive: Archive, names: list[str], new_archive: Callable[[str], Archive]
) -> None:
    """Its catalog lacks columns that came later."""
    from witnessmark.catalog import rebuild

    with archive.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE runs DROP COLUMN reference")
        assert rebuild.outdated(connection)
    with Archive.open(archive.folder) as again:
        assert len(again.queries.recordings()) == 1
        with again.database.read() as connection:
            assert not rebuild.outdated(connection)
