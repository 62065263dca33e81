"""Writes what auto-archiver and yt-dlp leave behind, in the shapes that those programs write."""

from __future__ import annotations

import csv
import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

VIDEO = b"\0\0\0\x18ftypisom"
PROCESSED = datetime(2026, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)


@dataclasses.dataclass
class Media:
    """As auto-archiver's; the field names are its own."""

    filename: str
    _key: str | None = None
    urls: list[str] = dataclasses.field(default_factory=list)
    properties: dict[str, Any] = dataclasses.field(default_factory=dict)
    _mimetype: str | None = None
    _stored: bool = dataclasses.field(default=False, repr=False)


@dataclasses.dataclass
class Metadata:
    """As auto-archiver's."""

    status: str = "no archiver"
    metadata: dict[str, Any] = dataclasses.field(default_factory=dict)
    _context: dict[str, Any] = dataclasses.field(default_factory=dict)
    media: list[Media] = dataclasses.field(default_factory=list)


def entry(
    url: str = "https://site.invalid/post/1",
    *media: Media,
    status: str = "yt-dlp_Site: success",
    **metadata: Any,
) -> Metadata:
    """What the tool holds of one address when it is done."""
    return Metadata(status, {"_processed_at": PROCESSED, "url": url, **metadata}, {}, list(media))


def write_json(path: Path, said: Metadata) -> Path:
    """As `json_enricher` writes: its own dicts, times through `str`."""
    raw = dataclasses.asdict(said)
    del raw["_context"]
    for each in raw["media"]:
        del each["_stored"]
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(raw, indent=4, default=str, ensure_ascii=False)
    path.write_text(text, encoding="utf-8")
    return path


def write_sheet(path: Path, *said: Metadata) -> Path:
    """As `csv_db` writes: `DictWriter` shows dicts, lists and times as Python does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(dataclasses.asdict(Metadata())))
        writer.writeheader()
        for each in said:
            writer.writerow(dataclasses.asdict(each))
    return path


INFO: dict[str, Any] = {
    "id": "abc123",
    "title": "A Title",
    "formats": [{"format_id": "18", "url": "https://media.invalid/18"}],
    "description": "Words below\nit",
    "uploader": "Some Uploader",
    "uploader_id": "@some",
    "duration": 12.9,
    "view_count": 40,
    "like_count": 3,
    "comment_count": 1,
    "width": 640,
    "height": 360,
    "timestamp": 1_700_000_000,
    "upload_date": "20231114",
    "webpage_url": "https://site.invalid/watch?v=abc123",
    "extractor": "site",
    "extractor_key": "Site",
    "ext": "mp4",
    "epoch": 1_700_086_400,
    "comments": [{"id": "c1", "author": "Somebody", "text": "Said", "timestamp": 1_700_000_100}],
    "_type": "video",
    "_version": {"version": "2026.10.26"},
}


def write_download(folder: Path, name: str, *endings: str, info: Any = None) -> Path:
    """Files `NAME.ENDING` of one download; `info` changes or (None) leaves out members."""
    folder.mkdir(parents=True, exist_ok=True)
    for ending in endings:
        path = folder / f"{name}.{ending}"
        if ending == "info.json":
            said = {k: v for k, v in {**INFO, **(info or {})}.items() if v is not None}
            path.write_text(json.dumps(said), encoding="utf-8")
        else:
            path.write_bytes(VIDEO + path.name.encode())
    return folder
