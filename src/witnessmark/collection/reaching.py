"""Which addresses of the network may be reached, and how: one rule for every source."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
import unicodedata
from collections.abc import Container
from urllib.parse import unquote, urlsplit

#: Seconds for a connection to stand.
SECONDS = 30.0
#: Networks of version 6 whose last 32 bits are an address of version 4 (RFC 4291, RFC 6052).
_TRANSLATED = tuple(map(ipaddress.IPv6Network, ("::/96", "64:ff9b::/96")))
_INSIDE = (".localhost", ".local", ".internal", ".home.arpa")


class RefusedAddress(Exception):
    """It leads into a private network."""


def is_inside(host: str) -> bool:
    """Whether a name alone says that it stays in a private network, or is an address of one."""
    name = unicodedata.normalize("NFKC", host).rstrip(".").lower().strip("[]")
    with contextlib.suppress(OSError):  # 127.1, 0x7f.1 and 2130706433 are addresses, too
        name = socket.inet_ntoa(socket.inet_aton(name))
    try:
        return not is_public(name)
    except ValueError:
        return name == "localhost" or name.endswith(_INSIDE)


def is_public(address: str) -> bool:
    """Whether an address can be reached from anywhere. Raises `ValueError` for what is none."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        if found.is_site_local:
            return False
        found = _version_4(found) or found
    return found.is_global and not found.is_multicast


def _version_4(found: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The address of version 4 that one of version 6 stands for."""
    if any(found in network for network in _TRANSLATED):
        return ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return found.ipv4_mapped or found.sixtofour


def looked_up(host: str, port: int, allowed: Container[str]) -> str:
    """The address to connect to, looked up once.

    Raises:
        RefusedAddress: one of them is private, and the name is not `allowed`.
        OSError: there is none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(f"{host!r} is no name") from error
    addresses = [str(each[4][0]).partition("%")[0] for each in found]
    if host.rstrip(".").lower() not in allowed and not all(map(is_public, addresses)):
        raise RefusedAddress(host)
    return addresses[0]


def connected(host: str, port: int, proxy: str, allowed: Container[str]) -> socket.socket:
    """A connection to a name: by way of a proxy, which looks it up, or directly.

    Args:
        proxy: `socks5h://[name:password@]host:port`, `http://...` or "".

    Raises:
        RefusedAddress: it leads into a private network.
        OSError: nobody is there.
    """
    if host.rstrip(".").lower() not in allowed and is_inside(host):
        raise RefusedAddress(host)
    if not proxy:
        return socket.create_connection((looked_up(host, port, allowed), port), SECONDS)
    way = urlsplit(proxy)
    line = socket.create_connection((way.hostname or "", way.port or 1080), SECONDS)
    try:
        user = unquote(way.username or ""), unquote(way.password or "")
        (_socks if way.scheme.startswith("socks5") else _http)(line, host, port, user)
    except BaseException:
        line.close()
        raise
    return line


def _exactly(line: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = line.recv(count - len(data))
        if not more:
            raise OSError("the proxy ended the connection")
        data += more
    return data


def _socks(line: socket.socket, host: str, port: int, user: tuple[str, str]) -> None:
    """SOCKS5 (RFC 1928, 1929); the name goes to the proxy as it is."""
    name, password = (each.encode() for each in user)
    line.sendall(b"\x05\x01\x02" if name else b"\x05\x01\x00")
    if _exactly(line, 2)[1] == 2 and name:
        line.sendall(bytes([1, len(name)]) + name + bytes([len(password)]) + password)
        if _exactly(line, 2)[1]:
            raise OSError("the proxy refuses the name and password")
    target = host.encode("idna") if not host.isascii() else host.encode()
    line.sendall(b"\x05\x01\x00\x03" + bytes([len(target)]) + target + struct.pack(">H", port))
    answer = _exactly(line, 4)
    if answer[0] != 5 or answer[1]:
        raise OSError(f"the proxy did not reach {host} ({answer[1]})")
    length = {1: 4, 4: 16}.get(answer[3]) or _exactly(line, 1)[0]
    _exactly(line, length + 2)


def _http(line: socket.socket, host: str, port: int, user: tuple[str, str]) -> None:
    """CONNECT of an HTTP proxy."""
    import base64

    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    head = f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n"
    if user[0]:
        word = base64.b64encode(":".join(user).encode()).decode()
        head += f"Proxy-Authorization: Basic {word}\r\n"
    line.sendall(head.encode() + b"\r\n")
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += _exactly(line, 1)
        if len(answer) > 1 << 14:
            raise OSError("the proxy talks too much")
    if answer.split(b" ")[1][:1] != b"2":
        raise OSError(f"the proxy did not reach {host}")
