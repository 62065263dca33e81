"""What a decoder that a hostile file has taken over might try."""

from __future__ import annotations

import ctypes
import gc
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import av

from witnessmark.engines.frames import Connection
from witnessmark.ports import Result


def honest(file: BinaryIO, params: Mapping[str, object]) -> Result:
    return Result({"length": len(file.read()), "params": dict(params)}, {"raw": b"\x00\x01"})


def joins(file: BinaryIO, params: Mapping[str, object], *, also: list[BinaryIO]) -> Result:
    return Result([each.read().decode() for each in (file, *also)])


def emits(file: BinaryIO, params: Mapping[str, object], emit: Callable[[bytes], None]) -> Result:
    for start in range(0, 10, 3):
        file.seek(start)
        emit(file.read(3))
    return Result("done")


def floods(file: BinaryIO, params: Mapping[str, object], emit: Callable[[bytes], None]) -> Result:
    for _ in range(300):
        emit(bytes(1 << 20))
    return Result("done")


def breaks_off(
    file: BinaryIO, params: Mapping[str, object], emit: Callable[[bytes], None]
) -> Result:
    emit(b"half")
    raise ValueError("damaged")


def emits_unasked(file: BinaryIO, params: Mapping[str, object]) -> Result:
    _connection().send({"part": 1}, {"part": b"x"})
    return Result("done")


def calls_home(file: BinaryIO, params: Mapping[str, object]) -> Result:
    socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    return Result("it got a socket")


def resolves(file: BinaryIO, params: Mapping[str, object]) -> Result:
    return Result(repr(socket.getaddrinfo("localhost.invalid", 80)))


def reads_archive(file: BinaryIO, params: Mapping[str, object]) -> Result:
    return Result(Path(str(params["path"])).read_text())


def lists_folder(file: BinaryIO, params: Mapping[str, object]) -> Result:
    return Result(sorted(os.listdir(str(params["path"]))))


def writes(file: BinaryIO, params: Mapping[str, object]) -> Result:
    Path(str(params["path"])).write_text("planted")
    return Result("it wrote")


def writes_back(file: BinaryIO, params: Mapping[str, object]) -> Result:
    os.write(file.fileno(), b"changed")
    return Result("it wrote")


def runs_program(file: BinaryIO, params: Mapping[str, object]) -> Result:
    os.execv("/bin/true", ["true"])
    return Result("unreachable")


def signals_parent(file: BinaryIO, params: Mapping[str, object]) -> Result:
    os.kill(os.getppid(), 0)
    return Result("it may signal us")


def environment(file: BinaryIO, params: Mapping[str, object]) -> Result:
    return Result(sorted(os.environ))


def crashes(file: BinaryIO, params: Mapping[str, object]) -> Result:
    ctypes.string_at(0)
    return Result("unreachable")


def eats_memory(file: BinaryIO, params: Mapping[str, object]) -> Result:
    return Result(len(bytearray(8 << 30)))


def hangs(file: BinaryIO, params: Mapping[str, object]) -> Result:
    time.sleep(600)
    return Result("unreachable")


def raises(file: BinaryIO, params: Mapping[str, object]) -> Result:
    raise ValueError("a decoder's complaint")


def exits(file: BinaryIO, params: Mapping[str, object]) -> Result:
    os._exit(0)


def answers_nonsense(file: BinaryIO, params: Mapping[str, object]) -> Result:
    os.write(int(os.environ.get("NO_SUCH", "0")) or _socket_number(), b"\xff" * 64)
    time.sleep(600)
    return Result("unreachable")


def answers_without_detail(file: BinaryIO, params: Mapping[str, object]) -> Result:
    return _says({"failure": "error"})


def answers_neither(file: BinaryIO, params: Mapping[str, object]) -> Result:
    return _says({})


def answers_a_number(file: BinaryIO, params: Mapping[str, object]) -> Result:
    return _says({"failure": 7, "detail": ""})


def fails_in_other_words(file: BinaryIO, params: Mapping[str, object]) -> Result:
    return _says({"failure": "unreadable", "detail": "x"})


def drips(file: BinaryIO, params: Mapping[str, object]) -> Result:
    """Half a message at once, then a byte now and then, so that no single reading waits long."""
    link = _connection().link
    link.sendall((1000).to_bytes(4, "big") + bytes(8))
    for _ in range(1000):
        time.sleep(0.2)
        link.sendall(b" ")
    return Result("unreachable")


def answers_twice(file: BinaryIO, params: Mapping[str, object]) -> Result:
    _connection().send({"value": "first"}, {})
    return Result("second")


def sends_files(file: BinaryIO, params: Mapping[str, object]) -> Result:
    _connection().send({"value": "with a file"}, {}, file.fileno())
    time.sleep(600)
    return Result("unreachable")


def forks(file: BinaryIO, params: Mapping[str, object]) -> Result:
    child = os.fork()
    if child == 0:
        time.sleep(600)
        os._exit(0)
    return Result(child)


def vforks(file: BinaryIO, params: Mapping[str, object]) -> Result:
    return Result(os.posix_spawn("/bin/true", ["true"], {}))


def starts_threads(file: BinaryIO, params: Mapping[str, object]) -> Result:
    done: list[int] = []
    threads = [threading.Thread(target=done.append, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Result(len(done))


def decodes_with_threads(file: BinaryIO, params: Mapping[str, object]) -> Result:
    with av.open(file) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 4
        stream.codec_context.thread_type = "FRAME"
        return Result(sum(1 for _ in container.decode(stream)))


def changes_mode_by_file(file: BinaryIO, params: Mapping[str, object]) -> Result:
    os.fchmod(file.fileno(), 0o777)
    return Result("it changed the mode")


def changes_mode_by_path(file: BinaryIO, params: Mapping[str, object]) -> Result:
    os.chmod(str(params["path"]), 0o777)
    return Result("it changed the mode")


def changes_owner(file: BinaryIO, params: Mapping[str, object]) -> Result:
    os.fchown(file.fileno(), os.getuid(), os.getgid())
    return Result("it could have changed the owner")


def changes_times(file: BinaryIO, params: Mapping[str, object]) -> Result:
    os.utime(file.fileno(), (0, 0))
    return Result("it changed the times")


def changes_attributes(file: BinaryIO, params: Mapping[str, object]) -> Result:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.fsetxattr(file.fileno(), b"user.planted", b"x", 1, 0) and ctypes.get_errno() == 13:
        raise PermissionError("no attributes")
    return Result("it was let through to the file system")


def changes_flags(file: BinaryIO, params: Mapping[str, object]) -> Result:
    """What chattr does; the immutable flag would keep even its owner from removing the file."""
    libc = ctypes.CDLL(None, use_errno=True)
    failed = libc.ioctl(file.fileno(), 0x80086601, ctypes.byref(ctypes.c_long()))
    if failed and ctypes.get_errno() == 13:
        raise PermissionError("no flags")
    return Result("it was let through to the file system")


def _connection() -> Connection:
    return next(each for each in gc.get_objects() if isinstance(each, Connection))


def _says(message: dict[str, object]) -> Result:
    _connection().send(message, {})
    time.sleep(600)
    return Result("unreachable")


def _socket_number() -> int:
    import sys

    return int(sys.argv[1])
