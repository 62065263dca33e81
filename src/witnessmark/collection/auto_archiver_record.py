"""What auto-archiver says of one address: its status, metadata and media, from JSON or a sheet.

Seen in the public source of Bellingcat's auto-archiver (versions before and after 1.0):

- `Metadata` is `status`, `metadata`, `media`, in older ones also `rearchivable`, in newer ones
  `_context`; `Media` is `filename` (a temporary path on the machine that archived), `key` or
  `_key`, `urls`, `properties`, `_mimetype`. Media stand inside the properties of media.
- `json_enricher` writes that as JSON, before anything is stored: `key` and `urls` are empty there.
- `csv_db` writes one row a finished address; a cell is what Python shows of the value.
- `hash_enricher` gives `SHA-256:` or `SHA3-512:` and digits in the property `hash`;
  `pdq_hash_enricher` writes `hex(...)[2:]`, which drops leading zeros.
- `set_timestamp` takes what a site gave, and `get_timestamp` puts UTC in place of any zone and of
  none: a time that is called UTC may be anybody's.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import BinaryIO

from witnessmark.collection.pyrepr import read_repr
from witnessmark.model import DatedBy
from witnessmark.model.json import MAX_INTEGER, Json
from witnessmark.model.statement import Instant, Token
from witnessmark.ports import Claim

TOOL = "auto-archiver"
#: A JSON record and a cell of a sheet are read whole, up to this many bytes.
MAX_RECORD = 8 << 20
#: How deep a record may be nested, as in `pyrepr`.
MAX_DEPTH = 50
#: Media inside of media: how deep, and how many of one come along.
MAX_INNER_DEPTH, MAX_INNER = 4, 100
_LINE = 1 << 20
_LONG = 64 << 10
_COLUMNS = {"status", "metadata", "media"}
_MORE_COLUMNS = {"_context", "rearchivable"}
_FIRST = re.compile(r'\{\s*"(?:status|metadata|media|_context|rearchivable)"\s*:')
_MAX_TIME = 253_402_300_800

#: Their word for an algorithm, ours, and how many hexadecimal digits it gives. Claims are public,
#: so that no other word from outside may become one.
_ALGORITHMS = {
    "MD5": ("md5", 32),
    "SHA-1": ("sha1", 40),
    "SHA-256": ("sha256", 64),
    "SHA-384": ("sha384", 96),
    "SHA-512": ("sha512", 128),
    "SHA3-256": ("sha3_256", 64),
    "SHA3-512": ("sha3_512", 128),
    "BLAKE2B": ("blake2b", 128),
    "BLAKE3": ("blake3", 64),
}
_HASH = re.compile(r"([A-Za-z0-9-]{1,32}):([0-9a-fA-F]{8,256})")
_KINDS = {
    "_final_media": "report",
    "browsertrix": "wacz",
    "cover": "cover",
    "metadata_json": "metadata",
    "screenshot": "screenshot",
    "timestamped_hashes": "timestamped_hashes",
}
_ROLES = {
    "thumbnails": "thumbnail",
    "timestamp_authority_files": "timestamp_token",
    "cert_chain": "certificate",
}
_AUTHOR = ("author", "author_id", "uploader", "uploader_id", "channel", "username", "user_id")


class MalformedError(Exception):
    """A record that does not have the form that auto-archiver writes."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclasses.dataclass(frozen=True, slots=True)
class Media:
    """One medium: its names in the order in which they are tried, and what is said of it.

    Attributes:
        keys, urls, filename: where the tool put it; any may be empty.
        raw: as it stands there.
        role: what it is to the medium it stands in; "" for one that stands by itself.
        inner: the media inside, flat, each without its own `inner`.
    """

    keys: tuple[str, ...]
    urls: tuple[str, ...]
    filename: str
    raw: Mapping[str, object]
    role: str = ""
    inner: tuple[Media, ...] = ()

    @property
    def name(self) -> str:
        """Names it in its record: what storing gave it, else its temporary path."""
        return next((name for name in (*self.keys, *self.urls, self.filename) if name), "")

    @property
    def properties(self) -> Mapping[str, object]:
        found = self.raw.get("properties")
        return found if isinstance(found, Mapping) else {}

    @property
    def kind(self) -> str:
        """By its id where the tool gives one that we know, else by its type."""
        if known := _KINDS.get(str(self.properties.get("id"))):
            return known
        kind = str(self.raw.get("_mimetype") or "").partition("/")[0]
        return kind if kind in ("video", "image", "audio") else "file"


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One address and what became of it; `columns` are the row's, where it is one of a sheet."""

    status: str
    metadata: Mapping[str, object]
    media: tuple[Media, ...]
    columns: Json = None

    @property
    def url(self) -> str:
        url = self.metadata.get("url")
        return url if isinstance(url, str) else ""

    @property
    def missing(self) -> tuple[str, str]:
        """Outcome and reason when the address itself did not come; two empty words if it did."""
        status = self.status.lower()
        if "success" in status and self.media:
            return "", ""
        if re.search(r"fail|error|exception|abort", status):
            return "failed", "archiver_failed"
        if status in ("nothing archived", "no archiver", "no extractor", ""):
            return "not_included", "nothing_archived"
        return ("", "") if self.media else ("not_included", "no_media")


