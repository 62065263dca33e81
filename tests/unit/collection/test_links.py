from __future__ import annotations

import gc
import json
import tempfile
import threading
from collections.abc import Iterator
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import numpy as np
import openpyxl
import pytest
import yt_dlp
from yt_dlp.networking.exceptions import TransportError
from yt_dlp.utils import DownloadError, ExtractorError, UnsupportedError

from witnessmark.collection.links import Links, link_column, read_rows
from witnessmark.errors import BadInput
from witnessmark.ports import Item, Unreadable

# yt-dlp leaves closed connections to the garbage collector, which complains about them
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def sheet(folder: Path, text: str, name: str = "links.csv") -> str:
    path = folder / name
    path.write_bytes(text.encode())
    return str(path)


def collect(where: str) -> list[Item]:
    return list(Links().items(where))


# --- sheets --------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_csv_with_any_delimiter_keeps_all_columns(tmp_path: Path, mark: str) -> None:
    rows = [
        ["No", "Link", "Says"],
        ["007", "https://a.example/1", f'"x{mark} ""y"""'],
        ["8", "", "z"],
    ]
    where = sheet(tmp_path, "\ufeff" + "\r\n".join(mark.join(row) for row in rows))
    first, second = collect(where)
    assert first.place == ("links", "https://a.example/1")
    assert first.protected == {
        "where": "https://a.example/1",
        "columns": [["No", "007"], ["Link", "https://a.example/1"], ["Says", f'x{mark} "y"']],
    }
    assert (second.outcome, second.reason) == ("failed", "no_link")
    assert second.protected == {"columns": [["No", "8"], ["Link", ""], ["Says", "z"]]}


def test_the_same_link_twice_is_two_items(tmp_path: Path) -> None:
    where = sheet(tmp_path, "url,by\nhttp://a.example/,A\nhttp://a.example/,B\n,C\n,C\n")
    assert [item.place for item in collect(where)] == [
        ("links", "http://a.example/"),
        ("links", "http://a.example/", 2),
        ("links", "", "", "C"),
        ("links", "", "", "C", 2),
    ]
    found = Links().preflight(where)
    assert found.items == 4
    assert set(found.notes) == {"no_proxy", "rows_without_link", "same_link_again"}


def test_rows_that_are_no_links(tmp_path: Path) -> None:
    cells = ["https://a.example/", "file:///etc/passwd", "ftp://a.example/x", "http://", "notes"]
    where = sheet(tmp_path, "link\n" + "\n".join([*cells, "http://a.example/ http://b.example/"]))
    assert [item.reason for item in collect(where)] == ["", *["no_link"] * 5]


def test_empty_rows_say_nothing_and_long_rows_are_kept(tmp_path: Path) -> None:
    where = sheet(tmp_path, "\n,\nlink,by\n\n , \nhttp://a.example/,A,more\n")
    (item,) = collect(where)
    assert item.protected["columns"] == [["link", "http://a.example/"], ["by", "A"], ["", "more"]]


def test_a_bare_list_of_links_has_no_header(tmp_path: Path) -> None:
    where = sheet(tmp_path, "http://a.example/1\nhttp://a.example/2\n")
    headers, rows = read_rows(where)
    assert headers == ["column 1"]
    assert list(rows) == [["http://a.example/1"], ["http://a.example/2"]]
    assert len(collect(where)) == 2


