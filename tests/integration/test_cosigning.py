"""Partners co-sign each other's records, by files and over HTTP; forks come to light."""

from __future__ import annotations

import base64
import contextlib
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import proxy
from tests.conftest import SECRET
from tests.integration.test_collecting import holds, size
from witnessmark.anchoring.http import NoAnswer
from witnessmark.anchoring.witness_server import WitnessServer, address
from witnessmark.archive import Archive, checking, cosigning, witnessing
from witnessmark.custody.witness import Witness
from witnessmark.errors import BadInput, NotFound, Refused
from witnessmark.model import CosignatureReceived, ForkReported, ScopeChanged
from witnessmark.record.cosignature import WitnessKey, cosign
from witnessmark.record.note import VerifierKey, sign
from witnessmark.record.witnessing import read_checkpoint

NAME = "witness.example.org"


def grow(archive: Archive, count: int = 1, reason: str = "tests") -> None:
    for _ in range(count):
        archive.say(ScopeChanged(scope=archive.scope(), reason=reason))


def reopened(archive: Archive) -> Archive:
    """The same archive after its settings changed."""
    archive.close()
    again = Archive.open(archive.folder)
    again.unlock(SECRET)
    return again


def trusting(ours: Archive, *partners: tuple[str, str], proxy_port: int = 0) -> Archive:
    """`ours` with these witnesses (name, key) in its settings."""
    lines = [f'proxy = "http://127.0.0.1:{proxy_port}"'] if proxy_port else []
    for name, key in partners:
        lines += ["[[witnesses]]", f'name = "{name}"', f'key = "{key}"']
        lines += [f'url = "http://{NAME}/"'] if proxy_port else []
    (ours.folder / "archive.toml").write_text("\n".join(lines) + "\n")
    return reopened(ours)


def watching(partner: Archive, name: str, record: str) -> str:
    """Lets `partner` co-sign a record; their witness key."""
    key = str(witnessing.make_key(partner))
    witnessing.witness(partner).watch(name, VerifierKey.parse(record))
    return key


@pytest.fixture
def both(new_archive: Callable[[str], Archive]) -> Iterator[tuple[Archive, Archive]]:
    """Party A's archive and its partner B; B co-signs A and A knows B's witness."""
    ours, partner = new_archive("a"), new_archive("b")
    key = watching(partner, "A", ours.trust)
    ours = trusting(ours, ("B", key))
    grow(ours, 4)
    yield ours, partner
    ours.close()


def by_stick(ours: Archive, partner: Archive, stick: Path, old: int | None = None) -> bytes:
    """The question goes out as a file, the answer comes back as one."""
    stick.mkdir(exist_ok=True)
    for left in stick.iterdir():
        left.unlink()
    request = cosigning.question(ours, cosigning.partner(ours, "B"), old)
    (stick / "request").write_bytes(request.encode())
    witnessing.sign(partner, stick / "request", stick / "answer")
    return (stick / "answer").read_bytes()


def entries(archive: Archive, kind: type) -> list:
    return [each.said for each in archive.journal.read() if isinstance(each.said, kind)]


# --- by files ----------------------------------------------------------------------------------


def test_partners_cosign_by_files(both: tuple[Archive, Archive], tmp_path: Path) -> None:
    ours, partner = both
    (taken,) = cosigning.take(ours, by_stick(ours, partner, tmp_path / "stick"))
    assert (taken.witness, taken.size, taken.new) == ("B", 5, True)
    grow(ours, 3)
    (taken,) = cosigning.take(ours, by_stick(ours, partner, tmp_path / "stick"))
    assert taken.size == 9
    rows = ours.queries.cosignatures()
    assert [row.size for row in rows] == [5, 9]
    key = witnessing.witness(partner).key
    assert {row.witness for row in rows} == {str(key)}
    for row in rows:
        note = ours.journal.note(row.size) + row.line.encode()
        assert cosigning.compare(ours, note).witnesses == ("B",)
    assert ours.rebuild()[1]
    assert ours.queries.cosignatures() == rows
    assert holds(ours)


def test_a_record_co_signs_both_ways(both: tuple[Archive, Archive], tmp_path: Path) -> None:
    ours, partner = both
    key = watching(ours, "B", partner.trust)
    partner = trusting(partner, ("B", key))
    (taken,) = cosigning.take(partner, by_stick(partner, ours, tmp_path / "stick"))
    assert taken.size == 1
    partner.close()


