"""What a media file says of itself: formats, streams, and the tags that came with it.

Read by FFmpeg through PyAV. Everything here is a statement by the file, which anybody can edit;
it becomes evidence only next to other findings.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import BinaryIO

import av
from av.container import InputContainer
from av.stream import Stream

from witnessmark.model import Json
from witnessmark.ports import Report
from witnessmark.verification.media import DecodeErrors, open_media, versions

MAX_TAGS = 256
MAX_TAG = 4_096
_SHOWN_STREAMS = 6
#: FFmpeg's words for what an entry in `values` may not hold become `other`.
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:;/+=()%*,@-]{0,63}")
#: Packets to decode at most before the first picture must have come.
_PATIENCE = 64


def _text(value: object) -> str:
    """A number or an FFmpeg name as a token, "" when unknown."""
    text = "" if value is None else str(value)
    return text if not text or _WORD.fullmatch(text) else "other"


def _seconds(ticks: int | None, base: Fraction | None) -> str:
    """Ticks as decimal seconds with six places, "" when unknown."""
    if ticks is None or not base:
        return ""
    micros = round(ticks * base * 1_000_000)
    sign, micros = ("-" if micros < 0 else ""), abs(micros)
    # "0-1.5" would be no number: a negative start is written after a word.
    return f"{'minus ' if sign else ''}{micros // 1_000_000}.{micros % 1_000_000:06d}"


def _common(stream: Stream) -> dict[str, str]:
    codec = stream.codec_context
    return {
        "type": _text(stream.type),
        "codec": _text(codec.name if codec else None),
        "profile": _text(stream.profile),
        "time_base": _text(stream.time_base),
        "start": _seconds(stream.start_time, stream.time_base),
        "duration": _seconds(stream.duration, stream.time_base),
        "frames_stated": _text(stream.frames),
        "bit_rate": _text(codec.bit_rate if codec else None),
    }


def _particular(stream: Stream) -> dict[str, str]:
    """What only video or only audio streams have; nothing where FFmpeg knows no decoder."""
    codec = stream.codec_context
    if isinstance(codec, av.VideoCodecContext):
        return {
            "width": _text(codec.width),
            "height": _text(codec.height),
            "pixel_format": _text(codec.pix_fmt),
            "pixel_aspect": _text(codec.sample_aspect_ratio),
            "average_rate": _text(getattr(stream, "average_rate", None)),
            "base_rate": _text(getattr(stream, "base_rate", None)),
        }
    if isinstance(codec, av.AudioCodecContext):
        return {
            "sample_rate": _text(codec.sample_rate),
            "channels": _text(codec.channels),
            "sample_format": _text(getattr(codec.format, "name", None)),
        }
    return {}


def _rotation(container: InputContainer) -> str:
    """Degrees anticlockwise that the first picture asks to be turned; "" if none decoded."""
    if not container.streams.video:
        return ""
    stream = container.streams.video[0]
    try:
        for packet in itertools.islice(container.demux(stream), _PATIENCE):
            for frame in packet.decode():
                return str(frame.rotation % 360)
    except DecodeErrors:
        return ""
    return ""


def _tags(groups: Iterable[tuple[str, Mapping[str, str]]]) -> Iterator[tuple[str, str]]:
    for group, tags in groups:
        for name, value in tags.items():
            yield f"{group}.{name[:128]}", value[:MAX_TAG]


class Metadata:
    """Reports formats and streams as values, and every tag as protected text."""

    name = "metadata"
    version = "1"

    def tools(self) -> Mapping[str, str]:
        return versions()

    def examine(self, file: BinaryIO, size: int) -> Report:
        """Never raises on what the bytes say; decodes at most the first picture."""
        if size == 0:
            return Report(result="inconclusive", reason="empty")
        try:
            container = open_media(file)
        except DecodeErrors:
            return Report(result="inconclusive", reason=_refusal(file, size))
        with container:
            return self._report(container)

    def _report(self, container: InputContainer) -> Report:
        streams = [{**_common(each), **_particular(each)} for each in container.streams]
        groups = [("container", container.metadata)]
        groups += [(f"stream{n}", s.metadata) for n, s in enumerate(container.streams)]
        count = sum(len(tags) for _, tags in groups)
        general = {
            "format": _text(container.format.name),
            "duration": _seconds(container.duration, Fraction(1, av.time_base)),
            "start": _seconds(container.start_time, Fraction(1, av.time_base)),
            "bit_rate": _text(container.bit_rate),
            "streams": str(len(streams)),
            "tags": str(count),
            "rotation": _rotation(container),
        }
        shown = {
            f"stream{number}.{name}": text
            for number, stream in enumerate(streams[:_SHOWN_STREAMS])
            for name, text in stream.items()
            if text
        }
        output: Json = {"container": general, "streams": list(streams)}
        return Report(
            result="observed" if streams else "inconclusive",
            reason="" if streams else "no_streams",
            range="headers and first picture",
            values={**general, **shown},
            tags=dict(itertools.islice(_tags(groups), MAX_TAGS)),
            output=output,
        )


def _refusal(file: BinaryIO, size: int) -> str:
    """Why FFmpeg opened nothing: an ISO file whose index is missing or cut, or no media at all."""
    file.seek(4)
    if file.read(4) not in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "not_media"
    offset = 0
    for _ in range(64):
        file.seek(offset)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8 or offset + length > size:
            return "truncated_moov"
        if head[4:8] == b"moov":
            return "damaged_moov"
        offset += length
    return "damaged_moov"
