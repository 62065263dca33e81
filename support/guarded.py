"""Runs a program that may reach one address only: `python -m support.guarded PORT PROGRAM ...`.

Whatever else it connects to, sends to or asks the resolver for ends it with status 97. The hook
cannot be taken away again, so this is a process of its own.
"""

from __future__ import annotations

import contextlib
import os
import runpy
import socket
import sys
from pathlib import Path

_RESOLVING = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
_REACHING = {"socket.connect", "socket.sendto", "socket.sendmsg"}


def _is_own(bound: list[socket.socket], address: object) -> bool:
    """Whether somebody in this very process listens there."""
    for each in bound:
        with contextlib.suppress(OSError):  # closed meanwhile
            if each.getsockname() == address:
                return True
    return False


def guard(port: int) -> None:
    """Lets nothing out but to this port on loopback, and to what this process listens on."""
    bound: list[socket.socket] = []

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "socket.bind" and isinstance(arguments[0], socket.socket):
            bound.append(arguments[0])
            return
        if event in _REACHING:
            address = arguments[1]
            if not isinstance(address, tuple) or address[:2] == ("127.0.0.1", port):
                return
            if _is_own(bound, address):
                return
        elif event in _RESOLVING:
            if arguments[0] in ("127.0.0.1", b"127.0.0.1"):
                return
        else:
            return
        os.write(2, f"GUARD {event} {arguments[1:]!r}\n".encode())
        os._exit(97)

    sys.addaudithook(hook)


if __name__ == "__main__":
    guard(int(sys.argv[1]))
    sys.argv = sys.argv[2:]
    if sys.argv[0] == "-m":
        sys.argv = sys.argv[1:]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, str(Path.cwd()))
        runpy.run_path(sys.argv[0], run_name="__main__")
