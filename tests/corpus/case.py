"""A case of the corpus, and the tools that bend a package into one.

Every case is made anew from `support.forge`, byte for byte the same apart from the keys and
signatures of time-stamping authorities, which are made once in a run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.forge import package as b
from support.forge import zips
from support.forge.package import Files, Package, Record, Seal

Maker = Callable[[Path], Path]

VIDEO = b.VIDEO
OBJECT = f"data/objects/{b.sha256(VIDEO)}"
ATTACHMENT = f"data/attachments/{b.sha256(b.OUTPUT)}"
TILE = "data/record/tile/0/000.p/13"
ARCHIVE_KEY = b.ARCHIVE.verifier().encode()


@dataclass(frozen=True)
class Case:
    """One package, what a reader brings, and what a checker must answer.

    Attributes:
        make: writes it to the path, or beside it with an ending, and returns where it is.
        trust: contents of the files that the reader brings.
        code: of a refusal.
        reports: codes that must be reported, and with `without` codes that must not.
        folder_only: it shows in a folder on a disk only; a browser is not told.
    """

    name: str
    outcome: str
    make: Maker
    code: str | None = None
    trust: tuple[bytes, ...] = ()
    reports: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    existed_by: str | None = None
    folder_only: bool = False


REGISTRY: dict[str, Case] = {}


def add(case: Case) -> None:
    assert case.name not in REGISTRY, case.name
    REGISTRY[case.name] = case


def register(name: str, code: str, make: Maker, **more: Any) -> None:
    """A package that must be refused with this code."""
    add(Case(name, "refused", make, code, **more))


def attack(code: str, **more: Any) -> Callable[[Maker], Maker]:
    """The same for a function, named after it."""

    def registered(function: Maker) -> Maker:
        register(function.__name__, code, function, **more)
        return function

    return registered


def bent(bend: Callable[[Files], object], stage: str, **more: Any) -> Maker:
    """A package whose files were bent at one stage of the making."""

    def bend_stage(files: Files) -> None:
        bend(files)

    return lambda folder: Package(**{f"bend_{stage}": bend_stage}, **more).write(folder)


def files_attack(code: str, name: str, bend: Callable[[Files], object], stage: str) -> None:
    """An attack that bends the files at one stage of the making."""
    register(name, code, bent(bend, stage))


def record_attack(
    code: str,
    name: str,
    bend: Callable[[Record], object],
    base: Callable[[], Record] = b.record,
    **more: Any,
) -> None:
    """An attack from inside: the record itself, rightly sealed, says something wrong."""

    def make(folder: Path) -> Path:
        made = base()
        bend(made)
        return Package(made, **more).write(folder)

    register(name, code, make)


def seal_attack(code: str, name: str, bend: Callable[[Seal], object], **more: Any) -> None:
    """An attack on the seal alone."""

    def bend_seal(seal: Seal) -> None:
        bend(seal)

    register(name, code, lambda folder: Package(bend_seal=bend_seal, **more).write(folder))


def flip(name: str, place: int = 0) -> Callable[[Files], None]:
    def bend(files: Files) -> None:
        data = bytearray(files[name])
        data[place] ^= 1
        files[name] = bytes(data)

    return bend


def replace(name: str, old: bytes, new: bytes) -> Callable[[Files], None]:
    def bend(files: Files) -> None:
        assert old in files[name]
        files[name] = files[name].replace(old, new, 1)

    return bend


def put(name: str, data: bytes) -> Callable[[Files], None]:
    return lambda files: files.update({name: data})


def drop(name: str) -> Callable[[Files], object]:
    return lambda files: files.pop(name)


def swap_lines(name: str) -> Callable[[Files], None]:
    def bend(files: Files) -> None:
        first, second, *rest = files[name].splitlines(keepends=True)
        files[name] = b"".join([second, first, *rest])

    return bend


def zipped(
    bend: Callable[[list[zips.Item]], object] = id,
    package: Callable[[], Package] = Package,
    **more: Any,
) -> Maker:
    """A package as one ZIP, its members bent."""

    def make(folder: Path) -> Path:
        members = zips.items(package().files())
        bend(members)
        return zips.write(folder.with_suffix(".zip"), members, **more)

    return make


def member(members: Sequence[zips.Item], name: str) -> zips.Item:
    return next(item for item in members if item.name == name.encode())


def long_record(size: int) -> Record:
    made = b.record()
    while len(made.entries) < size:
        made.add("weather.noted/1", {"sky": str(len(made.entries))})
    return made


def with_key_history() -> Record:
    """Every key changes once, and one is revoked."""
    made = b.record()
    new, old = b.NEW_ARCHIVE.verifier(), b.ARCHIVE.verifier()
    made.add("key.rotated/1", b.rotation("archive", old, new, b.ARCHIVE), b.ANNA)
    made.archive = b.NEW_ARCHIVE
    made.add("weather.noted/1", {"sky": "grey"})
    old, new = b.b64(b.BOHDAN.public), b.b64(b.STRANGER.public)
    made.add("key.rotated/1", b.rotation("person", old, new, b.BOHDAN), b.BOHDAN)
    made.add("scope.changed/1", b.statements()["scope.changed/1"], b.STRANGER)
    lost = {"key": b.STRANGER.id, "reason": "lost", "suspect_after": 3}
    made.add("key.revoked/1", lost, b.STRANGER)
    return made
