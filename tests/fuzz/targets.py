"""Every parser that reads somebody else's bytes: seeds, the call, and what it may refuse with."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import av
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from support import downloads, exports
from support.forge import ots
from support.forge import tokens as forged
from tests.conftest import ROOT
from tests.fuzz import checker
from tests.unit.collection import test_wacz, test_whatsapp
from tests.unit.record.test_cosignature import ANSWER, EXAMPLE, SEED, WITNESS
from tests.unit.record.test_witnessing import BODY, LOG, request
from tests.unit.record.test_witnessing import note as checkpoint
from witnessmark.anchoring import blocks, calendars, certificates, tokens
from witnessmark.collection import (
    auto_archiver_record,
    links,
    pyrepr,
    telegram_html,
    telegram_json,
    ytdlp_info,
)
from witnessmark.collection.telegram_message import Chat, MalformedError
from witnessmark.collection.wacz import Wacz
from witnessmark.collection.whatsapp import WhatsApp
from witnessmark.custody import receipts
from witnessmark.errors import BadInput, BadRecord, BadStamp
from witnessmark.ports import Collector, Unreadable
from witnessmark.record import canonical, entries, note, tiles
from witnessmark.record.checkpoint import Checkpoint
from witnessmark.record.cosignature import WitnessKey, check, cosign, parse_lines
from witnessmark.record.proof import Proof
from witnessmark.record.witnessing import Answer, Request, Status, decide
from witnessmark.verification.examinations.container import Container

VECTORS = ROOT / "spec" / "vectors"
#: What the witness under test has seen: seven entries.
SEEN = checkpoint(7)


@dataclasses.dataclass(frozen=True)
class Target:
    """One parser.

    Attributes:
        seeds: makes well-formed inputs.
        read: reads one input; it may raise what `refuses` lists and nothing else.
    """

    seeds: Callable[[], list[bytes]]
    read: Callable[[bytes], object]
    refuses: tuple[type[Exception], ...] = (BadRecord,)


def _vectors(name: str, *members: str) -> list[bytes]:
    """Texts named `members`, wherever they stand in a file of vectors."""
    found: list[bytes] = []

    def look(value: object) -> None:
        if isinstance(value, dict):
            found.extend(
                text.encode()
                for member in members
                if isinstance(text := value.get(member), str) and text
            )
            value = list(value.values())
        for each in value if isinstance(value, list) else ():
            look(each)

    look(json.loads((VECTORS / name).read_text(encoding="utf-8")))
    return found


def _entry(data: bytes) -> None:
    entry = entries.decode(data)
    assert entries.encode(entry) == data, "two spellings of one entry"
    entry.statement()


def _json(data: bytes) -> None:
    assert canonical.canonical(canonical.parse(data)) == data, "two spellings of one value"


def _checkpoint(data: bytes) -> None:
    parsed = note.parse(data)
    Checkpoint.parse(parsed.text)


def _proof(data: bytes) -> None:
    assert Proof.parse(data).encode() == data, "two spellings of one proof"


def _verifier_key(data: bytes) -> None:
    text = data.decode("utf-8", errors="replace")
    assert str(note.VerifierKey.parse(text)) == text


def _witness_key(data: bytes) -> None:
    text = data.decode("utf-8", errors="replace")
    assert str(WitnessKey.parse(text)) == text


def _text(asked: Request) -> str:
    return note.parse(asked.note).text


def _question(data: bytes) -> None:
    asked = Request.parse(data)
    assert asked.encode() == data, "two spellings of one question"
    logs = {LOG.name: [LOG], EXAMPLE.split("\n")[0]: [LOG]}
    verdict = decide(asked, logs, [SEEN])
    if verdict.status == Status.COSIGNED:  # a line of the log may stand there several times
        whole = {(each.old, each.proof, _text(each)) for each in map(Request.parse, _questions())}
        assert (asked.old, asked.proof, _text(asked)) in whole, "an edited one was accepted"


def _answer(data: bytes) -> None:
    answer = Answer.parse(data)
    if answer.status is Status.COSIGNED:
        lines = parse_lines(data)
        assert "".join(line.line for line in lines).encode() == data
        check(note.parse(SEEN).text, lines, WITNESS)


def _tile(data: bytes) -> None:
    tiles.parse_path(data.decode("ascii", errors="replace"))


def _telegram_json(data: bytes) -> None:
    for seen in telegram_json.read_json(io.BytesIO(data)):
        repr(seen)


def _telegram_html(data: bytes) -> None:
    page, _ = telegram_html.parse_page(io.BytesIO(data))
    telegram_html.chat_name(page)
    for seen in telegram_html.read_page(page, Chat("chat"), telegram_html.Sender()):
        repr(seen)


def _csv(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(data)
        file.flush()
        for row in links.read_rows(file.name)[1]:
            repr(row)


def _collected(collector: Collector, data: bytes) -> None:
    """Every item of one file, read to its end."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "WhatsApp.txt"
        path.write_bytes(data)
        os.utime(path, (1, 1))  # a fresh file is looked at twice
        collector.recognises(str(path))
        expected = collector.preflight(str(path)).items
        items = list(collector.items(str(path)))
        assert len(items) == expected, "another count than that of the look before"
        assert len({repr(item.place) for item in items}) == len(items), "two things in one place"
        for item in items:
            with contextlib.suppress(Unreadable):
                if item.open:
                    with item.open() as file:
                        while file.read(1 << 16):
                            pass