def test_an_answer_that_comes_twice_is_taken_once(
    both: tuple[Archive, Archive], tmp_path: Path
) -> None:
    ours, partner = both
    answer = by_stick(ours, partner, tmp_path / "stick")
    cosigning.take(ours, answer)
    before = size(ours)
    (taken,) = cosigning.take(ours, answer)
    assert not taken.new
    note = ours.journal.note(5) + answer
    (taken,) = cosigning.take(ours, note)
    assert (taken.size, taken.new) == (5, False)
    assert size(ours) == before


def test_a_lost_answer_is_asked_for_again(both: tuple[Archive, Archive], tmp_path: Path) -> None:
    """The stick broke after the witness had signed: the same file works, and a new one from 409."""
    ours, partner = both
    stick = tmp_path / "stick"
    by_stick(ours, partner, stick)
    (stick / "answer").unlink()
    witnessing.sign(partner, stick / "request", stick / "answer")
    assert cosigning.take(ours, (stick / "answer").read_bytes())[0].size == 5
    grow(ours, 2)
    by_stick(ours, partner, stick)  # lost
    grow(ours, 2)
    answer = by_stick(ours, partner, stick)
    assert answer == b"refused 409\n8\n"
    with pytest.raises(Refused, match="--old 8"):
        cosigning.take(ours, answer)
    assert cosigning.take(ours, by_stick(ours, partner, stick, old=8))[0].size == 10


def test_edited_answers_are_refused(both: tuple[Archive, Archive], tmp_path: Path) -> None:
    ours, partner = both
    answer = by_stick(ours, partner, tmp_path / "stick")
    before = size(ours)
    blob = bytearray(base64.b64decode(answer.split(b" ")[2]))
    for position in (4, 11, 12, 50, 75):  # its time, its signature
        bent = bytearray(blob)
        bent[position] ^= 1
        line = b" ".join([*answer.split(b" ")[:2], base64.b64encode(bent)]) + b"\n"
        with pytest.raises(Refused, match="changed on its way"):
            cosigning.take(ours, line)
    for junk in (b"", answer[:-1], answer[:40], b"words\n", b"\xff" * 90, b"x" * 70_000):
        with pytest.raises(BadInput):
            cosigning.take(ours, junk)
    with pytest.raises(Refused, match="No known witness"):
        cosigning.take(ours, answer.replace(b"/w ", b"/x "))
    assert size(ours) == before


def test_an_answer_over_another_record_is_refused(
    both: tuple[Archive, Archive], new_archive: Callable[[str], Archive], tmp_path: Path
) -> None:
    ours, partner = both
    third = new_archive("c")
    witnessing.witness(partner).watch("C", VerifierKey.parse(third.trust))
    third = trusting(third, ("B", str(witnessing.witness(partner).key)))
    answer = by_stick(third, partner, tmp_path / "stick")
    with pytest.raises(Refused, match="over no checkpoint of this record"):
        cosigning.take(ours, answer)
    third.close()


def cosigned_at(ours: Archive, partner: Archive, moment: int) -> bytes:
    name, key = Witness(partner.witness_memory)._secret()
    text = read_checkpoint(ours.journal.note())[0].text
    return cosign(text, key, name, moment).line.line.encode()


@pytest.mark.parametrize("apart", [-2 * 3600, 2 * 3600, -(10**9)])
def test_impossible_times_are_refused(both: tuple[Archive, Archive], apart: int) -> None:
    ours, partner = both
    before = size(ours)
    with pytest.raises(Refused, match="clock"):
        cosigning.take(ours, cosigned_at(ours, partner, int(time.time()) + apart))
    assert size(ours) == before
    assert cosigning.take(ours, cosigned_at(ours, partner, int(time.time()) - 600))[0].new


def test_our_own_key_is_no_witness(both: tuple[Archive, Archive]) -> None:
    ours, _ = both
    own = WitnessKey.of("w", ours.keyring.archive)
    ours = trusting(ours, ("B", str(own)))
    text = read_checkpoint(ours.journal.note())[0].text
    line = cosign(text, ours.keyring.archive, "w", int(time.time())).line.line
    with pytest.raises(Refused, match="own"):
        cosigning.take(ours, line.encode())
    assert ours.queries.cosignatures() == []
    ours.close()


