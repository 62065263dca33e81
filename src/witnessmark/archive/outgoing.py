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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from witnessmark.archive.archive import Archive, is_alive
from witnessmark.errors import BadInput, StoreFailure
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
def staging(archive: Archive) -> Iterator[Path]:
    """A private folder for one package, gone afterwards."""
    outgoing = archive.derived / "outgoing"
    outgoing.mkdir(mode=0o700, exist_ok=True)
    for left in outgoing.iterdir():
        process = left.name.partition("-")[0]
        if not (process.isdecimal() and is_alive(int(process))):
            shutil.rmtree(left)
    folder = outgoing / f"{os.getpid()}-{secrets.token_hex(8)}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def move(folder: Path, target: Path) -> None:
    """Puts a whole folder in place at once and durably; copied when it is another file system."""
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


def encrypt(folder: Path, target: Path, recipient: Any) -> None:
    """A tar of `folder`, encrypted to an age key, without a plain tar on the disk.

    Raises:
        StoreFailure: something could not be read or written; no part of it is left.
    """
    import pyrage

    partial = _hidden(target)
    reading, writing = os.pipe()

    def fill() -> None:
        with (
            os.fdopen(writing, "wb") as pipe,
            tarfile.open(fileobj=pipe, mode="w|", format=tarfile.PAX_FORMAT) as tar,
        ):
            tar.add(folder, arcname=target.name.removesuffix(".tar.age"), filter=_anonymous)

    try:
        with ThreadPoolExecutor(1) as pool:
            filling = pool.submit(fill)
            with os.fdopen(reading, "rb") as pipe, open(partial, "xb") as out:
                pyrage.encrypt_io(pipe, out, [recipient])
                out.flush()
                sync_file(out.fileno())
        filling.result()  # a tar that broke off ends like a whole one
        partial.rename(target)
        sync_folder(target.parent)
    except (OSError, tarfile.TarError, pyrage.EncryptError) as error:
        raise StoreFailure(
            f"The package could not be encrypted to its end: {error}.",
            kept="No part of it was left; the record says that it was to be handed over.",
            todo="Look at the disks ('witnessmark check'), then export it again.",
            code="disk_error",
        ) from error
    finally:
        partial.unlink(missing_ok=True)


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
