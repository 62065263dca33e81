"""What Bellingcat's auto-archiver left: JSON records with media beside them, or its sheet.

The forms are told in `auto_archiver_record`. A medium is looked for by the names that the record
gives it: whole, then without its first folders, since the folder that was handed over is seldom the
one where the tool ran; beside the record first, then from the given folder. Local storage names
files after the first 24 digits of their hash, which is tried too.

Where a folder is given, every other file in it is an item as well, since records that were written
before storing do not name what was stored. No date comes from `_processed_at`. Not covered: the
Google sheet, the database of the tool's API, and the addresses of remote storage.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from witnessmark.collection.auto_archiver_record import (
    MAX_INNER,
    Broken,
    Entry,
    MalformedError,
    Media,
    claims,
    dates,
    looks_like_json,
    looks_like_sheet,
    read_json,
    read_sheet,
    stated,
    words,
)
from witnessmark.collection.files import (
    Opener,
    Parts,
    UnusableError,
    look,
    modified,
    open_inside,
    opener,
    path_to_json,
    sign,
)
from witnessmark.collection.tree import HEAD, folder_at, folders, head, some, unusable
from witnessmark.errors import BadInput
from witnessmark.model.json import Json, name_to_json
from witnessmark.ports import Item, Preflight, Unreadable

_TELEGRAM = ("result.json", "messages.html", "export_results.html")
_ENDINGS = (".json", ".csv")
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
#: Folders of a name that are tried, from its end; longer names are no storage's.
_MAX_PARTS = 12
_MAX_NAME = 4096
_STATIC = 24


class AutoArchiver:
    """Collects the media that auto-archiver's records name, and the other files beside them."""

    name = "auto_archiver"
    live = False
    workdir: str | None = None

    def recognises(self, where: str) -> bool:
        """Whether this is a record, a sheet of `csv_db`, or a folder with some of them in it."""
        try:
            return self._recognises(where)
        except (OSError, ValueError):
            return False

    def _recognises(self, where: str) -> bool:
        root = folder_at(where)
        if root is None:
            path = Path(where).absolute()
            return path.is_file() and bool(_is_record(path.parent, (path.name,)))
        if any((root / name).exists() for name in _TELEGRAM):
            return False
        return any(_is_record(root, parts) for parts in some(root, _ENDINGS))

    def preflight(self, where: str) -> Preflight:
        """Reads all records, and no media. Raises `BadInput` when there is none."""
        count: Counter[str] = Counter()
        for item in self.items(where):
            count["items"] += 1
            count["bytes"] += int(item.unchanged.partition(":")[0] or 0) if item.open else 0
            count[item.reason] += 1
            count.update(item.flags)
        return Preflight(items=count["items"], bytes=count["bytes"], notes=_notes(count))

    def items(self, where: str) -> Iterator[Item]:
        """The media of each record in order, then the files that no record names."""
        root, only = _expect(where)
        tree = _Tree(root)
        found = False
        for parts in [only] if only else _records(root):
            found = True
            yield from tree.record(parts)
        if not found:
            raise BadInput(
                f"{where} holds nothing that auto-archiver wrote.",
                todo="Give the folder with its metadata.json files, or the sheet of its csv_db.",
            )
        if not only:
            yield from tree.rest()


def _expect(where: str) -> tuple[Path, Parts]:
    """The tree, and the one record in it that is meant; none when the folder was given."""
    root = folder_at(where)
    if root is not None:
        return root, ()
    path = Path(os.path.normpath(Path(where).absolute()))
    if not path.is_file() or not _is_record(path.parent, (path.name,)):
        raise BadInput(
            f"{where} is nothing that auto-archiver wrote.",
            todo="Give the folder with its metadata.json files, or the sheet of its csv_db.",
        )
    return path.parent, (path.name,)


def _records(root: Path) -> Iterator[Parts]:
    for listed in folders(root):
        for name, found in listed.files:
            parts = (*listed.parts, name)
            wanted = name.lower().endswith(_ENDINGS) and unusable(root, parts, found) == ("", "")
            if wanted and _is_record(root, parts):
                yield parts


def _is_record(root: Path, parts: Parts) -> str:
    """`json`, `sheet`, or "" for what auto-archiver did not write."""
    name = parts[-1].lower()
    if name.endswith(".csv"):
        return "sheet" if looks_like_sheet(head(root, parts, 1 << 10)) else ""
    if not name.endswith(".json") or name.endswith(".info.json"):
        return ""
    start = head(root, parts)
    return "json" if looks_like_json(start, whole=len(start) < HEAD) else ""


#: Places of one medium that are looked at.
_PLACES = 10


