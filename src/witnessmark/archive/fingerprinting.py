"""Fingerprints of all objects, of pictures or of sound: made in workers, kept in `derived`."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from witnessmark.archive.archive import Archive
from witnessmark.archive.batch import FAILURES, NONSENSE, Advance, Batch, inconclusive
from witnessmark.archive.tally import Tally
from witnessmark.errors import BadInput
from witnessmark.model import FindingRecorded
from witnessmark.model.statement import Token
from witnessmark.ports import ObjectRow, Outcome, Result, Task
from witnessmark.stores.durable import write_file


class Print(Protocol):
    """A fingerprint of any kind."""

    def encode(self) -> bytes:
        """As it is kept in a file."""


P = TypeVar("P", bound=Print)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[P]):
    """A kind of fingerprint.

    Attributes:
        name: of the check and of the worker function in `module`; with an s, of the folder.
        version: of the check, and of the folder within.
        objects: the kinds of objects that have one.
        decode: what a file of it holds; raises `BadInput`.
        made: what a worker's result holds, or why there is none; raises `BadInput`.
        not_applicable: the reason that stands for an object without what it is made of.
        magic: how a file of it begins, where looking at that is enough: what is wrong with the
            rest shows in comparing. Empty: all of it is read.
    """

    name: str
    version: str
    module: str
    objects: tuple[str, ...]
    decode: Callable[[bytes], P]
    made: Callable[[Result], P | str]
    not_applicable: str = ""
    magic: bytes = b""

    @property
    def check(self) -> tuple[str, str]:
        """Name and version, as findings have them."""
        return self.name, self.version

    def path(self, archive: Archive, sha256: str) -> Path:
        """Where the fingerprint of an object lies, once it is made."""
        return archive.derived / f"{self.name}s" / self.version / sha256[:2] / sha256

    def held(self, archive: Archive, sha256: str) -> P | None:
        """The fingerprint that is there; a file that is none is removed, to be made again."""
        path = self.path(archive, sha256)
        try:
            return self.decode(path.read_bytes())
        except FileNotFoundError:
            return None
        except BadInput:
            path.unlink()
            return None

    def is_there(self, archive: Archive, sha256: str) -> bool:
        """Whether one is there, as far as `magic` tells; a file that is none is removed."""
        if not self.magic:
            return self.held(archive, sha256) is not None
        path = self.path(archive, sha256)
        try:
            with path.open("rb") as file:
                if file.read(len(self.magic)) == self.magic:
                    return True
        except FileNotFoundError:
            return False
        path.unlink()
        return False


def fingerprint_all(
    archive: Archive, kind: Kind[P], tally: Tally, on_progress: Advance
) -> list[ObjectRow]:
    """Makes the fingerprints that are missing; gives all objects that have one then."""
    gone = archive.queries.disposed()
    rows = [row for row in archive.queries.objects(kind.objects) if row.sha256 not in gone]
    due = {row.sha256 for row in archive.queries.unexamined(*kind.check)}
    there = [row for row in rows if kind.is_there(archive, row.sha256)]
    held = set(there)
    missing = [row for row in rows if row.sha256 in due and row not in held]
    tally.objects, tally.held = len(rows), len(there)
    tally.failed_before = len(rows) - len(there) - len(missing)
    made = _fingerprint(archive, kind, missing, tally, on_progress)
    _sweep(archive, kind)
    return there + made


def _sweep(archive: Archive, kind: Kind[P]) -> None:
    """Removes what other versions left: large, and like pictures of people."""
    for folder in (archive.derived / f"{kind.name}s").glob("*"):
        if folder.name != kind.version:
            shutil.rmtree(folder)


def _fingerprint(
    archive: Archive, kind: Kind[P], rows: Sequence[ObjectRow], tally: Tally, on_progress: Advance
) -> list[ObjectRow]:
    """Makes fingerprints; an object that none can be made of gets a finding that says so."""
    waiting = {row.sha256: row for row in rows}
    function = f"{kind.module}:{kind.name}"
    tasks = [
        Task(row.sha256, function, str(archive.blobs.path(row.sha256)), {"size": row.size})
        for row in rows
    ]
    made: list[ObjectRow] = []
    engine = archive.engine([kind.module])
    with Batch(archive) as batch, closing(engine.map(tasks)) as outcomes:
        for done, outcome in enumerate(outcomes, 1):
            row = waiting[outcome.key]
            found = _decoded(kind, outcome)
            if isinstance(found, str):
                batch.add(_without(kind, row, found), row.sha256)
                tally.failed += 1
                tally.because(found)
            else:
                path = kind.path(archive, row.sha256)
                path.parent.mkdir(parents=True, exist_ok=True)
                write_file(path, found.encode())
                made.append(row)
                tally.fingerprints += 1
            batch.step()
            on_progress(done, len(tasks))
    return made


def _decoded(kind: Kind[P], outcome: Outcome) -> P | str:
    """The fingerprint that a worker made, or why there is none."""
    if outcome.result is None:
        return FAILURES[outcome.failure]
    try:
        return kind.made(outcome.result)
    except BadInput:
        return NONSENSE


def _without(kind: Kind[P], row: ObjectRow, why: str) -> FindingRecorded:
    """The finding that there is no fingerprint."""
    bare = inconclusive(row, *kind.check)
    result = Token("not_applicable") if why == kind.not_applicable else bare.result
    return dataclasses.replace(bare, result=result, reason=Token(why))