@dataclasses.dataclass(frozen=True, slots=True)
class Broken:
    """A row that cannot be read, or the place where a sheet ends early."""

    reason: str
    columns: Json = None
    row: int = 0


# --- reading -------------------------------------------------------------------------------------


def looks_like_json(head: bytes, *, whole: bool) -> bool:
    """Whether the beginning of a file (or all of it) is a record that auto-archiver wrote."""
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if not _FIRST.match(text):
        return False
    if whole:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            pass  # cut short or damaged, and still theirs
        else:
            return found.keys() >= _COLUMNS and isinstance(found["metadata"], dict)
    return '"status"' in text and '"metadata"' in text and '"_processed_at"' in text


def looks_like_sheet(head: bytes) -> bool:
    """Whether the first line is the header that `csv_db` writes."""
    line = head.decode("utf-8", "replace").lstrip("\ufeff").splitlines()[:1]
    names = [name.strip('"') for name in line[0].split(",")] if line else []
    return set(names) >= _COLUMNS and set(names) <= _COLUMNS | _MORE_COLUMNS


def read_json(file: BinaryIO) -> Entry:
    """The record in one JSON file.

    Raises:
        MalformedError: `record_too_large` or `malformed_record`.
    """
    data = file.read(MAX_RECORD + 1)
    if len(data) > MAX_RECORD:
        raise MalformedError("record_too_large")
    try:
        found = json.loads(data.decode("utf-8-sig"))
        if not isinstance(found, dict):
            raise MalformedError("malformed_record")
        return _entry(found)
    except (ValueError, RecursionError) as error:
        raise MalformedError("malformed_record") from error


def read_sheet(file: BinaryIO) -> Iterator[Entry | Broken]:
    """The rows of a sheet, one at a time; damage ends it with `damaged_sheet`."""
    number = 0
    try:
        rows = _rows(file)
        header = [name.strip("\ufeff") for name in next(rows, [])]
        for row in rows:
            number += 1
            if row:
                yield _row(header, row, number)
    except (csv.Error, UnicodeError):
        yield Broken("damaged_sheet", row=number + 1)