def test_one_key_under_two_names_does_not_count_twice(both: tuple[Archive, Archive]) -> None:
    ours, partner = both
    _, key = Witness(partner.witness_memory)._secret()
    text = read_checkpoint(ours.journal.note())[0].text
    line = cosign(text, key, "another-name", int(time.time())).line.line.encode()
    cosigning.take(ours, cosigned_at(ours, partner, int(time.time())))
    with pytest.raises(BadInput, match="one public key"):
        trusting(ours, ("B", str(WitnessKey.of("w", key))), ("C", str(WitnessKey.of("x", key))))
    ours = trusting(ours, ("B", str(WitnessKey.of("another-name", key))))
    assert not cosigning.take(ours, line)[0].new
    # and one that was written into the record all the same is one row
    row = ours.queries.cosignatures()[0]
    said = entries(ours, CosignatureReceived)[0]
    ours.say(CosignatureReceived(size=row.size, root=said.root, time=said.time,
             witness=str(WitnessKey.of("x", key)), signature=said.signature))  # fmt: skip
    assert len(ours.queries.cosignatures()) == 1
    ours.close()


# --- forks -------------------------------------------------------------------------------------


def forked(ours: Archive) -> Archive:
    """A copy of the whole folder; from here on both go their own ways."""
    copy = ours.folder.with_name("fork")
    ours.close()
    shutil.copytree(ours.folder, copy)
    other = Archive.open(copy)
    other.unlock(SECRET)
    grow(other, 3, "otherwise")
    return other


def test_a_witness_catches_a_fork_that_continues_otherwise(
    both: tuple[Archive, Archive], tmp_path: Path
) -> None:
    ours, partner = both
    grow(ours, 2)
    other = forked(ours)
    ours = reopened(ours)
    grow(ours, 1)
    cosigning.take(ours, by_stick(ours, partner, tmp_path / "stick"))  # 8 entries
    # the fork is of 10 entries, and makes a proof from its own 8 entries
    answer = by_stick(other, partner, tmp_path / "stick", old=8)
    assert answer.startswith(b"refused 422\n")
    with pytest.raises(Refused, match="FORK"):
        cosigning.take(other, answer)  # the note of the other branch came back
    (said,) = entries(other, ForkReported)
    assert said.size == 8
    assert holds(other)  # the entry and its attachment are a part of an intact record
    assert "proof that does not lead" in witnessing.contradictions(partner)[0]
    assert witnessing.refusal(witnessing.sign(
        partner, tmp_path / "stick" / "request", tmp_path / "again")).code == "fork"  # fmt: skip
    other.close()
    ours.close()


def test_a_witness_catches_two_roots_of_one_size(
    both: tuple[Archive, Archive], tmp_path: Path
) -> None:
    ours, partner = both
    other = forked(ours)  # 8 entries
    ours = reopened(ours)
    grow(ours, 3)  # 8 entries too
    cosigning.take(ours, by_stick(ours, partner, tmp_path / "stick"))
    answer = by_stick(other, partner, tmp_path / "stick")
    assert answer.startswith(b"refused 409\n")
    (kept,) = partner.witness_memory.contradictions()
    assert kept.kind == "fork"
    assert {read_checkpoint(each)[1].size for each in (kept.before, kept.note)} == {8}
    assert "FORK of A's record" in witnessing.contradictions(partner)[0]
    # the file with both notes convinces somebody who knows neither: both are under A's key
    key = VerifierKey.parse(ours.trust)
    roots = set()
    for each in (kept.before, kept.note):
        parsed, checkpoint = read_checkpoint(each)
        assert parsed.check([key])
        roots.add(checkpoint.root)
    assert len(roots) == 2
    with pytest.raises(Refused, match="FORK"):
        cosigning.take(other, answer)
    # and ours learns of it from the note that the partner kept
    with pytest.raises(Refused, match="FORK") as caught:
        cosigning.compare(ours, kept.note)
    assert caught.value.code == "fork"
    (said,) = entries(ours, ForkReported)
    assert (said.size, said.ours != said.theirs) == (8, True)
    assert holds(ours)
    other.close()
    ours.close()


def test_seen_reports_a_fork_once(both: tuple[Archive, Archive]) -> None:
    ours, _ = both
    other = forked(ours)
    shown = other.journal.note(6)
    other.close()
    ours = reopened(ours)
    grow(ours, 5)
    for _ in range(2):
        with pytest.raises(Refused, match="FORK"):
            cosigning.compare(ours, shown)
    (said,) = entries(ours, ForkReported)
    with ours.blobs.open(said.note.sha256) as file:
        assert file.read() == shown
    assert any("FORK" in each for each in checking.check(ours).notes)
    ours.close()


