"""The box parser on boxes made by hand: what it reads, and that nothing makes it raise or hang."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from witnessmark.model.statement import PATTERNS, Token
from witnessmark.ports import Report
from witnessmark.verification.examinations.container import (
    MAX_BOXES,
    MAX_DEPTH,
    Container,
    fourcc,
    layout,
)


def box(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body


def full(kind: bytes, body: bytes, version: int = 0) -> bytes:
    return box(kind, bytes([version, 0, 0, 0]) + body)


def examine(data: bytes) -> Report:
    report = Container().examine(io.BytesIO(data), len(data))
    for name, value in report.values.items():
        assert PATTERNS[Token].fullmatch(name)
        assert PATTERNS[Token].fullmatch(value), (name, value)
    assert sum(len(n) + len(v) + 6 for n, v in report.values.items()) < 4096
    return report


FTYP = box(b"ftyp", b"isom" + struct.pack(">I", 512) + b"isommp42")


def track(number: int = 1, edits: bytes = b"") -> bytes:
    tkhd = full(b"tkhd", struct.pack(">IIIII", 11, 12, number, 0, 900) + bytes(60))
    mdhd = full(b"mdhd", struct.pack(">IIII", 21, 22, 30000, 27000))
    hdlr = full(b"hdlr", bytes(4) + b"vide" + bytes(12) + b"a name\0")
    entry = full(b"stsd", struct.pack(">I", 1) + box(b"avc1", bytes(70)))
    media = box(b"mdia", mdhd + hdlr + box(b"minf", box(b"stbl", entry)))
    return box(b"trak", tkhd + edits + media)


def movie(*tracks: bytes) -> bytes:
    mvhd = full(b"mvhd", struct.pack(">IIII", 1, 2, 600, 540) + bytes(80))
    return box(b"moov", mvhd + b"".join(tracks))


def test_reads_structure_times_and_tracks() -> None:
    edits = box(b"edts", full(b"elst", struct.pack(">IIihh", 1, 540, -1, 1, 0)))
    report = examine(FTYP + movie(track(1, edits), track(2)) + box(b"mdat", b"x" * 50))
    assert report.result == "observed"
    expected = {
        "layout": "ftyp moov mdat",
        "moov": "before mdat",
        "brand": "isom",
        "brand_version": "512",
        "compatible": "isom mp42",
        "movie.created": "1",
        "movie.modified": "2",
        "movie.timescale": "600",
        "movie.duration": "540",
        "tracks": "2",
        "track0.handler": "vide",
        "track0.codec": "avc1",
        "track0.created": "11",
        "track0.media_modified": "22",
        "track0.timescale": "30000",
        "track0.edit_count": "1",
        "track1.track_id": "2",
        "truncated": "no",
        "trailing_bytes": "0",
    }
    assert {name: report.values[name] for name in expected} == expected
    assert isinstance(report.output, dict)
    assert report.output["tracks"][0]["edits"] == [
        {"duration": "540", "media_time": "-1", "rate": "1", "rate_fraction": "0"}
    ]
    assert report.output["boxes"][0] == {"type": "ftyp", "depth": 0, "offset": 0, "size": "24"}


def test_version_one_times_are_64_bit() -> None:
    mvhd = full(b"mvhd", struct.pack(">QQIQ", 2**33, 2**34, 90000, 2**40), version=1)
    values = examine(FTYP + box(b"moov", mvhd)).values
    assert values["movie.created"] == str(2**33)
    assert values["movie.duration"] == str(2**40)


def test_large_size_uuid_and_size_zero() -> None:
    large = struct.pack(">I4sQ", 1, b"free", 24) + b"12345678"
    uuid = box(b"uuid", bytes(range(16)) + b"payload")
    open_ended = struct.pack(">I4s", 0, b"mdat") + b"z" * 99
    report = examine(FTYP + large + uuid + movie(track()) + open_ended)
    assert report.result == "observed"
    assert report.values["layout"] == "ftyp free uuid moov mdat"
    assert report.values["uuid"] == bytes(range(16)).hex()


def test_quicktime_meta_has_no_version() -> None:
    hdlr = full(b"hdlr", bytes(4) + b"mdta" + bytes(12))
    for body in (hdlr + box(b"keys"), bytes(4) + hdlr + box(b"keys")):
        report = examine(FTYP + box(b"moov", box(b"meta", body)))
        assert report.result == "observed"
        assert [row["type"] for row in report.output["boxes"]] == [
            "ftyp", "moov", "meta", "hdlr", "keys",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "result", "reason"),
    [
        (b"", "inconclusive", "empty"),
        (b"abc", "inconclusive", "too_short"),
        (b"\xff\xd8\xff\xe0 a picture", "not_applicable", "not_isobmff"),
        (FTYP + movie(track())[:-30], "inconclusive", "truncated"),
        (FTYP + struct.pack(">I4s", 9999, b"mdat") + b"x", "inconclusive", "truncated"),
        (FTYP + struct.pack(">I4s", 3, b"moov") + b"x" * 20, "inconclusive", "malformed_box"),
        (FTYP + struct.pack(">I4sQ", 1, b"moov", 2), "inconclusive", "malformed_box"),
        (
            FTYP + box(b"moov", struct.pack(">I4s", 500, b"trak")),
            "inconclusive",
            "malformed_box",
        ),
        (FTYP + box(b"moov", box(b"mvhd", b"\0\0")), "inconclusive", "malformed_box"),
        (FTYP + box(b"free") * (MAX_BOXES + 5), "inconclusive", "too_many_boxes"),
    ],
)
def test_what_cannot_be_followed_is_said(data: bytes, result: str, reason: str) -> None:
    report = examine(data)
    assert (report.result, report.reason) == (result, reason)


def test_what_was_read_before_the_cut_is_kept() -> None:
    report = examine(FTYP + movie(track()) + struct.pack(">I4s", 5000, b"mdat") + b"xyz")
    assert report.values["truncated"] == "yes"
    assert report.values["track0.handler"] == "vide"


def test_appended_bytes_are_counted() -> None:
    report = examine(FTYP + movie(track()) + box(b"mdat") + b"\x00\x01PK appended archive")
    assert report.result == "observed"
    assert report.values["trailing_bytes"] == "21"


def test_nesting_is_limited() -> None:
    data = b""
    for _ in range(MAX_DEPTH + 10):
        data = box(b"moov", data)
    report = examine(FTYP + data)
    assert report.reason == "too_deep"
    assert report.values["depth"] == str(MAX_DEPTH - 1)


def test_edits_are_bounded_over_all_tracks() -> None:
    elst = box(b"edts", full(b"elst", struct.pack(">I", 5000) + bytes(12 * 5000)))
    report = examine(FTYP + movie(*[track(n, elst) for n in range(3)]))
    kept = [len(each["edits"]) for each in report.output["tracks"]]
    assert kept == [4096, 0, 0]
    assert report.values["track2.edit_count"] == "5000"


def test_layout_folds_runs_and_pairs() -> None:
    assert layout(["ftyp", *["moof", "mdat"] * 3, "free", "free"]) == "ftyp moof+mdat*3 free*2"
    assert layout([str(n) for n in range(40)]).endswith(" ...")


def test_odd_codes_are_escaped() -> None:
    assert fourcc(b"qt  ") == "qt"
    assert fourcc(b"\xa9nam") == "0xa96e616d"
    assert fourcc(b"----") == "0x2d2d2d2d"


KINDS = st.sampled_from(
    [b"moov", b"trak", b"mdia", b"mdat", b"elst", b"mvhd", b"tkhd", b"hdlr", b"meta", b"uuid",
     b"stsd", b"ftyp", b"\xa9xyz", b"abcd"]
)  # fmt: skip
TREES = st.recursive(
    st.builds(box, KINDS, st.binary(max_size=40)),
    lambda inner: st.builds(box, KINDS, st.lists(inner, max_size=4).map(b"".join)),
    max_leaves=12,
)


@given(st.binary(max_size=300), st.booleans())
def test_random_bytes_never_raise(data: bytes, start_well: bool) -> None:
    examine(FTYP + data if start_well else data)


@given(st.lists(TREES, max_size=4).map(b"".join), st.data())
def test_damaged_trees_never_raise(tree: bytes, data: st.DataObject) -> None:
    damaged = bytearray(FTYP + tree)
    for place in data.draw(st.lists(st.integers(0, len(damaged) - 1), max_size=4)):
        damaged[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(damaged)))
    examine(bytes(damaged[:cut]))


def test_a_file_shorter_than_stated_is_no_crash() -> None:
    data = FTYP + movie(track())
    report = Container().examine(io.BytesIO(data[:60]), len(data))
    assert report.result == "inconclusive"