def _rows(file: BinaryIO) -> Iterator[list[str]]:
    """Rows whose lines come in bounded pieces; the reader's limit is the whole program's."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    reader = csv.reader(iter(lambda: text.readline(_LINE), ""))
    try:
        while True:
            before = csv.field_size_limit(MAX_RECORD)
            try:
                row = next(reader, None)
            finally:
                csv.field_size_limit(before)
            if row is None:
                return
            yield row
    finally:
        text.detach()


def _row(header: list[str], row: list[str], number: int) -> Entry | Broken:
    names = [*header, *[""] * (len(row) - len(header))]
    columns: Json = [[name, cell] for name, cell in zip(names, row, strict=False)]
    cells = dict(zip(header, row, strict=False))
    try:
        members = {name: read_repr(cells[name]) for name in ("metadata", "media")}
        found = _entry({"status": cells["status"], **members})
    except (KeyError, ValueError, MalformedError, RecursionError):
        return Broken("malformed_row", columns, number)
    return dataclasses.replace(found, columns=columns)


def _entry(raw: Mapping[str, object]) -> Entry:
    status, metadata, media = raw.get("status"), raw.get("metadata"), raw.get("media")
    if not isinstance(metadata, Mapping) or not isinstance(media, list):
        raise MalformedError("malformed_record")
    if _too_deep(raw):  # reading, writing and looking into it would each end somewhere else
        raise MalformedError("malformed_record")
    found = tuple(_medium(each) for each in media)
    return Entry(status if isinstance(status, str) else "", metadata, found)


def _too_deep(value: object) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(level)


def _medium(raw: object, role: str = "") -> Media:
    if not isinstance(raw, Mapping):
        raise MalformedError("malformed_record")
    filename, urls = raw.get("filename"), raw.get("urls")
    keys = tuple(key for key in (raw.get("_key"), raw.get("key")) if isinstance(key, str) and key)
    texts = tuple(url for url in urls if isinstance(url, str)) if isinstance(urls, list) else ()
    name = filename if isinstance(filename, str) else ""
    medium = Media(keys, texts, name, raw, role)
    return medium if role else dataclasses.replace(medium, inner=tuple(_inner(medium, 1)))


def _inner(medium: Media, depth: int) -> Iterator[Media]:
    """The media inside, each before those inside of it."""
    if depth > MAX_INNER_DEPTH:
        return
    for name, value in medium.properties.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, Mapping) and "filename" in each and "properties" in each:
                inner = _medium(each, _ROLES.get(name, "inner"))
                yield inner
                yield from _inner(inner, depth + 1)


# --- what it says --------------------------------------------------------------------------------


def dates(metadata: Mapping[str, object]) -> tuple[tuple[DatedBy, ...], bool]:
    """The stated date of the post where its zone is proven, and whether one is not.

    Proven are seconds since 1970, and an offset that is not zero: the tool turns zones into UTC and
    never into another.
    """
    value = metadata.get("timestamp")
    at = _instant(value)
    if at is None:
        return (), any(metadata.get(name) for name in ("timestamp", "upload_date"))
    return (DatedBy(what=Token("posted"), at=at, grade=Token("stated")),), False


def _instant(value: object) -> Instant | None:
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            if not value.utcoffset():
                return None
            value = value.astimezone(UTC)
        elif isinstance(value, int | float) and type(value) is not bool and 0 < value < _MAX_TIME:
            value = datetime.fromtimestamp(int(value), UTC)
        else:
            return None
    except (ValueError, OverflowError):
        return None
    return Instant(value.isoformat().replace("+00:00", "Z"))


def claims(medium: Media) -> tuple[tuple[Claim, ...], bool]:
    """The hashes that the tool states of a medium, and whether one cannot be a hash.

    The perceptual hashes of its thumbnails are its own: they are stills of it.
    """
    found: list[Claim] = []
    bad = False
    digits = medium.properties.get("hash")
    if isinstance(digits, str) and digits not in ("", "not-calculated"):
        claim = _claim(digits)
        found += [claim] if claim else []
        bad = claim is None
    stills = [each for each in medium.inner if each.role == "thumbnail"][:MAX_INNER]
    for each in (medium, *stills):
        pdq = each.properties.get("pdq_hash")
        if isinstance(pdq, str) and re.fullmatch(r"[0-9a-fA-F]{1,64}", pdq):
            found.append(Claim(TOOL, "pdq", pdq.lower().zfill(64)))
        else:
            bad |= pdq not in (None, "")
    return tuple(found), bad


def _claim(text: str) -> Claim | None:
    match = _HASH.fullmatch(text)
    if match is None:
        return None
    algorithm, length = _ALGORITHMS.get(match[1].upper(), ("", 0))
    return Claim(TOOL, algorithm, match[2].lower()) if len(match[2]) == length else None


def stated(medium: Media) -> dict[str, int]:
    """Width, height and whole seconds, where they are given as numbers."""
    names = {"width": "width", "height": "height", "duration": "duration_seconds"}
    found = ((names[name], medium.properties.get(name)) for name in names)
    return {
        name: int(value)
        for name, value in found
        if type(value) in (int, float)
        and isinstance(value, int | float)
        and 0 <= value < MAX_INTEGER
    }


def words(entry: Entry, medium: Media | None, *, first: bool = True) -> dict[str, Json]:
    """The protected values of one medium of an entry, or of the entry itself.

    Only the first has the row of a sheet, and what is long of the entry: once is enough.
    """
    given = entry.metadata
    texts = [text for text in (given.get("title"), given.get("content")) if isinstance(text, str)]
    author = {name: given[name] for name in _AUTHOR if isinstance(given.get(name), str)}
    members: dict[str, Json] = {
        "caption": "\n\n".join(text for text in texts if text),
        "author": {name: str(value) for name, value in author.items() if value},
        "columns": entry.columns if first else None,
        "message": _message(entry, medium, first=first),
    }
    return {name: value for name, value in members.items() if value}


def _message(entry: Entry, medium: Media | None, *, first: bool) -> str:
    """The entry with this medium alone, as JSON; times as Python shows them."""
    said: dict[str, object] = {"status": entry.status, "metadata": entry.metadata}
    if medium is not None:
        said["media"] = [medium.raw]
    text = _json(said)
    if first or len(text) <= _LONG:
        return text
    return _json({**said, "metadata": {"url": entry.url}})


def _json(value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, default=repr)
        text.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, ensure_ascii=True, default=repr)
    return text
