"""A folder that yt-dlp wrote: media, and beside each what was said of it.

yt-dlp names all files of one download alike up to their ending (as documented in its README under
"Output template" and "Filesystem Options"): `NAME.mp4`, `NAME.info.json`, `NAME.description`,
`NAME.jpg`, `NAME.0.jpg`, `NAME.en.vtt`, `NAME.live_chat.json`, `NAME.f137.mp4` for a stream that
was not merged; of a download cut short `NAME.mp4.part`, `NAME.mp4.ytdl`, `NAME.mp4.part-Frag3` and
`NAME.temp.mp4` stay. Files of one name are one download; media of it share what came along.

Not covered: output templates that give those files unlike names (each is then a download of its
own), and what was embedded into the media by post-processing.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from witnessmark.collection.files import Opener, Parts, modified, open_inside, opener, path_to_json
from witnessmark.collection.files import sign as sign_of
from witnessmark.collection.tree import Listed, folder_at, folders, head, some, unusable
from witnessmark.collection.ytdlp_info import (
    MAX_INFO,
    Info,
    dates,
    doubts,
    identity,
    is_playlist,
    looks_like_info,
    read_info,
    stated,
    words,
)
from witnessmark.errors import BadInput
from witnessmark.model.json import Json, name_to_json
from witnessmark.ports import Item, Preflight, Unreadable

_INFO = "info.json"
_TELEGRAM = ("result.json", "messages.html", "export_results.html")
_OF_YTDLP = {"info_json", "long_info_json", "partial_download"}
_MAX_DESCRIPTION = 1 << 20
_MAX_COMPANIONS = 100

_MEDIA = (
    "3g2|3gp|aac|aiff|alac|ape|asf|avi|divx|f4a|f4b|f4v|flac|flv|m4a|m4b|m4r|m4v|mk3d|mka|mkv|mov"
    "|mp3|mp4|mpeg|mpg|oga|ogg|ogv|opus|spx|ts|wav|weba|webm|wma|wmv"
)
#: What a file is by what follows the name of its download.
_KINDS = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("info", r"(?-i:info\.json)"),
        ("leftover", r"(?:[^.]+\.){0,3}(?:ytdl|part(?:-Frag\d+(?:\.part)?)?)"),
        ("leftover", rf"temp\.(?:{_MEDIA})"),
        ("media", rf"(?:f[^.]+\.)?(?:{_MEDIA})"),
        ("description", "(?-i:description)"),
        ("live_chat", r"live_chat\.json"),
        ("subtitles", r"(?:[^.]+\.)?(?:vtt|srt|ass|lrc|ttml|srv[123]|json3)"),
        ("thumbnail", r"(?:[^.]+\.)?(?:jpg|jpeg|png|webp|gif)"),
        ("annotations", r"annotations\.xml"),
        ("link", "url|webloc|desktop"),
    )
)
_COMPANIONS = ("live_chat", "subtitles", "thumbnail", "annotations", "link")
_FORMAT = re.compile(r"\.f[0-9][0-9A-Za-z-]*\Z")


class YtdlpFolder:
    """Collects the media below a folder that yt-dlp wrote, each with what came along."""

    name = "ytdlp_folder"
    live = False
    workdir: str | None = None

    def recognises(self, where: str) -> bool:
        """Whether this is a folder with an `.info.json` of yt-dlp somewhere in it."""
        try:
            root = folder_at(where)
            if root is None or any((root / name).exists() for name in _TELEGRAM):
                return False
            return any(looks_like_info(head(root, each)) for each in some(root, (f".{_INFO}",)))
        except (OSError, ValueError):
            return False

    def preflight(self, where: str) -> Preflight:
        """Reads every `.info.json`, and no media. Raises `BadInput` when there is none."""
        count: Counter[str] = Counter()
        for item in self.items(where):
            count["known"] += bool(_OF_YTDLP & {item.reason, *item.companions})
            count["items"] += 1
            count["bytes"] += int(item.unchanged.partition(":")[0] or 0) if item.open else 0
            count[item.reason] += 1
            count.update(item.flags)
        if not count["known"]:
            raise BadInput(
                f"{where} holds no .info.json of yt-dlp.",
                todo="Collect it with the source 'folder', or download again with "
                "--write-info-json.",
            )
        return Preflight(items=count["items"], bytes=count["bytes"], notes=_notes(count))

    def items(self, where: str) -> Iterator[Item]:
        """One item a medium, in the order of names; leftovers and lone descriptions are items.

        Raises `BadInput` when this is no folder.
        """
        root = folder_at(where)
        if root is None:
            raise BadInput(f"{where} is not a folder.", todo="Give the folder yt-dlp wrote into.")
        for listed in folders(root):
            if not listed.readable:
                yield _lone(root, listed.parts, outcome="failed", reason="unreadable_folder")
            downloads, others = _sorted(root, listed)
            for download in downloads:
                yield from _items(root, download)
            yield from others


@dataclasses.dataclass(frozen=True, slots=True)
class _File:
    """A regular file, and the part of its name that follows the name of its download."""

    parts: Parts
    rest: str
    found: os.stat_result


@dataclasses.dataclass(slots=True)
class _Download:
    """All files of one name."""

    info: _File | None = None
    description: _File | None = None
    media: list[_File] = dataclasses.field(default_factory=list)
    leftovers: list[_File] = dataclasses.field(default_factory=list)
    companions: list[tuple[str, _File]] = dataclasses.field(default_factory=list)


# --- sorting -------------------------------------------------------------------------------------


def _kind(rest: str) -> str:
    return next((kind for kind, pattern in _KINDS if pattern.fullmatch(rest)), "")


def _sorted(root: Path, listed: Listed) -> tuple[list[_Download], list[Item]]:
    """The downloads of one folder by name, and the items for what belongs to none."""
    others: list[Item] = []
    files: dict[str, os.stat_result] = {}
    for name, found in listed.files:
        outcome, reason = unusable(root, (*listed.parts, name), found)
        if outcome or isinstance(found, OSError):
            others.append(_lone(root, (*listed.parts, name), outcome=outcome, reason=reason))
        else:
            files[name] = found
    ending = f".{_INFO}"
    downloads = {name.removesuffix(ending): _Download() for name in files if name.endswith(ending)}
    for name in files:  # media that nothing is said of are downloads too
        if not _stem(name, downloads) and _kind(name.rpartition(".")[2]) in ("media", "leftover"):
            downloads.setdefault(_own_stem(name), _Download())
    for name, found in files.items():
        stem = _stem(name, downloads)
        parts = (*listed.parts, name)
        placed = bool(stem) and _put(downloads[stem], _File(parts, name[len(stem) + 1 :], found))
        if not placed:
            others.append(_lone(root, parts, found=found))
    return list(downloads.values()), others


def _stem(name: str, downloads: dict[str, _Download]) -> str:
    """The longest name of a download that this file's name begins with."""
    at = name.rfind(".")
    while at > 0:
        if name[:at] in downloads:
            return name[:at]
        at = name.rfind(".", 0, at)
    return ""


