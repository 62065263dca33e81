"""The box tree of MP4 and QuickTime files, read by a parser of our own.

Box layout: ISO/IEC 14496-12, section 4.2; QuickTime File Format, "Atoms". Only headers and a few
small boxes are read; media data is never touched. What is malformed is reported, not repaired.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import struct
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from witnessmark.model import Json
from witnessmark.ports import Report

MAX_DEPTH = 32
MAX_BOXES = 20_000
#: The largest piece read of one box.
MAX_READ = 65_536
#: Edits kept in all; how many a list claims is kept for every track.
MAX_EDITS = 4_096
_SHOWN_TRACKS = 8
_SHOWN_NAMES = 16

#: Types that a file of this family may hold at its top level (14496-12, table 1; QuickTime).
TOP_LEVEL = frozenset(
    b"ftyp styp moov moof mdat free skip wide pnot uuid meta mfra sidx ssix prft pdin emsg "
    b"meco jumb".split()
)
CONTAINERS = frozenset(
    b"moov trak edts mdia minf dinf stbl mvex moof traf mfra udta meta meco sinf schi ilst tref "
    b"gmhd tapt iprp ipco".split()
)
_PLAIN = re.compile(rb"[A-Za-z0-9][A-Za-z0-9 ._+-]{3}")


def fourcc(code: bytes) -> str:
    """A four-character code as a token; `0x...` where it is not plain ASCII."""
    return code.decode("ascii").rstrip() if _PLAIN.fullmatch(code) else "0x" + code.hex()


@dataclasses.dataclass(slots=True)
class Box:
    """One box: where it starts, header length, the size it claims and what is really there."""

    type: bytes
    depth: int
    offset: int
    header: int
    claimed: int
    end: int
    uuid: str = ""

    @property
    def body(self) -> int:
        return self.offset + self.header

    def row(self) -> dict[str, Json]:
        extra = {"uuid": self.uuid} if self.uuid else {}
        return {
            "type": fourcc(self.type),
            "depth": self.depth,
            "offset": self.offset,
            "size": str(self.claimed),
            **extra,
        }


class _StopError(Exception):
    """The walk cannot go on; `reason` is a short word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Tree:
    """Walks the boxes of `file` once and keeps what it met, whatever state the file is in.

    Attributes:
        boxes: in file order.
        problem: the first reason why the tree could not be followed, "" if it could.
        trailing: bytes after the last box that are no box.
        movie, tracks: fields of mvhd, and of each trak; integers as the file has them.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._edits_left = MAX_EDITS
        self.boxes: list[Box] = []
        self.problem = ""
        self.trailing = 0
        self.brands: list[str] = []
        self.minor_version = ""
        self.movie: dict[str, Json] = {}
        self.tracks: list[dict[str, Json]] = []
        try:
            self._top()
        except _StopError as stop:
            self._note(stop.reason)

    def _note(self, reason: str) -> None:
        self.problem = self.problem or reason

    def _read(self, offset: int, count: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(max(0, min(count, MAX_READ)))

    def _header(self, offset: int, limit: int, depth: int) -> Box | None:
        """The box at `offset`; None where there is no header (zeros, or a size under 8)."""
        head = self._read(offset, 32)
        if len(head) < 8 or limit - offset < 8:
            return None
        size, kind = struct.unpack_from(">I4s", head)
        header = 8
        if size == 1:
            if len(head) < 16:
                return None
            (size,), header = struct.unpack_from(">Q", head, 8), 16
        elif size == 0 and depth == 0:
            size = limit - offset
        uuid = ""
        if kind == b"uuid":
            uuid, header = head[header : header + 16].hex(), header + 16
        if size < header:
            return None
        return Box(kind, depth, offset, header, size, min(offset + size, limit), uuid)

    def _top(self) -> None:
        offset = 0
        while offset < self._size:
            box = self._header(offset, self._size, 0)
            overruns = box is not None and box.offset + box.claimed > self._size
            if box is None or (box.type not in TOP_LEVEL and (overruns or not _known(box.type))):
                self._junk(offset)
                return
            self._enter(box, b"")
            if overruns:
                raise _StopError("truncated")
            offset = box.end

    def _junk(self, offset: int) -> None:
        """The rest is no box. After a whole movie it is something appended, else damage."""
        self.trailing = self._size - offset
        if not {b"moov", b"moof", b"meta"} & {box.type for box in self.boxes}:
            raise _StopError("malformed_box")

    def _children(self, parent: Box) -> None:
        offset, depth = parent.body + self._prefix(parent), parent.depth + 1
        if depth >= MAX_DEPTH:
            self._note("too_deep")
            return
        while parent.end - offset >= 8:
            box = self._header(offset, parent.end, depth)
            if box is None:
                # QuickTime ends a user data list with 32 zero bits; longer zeros are damage.
                self._note("malformed_box")
                return
            if box.offset + box.claimed > parent.end:
                whole = parent.offset + parent.claimed <= self._size
                self._note("malformed_box" if whole else "truncated")
            self._enter(box, parent.type)
            offset = box.end

    def _prefix(self, box: Box) -> int:
        """Bytes before the children: `meta` has a version in ISO files, none in QuickTime."""
        if box.type != b"meta":
            return 0
        return 0 if self._read(box.body + 4, 4) == b"hdlr" else 4

    def _enter(self, box: Box, parent: bytes) -> None:
        if len(self.boxes) >= MAX_BOXES:
            raise _StopError("too_many_boxes")
        self.boxes.append(box)
        if box.type == b"trak":
            self.tracks.append({})
        # Metadata and data references have handlers too; only the media's own is the track's.
        if box.type in _FIELDS and (box.type != b"hdlr" or parent == b"mdia"):
            try:
                _FIELDS[box.type](self, self._read(box.body, box.end - box.body))
            except struct.error:
                whole = box.offset + box.claimed <= self._size
                self._note("malformed_box" if whole else "truncated")
        if box.type in CONTAINERS:
            self._children(box)

    # --- fields of single boxes (14496-12: 4.3, 8.2.2, 8.3.2, 8.4.2, 8.4.3, 8.5.2, 8.6.6) ---

    def _track(self) -> dict[str, Json]:
        return self.tracks[-1] if self.tracks else {}

    def _ftyp(self, body: bytes) -> None:
        major, minor = struct.unpack_from(">4sI", body)
        codes = [body[i : i + 4] for i in range(8, len(body) - 3, 4)]
        if not self.brands:
            self.brands = [fourcc(code) for code in (major, *codes)]
            self.minor_version = str(minor)

    def _mvhd(self, body: bytes) -> None:
        self.movie.update(_times(body, ">II", ">QQ"))
        scale, duration = struct.unpack_from(*_after(body, ">II", ">IQ"))
        self.movie.update(timescale=str(scale), duration=str(duration))

    def _mdhd(self, body: bytes) -> None:
        track = self._track()
        track.update({f"media_{k}": v for k, v in _times(body, ">II", ">QQ").items()})
        scale, duration = struct.unpack_from(*_after(body, ">II", ">IQ"))
        track.update(timescale=str(scale), media_duration=str(duration))

    def _tkhd(self, body: bytes) -> None:
        number, _, duration = struct.unpack_from(*_after(body, ">III", ">IIQ"))
        self._track().update(_times(body, ">II", ">QQ"))
        self._track().update(track_id=str(number), duration=str(duration))

    def _hdlr(self, body: bytes) -> None:
        (kind,) = struct.unpack_from(">4s", body, 8)
        self._track().setdefault("handler", fourcc(kind))

    def _stsd(self, body: bytes) -> None:
        count, _, kind = struct.unpack_from(">II4s", body, 4)
        if count:
            self._track().setdefault("codec", fourcc(kind))

    def _elst(self, body: bytes) -> None:
        (count,) = struct.unpack_from(">I", body, 4)
        form = ">Qqhh" if body[0] == 1 else ">Iihh"
        rows = range(8, len(body) - struct.calcsize(form) + 1, struct.calcsize(form))
        rows = rows[: min(count, self._edits_left)]
        edits = [struct.unpack_from(form, body, at) for at in rows]
        self._edits_left -= len(edits)
        names = ("duration", "media_time", "rate", "rate_fraction")
        self._track()["edits"] = [
            {name: str(part) for name, part in zip(names, edit, strict=True)} for edit in edits
        ]
        self._track()["edit_count"] = str(count)


_FIELDS = {
    b"ftyp": Tree._ftyp,
    b"mvhd": Tree._mvhd,
    b"mdhd": Tree._mdhd,
    b"tkhd": Tree._tkhd,
    b"hdlr": Tree._hdlr,
    b"stsd": Tree._stsd,
    b"elst": Tree._elst,
}


def _known(kind: bytes) -> bool:
    return bool(_PLAIN.fullmatch(kind))


def _times(body: bytes, short: str, long: str) -> dict[str, Json]:
    """Creation and modification time in seconds since 1904, as the file has them."""
    created, modified = struct.unpack_from(long if body[:1] == b"\x01" else short, body, 4)
    return {"created": str(created), "modified": str(modified)}


def _after(body: bytes, short: str, long: str) -> tuple[str, bytes, int]:
    """Arguments for `unpack_from` for the fields behind the two times, by the box's version."""
    return (long, body, 20) if body[:1] == b"\x01" else (short, body, 12)


