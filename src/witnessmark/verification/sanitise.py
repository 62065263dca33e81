"""Copies without traces of device and tools, that anybody with the original can make again.

Video and sound keep their coded packets, less what carries messages beside the picture; container,
metadata, data streams, cover pictures and subtitles are written anew or left out. Pictures are
decoded and written as PNG. Nothing is encoded again with a loss. What a picture shows, a voice
says, or a codec's own pattern gives away stays in it, and so may an encoder's name within coded
sound (AAC and MP3 have places for it): this is no redaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, BinaryIO

import av
import cv2
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from witnessmark.model import Json
from witnessmark.ports import Result
from witnessmark.verification.media import DecodeErrors, open_media, versions

METHOD, VERSION = "sanitise", "2"
Emit = Callable[[bytes], None]

#: Codec to the bitstream filter that takes out messages (SEI, metadata units), and what to call
#: what it took. Unit types: H.264 7.4.1, H.265 7.4.2.2, AV1 6.2.2.
_FILTERS = {
    "h264": ("filter_units=remove_types=6|24-31", "h264_sei"),
    "hevc": ("filter_units=remove_types=39|40|48-63", "hevc_sei"),
    "av1": ("filter_units=remove_types=5", "av1_metadata"),
}
#: NAL units that a decoder of H.265 needs beforehand (7.4.2.2).
_PARAMETER_SETS = (32, 33, 34)
#: Codecs whose pictures carry no words, or words that a filter takes out. Not Motion JPEG, MPEG-1,
#: MPEG-2, MPEG-4 part 2 and ProRes: metadata stands in their pictures, and no filter knows it.
_VIDEO = {*_FILTERS, "vp8", "vp9"}
#: Sound whose headers hold no words; Vorbis' do.
_SOUND = {"aac", "mp3", "mp2", "ac3", "eac3", "opus", "alac", "amr_nb", "amr_wb", "flac"}
#: What fits into a fragmented MP4; the rest goes into Matroska.
_MP4 = {"h264", "hevc", "av1", "mpeg4", "aac", "mp3", "ac3", "eac3", "alac"}
_FRAGMENTS = "frag_keyframe+empty_moov+default_base_moof"
_REMOVED = ("container_metadata", "stream_metadata", "data_streams", "subtitles", "chapters")


class CannotSanitise(Exception):
    """The message says why, in a word of ours."""


def sanitise(file: BinaryIO, params: Mapping[str, Json], emit: Emit) -> Result:
    """Writes the copy in parts to `emit`; the engine's third argument.

    Args:
        params: `kind` of the object (`video`, `sound`, `picture`).

    Returns:
        value: `removed`, `streams` (kind, codec, packets, sha256), `tools`, as
            `DerivativeMade` says them; or `reason` when there is no such copy.
    """
    try:
        made = _picture(file, emit) if params["kind"] == "picture" else _media(file, emit)
    except CannotSanitise as why:
        return Result({"reason": str(why)})
    except DecodeErrors:
        return Result({"reason": "damaged"})
    return Result({**made, "tools": _tools()})


def digests(file: BinaryIO, kind: str) -> list[Json]:
    """`streams` of what is there already: for an original and its copy they are the same."""
    if kind == "picture":
        return [_pixels(_decoded(file))]
    with open_media(file) as source:
        kept = _kept(source)
        filters = {index: _filter(stream) for index, stream in kept.items()}
        counted = {index: _Digest(stream) for index, stream in kept.items()}
        for index, packet in _packets(source, kept, filters):
            counted[index].add(packet)
        return [each.said() for each in counted.values()]


def framing(file: BinaryIO, kind: str) -> list[Json]:
    """What the packets' bytes do not say: when each is shown, and how large. Empty for pictures."""
    if kind == "picture":
        return []
    with open_media(file) as source:
        kept = _kept(source)
        times: dict[int, Any] = {index: hashlib.sha256() for index in kept}
        for packet in source.demux(*kept.values()):
            if packet.size and packet.pts is not None and packet.time_base is not None:
                moment = round(packet.pts * packet.time_base * 1000)
                times[packet.stream.index].update(b"%d\n" % moment)
        return [_frame(stream, times[index].hexdigest()) for index, stream in kept.items()]


