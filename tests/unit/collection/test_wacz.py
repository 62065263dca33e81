"""Web archives, made here with warcio and by hand: whole, partial, damaged, lying and hostile."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from witnessmark.archive import Archive, collecting
from witnessmark.collection import packed, wacz_manifest, warc
from witnessmark.collection.run import Channel
from witnessmark.collection.wacz import Wacz, _hex
from witnessmark.errors import BadInput
from witnessmark.ports import Item, Unreadable

VIDEO = b"\0\0\0\x18ftypisom" + bytes(range(256)) * 800
PICTURE = b"\xff\xd8\xff" + b"p" * 30_000
DATE = "2024-03-01T10:20:30Z"


class Maker:
    """Writes records with warcio; `gz` as one gzip member a record."""

    def __init__(self, gz: bool = True) -> None:
        self.file = io.BytesIO()
        self._writer = WARCWriter(self.file, gzip=gz)
        self._count = 0

    def add(
        self,
        body: bytes = VIDEO,
        mime: str = "video/mp4",
        status: str = "200 OK",
        url: str = "https://example.org/media/clip.mp4?x=1",
        kind: str = "response",
        http: Mapping[str, str] | None = None,
        **warc_headers: str,
    ) -> Maker:
        self._count += 1
        given = {"Content-Type": mime} if mime else {}
        answer = StatusAndHeaders(status, [*given.items(), *(http or {}).items()], "HTTP/1.1")
        headers = {
            "WARC-Record-ID": f"<urn:uuid:{self._count}>",
            "WARC-Date": DATE,
        } | {name.replace("_", "-"): value for name, value in warc_headers.items()}
        record = self._writer.create_warc_record(
            url, kind, payload=io.BytesIO(body), length=len(body),
            http_headers=answer if kind != "resource" else None,
            warc_content_type=mime if kind == "resource" else "", warc_headers_dict=headers,
        )  # fmt: skip
        self._writer.write_record(record)
        return self

    def data(self) -> bytes:
        return self.file.getvalue()


def plain(body: bytes, http: str, **warc_headers: str) -> bytes:
    """A record by hand, for what warcio does not write."""
    block = http.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body
    headers = {
        "WARC-Type": "response",
        "WARC-Record-ID": "<urn:uuid:hand>",
        "WARC-Date": DATE,
        "WARC-Target-URI": "https://example.org/clip.mp4",
        "Content-Type": "application/http; msgtype=response",
        "Content-Length": str(len(block)),
    } | {name.replace("_", "-"): value for name, value in warc_headers.items()}
    lines = [f"{name}: {value}" for name, value in headers.items() if value]
    return "\r\n".join(["WARC/1.1", *lines, "", ""]).encode() + block + b"\r\n\r\n"


def wacz(
    path: Path,
    warcs: Mapping[str, bytes],
    change: Callable[[dict[str, Any]], object] = lambda _: None,
    method: int = zipfile.ZIP_STORED,
) -> Path:
    members = {f"archive/{name}": data for name, data in warcs.items()}
    members["pages/pages.jsonl"] = b'{"format": "json-pages-1.0"}\n'
    manifest: dict[str, Any] = {
        "profile": "data-package",
        "resources": [
            {"name": name.rpartition("/")[2], "path": name, "bytes": len(data),
             "hash": "sha256:" + hashlib.sha256(data).hexdigest()}
            for name, data in members.items()
        ],
    }  # fmt: skip
    change(manifest)
    text = json.dumps(manifest).encode()
    digest = {"path": "datapackage.json", "hash": "sha256:" + hashlib.sha256(text).hexdigest()}
    if "digest" in manifest:
        digest["hash"] = manifest["digest"]
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.writestr("datapackage.json", text)
        archive.writestr("datapackage-digest.json", json.dumps(digest))
    return path


def collect(path: Path) -> list[Item]:
    return list(Wacz().items(str(path)))


def of(data: bytes, tmp_path: Path, name: str = "data.warc.gz") -> list[Item]:
    """The items of a WARC on its own, without the file itself."""
    path = tmp_path / name
    path.write_bytes(data)
    whole, *items = collect(path)
    assert read(whole) == data
    return items


def only(data: bytes, tmp_path: Path) -> Item:
    (item,) = of(data, tmp_path)
    return item


def read(item: Item) -> bytes:
    assert item.open is not None
    with item.open() as file:
        return file.read()


def failure(item: Item) -> str:
    with pytest.raises(Unreadable) as caught:
        read(item)
    return caught.value.reason


def known(items: Iterable[Item]) -> list[tuple[str, str, str]]:
    return [(item.kind, item.outcome, item.reason) for item in items]


# --- what is taken -------------------------------------------------------------------------------


@pytest.mark.parametrize("gz", [True, False])
def test_media_of_a_warc_are_items(tmp_path: Path, gz: bool) -> None:
    made = (
        Maker(gz)
        .add()
        .add(b"<html>", "text/html")
        .add(PICTURE, "image/jpeg", url="https://example.org/b%20c.jpg")
        .add(b"tiny", "image/png")
        .add(b"sound" * 10, "audio/ogg")
        .add(VIDEO, "video/mp4", kind="resource", url="urn:media:1")
    )
    items = of(made.data(), tmp_path)
    assert [item.kind for item in items] == ["video", "picture", "sound", "video"]
    assert [read(item) for item in items] == [VIDEO, PICTURE, b"sound" * 10, VIDEO]
    first = items[0]
    assert first.place == ("wacz", "data.warc.gz", "urn:uuid:1")
    assert first.protected["where"] == "https://example.org/media/clip.mp4?x=1"
    assert first.protected["name"] == "clip.mp4"
    assert items[1].protected["name"] == "b c.jpg"
    assert first.stated == {"http_status": 200}
    assert items[3].stated == {}
    (date,) = first.dates
    assert (date.what, date.at, date.grade) == ("captured_by_tool", DATE, "stated")
    message = first.protected["message"]
    assert isinstance(message, dict)
    # JSON, indexed deep
    assert ["Content-Type", "video/mp4"] in message["http"]  # type: ignore[operator]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_wacz_is_an_item_and_so_are_its_media(tmp_path: Path, method: int) -> None:
    pictures = Maker(gz=False).add(PICTURE, "image/png").data()
    warcs = {"a.warc.gz": Maker().add().data(), "b.warc": pictures}
    path = wacz(tmp_path / "crawl.wacz", warcs, method=method)
    whole, first, second = collect(path)
    assert (whole.place, whole.kind) == (("wacz", "crawl.wacz"), "document")
    assert read(whole) == path.read_bytes()
    assert (read(first), read(second)) == (VIDEO, PICTURE)
    assert (whole.flags, first.flags) == ((), ())
    digests = [claim for claim in first.claimed if claim.algorithm == "member_sha256"]
    assert digests[0].by == "datapackage.json"
    # the same record under one id in two WARCs is two places
    assert [item.place[2:] for item in (first, second)] == [("urn:uuid:1",), ("urn:uuid:1", 2)]
    assert collect(path)[2].place == second.place


def test_bytes_without_a_telling_type_are_looked_at(tmp_path: Path) -> None:
    made = Maker().add(VIDEO, "application/octet-stream").add(VIDEO, "").add(b"x" * 99, "")
    assert known(of(made.data(), tmp_path)) == [("video", "", "")] * 2


def test_a_whole_gzip_over_all_records_is_read_as_well(tmp_path: Path) -> None:
    items = of(gzip.compress(Maker(gz=False).add().add().data()), tmp_path)
    assert [read(item) for item in items] == [VIDEO, VIDEO]
    # the one check of gzip stands at the end of all
    assert [item.flags for item in items] == [("packed_as_one",), ()]


def test_a_record_far_into_one_gzip_is_not_sought_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warc, "MAX_SKIP", 100_000)
    data = gzip.compress(Maker(gz=False).add().add(PICTURE, "image/png").data())
    first, second = of(data, tmp_path)
    assert read(first) == VIDEO
    assert failure(second) == "packed_as_one"


# --- bodies --------------------------------------------------------------------------------------


def chunks(body: bytes, size: int = 70_000) -> bytes:
    parts = [body[n : n + size] for n in range(0, len(body), size)]
    return b"".join(b"%x;ext=1\r\n%b\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"


CHUNKED = "HTTP/1.1 200 OK\nContent-Type: video/mp4\nTransfer-Encoding: chunked"


def test_transfer_chunks_are_undone(tmp_path: Path) -> None:
    assert read(only(plain(chunks(VIDEO), CHUNKED), tmp_path)) == VIDEO


def test_a_body_that_the_tool_took_out_of_its_chunks_is_kept(tmp_path: Path) -> None:
    assert read(only(plain(VIDEO, CHUNKED), tmp_path)) == VIDEO


@pytest.mark.parametrize("cut", [5, 71_000, 100_000])
def test_damaged_chunks(tmp_path: Path, cut: int) -> None:
    body = chunks(VIDEO)
    assert failure(only(plain(body[:-cut], CHUNKED), tmp_path)) == "damaged_chunks"
    lost = body[:70_013] + b"zz" + body[70_015:]
    assert failure(only(plain(lost, CHUNKED), tmp_path)) == "damaged_chunks"


def test_a_content_encoding_is_kept_and_said(tmp_path: Path) -> None:
    body = gzip.compress(VIDEO)
    http = "HTTP/1.1 200 OK\nContent-Type: video/mp4\nContent-Encoding: gzip"
    item = only(plain(body, http), tmp_path)
    assert read(item) == body
    assert item.flags == ("content_encoding_kept",)


def sha1_32(data: bytes) -> str:
    return "sha1:" + base64.b32encode(hashlib.sha1(data).digest()).decode()


@pytest.mark.parametrize(
    ("stated", "algorithm", "digits"),
    [
        (sha1_32(VIDEO), "sha1", hashlib.sha1(VIDEO).hexdigest()),
        ("sha1:" + hashlib.sha1(VIDEO).hexdigest(), "sha1", hashlib.sha1(VIDEO).hexdigest()),
        ("SHA-256:" + hashlib.sha256(VIDEO).hexdigest().upper(), "sha256",
         hashlib.sha256(VIDEO).hexdigest()),
        ("sha256:" + base64.b32encode(hashlib.sha256(VIDEO).digest()).decode(), "sha256",
         hashlib.sha256(VIDEO).hexdigest()),
        ("sha1:NOT!", "sha1", "NOT!"),
    ],
)  # fmt: skip
def test_a_payload_digest_is_a_claim(
    tmp_path: Path, stated: str, algorithm: str, digits: str
) -> None:
    http = "HTTP/1.1 200 OK\nContent-Type: video/mp4"
    item = only(plain(VIDEO, http, WARC_Payload_Digest=stated), tmp_path)
    (claim,) = item.claimed
    assert (claim.by, claim.algorithm, claim.value) == ("WARC-Payload-Digest", algorithm, digits)


def test_a_digest_of_the_chunks_is_not_taken_for_one_of_the_body(tmp_path: Path) -> None:
    body = chunks(VIDEO)
    for digest, algorithm in ((sha1_32(body), "sha1_in_chunks"), (sha1_32(VIDEO), "sha1")):
        item = only(plain(body, CHUNKED, WARC_Payload_Digest=digest), tmp_path)
        assert [claim.algorithm for claim in item.claimed] == [algorithm]


@given(st.text(max_size=80), st.sampled_from(["sha1", "sha256", "md5", "x"]))
def test_digests_of_any_form_never_raise(value: str, algorithm: str) -> None:
    assert len(_hex(algorithm, value)) in (0, 32, 40, 64)


# --- what is not whole ---------------------------------------------------------------------------


def test_answers_without_a_body_of_their_own_are_listed(tmp_path: Path) -> None:
    made = (
        Maker()
        .add(b"gone", "text/html", "404 Not Found")
        .add(b"", "text/html", "302 Found")
        .add(b"", "video/mp4", kind="revisit")
        .add(VIDEO, "video/mp4", WARC_Truncated="length")
        .add(VIDEO, "video/mp4", http={"Content-Length": "999999999"})
        .add(VIDEO, "video/mp4", WARC_Segment_Number="1")
        .add(VIDEO, "video/mp4", "garbled")
    )
    items = of(made.data(), tmp_path)
    assert known(items) == [
        ("response", "not_included", "http_404"),
        ("response", "not_included", "http_302"),
        ("revisit", "not_included", "revisit"),
        ("video", "failed", "truncated_by_tool"),
        ("video", "failed", "shorter_than_stated"),
        ("video", "failed", "segmented"),
        ("response", "failed", "damaged_http"),
    ]
    assert all(item.open is None for item in items)
    assert items[0].stated == {"http_status": 404}


def part(made: Maker, start: int, end: int, total: int | str = len(VIDEO), **http: str) -> Maker:
    headers = {"Content-Range": f"bytes {start}-{end - 1}/{total}", "ETag": '"one"'} | http
    return made.add(VIDEO[start:end], "video/mp4", "206 Partial Content", http=headers)


def test_parts_that_cover_everything_are_put_together(tmp_path: Path) -> None:
    made = Maker()
    for start, end in ((100_000, 150_000), (0, 90_000), (0, 10), (80_000, 120_000)):
        part(made, start, end)
    part(made, 150_000, len(VIDEO))
    items = of(made.data(), tmp_path)
    assert known(items) == [("video", "", "")] + [("video", "not_included", "part_of_another")] * 4
    assert read(items[0]) == VIDEO
    assert items[0].flags == ("put_together_from_parts",)
    # the digest of one part says nothing of the whole
    assert not items[0].claimed


def test_one_part_that_is_everything(tmp_path: Path) -> None:
    item = only(part(Maker(), 0, len(VIDEO)).data(), tmp_path)
    assert (read(item), item.flags) == (VIDEO, ())


def test_parts_that_no_server_vouched_for_are_said(tmp_path: Path) -> None:
    made = part(part(Maker(), 0, 90_000, ETag=""), 90_000, len(VIDEO), ETag="")
    assert of(made.data(), tmp_path)[0].flags == ("put_together_from_parts", "parts_not_vouched")


@pytest.mark.parametrize(
    "second",
    [
        {"start": 90_001},
        {"ETag": '"another version"'},
        {"Content-Range": "bytes 90000-*/*"},
        {"Content-Range": f"bytes 90000-90001/{len(VIDEO)}"},
        {"total": len(VIDEO) + 1},
    ],
)
def test_parts_with_a_gap_or_of_two_versions_are_not(
    tmp_path: Path, second: dict[str, Any]
) -> None:
    start = second.pop("start", 90_000)
    made = part(part(Maker(), 0, 90_000), start, len(VIDEO), **second)
    assert known(of(made.data(), tmp_path)) == [("video", "failed", "partial_content")] * 2


def test_a_file_that_ends_early(tmp_path: Path) -> None:
    for gz in (True, False):
        data = Maker(gz).add().add(PICTURE, "image/png").data()
        first, second = of(data[:-100], tmp_path)
        assert read(first) == VIDEO
        assert (second.outcome, second.reason) == ("failed", "truncated")


def test_a_file_that_ends_before_the_answer_begins(tmp_path: Path) -> None:
    data = plain(VIDEO, "HTTP/1.1 200 OK\nContent-Type: video/mp4")
    items = of(data[: data.index(b"HTTP/1.1")], tmp_path)
    assert [(item.outcome, item.reason) for item in items] == [("failed", "truncated")]


def test_a_record_without_the_check_at_its_end(tmp_path: Path) -> None:
    items = of(Maker().add().data()[:-4], tmp_path)
    assert known(items) == [("video", "failed", "truncated")]


def test_a_damaged_record_and_what_follows_it(tmp_path: Path) -> None:
    one = Maker().add().data()
    data = bytearray(one + Maker().add(PICTURE, "image/png").data())
    data[len(one) - 6] ^= 0xFF  # the first gzip member's CRC
    items = of(bytes(data), tmp_path)
    assert known(items) == [("video", "failed", "damaged"), ("picture", "", "")]
    assert read(items[1]) == PICTURE
    data[len(one) + 1] ^= 0xFF  # and the beginning of the next, so that there is none
    items = of(bytes(data), tmp_path)
    assert known(items) == [("video", "failed", "damaged"), ("file", "failed", "rest_unreadable")]


def test_after_damage_reading_goes_on_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Maker().add().data()
    false = (b"\x1f\x8b\x08" + b"x" * 40) * 30
    # of the third, what follows the cut comes out of gzip as bytes of a video
    for between in (b"garbage", false, one[:-900] + false, one[:90] + b"y" * 70_000):
        items = of(one + between + one, tmp_path)
        assert [read(item) for item in items if item.open] == [VIDEO, VIDEO]
        assert [item.outcome for item in items] == ["", "failed", ""]
        assert len({item.place for item in items}) == 3
    monkeypatch.setattr(warc, "MAX_TRIES", 20)
    assert known(of(one + false + one, tmp_path))[1:] == [("file", "failed", "damaged")]


@pytest.mark.parametrize(
    "rest", [b"no record\r\n\r\n", b"WARC/1.1\r\nWARC-Type: response\r\n\r\n", b"A" * 99_999]
)
def test_garbage_after_a_record(tmp_path: Path, rest: bytes) -> None:
    items = of(Maker(gz=False).add().data() + rest, tmp_path)
    assert read(items[0]) == VIDEO
    assert items[-1].outcome == "failed"


def test_garbage_after_gzip_does_not_spoil_what_came_before(tmp_path: Path) -> None:
    items = of(Maker().add().data() + b"garbage", tmp_path)
    assert read(items[0]) == VIDEO
    assert known(items)[1:] == [("file", "failed", "damaged")]
    assert len(of(Maker().add().data() + b"\0" * 600, tmp_path)) == 1


def test_headers_without_end(tmp_path: Path) -> None:
    line = b"X: " + b"y" * 1000 + b"\r\n"
    items = of(b"WARC/1.1\r\n" + line * 1000, tmp_path)
    assert known(items) == [("file", "failed", "header_too_long")]
    (item,) = of(b"WARC/1.1\r\n" + b"z" * (1 << 20), tmp_path)
    assert item.reason == "header_too_long"


# --- hashes of members ---------------------------------------------------------------------------


def changed(manifest: dict[str, Any]) -> None:
    manifest["resources"][0]["hash"] = "sha256:" + "0" * 64


def test_a_member_that_differs_is_said_on_its_items_alone(tmp_path: Path) -> None:
    warcs = {"a.warc.gz": Maker().add().data(), "b.warc.gz": Maker().add().data()}
    path = wacz(tmp_path / "a.wacz", warcs, changed)
    whole, first, second = collect(path)
    assert whole.flags == first.flags == ("wacz_digest_differs",)
    assert second.flags == ()
    assert "wacz_digests_differ" in Wacz().preflight(str(path)).notes
    assert ("member_sha256", "0" * 64) in [(c.algorithm, c.value) for c in first.claimed]


def test_a_manifest_that_differs_is_said_everywhere(tmp_path: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["digest"] = "sha256:" + "1" * 64

    path = wacz(tmp_path / "a.wacz", {"a.warc.gz": Maker().add().data()}, change)
    assert all(item.flags == ("wacz_digest_differs",) for item in collect(path))


def test_members_missing_and_not_listed(tmp_path: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["resources"][0]["path"] = "archive/gone.warc.gz"

    path = wacz(tmp_path / "a.wacz", {"a.warc.gz": Maker().add().data()}, change)
    _, missing, item = collect(path)
    assert (missing.outcome, missing.reason) == ("not_included", "missing_member")
    assert item.flags == ("wacz_not_listed",)
    assert "wacz_members_missing" in Wacz().preflight(str(path)).notes


@pytest.mark.parametrize("value", ["not a list", [1], [{"path": 5}], [{}]])
def test_a_manifest_of_another_form(tmp_path: Path, value: object) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["resources"] = value

    path = wacz(tmp_path / "a.wacz", {"a.warc.gz": Maker().add().data()}, change)
    _, manifest, item = collect(path)
    assert (manifest.outcome, manifest.reason) == ("failed", "malformed_manifest")
    assert read(item) == VIDEO


def test_what_else_may_lie_beside_the_warcs(tmp_path: Path) -> None:
    warcs = {"a.warc.gz": Maker().add().data(), "b.warc.zst": b"\x28\xb5\x2f\xfd", "c.txt": b"x"}
    items = collect(wacz(tmp_path / "a.wacz", warcs))
    assert known(items)[1:] == [("video", "", ""), ("file", "failed", "unsupported_compression")]


def test_a_manifest_nested_without_end(tmp_path: Path) -> None:
    path = wacz(tmp_path / "a.wacz", {"a.warc.gz": Maker().add().data()})
    deep = b'{"resources": ' + b"[" * 200_000
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "b.wacz", "w") as new:
        for info in old.infolist():
            manifest = info.filename == "datapackage.json"
            new.writestr(info.filename, deep if manifest else old.read(info))
    assert known(collect(tmp_path / "b.wacz"))[1] == ("file", "failed", "malformed_manifest")


def test_a_manifest_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = wacz(tmp_path / "a.wacz", {"a.warc.gz": Maker().add().data()})
    monkeypatch.setattr(wacz_manifest, "MAX_MANIFEST", 50)
    assert known(collect(path))[1] == ("file", "failed", "bomb")


def test_what_the_manifest_says_is_kept(tmp_path: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["software"] = "a crawler 1.0"

    path = wacz(tmp_path / "a.wacz", {"a.warc.gz": Maker().add().data()}, change)
    message = collect(path)[0].protected["message"]
    assert isinstance(message, dict)
    # JSON, indexed deep
    assert message["says"]["software"] == "a crawler 1.0"  # type: ignore[index,call-overload]
    # JSON, indexed deep
    assert {each["agrees"] for each in message["members"]} == {"same"}  # type: ignore[index,union-attr,call-overload]


# --- hostile -------------------------------------------------------------------------------------


def test_a_gzip_bomb_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MAX_SMALL", 1 << 20)
    bomb = Maker().add(b"\0" * (8 << 20)).data()
    items = of(bomb, tmp_path)
    assert known(items) == [("video", "failed", "bomb"), ("file", "failed", "rest_unreadable")]


def test_a_zip_bomb_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MAX_SMALL", 1 << 20)
    data = Maker(gz=False).add(b"\0" * (8 << 20)).data()
    path = wacz(tmp_path / "a.wacz", {"a.warc": data}, method=zipfile.ZIP_DEFLATED)
    _, item = collect(path)
    assert (item.outcome, item.reason) == ("quarantined", "bomb")


def test_members_over_one_another_are_refused(tmp_path: Path) -> None:
    path = wacz(tmp_path / "a.wacz", {"a.warc": Maker(gz=False).add().data()})
    with zipfile.ZipFile(path, "a") as archive:
        archive.filelist += archive.filelist[:1] * 3
        archive.NameToInfo["again"] = archive.filelist[0]
        # zipfile has no other way to be told
        archive._didModify = True  # type: ignore[attr-defined]
    with pytest.raises(BadInput, match="bomb"):
        Wacz().preflight(str(path))
    assert not Wacz().recognises(str(path))


def test_a_member_before_the_file(tmp_path: Path) -> None:
    path = wacz(tmp_path / "a.wacz", {"a.warc.gz": Maker().add().data()})
    data = bytearray(path.read_bytes())
    end = data.rindex(b"PK\5\6") + 16  # where the directory is said to be: 5,000 bytes later
    data[end : end + 4] = (int.from_bytes(data[end : end + 4], "little") + 5_000).to_bytes(
        4, "little"
    )
    path.write_bytes(bytes(data))
    assert [known([item])[0][1:] for item in collect(path)][-1] == ("failed", "damaged")


@pytest.mark.parametrize("limit", ["MAX_MEMBERS", "MAX_DIRECTORY"])
def test_directories_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    path = wacz(tmp_path / "a.wacz", {"a.warc.gz": Maker().add().data()})
    monkeypatch.setattr(packed, limit, {"MAX_MEMBERS": 3, "MAX_DIRECTORY": 200}[limit])
    with pytest.raises(BadInput, match="bomb"):
        Wacz().preflight(str(path))


@pytest.mark.parametrize(
    ("name", "reason"),
    [("archive/../../x.warc.gz", "path_outside"), ("archive/link.warc.gz", "symlink")],
)
def test_hostile_members(tmp_path: Path, name: str, reason: str) -> None:
    path = wacz(tmp_path / "a.wacz", {"a.warc.gz": Maker().add().data()})
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16 if reason == "symlink" else 0
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(info, b"x")
    item = collect(path)[-1]
    assert (item.outcome, item.reason) == ("quarantined", reason)


def test_memory_stays_flat(tmp_path: Path) -> None:
    import tracemalloc

    body = bytes(range(256)) * (32 << 12)
    path = tmp_path / "big.warc"
    path.write_bytes(plain(chunks(body, 16 << 20), CHUNKED))
    del body
    tracemalloc.start()
    with contextlib.ExitStack() as stack:
        item = collect(path)[1]
        assert item.open is not None
        file = stack.enter_context(item.open())
        while file.read(1 << 16):
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


@given(st.data())
def test_any_damage_ends_in_words(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    path = tmp_path_factory.mktemp("damaged") / "a.wacz"
    made = bytearray(wacz(path, {"a.warc.gz": Maker().add(VIDEO[:2000]).data()}).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        made[data.draw(st.integers(0, len(made) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(made))
    try:
        items = collect(path)
    except BadInput:
        return
    for item in items:
        with contextlib.suppress(Unreadable):
            if item.open:
                read(item)


# --- finding, and the whole way ------------------------------------------------------------------


def test_what_is_recognised(tmp_path: Path) -> None:
    made = {
        "misnamed.bin": Maker().add().data(),
        "plain": Maker(gz=False).add().data(),
        "other.warc.gz": gzip.compress(b"no WARC"),
        "other.zip": b"PK\3\4 and no more",
        "empty.wacz": b"",
    }
    for name, data in made.items():
        (tmp_path / name).write_bytes(data)
    wacz(tmp_path / "crawl.zip", {"a.warc.gz": Maker().add().data()})
    with zipfile.ZipFile(tmp_path / "only.wacz", "w") as archive:
        archive.writestr("datapackage.json", "{}")
    (tmp_path / "link.wacz").symlink_to(tmp_path / "crawl.zip")
    found = {each.name for each in tmp_path.iterdir() if Wacz().recognises(str(each))}
    assert found == {"misnamed.bin", "plain", "crawl.zip"}
    for name in ("other.zip", "empty.wacz", "missing", "link.wacz", "\0"):
        with pytest.raises(BadInput):
            Wacz().preflight(str(tmp_path / name))


def test_preflight_counts_what_items_gives(tmp_path: Path) -> None:
    made = part(Maker().add().add(b"", "text/html", "404 Gone").add(b"x", "text/css"), 0, 9)
    path = wacz(tmp_path / "a.wacz", {"a.warc.gz": made.data(), "b.warc.gz": b"no WARC"})
    look = Wacz().preflight(str(path))
    assert look.items == len(collect(path)) == 5
    assert set(look.notes) == {"other_answers", "not_included", "damaged_records"}


def test_the_tally_of_a_run(archive: Archive, tmp_path: Path) -> None:
    made = Maker().add().add(b"gone", "text/html", "404 Not Found").add(PICTURE, "image/jpeg").add()
    path = wacz(tmp_path / "crawl.wacz", {"a.warc.gz": made.data()})
    for run in range(2):
        collector = collecting.choose(str(path))
        assert collector.name == "wacz"
        look = collector.preflight(str(path))
        tally = collecting.collect(archive, str(path), collector, Channel(), preflight=look).tally
        assert (tally.seen, tally.not_included) == (5, 1)
        assert (tally.stored, tally.already_held) == ((3, 1) if run == 0 else (0, 4))
    claims = [
        claim
        for row in archive.journal.read()
        for claim in getattr(row.said, "claimed", None) or ()
    ]
    assert {(c.algorithm, c.agrees) for c in claims} == {
        ("sha1", "same"), ("sha1", "not_compared"), ("member_sha256", "not_compared"),
    }  # fmt: skip
    assert {row.kind for row in archive.queries.objects()} == {"video", "picture", "document"}
    assert b"example.org" not in b"".join(each.body for each in archive.journal.read())