def _own_stem(name: str) -> str:
    """The name of the download that a medium or a leftover without description belongs to."""
    name = re.sub(r"\.(?:part(?:-Frag\d+)?|ytdl)\Z", "", re.sub(r"\.part\Z", "", name))
    stem = name.rpartition(".")[0] or name
    return _FORMAT.sub("", stem.removesuffix(".temp"))


def _put(download: _Download, file: _File) -> bool:
    """Puts a file where it belongs in its download; false for one of no known kind."""
    kind = _kind(file.rest)
    if kind == "info":
        download.info = file
    elif kind == "description":
        download.description = file
    elif kind == "media":
        download.media.append(file)
    elif kind == "leftover":
        download.leftovers.append(file)
    elif kind in _COMPANIONS:
        download.companions.append((kind, file))
    return bool(kind)


# --- items ---------------------------------------------------------------------------------------


def _lone(
    root: Path,
    parts: Parts,
    *,
    outcome: str = "",
    reason: str = "",
    found: os.stat_result | None = None,
) -> Item:
    """A file that belongs to no download, or what cannot be opened."""
    path = path_to_json(parts)
    return Item(
        place=("ytdlp", "file", path),
        open=opener(root, parts) if found else None,
        outcome=outcome,
        reason=reason,
        unchanged=sign_of(found) if found else "",
        dates=modified(found) if found else (),
        flags=("no_info_json",) if found else (),
        protected={"name": name_to_json(parts[-1] if parts else ""), "where": {"file": path}},
    )


