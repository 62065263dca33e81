"""Web archives that another tool made: WACZ files, and WARC files on their own.

What is known of WACZ is from the specification of the Webrecorder project (1.1.1): a ZIP with
`datapackage.json`, whose `resources` give a SHA-256 for each member, `datapackage-digest.json`,
which gives one for the former, and WARC files in `archive/`. The file as it was handed over is an
item, and so is each answer in it that holds media; the rest (pages, scripts, small pictures)
stays in that file. A body is kept as it was served: transfer chunks are undone, a content
encoding is not.

Not covered: signatures in `datapackage-digest.json`, the page list and the indexes (they stay in
the file), several WACZ files named by one, a folder with an unpacked WACZ, ARC and Zstandard.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import functools
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from witnessmark.collection.files import modified, open_inside, opener, sign
from witnessmark.collection.kinds import sniff
from witnessmark.collection.packed import BLOCK, Member, members, open_member_at
from witnessmark.collection.wacz_manifest import ARCHIVE, MANIFEST, Manifest, read_manifest
from witnessmark.collection.wacz_parts import Joined, Parts206, open_joined
from witnessmark.collection.warc import Record, Source, looks_like_warc, open_payload, records
from witnessmark.errors import BadInput
from witnessmark.model import DatedBy
from witnessmark.model.json import Json, name_to_json
from witnessmark.model.statement import Instant, Token
from witnessmark.ports import Claim, Item, Preflight, Unreadable

#: Smaller pictures are a page's furniture.
SMALL_PICTURE = 20_000
#: Members of which the file's own item says whether they agree, those that do not first.
MAX_LISTED = 1_000
#: What says nothing of the bytes, or not enough; they are looked at.
_UNTOLD = (
    "", "application/octet-stream", "binary/octet-stream", "application/mp4", "application/ogg",
)  # fmt: skip
_UNREAD = ".zst"
_ENDINGS = (".warc", ".warc.gz", ".warc.zst")
_KINDS = {"video": "video", "audio": "sound", "image": "picture"}
_DATE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")
_DIGITS = {"md5": 16, "sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}
_DIFFERS = "wacz_digest_differs"


@dataclasses.dataclass(frozen=True, slots=True)
class _Warc:
    """A WARC file: its name in the archive, how to open it, and why it is not to be opened."""

    name: str
    source: Source
    size: int
    outcome: str = ""
    reason: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class _File:
    """The file to collect, and the WARC files in it."""

    root: Path
    name: str
    found: os.stat_result
    members: tuple[Member, ...]
    warcs: tuple[_Warc, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class _Survey:
    """What has to be known of the whole file before its first item, and counts of preflight."""

    manifest: Manifest
    parts: Parts206
    count: Counter[str]


class Wacz:
    """Collects a web archive: the file itself, and each video, sound and picture in it."""

    name = "wacz"
    live = False
    workdir: str | None = None

    def __init__(self) -> None:
        self._last: tuple[str, _Survey] | None = None

    def recognises(self, where: str) -> bool:
        """Whether this is a WARC, by its first bytes, or a ZIP with a WACZ's members."""
        try:
            return _find(where) is not None
        except (Unreadable, OSError, ValueError):
            return False

    def preflight(self, where: str) -> Preflight:
        """Reads all records once. Raises `BadInput` when this is no web archive."""
        file = _expect(where)
        survey = self._survey(file)
        size = survey.count["bytes"] + file.found.st_size
        return Preflight(items=survey.count["items"], bytes=size, notes=_notes(survey))

    def items(self, where: str) -> Iterator[Item]:
        """The file, then its records in their order. Raises `BadInput` as `preflight`."""
        file = _expect(where)
        survey = self._survey(file)
        seen: Counter[str] = Counter()
        for item in _items(file, survey):
            name = json.dumps(item.place)
            seen[name] += 1
            again = (seen[name],) if seen[name] > 1 else ()
            yield dataclasses.replace(item, place=(*item.place, *again))

    def _survey(self, file: _File) -> _Survey:
        """Of a file that did not change, the survey of before."""
        key = f"{file.root / file.name} {sign(file.found)}"
        if self._last is None or self._last[0] != key:
            self._last = (key, _survey(file))
        return self._last[1]


# --- finding -------------------------------------------------------------------------------------


