"""Restoring an archive from a backup: everything is checked before it stands where it was asked.

It is built beside its place and renamed at the end. What an interrupted restoration copied is used
by the next one; the databases are taken anew each time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from witnessmark import settings
from witnessmark.anchoring.certificates import from_pem
from witnessmark.archive import key_care
from witnessmark.archive.archive import Archive
from witnessmark.archive.backing_up import DATABASES, beside
from witnessmark.archive.checking import Checked, check_record
from witnessmark.errors import (
    BadInput,
    BadRecord,
    BadStamp,
    Locked,
    Refused,
    StoreFailure,
    WitnessmarkError,
)
from witnessmark.record.checkpoint import Checkpoint
from witnessmark.record.history import KEY_ENTRIES, History
from witnessmark.record.note import VerifierKey, parse
from witnessmark.record.proof import Proof
from witnessmark.record.tiles import node_reader
from witnessmark.record.tree import root
from witnessmark.stores import copies
from witnessmark.stores.durable import alone, make_folder, sync_file, sync_folder, write_file
from witnessmark.stores.snapshots import fold, newest_note, strip

#: In a restored archive: at which checkpoint it stood when it was restored.
FILE = "restored.json"
_NOTHING = "Nothing was restored, and the backup was not touched."
_MAX_SEEN = 1 << 20
Advance = Callable[[int, int], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Restored:
    """What was restored.

    Attributes:
        checkpoint: where the record stands: nothing that came later is in it.
        at: time of its last entry, by the archive's clock.
        copied, held, bytes: objects copied now, taken over from an interrupted restoration.
        missing: names of objects that no backup has whole (only when that was accepted).
        rollback: sizes of larger records that somebody has seen.
        unsigned: what came along in `archive.toml` and pinned files, which nothing vouches for:
            whoever held the backup can have changed whom the archive asks and believes.
    """

    checkpoint: Checkpoint
    at: str
    copied: int
    held: int
    bytes: int
    missing: tuple[str, ...]
    rollback: tuple[int, ...]
    unsigned: tuple[str, ...]


def restore(
    backup: Path,
    into: Path,
    *,
    also: Sequence[Path] = (),
    seen: Sequence[Path] = (),
    incomplete: bool = False,
    on_progress: Advance = lambda *_: None,
) -> Restored:
    """Makes an archive at `into` from a backup.

    Args:
        also: further backups, for objects that are bad or missing in the first.
        seen: checkpoints seen elsewhere: files with a note or a package's seal, or archives.
        incomplete: restore although some objects are nowhere whole.

    Raises:
        BadInput: `into` is not empty, or `backup` is no backup.
        Refused: the record was tampered with, or contradicts a checkpoint that was seen.
        StoreFailure: the backup is half, or objects are bad; what was good is kept for next time.
    """
    _check_into(backup, into)
    building = into.absolute().with_name(f".{into.name}.restoring")
    make_folder(building / "objects")
    with _alone(building):
        for name in DATABASES:
            _take_database(backup, building, name)
        restored = _build(building, backup, also, seen, incomplete, on_progress)
        if into.exists():
            into.rmdir()
        building.rename(into)
        sync_folder(into.absolute().parent)
    return restored


def _check_into(backup: Path, into: Path) -> None:
    if not (backup / "objects").is_dir():
        raise BadInput(f"There is no backup in {backup}.", kept=_NOTHING, todo="Is it plugged in?")
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise BadInput(
            f"{into} is there already.",
            kept="It was not touched: nothing is restored over anything.",
            todo="Move it away, or choose a new name. If it is what is left of the archive, keep "
            "it, and name it with --seen.",
        )
    if into.resolve() == Path.cwd():
        raise BadInput(
            "The folder that you stand in cannot become an archive.",
            kept=_NOTHING,
            todo="Name a new folder: witnessmark restore BACKUP archive",
        )
    try:
        settings.read(backup)
    except BadInput as error:
        raise BadInput(
            f"The archive restored from {backup} would not open: {error.what}",
            kept=_NOTHING,
            todo="Correct that line there, or move the file away: no setting is needed to open it.",
        ) from error
    here, there = into.resolve(), backup.resolve()
    if here == there or there in here.parents:
        raise BadInput(f"{into} lies in the backup itself.", kept=_NOTHING, todo="Choose another.")


@contextlib.contextmanager
def _alone(building: Path) -> Iterator[None]:
    with alone(building / ".lock") as free:
        if not free:
            raise Refused(
                f"Another program restores to {building.parent} now.",
                kept=_NOTHING,
                todo="Let it end.",
                code="busy",
            )
        yield


def _take_database(backup: Path, building: Path, name: str) -> None:
    """Copies a database as it lies there; the backup is never written to."""
    for left in building.glob(f"{name}*"):
        left.unlink()
    source = backup / name
    if not source.is_file():
        # a stick may lose a name when it is pulled out while a file takes another's place
        whole = sorted(backup.glob(f".{name}.*"))
        if not whole:
            raise StoreFailure(
                f"{name} is missing from {backup}: the backup is half.",
                kept=_NOTHING,
                todo="Use another backup; if the archive is still there, back it up again.",
                code="incomplete_archive",
            )
        source = whole[-1]
    for suffix in ("", "-wal"):
        log = source.with_name(source.name + suffix)
        if not log.exists():
            continue
        try:
            with open(log, "rb") as file, open(building / (name + suffix), "wb") as out:
                shutil.copyfileobj(file, out)
        except OSError as error:
            raise StoreFailure(
                f"{log} cannot be copied: {error.strerror}.",
                kept=_NOTHING,
                todo="Is there room? Else use another backup, or try the stick in another port.",
                code="disk_error",
            ) from error


def _build(
    building: Path,
    backup: Path,
    also: Sequence[Path],
    seen: Sequence[Path],
    incomplete: bool,
    on_progress: Advance,
) -> Restored:
    with _opened(building, backup) as archive:
        checked, named = check_record(archive)
        _need_whole(archive, checked, backup)
        head = archive.journal.head()
        assert head is not None
        rollback = _compare(archive, head, seen)
        kept = named.kept()
        objects = _Objects(building, (backup, *also), kept)
        objects.take(on_progress)
        if objects.bad and not incomplete:
            raise _damaged(objects.bad, backup, building)
        at = archive.journal.entry(head.size - 1).entry.at
        key_care.write_trust(archive, archive.history().archive_key)
    _put_beside(backup, building, head)
    shutil.rmtree(building / "derived")
    for name in DATABASES:
        fold(building / name)
    _sync(building)
    return Restored(
        checkpoint=head,
        at=at,
        copied=objects.copied,
        held=objects.held,
        bytes=objects.bytes,
        missing=tuple(objects.bad),
        rollback=rollback,
        unsigned=tuple(_unsigned(building)),
    )


@contextlib.contextmanager
def _opened(building: Path, backup: Path) -> Iterator[Archive]:
    try:
        for name in DATABASES:
            strip(building / name)
        archive = Archive(building)
    except (StoreFailure, Locked) as error:
        raise _tampered(backup, error.what) from error
    with archive:
        try:
            archive.update_catalog()
        except (StoreFailure, BadRecord, Locked) as error:
            raise _tampered(backup, error.what) from error
        yield archive


def _need_whole(archive: Archive, checked: Checked, backup: Path) -> None:
    """Refuses a record that does not hold, and a vault that is another archive's."""
    for code, what in checked.problems:
        if code != "catalog":  # that is made again from the record
            raise _tampered(backup, what)
    if checked.problems:
        archive.rebuild()
    try:
        key = archive.keyring.archive_after(archive.journal.note())
        own = VerifierKey(archive.origin, key.public_key().public_bytes_raw())
    except (Locked, StoreFailure) as error:
        raise _tampered(backup, error.what) from error
    if str(own) != archive.trust:
        raise _tampered(backup, "private.db does not hold the key that signs this record.")


