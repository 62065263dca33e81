"""A chat that WhatsApp exported: a folder or a ZIP with its text and, if chosen, its media.

The forms of the text are in `whatsapp_text`. Times in it have no zone: they date nothing, and stand
in the message. Everything in the export is an item: the text, each naming of a file by a message,
what was left out, and files that no message names.

Not covered: exports by e-mail as several files, backups (`msgstore.db`), and contacts and places,
which stand in the text alone.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from witnessmark.collection.files import (
    Opener,
    Parts,
    UnusableError,
    inside,
    list_folder,
    modified,
    open_inside,
    opener,
    path_to_json,
    reason_of,
    refusal,
    sign,
)
from witnessmark.collection.packed import Member, members, open_member
from witnessmark.collection.whatsapp_text import (
    Message,
    begins_message,
    key,
    kind_of,
    left_out,
    named,
    order_known,
    read_messages,
)
from witnessmark.errors import BadInput
from witnessmark.model import DatedBy
from witnessmark.model.json import Json, name_to_json
from witnessmark.ports import Item, Preflight, Unreadable

_IOS = "_chat.txt"
_BRAND = "whatsapp"
#: Lines at the beginning of a chat among which one has to be a message.
_HEAD_LINES, _HEAD_BYTES = 20, 1 << 12
#: Files that one message is taken to name: each is kept with all of its words.
_NAMES = 100


@dataclasses.dataclass(frozen=True, slots=True)
class _Found:
    """A file of the export: its path in it, and how to open it, or why it is not to be opened."""

    parts: Parts
    open: Opener | None
    sign: str = ""
    size: int = 0
    dates: tuple[DatedBy, ...] = ()
    outcome: str = ""
    reason: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class _Export:
    """All files of an export, and those of them that are chats.

    `alone`: only what the chat names was asked for.
    """

    files: tuple[_Found, ...]
    chats: tuple[_Found, ...]
    alone: bool = False

    def find(self, chat: _Found) -> Callable[[str], _Found | None]:
        """Looks a name up: beside the chat first, then anywhere."""
        beside = {key(each.parts[-1]): each for each in reversed(self.files) if each.parts}
        beside |= {
            key(each.parts[-1]): each
            for each in reversed(self.files)
            if each.parts[:-1] == chat.parts[:-1]
        }
        return lambda name: beside.get(key(name))


class WhatsApp:
    """Collects an exported chat with its media; a naming keeps its place in a later export."""

    name = "whatsapp"
    live = False
    workdir: str | None = None

    def recognises(self, where: str) -> bool:
        """Whether this is a folder or ZIP with a chat's text, by its name and its first lines."""
        try:
            return _find(where, shallow=True) is not None
        except (Unreadable, OSError, ValueError):
            return False

    def preflight(self, where: str) -> Preflight:
        """Reads the chat once, and no media. Raises `BadInput` when this is no export."""
        export = _expect(where)
        count: Counter[str] = Counter()
        sizes = {each.parts: each.size for each in export.files}
        for item, taken in _items(export, count):
            count["items"] += 1
            count[item.reason or ("named" if "zone_unknown" in item.flags else "taken")] += 1
            count["not_named"] += "not_named_by_chat" in item.flags
            count["order"] += "date_order_unknown" in item.flags
            if taken is not None:
                count["bytes"] += sizes.pop(taken.parts, 0)
        return Preflight(items=count["items"], bytes=count["bytes"], notes=_notes(count))

    def items(self, where: str) -> Iterator[Item]:
        """Chats first, then what they name, then the rest. Raises `BadInput` as `preflight`."""
        for item, _ in _items(_expect(where), Counter()):
            yield item


# --- finding -------------------------------------------------------------------------------------


def _expect(where: str) -> _Export:
    todo = (
        "Give the folder or the ZIP that WhatsApp's Export chat made; in it is _chat.txt, or a "
        "text named after the chat."
    )
    try:
        export = _find(where)
    except Unreadable as error:
        raise BadInput(f"{where} cannot be read ({error.reason}).", todo=todo) from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{where} cannot be read.", todo=todo) from error
    if export is None:
        raise BadInput(f"{where} is no chat that WhatsApp exported.", todo=todo)
    return export


