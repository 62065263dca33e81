"""Fetches what stands at a web address, exactly as served, and says how it came.

Redirects are followed one by one, so that each is recorded and none leads into a private network.
Without a proxy a name is looked up once, and the address that was looked at is the one that is
connected to; with one, names are the proxy's business and nothing is looked up here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import email.utils
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO

from witnessmark.collection.reaching import RefusedAddress, is_inside, looked_up
from witnessmark.ports import Unreadable

if TYPE_CHECKING:
    import httpx

#: Redirects followed, tries of one address, and seconds that a server may ask us to wait.
MOST_HOPS, TRIES, PATIENCE = 10, 4, 120.0
#: Seconds without a byte after which a server counts as silent.
SILENCE = 30.0
#: What `public_bytes` of a certificate calls DER.
_DER = 2
_REDIRECTS = (301, 302, 303, 307, 308)
_LATER = (429, 500, 502, 503, 504)


@dataclasses.dataclass(frozen=True, slots=True)
class Hop:
    """One answer on the way: where, when (our clock), status, headers in their order.

    Attributes:
        address: that was connected to; "" behind a proxy.
        certificates: DER, the server's own first, as it gave them.
    """

    url: str
    at: str
    status: int
    headers: tuple[tuple[str, str], ...]
    address: str = ""
    certificates: tuple[bytes, ...] = ()

    def header(self, name: str) -> str:
        """The first header of that name, "" without one."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


@dataclasses.dataclass(frozen=True, slots=True)
class Fetched:
    """What came: every hop, the last of which has the bytes, and how many."""

    hops: tuple[Hop, ...]
    size: int

    @property
    def last(self) -> Hop:
        return self.hops[-1]


class FetchError(Unreadable):
    """Nothing whole came.

    Attributes:
        reason: `http_<status>`, `unreachable`, `silent`, `cut_short`, `too_large`, `too_slow`,
            `private_address`, `too_many_redirects`, `not_http`, `tls`.
        hops: the answers until then, for the record.
        wait: seconds that the server asked for, 0 when it did not.
    """

    def __init__(self, reason: str, hops: tuple[Hop, ...] = (), wait: float = 0.0) -> None:
        super().__init__(reason)
        self.hops = hops
        self.wait = wait


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fetcher:
    """Asks web servers. Not for use inside a running event loop.

    Attributes:
        proxy: `socks5h://host:port` or `http://host:port`; "" for none.
        allowed: names and addresses in private networks that may be asked all the same.
        most: bytes of one answer; more is `too_large`.
        seconds: for one address, all tries together.
        sleep: waits; tests give another one.
    """

    proxy: str = ""
    allowed: frozenset[str] = frozenset()
    most: int = 1 << 40
    seconds: float = 3_600.0
    agent: str = "Mozilla/5.0"
    sleep: Callable[[float], None] = time.sleep

    def get(self, url: str, into: BinaryIO) -> Fetched:
        """Writes what stands at `url` into an empty file, which can seek; resumes what is cut.

        Raises:
            FetchError: see there; `into` holds what came until then.
        """
        return _Visit(self, url, into).made()


