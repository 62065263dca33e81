"""The way out: packages are staged inside the archive, made durable, then moved or encrypted.

A package is plain text until it is encrypted, with all that it discloses. Built beside its target
(on a stick, in a shared folder), it would stay there in clear when the program is killed; so it
is built in a private folder of the archive, which is no less guarded than the originals, and what
killed programs leave there is removed by the next export.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

from witnessmark.archive.archive import Archive, is_alive
from witnessmark.errors import BadInput, StoreFailure
from witnessmark.reporting import onefile
from witnessmark.reporting.bag import Bag
from witnessmark.stores.durable import make_folder, sync_file, sync_folder

NOTHING_LEFT = "Nothing left the archive."


def check_target(target: Path) -> None:
    """Raises `BadInput` unless something new can be put at `target`; tried before it counts."""
    if os.path.lexists(target):
        raise BadInput(f"{target} is there already.", kept=NOTHING_LEFT, todo="Choose a new name.")
    try:
        make_folder(target.parent.absolute())
        probe = _hidden(target)
        probe.touch(exist_ok=False)
        probe.unlink()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise BadInput(
            f"{target} cannot be written: {why}.", kept=NOTHING_LEFT, todo="Choose another place."
        ) from error


@contextlib.contextmanager
def staging(archive: Archive, name: str = "outgoing") -> Iterator[Path]:
    """A private folder for one package or its copies, gone afterwards."""
    outgoing = archive.derived / name
    outgoing.mkdir(mode=0o700, exist_ok=True)
    for left in outgoing.iterdir():
        process = left.name.partition("-")[0]
        if left.is_dir() and not (process.isdecimal() and is_alive(int(process))):
            shutil.rmtree(left)
    folder = outgoing / f"{os.getpid()}-{secrets.token_hex(8)}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def send(bag: Bag, target: Path, recipient: Any = None) -> None:
    """Puts a package at `target`, at once and durably: a folder, one ZIP, or encrypted.

    Args:
        recipient: an age public key; None leaves it in the clear.

    Raises:
        StoreFailure: something could not be read or written; no part of it is left.
    """

    def zipped(out: BinaryIO) -> None:
        onefile.write(out, bag.folder, bag.files)

    def tarred(out: BinaryIO) -> None:
        _tar(bag.folder, out, target.name.removesuffix(".tar.age"))

    pack = zipped if ".zip" in target.suffixes else tarred
    if recipient is not None:
        _write(target, lambda out: _encrypt(pack, out, recipient))
    elif pack is zipped:
        _write(target, pack)
    else:
        with _whole_or_not():
            _move(bag.folder, target)


def _move(folder: Path, target: Path) -> None:
    """A whole folder; copied when the target is on another file system."""
    _sync(folder)
    try:
        folder.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        partial = _hidden(target)
        try:
            shutil.copytree(folder, partial, copy_function=shutil.copyfile)
            _sync(partial)
            partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    sync_folder(target.parent)


def _write(target: Path, fill: Callable[[BinaryIO], None]) -> None:
    """One file, whole or not at all."""
    partial = _hidden(target)
    try:
        with _whole_or_not():
            with open(partial, "xb") as out:
                fill(out)
                out.flush()
                sync_file(out.fileno())
            partial.rename(target)
            sync_folder(target.parent)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def _whole_or_not() -> Iterator[None]:
    """Says what it means when a package cannot be written."""
    import pyrage

    try:
        yield
    except (OSError, ValueError, tarfile.TarError, pyrage.EncryptError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        if isinstance(error, shutil.Error) and error.args and error.args[0]:
            why = error.args[0][0][-1]
        raise StoreFailure(
            f"The package could not be written to its end: {why}.",
            kept="No part of it was left; the record says that it was to be handed over.",
            todo="Make room or look at the disks ('witnessmark check'), then export it again, with "
            "a new risk record.",
            code="handed_over",
        ) from error


def _tar(folder: Path, out: BinaryIO, name: str) -> None:
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        tar.add(folder, arcname=name, filter=_anonymous)


def _encrypt(fill: Callable[[BinaryIO], None], out: BinaryIO, recipient: Any) -> None:
    """What `fill` writes, encrypted to an age key, without anything plain on the disk."""
    import pyrage

    reading, writing = os.pipe()

    def feed() -> None:
        with os.fdopen(writing, "wb") as pipe:
            fill(pipe)

    with ThreadPoolExecutor(1) as pool:
        feeding = pool.submit(feed)
        with os.fdopen(reading, "rb") as pipe:
            pyrage.encrypt_io(pipe, out, [recipient])
    feeding.result()  # a tar that broke off ends like a whole one


def _hidden(target: Path) -> Path:
    return target.with_name(f".{target.name}.partial-{os.getpid()}")


def _sync(folder: Path) -> None:
    """Forces a folder to the disk: files first, then the names above them."""
    for where, _, names in os.walk(folder, topdown=False):
        for name in names:
            with open(Path(where) / name, "rb+") as file:
                sync_file(file.fileno())
        sync_folder(Path(where))


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """No user names or file times of this machine in the tar."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = 0
    return member