def test_what_strangers_add_to_a_note_does_not_come_into_the_record(
    both: tuple[Archive, Archive],
) -> None:
    ours, _ = both
    other = forked(ours)
    shown = other.journal.note(6)
    other.close()
    ours = reopened(ours)
    grow(ours, 5)
    words = base64.b64encode(b"id..the name of somebody").decode()
    with pytest.raises(Refused, match="FORK"):
        cosigning.compare(ours, shown + f"\u2014 somebody {words}\n".encode())
    (said,) = entries(ours, ForkReported)
    with ours.blobs.open(said.note.sha256) as file:
        assert file.read() == shown
    ours.close()


def test_what_proves_nothing_is_not_reported(
    both: tuple[Archive, Archive], new_archive: Callable[[str], Archive]
) -> None:
    ours, partner = both
    before = size(ours)
    forged = read_checkpoint(ours.journal.note(3))[0].text.replace("\n3\n", "\n4\n")
    stranger = partner.keyring.archive
    for shown, why in (
        (sign(forged, stranger, ours.origin), "proves nothing"),
        (ours.journal.note(3).replace(b"\n3\n", b"\n4\n"), "proves nothing"),
        (partner.journal.note(), "and this archive is"),
        (b"words", "no checkpoint"),
        (b"x" * 70_000, "too large"),
    ):
        with pytest.raises(BadInput, match=why):
            cosigning.compare(ours, shown)
    assert cosigning.compare(ours, ours.journal.note(3)).entry is None
    assert size(ours) == before


def test_an_older_copy_learns_that_it_is_older(
    both: tuple[Archive, Archive], tmp_path: Path
) -> None:
    """Restored from an old backup: it must not go on as if nothing had been."""
    ours, partner = both
    ours.close()
    shutil.copytree(ours.folder, old := ours.folder.with_name("old"))
    ours = reopened(ours)
    grow(ours, 3)
    newest = ours.journal.note()
    answer = by_stick(ours, partner, tmp_path / "stick")
    with contextlib.closing(Archive.open(old)) as behind:
        behind.unlock(SECRET)
        with pytest.raises(Refused) as caught:
            cosigning.compare(behind, newest)
        assert caught.value.code == "rollback"
        refused = by_stick(behind, partner, tmp_path / "stick")
        with pytest.raises(Refused, match="ROLLBACK"):
            cosigning.take(behind, refused)
    cosigning.take(ours, answer)
    ours.close()


# --- over HTTP -----------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(partner: Archive, heard: list[str], seconds: float = 30) -> Iterator[int]:
    ask = witnessing.witness(partner).answer
    with WitnessServer(("127.0.0.1", 0), ask, heard.append, seconds) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_over_http_through_the_proxy(both: tuple[Archive, Archive]) -> None:
    ours, partner = both
    key = str(witnessing.witness(partner).key)
    heard: list[str] = []
    with serving(partner, heard) as port, proxy.running({NAME: port}) as local:
        ours = trusting(ours, ("B", key), proxy_port=local.port)
        taken = cosigning.ask(ours, "B")
        assert (taken.size, taken.new) == (5, True)
        grow(ours, 300)
        assert cosigning.ask(ours, "").size == 306
        # somebody asked in our name meanwhile: 409, and again from there
        witnessing.witness(partner).answer(
            cosigning.question(ours, ours.settings.witnesses[0]).encode()
        )
        grow(ours)
        assert cosigning.ask(ours, "B").size == 308
        assert set(local.asked) == {f"{NAME}:80"}
        other = forked(ours)
        ours = reopened(ours)
        grow(ours, 3)
        cosigning.ask(ours, "B")
        with pytest.raises(Refused, match="FORK"):
            cosigning.ask(other, "B")
        assert entries(other, ForkReported)
        assert heard
        assert "A, size" in heard[0]
        other.close()
    with pytest.raises(NoAnswer) as caught:
        cosigning.ask(ours, "B")
    assert caught.value.code == "unreachable"
    ours.close()


def test_nobody_is_asked_without_a_proxy(both: tuple[Archive, Archive]) -> None:
    ours, partner = both
    with pytest.raises(BadInput, match="no address"):
        cosigning.ask(ours, "B")
    key = str(witnessing.witness(partner).key)
    lines = f'[[witnesses]]\nname = "B"\nkey = "{key}"\nurl = "http://{NAME}"\n'
    (ours.folder / "archive.toml").write_text(lines)
    ours = reopened(ours)
    with pytest.raises(Refused, match="no proxy"):
        cosigning.ask(ours, "B")
    with pytest.raises(NotFound):
        cosigning.ask(ours, "C")
    ours.close()