def _find(where: str, *, shallow: bool = False) -> _Export | None:
    """The export there; `shallow`: its files may be left out."""
    path = Path(os.path.normpath(Path(where).absolute()))
    if path.is_dir():
        top = [(name,) for name, _ in list_folder(path, ())]
        if not any(_is_chat(path, parts) for parts in top if _may_be_chat(parts[-1])):
            return None
        return _Export((), ()) if shallow else _export(tuple(_walk(path)))
    if not path.is_file():
        return None
    if _may_be_chat(path.name) and _is_chat(path.parent, (path.name,)):
        listed = list_folder(path.parent, ())
        beside = tuple(_loose(path.parent, (name,), found) for name, found in listed)
        chats = tuple(each for each in beside if each.parts == (path.name,))
        return _Export(beside, chats, alone=True)
    return _find_zip(path)


def _find_zip(path: Path) -> _Export | None:
    with open_inside(path.parent, (path.name,)) as file:
        if file.read(4) != b"PK\3\4":
            return None
    inner = members(path.parent, (path.name,))
    if not any(_may_be_chat(each.name.rpartition("/")[2]) for each in inner):
        return None
    return _export(tuple(_packed(path, each) for each in inner))


def _export(files: tuple[_Found, ...]) -> _Export | None:
    """The chats are at the top, or in the one folder that is there."""
    chats = tuple(
        each
        for each in files
        if len(each.parts) in (1, 2) and _may_be_chat(each.parts[-1]) and _holds_chat(each.open)
    )
    return _Export(files, chats) if chats else None


def _may_be_chat(name: str) -> bool:
    plain = name.lower()
    return plain == _IOS or (plain.endswith(".txt") and _BRAND in plain)


def _is_chat(root: Path, parts: Parts) -> bool:
    return _holds_chat(opener(root, parts))


def _holds_chat(opened: Opener | None) -> bool:
    if opened is None:
        return False
    try:
        with opened() as file:
            return any(begins_message(file.readline(_HEAD_BYTES)) for _ in range(_HEAD_LINES))
    except Unreadable:
        return False


def _walk(root: Path) -> Iterator[_Found]:
    """All files below a folder; an explicit stack, since folders may be nested deep."""
    stack: list[Parts] = [()]
    while stack:
        folder = stack.pop()
        try:
            listed = list_folder(root, folder)
        except OSError:
            yield _Found(folder, None, outcome="failed", reason="unreadable_folder")
            continue
        inner: list[Parts] = []
        for name, found in listed:
            if not isinstance(found, OSError) and stat.S_ISDIR(found.st_mode):
                inner.append((*folder, name))
            else:
                yield _loose(root, (*folder, name), found)
        stack.extend(reversed(inner))


def _loose(root: Path, parts: Parts, found: os.stat_result | OSError) -> _Found:
    if isinstance(found, OSError):
        return _Found(parts, None, outcome="failed", reason=reason_of(found))
    if refused := refusal(root, root.joinpath(*parts), found):
        return _Found(parts, None, outcome="quarantined", reason=refused)
    return _Found(parts, opener(root, parts), sign(found), found.st_size, modified(found))


def _packed(path: Path, member: Member) -> _Found:
    parts = tuple(member.name.split("/"))
    if member.outcome:
        return _Found(parts, None, outcome=member.outcome, reason=member.reason)
    opened = functools.partial(open_member, path.parent, (path.name,), member)
    return _Found(parts, opened, f"{sign(path.lstat())} {member.offset}", member.size)


# --- items ---------------------------------------------------------------------------------------


def _items(export: _Export, count: Counter[str]) -> Iterator[tuple[Item, _Found | None]]:
    """Items with the file each takes. A file named by two messages is two items."""
    told: set[int] = set()
    seen: Counter[tuple[Json, ...]] = Counter()
    for chat in export.chats:
        told.add(id(chat))
        yield _file(chat, "chat", ("whatsapp", path_to_json(chat.parts))), chat
        try:
            for item, found in _of_chat(export, chat, count):
                told.update([id(found)] if found else [])
                yield _again(item, seen), found
        except Unreadable as error:
            after = ("whatsapp", path_to_json(chat.parts), "after")
            yield Item(place=after, outcome="failed", reason=error.reason), None
    for found in () if export.alone else export.files:
        if id(found) not in told:
            place = ("whatsapp", "", path_to_json(found.parts))
            item = _file(found, kind_of(found.parts[-1] if found.parts else ""), place)
            flagged = dataclasses.replace(item, flags=("not_named_by_chat",))
            yield _again(flagged, seen), found