def _items(root: Path, download: _Download) -> Iterator[Item]:
    info, flags = _info(root, download.info)
    described = _described(root, download.description)
    extension = info.get("ext")
    if not download.media:  # a site may have a picture, or a kind that we do not know
        for each in [each for _, each in download.companions if each.rest == extension]:
            download.media.append(each)
            download.companions = [pair for pair in download.companions if pair[1] is not each]
    companions, names = _companions(root, download)
    lacking = len(companions) < len(download.companions) + (download.info is not None)
    base = Item(
        place=(),
        dates=dates(info),
        stated=stated(info),
        flags=(*flags, *(["companions_left_out"] if lacking else [])),
        companions=companions,
        protected={**words(info, described), "where": {"companions": names} if names else {}},
    )
    shown = [each for each in (download.info, download.description) if each]
    signs = "|".join([*(sign_of(each.found) for each in shown), str(len(download.companions))])
    for file in download.media:
        marks = identity(info)
        several = (file.rest,) if marks and len(download.media) > 1 else ()
        item = _placed(base, file, info, (*marks, *several))
        yield dataclasses.replace(
            item,
            open=opener(root, file.parts),
            unchanged=f"{sign_of(file.found)}|{signs}",
            dates=(*base.dates, *modified(file.found)),
        )
    for file in download.leftovers:
        yield dataclasses.replace(
            _placed(base if not download.media else Item(place=()), file, info, ()),
            outcome="failed",
            reason="partial_download",
            kind="partial_download",
        )
    if not (download.media or download.leftovers):
        yield from _without_media(download, base, info)


def _placed(base: Item, file: _File, info: Info, marks: tuple[str, ...]) -> Item:
    """`base` at the place of a file: the site's own name of it where there is one."""
    path = path_to_json(file.parts)
    given = base.protected.get("where")
    where: dict[str, Json] = {"file": path, **(given if isinstance(given, dict) else {})}
    if url := info.get("webpage_url"):
        where["url"] = str(url)
    return dataclasses.replace(
        base,
        place=("ytdlp", *marks) if marks else ("ytdlp", "file", path),
        protected={**base.protected, "name": name_to_json(file.parts[-1]), "where": where},
    )


def _without_media(download: _Download, base: Item, info: Info) -> Iterator[Item]:
    """What stands for a description whose media is not here."""
    if download.info is None:
        return
    missing = _placed(base, download.info, info, identity(info))
    if is_playlist(info):
        yield dataclasses.replace(
            missing, outcome="not_included", reason="playlist_only", kind="playlist"
        )
    elif "info_json_unreadable" in base.flags:
        yield dataclasses.replace(
            missing, outcome="failed", reason="malformed_info_json", kind="info_json"
        )
    else:
        yield dataclasses.replace(
            missing, outcome="not_included", reason="missing_on_disk", kind="info_json"
        )


def _info(root: Path, file: _File | None) -> tuple[Info, tuple[str, ...]]:
    """What the description says, and the flags for what it does not."""
    if file is None:
        return {}, ("no_info_json",)
    try:
        with open_inside(root, file.parts) as opened:
            info = read_info(opened, cut=file.found.st_size > MAX_INFO)
    except (Unreadable, ValueError):
        return {}, ("info_json_unreadable",)
    return info, doubts(info)


def _described(root: Path, file: _File | None) -> str:
    if file is None:
        return ""
    return head(root, file.parts, _MAX_DESCRIPTION).decode("utf-8", "replace").strip()


def _companions(root: Path, download: _Download) -> tuple[dict[str, Opener], dict[str, Json]]:
    """By role the openers, and the names, which are protected; roles are words of ours."""
    found: dict[str, Opener] = {}
    names: dict[str, Json] = {}
    if info := download.info:
        role = "info_json" if info.found.st_size <= MAX_INFO else "long_info_json"
        found[role] = opener(root, info.parts)
    count: Counter[str] = Counter()
    for kind, file in download.companions[:_MAX_COMPANIONS]:
        count[kind] += 1
        role = kind if count[kind] == 1 else f"{kind}_{count[kind]}"
        found[role] = opener(root, file.parts)
        names[role] = name_to_json(file.parts[-1])
    return found, names


# --- preflight -----------------------------------------------------------------------------------


def _notes(count: Counter[str]) -> dict[str, str]:
    sentences = {
        "partial_downloads": (
            count["partial_download"],
            "{} files are left from downloads cut short. Run yt-dlp again in this folder, then "
            "collect again.",
        ),
        "media_missing": (
            count["missing_on_disk"],
            "{} descriptions (.info.json) have no media beside them: look for it, or download it "
            "with the source 'links'.",
        ),
        "without_info_json": (
            count["no_info_json"],
            "{} files have no .info.json: where they are from is not stated.",
        ),
        "info_json_unreadable": (
            count["info_json_unreadable"],
            "{} items have an .info.json that cannot be read; it is kept as it is.",
        ),
        "posting_times_unclear": (
            count["posted_unclear"],
            "{} items are from sites that yt-dlp has no code for: their time may be when a server "
            "changed a file. It is kept as text and dates nothing.",
        ),
        "zones_unreliable": (
            count["zone_unreliable"],
            "{} items have a day of upload without time and zone; it is kept as text and dates "
            "nothing.",
        ),
    }
    return {code: text.format(n) for code, (n, text) in sentences.items() if n}
