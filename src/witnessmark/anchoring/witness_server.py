"""A witness on HTTP (C2SP tlog-witness), for partners who ask over a network.

Everything that comes in is hostile: bodies, headers, slow clients, many clients. Nothing of what
is asked is written anywhere but by the witness itself.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from witnessmark.errors import BadInput, WitnessmarkError
from witnessmark.record.witnessing import MAX_REQUEST, Answer

PATH = "/add-checkpoint"
#: Connections at once; more wait in the system's queue.
_MOST = 16
#: Seconds for one connection, however many questions it asks.
_SECONDS = 30.0

Ask = Callable[[bytes], Answer]
Loud = Callable[[str], None]


def address(text: str) -> tuple[str, int]:
    """Host and port that `HOST:PORT` spells. Raises `BadInput`."""
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal()) or int(port[:6]) > 65_535:
        raise BadInput(f"{text!r} is not HOST:PORT.", todo="Write for example 127.0.0.1:8090.")
    return host.strip("[]"), int(port)


class WitnessServer(ThreadingHTTPServer):
    """Serves `POST /add-checkpoint` until it is shut down.

    Args:
        bind: host and port; port 0 takes a free one.
        ask: the witness. Its errors become status 500, and go to `loud`.
        loud: told when a record contradicts itself, and of errors.
        seconds: for one connection.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(
        self, bind: tuple[str, int], ask: Ask, loud: Loud, seconds: float = _SECONDS
    ) -> None:
        if ":" in bind[0]:
            self.address_family = socket.AF_INET6
        try:
            super().__init__(bind, _Handler)
        except OSError as error:
            raise BadInput(
                f"{bind[0]}:{bind[1]} cannot be served: {error.strerror or error}.",
                todo="Choose another port with --bind.",
            ) from error
        self.ask = ask
        self.loud = loud
        self.seconds = seconds
        self._places = threading.BoundedSemaphore(_MOST)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Waits for a free place, then answers in a thread of its own."""
        self._places.acquire()
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One connection; it is cut off when its time is over, whatever it is doing."""
        end = threading.Timer(self.seconds, _cut, [request])
        end.daemon = True
        end.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            end.cancel()
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke off is nobody's concern."""


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended by itself
        connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    server: WitnessServer

    def do_POST(self) -> None:
        """A question."""
        given = self.headers.get("Content-Length", "")
        if self.path != PATH:
            self._send(404, "text/plain; charset=utf-8", b"Ask at /add-checkpoint.\n", last=True)
        elif not (given.isascii() and given.isdecimal()) or "Transfer-Encoding" in self.headers:
            self._send(411, "text/plain; charset=utf-8", b"How long is it?\n", last=True)
        elif len(given) > 9 or int(given) > MAX_REQUEST:
            self._send(413, "text/plain; charset=utf-8", b"It is too long.\n", last=True)
        else:
            self._answer(self.rfile.read(int(given)), int(given))

    def _answer(self, body: bytes, length: int) -> None:
        if len(body) < length:
            self.close_connection = True
            return
        try:
            answer = self.server.ask(body)
        except (WitnessmarkError, OSError) as error:
            self.server.loud(str(error))
            sentence = b"The witness cannot answer now.\n"
            self._send(500, "text/plain; charset=utf-8", sentence, last=True)
            return
        if answer.loud:
            self.server.loud(answer.loud)
        self._send(answer.status, answer.media_type, answer.body)

    def _send(self, status: int, media_type: str, body: bytes, *, last: bool = False) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        if last:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def send_response(self, code: int, message: str | None = None) -> None:
        """Without the server's name, version and clock."""
        self.send_response_only(code, message)

    def log_message(self, *_: object) -> None:
        """Nothing: who asked when is nobody's concern."""
