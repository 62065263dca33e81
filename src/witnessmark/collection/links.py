"""Web addresses in a sheet (CSV or XLSX), each downloaded with yt-dlp when its item is opened."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import tempfile
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO
from urllib.error import URLError

from witnessmark.collection import gate
from witnessmark.collection.files import open_inside
from witnessmark.errors import BadInput
from witnessmark.model.json import Json
from witnessmark.ports import Item, Preflight, Unreadable

#: Far above any sheet that a person filled in; against archives made to burst.
MAX_SHEET = 256 << 20
_TEXT_SHEETS = (".csv", ".tsv")
_SHEETS = (*_TEXT_SHEETS, ".xlsx")
_DELIMITERS = (",", ";", "\t")
_LINK_WORDS = {"link", "links", "url", "urls", "address", "href"}
#: Headers of the columns that `export --csv` adds.
OWN_PREFIX = "witnessmark_"
#: The apostrophe that `export --csv` puts before what a spreadsheet would take for a formula.
_FORMULA = re.compile(r"^'([=+\-@\t\r])")
_LINK = re.compile(r"https?://[^\s/]\S*", re.IGNORECASE)
_LOGIN = re.compile(r"log ?in\b|sign in|cookies|registered users|private video|members-only")
#: How yt-dlp's code for a site fails on a page that it did not expect.
_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    HTTPException,
    LookupError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    re.error,
    zlib.error,
)
#: Ways of delivery that go through an HTTP proxy: RTMP and RTSP start programs that go around it.
_BY = "[protocol~='^(https?|m3u8(_native)?|http_dash_segments(_generator)?|f4m|ism|mhtml)$']"
#: Rows that are looked at to find the column with the links.
_SAMPLE = 200


class Links:
    """Collects what the links of a sheet lead to.

    Args:
        workdir: folder for downloads, each in a private folder of its own that goes when its
            item is closed; the system's temporary folder if None.
    """

    name = "links"

    live = True
    proxy = ""
    allowed: frozenset[str] = frozenset()

    def __init__(self, workdir: str | None = None) -> None:
        self.workdir = workdir

    def recognises(self, where: str) -> bool:
        """Whether this is a sheet, by its ending: .csv, .tsv or .xlsx."""
        path = Path(where)
        return path.suffix.lower() in _SHEETS and path.is_file()

    def preflight(self, where: str) -> Preflight:
        """Counts rows. Raises `BadInput` for a sheet that cannot be read or has no links."""
        items = list(self.items(where))
        if not items:
            raise BadInput(f"The sheet {where} has no rows.", todo="Check that it is the one.")
        without = sum(item.reason == "no_link" for item in items)
        again = sum(item.open is not None and len(item.place) > 2 for item in items)
        notes = {}
        if not self.proxy:
            notes["no_proxy"] = (
                "There is no proxy: those who run these sites see who asks. Set proxy in "
                'archive.toml, for example "socks5h://127.0.0.1:9050".'
            )
        if without:
            notes["rows_without_link"] = (
                f"{without} of {len(items)} rows hold no web address; each becomes a failed item."
            )
        if again:
            notes["same_link_again"] = (
                f"{again} rows repeat a web address from above; each is downloaded for itself."
            )
        return Preflight(items=len(items), notes=notes)

    def items(self, where: str) -> Iterator[Item]:
        """One item a row, in order. Raises `BadInput` as `read_rows` does."""
        headers, rows = _without_ours(*read_rows(where))
        filled = [row for row in rows if any(cell.strip() for cell in row)]
        column = link_column(headers, filled)
        seen: Counter[tuple[Json, ...]] = Counter()
        for row in filled:
            url = row[column].strip() if column < len(row) else ""
            names = [*headers, *[""] * (len(row) - len(headers))]
            columns = [[name, cell] for name, cell in zip(names, row, strict=False)]
            sound = _LINK.fullmatch(url) is not None
            place: tuple[Json, ...] = ("links", url) if sound else ("links", "", *row)
            seen[place] += 1
            if seen[place] > 1:
                place = (*place, seen[place])
            yield self._item(url, sound, place, columns)

    def _item(self, url: str, sound: bool, place: tuple[Json, ...], columns: Json) -> Item:
        protected: dict[str, Json] = {"columns": columns}
        if url:
            protected["where"] = url
        if not sound:
            return Item(place=place, outcome="failed", reason="no_link", protected=protected)
        download = _Download(url, self.workdir, self.proxy, self.allowed)
        return Item(
            place=place,
            open=download.media,
            kind="link",
            companions={"info_json": download.info},
            protected=protected,
        )


def _without_ours(
    headers: list[str], rows: Iterable[list[str]]
) -> tuple[list[str], Iterator[list[str]]]:
    """A sheet that this program wrote, as it was before: without our columns and apostrophes."""
    theirs = [n for n, name in enumerate(headers) if not name.startswith(OWN_PREFIX)]
    if len(theirs) == len(headers):
        return headers, iter(rows)
    return [headers[n] for n in theirs], (
        [_FORMULA.sub(r"\1", row[n]) for n in theirs if n < len(row)] for row in rows
    )


# --- sheets --------------------------------------------------------------------------------------


def read_rows(path: str) -> tuple[list[str], Iterator[list[str]]]:
    """The headers of a sheet and its rows, every cell as text; dates in ISO form.

    A first row that holds a web address is no header: then headers are `column 1`, ...

    Raises:
        BadInput: no sheet, not UTF-8, too large or damaged.
    """
    if not Path(path).is_file():
        raise BadInput(f"There is no file {path}.", todo="Give the path of a CSV or XLSX sheet.")
    if Path(path).stat().st_size > MAX_SHEET:
        raise BadInput(f"The sheet {path} is over 256 MiB.", todo="Split it into smaller ones.")
    rows = _csv(path) if Path(path).suffix.lower() in _TEXT_SHEETS else _xlsx(path)
    first = next((row for row in rows if any(row)), [])
    if any(_LINK.fullmatch(cell.strip()) for cell in first):
        return [f"column {n}" for n in range(1, len(first) + 1)], _chain(first, rows)
    return first, rows


def _chain(first: list[str], rest: Iterator[list[str]]) -> Iterator[list[str]]:
    yield first
    yield from rest


def _csv(path: str) -> Iterator[list[str]]:
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"The sheet {path} is not UTF-8 text.",
            todo='Save it again as "CSV UTF-8", or as XLSX.',
        ) from error
    except OSError as error:
        raise BadInput(
            f"The sheet {path} cannot be read.", todo="Check its permissions."
        ) from error
    head = re.split(r"[\r\n]", text, maxsplit=1)[0]  # old Macintosh programs end lines with \r
    widths = {mark: len(next(csv.reader([head], delimiter=mark), [])) for mark in _DELIMITERS}
    delimiter = max(_DELIMITERS, key=lambda mark: widths[mark])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        yield from reader
    except csv.Error as error:
        raise BadInput(
            f"Line {reader.line_num} of {path} is damaged.", todo="Save the sheet again as CSV."
        ) from error


def _xlsx(path: str) -> Iterator[list[str]]:
    """Rows of the first sheet, as far as they are filled."""
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    damaged = BadInput(f"{path} is no XLSX sheet.", todo="Save it again as XLSX, or as CSV UTF-8.")
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(each.file_size for each in archive.infolist()) > 2 * MAX_SHEET:
                raise damaged
        with warnings.catch_warnings():  # about styles and validation that nobody asked for
            warnings.simplefilter("ignore", UserWarning)
            book = load_workbook(path, read_only=True, data_only=True)
            with contextlib.closing(book):
                for row in book.worksheets[0].iter_rows(values_only=True):
                    cells = [_cell(value) for value in row]
                    while cells and not cells[-1]:
                        cells.pop()
                    yield cells
    except (zipfile.BadZipFile, InvalidFileException, OSError) as error:
        raise damaged from error
    except (KeyError, IndexError, ValueError, TypeError, AttributeError, SyntaxError) as error:
        raise damaged from error  # what openpyxl and its XML parser raise on a damaged part


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    return str(value)


def link_column(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """The column that holds the links: by what its cells look like, then by its header.

    Raises:
        BadInput: none does, or several do and their headers do not tell.
    """
    width = max((len(row) for row in rows), default=len(headers))
    filled = [n for n in range(width) if _mostly_links(rows[:_SAMPLE], n)]
    named = [
        n
        for n, header in enumerate(headers)
        if _LINK_WORDS & set(re.findall(r"\w+", header.lower()))
    ]
    both = [n for n in filled if n in named]
    for found in (filled, both, named if not filled else []):
        if len(found) == 1:
            return found[0]
    if not filled:
        raise BadInput(
            "No column of this sheet holds web addresses.",
            todo='Name one column "link" and put one http:// or https:// address into each row.',
        )
    titles = ", ".join(headers[n] if n < len(headers) else f"column {n + 1}" for n in filled)
    raise BadInput(
        f"Several columns hold web addresses: {titles}.",
        todo='Name the one to download "link" and the others differently.',
    )


def _mostly_links(rows: Sequence[Sequence[str]], column: int) -> bool:
    cells = [row[column].strip() for row in rows if column < len(row) and row[column].strip()]
    return 2 * sum(_LINK.fullmatch(cell) is not None for cell in cells) > len(cells)


# --- downloading ---------------------------------------------------------------------------------


class _Silent:
    """Takes yt-dlp's messages; its errors come as exceptions."""

    def debug(self, message: str) -> None: ...

    def info(self, message: str) -> None: ...

    def warning(self, message: str) -> None: ...

    def error(self, message: str) -> None: ...