class _Tree:
    """The tree that was given, and which of its files a record named."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._named: set[Parts] = set()

    def record(self, parts: Parts) -> Iterator[Item]:
        """The items of one JSON record or one sheet."""
        self._named.add(parts)
        try:
            before = sign(look(self._root, parts))
            with open_inside(self._root, parts) as file:
                if parts[-1].lower().endswith(".csv"):
                    for row in read_sheet(file):
                        yield from self._entry(row, parts, before)
                else:
                    yield from self._entry(read_json(file), parts, before)
        except (MalformedError, Unreadable, UnusableError) as error:
            self._named.discard(parts)  # what cannot be read as a record is kept as a file
            yield self._broken(Broken(error.reason), parts)

    def _broken(self, seen: Broken, parts: Parts) -> Item:
        path = path_to_json(parts)
        marks: tuple[Json, ...] = (seen.columns,) if seen.columns else (path, seen.row)
        protected: dict[str, Json] = {"where": {"file": path, "row": seen.row}}
        if seen.columns:
            protected["columns"] = seen.columns
        return Item(
            place=("auto_archiver", "broken", *marks),
            outcome="failed",
            reason=seen.reason,
            kind="record",
            protected=protected,
        )

    def _entry(self, seen: Entry | Broken, record: Parts, before: str) -> Iterator[Item]:
        if isinstance(seen, Broken):
            yield self._broken(seen, record)
            return
        outcome, reason = seen.missing
        if outcome:
            yield self._address(seen, record, outcome, reason)
        for number, medium in enumerate(seen.media):
            yield self._medium(seen, medium, record, before, first=not (outcome or number))

    def _address(self, entry: Entry, record: Parts, outcome: str, reason: str) -> Item:
        """What stands for an address of which nothing came."""
        found, unproven = dates(entry.metadata)
        marks: tuple[Json, ...] = (entry.url,) if entry.url else ("", path_to_json(record))
        return Item(
            place=("auto_archiver", *marks),
            outcome=outcome,
            reason=reason,
            kind="address",
            dates=found,
            flags=("zone_unreliable",) if unproven else (),
            protected={"where": {"url": entry.url}, **words(entry, None)},
        )

    def _medium(
        self, entry: Entry, medium: Media, record: Parts, before: str, *, first: bool
    ) -> Item:
        posted, unproven = dates(entry.metadata)
        claimed, bad = claims(medium)
        came, lost = self._companions(medium, record)
        notable = {"zone_unreliable": unproven, "malformed_hash": bad, "companions_missing": lost}
        flags = tuple(flag for flag, holds in notable.items() if holds)
        item = Item(
            place=("auto_archiver", entry.url, medium.name),
            kind=medium.kind,
            dates=posted,
            stated=stated(medium),
            companions=came,
            flags=flags,
            claimed=claimed,
            protected={
                "name": re.split(r"[/\\]", medium.name)[-1],
                "where": {"url": entry.url},
                **words(entry, medium, first=first),
            },
        )
        try:
            parts, loose = self._find(medium, record)
            found = look(self._root, parts)
        except UnusableError as error:
            return dataclasses.replace(item, outcome=error.outcome, reason=error.reason)
        self._named.add(parts)
        where = {"url": entry.url, "file": path_to_json(parts)}
        return dataclasses.replace(
            item,
            open=opener(self._root, parts),
            # The words may change while the file stays: both signs have to be as they were.
            unchanged=f"{sign(found)}|{before}",
            dates=(*posted, *modified(found)),
            flags=(*flags, "found_by_name") if loose else flags,
            protected={**item.protected, "name": name_to_json(parts[-1]), "where": where},
        )

    def _companions(self, medium: Media, record: Parts) -> tuple[dict[str, Opener], bool]:
        """What stands inside of a medium by role, and whether some of it is not here."""
        came: dict[str, Opener] = {}
        count: Counter[str] = Counter()
        for inner in medium.inner[:MAX_INNER]:
            count[inner.role] += 1
            try:
                parts, _ = self._find(inner, record)
            except UnusableError:
                continue
            self._named.add(parts)
            number = count[inner.role]
            came[f"{inner.role}_{number}" if number > 1 else inner.role] = opener(self._root, parts)
        return came, len(came) < len(medium.inner)

    def _find(self, medium: Media, record: Parts) -> tuple[Parts, bool]:
        """Where a medium lies, and whether only the name of a temporary file says so.

        Raises:
            UnusableError: `remote_only`, `missing_on_disk`, or why it is not to be opened.
        """
        refused: UnusableError | None = None
        bases = dict.fromkeys((record[:-1], ()))
        for tail, loose in _tails(medium):
            for base in bases:
                try:
                    look(self._root, (*base, *tail))
                except UnusableError as error:
                    if error.outcome != "not_included":
                        refused = refused or error
                    continue
                return (*base, *tail), loose
        if refused:
            raise refused
        remote = [_REMOTE.match(url) is not None for url in medium.urls]
        reason = "remote_only" if remote and all(remote) else "missing_on_disk"
        raise UnusableError("not_included", reason)

    def rest(self) -> Iterator[Item]:
        """Everything in the tree that no record named."""
        for listed in folders(self._root):
            if not listed.readable:
                yield self._other(listed.parts, "failed", "unreadable_folder")
            for name, found in listed.files:
                parts = (*listed.parts, name)
                if parts in self._named:
                    continue
                outcome, reason = unusable(self._root, parts, found)
                if outcome or isinstance(found, OSError):
                    yield self._other(parts, outcome, reason)
                    continue
                yield self._other(parts, found=found)

    def _other(
        self,
        parts: Parts,
        outcome: str = "",
        reason: str = "",
        found: os.stat_result | None = None,
    ) -> Item:
        path = path_to_json(parts)
        return Item(
            place=("auto_archiver", "file", path),
            open=opener(self._root, parts) if found else None,
            outcome=outcome,
            reason=reason,
            unchanged=sign(found) if found else "",
            dates=modified(found) if found else (),
            flags=("not_in_metadata",),
            protected={"name": name_to_json(parts[-1] if parts else ""), "where": {"file": path}},
        )


def _tails(medium: Media) -> Iterator[tuple[Parts, bool]]:
    """Paths to try below a folder, likeliest first, and whether only a temporary name says so."""
    for name in (*medium.keys[:_PLACES], *medium.urls[:_PLACES]):
        yield from ((tail, False) for tail in _ends(name))
    whole = medium.filename.replace("\\", "/").count("/")
    for tail in _ends(medium.filename):
        yield tail, len(tail) <= whole
    digits = medium.properties.get("hash")
    if isinstance(digits, str) and re.fullmatch(r"[A-Za-z0-9-]+:[0-9a-f]{32,}", digits):
        ending = re.search(r"\.[A-Za-z0-9]{1,10}\Z", medium.filename)
        yield (digits.partition(":")[2][:_STATIC] + (ending[0] if ending else ""),), False


def _ends(name: str) -> Iterator[Parts]:
    """A name's path, then the same without its first folder, and so on to the file alone.

    Raises:
        UnusableError: the name of a file leaves its folder, or no file can have such a name.
    """
    if remote := _REMOTE.match(name):
        try:
            name = unquote(urlsplit(name).path)
        except ValueError:
            return
    elif "\\" in name and "/" not in name:
        name = re.sub(r"\A[A-Za-z]:", "", name).replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if "\0" in name or len(name) > _MAX_NAME or ".." in parts:
        if remote:
            return  # an address is no path
        raise UnusableError("quarantined", "path_outside" if ".." in parts else "bad_name")
    for first in range(max(0, len(parts) - _MAX_PARTS), len(parts)):
        yield tuple(parts[first:])


# --- preflight -----------------------------------------------------------------------------------


def _notes(count: Counter[str]) -> dict[str, str]:
    sentences = {
        "media_missing": (
            count["missing_on_disk"],
            "{} media that the records name are not in this folder. Give the folder that holds "
            "both; media whose record was written before storing come in as files of their own.",
        ),
        "media_remote": (
            count["remote_only"],
            "{} media lie in remote storage only. Download that storage into the folder, keeping "
            "its names, and collect again.",
        ),
        "nothing_archived": (
            count["nothing_archived"] + count["archiver_failed"] + count["no_media"],
            "Of {} addresses auto-archiver got nothing. Try them with the source 'links'.",
        ),
        "zones_unreliable": (
            count["zone_unreliable"],
            "{} items have a time without a proven zone: auto-archiver calls local times UTC. It "
            "is kept as text and dates nothing.",
        ),
        "not_in_metadata": (
            count["not_in_metadata"],
            "{} files are named by no record; they are collected as files.",
        ),
        "found_by_name": (
            count["found_by_name"],
            "{} media were found by the name of a temporary file alone: compare their hashes.",
        ),
        "damaged_records": (
            count["malformed_record"]
            + count["malformed_row"]
            + count["damaged_sheet"]
            + count["record_too_large"],
            "{} records or rows cannot be read; each becomes a failed item.",
        ),
    }
    return {code: text.format(n) for code, (n, text) in sentences.items() if n}
