"""Anchors end to end: real authorities (`openssl ts`) and a calendar on loopback."""

from __future__ import annotations

import dataclasses
import gc
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support import authority as authorities
from support import proxy, stamping
from support.authority import Authority
from support.calendar import Calendar
from tests.conftest import ROOT
from tests.integration.test_collecting import collect
from tests.unit.anchoring.test_http import saying
from witnessmark import settings
from witnessmark.anchoring.http import Door
from witnessmark.archive import Archive, anchoring, checking, stamps
from witnessmark.archive.stamps import Outcome
from witnessmark.errors import BadInput, BadStamp, Refused
from witnessmark.model import AnchorFailed, AnchorReceived
from witnessmark.model.statement import Sha256, Token

pytestmark = pytest.mark.skipif(not authorities.OPENSSL, reason="there is no openssl here")
DOOR = Door(direct=True, seconds=5)


def name(
    archive: Archive, *stampers: Authority, calendar: Calendar | None = None, **more: object
) -> Archive:
    """Writes who stamps into the archive's settings, and reads them again."""
    lines = ["[anchors]", "direct = true", *(f"{k} = {json.dumps(v)}" for k, v in more.items())]
    for each in stampers:
        pem = archive.folder / f"{each.name}.pem"
        pem.write_bytes(each.roots.read_bytes())
        lines += ["[[anchors.authorities]]", f'name = "{each.name}"', f'url = "{each.url}"']
        lines += [f'roots = "{pem.name}"']
    if calendar:
        lines += ["[[anchors.calendars]]", 'name = "calendar"', f'url = "{calendar.url}"']
    (archive.folder / settings.FILE).write_text("\n".join(lines))
    archive.settings = settings.read(archive.folder)
    return archive


def go(archive: Archive, *, due: bool = False, now: datetime | None = None) -> list[Outcome]:
    return anchoring.anchor(
        archive,
        due=due,
        door=DOOR,
        clock=lambda: now or datetime.now(UTC),
        pause=lambda seconds: None,
    )


def states(outcomes: list[Outcome]) -> list[str]:
    return [each.reason or each.state for each in outcomes]


def said(archive: Archive, kind: type) -> list:
    return [each.said for each in archive.journal.read() if isinstance(each.said, kind)]


def size(archive: Archive) -> int:
    head = archive.journal.head()
    assert head
    return head.size


