"""A backup that is itself an archive: databases as snapshots, objects copied and hashed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from witnessmark import settings
from witnessmark.archive.archive import Archive, is_alive
from witnessmark.errors import BadInput, Refused, StoreFailure
from witnessmark.record.checkpoint import Checkpoint
from witnessmark.record.note import parse
from witnessmark.record.tiles import node_reader
from witnessmark.record.tree import root
from witnessmark.stores.durable import make_folder, sync_file, sync_folder, write_file
from witnessmark.stores.snapshots import fold, newest_note, take

#: Record, then vault: the order in which snapshots are taken.
DATABASES = ("archive.db", "private.db")
_CHUNK = 1 << 20
_KEPT = "The backup was not touched."


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
    """
    _check_target(archive, target)
    make_folder(target / "objects")
    snapshots = {name: target / f".{name}.{os.getpid()}" for name in DATABASES}
    try:
        for name, snapshot in snapshots.items():
            take(archive.folder / name, snapshot)
        counts = _copy_objects(archive, target, on_progress)
        _settle(archive, target)
        for name, snapshot in reversed(snapshots.items()):
            snapshot.replace(target / name)
            sync_folder(target)
    finally:
        for snapshot in snapshots.values():
            snapshot.unlink(missing_ok=True)
    if (own := archive.folder / settings.FILE).exists():
        write_file(target / settings.FILE, own.read_bytes(), 0o644)
    for name in archive.settings.anchors.files:
        # beside the settings alone: a path that leads elsewhere leads there from the backup too
        if Path(name).name == name and (archive.folder / name).is_file():
            write_file(target / name, (archive.folder / name).read_bytes(), 0o644)
    return counts


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
    _settle(archive, target)


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
        _check_prefix(archive, target)


def _check_prefix(archive: Archive, target: Path) -> None:
    """Refuses a backup whose record is not the beginning of ours."""
    record = target / DATABASES[0]
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


def _copy_objects(
    archive: Archive, target: Path, on_progress: Callable[[int, int], None]
) -> dict[str, int]:
    names = sorted(archive.blobs.names())
    counts = {"copied": 0, "held": 0, "bytes": 0}
    for number, name in enumerate(names, 1):
        size = archive.blobs.size(name)
        copy = target / "objects" / name[:2] / name
        if copy.exists() and copy.stat().st_size == size:
            counts["held"] += 1
        else:
            _copy(archive, name, copy)
            counts["copied"] += 1
            counts["bytes"] += size
        on_progress(number, len(names))
    return counts


def _copy(archive: Archive, name: str, copy: Path) -> None:
    make_folder(copy.parent)
    partial = copy.with_name(f".{name}.{os.getpid()}")
    digest = hashlib.sha256()
    try:
        with archive.blobs.open(name) as source, open(partial, "wb") as out:
            while block := source.read(_CHUNK):
                digest.update(block)
                out.write(block)
            out.flush()
            sync_file(out.fileno())
        if digest.hexdigest() != name:
            raise StoreFailure(
                f"The object {name} was changed on the disk.",
                kept="The backup keeps what it had.",
                todo="Run 'witnessmark check' and restore the object from an older backup.",
                code="object_changed",
            )
        partial.chmod(0o444)
        partial.replace(copy)
        sync_folder(copy.parent)
    finally:
        partial.unlink(missing_ok=True)
