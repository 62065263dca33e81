"""The one door to the network: nothing goes around the proxy, nobody keeps us for long."""

from __future__ import annotations

import ast
import contextlib
import gc
import http.server
import os
import re
import socketserver
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import proxy
from tests.conftest import ROOT
from witnessmark.anchoring.http import Door, NoAnswer
from witnessmark.errors import BadInput, Refused

NAME = "stamps.example.org"


class Service(http.server.BaseHTTPRequestHandler):
    """Says its request back; bad manners by path."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        match self.path:
            case "/elsewhere":
                self._say(302, b"", Location="http://elsewhere.example.org/")
            case "/conflict":
                self._say(409, b"12\n" + b"x" * 9_000)
            case "/large":
                self._say(200, b"x" * 5_000)
            case "/endless":
                self.send_response(200)
                self.end_headers()
                for _ in range(4_000):
                    self.wfile.write(b"x" * 1_000)
                    time.sleep(0.001)
            case "/slow":
                for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200:
                    time.sleep(0.1)
                    self.wfile.write(bytes([byte]))
            case "/zipped":
                self._say(200, b"\x1f\x8b raw", Content_Encoding="gzip")
            case "/headers":
                self._say(200, str(self.headers).encode())
            case _:
                self._say(200, body or b"hello")

    def do_POST(self) -> None:
        self.do_GET()

    def _say(self, status: int, body: bytes, **headers: str) -> None:
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Type", "application/x-test; a=b")
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            super().handle()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def local(service: int) -> Iterator[proxy.Proxy]:
    with proxy.running({NAME: service}) as running:
        yield running


@pytest.mark.parametrize("scheme", ["socks5h", "http"])
def test_nothing_goes_around_the_proxy(
    scheme: str, local: proxy.Proxy, tmp_path: Path, service: int
) -> None:
    """A process that may reach the proxy only: names, requests, redirects, TLS go through it."""
    script = tmp_path / "ask.py"
    script.write_text(
        "import sys\n"
        "from witnessmark.anchoring.http import Door, NoAnswer\n"
        f"door = Door('{scheme}://127.0.0.1:{local.port}', direct=True, seconds=10)\n"
        f"assert door.post('http://{NAME}/', b'body', 'application/x') == b'body'\n"
        f"assert door.get('http://{NAME}:8080/') == b'hello'\n"
        "for address in sys.argv[1:]:\n"
        "    try:\n"
        "        door.get(address)\n"
        "    except NoAnswer as error:\n"
        "        print(error.code)\n"
    )
    others = [
        f"https://{NAME}/",
        f"http://{NAME}/elsewhere",
        "http://unknown.example.org/",
        f"http://127.0.0.1:{service}/",
        f"http://localhost:{service}/",
    ]
    done = _guarded(local.port, str(script), *others)
    assert done.returncode == 0, done.stderr
    answers = done.stdout.split()
    refused = "refused" if scheme == "http" else "unreachable"  # who says no: the proxy, or nobody
    assert answers == ["unreachable", "refused", *[refused] * 3]
    assert local.asked == [
        f"{NAME}:80",
        f"{NAME}:8080",
        f"{NAME}:443",
        f"{NAME}:80",
        "unknown.example.org:80",
        f"127.0.0.1:{service}",
        f"localhost:{service}",
    ]
    assert local.taken == len(local.asked)


def test_the_guard_of_these_tests_catches(local: proxy.Proxy, service: int, tmp_path: Path) -> None:
    """A door that goes past its proxy would be noticed: here it is let to."""
    script = tmp_path / "ask.py"
    for address in (f"http://127.0.0.1:{service}/", "http://localhost/"):
        script.write_text(
            "from witnessmark.anchoring.http import Door\n"
            f"Door(direct=True, seconds=10).get('{address}')\n"
        )
        done = _guarded(local.port, str(script))
        assert (done.returncode, "GUARD" in done.stderr) == (97, True)
    assert not local.asked


def _guarded(port: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """With an environment that would lead a careless library astray."""
    astray = {f"{name}_PROXY": "http://127.0.0.1:9" for name in ("HTTP", "HTTPS", "ALL")}
    environment = os.environ | astray | {name.lower(): value for name, value in astray.items()}
    environment |= {"PYTHONPATH": str(ROOT), "NO_PROXY": "*", "no_proxy": "*"}
    command = [sys.executable, "-m", "support.guarded", str(port), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment, check=False
    )


def test_shut_without_a_proxy(service: int) -> None:
    with pytest.raises(Refused) as caught:
        Door().get(f"http://127.0.0.1:{service}/")
    assert caught.value.code == "no_proxy"
    assert Door(direct=True).get(f"http://127.0.0.1:{service}/") == b"hello"
    assert (Door(direct=True).via, Door("http://x:1", direct=True).via) == ("direct", "proxy")


@pytest.mark.parametrize(
    "bad",
    [
        *("socks5://127.0.0.1:9050", "https://x", "127.0.0.1:80"),
        *(
            "socks5h://",
            "socks5h://x:tor",
            "http://127.0.0.1:99999",
            "socks5h://:9050",
            "http://[::1",
        ),
    ],
)
def test_a_proxy_that_leaves_names_to_us_or_is_none(bad: str) -> None:
    """The plain `socks5` means by convention that the name is resolved here."""
    with pytest.raises(BadInput) as caught:
        Door(bad)
    assert caught.value.code == "proxy"
    assert "port" in caught.value.what


@contextlib.contextmanager
def saying(answer: bytes) -> Iterator[int]:
    """A port where each who comes gets these bytes and no more.

    The library leaves a connection to what is no SOCKS proxy for the garbage collector to close.
    """

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(100)
            self.request.sendall(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.parametrize(
    ("scheme", "answer", "host"),
    [
        ("socks5h", b"HTTP/1.1 400 Bad Request\r\n\r\n", NAME),
        ("socks5h", b"\x05", NAME),
        ("socks5h", b"", NAME),
        ("socks5h", b"\x05\x00\x05", NAME),
        ("socks5h", b"\x05\x00", "a" * 300 + ".example.org"),
        ("http", b"xx", NAME),
        ("http", b"", NAME),
    ],
)
def test_a_proxy_that_is_another_service(scheme: str, answer: bytes, host: str) -> None:
    """An ordinary failure, in a sentence that says something."""
    found = []
    with saying(answer) as port, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # see `saying`
        try:
            Door(f"{scheme}://127.0.0.1:{port}", seconds=5).get(f"http://{host}/")
        except NoAnswer as error:
            found.append((error.code, error.what))
        gc.collect()
    ((code, what),) = found
    assert code == "unreachable"
    assert re.search(r": \w.+\.$", what)


@pytest.mark.parametrize(
    ("status", "todo"),
    [(404, "address"), (302, "address"), (403, "Ask"), (407, "password"), (503, "later")],
)
def test_what_to_do_about_a_refusal(status: int, todo: str) -> None:
    with saying(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status) as port:
        for url in ("http://x.example.org/", "https://x.example.org/")[: 2 if status == 407 else 1]:
            with pytest.raises(NoAnswer) as caught:
                Door(f"http://127.0.0.1:{port}", seconds=5).get(url)
            assert todo in caught.value.todo
            assert caught.value.status == status


def test_bad_manners(service: int) -> None:
    door = Door(direct=True, seconds=2, largest=4_000)
    base = f"http://127.0.0.1:{service}"
    for path, answer, code in [
        ("/elsewhere", "", "refused"),
        ("/large", "", "too_large"),
        ("/endless", "", "too_large"),
        ("/", "application/timestamp-reply", "wrong_type"),
        ("/conflict", "", "refused"),
    ]:
        with pytest.raises(NoAnswer) as caught:
            door.get(base + path, answer=answer)
        assert caught.value.code == code
    assert (caught.value.status, len(caught.value.body)) == (409, 4_000 + 96)
    assert caught.value.body.startswith(b"12\n")
    assert door.get(base + "/", answer="application/x-test") == b"hello"


def test_who_drips_does_not_hold_us_up(service: int) -> None:
    start = time.monotonic()
    with pytest.raises(NoAnswer) as caught:
        Door(direct=True, seconds=0.5).get(f"http://127.0.0.1:{service}/slow")
    assert caught.value.code == "unreachable"
    assert time.monotonic() - start < 5


def test_the_environment_has_no_say(service: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where asking without a proxy was allowed."""
    for each in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(each, "http://127.0.0.1:9")
    assert Door(direct=True).get(f"http://127.0.0.1:{service}/") == b"hello"


