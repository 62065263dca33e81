"""Damaged media: what decodes is given, what does not is named, and there is an end."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import av
import pytest

from witnessmark.verification import media

PICTURE = av.VideoFrame(16, 16, "gray")


class Packet:
    """A packet of these pieces; None is where it turns out to be damaged."""

    def __init__(self, *pieces: object) -> None:
        self.pieces = pieces

    def decode(self) -> Iterator[object]:
        for piece in self.pieces:
            if piece is None:
                raise ValueError
            yield piece


def decoded(packets: Iterator[Packet]) -> tuple[int, list[str]]:
    """How many pictures, and what was said of the rest."""
    warnings: list[str] = []
    container: Any = SimpleNamespace(demux=lambda stream: packets)
    stream: Any = SimpleNamespace(codec_context=SimpleNamespace())
    pictures = list(media.decoded(container, stream, av.VideoFrame, warnings.append))
    return len(pictures), warnings


def test_damaged_packets_are_skipped_and_named() -> None:
    packets = [Packet(PICTURE), Packet(None), Packet(PICTURE, None), Packet(object(), PICTURE)]
    assert decoded(iter(packets)) == (3, ["damaged_packets"] * 2)


def test_damage_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "_PATIENCE", 3)
    damaged, good = [Packet(None)] * 2, Packet(PICTURE)
    assert decoded(iter([*damaged, good, *damaged, good]))[0] == 2
    assert decoded(iter([good, *damaged, Packet(None), good]))[0] == 1


def test_a_file_that_ends_badly_gives_what_came_before() -> None:
    def packets() -> Iterator[Packet]:
        yield Packet(PICTURE)
        raise av.FFmpegError(5, "gone")

    assert decoded(packets()) == (1, ["read_error"])