def _tampered(backup: Path, what: str) -> Refused:
    return Refused(
        f"The backup {backup} does not hold: {what}",
        kept=_NOTHING,
        todo="Use another backup. Keep this one as it is: somebody may have to look into it.",
        code="backup_damaged",
    )


# --- checkpoints seen elsewhere ------------------------------------------------------------------


def _compare(archive: Archive, head: Checkpoint, seen: Sequence[Path]) -> tuple[int, ...]:
    """Sizes of larger records that were seen.

    Raises:
        BadInput: a file is no checkpoint of this archive.
        Refused: a checkpoint contradicts the backup's record.
    """
    history = History()
    for index in archive.queries.acts(*KEY_ENTRIES):
        history.add(archive.journal.entry(index))
    keys = [key for _, key in history.archive_keys]
    larger = []
    for path in seen:
        theirs = _checkpoint(path, keys)
        if theirs.origin != head.origin:
            raise BadInput(f"{path} is of another archive.", kept=_NOTHING, todo="Leave it out.")
        if theirs.size > head.size:
            larger.append(theirs.size)
        elif root(theirs.size, node_reader(archive.journal.tile)) != theirs.root:
            raise Refused(
                f"The checkpoint in {path} contradicts this backup's record: a fork.",
                kept=_NOTHING,
                todo="One of the two was tampered with. Keep both, and use another backup.",
                code="fork",
            )
    return tuple(sorted(larger))


