"""Where people see how an item is anchored, and what goes along with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from support import authority as authorities
from support.authority import Authority
from support.calendar import Calendar
from tests.integration.test_anchoring import go, name, news, size, states
from tests.integration.test_packages import collect_sheet, sheet_rows
from tests.unit.checker.subject import check as checker
from witnessmark.archive import Archive, backing_up, checking, outside, restoring
from witnessmark.cli.app import app

pytestmark = pytest.mark.skipif(not authorities.OPENSSL, reason="there is no openssl here")


def test_where_an_item_is_shown(
    archive: Archive, first: Authority, second: Authority, tmp_path: Path
) -> None:
    def program(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, [*words, "-a", str(archive.folder)])
        assert done.exit_code == code, done.output
        return done.stdout

    news(archive, tmp_path)
    found = archive.queries.objects()[0]
    since = archive.journal.entry(found.entry).entry.at
    assert f"unanchored since {since}" in program("show", found.sha256)
    assert f"unanchored since {since}" in program("show", str(found.entry))
    assert "unanchored since" in program("status")
    assert "name at least 2" in program("status")
    name(archive, first)
    assert "first: checkpoint of" in program("anchor")
    assert "name at least 2" in program("anchor", "--due")
    name(archive, first, second)
    assert "second: checkpoint of" in program("anchor")
    at = min(row.time or "" for row in archive.queries.anchors())
    assert f"anchored by first, second, at {at}" in program("show", found.sha256)
    shown = json.loads(program("show", found.sha256, "--json"))
    assert shown["anchor"]["by"] == ["first", "second"]
    assert (shown["anchor"]["state"], shown["anchor"]["at"]) == ("anchored", at)
    assert json.loads(program("show", str(found.entry), "--json"))["anchor"]["at"] == at
    status = json.loads(program("status", "--json"))
    assert (status["anchored"], status["anchor"]["at"]) == (True, at)
    assert "2 stamps from outside" in program("check")
    second.mood = "stranger"
    news(archive, tmp_path, 2)
    out = program("anchor", code=1)
    assert "! second: The stamp leads to no certificate that is pinned here. [untrusted]" in out
    assert "! second gave no stamp when asked last: untrusted (entry " in program("status")
    second.mood = ""
    assert "second: checkpoint of" in program("anchor")
    assert json.loads(program("status", "--json"))["anchor_failures"] == []
    assert "--request" in program("anchor", "--help")


def test_the_command_says_what_to_do(archive: Archive, first: Authority) -> None:
    name(archive, first)
    (archive.folder / "first.pem").unlink()
    done = CliRunner().invoke(app, ["anchor", "-a", str(archive.folder)])
    assert done.exit_code == 1
    assert "[no_roots]\n  Put them beside archive.toml" in done.stdout
    assert not first.asked


def test_waiting_a_while_is_for_a_scheduler(archive: Archive) -> None:
    """Not silently ignored: who asks by hand is not kept waiting, and is told."""
    done = CliRunner().invoke(app, ["anchor", "--spread", "5", "-a", str(archive.folder)])
    assert done.exit_code == 2
    assert "goes with" in done.output


def test_the_sheet_says_how_each_row_stands(
    archive: Archive, first: Authority, tmp_path: Path
) -> None:
    collect_sheet(archive, tmp_path / "sheet.csv", "link\nhttp://e.x/1\n")
    go(name(archive, first))
    collect_sheet(archive, tmp_path / "sheet.csv", "link\nhttp://e.x/1\nhttp://e.x/2\n")
    headers, *rows = sheet_rows(archive)
    states = [row[headers.index("witnessmark_anchor")].split(" ")[0] for row in rows]
    assert states == ["anchored", "unanchored"]


def test_what_a_package_gets(
    archive: Archive, first: Authority, second: Authority, calendar: Calendar
) -> None:
    first.name, second.name = "The First", "the-first"
    covered = size(archive)
    go(name(archive, first, second, calendar=calendar))
    (found,), left_out = outside.earlier(archive, [], [])
    assert not left_out
    assert (found.size, sorted(found.stamps)) == (
        covered,
        ["calendar.ots", "the-first-2.tsr", "the-first.tsr"],
    )
    for each in found.stamps:
        assert checker.is_known_file(f"data/checkpoints/{covered}/{each}")
    (archive.folder / "The First.pem").write_bytes(second.roots.read_bytes())
    (found,), (problem,) = outside.earlier(archive, [], [])
    assert sorted(found.stamps) == ["calendar.ots", "the-first.tsr"]
    assert "The First over the checkpoint" in problem


def test_a_backup_takes_along_what_is_pinned(
    archive: Archive, first: Authority, tmp_path: Path
) -> None:
    go(name(archive, first))
    backing_up.backup(archive, tmp_path / "backup")
    with Archive.open(tmp_path / "backup") as copy:
        checked = checking.check(copy)
        assert (checked.problems, checked.notes, checked.anchors) == ([], [], 1)
        assert states(go(copy)) == ["nothing_new"]
    restoring.restore(tmp_path / "backup", tmp_path / "again")
    assert (tmp_path / "again" / "first.pem").read_bytes() == first.roots.read_bytes()
