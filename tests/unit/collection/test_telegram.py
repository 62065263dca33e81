"""Live channels: what a run takes, says is missing, waits for, and remembers."""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.collection.telegram_live import CHANNEL, Bench, at, message
from witnessmark.archive import Archive, checking, collecting
from witnessmark.collection import run as running
from witnessmark.collection.telegram import Telegram
from witnessmark.collection.telegram_port import (
    AccountError,
    ChangedError,
    ClosedError,
    FloodError,
    LostError,
)
from witnessmark.collection.telegram_walk import Walk
from witnessmark.errors import BadInput
from witnessmark.model import Tally


@pytest.fixture
def bench(archive: Archive) -> Bench:
    return Bench(archive)


def film(number: int) -> bytes:
    return b"\0\0\0\x18ftypisom" + bytes([number % 256]) * (2_000 + number)


def entries(bench: Bench) -> int:
    head = bench.archive.journal.head()
    assert head is not None
    return head.size


class Killed(BaseException):
    """A process that ends anywhere."""


# --- what comes ----------------------------------------------------------------------------------


def test_media_come_in_the_order_of_their_numbers(bench: Bench) -> None:
    bench.client.add(1).add(2, film(2), "Smoke over the Invented Valley").add(3, film(3))
    run = bench.run()
    assert run.tally == Tally(seen=2, stored=2)
    assert "live_not_tried" in run.notes
    first, second = bench.sightings()
    assert bench.value(first.caption) == "Smoke over the Invented Valley"
    assert bench.value(first.where) == {
        "chat": "Invented Valley News",
        "chat_id": CHANNEL,
        "username": "invented_valley",
        "message": 2,
    }
    assert bench.value(second.where)["message"] == 3
    assert (first.kind, first.source) == ("video_file", "telegram")
    stored = {bench.archive.blobs.size(name) for name in bench.archive.blobs.names()}
    assert stored == {len(film(2)), len(film(3))}
    assert not checking.check(bench.archive).problems


def test_dates_were_observed_and_an_edited_post_bounds_its_media_by_the_edit(bench: Bench) -> None:
    bench.client.add(1, film(1)).add(2, film(2), edit_date=at(50))
    bench.run()
    plain, edited = bench.sightings()
    dates = [(each.what, each.at, each.grade, each.bounds_media) for each in plain.dates]
    assert dates == [("posted", "2021-03-01T12:01:00Z", "observed", True)]
    dates = [(each.what, each.at, each.grade, each.bounds_media) for each in edited.dates]
    assert dates == [
        ("posted", "2021-03-01T12:02:00Z", "observed", False),
        ("edited", "2021-03-01T12:50:00Z", "observed", True),
    ]


def test_an_export_has_places_of_its_own(bench: Bench) -> None:
    bench.client.add(7, film(7))
    bench.run()
    key = bench.archive.vault.natural_key
    assert bench.sightings()[0].place == key("telegram_live", CHANNEL, 7)


def test_what_telegram_does_not_give_is_said(bench: Bench) -> None:
    from telethon.tl import types

    paid = types.MessageMediaPaidMedia(stars_amount=5, extended_media=[])
    bench.client.messages = {1: message(1, media=paid), 2: message(2, "broken", date="no date")}
    run = bench.run()
    assert run.tally.reasons == {"not_included: paid_media": 1, "failed: malformed_message": 1}


# --- cursor, kills -------------------------------------------------------------------------------


def test_again_adds_one_run_and_asks_only_for_what_is_new(bench: Bench) -> None:
    bench.client.add(1, film(1)).add(2, film(2)).add(3, text="words")
    bench.run()
    before, bench.client.asked = entries(bench), []
    run = bench.run()
    assert entries(bench) == before + 1
    assert run.tally == Tally(seen=2, already_held=2)
    assert ("posts", 3) in bench.client.asked
    assert not [each for each in bench.client.asked if each[0] == "media"]
    bench.client.add(4, film(4))
    assert bench.run().tally == Tally(seen=3, stored=1, already_held=2)