def _checkpoint(path: Path, keys: Sequence[VerifierKey]) -> Checkpoint:
    """The signed checkpoint in a note, in a package's seal, or in an archive's record."""
    try:
        if path.is_dir():
            data = newest_note(path / DATABASES[0]) or b""
        else:
            with open(path, "rb") as file:
                data = file.read(_MAX_SEEN)
        note = parse(data if b"tlog-proof" not in data[:40] else Proof.parse(data).checkpoint)
        note.check(keys)
        return Checkpoint.parse(note.text)
    except (OSError, WitnessmarkError) as error:
        why = getattr(error, "what", None) or getattr(error, "strerror", None) or error
        raise BadInput(
            f"{path} holds no checkpoint signed by this archive: {why}",
            kept=_NOTHING,
            todo="Name a checkpoint file, a package's seal.tlog-proof, or an archive's folder.",
        ) from error


# --- objects -------------------------------------------------------------------------------------


class _Objects:
    """Copies objects from the first source that has them whole.

    Attributes:
        copied, held, bytes: counts.
        bad: name to what is wrong with it in every source.
    """

    def __init__(self, building: Path, sources: Sequence[Path], kept: dict[str, int]) -> None:
        self._folder = building / "objects"
        self._sources = sources
        self._kept = kept
        self.copied = self.held = self.bytes = 0
        self.bad: dict[str, str] = {}

    def take(self, on_progress: Advance) -> None:
        """Brings the folder to exactly the objects of the record."""
        for left in self._folder.glob("[0-9a-f][0-9a-f]/*"):
            if left.name not in self._kept:
                left.unlink()
        done, total = 0, sum(self._kept.values())
        for name, size in sorted(self._kept.items()):
            target = self._folder / name[:2] / name
            # a killed restoration left it, or somebody put it there: only its bytes tell
            if copies.is_whole(target, name):
                self.held += 1
            elif self._copy(name, target):
                self.copied += 1
                self.bytes += size
            done += size
            on_progress(done, total)

    def _copy(self, name: str, target: Path) -> bool:
        why = []
        for source in self._sources:
            path = source / "objects" / name[:2] / name
            try:
                with open(path, "rb", buffering=0) as file:
                    copies.copy(file, target, name)
            except FileNotFoundError:
                why.append("missing")
            except StoreFailure:
                why.append("changed")
            except OSError as error:
                if copies.is_whole(path, name):
                    raise  # it is the disk that is written to
                why.append(f"unreadable ({error.strerror})")
            else:
                return True
        self.bad[name] = ", ".join(why)
        return False


def _damaged(bad: dict[str, str], backup: Path, building: Path) -> StoreFailure:
    named = "; ".join(f"{name} {why}" for name, why in list(bad.items())[:5])
    return StoreFailure(
        f"{len(bad)} objects are not whole in {backup}: {named}.",
        kept=f"The good ones lie in {building} and are not copied again; no archive was made.",
        todo="Name another backup with --also; or restore what there is with --incomplete: the "
        "check then goes on naming what is missing.",
        code="backup_damaged",
    )


def _put_beside(backup: Path, building: Path, head: Checkpoint) -> None:
    for name in beside(backup):
        if name != key_care.TRUST and (backup / name).is_file():
            make_folder((building / name).parent)
            write_file(building / name, (backup / name).read_bytes())
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    stands = {"restored_at": moment, "size": head.size, "root": head.root.hex()}
    write_file(building / FILE, json.dumps(stands).encode(), 0o644)


def _unsigned(folder: Path) -> Iterator[str]:
    """Whom the settings in `folder` ask, and by what they believe them."""
    found = settings.read(folder)
    anchors = found.anchors
    if found.proxy:
        yield f"Anchoring asks through {found.proxy}."
    if anchors.direct:
        yield "Anchoring asks without a proxy (direct = true)."
    for each in anchors.authorities:
        at = f", asked at {each.url}" if each.url else ""
        yield f"Authority {each.name}{at}; pinned: {_fingerprints(folder / each.roots)}."
    for calendar in anchors.calendars:
        yield f"Calendar {calendar.name}, asked at {calendar.url}."
    if anchors.headers_url:
        yield f"Block headers are asked for at {anchors.headers_url}."
    if anchors.headers:
        yield f"Block headers are believed from {anchors.headers}."
    for partner in found.witnesses:
        at = f", asked at {partner.url}" if partner.url else ""
        yield f"Witness {partner.name}{at}: {partner.key}."


def _fingerprints(pinned: Path) -> str:
    """SHA-256 of each pinned certificate, as other programs show it."""
    try:
        found = from_pem(pinned.read_bytes())
    except (OSError, ValueError, BadStamp):
        return "certificates that cannot be read"
    return ", ".join(hashlib.sha256(each.raw).hexdigest() for each in found)


def _sync(building: Path) -> None:
    """Forces the databases and all names to the disk; objects are there already."""
    (building / ".lock").unlink(missing_ok=True)
    for path in building.iterdir():
        if path.is_file():
            with open(path, "rb+") as file:
                sync_file(file.fileno())
    sync_folder(building)


def stands(folder: Path) -> dict[str, object] | None:
    """When the archive in `folder` was restored, and at which checkpoint; None if it never was."""
    try:
        found = json.loads((folder / FILE).read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