def _frame(stream: Stream, times: str) -> dict[str, Json]:
    context = stream.codec_context
    size = [getattr(context, name, 0) or 0 for name in ("width", "height", "sample_rate")]
    return {"times": times, "size": size}


def streams(file: BinaryIO, params: Mapping[str, Json]) -> Result:
    """`digests` and `framing` as a task of its own."""
    kind = str(params["kind"])
    return Result({"packets": digests(file, kind), "framing": framing(file, kind)})


class _Digest:
    """SHA-256 over a stream's packets, in order, as the filter left them."""

    def __init__(self, stream: Stream) -> None:
        self._kind, self._codec = stream.type, _name(stream)
        self.packets, self._digest = 0, hashlib.sha256()

    def add(self, packet: Packet[Stream]) -> None:
        self.packets += 1
        self._digest.update(bytes(packet))

    def said(self) -> dict[str, Json]:
        return {
            "kind": self._kind,
            "codec": self._codec,
            "packets": self.packets,
            "sha256": self._digest.hexdigest(),
        }


class _Sink:
    """What FFmpeg writes to; it cannot go back, so the copy must be written in one go."""

    def __init__(self, emit: Emit) -> None:
        self.write = self._write
        self._emit = emit

    def _write(self, data: bytes) -> int:
        self._emit(bytes(data))
        return len(data)


def _media(file: BinaryIO, emit: Emit) -> dict[str, Json]:
    with open_media(file) as source:
        kept = _kept(source)
        counted = {index: _Digest(stream) for index, stream in kept.items()}
        with _container(_Sink(emit), kept.values()) as copy:
            targets = {i: copy.add_stream_from_template(s, opaque=True) for i, s in kept.items()}
            filters = {i: _filter(stream, targets[i]) for i, stream in kept.items()}
            for index, packet in _packets(source, kept, filters):
                counted[index].add(packet)
                packet.stream = targets[index]
                copy.mux(packet)
        removed = [_FILTERS[_name(s)][1] for s in kept.values() if _name(s) in _FILTERS]
    if not any(each.packets for each in counted.values()):
        raise CannotSanitise("damaged")
    return {"removed": [*_REMOVED, *removed], "streams": [each.said() for each in counted.values()]}


def _container(sink: _Sink, streams: Iterable[Stream]) -> OutputContainer:
    names = {_name(stream) for stream in streams}
    options = {"fflags": "+bitexact"}
    if names <= _MP4:
        return av.open(sink, "w", format="mp4", options={**options, "movflags": _FRAGMENTS})
    return av.open(sink, "w", format="matroska", options=options)


def _kept(source: InputContainer) -> dict[int, Stream]:
    """Streams of picture and sound, by index. Raises `CannotSanitise`."""
    kept: dict[int, Stream] = {}
    for stream in source.streams:
        if stream.type not in ("video", "audio") or stream.disposition & Disposition.attached_pic:
            continue
        name = _name(stream)
        if name not in _VIDEO | _SOUND and not name.startswith("pcm_"):
            raise CannotSanitise(f"codec_{name or 'unknown'}")
        kept[stream.index] = stream
    if not kept:
        raise CannotSanitise("no_picture_or_sound")
    return kept


def _name(stream: Stream) -> str:
    """The codec's own name; decoders of one codec have several."""
    return stream.codec_context.codec.canonical_name if stream.codec_context else ""


def _filter(stream: Stream, target: Stream | None = None) -> BitStreamFilterContext | None:
    """The filter for a stream; it tells `target` how its packets are framed now."""
    name = _name(stream)
    if name not in _FILTERS:
        return None
    found = BitStreamFilterContext(_FILTERS[name][0], stream, target)
    if target is not None and name == "hevc":  # the filter leaves the header as it is
        units = [
            u for u in _units(stream.codec_context.extradata) if u[0] >> 1 & 63 in (32, 33, 34)
        ]
        target.codec_context.extradata = b"".join(b"\0\0\0\1" + unit for unit in units)
    return found