def _expect(where: str) -> _File:
    todo = "Give a .wacz, .warc or .warc.gz file; a folder of them is collected as a folder."
    try:
        file = _find(where)
    except Unreadable as error:
        raise BadInput(f"{where} cannot be read ({error.reason}).", todo=todo) from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{where} cannot be read.", todo=todo) from error
    if file is None:
        raise BadInput(f"{where} is no web archive.", todo=todo)
    return file


def _find(where: str) -> _File | None:
    path = Path(os.path.normpath(Path(where).absolute()))
    if not path.is_file():
        return None
    root, parts = path.parent, (path.name,)
    with open_inside(root, parts) as file:
        start = file.read(BLOCK)
    found = path.lstat()
    if looks_like_warc(start):
        only = _Warc("", functools.partial(_open_at, root, path.name), found.st_size)
        return _File(root, path.name, found, (), (only,))
    if not start.startswith(b"PK\3\4"):
        return None
    inner = tuple(members(root, parts))
    warcs = tuple(_inner(root, path.name, each) for each in inner if _is_warc(each.name))
    named = any(each.name == MANIFEST for each in inner)
    return _File(root, path.name, found, inner, warcs) if named and warcs else None


def _is_warc(name: str) -> bool:
    return name.startswith(ARCHIVE) and name.lower().endswith(_ENDINGS)


def _inner(root: Path, name: str, member: Member) -> _Warc:
    source = functools.partial(open_member_at, root, (name,), member)
    outcome, reason = member.outcome, member.reason
    if not outcome and member.name.lower().endswith(_UNREAD):
        outcome, reason = "failed", "unsupported_compression"
    return _Warc(member.name, source, member.size, outcome, reason)


@contextlib.contextmanager
def _open_at(root: Path, name: str, at: int) -> Iterator[BinaryIO]:
    with open_inside(root, (name,)) as file:
        file.seek(at)
        yield file


# --- surveying -----------------------------------------------------------------------------------


def _survey(file: _File) -> _Survey:
    survey = _Survey(read_manifest(file.root, file.name, file.members), Parts206(), Counter())
    count = survey.count
    agrees = [each.agrees for each in survey.manifest.stated.values()]
    count["items"] = 1 + bool(survey.manifest.trouble) + agrees.count("missing")
    for number, warc in enumerate(file.warcs):
        count["items"] += bool(warc.outcome)
        for record in () if warc.outcome else records(warc.source, warc.size):
            kind, outcome, _ = _judged(record)
            if record.status == 206 and kind in _KINDS.values():
                survey.parts.add((number, record.start), record)
            count["other" if not kind else "items"] += 1
            count["bytes"] += record.size if kind and not outcome else 0
            count[outcome] += bool(outcome)
            count["trouble"] += bool(record.trouble)
            count["items"] += bool(record.type) and _ends(record)
    survey.parts.join()
    return survey


def _notes(survey: _Survey) -> dict[str, str]:
    count, manifest = survey.count, survey.manifest
    missing = sum(each.agrees == "missing" for each in manifest.stated.values())
    sentences = {
        "other_answers": (
            count["other"],
            "{} records are no media (pages, scripts, small pictures, requests); they stay in the "
            "web archive, which is kept whole, and are no items of their own.",
        ),
        "not_included": (
            count["not_included"],
            "{} records hold no media body of their own (answers other than 200, or repeats of an "
            "earlier one); each is listed as not included.",
        ),
        "damaged_records": (
            count["trouble"],
            "{} records are cut off or damaged; others beside them may be lost, too. "
            "Ask for the web archive again.",
        ),
        "wacz_digests_differ": (
            int(manifest.differs),
            "The web archive is not as its own list of hashes states: it was changed or damaged "
            "after it was made. The items concerned say so; ask for the web archive again.",
        ),
        "wacz_manifest_unreadable": (
            int(bool(manifest.trouble)),
            "The list of hashes in the web archive cannot be read; nothing was compared with it.",
        ),
        "wacz_members_missing": (
            missing,
            "{} files that the web archive lists are not in it; ask for the web archive again.",
        ),
    }
    return {code: text.format(n) for code, (n, text) in sentences.items() if n}


# --- items ---------------------------------------------------------------------------------------