def test_what_is_packed_is_not_unpacked(service: int) -> None:
    assert Door(direct=True).get(f"http://127.0.0.1:{service}/zipped") == b"\x1f\x8b raw"


def test_says_no_more_than_it_must(service: int) -> None:
    said = Door(direct=True).get(f"http://127.0.0.1:{service}/headers").decode().lower()
    assert "witnessmark" not in said
    assert "python" not in said


@pytest.mark.parametrize(
    "bad",
    [
        *("ftp://x/", "http:///x", "x", "file:///etc/passwd", "http://[::1"),
        *("http://127.0.0.1:99999/", "http://x:tor/"),
    ],
)
def test_addresses_that_are_none(bad: str) -> None:
    with pytest.raises(BadInput):
        Door(direct=True).get(bad)


_NETWORK = {
    *("asyncio", "ftplib", "h11", "http", "httpcore", "httpx", "imaplib", "poplib", "requests"),
    *("smtplib", "socket", "socketserver", "socksio", "ssl", "telnetlib", "urllib", "urllib3"),
    *("xmlrpc", "anyio", "webbrowser"),
}
#: what libraries bring along that would ask by itself
_ASKING = {"opentimestamps.calendar", "bitcoin.rpc"}


def reaches_out(source: str) -> set[str]:
    """The modules of a source file that could open a connection."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        found |= {
            name
            for name in names
            if name.partition(".")[0] in _NETWORK or any(name.startswith(each) for each in _ASKING)
        }
    return found


def test_nothing_else_opens_a_connection() -> None:
    assert reaches_out("import urllib.parse\nfrom opentimestamps import calendar as c")
    assert not reaches_out("from witnessmark.anchoring import http\nimport json")
    source = ROOT / "src" / "witnessmark"
    files = [*(source / "anchoring").rglob("*.py"), *(source / "archive").rglob("*.py")]
    reaching = {path.name: reaches_out(path.read_text("utf-8")) for path in files}
    # a partner's server answers whoever comes to it; what it says it may import is listening alone
    assert reaching.pop("witness_server.py", set()) <= {
        "socket", "http.server.BaseHTTPRequestHandler", "http.server.ThreadingHTTPServer",
    }  # fmt: skip
    server = (source / "anchoring" / "witness_server.py").read_text("utf-8")
    assert not re.search(
        r"connect\(|connect_ex|create_connection|getaddrinfo|gethostby|sendto", server
    )
    assert {name for name, found in reaching.items() if found} == {"http.py"}