def test_without_memory_it_looks_again_and_adds_nothing(bench: Bench) -> None:
    bench.client.add(1, film(1)).add(2, film(2)).add(9, film(9))
    bench.run()
    before = entries(bench)
    bench.archive.work.close()
    (bench.archive.derived / "work.db").unlink()
    with Archive.open(bench.archive.folder) as fresh:
        bench.archive = fresh
        run = bench.run()
        assert entries(bench) == before + 1
        assert (run.tally.seen, run.tally.already_held, run.tally.not_included) == (4, 3, 1)


@pytest.mark.parametrize("where", ["media", "part", "post"])
@pytest.mark.parametrize("number", [1, 3, 7])
def test_a_kill_loses_and_doubles_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, where: str, number: int
) -> None:
    monkeypatch.setattr(running, "BATCH_ITEMS", 3)
    monkeypatch.setattr(running, "BATCH_BYTES", 2)  # commits in the midst of a batch too
    for each in (1, 3, 4, 7, 9):
        bench.client.add(each, film(each))
    bench.client.add(8, text="words")
    bench.client.trouble[f"{where} {number}"] = [Killed()]
    with pytest.raises(Killed):
        bench.run()
    bench.run()
    places = [(each.place, each.outcome) for each in bench.sightings()]
    assert len(places) == len(set(places)) == 7  # five videos and two gaps
    assert len([each for each in bench.sightings() if each.object]) == 5
    assert not checking.check(bench.archive).problems


