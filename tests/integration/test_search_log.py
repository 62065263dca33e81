"""The search log: who looked for what where, also in vain; and coverage for each party."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.conftest import SECRET
from witnessmark.archive import Archive, checking, collecting, search_log
from witnessmark.archive.collecting import choose
from witnessmark.archive.search_log import Search, coverage, record
from witnessmark.cli.app import app
from witnessmark.collection.run import Channel
from witnessmark.errors import BadInput, Locked, Refused, WitnessmarkError
from witnessmark.model import SearchRecorded

SEARCH = Search(
    terms="the canary's village", platform="telegram", language="uk", party="Party A",
    results=3, taken=1, at="2026-05-31T14:00+02:00", where="the canary's channel",
)  # fmt: skip


def test_a_search_stands_under_the_key_of_who_made_it(archive: Archive) -> None:
    made = record(archive, SEARCH)
    said = made.said
    assert isinstance(said, SearchRecorded)
    assert (said.results, said.taken, said.searched_at) == (3, 1, "2026-05-31T12:00:00Z")
    assert made.entry.by == archive.working_person().person
    assert made.entry.signature
    assert b"canary" not in json.dumps(made.entry.fields).encode()
    assert said.where is not None
    assert archive.vault.open(said.terms).value == SEARCH.terms
    assert archive.vault.open(said.where).value == SEARCH.where
    assert [each.index for each in search_log.searches(archive)] == [made.index]
    checked = checking.check(archive)
    assert not checked.problems


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"terms": " "}, Refused),
        ({"party": "Party X"}, BadInput),
        ({"platform": "Some Channel"}, BadInput),
        ({"language": "?"}, BadInput),
        ({"results": -1}, BadInput),
        ({"taken": 4}, BadInput),
        ({"taken": -1}, BadInput),
        ({"at": "2026-05-31 14:00"}, BadInput),
        ({"at": "2999-01-01T00:00:00Z"}, BadInput),
        ({"at": "yesterday"}, BadInput),
    ],
)
def test_what_makes_no_sense_is_not_put_down(
    archive: Archive, change: dict[str, object], error: type[WitnessmarkError]
) -> None:
    before = archive.queries.counts()
    with pytest.raises(error) as caught:
        record(archive, dataclasses.replace(SEARCH, **change))
    assert caught.value.kept == "Nothing was recorded."
    assert caught.value.todo
    assert archive.queries.counts() == before
    assert list(search_log.searches(archive)) == []


def test_a_search_takes_a_person(archive: Archive) -> None:
    archive.person = None
    with pytest.raises(Locked):
        record(archive, SEARCH)


def test_coverage_counts_both_parties_by_one_rule(archive: Archive, tmp_path: Path) -> None:
    parties = archive.scope().parties
    for number, party in enumerate(parties):
        folder = tmp_path / str(number)
        folder.mkdir()
        for n in range(number + 1):
            (folder / f"{n}.mp4").write_bytes(bytes([number, n]) * 99)
        (folder / "away.mp4").symlink_to(tmp_path / "elsewhere")
        collect(archive, folder, Channel(party=party))
    collect(archive, tmp_path / "0", Channel(reference="Exercises"))
    record(archive, dataclasses.replace(SEARCH, party=parties[0], results=0, taken=0))
    record(archive, dataclasses.replace(SEARCH, party=parties[0], language="hy", platform="web"))
    rows = {row.party: row for row in coverage(archive)}
    assert list(rows) == [*parties, "unknown"]
    for number, party in enumerate(parties):
        row = rows[party]
        assert (row.runs, row.seen, row.stored, row.not_taken) == (1, number + 2, number + 1, 1)
    assert (rows[parties[0]].searches, rows[parties[0]].without_result) == (2, 1)
    assert rows[parties[0]].languages == ("hy", "uk")
    assert rows[parties[0]].platforms == ("telegram", "web")
    assert rows[parties[1]].searches == rows["unknown"].runs == 0


def collect(archive: Archive, folder: Path, channel: Channel) -> None:
    collector = choose(str(folder))
    preflight = collector.preflight(str(folder))
    collecting.collect(archive, str(folder), collector, channel, preflight=preflight)


def test_on_the_command_line(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WITNESSMARK_PASSPHRASE", SECRET.decode())
    folder = str(archive.folder)
    archive.close()
    run = CliRunner().invoke
    words = ["a village", "--on", "telegram", "--language", "uk", "--results", "0"]
    done = run(app, ["searched", "add", *words, "--archive", folder, "--json"])
    assert done.exit_code == 0, done.output
    entry = json.loads(done.output)["entry"]
    (found,) = json.loads(run(app, ["searched", "list", "--archive", folder, "--json"]).output)
    assert (found["entry"], found["results"], found["party"]) == (entry, 0, "unknown")
    shown = run(app, ["searched", "list", "--archive", folder]).output
    assert "telegram" in shown
    assert "village" not in shown
    told = run(app, ["coverage", "--archive", folder]).output
    assert "unknown: searched on telegram in uk." in told
    assert "! Party A: no search was put down" in told
    rows = json.loads(run(app, ["coverage", "--archive", folder, "--json"]).output)
    assert {row["party"]: row["without_result"] for row in rows}["unknown"] == 1