def _again(item: Item, seen: Counter[tuple[Json, ...]]) -> Item:
    """The item, its place followed by which naming this is."""
    name = tuple(str(part) for part in item.place)
    seen[name] += 1
    return dataclasses.replace(item, place=(*item.place, seen[name]))


def _file(found: _Found, kind: str, place: tuple[Json, ...]) -> Item:
    return Item(
        place=place,
        open=found.open,
        outcome=found.outcome,
        reason=found.reason,
        unchanged=found.sign,
        kind=kind,
        dates=found.dates,
        protected={
            "name": name_to_json(found.parts[-1] if found.parts else ""),
            "where": path_to_json(found.parts),
        },
    )


def _of_chat(
    export: _Export, chat: _Found, count: Counter[str]
) -> Iterator[tuple[Item, _Found | None]]:
    if chat.open is None:
        return
    with chat.open() as file:
        known = order_known(each.day for each in read_messages(file))
    order = () if known else ("date_order_unknown",)
    find = export.find(chat)
    with chat.open() as file:
        for message in read_messages(file):
            flags = ("zone_unknown", *order, *(("message_cut",) if message.cut else ()))
            told = list(_told(chat, message, find))
            for item, found in told:
                yield dataclasses.replace(item, flags=(*item.flags, *flags)), found
            if not told and message.marked and message.sender:
                count["notices"] += 1


def _told(
    chat: _Found, message: Message, find: Callable[[str], _Found | None]
) -> Iterator[tuple[Item, _Found | None]]:
    """What one message is about: the files that it names, or one that was left out."""
    place = ("whatsapp", path_to_json(chat.parts))
    protected = _protected(chat, message)
    names, caption = named(message, lambda name: find(name) is not None)
    cut = ("names_cut",) if len(names) > _NAMES else ()
    names = names[:_NAMES]  # further files are items that no line names
    for name in names:
        found = find(name)
        item = _named(found, name, chat, (*place, name))
        words = protected | {"name": name} | ({"caption": caption} if caption else {})
        yield dataclasses.replace(item, protected=words, flags=cut), found
    caption_left = None if names else left_out(message)
    if caption_left is not None:
        omitted = Item(
            place=(*place, "", message.when, message.sender),
            outcome="not_included",
            reason="media_omitted",
            kind="media",
            protected=protected | ({"caption": caption_left} if caption_left else {}),
        )
        yield omitted, None


def _named(found: _Found | None, name: str, chat: _Found, place: tuple[Json, ...]) -> Item:
    """The item of a name in a message; the words are added by the caller."""
    if found is not None:
        item = _file(found, kind_of(name), place)
        # The words may change while the file stays: both signs have to be as they were.
        return dataclasses.replace(item, unchanged=f"{found.sign}|{chat.sign}")
    try:
        inside(name)
    except UnusableError as error:
        return Item(place=place, outcome=error.outcome, reason=error.reason, kind=kind_of(name))
    return Item(place=place, outcome="not_included", reason="missing_in_export", kind=kind_of(name))


def _protected(chat: _Found, message: Message) -> dict[str, Json]:
    found: dict[str, Json] = {
        "where": {"chat": path_to_json(chat.parts), "when": message.when},
        "message": {"text": message.raw},
    }
    if message.sender:
        found["author"] = message.sender
    return found


# --- preflight -----------------------------------------------------------------------------------


def _notes(count: Counter[str]) -> dict[str, str]:
    sentences = {
        "media_omitted": (
            count["media_omitted"],
            "{} media were left out of this export. Export the chat again and choose to include "
            "media; of a long chat, WhatsApp then gives the newest messages only.",
        ),
        "missing_in_export": (
            count["missing_in_export"],
            "{} files that the chat names are not in this export; ask for all of it.",
        ),
        "not_named_by_chat": (
            count["not_named"],
            "{} files are named by no message; they are collected, and nothing says who sent them.",
        ),
        "zone_unknown": (
            count["items"] - count["taken"],
            "Times in this export have no time zone; they are kept as text and date nothing. Ask "
            "in which zone the telephone was when it exported the chat.",
        ),
        "date_order_unknown": (
            count["order"],
            "Nothing in this chat tells the day from the month in its dates; ask for the region "
            "that the telephone was set to.",
        ),
        "notices_passed": (
            count["notices"],
            "{} messages carry WhatsApp's own mark and name no file: calls and notices, or media "
            "left out in words that are not known. They are in the chat's text, which is kept.",
        ),
    }
    return {code: text.format(n) for code, (n, text) in sentences.items() if n}
