"""A gate on loopback for programs that ask the network by themselves: a browser, yt-dlp.

They are told to use it as their HTTP proxy and nothing else. It lets nobody into a private network,
goes by way of the archive's proxy where there is one, looks names up only where there is none, and
keeps what was asked.
"""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import selectors
import socket
import socketserver
import threading
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import urlsplit

from witnessmark.collection.reaching import RefusedAddress, connected

#: Bytes of a request's head; seconds without a byte either way.
_HEAD, _SILENCE = 1 << 16, 300.0


@dataclasses.dataclass(frozen=True, slots=True)
class Passed:
    """Somebody asked for this; `outcome` is `passed`, `private_address` or `unreachable`."""

    host: str
    port: int
    outcome: str


class Gate(socketserver.ThreadingTCPServer):
    """Use `opened`.

    Attributes:
        asked: everything that was asked for, in order.
        carried: bytes that came in, of all connections.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, proxy: str, allowed: frozenset[str]) -> None:
        super().__init__(("127.0.0.1", 0), _Client)
        self.proxy = proxy
        self.allowed = allowed
        self.asked: list[Passed] = []
        self.carried = 0
        self._word = secrets.token_hex(16)
        self.needed = "Basic " + b64encode(f"gate:{self._word}".encode()).decode()

    @property
    def url(self) -> str:
        """What a program is told, with a word that keeps others on this machine out."""
        return f"http://gate:{self._word}@127.0.0.1:{self.server_address[1]}"

    @property
    def refused(self) -> bool:
        """Whether anything led into a private network."""
        return any(each.outcome == "private_address" for each in self.asked)

    def reach(self, host: str, port: int) -> socket.socket | None:
        """A connection to there; None, and noted why, when there is none."""
        try:
            line = connected(host, port, self.proxy, self.allowed)
        except RefusedAddress:
            outcome, line = "private_address", None
        except OSError:
            outcome, line = "unreachable", None
        else:
            outcome = "passed"
        self.asked.append(Passed(host, port, outcome))
        return line


@contextlib.contextmanager
def opened(proxy: str = "", allowed: frozenset[str] = frozenset()) -> Iterator[Gate]:
    """A gate that is open.

    Args:
        proxy: of the archive's settings; "" for none.
        allowed: names in private networks that may be asked all the same.
    """
    with Gate(proxy, allowed) as gate:
        threading.Thread(target=gate.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield gate
        finally:
            gate.shutdown()


class _Client(socketserver.BaseRequestHandler):
    server: Gate
    request: socket.socket

    def handle(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self.request.settimeout(_SILENCE)
            head, rest = self._head()
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = [line for line in lines if line]
            if not any(_is(line, "proxy-authorization", self.server.needed) for line in headers):
                self._say(407, "Proxy-Authenticate: Basic realm=gate\r\n")
                return
            method, target, _ = first.split(" ")
            if method == "CONNECT":
                self._tunnel(target, rest)
            else:
                self._plain(method, target, headers, rest)

    def _head(self) -> tuple[bytes, bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.request.recv(1 << 13)
            data += more
            if not more or len(data) > _HEAD:
                raise ValueError("no head")
        head, _, rest = data.partition(b"\r\n\r\n")
        return head, rest

    def _say(self, status: int, headers: str = "") -> None:
        self.request.sendall(
            f"HTTP/1.1 {status} Gate\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n"
            .encode()
        )  # fmt: skip

    def _tunnel(self, target: str, rest: bytes) -> None:
        place = urlsplit(f"//{target}")
        line = self._reached(place.hostname or "", place.port or 443)
        if line is not None:
            with line:
                self.request.sendall(b"HTTP/1.1 200 Passed\r\n\r\n")
                line.sendall(rest)
                self._relay(line)

    def _plain(self, method: str, target: str, headers: list[str], rest: bytes) -> None:
        """One request; then the connection ends: the next one may be for somebody else."""
        url = urlsplit(target)
        left = _left(method, headers, len(rest))
        if url.scheme != "http" or not url.hostname or left is None:
            self._say(400)
            return
        line = self._reached(url.hostname, url.port or 80)
        if line is None:
            return
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        kept = [
            each
            for each in headers
            if _name(each) != "connection" and not _name(each).startswith("proxy-")
        ]
        head = "\r\n".join([f"{method} {path} HTTP/1.1", *kept, "Connection: close", "", ""])
        with line:
            line.sendall(head.encode("latin-1") + rest)
            self._relay(line, left)

    def _reached(self, host: str, port: int) -> socket.socket | None:
        line = self.server.reach(host, port)
        if line is None:
            refused = self.server.asked[-1].outcome == "private_address"
            self._say(403 if refused else 502)
        return line

    def _relay(self, line: socket.socket, left: int | None = None) -> None:
        """Both ways, until either side ends or is silent, or sends more than is `left` of it."""
        with selectors.DefaultSelector() as ready:
            ready.register(self.request, selectors.EVENT_READ, line)
            ready.register(line, selectors.EVENT_READ, self.request)
            while found := ready.select(_SILENCE):
                for key, _ in found:
                    source, target = key.fileobj, key.data
                    assert isinstance(source, socket.socket)
                    data = source.recv(1 << 16)
                    if not data:
                        return
                    if source is line:
                        self.server.carried += len(data)
                    elif left is not None:
                        left -= len(data)
                        if left < 0:  # another request, perhaps for somebody else
                            return
                    target.sendall(data)


def _name(line: str) -> str:
    return line.partition(":")[0].strip().lower()


def _is(line: str, name: str, value: str) -> bool:
    told = line.partition(":")[2].strip()
    return _name(line) == name and secrets.compare_digest(told.encode(), value.encode())


def _left(method: str, headers: list[str], came: int) -> int | None:
    """Bytes of the request's body that are still to come; None where nobody can be sure."""
    told = [each.partition(":")[2].strip() for each in headers if _name(each) == "content-length"]
    crooked = any("\n" in each or "\r" in each for each in headers) or not method.isalpha()
    if crooked or any(_name(each) == "transfer-encoding" for each in headers) or len(told) > 1:
        return None
    if not all(each.isdecimal() and len(each) < 16 for each in told):
        return None
    left = int(told[0] if told else "0") - came
    return left if left >= 0 else None
