"""Opens hostile media with FFmpeg: from an open file only, in listed formats only.

Time is not bounded here: a forged sample count keeps FFmpeg's own loops busy for seconds. The
worker's limits are the bound. PyAV's lazy parts are imported here, before a sandbox closes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO, TypeVar

import av
import av.logging
import av.subtitles.codeccontext
import av.subtitles.stream
import av.subtitles.subtitle
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

#: A decoded piece of a stream.
F = TypeVar("F", av.AudioFrame, av.VideoFrame)
#: Damaged packets in a row after which the rest is given up.
_PATIENCE = 200

#: Formats that hold their own data. Left out: playlists and scripts (hls, dash, concat, ...),
#: which make FFmpeg open further addresses, and text rendered as video (tty).
FORMATS = (
    "3g2,3gp,aac,aiff,amr,asf,av1,avi,bmp_pipe,dv,flac,flv,gif,h261,h263,h264,hevc,image2pipe,ivf,"
    "jpeg_pipe,jpegxl_anim,jpegxl_pipe,m4a,m4v,matroska,mj2,mov,mp3,mp4,mpeg,mpegts,mpegvideo,mxf,"
    "nut,obu,ogg,png_pipe,rm,tiff_pipe,wav,webm,webp_pipe,wtv"
)

#: What FFmpeg and PyAV raise on damaged input, beyond their own `FFmpegError`: PyAV checks a few
#: sizes itself and raises the plain `ValueError`.
DecodeErrors: tuple[type[Exception], ...] = (av.FFmpegError, ValueError)

av.logging.set_level(None)


class _Anonymous:
    """An open file without its name, so that a name never steers how the bytes are read."""

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read
        self.seek = file.seek
        self.tell = file.tell


def open_media(file: BinaryIO) -> InputContainer:
    """Reads the headers of the media in `file`, from its start.

    Raises:
        av.FFmpegError, ValueError: not media of a listed format, or damaged (`DecodeErrors`).
    """
    file.seek(0)
    return av.open(
        _Anonymous(file),
        mode="r",
        metadata_errors="backslashreplace",
        options={"format_whitelist": FORMATS},
        buffer_size=1 << 16,
    )


def decoded(
    container: InputContainer,
    stream: AudioStream | VideoStream,
    form: type[F],
    warn: Callable[[str], None],
) -> Iterator[F]:
    """What decodes of `stream`, in the file's order and of type `form`.

    Damage is skipped and never raised: `warn` is told `damaged_packets`, or `read_error` where
    the file itself ends badly. It may be told one word many times.
    """
    stream.codec_context.thread_count = 1  # one process a core already
    damaged, packets = 0, container.demux(stream)
    while damaged < _PATIENCE:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except DecodeErrors:
            warn("read_error")
            return
        try:
            for frame in packet.decode():
                damaged = 0
                if isinstance(frame, form):
                    yield frame
        except DecodeErrors:
            damaged += 1
            warn("damaged_packets")


def versions() -> dict[str, str]:
    """PyAV and the FFmpeg inside it."""
    return {"pyav": av.__version__, "ffmpeg": str(av.ffmpeg_version_info)}