class _Visit:
    """One address: its hops, its tries."""

    def __init__(self, how: Fetcher, url: str, into: BinaryIO) -> None:
        self._how = how
        self._url = url
        self._into = into
        self._hops: list[Hop] = []
        self._got = 0
        self._mark = ""
        self._until = time.monotonic() + how.seconds

    def made(self) -> Fetched:
        import httpx

        # Not a client: that would look into redirects by itself, and break on crooked ones.
        through = httpx.Proxy(self._how.proxy) if self._how.proxy else None
        with httpx.HTTPTransport(verify=_trusted(), proxy=through, trust_env=False) as line:
            for attempt in range(1, TRIES + 1):
                try:
                    return self._once(line)
                except FetchError as error:
                    wait = error.wait or 2.0 ** (attempt - 1)
                    passing = error.reason in _PASSING
                    if not passing or attempt == TRIES or wait > PATIENCE:
                        raise
                    if time.monotonic() + wait > self._until:
                        raise self._error("too_slow") from error
                    self._how.sleep(wait)
        raise AssertionError

    def _once(self, line: httpx.HTTPTransport) -> Fetched:
        for _ in range(MOST_HOPS + 1):
            with self._asked(line) as response:
                hop = self._hops[-1]
                if response.status_code in _REDIRECTS and hop.header("location"):
                    self._follow(response)
                    continue
                self._take(response, hop)
                return Fetched(tuple(self._hops), self._got)
        raise self._error("too_many_redirects")

    @contextlib.contextmanager
    def _asked(self, line: httpx.HTTPTransport) -> Iterator[httpx.Response]:
        """The answer to one request, recorded, its body unread."""
        import httpx

        request, address = self._request()
        started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            response = line.handle_request(request)
        except httpx.TimeoutException as error:
            raise self._error("silent") from error
        except (httpx.HTTPError, OSError, ValueError) as error:
            raise self._error("tls" if _is_tls(error) else "unreachable") from error
        headers = tuple(
            (key.decode("latin-1"), value.decode("latin-1")) for key, value in response.headers.raw
        )
        hop = Hop(self._url, started, response.status_code, headers, address, _chain(response))
        self._hops.append(hop)
        try:
            yield response
        finally:
            response.close()

    def _request(self) -> tuple[httpx.Request, str]:
        import httpx

        try:
            url = httpx.URL(self._url)
        except (httpx.InvalidURL, ValueError) as error:
            raise self._error("not_http") from error
        if url.scheme not in ("http", "https") or not url.host:
            raise self._error("not_http")
        headers = {"User-Agent": self._how.agent, "Accept": "*/*", "Accept-Encoding": "identity"}
        if self._got:
            headers |= {"Range": f"bytes={self._got}-", "If-Range": self._mark}
        address = self._resolved(url)
        headers["Host"] = url.netloc.decode("ascii")
        extensions: dict[str, object] = {"timeout": httpx.Timeout(SILENCE).as_dict()}
        if address:
            extensions["sni_hostname"] = url.host
        where = url.copy_with(host=address) if address else url
        return httpx.Request("GET", where, headers=headers, extensions=extensions), address

    def _resolved(self, url: httpx.URL) -> str:
        """The address to connect to; "" behind a proxy. Private ones are refused."""
        if url.host.rstrip(".").lower() not in self._how.allowed and is_inside(url.host):
            raise self._error("private_address")
        if self._how.proxy:
            return ""
        try:
            return looked_up(url.host, url.port or 0, self._how.allowed)
        except RefusedAddress as error:
            raise self._error("private_address") from error
        except OSError as error:
            raise self._error("unreachable") from error

    def _follow(self, response: httpx.Response) -> None:
        """The next address, which may be another server's: what came so far does not carry over."""
        import httpx

        self._got, self._mark = 0, ""

        try:
            self._url = str(httpx.URL(self._url).join(response.headers["location"]))
        except (httpx.InvalidURL, ValueError) as error:
            raise self._error("not_http") from error

    def _take(self, response: httpx.Response, hop: Hop) -> None:
        """The body, or why there is none that is whole."""
        import httpx

        status = response.status_code
        resumed = status == 206 and self._got > 0 and _starts_at(hop, self._got)
        if status != 200 and not resumed:
            wait = _asked_to_wait(hop) if status in _LATER else 0.0
            raise self._error(f"http_{status}", wait)
        if not resumed:
            self._into.seek(0)
            self._into.truncate()
            self._got = 0
        self._mark = _validator(hop)
        stated = hop.header("content-length")
        whole = self._got + int(stated[:18]) if stated.isdecimal() else None
        if resumed:
            whole = _total(hop) or whole
        try:
            for chunk in response.iter_raw():  # as it comes: what was cut is kept
                self._write(chunk)
        except httpx.TimeoutException as error:
            raise self._cut("silent") from error
        except (httpx.HTTPError, OSError) as error:
            raise self._cut("cut_short") from error
        if whole is not None and self._got != whole:
            raise self._cut("cut_short")

    def _write(self, chunk: bytes) -> None:
        if self._got + len(chunk) > self._how.most:
            raise self._error("too_large")
        if time.monotonic() > self._until:
            raise self._error("too_slow")
        self._into.write(chunk)
        self._got += len(chunk)

    def _cut(self, reason: str) -> FetchError:
        """What came is kept for the next try only when the server can say that it is the same."""
        if not self._mark:
            self._got = 0
        return self._error(reason)

    def _error(self, reason: str, wait: float = 0.0) -> FetchError:
        return FetchError(reason, tuple(self._hops), wait)


#: What may pass: tried again.
_PASSING = ("silent", "cut_short", "unreachable", *(f"http_{status}" for status in _LATER))


def _trusted() -> ssl.SSLContext:
    """Whose certificates count: those that come with this program, never the environment's."""
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def _is_tls(error: BaseException) -> bool:
    return "CERTIFICATE" in str(error) or "SSL" in str(error) or "TLS" in str(error)


def _validator(hop: Hop) -> str:
    """What tells that a file is still the same, byte for byte; "" when nothing does."""
    mark = hop.header("etag")
    if mark and not mark.startswith("W/"):
        return mark
    return hop.header("last-modified") if not mark else ""


def _total(hop: Hop) -> int | None:
    """Size of the whole, as an answer in part states it; None where it does not."""
    total = hop.header("content-range").rpartition("/")[2].strip()
    return int(total[:18]) if total.isascii() and total.isdecimal() else None


def _starts_at(hop: Hop, offset: int) -> bool:
    return hop.header("content-range").strip().lower().startswith(f"bytes {offset}-")


def _asked_to_wait(hop: Hop) -> float:
    """Seconds of Retry-After, a number or a date; 0 without one."""
    text = hop.header("retry-after").strip()
    if text.isdecimal():
        return float(min(int(text[:12]), 1 << 30))
    try:
        at = email.utils.parsedate_to_datetime(text)
        return max(0.0, (at - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def _chain(response: httpx.Response) -> tuple[bytes, ...]:
    """The server's certificates, DER."""
    stream = response.extensions.get("network_stream")
    tls = stream.get_extra_info("ssl_object") if stream is not None else None
    if tls is None:
        return ()
    # Public since Python 3.13; what lies beneath has had it since 3.10, as objects.
    chain = getattr(tls, "get_unverified_chain", lambda: None)() or [tls.getpeercert(True)]
    return tuple(each if isinstance(each, bytes) else each.public_bytes(_DER) for each in chain)