def test_xlsx_cells_become_text(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    page: Any = book.active
    page.append(["Seen", "Source", "Count", "Share", "Sure", "At", None])
    page.append([date(2026, 3, 1), "https://a.example/1", 3, 0.25, True, datetime(2026, 3, 1, 9)])
    page.append([None, None, None])
    page.append(["x", "https://a.example/2", 3.0])
    book.save(tmp_path / "links.xlsx")
    first, second = collect(str(tmp_path / "links.xlsx"))
    assert first.protected["columns"] == [
        ["Seen", "2026-03-01T00:00:00"],
        ["Source", "https://a.example/1"],
        ["Count", "3"],
        ["Share", "0.25"],
        ["Sure", "True"],
        ["At", "2026-03-01T09:00:00"],
    ]
    assert second.protected["columns"] == [
        ["Seen", "x"],
        ["Source", "https://a.example/2"],
        ["Count", "3"],
    ]


A, B, N = "http://a.example/", "http://b.example/", "12"


@pytest.mark.parametrize(
    ("headers", "row", "column"),
    [
        (["what", "where"], [N, A], 1),
        (["Address", "Source"], [N, A], 1),  # a postal address is no link
        (["Proof", "Video URL"], [A, B], 1),
        (["x", "Link to post"], [N, N], 1),
        (["link", "x"], ["", N], 0),
        (["x"], [N, A], 1),
    ],
)
def test_the_link_column(headers: list[str], row: list[str], column: int) -> None:
    assert link_column(headers, [row]) == column


@pytest.mark.parametrize(
    ("headers", "row", "words"),
    [
        (["x", "y"], [N, N], "No column"),
        (["x", "y"], [A, B], "Several columns hold web addresses: x, y."),
        (["link 1", "link 2"], [A, B], "Several columns"),
        ([], [], "No column"),
    ],
)
def test_no_single_link_column(headers: list[str], row: list[str], words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        link_column(headers, [row])
    assert caught.value.todo


def damaged_sheets(folder: Path) -> Iterator[str]:
    (folder / "windows.csv").write_bytes("link,\u00e9\n".encode("cp1252"))
    yield str(folder / "windows.csv")
    yield sheet(folder, "link\nhttp://a.example/\n" + '"' + "x" * 200_000, "endless.csv")
    yield sheet(folder, "no zip", "text.xlsx")
    good = openpyxl.Workbook()
    good.save(folder / "good.xlsx")
    data = (folder / "good.xlsx").read_bytes()
    (folder / "cut.xlsx").write_bytes(data[: len(data) // 2])
    yield str(folder / "cut.xlsx")
    yield str(folder / "missing.csv")
    yield sheet(folder, "", "empty.csv")
    yield sheet(folder, "link\n", "header.csv")


def test_damaged_sheets_are_bad_input(tmp_path: Path) -> None:
    for where in damaged_sheets(tmp_path):
        with pytest.raises(BadInput) as caught:
            Links().preflight(where)
        assert caught.value.todo, where


def test_what_is_recognised(tmp_path: Path) -> None:
    assert Links().recognises(sheet(tmp_path, "", "A.CSV"))
    assert Links().recognises(sheet(tmp_path, "", "a.xlsx"))
    assert not Links().recognises(sheet(tmp_path, "", "a.mp4"))
    assert not Links().recognises(str(tmp_path / "missing.csv"))


# --- downloading ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clip() -> bytes:
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        with av.open(file.name, "w") as output:
            stream = output.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for n in range(10):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * n, dtype=np.uint8))
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        return Path(file.name).read_bytes()


@pytest.fixture(scope="module")
def site(clip: bytes) -> Iterator[str]:
    pages = {
        "/clip.mp4": ("video/mp4", clip),
        "/empty.mp4": ("video/mp4", b""),
        "/login": ("text/html", b"<html><body><form>Log in to see this</form></body></html>"),
        "/two": (
            "text/html",
            b'<html><title>t</title><video src="/clip.mp4"></video>'
            b'<video src="/clip.mp4?2"></video></html>',
        ),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            name = self.path.partition("?")[0]
            if name not in pages:
                self.send_error(int(name[1:4]) if name[1:4].isdigit() else 404)
                return
            kind, data = pages[name]
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if body:
                self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def item_for(folder: Path, url: str) -> Item:
    links = Links(workdir=str(folder))
    links.allowed = frozenset({"127.0.0.1"})
    (item,) = links.items(sheet(folder, f"link\n{url}\n"))
    return item


def failure(item: Item) -> str:
    assert item.open is not None
    with pytest.raises(Unreadable) as caught, item.open():
        pass
    return caught.value.reason


def test_a_real_download(tmp_path: Path, site: str, clip: bytes, capfd: Any) -> None:
    item = item_for(tmp_path, f"{site}/clip.mp4")
    assert item.open is not None
    with pytest.raises(Unreadable, match="not_fetched"), item.companions["info_json"]():
        pass
    with item.open() as file:
        assert file.read() == clip
        assert len(list(tmp_path.iterdir())) == 2
    with item.companions["info_json"]() as file:
        info = json.load(file)
    assert info["webpage_url"] == f"{site}/clip.mp4"
    assert str(tmp_path) not in json.dumps(info)
    assert [path.name for path in tmp_path.iterdir()] == ["links.csv"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("gone.mp4", "http_404"),
        ("403", "http_403"),
        ("429", "http_429"),
        ("401", "login_required"),
        ("500", "download_failed"),
        ("login", "unsupported_link"),
        ("empty.mp4", "download_failed"),
        ("two", "several_videos"),
    ],
)
def test_downloads_that_fail(tmp_path: Path, site: str, path: str, reason: str, capfd: Any) -> None:
    assert failure(item_for(tmp_path, f"{site}/{path}")) == reason
    assert [each.name for each in tmp_path.iterdir()] == ["links.csv"]
    assert capfd.readouterr() == ("", "")


def test_nobody_answers(tmp_path: Path) -> None:
    assert failure(item_for(tmp_path, "http://127.0.0.1:9/clip.mp4")) == "network"


def wrapped(cause: Exception) -> DownloadError:
    inner = ExtractorError("it failed", cause=cause)
    return DownloadError("ERROR: it failed", (type(inner), inner, None))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (wrapped(TransportError("refused")), "network"),
        (wrapped(UnsupportedError("http://a.example")), "unsupported_link"),
        (DownloadError("ERROR: Sign in to confirm your age"), "login_required"),
        (DownloadError("ERROR: use --cookies"), "login_required"),
        (DownloadError("merging, but ffmpeg is not installed"), "needs_ffmpeg"),
        (DownloadError("ERROR: something else"), "download_failed"),
        (KeyError("formats"), "download_failed"),
    ],
)
def test_reasons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(yt_dlp.YoutubeDL, "extract_info", fail)
    assert failure(item_for(tmp_path, "http://a.example/")) == reason