def test_a_kill_after_the_record_and_before_the_memory(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.client.add(1, film(1)).add(2, film(2))
    bench.run()
    del bench.client.messages[1]

    def die(_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(bench.archive.work, "remember", die)
        with pytest.raises(Killed):
            bench.run()
    bench.now = at(20_000)
    assert bench.run().tally.reasons == {"not_included: deleted_since": 1}
    assert [each.reason for each in bench.sightings()].count("deleted_since") == 1


def test_a_kill_before_the_record_is_no_memory(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "BATCH_ITEMS", 1)
    bench.client.add(1, film(1)).add(2, film(2))
    with monkeypatch.context() as patch:
        patch.setattr(running.Run, "_append", lambda *_: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            bench.run()
    bench.terms["recheck"] = 0
    assert bench.run().tally == Tally(seen=2, stored=2)


def test_failed_media_come_with_a_later_run_also_from_below_the_window(bench: Bench) -> None:
    bench.terms["recheck"] = 1
    for each in range(1, 6):
        bench.client.add(each, film(each))
    bench.client.trouble["media 2"] = [LostError() for _ in range(4)]
    assert bench.run().tally == Tally(seen=5, stored=4, failed=1, reasons={"failed: network": 1})
    bench.client.asked = []
    assert bench.run().tally == Tally(seen=2, stored=1, already_held=1)
    assert ("some", (2, 5)) in bench.client.asked
    bench.client.asked = []
    bench.run()
    assert ("some", (5,)) in bench.client.asked


def test_the_window_is_the_highest_numbers(bench: Bench) -> None:
    bench.terms["recheck"] = 150
    for each in range(1, 301):
        bench.client.add(each)
    bench.run()
    bench.client.asked = []
    bench.run()
    asked = [each[1] for each in bench.client.asked if each[0] == "some"]
    assert asked == [tuple(range(151, 251)), tuple(range(251, 301))]


# --- edits, deletions, gaps ----------------------------------------------------------------------


def test_an_edit_is_a_new_sighting(bench: Bench) -> None:
    bench.client.add(1, film(1), "first words")
    bench.run()
    bench.client.add(1, film(1), "other words", edit_date=at(60))
    assert bench.run().tally == Tally(seen=1, already_held=1)
    bench.client.add(1, film(1), "other words", edit_date=at(61))
    bench.run()
    found = bench.sightings()
    assert [bench.value(each.caption) for each in found] == ["first words", *["other words"] * 2]
    assert len({each.place for each in found}) == 1
    assert len({each.object for each in found}) == 1
    bench.client.messages[1] = message(1, "other words", edit_date=at(62), media=None)
    bench.client.add(1, film(77), "other words", edit_date=at(62))
    assert bench.run().tally.stored == 1


def test_reactions_are_edits_that_change_nothing(bench: Bench) -> None:
    bench.client.add(1, film(1), "words")
    bench.run()
    before, bench.client.asked = entries(bench), []
    bench.client.add(1, film(1), "words", edit_date=at(60), edit_hide=True, views=900)
    assert bench.run().tally == Tally(seen=1, already_held=1)
    assert entries(bench) == before + 1
    assert not [each for each in bench.client.asked if each[0] == "media"]


def test_a_deletion_is_seen_once_with_its_date(bench: Bench) -> None:
    bench.client.add(1, film(1)).add(2, text="a denial").add(3, film(3))
    bench.run()
    del bench.client.messages[1], bench.client.messages[2]
    run = bench.run()
    assert run.tally.reasons == {"not_included: deleted_since": 2}
    first, _, gone, words = bench.sightings()
    assert gone.place == first.place
    assert [(each.what, each.at, each.grade, each.bounds_media) for each in gone.dates] == [
        ("gone", "2021-03-08T10:40:00Z", "observed", False)
    ]
    assert bench.value(words.where)["message"] == 2
    before, bench.now = entries(bench), at(30_000)
    assert bench.run().tally == Tally(seen=1, already_held=1)
    assert entries(bench) == before + 1


def test_missing_numbers_are_ranges_between_the_first_and_the_last(bench: Bench) -> None:
    bench.client.add(5, film(5)).add(9, text="words").add(10, film(10)).add(12, film(12))
    run = bench.run()
    assert run.tally.reasons == {"not_included: number_missing": 2}
    gaps = [each for each in bench.sightings() if each.reason == "number_missing"]
    assert [bench.value(each.where)["first"] for each in gaps] == [6, 11]
    assert [bench.value(each.where)["last"] for each in gaps] == [8, 11]
    assert [each.stated["numbers"] for each in gaps] == [3, 1]
    bench.client.add(20, film(20))
    assert bench.run().tally.reasons == {"not_included: number_missing": 1}
    assert bench.value(bench.sightings()[-2].where)["first"] == 13


def test_a_client_that_repeats_or_goes_back_is_not_followed(bench: Bench) -> None:
    bench.client.add(3, film(3)).add(4, film(4))
    posts = bench.client.posts

    def twice(channel: Any, above: int) -> Any:
        found = list(posts(channel, 0))
        yield from [*found, *reversed(found)]

    bench.client.posts = twice  # type: ignore[method-assign] - a client that answers twice
    assert bench.run().tally == Tally(seen=2, stored=2)


# --- waiting -------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["post 2", "media 2", "part 2", "some"])
def test_it_waits_as_it_is_told(bench: Bench, where: str) -> None:
    bench.client.add(1, film(1))
    bench.run()
    bench.client.add(2, film(2)).add(3, film(3))
    bench.client.trouble[where] = [FloodError(40), FloodError(2)]
    run = bench.run()
    assert bench.slept == [40, 2]
    assert run.tally == Tally(seen=3, stored=2, already_held=1)
    assert "flood_wait" not in run.notes


@pytest.mark.parametrize("where", ["post 3", "media 2", "part 2", "some"])
def test_beyond_its_patience_it_ends_with_a_note_and_goes_on_later(
    bench: Bench, where: str
) -> None:
    bench.terms["wait_seconds"] = 100
    bench.client.add(1, film(1))
    bench.run()
    bench.client.add(2, film(2)).add(3, film(3))
    bench.client.trouble[where] = [FloodError(60), FloodError(60)]
    run = bench.run()
    assert bench.slept == [60]
    assert "flood_wait" in run.notes
    assert "flood_wait" in bench.said
    tally = run.tally
    assert tally.seen == tally.stored + tally.already_held + tally.failed
    bench.run()
    assert len([each for each in bench.sightings() if each.object]) == 3
    assert len(bench.sightings()) - tally.failed == 3


def test_after_the_last_wait_nothing_more_is_asked(bench: Bench) -> None:
    bench.client.add(1, film(1)).add(2, film(2))
    bench.client.trouble["media"] = [FloodError(10_000)]
    run = bench.run()
    assert run.tally.reasons == {"failed: flood_wait": 2}
    assert [each for each in bench.client.asked if each[0] == "media"] == [("media", 1, 0)]


@pytest.mark.parametrize(
    ("error", "note"),
    [
        (ClosedError("private_channel"), "channel_closed"),
        (AccountError(), "account_closed"),
        (LostError(), "connection_lost"),
    ],
)
def test_what_ends_a_run_is_a_note_and_the_tally_sums(
    bench: Bench, error: Exception, note: str
) -> None:
    bench.client.add(1, film(1)).add(2, film(2))
    bench.client.trouble["post 2"] = [error] * 4
    run = bench.run()
    assert note in run.notes
    assert run.tally == Tally(seen=1, stored=1)
    bench.client.trouble.clear()
    assert bench.run().tally == Tally(seen=2, stored=1, already_held=1)


def test_after_a_download_that_ended_it_no_more_is_listed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "BATCH_ITEMS", 1)
    for each in range(1, 6):
        bench.client.add(each, film(each))
    bench.client.trouble["media 2"] = [FloodError(10_000)]
    assert bench.run().tally == Tally(seen=2, stored=1, failed=1, reasons={"failed: flood_wait": 1})
    bench.client.trouble["some"] = [FloodError(900), FloodError(1)]
    bench.run()
    assert bench.run().tally == Tally(seen=5, already_held=1, stored=4)


# --- downloads -----------------------------------------------------------------------------------


def test_a_lost_connection_goes_on_within_the_file(bench: Bench) -> None:
    bench.client.add(1, film(1))
    bench.client.trouble["part 1"] = [LostError()]
    assert bench.run().tally == Tally(seen=1, stored=1)
    assert ("media", 1, 1000) in bench.client.asked
    assert {bench.archive.blobs.size(n) for n in bench.archive.blobs.names()} == {len(film(1))}


def test_bytes_that_are_not_what_was_said_fail(bench: Bench) -> None:
    for each in range(1, 5):
        bench.client.add(each, film(each))
    bench.client.files["9001"] = film(1)[:-5]
    bench.client.files["9002"] = film(2) + b"more"
    bench.client.trouble["media 3"] = [ChangedError()]
    assert bench.run().tally.reasons == {
        "failed: cut_short": 1,
        "failed: longer_than_stated": 1,
        "failed: changed_while_reading": 1,
    }
    assert len(list(bench.archive.blobs.names())) == 1


def test_media_over_the_limit_come_with_a_later_run(bench: Bench) -> None:
    bench.client.add(1, film(1)).add(2, b"x" * 9_000).add(3, film(3))
    bench.terms.update(run_bytes=5_000, recheck=0)
    run = bench.run()
    assert run.tally == Tally(
        seen=3, stored=2, not_included=1, reasons={"not_included: over_run_limit": 1}
    )
    assert "over_run_limit" in run.notes
    assert [bench.value(each.where)["message"] for each in bench.sightings()] == [1, 2, 3]
    before = entries(bench)
    assert bench.run().tally == Tally(
        seen=1, not_included=1, reasons={"not_included: over_run_limit": 1}
    )
    assert entries(bench) == before + 1
    bench.terms["run_bytes"] = 9_000
    assert bench.run().tally == Tally(seen=1, stored=1)
    assert bench.run().tally == Tally(seen=0)


def test_what_a_quota_held_back_comes_later(bench: Bench) -> None:
    bench.terms["recheck"] = 0
    bench.client.add(1, film(1)).add(2, film(2))
    bench.archive.settings = dataclasses.replace(bench.archive.settings, quota_items=1)
    assert bench.run().tally.reasons == {"quarantined: over_quota": 1}
    assert bench.run().tally == Tally(seen=1, stored=1)


def test_media_held_already_do_not_use_up_the_limit(bench: Bench) -> None:
    bench.client.add(1, film(1)).add(2, film(2))
    bench.run()
    bench.client.add(3, film(3))
    bench.terms["run_bytes"] = len(film(3))
    assert bench.run().tally == Tally(seen=3, stored=1, already_held=2)


# --- who and where -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "code"),
    [
        ("channel", ClosedError("no_channel"), "no_channel"),
        ("channel", ClosedError("private_channel"), "private_channel"),
        ("channel", ClosedError("not_a_channel"), "not_a_channel"),
        ("channel", FloodError(99), "flood_wait"),
        ("who", AccountError(), "no_session"),
        ("who", LostError(), "unreachable"),
    ],
)
def test_what_cannot_be_collected_says_what_to_do(
    bench: Bench, call: str, error: Exception, code: str
) -> None:
    bench.client.trouble[call] = [error]
    with pytest.raises(BadInput) as caught:
        bench.run()
    assert caught.value.code == code
    assert caught.value.todo
    assert caught.value.kept
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("where", "name"),
    [
        ("telegram:invented_valley", "invented_valley"),
        ("telegram:@invented_valley", "invented_valley"),
        (f"telegram:{CHANNEL}", str(CHANNEL)),
        (f"telegram:-100{CHANNEL}", str(CHANNEL)),
        ("https://t.me/invented_valley", "invented_valley"),
        ("t.me/s/invented_valley/", "invented_valley"),
        ("https://t.me/invented_valley/77?single", "invented_valley"),
        (f"https://t.me/c/{CHANNEL}/77", str(CHANNEL)),
        ("telegram:https://t.me/invented_valley", "invented_valley"),
    ],
)
def test_names_of_one_channel(bench: Bench, where: str, name: str) -> None:
    assert isinstance(collecting.choose(where), Telegram)
    bench.client.add(1, film(1))
    assert bench.run(where).tally.stored == 1
    assert ("channel", name) in bench.client.asked


