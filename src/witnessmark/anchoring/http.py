"""The one door of anchoring and co-signing to the network: through the archive's proxy, always.

A regular rhythm of requests from one address identifies a club. So nothing else in this package
opens a connection, the environment's proxies and settings are ignored, names are resolved by the
proxy, and without a proxy the door stays shut unless the settings say `direct = true`.
"""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

from witnessmark.errors import BadInput, Refused, WitnessmarkError

if TYPE_CHECKING:
    import httpx

#: proxies that resolve names themselves
PROXIES = ("socks5h", "http")
#: bytes of an answer that is an error, kept for who asked
_ERROR_BODY = 4_096
_LAST_PORT = 65_535
_ADDRESS = "Correct its address in archive.toml, or ask whoever runs it."
_CLOSED = "Ask whoever runs it why; some let nobody in who comes through a proxy like this one."
#: what to do about an answer that will be the same later
_TODO = {
    **dict.fromkeys((301, 302, 303, 307, 308, 400, 404, 405, 410, 415), _ADDRESS),
    **dict.fromkeys((401, 403, 451), _CLOSED),
    407: "The proxy wants a name and a password: proxy = "
    '"http://NAME:PASSWORD@HOST:PORT" in archive.toml.',
}


class NoAnswer(WitnessmarkError):
    """Nobody answered, or not as was asked.

    Attributes:
        code: `unreachable` (no connection, cut off, too slow), `refused` (a status other than
            200, a redirect too), `too_large`, `wrong_type`.
        status: of HTTP; 0 when there was none.
        body: the first bytes of an answer that was `refused`.
    """

    code = "unreachable"

    def __init__(self, what: str, code: str, *, status: int = 0, body: bytes = b"") -> None:
        todo = _TODO.get(status, "Try again later.")
        super().__init__(what, kept="Nothing was changed.", todo=todo, code=code)
        self.status = status
        self.body = body


@dataclasses.dataclass(frozen=True, slots=True)
class Door:
    """Asks others over HTTP. Not for use inside a running event loop.

    Attributes:
        proxy: `socks5h://host:port` or `http://host:port`; "" for none.
        direct: asking without a proxy was allowed in plain words; a proxy is used all the same.
        seconds: for one question and its whole answer.
        largest: bytes of an answer.
    """

    proxy: str = ""
    direct: bool = False
    seconds: float = 60.0
    largest: int = 1 << 20

    def __post_init__(self) -> None:
        if self.proxy and not _is_proxy(self.proxy):
            raise BadInput(
                "The proxy of this archive cannot be used: it is no address with a host and a "
                "port up to 65535, or not one of the kinds socks5h:// and http://, which resolve "
                "names themselves.",
                todo='Write for example proxy = "socks5h://127.0.0.1:9050".',
                code="proxy",
            )

    @property
    def via(self) -> str:
        """`proxy` or `direct`, for the record. Raises `Refused` without either."""
        if not self.proxy and not self.direct:
            raise Refused(
                "This archive has no proxy, and asks nobody without one: a regular rhythm from "
                "one address tells who you are.",
                kept="Nothing was sent.",
                todo='Set proxy in archive.toml (for example "socks5h://127.0.0.1:9050"), let a '
                "partner's archive ask, or allow it with direct = true.",
                code="no_proxy",
            )
        return "proxy" if self.proxy else "direct"

    def post(self, url: str, body: bytes, content_type: str, *, answer: str = "") -> bytes:
        """The answer to `body`; its media type must be `answer` when that is given.

        Raises:
            NoAnswer: see there.
            Refused: there is no proxy (`no_proxy`).
            BadInput: `url` is no address of HTTP.
        """
        return self._ask("POST", url, body, content_type, answer)

    def get(self, url: str, *, answer: str = "") -> bytes:
        """What stands at `url`. Raises as `post` does."""
        return self._ask("GET", url, None, "", answer)

    def _ask(
        self, method: str, url: str, body: bytes | None, content_type: str, answer: str
    ) -> bytes:
        _ = self.via  # shut without a proxy
        import httpx
        from socksio.exceptions import SOCKSError

        address = _address(url)
        if address is None or address.scheme not in ("http", "https"):
            raise BadInput(
                f"{url!r} is no address of a web service.", todo="Correct it in archive.toml."
            )
        # made by hand, so that it names neither program nor version
        headers = {"Accept": answer or "*/*", "Accept-Encoding": "identity"}
        if body is not None:
            headers["Content-Type"] = content_type
        request = httpx.Request(method, address, headers=headers, content=body)
        status = 0
        # the limit is for all of it: a server that drips must not hold us up
        try:
            return asyncio.run(asyncio.wait_for(self._send(request, answer), self.seconds))
        except TimeoutError:
            problem = f"{address.host} did not answer in {self.seconds:g} seconds."
        except httpx.ProxyError as error:
            problem = f"The proxy did not reach {address.host}: {_why(error)}."
            status = 407 if str(error).startswith("407") else 0
        except SOCKSError as error:
            problem = f"The proxy does not answer as a SOCKS proxy does: {_why(error)}."
        except (httpx.HTTPError, OSError, OverflowError) as error:  # a name too long for SOCKS
            problem = f"{address.host} cannot be reached: {_why(error)}."
        raise NoAnswer(problem, "unreachable", status=status)

    async def _send(self, request: httpx.Request, answer: str) -> bytes:
        import httpx

        async with httpx.AsyncClient(
            proxy=self.proxy or None, trust_env=False, follow_redirects=False, timeout=self.seconds
        ) as client:
            response = await client.send(request, stream=True)
            try:
                return await self._read(response, answer)
            finally:
                await response.aclose()

    async def _read(self, response: httpx.Response, answer: str) -> bytes:
        host, status = response.request.url.host, response.status_code
        refused = status != 200
        limit = _ERROR_BODY if refused else self.largest
        body = bytearray()
        async for chunk in response.aiter_raw():  # as it came: nothing is unpacked
            body += chunk
            if len(body) > limit:
                break
        if refused:
            what = f"{host} refused, with status {status}."
            raise NoAnswer(what, "refused", status=status, body=bytes(body[:limit]))
        if len(body) > limit:
            raise NoAnswer(f"{host} answered with more than {limit} bytes.", "too_large")
        given = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if answer and given != answer:
            raise NoAnswer(f"{host} did not answer with {answer}.", "wrong_type")
        return bytes(body)


def _address(url: str) -> httpx.URL | None:
    """An address with a host, and a port that can be; None when it is not one."""
    import httpx

    try:
        address = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return None
    return address if address.host and (address.port or 1) <= _LAST_PORT else None


def _is_proxy(url: str) -> bool:
    address = _address(url)
    return address is not None and address.scheme in PROXIES


def _why(error: Exception) -> str:
    """What an error says; many say nothing."""
    return str(error).rstrip(".") or type(error).__name__