def layout(names: list[str]) -> str:
    """Names in order, with runs and repeated pairs folded: `ftyp moov moof+mdat*12`."""
    out: list[str] = []
    at = 0
    while at < len(names) and len(out) < _SHOWN_NAMES:
        runs = ((_repeats(names, at, period), period) for period in (1, 2))
        count, period = next((run for run in runs if run[0] > 1), (1, 1))
        word = "+".join(names[at : at + period])
        out.append(f"{word}*{count}" if count > 1 else word)
        at += count * period
    return " ".join(out + ["..."] * (at < len(names)))


def _repeats(names: list[str], at: int, period: int) -> int:
    """How often the next `period` names come in a row."""
    unit, count = names[at : at + period], 1
    while names[at + count * period : at + (count + 1) * period] == unit:
        count += 1
    return count


def _shorten(words: list[str]) -> str:
    return " ".join(words[:_SHOWN_NAMES]) + (" ..." if len(words) > _SHOWN_NAMES else "")


def _moov_place(top: list[str]) -> str:
    if "moov" not in top:
        return "absent"
    if "mdat" not in top:
        return "without mdat"
    return "before mdat" if top.index("moov") < top.index("mdat") else "after mdat"


def _track_values(tracks: list[dict[str, Json]]) -> Iterator[tuple[str, str]]:
    for number, track in enumerate(itertools.islice(tracks, _SHOWN_TRACKS)):
        for name, value in track.items():
            if isinstance(value, str):
                yield f"track{number}.{name}", value