@pytest.mark.parametrize(
    "where",
    ["telegram:", "telegram:../x", "telegram:a b", "https://t.me/+AbCd", "t.me/joinchat/AbCd"],
)
def test_what_is_no_channel(bench: Bench, where: str) -> None:
    assert bench.collector().recognises(where)
    with pytest.raises(BadInput):
        bench.run(where)
    assert not bench.client.asked


@pytest.mark.parametrize("where", ["", "telegram", "https://example.org/t.me/x", "x.csv", "a\0b"])
def test_what_is_left_to_others(where: str) -> None:
    assert not Telegram().recognises(where)


def test_from_within_the_archive_an_address_is_no_path(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bench.archive.folder)
    bench.client.add(1, film(1))
    assert bench.run().tally.stored == 1


def test_a_renamed_channel_goes_on(bench: Bench) -> None:
    bench.client.add(1, film(1))
    bench.run()
    assert bench.run(f"telegram:{CHANNEL}").tally == Tally(seen=1, already_held=1)


def test_telethon_is_imported_only_when_used() -> None:
    code = (
        "import sys; from witnessmark.archive import collecting; collecting.collectors(); "
        "sys.exit(any(name.split('.')[0] == 'telethon' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_connection_is_closed_whatever_happens(bench: Bench) -> None:
    collector = bench.collector()
    with (
        contextlib.suppress(Killed),
        collecting.connected(bench.archive, collector),
    ):
        # an account that is gone
        collector.credentials = lambda: None  # type: ignore[assignment, return-value]
        collector.preflight("telegram:invented_valley")
        raise Killed
    assert bench.client.closed


# --- what is remembered --------------------------------------------------------------------------


@given(st.sets(st.integers(1, 400), max_size=60), st.sets(st.integers(1, 400)), st.integers(0, 50))
def test_a_walk_is_read_as_it_was_written(known: set[int], again: set[int], keep: int) -> None:
    walk = Walk(keep)
    for number in sorted(known):
        walk.pass_by(number)
        walk.settle(number)
    walk.again = set(again)
    read = Walk(keep, walk.text())
    assert read.known == set(sorted(known)[len(known) - min(keep, len(known)) :])
    assert (read.again, read.last) == (again, max(known, default=0))


@given(st.text(alphabet="0123456789,- 1", max_size=40))
def test_any_text_is_read(text: str) -> None:
    Walk(10, text)
