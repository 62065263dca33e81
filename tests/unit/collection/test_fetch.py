"""What comes from a web address is whole or said not to be; nothing leads inside."""

from __future__ import annotations

import contextlib
import io
import ipaddress
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from support import proxy
from support.website import Answer, Asked, Website, in_turn, ranged, running, status
from witnessmark.collection import fetch, reaching
from witnessmark.collection.fetch import Fetched, Fetcher, FetchError

BODY = bytes(range(256)) * 400
HERE = frozenset({"127.0.0.1"})
ROOT = Path(__file__).parents[3]


@contextlib.contextmanager
def site(**pages: Answer) -> Iterator[Website]:
    with running({f"/{name}": answer for name, answer in pages.items()}) as up:
        yield up


def get(url: str, **how: object) -> tuple[Fetched, bytes, list[float]]:
    waits: list[float] = []
    into = io.BytesIO()
    fetcher = Fetcher(**{"allowed": HERE, "sleep": waits.append, **how})
    return fetcher.get(url, into), into.getvalue(), waits


def failed(url: str, **how: object) -> FetchError:
    with pytest.raises(FetchError) as caught:
        get(url, **how)
    return caught.value


def test_bytes_come_as_served_and_the_way_is_recorded() -> None:
    packed = status(200, b"\x1f\x8b packed", Content_Encoding="gzip", Content_Type="video/mp4")
    with site(a=status(302, Location="/b"), b=packed) as up:
        came, data, waits = get(up.url("/a"))
        asked = [each.headers for each in up.asked]
    assert data == b"\x1f\x8b packed"
    assert [(hop.status, hop.url) for hop in came.hops] == [
        (302, up.url("/a")), (200, up.url("/b"))
    ]  # fmt: skip
    assert came.last.header("content-encoding") == "gzip"
    assert came.last.address == "127.0.0.1"
    assert came.size == len(data)
    assert waits == []
    assert all(each["accept-encoding"] == "identity" for each in asked)
    assert all(each["host"] == f"127.0.0.1:{up.port}" for each in asked)
    assert not any("python" in value.lower() for each in asked for value in each.values())


# --- cut, lying, slow ----------------------------------------------------------------------------


def test_what_is_cut_is_resumed() -> None:
    with site(a=ranged(BODY, [1000, 5000])) as up:
        came, data, waits = get(up.url("/a"))
        ranges = [each.headers.get("range", "") for each in up.asked]
    assert data == BODY
    assert ranges == ["", "bytes=1000-", "bytes=6000-"]
    assert [hop.status for hop in came.hops] == [200, 206, 206]
    assert waits == [1.0, 2.0]


@pytest.mark.parametrize("ranges", [True, False], ids=["changed", "no ranges"])
def test_what_changed_meanwhile_is_taken_anew(ranges: bool) -> None:
    """Never the beginning of one file and the end of another."""
    first = ranged(b"x" * 9000, [1000])
    second = ranged(BODY, [], '"two"', ranges=ranges)
    with site(a=in_turn(first, second)) as up:
        _, data, _ = get(up.url("/a"))
    assert data == BODY


def test_two_servers_are_never_joined() -> None:
    """Cut off here, sent on there: the beginning of one is no part of the other."""
    with running({"/b": ranged(b"B" * 9000, [])}, "127.0.0.1") as other:
        moved = status(302, Location=other.url("/b"))
        with site(a=in_turn(ranged(b"A" * 9000, [1000]), moved)) as up:
            _, data, _ = get(up.url("/a"))
    assert data == b"B" * 9000


def part(body: bytes, ranges: str) -> Answer:
    return status(206, body, Content_Range=ranges, ETag='"one"')


def test_a_part_is_not_the_whole() -> None:
    with site(a=part(b"x" * 10, "bytes 0-9/1000")) as up:
        assert failed(up.url("/a")).reason == "http_206"
    short = in_turn(ranged(BODY, [1000]), part(BODY[1000:1100], f"bytes 1000-1099/{len(BODY)}"))
    with site(a=short) as up:
        error = failed(up.url("/a"))
    assert error.reason == "http_206"  # the third time the same part, which nobody asked for
    assert [hop.status for hop in error.hops] == [200, 206, 206]


def test_without_a_mark_it_begins_anew() -> None:
    with site(a=in_turn(cut(b"x" * 500, 900), status(200, BODY))) as up:
        _, data, _ = get(up.url("/a"))
        assert "range" not in up.asked[1].headers
    assert data == BODY


def cut(body: bytes, stated: int) -> Answer:
    def answer(_: Asked, write: Callable[[bytes], object]) -> None:
        write(f"HTTP/1.1 200 Ok\r\nContent-Length: {stated}\r\n\r\n".encode() + body)

    return answer


def test_a_length_that_lies_is_no_whole_file() -> None:
    with site(a=cut(BODY, len(BODY) + 1)) as up:
        error = failed(up.url("/a"))
        assert len(up.asked) == fetch.TRIES
    assert error.reason == "cut_short"
    assert len(error.hops) == fetch.TRIES


def test_a_stream_without_end_ends() -> None:
    def endless(_: Asked, write: Callable[[bytes], object]) -> None:
        write(b"HTTP/1.1 200 Ok\r\nConnection: close\r\n\r\n")
        while True:
            write(bytes(1 << 16))

    with site(a=endless) as up:
        assert failed(up.url("/a"), most=1 << 20).reason == "too_large"
        assert failed(up.url("/a"), seconds=0.2).reason == "too_slow"


