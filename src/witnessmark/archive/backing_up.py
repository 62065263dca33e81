"""A backup that is itself an archive: databases as snapshots, objects copied and hashed."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from witnessmark import settings
from witnessmark.archive import disposing, places
from witnessmark.archive.archive import WITNESS, Archive, is_alive
from witnessmark.errors import BadInput, NotFound, Refused, StoreFailure
from witnessmark.record.checkpoint import Checkpoint
from witnessmark.record.note import parse
from witnessmark.record.tiles import node_reader
from witnessmark.record.tree import root
from witnessmark.stores import copies
from witnessmark.stores.durable import make_folder, sync_folder, write_file
from witnessmark.stores.snapshots import fold, newest_note, take

#: Record, then vault: the order in which snapshots are taken.
DATABASES = ("archive.db", "private.db")
#: Small files that lie beside them: settings, our key for others, and a try-out's key.
BESIDE = (settings.FILE, "trust.txt", "scratch.key")
_KEPT = "The backup was not touched."


def beside(folder: Path) -> list[str]:
    """Names of the small files beside the databases of an archive, with what its settings pin."""
    try:
        named = settings.read(folder).anchors.files
    except BadInput:
        named = []
    return [*BESIDE, *(name for name in named if _lies_beside(Path(name)))]


def _lies_beside(path: Path) -> bool:
    """Whether a pinned file lies in the archive's folder, and is no database or log of one.

    A path that leads elsewhere leads there from the backup too. A witness's memory is never copied
    (ADR 0012), and a log beside a snapshot would be replayed into it.
    """
    if path.is_absolute() or ".." in path.parts or not path.parts:
        return False
    return not path.parts[0].lower().startswith((*DATABASES, WITNESS))


def backup(
    archive: Archive, target: Path, on_progress: Callable[[int, int], None] = lambda *_: None
) -> dict[str, int]:
    """Brings `target` up to date; what is there already is not copied again.

    Snapshots are taken record first, then vault (values are older than their entries), and put in
    place only after all objects are there, vault first: an interrupted backup is an archive too,
    and its vault knows all that its record speaks of.

    Returns:
        counts: copied, held, bytes.

    Raises:
        BadInput: `target` is something else, or a backup of another archive.
        Refused: `target` has entries that this archive does not have, or is in use.
        StoreFailure: the disk is full, or objects could not be copied; all others were.
    """
    _check_target(archive, target)
    make_folder(target / "objects")
    snapshots = {name: target / f".{name}.{os.getpid()}" for name in DATABASES}
    try:
        gone, copying = None, _Copying(archive, target, on_progress)
        # a record that says "kept" of what was destroyed meanwhile could not be restored
        while gone != (now := archive.queries.disposed()):
            gone = now
            _take(archive, snapshots)
            copying.run()
        _settle(archive, target)
        for name, snapshot in reversed(snapshots.items()):
            snapshot.replace(target / name)
            sync_folder(target)
        _remove_disposed(set(now), target)
    finally:
        for snapshot in snapshots.values():
            snapshot.unlink(missing_ok=True)
    for name in beside(archive.folder):
        if (own := archive.folder / name).is_file():
            make_folder((target / name).parent)
            write_file(target / name, own.read_bytes())
    places.remember(archive, target)
    if failed := copying.failed:
        raise StoreFailure(
            f"{len(failed)} objects could not be copied: {'; '.join(failed[:5])}.",
            kept="Everything else is in the backup.",
            todo="'witnessmark audit' names and mends bad copies; then back up again.",
            code="object_changed",
        )
    return copying.counts


def _remove_disposed(gone: set[str], target: Path) -> None:
    """Once the copy of the record says that bytes were destroyed, they go there too."""
    for folder in (target / "objects", target / places.DAMAGED):
        disposing.remove_named(folder, gone)


def _take(archive: Archive, snapshots: dict[str, Path]) -> None:
    """Snapshots, again when a key came or went between them: they would not fit."""
    keys: object = None
    while keys != (now := (archive.author, *archive.keyring.people)):
        keys = now
        for name, snapshot in snapshots.items():
            take(archive.folder / name, snapshot)


def _check_target(archive: Archive, target: Path) -> None:
    """Makes `target` unless it is there; refuses what cannot become or be this backup."""
    own, there = archive.folder.resolve(), target.resolve()
    if own == there or own in there.parents:
        raise BadInput(
            f"{target} is in the archive itself.", kept=_KEPT, todo="Choose another disk."
        )
    if target.exists() and not target.is_dir():
        raise BadInput(f"{target} is no folder.", kept=_KEPT, todo="Choose an empty folder.")
    make_folder(target.absolute())
    half = [left for name in DATABASES for left in target.glob(f".{name}.*")]
    ours = (target / DATABASES[0]).exists() or half or (target / "objects").is_dir()
    if any(target.iterdir()) and not ours:
        raise BadInput(
            f"{target} holds something that is no backup.",
            kept=_KEPT,
            todo="Choose an empty folder.",
        )
    for left in half:
        process = left.name.rpartition(".")[2].partition("-")[0]
        if not (process.isdecimal() and is_alive(int(process))):
            left.unlink()
    sweep_partial(target)
    _settle(archive, target)


def sweep_partial(target: Path) -> None:
    """Removes half copies that killed processes left."""
    for left in (target / "objects").glob("[0-9a-f][0-9a-f]/.*"):
        process = left.name.rpartition(".")[2]
        if not (process.isdecimal() and is_alive(int(process))):
            left.unlink()


def _settle(archive: Archive, target: Path) -> None:
    """Folds the write-ahead logs of an opened backup in, and looks whether it is behind us.

    SQLite would replay a log that is left beside a database put in its place, and ruin it. A
    backup that somebody went on with has entries of its own: it is never written over.
    """
    for name in DATABASES:
        if (database := target / name).exists():
            fold(database)
            for suffix in ("-wal", "-shm"):
                database.with_name(name + suffix).unlink(missing_ok=True)
    sync_folder(target)
    if (target / DATABASES[0]).exists():
        check_prefix(archive, target)


def check_prefix(archive: Archive, target: Path) -> Checkpoint:
    """The checkpoint of a backup, whose record must be the beginning of ours.

    Raises:
        BadInput: it is no backup, or one of another archive.
        Refused: it has entries of its own.
    """
    record = target / DATABASES[0]
    if not record.is_file():
        raise BadInput(
            f"There is no backup in {target}.", kept=_KEPT, todo="Is it the right folder?"
        )
    found = newest_note(record)
    theirs = Checkpoint.parse(parse(found).text) if found else None
    ours = archive.journal.head()
    assert ours is not None
    if theirs is None or theirs.origin != ours.origin:
        raise BadInput(
            f"{target} is a backup of another archive.", kept=_KEPT, todo="Choose another folder."
        )
    node = node_reader(archive.journal.tile)
    if theirs.size > ours.size or root(theirs.size, node) != theirs.root:
        raise Refused(
            f"{target} has entries that this archive does not have.",
            kept=_KEPT,
            todo="Somebody went on with the backup, or this archive is an older copy: open the "
            "backup with --archive and compare ('witnessmark log'), or choose another folder.",
            code="diverged",
        )
    return theirs


class _Copying:
    """Copies objects; may run several times.

    Attributes:
        failed: sentences about the objects that could not be read.
    """

    def __init__(
        self, archive: Archive, target: Path, on_progress: Callable[[int, int], None]
    ) -> None:
        self._archive = archive
        self._target = target
        self._on_progress = on_progress
        self._copied: dict[str, int] = {}
        self._held = 0
        self.failed: list[str] = []

    @property
    def counts(self) -> dict[str, int]:
        """Objects copied now, objects that were there before, bytes copied."""
        copied = self._copied
        return {"copied": len(copied), "held": self._held, "bytes": sum(copied.values())}

    def run(self) -> None:
        """Copies what is not there yet."""
        self._held, self.failed = 0, []
        names = sorted(self._archive.blobs.names())
        for number, name in enumerate(names, 1):
            self._copy(name)
            self._on_progress(number, len(names))

    def _copy(self, name: str) -> None:
        copy, size = self._target / "objects" / name[:2] / name, 0
        try:
            size = self._archive.blobs.size(name)
            if copy.exists() and copy.stat().st_size == size:
                self._held += name not in self._copied
            else:
                with self._archive.blobs.open(name) as source:
                    copies.copy(source, copy, name)
                self._copied[name] = size
        except (NotFound, StoreFailure) as error:
            if not self._archive.queries.disposed([name]):  # destroyed by another program
                self.failed.append(error.what.rstrip("."))
        except OSError as error:
            if (sentence := _no_room(error, self._target, size)) is not None:
                raise sentence from error
            if copies.is_whole(self._archive.blobs.path(name), name):
                raise  # it is the other disk
            self.failed.append(f"The object {name} cannot be read: {error.strerror}")


def _no_room(error: OSError, target: Path, size: int) -> StoreFailure | None:
    """What to say when the other disk takes no more; None for anything else."""
    kept = "What was copied so far stays; the same command goes on with what is left."
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        what, todo = f"The disk of {target} is full.", "Free some space there, or use a larger one."
    elif error.errno == errno.EFBIG:
        what = f"{target} cannot hold a file of {size} bytes."
        todo = "FAT32 ends at 4 GiB: format the stick as exFAT."
    elif error.errno == errno.EROFS:
        what, todo = f"{target} can only be read.", "Is the stick's switch on 'lock'?"
    else:
        return None
    return StoreFailure(what, kept=kept, todo=todo, code="disk_full")