def _items(file: _File, survey: _Survey) -> Iterator[Item]:
    yield _whole(file, survey)
    place = ("wacz", name_to_json(file.name))
    if survey.manifest.trouble:
        yield Item(
            place=(*place, MANIFEST), outcome="failed", reason=survey.manifest.trouble,
            protected={"name": MANIFEST},
        )  # fmt: skip
    for path, stated in survey.manifest.stated.items():
        if stated.agrees == "missing":
            yield Item(
                place=(*place, "member", path), outcome="not_included", reason="missing_member",
                protected={"name": path},
            )  # fmt: skip
    for number, warc in enumerate(file.warcs):
        if warc.outcome:
            yield Item(
                place=(*place, "member", name_to_json(warc.name)), outcome=warc.outcome,
                reason=warc.reason, protected={"name": name_to_json(warc.name)},
            )  # fmt: skip
            continue
        for record in records(warc.source, warc.size):
            yield from _of_record(file, survey, number, record)


def _whole(file: _File, survey: _Survey) -> Item:
    manifest = survey.manifest
    differing = sorted(manifest.stated.items(), key=lambda each: each[1].agrees == "same")
    stated: Json = [
        {"member": path, "sha256": each.sha256, "agrees": each.agrees}
        for path, each in differing[:MAX_LISTED]
    ]
    protected: dict[str, Json] = {"name": name_to_json(file.name)}
    if file.members:
        said: Json = dict(manifest.said)
        protected["message"] = {"says": said, "manifest": manifest.own, "members": stated}
    return Item(
        place=("wacz", name_to_json(file.name)),
        open=opener(file.root, (file.name,)),
        unchanged=sign(file.found),
        kind="document",
        dates=modified(file.found),
        flags=(_DIFFERS,) if manifest.differs else (),
        protected=protected,
    )


def _of_record(file: _File, survey: _Survey, number: int, record: Record) -> Iterator[Item]:
    """The items that a record makes: none, itself, and one more where nothing more is readable."""
    warc = file.warcs[number]
    kind, outcome, reason = _judged(record)
    rest: tuple[Json, ...] = ("wacz", name_to_json(file.name), "after", name_to_json(warc.name))
    if not record.type:
        yield Item(place=rest, outcome="failed", reason=record.trouble)
        return
    if kind:
        yield _item(file, survey, number, record, (kind, outcome, reason))
    if _ends(record):
        yield Item(place=rest, outcome="failed", reason="rest_unreadable")


def _ends(record: Record) -> bool:
    """Whether there is more after this record, which cannot be read."""
    return record.ends and record.trouble != "truncated"


def _item(
    file: _File, survey: _Survey, number: int, record: Record, judged: tuple[str, str, str]
) -> Item:
    warc, spot = file.warcs[number], (number, record.start)
    kind, outcome, reason = judged
    joined = survey.parts.whole_at(spot)
    if joined:
        outcome = reason = ""
    elif survey.parts.used(spot):
        outcome, reason = "not_included", "part_of_another"
    warcs = [(each.source, each.size) for each in file.warcs]
    opened = (
        functools.partial(open_joined, joined, warcs)
        if joined
        else functools.partial(open_payload, warc.source, warc.size, record)
    )
    stated = survey.manifest.of(warc.name)
    member = (Claim(MANIFEST, "member_sha256", stated.sha256),) if stated.sha256 else ()
    dates = _dates(record)
    return Item(
        place=("wacz", name_to_json(file.name), *_named(record, warc)),
        open=None if outcome else opened,
        outcome=outcome,
        reason=reason,
        unchanged=sign(file.found),
        kind=kind,
        dates=dates,
        stated={} if record.status is None else {"http_status": record.status},
        flags=_flags(record, joined, survey.manifest, warc, dated=bool(dates)),
        claimed=(*member, *(() if joined else _claims(record))),
        protected=_protected(record),
    )


def _named(record: Record, warc: _Warc) -> tuple[Json, ...]:
    """What names a record for ever: its id, or, where it has none, where it lies."""
    if name := record.header("WARC-Record-ID").strip("<>"):
        return (name,)
    return ("at", name_to_json(warc.name), record.start)


def _protected(record: Record) -> dict[str, Json]:
    address = record.header("WARC-Target-URI").strip("<>")
    name = unquote(re.split(r"[?#]", address, maxsplit=1)[0].rpartition("/")[2])
    message: dict[str, Json] = {"warc": [list(each) for each in record.headers]}
    if record.http is not None:
        message["http"] = [list(each) for each in record.http]
    found: dict[str, Json] = {"where": address, "name": name, "message": message}
    return {key: value for key, value in found.items() if value}


# --- what a record is ----------------------------------------------------------------------------