def news(archive: Archive, tmp_path: Path, number: int = 1) -> None:
    """Something to stamp."""
    folder = tmp_path / f"news{number}"
    folder.mkdir()
    (folder / "clip.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes([number]) * 99)
    collect(archive, folder)


def test_two_authorities_stamp_the_newest_checkpoint(
    archive: Archive, first: Authority, second: Authority, tmp_path: Path
) -> None:
    news(archive, tmp_path)
    before = size(archive)
    assert states(go(name(archive, first, second))) == ["stamped", "stamped"]
    rows = archive.queries.anchors()
    assert [(r.authority, r.size, r.kind, r.via) for r in rows] == [
        ("first", before, "rfc3161", "direct"),
        ("second", before, "rfc3161", "direct"),
    ]
    found = archive.queries.objects()[0]
    stands = anchoring.standings(archive).of(found.entry, "then")
    assert str(stands).startswith("anchored by first, second, at 20")
    assert anchoring.newest(archive).state == "anchored"
    checked = checking.check(archive)
    assert (checked.problems, checked.anchors) == ([], 2)
    assert archive.rebuild()[1]
    assert archive.queries.anchors() == rows


def test_it_does_not_go_round_for_ever(archive: Archive, first: Authority, tmp_path: Path) -> None:
    name(archive, first)
    assert states(go(archive)) == ["stamped"]
    entries = size(archive)
    assert states(go(archive)) == ["nothing_new"]
    assert (size(archive), len(first.asked)) == (entries, 1)
    news(archive, tmp_path)
    assert anchoring.newest(archive).state == "unanchored"
    assert states(go(archive)) == ["stamped"]


@pytest.mark.parametrize(
    ("mood", "reason"),
    [
        ("nonce", "wrong_nonce"),
        ("imprint", "wrong_imprint"),
        ("stranger", "untrusted"),
        ("garbage", "malformed"),
        ("rejection", "refused"),
        ("500", "refused"),
        ("html", "wrong_type"),
    ],
)
def test_a_wrong_answer_is_recorded_and_stands_for_nothing(
    archive: Archive, first: Authority, second: Authority, mood: str, reason: str
) -> None:
    first.mood = mood
    assert states(go(name(archive, first, second))) == [reason, "stamped"]
    (failed,) = said(archive, AnchorFailed)
    assert (failed.authority, failed.reason) == ("first", reason)
    assert failed.attempts == (3 if mood == "500" else 1) == len(first.asked)
    assert [row.authority for row in archive.queries.anchors()] == ["second"]
    first.mood = ""
    assert states(go(archive)) == ["stamped", "nothing_new"]


def test_an_answer_to_an_earlier_question(
    archive: Archive, first: Authority, tmp_path: Path
) -> None:
    """The same checkpoint, an honest signature, and yet an answer of before."""
    go(name(archive, first))
    first.mood = "replay"
    with archive.work._database.write() as connection:
        connection.exec_driver_sql("DELETE FROM asked")
    text = stamps.text_of(archive, archive.queries.anchors()[0].size)
    with pytest.raises(BadStamp) as caught:
        anchoring._Go(archive, False, DOOR, lambda: datetime.now(UTC), time.sleep)._stamp(
            archive.settings.anchors.authorities[0], text
        )
    assert caught.value.code == "wrong_nonce"


def test_expired_and_wrong_clocks(archive: Archive, first: Authority) -> None:
    name(archive, first)
    assert states(go(archive, now=datetime.now(UTC) + timedelta(days=2))) == ["wrong_time"]
    first.make(days=(-30, -1))
    name(archive, first)
    assert states(go(archive)) == ["expired"]
    assert not archive.queries.anchors()


def test_a_busy_authority_is_asked_again_in_one_go(archive: Archive, first: Authority) -> None:
    first.mood = "busy"
    assert states(go(name(archive, first))) == ["stamped"]
    assert len(first.asked) == 3
    assert not said(archive, AnchorFailed)


def test_nothing_is_asked_without_a_proxy(archive: Archive, first: Authority) -> None:
    name(archive, first)
    entries = size(archive)
    anchors = dataclasses.replace(archive.settings.anchors, direct=False)
    archive.settings = dataclasses.replace(archive.settings, anchors=anchors)
    with pytest.raises(Refused) as caught:
        anchoring.anchor(archive)
    assert (caught.value.code, first.asked, size(archive)) == ("no_proxy", [], entries)


def test_nobody_is_named(archive: Archive) -> None:
    with pytest.raises(BadInput) as caught:
        anchoring.anchor(archive, door=DOOR)
    assert caught.value.code == "no_authorities"
    assert "at least 2" in anchoring.advice(archive)[0]


def test_collecting_goes_on_while_an_authority_hangs(
    archive: Archive, first: Authority, tmp_path: Path
) -> None:
    first.mood = "hang"
    name(archive, first)
    outcomes: list[Outcome] = []

    def ask() -> None:
        with Archive.open(archive.folder) as other:
            outcomes.extend(
                anchoring.anchor(other, door=Door(direct=True, seconds=2), pause=lambda s: None)
            )

    thread = threading.Thread(target=ask)
    thread.start()
    while not first.asked:
        time.sleep(0.01)
    start = time.monotonic()
    news(archive, tmp_path)
    assert time.monotonic() - start < 2
    assert thread.is_alive()
    thread.join(30)
    assert states(outcomes) == ["unreachable"]
    assert said(archive, AnchorFailed)[0].attempts == 3
    assert not checking.check(archive).problems


# --- schedule ------------------------------------------------------------------------------------


def test_due(archive: Archive, first: Authority, tmp_path: Path) -> None:
    name(archive, first, every_hours=24)
    now = datetime.now(UTC)
    assert states(go(archive, due=True)) == ["stamped"]
    news(archive, tmp_path)
    assert states(go(archive, due=True, now=now + timedelta(hours=23))) == ["not_due"]
    assert states(go(archive, due=True, now=now + timedelta(hours=23))) == ["not_due"]
    assert len(first.asked) == 1
    assert states(go(archive, due=True, now=now + timedelta(hours=24.1))) != ["not_due"]


def test_a_failure_is_not_repeated_at_once(archive: Archive, first: Authority) -> None:
    """Each time it waits longer, at most `every_hours`; who asks by hand does not wait."""
    name(archive, first, every_hours=1)
    first.mood = "garbage"
    now = datetime.now(UTC)
    for minutes in (15, 30, 60, 60):
        assert states(go(archive, due=True, now=now)) == ["malformed"]
        early = now + timedelta(minutes=minutes - 1)
        assert states(go(archive, due=True, now=early)) == ["not_due"]
        now += timedelta(minutes=minutes)
    first.mood = ""
    assert states(go(archive)) == ["stamped"]


def test_a_stamp_is_covered_by_a_newer_one_before_its_certificate_ends(
    archive: Archive, first: Authority
) -> None:
    first.make(days=(-300, 60))
    name(archive, first, restamp_days=90)
    assert states(go(archive)) == ["stamped"]
    now = datetime.now(UTC)
    assert states(go(archive, due=True, now=now + timedelta(days=30))) == ["nothing_new"]
    later = go(archive, due=True, now=now + timedelta(days=46))
    assert states(later) == ["wrong_time"]  # it was asked: the authority's clock is today's
    assert len(first.asked) == 2


def relied_until(archive: Archive, **days: int) -> None:
    """To which day from now each hash is relied upon."""
    now = datetime.now(UTC)
    until = {each: (now + timedelta(days=n)).date().isoformat() for each, n in days.items()}
    anchors = archive.settings.anchors
    relied = dataclasses.replace(anchors.relied_until, **until)
    anchors = dataclasses.replace(anchors, relied_until=relied)
    archive.settings = dataclasses.replace(archive.settings, anchors=anchors)


def test_a_stamp_is_covered_by_one_by_another_hash_before_its_own_ages(
    archive: Archive, first: Authority
) -> None:
    name(archive, first, restamp_days=0, hash_days=100)
    assert states(go(archive)) == ["stamped"]
    relied_until(archive, sha256=103)
    assert states(go(archive, due=True)) == ["nothing_new"]
    relied_until(archive, sha256=99)
    first.digest = "sha512"
    assert states(go(archive, due=True)) == ["stamped"]
    assert hashlib.sha384(stamps.text_of(archive, archive.queries.anchors()[1].size).data).digest(
    ) in first.asked[-1]  # fmt: skip
    assert states(go(archive, due=True)) == ["nothing_new"]
    relied_until(archive, sha384=99)
    assert states(go(archive, due=True)) == ["stamped"]
    assert checking.check(archive).problems == []


# --- looking again -------------------------------------------------------------------------------


def test_check_finds_a_stamp_that_does_not_hold(
    archive: Archive, first: Authority, tmp_path: Path
) -> None:
    go(name(archive, first))
    (row,) = archive.queries.anchors()
    (archive.folder / "first.pem").write_bytes(
        (tmp_path / "first" / "strangerroot.pem").read_bytes()
    )
    assert [code for code, _ in checking.check(archive).problems] == ["anchor"]
    (archive.folder / "first.pem").unlink()
    checked = checking.check(archive)
    assert not checked.problems
    assert "pinned then" in checked.notes[0]
    path = archive.blobs.path(row.proof)
    path.chmod(0o600)
    # a byte outside of what is signed: the token holds, and yet it is not the one that came
    path.write_bytes(path.read_bytes().replace(b"\x02\x01\x03\x31", b"\x02\x01\x07\x31", 1))
    assert {code for code, _ in checking.check(archive).problems} == {"anchor", "object_changed"}


def test_check_finds_a_stamp_of_another_root(archive: Archive, first: Authority) -> None:
    go(name(archive, first))
    (kept,) = said(archive, AnchorReceived)
    archive.say(dataclasses.replace(kept, root=Sha256("00" * 32), authority=Token("else")))
    ((code, what),) = checking.check(archive).problems
    assert code == "anchor"
    assert "another root" in what


def test_works_locked(archive: Archive, first: Authority) -> None:
    """A scheduler has no passphrase."""
    name(archive, first)
    with Archive.open(archive.folder) as locked:
        assert states(go(locked)) == ["stamped"]


# --- a proxy that is none ---


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_a_proxy_of_another_kind_is_a_failure_on_record(
    archive: Archive, first: Authority, second: Authority, answer: bytes
) -> None:
    """The go ends in its ordinary way: each who was to be asked has an entry."""
    name(archive, first, second)
    with saying(answer) as port, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # see `saying`
        door = Door(f"socks5h://127.0.0.1:{port}", seconds=5)
        found = anchoring.anchor(archive, door=door, pause=lambda seconds: None)
        gc.collect()
    assert states(found) == ["unreachable", "unreachable"]
    assert [each.authority for each in said(archive, AnchorFailed)] == ["first", "second"]


# --- killed, and around the proxy ----------------------------------------------------------------


def test_killed_at_any_moment(archive: Archive, tmp_path: Path) -> None:
    """Nothing is lost, nothing stands twice, and the same command goes on."""
    stamping.name_here(archive.folder)
    script = (
        "import sys, pathlib\n"
        "from support import stamping\n"
        "from witnessmark.archive import Archive\n"
        "with Archive.open(pathlib.Path(sys.argv[1])) as archive:\n"
        "    print('ready', flush=True)\n"
        "    for each in stamping.anchor_here(archive):\n"
        "        print(each.state, each.entry, flush=True)\n"
    )
    command = [sys.executable, "-c", script, str(archive.folder)]
    told = 0
    for number in range(8):
        news(archive, tmp_path, number)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert process.stdout
        process.stdout.readline()
        time.sleep(0.006 * number)
        process.kill()
        told += process.communicate()[0].count("stamped")
        with Archive.open(archive.folder) as left:
            assert not checking.check(left).problems
    with Archive.open(archive.folder) as left:
        stamping.anchor_here(left)
        rows = left.queries.anchors()
        assert len(rows) >= told
        assert len(rows) == len({(row.size, row.authority) for row in rows})
        assert anchoring.newest(left).by == ("here", "there")
        assert not checking.check(left).problems


@pytest.mark.parametrize("scheme", ["socks5h", "http"])
def test_the_whole_command_goes_through_the_proxy(
    archive: Archive, first: Authority, calendar: Calendar, scheme: str
) -> None:
    """A process that may reach the proxy and nothing else, with a library environment astray."""
    ports = [int(each.url.rpartition(":")[2]) for each in (first, calendar)]
    with proxy.running(
        {"stamps.example.org": ports[0], "calendar.example.org": ports[1]}
    ) as running:
        first.url, calendar.url = "http://stamps.example.org", "http://calendar.example.org"
        name(archive, first, calendar=calendar, headers_url=calendar.url)
        text = (archive.folder / settings.FILE).read_text()
        text = f'proxy = "{scheme}://127.0.0.1:{running.port}"\n' + text.replace("direct", "#")
        (archive.folder / settings.FILE).write_text(text)
        astray = {"HTTP_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"}
        command = [sys.executable, "-m", "support.guarded", str(running.port)]
        command += ["-m", "witnessmark.cli", "anchor", "--json", "-a", str(archive.folder)]
        outcomes = []
        for _ in range(2):
            done = subprocess.run(
                command, capture_output=True, text=True, env=os.environ | astray, check=False,
                cwd=ROOT, timeout=60,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            outcomes.append([e["state"] for e in json.loads(done.stdout)["outcomes"]])
            calendar.mine(moment=1_700_000_000)
        assert outcomes == [["stamped", "pending"], ["confirmed", "waiting", "waiting"]]
        assert {each.partition(":")[0] for each in running.asked} == set(running.routes)
        assert running.taken == len(running.asked) == len(first.asked) + len(calendar.asked)
    assert {row.via for row in archive.queries.anchors()} == {"proxy"}