def test_refusals_over_http_are_sentences(
    both: tuple[Archive, Archive], new_archive: Callable[[str], Archive]
) -> None:
    ours, partner = both
    other = new_archive("other")
    key = str(witnessing.witness(partner).key)
    with serving(partner, []) as port, proxy.running({NAME: port}) as local:
        other = trusting(other, ("B", key), proxy_port=local.port)
        with pytest.raises(NoAnswer, match="does not know this record"):
            cosigning.ask(other, "B")
        wrong = VerifierKey(other.origin, partner.keyring.archive.public_key().public_bytes_raw())
        witnessing.witness(partner).watch("other", wrong)
        with pytest.raises(NoAnswer, match="another key"):
            cosigning.ask(other, "B")
        before = size(other)
        stranger = str(WitnessKey.of("else", ours.keyring.archive))
        witnessing.witness(partner).watch("other", VerifierKey.parse(other.trust))
        other = trusting(other, ("B", stranger), proxy_port=local.port)
        with pytest.raises(NoAnswer, match="another key than we know"):
            cosigning.ask(other, "B")
        assert size(other) == before
    other.close()


def raw(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        found = b""
        with contextlib.suppress(OSError):  # it may hang up while we still talk
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while more := connection.recv(4096):
                found += more
    return found


def test_the_server_answers_as_the_protocol_says(both: tuple[Archive, Archive]) -> None:
    ours, partner = both
    asked = cosigning.question(ours, ours.settings.witnesses[0]).encode()

    def post(body: bytes, path: bytes = b"/add-checkpoint", length: int | None = None) -> bytes:
        size = len(body) if length is None else length
        return raw(port, b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (path, size)
                   + body)  # fmt: skip

    with serving(partner, []) as port:
        assert post(b"junk").startswith(b"HTTP/1.1 400 ")
        assert post(asked, b"/other").startswith(b"HTTP/1.1 404 ")
        assert post(asked, length=len(asked) + 1) == b""  # it broke off: no answer, nothing kept
        assert partner.witness_memory.seen(ours.origin, 0) == []
        assert post(b"", length=70_000).startswith(b"HTTP/1.1 413 ")
        assert post(b"", length=10**30).startswith(b"HTTP/1.1 413 ")
        assert raw(port, b"POST /add-checkpoint HTTP/1.1\r\nHost: a\r\n\r\n").startswith(
            b"HTTP/1.1 411 "
        )
        assert raw(port, b"GET /add-checkpoint HTTP/1.1\r\nHost: a\r\n\r\n").startswith(
            b"HTTP/1.1 501 "
        )
        assert raw(port, b"\x00\xff" * 5_000)[:9] in (b"", b"HTTP/1.1 ", b"<!DOCTYPE")
        assert raw(port, b"POST /add-checkpoint HTTP/1.1\r\n" + b"A: b\r\n" * 5_000)[:12] in (
            b"HTTP/1.1 431", b"",
        )  # fmt: skip
        good = post(asked)
        assert good.startswith(b"HTTP/1.1 200 ")
        assert good.partition(b"\r\n\r\n")[2].startswith("\u2014 ".encode())
        again = post(asked)
        assert again.startswith(b"HTTP/1.1 409 ")
        assert b"Content-Type: text/x.tlog.size\r\n" in again
        assert again.endswith(b"\r\n\r\n5\n")
        assert b"Server:" not in good
        # two questions on one connection
        request = b"POST /add-checkpoint HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
        assert raw(port, request * 2).count(b"HTTP/1.1 400 ") == 2


def test_slow_clients_do_not_hold_it_up(both: tuple[Archive, Archive]) -> None:
    ours, partner = both
    asked = cosigning.question(ours, ours.settings.witnesses[0]).encode()
    head = b"POST /add-checkpoint HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(asked)
    with serving(partner, [], seconds=1) as port, contextlib.ExitStack() as stack:
        for _ in range(20):  # more than there are places
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            slow.sendall(head[:30])
        started = time.monotonic()
        assert raw(port, head + asked).startswith(b"HTTP/1.1 200 ")
        assert time.monotonic() - started < 8


def test_addresses() -> None:
    assert address("127.0.0.1:80") == ("127.0.0.1", 80)
    assert address("[::1]:0") == ("::1", 0)
    for bad in ("", "80", ":80", "a:", "a:b", "a:-1", "a:70000", "a:9999999999", "a:\u0663"):
        with pytest.raises(BadInput):
            address(bad)