class _Download:
    """One download; its metadata can be had once the media was opened."""

    def __init__(self, url: str, workdir: str | None, proxy: str, allowed: frozenset[str]) -> None:
        self._url = url
        self._workdir = workdir
        self._way = proxy, allowed
        self._info = b""

    @contextlib.contextmanager
    def media(self) -> Iterator[BinaryIO]:
        """The file that the link leads to. Raises `Unreadable` with the words of `_reason`."""
        with tempfile.TemporaryDirectory(prefix="witnessmark-", dir=self._workdir) as folder:
            self._info = _fetch(self._url, folder, *self._way)
            files = sorted(path.name for path in Path(folder).iterdir())
            if len(files) != 1:
                raise Unreadable("several_videos" if files else "download_failed")
            with open_inside(Path(folder), (files[0],)) as file:
                yield file

    @contextlib.contextmanager
    def info(self) -> Iterator[BinaryIO]:
        """What the site says about the media, as yt-dlp's JSON."""
        if not self._info:
            raise Unreadable("not_fetched")
        yield io.BytesIO(self._info)


def _fetch(url: str, folder: str, proxy: str, allowed: frozenset[str]) -> bytes:
    """Downloads into `folder`, through a gate that nothing goes around; the info JSON.

    The best single file is taken as the site has it. Only when a site has none are picture and
    sound merged, which needs ffmpeg and makes a file that the site never had.
    """
    import yt_dlp
    from yt_dlp.networking.exceptions import RequestError
    from yt_dlp.utils import YoutubeDLError

    options = {
        "quiet": True,
        "no_warnings": True,
        "noprogress": True,
        "logger": _Silent(),
        "format": f"b{_BY}/bv*{_BY}+ba{_BY}",
        "external_downloader": {"default": "native"},
        "outtmpl": str(Path(folder) / "media-%(autonumber)s.%(ext)s"),
        "noplaylist": True,
        "playlistend": 2,  # enough to see that there are several
        "retries": 3,
        "fragment_retries": 3,
        "skip_unavailable_fragments": False,
        "socket_timeout": 30,
        "cachedir": False,
        "fixup": "never",
        "updatetime": False,
    }
    with gate.opened(proxy, allowed) as between:
        options["proxy"] = between.url
        try:
            with yt_dlp.YoutubeDL(options) as client:
                info = client.extract_info(url, download=True)
                plain = client.sanitize_info(info, remove_private_keys=True)
        except (YoutubeDLError, RequestError, OSError, *_FAULTS) as error:
            raise Unreadable(_stopped(between) or _reason(error)) from error
    return json.dumps(plain, ensure_ascii=True, sort_keys=True).encode()