def _archived(data: bytes) -> None:
    with contextlib.suppress(auto_archiver_record.MalformedError):
        _words(auto_archiver_record.read_json(io.BytesIO(data)))
    for row in auto_archiver_record.read_sheet(io.BytesIO(data)):
        if isinstance(row, auto_archiver_record.Entry):
            _words(row)


def _words(entry: auto_archiver_record.Entry) -> None:
    auto_archiver_record.dates(entry.metadata)
    for medium in entry.media:
        auto_archiver_record.claims(medium)
        auto_archiver_record.stated(medium)
        auto_archiver_record.words(entry, medium)


def _records(name: str) -> list[bytes]:
    still = {"filename": "s.jpg", "urls": [], "properties": {"pdq_hash": "f00"}}
    media = downloads.Media("/scratch/a.mp4", "a/b.mp4", ["https://s.invalid/b.mp4"])
    media.properties = {"hash": "SHA-256:" + "ab" * 32, "duration": 1.5, "thumbnails": [still]}
    said = downloads.entry("https://s.invalid/1", media, timestamp="2026-01-02T03:04:05+02:00")
    with tempfile.TemporaryDirectory() as folder:
        sheet = downloads.write_sheet(Path(folder) / "sheet.csv", said, said)
        record = downloads.write_json(Path(folder) / "record.json", said)
        return [{"sheet": sheet, "record": record}[name].read_bytes()]


def _info(data: bytes) -> None:
    for cut in (False, True):
        with contextlib.suppress(ValueError):
            info = ytdlp_info.read_info(io.BytesIO(data), cut=cut)
            ytdlp_info.dates(info)
            ytdlp_info.doubts(info)
            ytdlp_info.stated(info)
            ytdlp_info.words(info, "")


def _receipt(data: bytes) -> None:
    """Whatever is read was signed as it stands: nothing that changed it passes."""
    signed = receipts.Answer.decode(data)
    again = receipts.Answer.decode(signed.encode())
    assert again == signed, "two readings of one receipt"


def _boxes(data: bytes) -> None:
    Container().examine(io.BytesIO(data), len(data))


# --- seeds ---------------------------------------------------------------------------------------


def _entries() -> list[bytes]:
    return [
        base64.b64decode(each["bytes"])
        for each in json.loads((VECTORS / "entries.json").read_text(encoding="utf-8"))["valid"]
    ]


def _questions() -> list[bytes]:
    return [BODY, *(request(7, size).encode() for size in (7, 8, 21, 40))]


def _answers() -> list[bytes]:
    text = note.parse(SEEN).text
    own = cosign(text, SEED, WITNESS.name, 1_767_333_600).line.line.encode()
    return [own, own + ANSWER.encode(), b"refused 409\n7\n", b"refused 422\n" + SEEN]


def _exported(pattern: str) -> list[bytes]:
    """Both forms of an export of one chat, written by `support.exports`."""
    posts = [
        exports.Post(
            id=1, text=["Some ", {"type": "bold", "text": "words"}], missing="unavailable"
        ),
        exports.Post(
            id=2, text="More \u202e words", forwarded_from="Channel B", missing="unavailable"
        ),
    ]
    chat = exports.Chat(name="Channel A", id=1_000_000_001, posts=posts)
    with tempfile.TemporaryDirectory() as folder:
        exports.telegram_json(Path(folder) / "json", [chat, chat])
        exports.telegram_html(Path(folder) / "html", chat)
        return [path.read_bytes() for path in sorted(Path(folder).rglob(pattern))]


def _web_archives() -> list[bytes]:
    def records(gz: bool) -> bytes:
        made = test_wacz.Maker(gz)
        for start, end in ((0, 700), (700, 1_000)):
            test_wacz.part(made, start, end, 1_000)
        made.add(b"gone", "text/html", "404 Not Found").add(b"", "video/mp4", kind="revisit")
        return made.add(test_wacz.VIDEO[:500]).data()

    chunked = test_wacz.plain(test_wacz.chunks(test_wacz.VIDEO[:500], 99), test_wacz.CHUNKED)
    with tempfile.TemporaryDirectory() as folder:
        path = test_wacz.wacz(Path(folder) / "a.wacz", {"a.warc.gz": records(True)})
        return [path.read_bytes(), records(True), records(False), chunked]


def _chats() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = test_whatsapp.export(Path(folder) / "a.zip", test_whatsapp.IOS, test_whatsapp.FILES)
        return [path.read_bytes(), test_whatsapp.IOS.encode(), test_whatsapp.ANDROID.encode()]


