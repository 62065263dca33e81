"""Programs that ask by themselves go through the gate: not inside, not around, and noted."""

from __future__ import annotations

import socket
import threading

import httpx
import pytest

from support import proxy
from support.website import running, status
from witnessmark.collection import gate, reaching
from witnessmark.collection.gate import Gate, Passed

HERE = frozenset({"127.0.0.1"})
BODY = b"x" * 5000


def ask(through: Gate, url: str) -> httpx.Response:
    with httpx.Client(proxy=through.url, trust_env=False) as client:
        return client.get(url)


def test_what_is_public_passes_and_is_noted() -> None:
    with running({"/a": status(200, BODY)}) as up, gate.opened(allowed=HERE) as through:
        answer = ask(through, up.url("/a?b=c"))
        assert (answer.status_code, answer.content) == (200, BODY)
        assert through.asked == [Passed("127.0.0.1", up.port, "passed")]
        assert up.asked[0].path == "/a?b=c"
        assert not any(name.startswith("proxy") for name in up.asked[0].headers)
        assert through.carried > len(BODY)
        assert not through.refused


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "localhost", "printer.local"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_nobody_gets_inside(host: str, scheme: str) -> None:
    with running({"/a": status(200, BODY)}) as up, gate.opened() as through:
        url = f"{scheme}://{host}:{up.port}/a"
        if scheme == "https":
            with pytest.raises(httpx.ProxyError, match="403"):
                ask(through, url)
        else:
            assert ask(through, url).status_code == 403
        assert through.refused
        assert up.asked == []


@pytest.mark.parametrize("first", ["CONNECT [::1]:80", "GET http://[::1]/a", "CONNECT [::]:443"])
def test_nor_by_an_address_of_version_6(first: str) -> None:
    with gate.opened() as through:
        with socket.create_connection(("127.0.0.1", through.server_address[1]), 5) as line:
            word = f"Proxy-Authorization: {through.needed}"
            line.sendall(f"{first} HTTP/1.1\r\n{word}\r\n\r\n".encode())
            assert line.recv(100).startswith(b"HTTP/1.1 403")
        assert through.refused


def test_a_name_that_leads_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def looked_up(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", ("8.8.8.8", 80)), (0, 0, 0, "", ("192.168.0.1", 80))]

    with gate.opened() as through:
        monkeypatch.setattr(reaching.socket, "getaddrinfo", looked_up)
        assert through.reach("somewhere.example", 80) is None
    assert through.asked == [Passed("somewhere.example", 80, "private_address")]


@pytest.mark.parametrize("scheme", ["socks5h", "http"])
def test_names_are_the_proxys_business(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        running({"/a": status(200, BODY)}) as up,
        proxy.running({"somewhere.example": up.port}) as between,
        gate.opened(f"{scheme}://127.0.0.1:{between.port}") as through,
    ):
        asked = names_asked(monkeypatch)
        assert ask(through, "http://somewhere.example/a").content == BODY
        assert ask(through, "http://nowhere.example/a").status_code == 502
        assert ask(through, "http://10.0.0.1/a").status_code == 403
        assert between.asked == ["somewhere.example:80", "nowhere.example:80"]
    assert set(asked) <= {"127.0.0.1"}
    outcomes = [each.outcome for each in through.asked]
    assert outcomes == ["passed", "unreachable", "private_address"]


def names_asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    real, asked = socket.getaddrinfo, list[str]()

    def noted(host: str, *rest: object, **options: object) -> object:
        asked.append(host)
        return real(host, *rest, **options)  # type: ignore[arg-type] - as it was called

    monkeypatch.setattr(socket, "getaddrinfo", noted)
    return asked


def say(through: Gate, head: str, body: bytes = b"") -> socket.socket:
    line = socket.create_connection(("127.0.0.1", through.server_address[1]), 5)
    word = f"Proxy-Authorization: {through.needed}"
    line.sendall(f"{head}\r\n{word}\r\n\r\n".encode() + body)
    return line


def test_a_second_request_never_reaches_the_first_server() -> None:
    """It may be for somebody else, with their cookies."""
    with running({"/a": status(200, BODY)}) as up, gate.opened(allowed=HERE) as through:
        second = b"GET http://bank.example/ HTTP/1.1\r\nCookie: secret\r\n\r\n"
        with say(through, f"GET {up.url('/a')} HTTP/1.1", second) as line:
            assert line.recv(100).startswith(b"HTTP/1.1 400")
        assert up.asked == []


@pytest.mark.parametrize(
    "headers",
    ["Transfer-Encoding: chunked", "Content-Length: 1\r\nContent-Length: 2", "Content-Length: x",
     "X: a\nHost: b"],
)  # fmt: skip
def test_requests_whose_end_nobody_is_sure_of_are_refused(headers: str) -> None:
    with running({"/a": status(200, BODY)}) as up, gate.opened(allowed=HERE) as through:
        with say(through, f"POST {up.url('/a')} HTTP/1.1\r\n{headers}") as line:
            assert line.recv(100).startswith(b"HTTP/1.1 400")
        assert up.asked == []


def test_words_for_the_gate_stay_here() -> None:
    with running({"/a": status(200, BODY)}) as up, gate.opened(allowed=HERE) as through:
        with say(through, f"GET {up.url('/a')} HTTP/1.1\r\nConnection : keep-alive") as line:
            assert line.recv(100).startswith(b"HTTP/1.1 200")
        assert up.asked[0].headers["connection"] == "close"
        assert not any(name.startswith("proxy") for name in up.asked[0].headers)


def test_others_on_this_machine_are_kept_out() -> None:
    with running({"/a": status(200, BODY)}) as up, gate.opened(allowed=HERE) as through:
        for way in (f"http://127.0.0.1:{through.server_address[1]}",
                    f"http://gate:guess@127.0.0.1:{through.server_address[1]}"):  # fmt: skip
            with httpx.Client(proxy=way, trust_env=False) as client:
                assert client.get(up.url("/a")).status_code == 407
        assert through.asked == []


@pytest.mark.parametrize("said", [b"", b"\r\n\r\n", b"GET\r\n\r\n", b"x" * 70_000])
def test_nonsense_is_let_go(said: bytes) -> None:
    with gate.opened() as through:
        with socket.create_connection(("127.0.0.1", through.server_address[1]), 5) as line:
            line.sendall(said)
            line.shutdown(socket.SHUT_WR)
            while line.recv(4096):
                pass
        assert through.asked == []


def test_the_proxys_password_is_given() -> None:
    """As RFC 1929 has it; and a proxy that refuses it is no connection."""
    for verdict, reached in ((b"\x01\x00", True), (b"\x01\x01", False)):
        told = speak([b"\x05\x02", verdict, b"\x05\x00\x00\x01" + bytes(6)], reached=reached)
        assert told.startswith(b"\x05\x01\x02\x01\x04n m!\x02pw")


def speak(answers: list[bytes], *, reached: bool) -> bytes:
    """What a SOCKS proxy that answers so is told."""
    heard = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            line, _ = server.accept()
            with line:
                for answer in answers:
                    heard.extend(line.recv(4096))
                    line.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        way = f"socks5h://n%20m%21:pw@127.0.0.1:{server.getsockname()[1]}"
        if reached:
            reaching.connected("somewhere.example", 80, way, ()).close()
        else:
            with pytest.raises(OSError, match="refuses"):
                reaching.connected("somewhere.example", 80, way, ())
        server.settimeout(1)
    return bytes(heard)
