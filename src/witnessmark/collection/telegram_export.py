"""A chat or a whole account that Telegram Desktop exported, as JSON or as HTML."""

from __future__ import annotations

import dataclasses
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from witnessmark.collection.files import (
    Opener,
    Parts,
    UnusableError,
    inside,
    list_folder,
    look,
    open_inside,
    opener,
    sign,
)
from witnessmark.collection.telegram_html import (
    Sender,
    chat_name,
    looks_like_html_export,
    next_page,
    parse_page,
    read_page,
)
from witnessmark.collection.telegram_json import looks_like_json_export, read_json
from witnessmark.collection.telegram_message import (
    Chat,
    MalformedError,
    Passed,
    Post,
    Seen,
    broken,
)
from witnessmark.errors import BadInput
from witnessmark.ports import Item, Preflight, Unreadable

_JSON, _HTML, _ACCOUNT = "result.json", "messages.html", "export_results.html"
_PAGE = re.compile(r"messages(\d{0,9})\.html")
_CHAT_FOLDERS = ("chats", "left_chats")
_HEAD = 1 << 16

_AGAIN = (
    'in Telegram Desktop choose Export chat history again, tick "{what}" and raise "Size limit" '
    "(8 MB by default), then collect the new export."
)


@dataclasses.dataclass(frozen=True, slots=True)
class _Export:
    """An export: its folder, and the JSON file or the chat folders with HTML pages in it."""

    root: Path
    json: str = ""
    chats: tuple[Parts, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class _Said:
    """Something seen, the folder its file names start from, and the sign of what says it."""

    seen: Seen
    base: Parts = ()
    sign: str = ""


class TelegramExport:
    """Collects the media of an export's messages, in their order; text alone is no item.

    What Telegram Desktop did not save is an item too, `not_included`. A message keeps its place
    in a later export of the same chat.
    """

    name = "telegram_export"
    live = False
    workdir: str | None = None

    def recognises(self, where: str) -> bool:
        """Whether this is the folder of an export, or its `result.json` or `messages.html`."""
        return _find(where) is not None

    def preflight(self, where: str) -> Preflight:
        """Reads all messages once, and no media. Raises `BadInput` when this is no export."""
        export = _expect(where)
        count: Counter[str] = Counter()
        sections: list[str] = []
        for said in _read(export):
            if isinstance(said.seen, Passed):
                count[said.seen.why] += 1
                if said.seen.why == "section":
                    sections.append(said.seen.name)
            else:
                _count(count, said.seen, *_item(export.root, said, said.seen))
        notes = _notes(count, sections, html=not export.json)
        return Preflight(items=count["items"], bytes=count["bytes"], notes=notes)

    def items(self, where: str) -> Iterator[Item]:
        """One item a message with media. Raises `BadInput` when this is no export."""
        export = _expect(where)
        for said in _read(export):
            if isinstance(said.seen, Post):
                yield _item(export.root, said, said.seen)[0]


# --- finding -------------------------------------------------------------------------------------


def _expect(where: str) -> _Export:
    if (export := _find(where)) is None:
        raise BadInput(
            f"{where} is no Telegram Desktop export.",
            todo="Give the folder that holds result.json, messages.html or export_results.html.",
        )
    return export


def _find(where: str) -> _Export | None:
    path = Path(os.path.normpath(Path(where).absolute()))
    if path.is_dir():
        return _find_json(path, _JSON) or _find_html(path)
    if path.suffix == ".json":
        return _find_json(path.parent, path.name)
    return _find_html(path.parent) if _PAGE.fullmatch(path.name) or path.name == _ACCOUNT else None


def _find_json(folder: Path, name: str) -> _Export | None:
    return _Export(folder, name) if looks_like_json_export(_head(folder, name)) else None


def _find_html(folder: Path) -> _Export | None:
    if looks_like_html_export(_head(folder, _ACCOUNT)):
        return _Export(folder, chats=tuple(_chat_folders(folder)))
    if not looks_like_html_export(_head(folder, _HTML)):
        return None
    # One chat out of a whole account: its pages name files from the account's folder.
    account = folder.parent.parent
    if folder.parent.name in _CHAT_FOLDERS and (account / _ACCOUNT).is_file():
        return _Export(account, chats=((folder.parent.name, folder.name),))
    return _Export(folder, chats=((),))


def _chat_folders(root: Path) -> Iterator[Parts]:
    for kind in _CHAT_FOLDERS:
        for name in sorted(_names(root, (kind,)), key=_natural):
            if _HTML in _names(root, (kind, name)):
                yield (kind, name)


def _head(folder: Path, name: str) -> bytes:
    """The beginning of a file; nothing for one that is no readable file."""
    head = b""
    try:
        with open_inside(folder, (name,)) as file:
            head = file.read(_HEAD)
    except Unreadable:
        pass  # an export that is still being written is recognised, and fails with that word
    return head


def _names(root: Path, parts: Parts) -> list[str]:
    try:
        return [name for name, _ in list_folder(root, parts)]
    except OSError:
        return []


def _natural(name: str) -> tuple[int, str]:
    digits = re.search(r"\d{1,9}", name)
    return (int(digits[0]) if digits else 0, name)


# --- reading -------------------------------------------------------------------------------------


def _read(export: _Export) -> Iterator[_Said]:
    if export.json:
        yield from _read_json(export.root, export.json)
    taken: dict[str, Parts] = {}
    for folder in export.chats:
        yield from _read_html(export.root, folder, taken)


def _read_json(root: Path, name: str) -> Iterator[_Said]:
    try:
        before = _sign(root, (name,))
        with open_inside(root, (name,)) as file:
            for seen in read_json(file):
                yield _Said(seen, (), before)
    except Unreadable as error:
        yield _Said(broken(("telegram", "json", error.reason), error.reason, {}))


def _read_html(root: Path, folder: Parts, taken: dict[str, Parts]) -> Iterator[_Said]:
    """Pages of one chat; `taken` tells chats of one name apart by their folder."""
    numbers = {
        int(page[1] or 1): page[0] for page in map(_PAGE.fullmatch, _names(root, folder)) if page
    }
    chat, sender = Chat(None, None, ("html", "/".join(folder))), Sender()
    for number, page_name in sorted(numbers.items()):
        parts = (*folder, page_name)
        try:
            before = _sign(root, parts)
            with open_inside(root, parts) as file:
                page, whole = parse_page(file)
        except (Unreadable, MalformedError) as error:
            reason = error.reason if isinstance(error, Unreadable) else "malformed_page"
            yield _Said(_page_failed(chat, number, reason))
            continue
        if name := chat_name(page):
            same = taken.setdefault(name, folder) == folder
            chat = Chat(name, None, ("html", name) if same else ("html", name, "/".join(folder)))
        for seen in read_page(page, chat, sender):
            yield _Said(seen, folder, before)
        if not whole:
            yield _Said(_page_failed(chat, number, "export_ends_early"))
        if next_page(page) and number + 1 not in numbers:
            yield _Said(_page_failed(chat, number + 1, "missing_page"))


def _page_failed(chat: Chat, number: int, reason: str) -> Post:
    page = {"page": number}
    return broken(chat.place(page), reason, chat.where(page))


def _sign(root: Path, parts: Parts) -> str:
    try:
        return sign(look(root, parts))
    except UnusableError as error:
        raise Unreadable(error.reason) from error


# --- items ---------------------------------------------------------------------------------------


def _item(root: Path, said: _Said, post: Post) -> tuple[Item, int]:
    """The item that a post makes, and the size of its file."""
    outcome, reason, unchanged, size = post.outcome, post.reason, "", 0
    open_media: Opener | None = None
    if not outcome:
        try:
            parts = inside(post.file, said.base)
            found = look(root, parts)
            # The words may change while the file stays: both signs have to be as they were.
            unchanged, size = f"{sign(found)}|{said.sign}", found.st_size
            open_media = opener(root, parts)
        except UnusableError as error:
            outcome, reason = error.outcome, error.reason
    item = Item(
        place=post.place,
        open=open_media,
        outcome=outcome,
        reason=reason,
        unchanged=unchanged,
        kind=post.kind,
        dates=post.dates,
        stated=post.stated,
        companions=_companions(root, said.base, post.thumbnail),
        protected=post.protected,
    )
    return item, size


def _companions(root: Path, base: Parts, thumbnail: str) -> dict[str, Opener]:
    if not thumbnail:
        return {}
    try:
        parts = inside(thumbnail, base)
        look(root, parts)
    except UnusableError:
        return {}  # the raw message, which is kept, names it
    return {"thumbnail": opener(root, parts)}


# --- preflight -----------------------------------------------------------------------------------


def _count(count: Counter[str], post: Post, item: Item, size: int) -> None:
    count["items"] += 1
    count["bytes"] += size
    if item.outcome == "failed":
        count[item.reason] += 1
        return
    kind = "videos" if post.video else "photos" if post.kind == "photo" else "files"
    count[kind] += 1
    count[f"{kind}_included"] += item.open is not None
    count["zoneless"] += not post.zoned


def _notes(count: Counter[str], sections: list[str], *, html: bool) -> dict[str, str]:
    notes = {}
    for kind, what in (("videos", "Videos"), ("photos", "Photos"), ("files", "Files")):
        included, total = count[f"{kind}_included"], count[kind]
        if included < total:
            notes[f"{kind}_missing"] = (
                f"{included} of {total} {kind} are in this export; {_AGAIN.format(what=what)}"
            )
    sentences = {
        "messages_without_media": (
            count["without_media"],
            "{} messages hold text or a place and no media; they are not collected.",
        ),
        "unsupported_messages": (
            count["unsupported"],
            "{} messages were beyond the version of Telegram Desktop that made this export and are "
            "empty in it; update Telegram Desktop and export again.",
        ),
        "malformed_messages": (
            count["malformed_message"],
            "{} messages do not have the form that Telegram Desktop writes; somebody or something "
            "changed this export. Each becomes a failed item.",
        ),
        "dates_without_zone": (
            count["zoneless"],
            "{} messages have a date without a time zone, as older versions of Telegram Desktop "
            "wrote it; it is kept as text and dates nothing. A new export gives exact times.",
        ),
        "export_ends_early": (
            count["export_ends_early"] + count["missing_page"],
            "This export breaks off in {} places: what follows is not in it. Export again.",
        ),
        "edits_unknown": (
            count["items"] if html else 0,
            "HTML exports do not say which messages were edited, so their {} dates do not show "
            "that the media existed then; the JSON format of the same export does.",
        ),
        "other_sections": (
            len(sections),
            "This export of a whole account has {} other sections (contacts, sessions, profile "
            "pictures and the like); they are not collected.",
        ),
    }
    return notes | {code: text.format(n) for code, (n, text) in sentences.items() if n}