class Container:
    """Reports the structure of an MP4 or QuickTime file."""

    name = "container"
    version = "1"

    def tools(self) -> Mapping[str, str]:
        return {}

    def examine(self, file: BinaryIO, size: int) -> Report:
        """Never raises on what the bytes say; reads at most `MAX_BOXES` small pieces."""
        if size < 8:
            return Report(result="inconclusive", reason="too_short" if size else "empty")
        file.seek(4)
        if file.read(4) not in TOP_LEVEL:
            return Report(result="not_applicable", reason="not_isobmff")
        tree = Tree(file, size)
        return Report(
            result="inconclusive" if tree.problem else "observed",
            reason=tree.problem,
            range="box headers and movie fields",
            values=self._values(tree, size),
            output={
                "boxes": [box.row() for box in tree.boxes],
                "brands": tree.brands,
                "movie": tree.movie,
                "tracks": tree.tracks,
                "trailing": tree.trailing,
                "size": size,
            },
        )

    def _values(self, tree: Tree, size: int) -> dict[str, str]:
        names = [fourcc(box.type) for box in tree.boxes]
        top = [fourcc(box.type) for box in tree.boxes if box.depth == 0]
        return {
            "bytes": str(size),
            "layout": layout(top),
            "moov": _moov_place(top),
            "truncated": "yes" if tree.problem == "truncated" else "no",
            "trailing_bytes": str(tree.trailing),
            "boxes": str(len(names)),
            "depth": str(max((box.depth for box in tree.boxes), default=0)),
            "fragments": str(names.count("moof")),
            "free": str(names.count("free") + names.count("skip") + names.count("wide")),
            "uuid": _shorten([box.uuid for box in tree.boxes if box.uuid][:4]),
            "brand": tree.brands[0] if tree.brands else "",
            "brand_version": tree.minor_version,
            "compatible": _shorten(tree.brands[1:]),
            **{f"movie.{name}": str(value) for name, value in tree.movie.items()},
            "tracks": str(len(tree.tracks)),
            **dict(_track_values(tree.tracks)),
        }
