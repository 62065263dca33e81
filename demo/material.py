"""The sources of the demo: two channels' exports and a folder that somebody handed over."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from support import edits
from support.exports import Chat, Post, telegram_html, telegram_json


def _day(day: int, hour: int = 12) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def channel_a(folder: Path, clips: dict[str, Path], work: Path) -> Path:
    """Party A's channel, as JSON: originals, a re-upload in low bitrate, one post without file."""
    low = edits.low_bitrate(clips["world"], work / "world_low.mp4")
    crop = edits.crop(clips["bikes"], work / "bikes_crop.mp4", fraction=0.15)
    posts = [
        Post(id=101, at=_day(1), text="At the crossroads of Upper Valley", video=clips["bikes"]),
        Post(id=102, at=_day(2), text="From our archive", video=low, edited=_day(9)),
        Post(id=103, at=_day(3), text="Will be posted again", missing="not_included"),
        Post(id=104, at=_day(4), text="Closer", video=crop, forwarded_from="Another Channel"),
        Post(id=105, at=_day(5), text="On the road", video=clips["carphone"]),
    ]
    return telegram_json(folder, Chat(name="Party A Channel", id=9001, posts=posts))


def channel_b(folder: Path, clips: dict[str, Path], work: Path) -> Path:
    """Party B's channel, as HTML: the same footage mirrored, under a caption, cut, compiled."""
    mirror = edits.mirror(clips["bikes"], work / "bikes_mirror.mp4")
    caption = edits.caption_bar_and_logo(clips["world"], work / "world_caption.mp4")
    excerpt = edits.excerpt(clips["bunny"], work / "bunny_part.mp4", start=1.0, end=5.0)
    parts = [(clips["carphone"], 0.0, 4.0), (clips["bunny"], 0.0, 5.0), (clips["bikes"], 2.0, 9.0)]
    mixed = edits.compilation(parts, work / "compilation.mp4")
    posts = [
        Post(id=11, at=_day(2), text="They filmed this", video=mirror),
        Post(id=12, at=_day(6), text="Look", video=caption, forwarded_from="Somebody"),
        Post(id=13, at=_day(7), text="Cut", video=excerpt),
        Post(id=14, at=_day(8), text="All together", video=mixed),
        Post(id=15, at=_day(9), text="Too large", missing="exceeds_maximum_size"),
    ]
    return telegram_html(folder, Chat(name="Party B Channel", id=9002, posts=posts))


def handed_over(folder: Path, clips: dict[str, Path]) -> Path:
    """What a person brought: originals, an exact copy under another name, a broken file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("bunny", "titles", "world"):
        shutil.copyfile(clips[name], folder / f"{name}.mp4")
    shutil.copyfile(clips["bikes"], folder / "VID_0001 (2).mp4")
    whole = clips["carphone"].read_bytes()
    (folder / "broken.mp4").write_bytes(whole[: len(whole) // 3])
    (folder / "empty.mp4").write_bytes(b"")
    shared = [path for name, path in clips.items() if "__" in name]
    for path in shared[:3]:
        shutil.copyfile(path, folder / path.name)
    return folder