def test_silence_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "SILENCE", 0.2)
    monkeypatch.setattr(fetch, "TRIES", 2)

    def silent(_: Asked, write: Callable[[bytes], object]) -> None:
        write(b"HTTP/1.1 200 Ok\r\nContent-Length: 9\r\n\r\nabc")
        ended.wait(5)

    ended = threading.Event()
    with site(a=silent) as up:
        assert failed(up.url("/a")).reason == "silent"
        ended.set()


# --- statuses ------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 451])
def test_what_will_not_change_is_asked_once(code: int) -> None:
    with site(a=status(code, b"sorry")) as up:
        error = failed(up.url("/a"))
        assert len(up.asked) == 1
    assert error.reason == f"http_{code}"
    assert error.hops[-1].status == code


def test_a_server_that_asks_to_wait_is_waited_for() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    busy = [status(429, Retry_After="7"), status(503, Retry_After=soon)]
    with site(a=in_turn(*busy, status(200, BODY))) as up:
        _, data, waits = get(up.url("/a"))
    assert data == BODY
    assert waits[0] == 7
    assert 20 < waits[1] <= 30


def test_a_number_without_end_is_a_long_time() -> None:
    with site(a=status(503, Retry_After="9" * 5000)) as up:
        assert failed(up.url("/a")).wait > fetch.PATIENCE


def test_a_server_that_asks_for_too_long_is_left() -> None:
    with site(a=status(429, Retry_After="86400")) as up:
        error = failed(up.url("/a"))
        assert len(up.asked) == 1
    assert (error.reason, error.wait) == ("http_429", 86_400)


# --- where it leads ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    ["http://127.0.0.2:1/", "http://10.0.0.1/", "http://169.254.169.254/latest", "http://[::1]/",
     "http://localhost/", "http://[::ffff:127.0.0.2]/", "http://router.local/", "http://0.0.0.0/",
     "http://127.2/", "http://0x7f.2/", "http://2130706434/", "http://10.1/", "http://[fec0::1]/",
     "http://[64:ff9b::7f00:2]/", "http://[::127.0.0.2]/", "http://[2002:7f00:2::]/"],
)  # fmt: skip
@pytest.mark.parametrize("behind", ["", "socks5h://127.0.0.1:1"], ids=["direct", "proxy"])
def test_nothing_leads_into_a_private_network(target: str, behind: str) -> None:
    assert failed(target, proxy=behind).reason == "private_address"
    with site(a=status(302, Location=target)) as up:
        error = failed(up.url("/a"))
    assert error.reason == "private_address"
    assert error.hops[0].header("location") == target


def test_a_name_that_leads_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the address that was looked at is the one connected to: it is not looked up again."""
    found = iter(["8.8.8.8", "10.0.0.1"])

    def looked_up(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", (address, 80)) for address in found]

    monkeypatch.setattr(reaching.socket, "getaddrinfo", looked_up)
    assert failed("http://somewhere.example/").reason == "private_address"


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://example.org/a", "gopher:x"])
def test_only_the_web_is_asked(target: str) -> None:
    assert failed(target).reason == "not_http"
    with site(a=status(302, Location=target)) as up:
        error = failed(up.url("/a"))
    assert error.reason == "not_http"
    assert error.hops[0].status == 302


@pytest.mark.parametrize("target", ["", "http://", "no address", "http://:80/"])
def test_what_is_no_address_is_said(target: str) -> None:
    assert failed(target).reason == "not_http"


def test_redirects_end() -> None:
    with site(a=status(302, Location="/a")) as up:
        error = failed(up.url("/a"))
    assert error.reason == "too_many_redirects"
    assert len(error.hops) == fetch.MOST_HOPS + 1


# --- the proxy -----------------------------------------------------------------------------------

THROUGH = """
import io, sys
from witnessmark.collection.fetch import Fetcher
into = io.BytesIO()
came = Fetcher(proxy=sys.argv[1]).get("http://somewhere.example/a", into)
print(came.last.status, len(into.getvalue()))
"""


@pytest.mark.parametrize("scheme", ["socks5h", "http"])
def test_nothing_goes_around_the_proxy(scheme: str, tmp_path: Path) -> None:
    """A process that may reach the proxy only, names included."""
    program = tmp_path / "through.py"
    program.write_text(THROUGH, encoding="utf-8")
    pages = {"a": status(302, Location="http://elsewhere.example/b"), "b": status(200, BODY)}
    with (
        site(**pages) as up,
        proxy.running({"somewhere.example": up.port, "elsewhere.example": up.port}) as between,
    ):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "*", "no_proxy": "*"}
        command = [sys.executable, "-m", "support.guarded", str(between.port), str(program)]
        done = subprocess.run(
            [*command, f"{scheme}://127.0.0.1:{between.port}"],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert between.asked == ["somewhere.example:80", "elsewhere.example:80"]
    assert (done.returncode, done.stdout.split()) == (0, ["200", str(len(BODY))]), done.stderr


# --- certificates --------------------------------------------------------------------------------


def test_whose_certificate_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    certificate = tmp_path / "own.pem"
    own = self_signed(certificate)
    with site(a=status(200, BODY)) as up:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        up.socket = context.wrap_socket(up.socket, server_side=True)
        url = f"https://127.0.0.1:{up.port}/a"
        assert failed(url).reason == "tls"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fetch, "_trusted", lambda: ssl.create_default_context(cafile=certificate))
            came, data, _ = get(url)
    assert data == BODY
    assert came.last.certificates[0] == own


def self_signed(path: Path) -> bytes:
    """A key and a certificate of its own for 127.0.0.1; the certificate in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return made.public_bytes(serialization.Encoding.DER)
