"""A worker process: opens nothing, knows nothing, turns open files into one result.

Started as `python -m witnessmark.engines.worker SOCKET MEMORY MODULE...`: imports the modules,
gives up its rights, then answers requests on the socket until it closes.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

from witnessmark.engines import sandbox
from witnessmark.engines.frames import Connection
from witnessmark.ports import Result


def _answer(connection: Connection, functions: dict[str, Callable[..., Result]]) -> bool:
    message, descriptors = connection.receive_with_files()
    if message is None or not descriptors:
        return False
    request, _ = message
    with contextlib.ExitStack() as opened:
        file, *also = [opened.enter_context(os.fdopen(each, "rb")) for each in descriptors]
        try:
            name = request["function"]
            if name not in functions:
                module, _, attribute = name.partition(":")
                functions[name] = getattr(importlib.import_module(module), attribute)
            emit = [lambda data: _emit(connection, data)] if request["emits"] else []
            more = {"also": also} if also else {}
            result = functions[name](file, request["params"], *emit, **more)
            reply: dict[str, Any] = {"value": result.value}
            connection.send(reply, result.blobs)
        except MemoryError:
            connection.send({"failure": "memory", "detail": ""}, {})
        except Exception as error:  # noqa: BLE001 - whatever hostile bytes do is the task's outcome
            detail = f"{type(error).__name__}: {error}"[:500]
            connection.send({"failure": "error", "detail": detail}, {})
    return True


def _emit(connection: Connection, data: bytes) -> None:
    """Hands a part of the output over; a worker writes no files."""
    connection.send({"part": len(data)}, {"part": data})


def main(arguments: list[str]) -> None:
    """Serves until the other side closes."""
    number, memory, *modules = arguments
    connection = Connection(socket.socket(fileno=int(number)))
    for module in modules:
        importlib.import_module(module)
    connection.send({"sandbox": sandbox.close_in(int(memory))}, {})
    functions: dict[str, Callable[..., Result]] = {}
    while _answer(connection, functions):
        pass


if __name__ == "__main__":
    main(sys.argv[1:])