def _movies() -> list[bytes]:
    """Whole small files of three formats, made here."""
    found = []
    for name in ("a.mp4", "a.mov", "a.mkv"):
        buffer = io.BytesIO()
        with av.open(buffer, "w", format={"mkv": "matroska"}.get(name[2:], name[2:])) as out:
            stream = out.add_stream("mpeg4", rate=10)
            stream.width, stream.height = 32, 32  # type: ignore[attr-defined] # typed as any stream
            for _ in range(3):
                frame = av.VideoFrame(32, 32, "yuv420p")
                out.mux(stream.encode(frame))  # type: ignore[attr-defined] # the same
            out.mux(stream.encode(None))  # type: ignore[attr-defined] # the same
        found.append(buffer.getvalue())
    return found


_STAMPED = b"origin.example.org\n5\nAAAA\n"
#: Branches in the order that the library gives them.
_TREE = ots.fork(ots.hashed(ots.pending()), ots.append(b"x" * 9, ots.hashed(ots.block(700_000))))


def _token(data: bytes) -> None:
    tokens.check(data, _STAMPED, [certificates.certificate(forged.ROOT.der)])


def _calendar_proof(data: bytes) -> None:
    found = calendars.read(data, hashlib.sha256(_STAMPED).digest())
    assert found.promises or found.blocks


def _headers(data: bytes) -> None:
    blocks.parse(data.decode("utf-8", errors="replace"))


_SIGNER, _MOMENT = Ed25519PrivateKey.from_private_bytes(b"7" * 32), "2026-01-02T03:04:05Z"


def _requests() -> list[bytes]:
    asked = receipts.Request(origin="witnessmark/x", transfer=3, objects=("ab" * 32, "cd" * 32))
    return [asked.encode(), dataclasses.replace(asked, receiver_key="").encode()]


_SHEET = 'link,note\nhttps://a.example/1,"words, ""quoted"""\nhttps://b.example/2,=1+1\n'

TARGETS: dict[str, Target] = {
    "entry": Target(_entries, _entry),
    "canonical JSON": Target(_entries, _json),
    "checkpoint note": Target(lambda: _vectors("checkpoints.json", "note"), _checkpoint),
    "proof": Target(lambda: _vectors("proofs.json", "file"), _proof),
    "verifier key": Target(lambda: _vectors("checkpoints.json", "key"), _verifier_key),
    "witness key": Target(lambda: [str(WITNESS).encode()], _witness_key),
    "witness question": Target(_questions, _question),
    "witness answer": Target(_answers, _answer),
    "tile path": Target(lambda: [b"tile/0/x001/x234/067", b"tile/1/000.p/4"], _tile),
    "Telegram JSON export": Target(lambda: _exported("result.json"), _telegram_json),
    "Telegram HTML export": Target(
        lambda: _exported("messages*.html"), _telegram_html, (MalformedError,)
    ),
    "sheet of links": Target(lambda: [_SHEET.encode()], _csv, (BadInput,)),
    "web archive": Target(_web_archives, lambda data: _collected(Wacz(), data), (BadInput,)),
    "WhatsApp export": Target(_chats, lambda data: _collected(WhatsApp(), data), (BadInput,)),
    "auto-archiver's record": Target(lambda: _records("record"), _archived),
    "auto-archiver's sheet": Target(lambda: _records("sheet"), _archived),
    "Python's repr of plain data": Target(
        lambda: [repr(dataclasses.asdict(downloads.entry("https://s.invalid/1"))).encode()],
        lambda data: pyrepr.read_repr(data.decode("utf-8", "surrogateescape")),
        (pyrepr.ReprError,),
    ),
    "yt-dlp's description": Target(lambda: [json.dumps(downloads.INFO).encode()], _info),
    "request for a receipt": Target(
        lambda: [receipts.Request.decode(each).encode() for each in _requests()],
        lambda data: receipts.Request.decode(data).encode(),
        (BadInput,),
    ),
    "signed receipt": Target(
        lambda: [
            receipts.sign(receipts.Request.decode(each), _MOMENT, _SIGNER).encode()
            for each in _requests()
        ],
        _receipt,
        (BadInput,),
    ),
    "MP4 boxes": Target(_movies, _boxes),
    "time-stamp": Target(
        lambda: [forged.Token(imprint_hash=f"sha{n}").response(_STAMPED) for n in (256, 512)],
        _token,
    ),
    "OpenTimestamps proof": Target(lambda: [ots.proof(_STAMPED, _TREE)], _calendar_proof),
    "block headers": Target(
        lambda: [ots.line(5, ots.header(bytes(32), 5)).encode()], _headers, (BadInput, BadStamp)
    ),
    "check.py: entries": Target(checker.lines, checker.entry, checker.REFUSES),
    "check.py: seal": Target(checker.seals, checker.seal, checker.REFUSES),
    "check.py: time-stamp": Target(checker.responses, checker.token, checker.REFUSES),
    "check.py: certificates and lists": Target(
        checker.certificates, checker.certificate, checker.REFUSES
    ),
    "check.py: OpenTimestamps proof": Target(checker.proofs, checker.proof, checker.REFUSES),
    "check.py: what a reader brings": Target(checker.trusted, checker.trust, checker.REFUSES),
    "check.py: a ZIP": Target(checker.zipped, checker.whole, checker.REFUSES),
}
