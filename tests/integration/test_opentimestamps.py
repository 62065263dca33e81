"""Promises of a calendar on loopback, and the blocks that keep them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support import calendar as calendars
from support.calendar import Calendar
from support.forge import ots
from tests.integration.test_anchoring import go, name, news, said, states
from witnessmark.archive import Archive, anchoring, checking, stamps
from witnessmark.model import AnchorReceived


def test_a_promise_is_never_a_time(archive: Archive, calendar: Calendar) -> None:
    name(archive, calendar=calendar)
    assert states(go(archive)) == ["pending"]
    stands = anchoring.newest(archive)
    assert (stands.state, stands.at, stands.by) == ("pending", None, ("calendar",))
    assert "unanchored since" in str(stands)
    assert states(go(archive)) == ["no_block_yet", "nothing_new"]
    calendar.mine()
    assert states(go(archive)) == ["needs_headers", "nothing_new"]
    assert [row.state for row in archive.queries.anchors()] == ["pending"]


def test_a_calendar_is_not_pressed(archive: Archive, calendar: Calendar) -> None:
    """A scheduler asks for a block once in an hour, at most."""
    name(archive, calendar=calendar)
    go(archive)
    now = datetime.now(UTC)
    for minutes, asked in ((0, 2), (20, 2), (59, 2), (61, 3)):
        go(archive, due=True, now=now + timedelta(minutes=minutes))
        assert len(calendar.asked) == asked


@pytest.mark.parametrize("by_file", [True, False])
def test_a_promise_that_was_kept(
    archive: Archive, calendar: Calendar, tmp_path: Path, by_file: bool
) -> None:
    name(archive, calendar=calendar)
    go(archive)
    news(archive, tmp_path)
    go(archive)
    height = calendar.mine(moment=1_800_000_000)
    calendar.mine()
    if by_file:
        calendars.write_headers(calendar, archive.folder / "headers.txt")
        name(archive, calendar=calendar, headers="headers.txt")
    else:
        name(archive, calendar=calendar, headers_url=calendar.url)
    assert states(go(archive)) == ["confirmed", "confirmed", "nothing_new"]
    rows = archive.queries.anchors()
    assert [(r.state, r.height, r.time) for r in rows] == [
        ("confirmed", height, "2027-01-15T08:00:00Z")
    ] * 2
    assert len({r.size for r in rows}) == 2
    assert len(said(archive, AnchorReceived)) == 4
    checked = checking.check(archive)
    assert (checked.problems, checked.notes) == ([], [])
    if not by_file:  # they were kept in a place that can be lost
        (archive.derived / "headers.txt").write_text("block 5")
        assert len(checking.check(archive).notes) == 2
    assert archive.rebuild()[1]


@pytest.mark.parametrize(("mood", "reason"), [("wrong_root", "wrong_block"), ("no_work", "header")])
def test_blocks_that_do_not_hold(
    archive: Archive, calendar: Calendar, mood: str, reason: str
) -> None:
    name(archive, calendar=calendar, headers_url=calendar.url)
    go(archive)
    calendar.mood = mood
    calendar.mine()
    assert states(go(archive)) == [reason, "nothing_new"]
    assert [row.state for row in archive.queries.anchors()] == ["pending"]
    assert not stamps.headers(archive)  # a lie is not kept


def test_a_promise_does_not_lead_us_elsewhere(archive: Archive, calendar: Calendar) -> None:
    """The address inside a proof is not followed: only the calendar of the settings is asked."""
    calendar.mood = "elsewhere"
    name(archive, calendar=calendar)
    go(archive)
    calendar.mood = ""
    assert states(go(archive)) == ["no_block_yet", "nothing_new"]
    assert calendar.asked[-1].startswith("GET /timestamp/")


def test_a_calendar_that_names_many_blocks(archive: Archive, calendar: Calendar) -> None:
    """One answer must not send us to the service of headers for days."""
    name(archive, calendar=calendar, headers_url=calendar.url)
    go(archive)
    one = ots.block(calendar.mine())
    heights = [calendar.mine() for _ in range(40)]
    many = ots.fork(one, *(ots.block(height) for height in heights))
    calendar.ways = {value: way.replace(one, many) for value, way in calendar.ways.items()}
    go(archive)
    asked = [each for each in calendar.asked if "/block-height/" in each]
    assert len(asked) == 16


@pytest.mark.parametrize("mood", ["garbage", "deep"])
def test_a_calendar_that_gives_no_proof(archive: Archive, calendar: Calendar, mood: str) -> None:
    calendar.mood = mood
    assert states(go(name(archive, calendar=calendar))) == ["malformed"]
    assert not archive.queries.anchors()