def _units(header: bytes | None) -> list[bytes]:
    """NAL units of an hvcC record (ISO/IEC 14496-15, 8.3.3.1) or of Annex B."""
    if not header or header[0] != 1:
        return [part.rstrip(b"\0") for part in (header or b"").split(b"\0\0\1")[1:]]
    at, found = 23, []
    for _ in range(header[22]):
        count, at = int.from_bytes(header[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            size = int.from_bytes(header[at : at + 2], "big")
            found.append(header[at + 2 : at + 2 + size])
            at += 2 + size
    return [unit for unit in found if unit]


def _packets(
    source: InputContainer,
    kept: Mapping[int, Stream],
    filters: Mapping[int, BitStreamFilterContext | None],
) -> Iterator[tuple[int, Packet[Stream]]]:
    """All packets with bytes in them, in file order, filtered."""
    for packet in source.demux(*kept.values()):
        if not packet.size:
            continue
        index = packet.stream.index
        through = filters[index]
        for each in through.filter(packet) if through else [packet]:
            if each.size:
                yield index, _bare(each, packet.stream)


def _bare(packet: Packet[Stream], stream: Stream) -> Packet[Stream]:
    """The coded bytes and their times, without what a container put beside them."""
    bare = Packet(bytes(packet))
    bare.stream, bare.time_base, bare.is_keyframe = stream, packet.time_base, packet.is_keyframe
    bare.pts, bare.dts, bare.duration = packet.pts, packet.dts, packet.duration
    return bare


def _picture(file: BinaryIO, emit: Emit) -> dict[str, Json]:
    pixels = _decoded(file)
    done, data = cv2.imencode(".png", pixels)
    if not done:
        raise CannotSanitise("not_a_png")
    emit(data.tobytes())
    return {"removed": ["container_metadata"], "streams": [_pixels(pixels)]}


def _decoded(file: BinaryIO) -> np.ndarray:
    """The pixels as a viewer shows them, turned upright. Raises `CannotSanitise`."""
    file.seek(0)
    data = np.frombuffer(file.read(), np.uint8)
    if _frames(file) > 1 or _has_second_page(data):
        raise CannotSanitise("moving_picture")
    pixels = cv2.imdecode(data, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH) if data.size else None
    if pixels is None:
        raise CannotSanitise("damaged")
    _no_transparency(data)
    return pixels


def _has_second_page(data: np.ndarray) -> bool:
    """A TIFF of several pages, an animation that FFmpeg shows one picture of."""
    return bool(data.size) and cv2.imdecodemulti(data, cv2.IMREAD_UNCHANGED, range=(1, 2))[0]


def _no_transparency(data: np.ndarray) -> None:
    """Raises `CannotSanitise` for pictures of which a copy without transparency shows less."""
    whole = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if whole is not None and whole.ndim == 3 and whole.shape[2] in (2, 4):
        seen = whole[..., -1]
        if seen.min() < seen.max() or seen.max() == 0:
            raise CannotSanitise("transparent")


def _frames(file: BinaryIO) -> int:
    """One or two: how many pictures FFmpeg finds; 0 when it knows no such format."""
    try:
        with open_media(file) as source:
            if not source.streams.video:
                return 0
            return sum(1 for _, _ in zip(range(2), source.decode(video=0), strict=False))
    except DecodeErrors:
        return 0


def _pixels(pixels: np.ndarray) -> dict[str, Json]:
    shape = " ".join(map(str, (*pixels.shape, pixels.dtype)))
    digest = hashlib.sha256(shape.encode() + b"\n" + np.ascontiguousarray(pixels).tobytes())
    return {"kind": "picture", "codec": "pixels", "packets": 1, "sha256": digest.hexdigest()}


def _tools() -> dict[str, Json]:
    return {**versions(), "opencv": cv2.__version__}
