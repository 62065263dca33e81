"""A proxy on loopback (SOCKS5 and HTTP on one port) that counts what goes through it."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator, Mapping

_SECONDS = 20


class Proxy(socketserver.ThreadingTCPServer):
    """Names are resolved here, by `routes`; nowhere else.

    Attributes:
        routes: host name to the port on loopback where its service listens.
        asked: every target that somebody asked for, as `name:port`.
        taken: connections to the proxy.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, routes: Mapping[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _Client)
        self.routes = dict(routes)
        self.asked: list[str] = []
        self.taken = 0

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def reach(self, host: str, port: int) -> socket.socket | None:
        """A connection to the service of that name; None for a name it does not know."""
        self.asked.append(f"{host}:{port}")
        if host not in self.routes:
            return None
        return socket.create_connection(("127.0.0.1", self.routes[host]), _SECONDS)


class _Client(socketserver.BaseRequestHandler):
    server: Proxy
    request: socket.socket

    def handle(self) -> None:
        self.server.taken += 1
        self.request.settimeout(_SECONDS)
        with contextlib.suppress(OSError):
            first = self.request.recv(1, socket.MSG_PEEK)
            if first == b"\x05":
                self._socks()
            elif first:
                self._http()

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.request.recv(count - len(data))
            if not more:
                raise OSError("cut off")
            data += more
        return data

    def _socks(self) -> None:
        self._exactly(self._exactly(2)[1])
        self.request.sendall(b"\x05\x00")
        kind = self._exactly(4)[3]
        if kind == 3:
            host = self._exactly(self._exactly(1)[0]).decode()
        else:
            host = socket.inet_ntop(
                socket.AF_INET if kind == 1 else socket.AF_INET6,
                self._exactly(4 if kind == 1 else 16),
            )
        (port,) = struct.unpack(">H", self._exactly(2))
        other = self.server.reach(host, port)
        self.request.sendall(b"\x05" + (b"\x00" if other else b"\x04") + b"\x00\x01" + bytes(6))
        if other:
            self._join(other)

    def _http(self) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += self._exactly(1)
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        address = target if method == "CONNECT" else target.split("/")[2]
        host, _, port = address.partition(":")
        other = self.server.reach(host, int(port or 80))
        if other is None:
            self.request.sendall(b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n")
            return
        if method == "CONNECT":
            self.request.sendall(b"HTTP/1.1 200 Yes\r\n\r\n")
        else:
            other.sendall(head.replace(target.encode(), b"/" + target.split("/", 3)[3].encode(), 1))
        self._join(other)

    def _join(self, other: socket.socket) -> None:
        def copy(source: socket.socket, target: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while data := source.recv(65_536):
                    target.sendall(data)
                target.shutdown(socket.SHUT_WR)

        with other:
            back = threading.Thread(target=copy, args=(other, self.request), daemon=True)
            back.start()
            copy(self.request, other)
            back.join(_SECONDS)


@contextlib.contextmanager
def running(routes: Mapping[str, int]) -> Iterator[Proxy]:
    """A proxy that is up."""
    with Proxy(routes) as proxy:
        threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