def _stopped(between: gate.Gate) -> str:
    """What the gate did not let through: `private_address`, or `network` when nobody answered."""
    if between.refused:
        return "private_address"
    last = between.asked[-1].outcome if between.asked else ""
    return "network" if last == "unreachable" else ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what lies beneath it, each once."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop(0)
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        info = getattr(each, "exc_info", None) or (None, None, None)
        waiting += [info[1], getattr(each, "cause", None), each.__cause__, each.__context__]


def _reason(error: BaseException) -> str:
    """`http_404`, `http_403`, `http_429`, `unsupported_link`, `login_required`, `needs_ffmpeg`,
    `network` or `download_failed`."""
    from yt_dlp.networking.exceptions import HTTPError, TransportError
    from yt_dlp.utils import UnsupportedError

    causes = list(_causes(error))
    answers = [each.status for each in causes if isinstance(each, HTTPError)]
    for status in answers:
        if status in (403, 404, 429):
            return f"http_{status}"
    if any(isinstance(each, UnsupportedError) for each in causes):
        return "unsupported_link"
    # Without the addresses in them, which may have any words.
    words = re.sub(r"https?://\S+", "", " ".join(str(each) for each in causes).lower())
    if 401 in answers or _LOGIN.search(words):
        return "login_required"
    if "ffmpeg is not installed" in words:
        return "needs_ffmpeg"
    lost = any(isinstance(each, TransportError | URLError | TimeoutError) for each in causes)
    return "network" if lost and not answers else "download_failed"