def _judged(record: Record) -> tuple[str, str, str]:
    """A record's kind ("" for what is no item), and outcome and reason where it is not taken."""
    if not record.type:
        return "record", "failed", record.trouble
    if record.type == "revisit":
        return "revisit", "not_included", "revisit"
    if record.type == "continuation":
        return "continuation", "failed", "segmented"
    answer = record.type == "response" and record.http is not None
    if not answer and record.type != "resource":
        broken = bool(record.trouble)
        return ("record", "failed", record.trouble) if broken else ("", "", "")
    if answer and record.status is None:
        return "response", "failed", record.trouble or "damaged_http"
    kind = _media(record)
    if record.trouble:
        return kind or record.type, "failed", record.trouble
    if answer and record.status == 206:
        return kind or "response", "failed", "partial_content"
    if answer and record.status != 200:
        return "response", "not_included", f"http_{record.status}"
    return (kind, *_whole_body(record)) if kind else ("", "", "")


def _media(record: Record) -> str:
    """`video`, `sound` or `picture`, as the server says or, when it does not, by the bytes."""
    answer = record.http is not None
    said = record.http_header("Content-Type") if answer else record.header("Content-Type")
    said = said.partition(";")[0].strip().lower()
    kind = _KINDS.get(said.partition("/")[0], "")
    if said in _UNTOLD:
        kind = sniff(record.head)
    large = record.size > SMALL_PICTURE or record.status == 206
    return kind if kind in ("video", "sound") or (kind == "picture" and large) else ""


def _whole_body(record: Record) -> tuple[str, str]:
    """Outcome and reason of a body that is not whole."""
    if record.header("WARC-Truncated"):
        return "failed", "truncated_by_tool"
    if record.header("WARC-Segment-Number"):
        return "failed", "segmented"
    length = record.http_header("Content-Length")
    if re.fullmatch(r"\d{1,15}", length) and not record.chunked and record.size < int(length):
        return "failed", "shorter_than_stated"
    return "", ""


def _dates(record: Record) -> tuple[DatedBy, ...]:
    """When the other tool says that it captured this; its form is that of UTC, or it is none."""
    match = _DATE.fullmatch(record.header("WARC-Date"))
    if not match:
        return ()
    try:
        datetime.fromisoformat(match[1])
    except ValueError:
        return ()
    fraction = f".{match[2][:6]}" if match[2] else ""
    at = Instant(f"{match[1]}{fraction}Z")
    what, grade = Token("captured_by_tool"), Token("stated")
    return (DatedBy(what=what, at=at, grade=grade, bounds_media=True),)


def _claims(record: Record) -> tuple[Claim, ...]:
    """The payload's digest as the other tool wrote it, in hexadecimal digits."""
    algorithm, _, value = record.header("WARC-Payload-Digest").partition(":")
    algorithm = algorithm.strip().lower().replace("-", "")
    if not value:
        return ()
    digits = _hex(algorithm, value.strip())
    if record.chunked and digits in (record.raw_sha1, record.raw_sha256):
        # Some tools hash a body in its chunks: their claim holds, for bytes that are not kept so.
        algorithm = f"{algorithm}_in_chunks"
    return (Claim("WARC-Payload-Digest", algorithm, digits or value),)


def _hex(algorithm: str, value: str) -> str:
    """Digits from base 32 or base 16; "" for what is neither, or of a wrong length."""
    size = _DIGITS.get(algorithm, 0)
    if re.fullmatch(r"[0-9A-Fa-f]+", value) and len(value) == 2 * size:
        return value.lower()
    bare = value.rstrip("=").upper()[:200]
    try:
        made = base64.b32decode(bare + "=" * (-len(bare) % 8))
    except ValueError:
        return ""
    return made.hex() if len(made) == size else ""


def _flags(
    record: Record, joined: Joined | None, manifest: Manifest, warc: _Warc, *, dated: bool
) -> tuple[str, ...]:
    encoding = record.http_header("Content-Encoding").lower()
    stated = manifest.of(warc.name)
    flags = {
        _DIFFERS: "different" in (stated.agrees, manifest.own),
        "wacz_not_listed": bool(manifest.stated) and not stated.sha256,
        "content_encoding_kept": encoding not in ("", "identity"),
        "decoded_by_tool": bool(record.http_header("x-orig-content-encoding")),
        "put_together_from_parts": joined is not None and len(joined.parts) > 1,
        "parts_not_vouched": joined is not None and len(joined.parts) > 1 and not joined.vouched,
        "date_unreadable": not dated,
        "packed_as_one": not record.checked,
    }
    return tuple(flag for flag, holds in flags.items() if holds)
