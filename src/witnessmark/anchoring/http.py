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
        super().__init__(what, kept="Nothing was changed.", todo="Try again later.", code=code)
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
        if self.proxy and self.proxy.partition("://")[0] not in PROXIES:
            raise BadInput(
                "The proxy of this archive cannot be used: only socks5h:// and http:// proxies "
                "resolve names themselves.",
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

        try:
            address = httpx.URL(url)
        except (httpx.InvalidURL, ValueError) as error:
            raise BadInput(f"{url!r} is no address: {error}.") from error
        if address.scheme not in ("http", "https") or not address.host:
            raise BadInput(f"{url!r} is no address of a web service.")
        # made by hand, so that it names neither program nor version
        headers = {"Accept": answer or "*/*", "Accept-Encoding": "identity"}
        if body is not None:
            headers["Content-Type"] = content_type
        request = httpx.Request(method, address, headers=headers, content=body)
        # the limit is for all of it: a server that drips must not hold us up
        try:
            return asyncio.run(asyncio.wait_for(self._send(request, answer), self.seconds))
        except TimeoutError:
            problem = f"{address.host} did not answer in {self.seconds:g} seconds."
        except httpx.ProxyError as error:
            problem = f"The proxy did not reach {address.host}: {error}."
        except (httpx.HTTPError, OSError) as error:
            problem = f"{address.host} cannot be reached: {error or type(error).__name__}."
        raise NoAnswer(problem, "unreachable")

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
