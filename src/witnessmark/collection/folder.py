"""Everything in a folder: a stick that was handed over, a phone's pictures, a donor's archive."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from witnessmark.collection.files import (
    Parts,
    list_folder,
    modified,
    opener,
    path_to_json,
    reason_of,
    refusal,
    sign,
)
from witnessmark.errors import BadInput
from witnessmark.model.json import Json, name_to_json
from witnessmark.ports import Item, Preflight

#: A path, what stands there (None if that could not be learnt), and why it cannot be used.
_Seen = tuple[Parts, os.stat_result | None, str]


class Folder:
    """Collects all files below a folder, in the order of their names' bytes.

    Links are never followed and special files never opened: both are quarantined. A folder that
    cannot be read is a failed item.
    """

    name = "folder"
    live = False
    workdir: str | None = None

    def recognises(self, where: str) -> bool:
        """Whether this is a folder."""
        return Path(where).is_dir()

    def preflight(self, where: str) -> Preflight:
        """Counts files and bytes. Raises `BadInput` when there is no folder, or nothing in it."""
        root = _root(where)
        items = size = folders = 0
        for parts, found, reason in _walk(root):
            if not parts:
                raise BadInput(
                    f"The folder {where} cannot be read.",
                    todo="Check its permissions, or collect as the user who owns it.",
                )
            items += 1
            size += found.st_size if found and not reason else 0
            folders += reason == "unreadable_folder"
        if not items:
            raise BadInput(f"The folder {where} holds no files.", todo="Check that it is the one.")
        notes = {}
        if folders:
            notes["unreadable_folders"] = (
                f"{folders} folders inside cannot be read; each becomes a failed item. Check their "
                "permissions and collect again: what is already held is not taken twice."
            )
        return Preflight(items=items, bytes=size, notes=notes)

    def items(self, where: str) -> Iterator[Item]:
        """One item a file, a link, a special file, or a folder that cannot be read."""
        root = _root(where)
        for seen in _walk(root):
            yield _item(root, *seen)


def _root(where: str) -> Path:
    if not Path(where).is_dir():
        raise BadInput(f"{where} is not a folder.", todo="Give the folder that holds the files.")
    return Path(os.path.normpath(Path(where).absolute()))


def _walk(root: Path) -> Iterator[_Seen]:
    """Depth first; an explicit stack, since folders can be nested deeper than calls."""
    stack: list[tuple[Parts, os.stat_result | OSError]] = [((), root.stat())]
    while stack:
        parts, found = stack.pop()
        if isinstance(found, OSError):
            yield parts, None, reason_of(found)
        elif stat.S_ISDIR(found.st_mode):
            try:
                entries = list_folder(root, parts)
            except OSError:
                yield parts, found, "unreadable_folder"
                continue
            stack.extend(((*parts, name), each) for name, each in reversed(entries))
        else:
            yield parts, found, refusal(root, root.joinpath(*parts), found)


def _item(root: Path, parts: Parts, found: os.stat_result | None, reason: str) -> Item:
    path: Json = path_to_json(parts)
    place = ("folder", name_to_json(str(root)), path)
    protected = {"name": name_to_json(parts[-1] if parts else str(root)), "where": path}
    if found is None or reason == "unreadable_folder":
        return Item(place=place, outcome="failed", reason=reason, protected=protected)
    if reason:
        return Item(place=place, outcome="quarantined", reason=reason, protected=protected)
    return Item(
        place=place,
        open=opener(root, parts),
        unchanged=sign(found),
        dates=modified(found),
        protected=protected,
    )
