"""The integrity check of a whole archive: record, catalog, bytes. Needs no passphrase."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import chain

from witnessmark.archive import renewing, stamps
from witnessmark.archive.archive import Archive
from witnessmark.archive.witnessing import contradictions
from witnessmark.catalog.rebuild import Replay, projected_size
from witnessmark.errors import BadRecord, NotFound, StoreFailure, WitnessmarkError
from witnessmark.model import (
    CosignatureReceived,
    ForkReported,
    ObjectDisposed,
    ObjectStored,
    Recorded,
    attachments,
)
from witnessmark.ports import Journal
from witnessmark.record.checkpoint import Checkpoint
from witnessmark.record.cosignature import WitnessKey, check_encoded
from witnessmark.record.custody import Transfers
from witnessmark.record.history import History
from witnessmark.record.note import parse
from witnessmark.record.tiles import WIDTH, Tile, node_reader, right_edge, split
from witnessmark.record.tree import Frontier, fold, root

_CHUNK = 1 << 20


@dataclasses.dataclass
class Checked:
    """What was looked at and what does not hold.

    Attributes:
        entries, checkpoints, anchors, blobs, bytes: how many were checked.
        problems: (code, sentence), empty when everything holds.
        notes: sentences about what is in order and worth knowing.
    """

    entries: int = 0
    checkpoints: int = 0
    anchors: int = 0
    blobs: int = 0
    bytes: int = 0
    problems: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)


def check(archive: Archive, on_progress: Callable[[int], None] = lambda _: None) -> Checked:
    """Checks every entry, tile, checkpoint and catalog row, then every blob against its name.

    What other processes append meanwhile is not looked at. `on_progress` is given the bytes
    hashed so far.
    """
    checked, named = check_record(archive)
    _check_anchors(archive, checked)
    _check_renewals(archive, checked)
    _check_blobs(archive, checked, named, on_progress)
    return checked


def check_record(archive: Archive) -> tuple[Checked, Named]:
    """Checks every entry, tile, checkpoint and catalog row; and what blobs the record names."""
    checked, named = Checked(), Named()
    with closing(Replay()) as replay:
        try:
            record = _Record(archive.journal, checked, named, replay)
            record.check()
            record.check_outside()
            _check_catalog(archive, checked, replay)
        except (BadRecord, StoreFailure, NotFound) as error:
            checked.problems.append((error.code, error.what))
    checked.notes += contradictions(archive)
    return checked, named


class Named(dict[str, int]):
    """Blobs that entries name, with their sizes.

    Attributes:
        objects: those that are objects.
        since: name to the index of the entry from which on it is to be there: the first that
            names it, or that names it again after a disposal.
        disposed: names of bytes that the record says were destroyed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.objects: set[str] = set()
        self.since: dict[str, int] = {}
        self.disposed: set[str] = set()

    def add(self, recorded: Recorded) -> None:
        """Takes in the next entry."""
        match recorded.said:
            case ObjectStored(sha256=name, size=size):
                self.objects.add(name)
                self._name(name, size, recorded.index)
            case ObjectDisposed(objects=gone):
                self.disposed |= {each.sha256 for each in gone}
        for each in attachments(recorded.said):
            self._name(each.sha256, each.size, recorded.index)
            if each.sha256 in self.disposed - self.objects:  # it came again, with something else
                self.disposed.discard(each.sha256)
                self.since[each.sha256] = recorded.index

    def _name(self, name: str, size: int, index: int) -> None:
        self[name] = size
        self.since.setdefault(name, index)

    def kept(self) -> dict[str, int]:
        """Those that are to be there, with their sizes."""
        return {name: size for name, size in self.items() if name not in self.disposed}


class _Record:
    """One pass over the record up to the head that it had at the start."""

    def __init__(self, journal: Journal, checked: Checked, named: Named, replay: Replay) -> None:
        self._journal = journal
        self._checked = checked
        self._named = named
        self._replay = replay
        self._history = History()
        self._transfers = Transfers()
        self._frontier = Frontier()
        self._tiles: dict[int, list[bytes]] = {}
        self._last_at = ""
        self._cosigned: list[tuple[int, CosignatureReceived]] = []

    def check(self) -> None:
        """Raises `BadRecord`, `NotFound` or `StoreFailure` at the first thing that is wrong."""
        head = self._journal.head()
        if head is None:
            raise BadRecord("The record is empty.", code="genesis")
        notes = chain(self._journal.notes(), [(-1, b"")])
        size, note = next(notes)
        for recorded in self._journal.read(0, head.size):
            if recorded.index != self._checked.entries:
                raise BadRecord(f"Entry {self._checked.entries} is missing.", code="entry_missing")
            self._take(recorded)
            if recorded.index + 1 == size:
                self._check_note(size, note)
                size, note = next(notes)
        if self._checked.entries != head.size or 0 <= size <= head.size:
            raise BadRecord(
                f"The record has {self._checked.entries} entries, its checkpoint says {head.size}.",
                code="size",
            )
        for tile in right_edge(head.size):
            self._check_tile(tile, self._tiles.get(tile.level, []))
        for index in self._transfers.open:
            gap = f"Open gap in custody: the transfer of entry {index} has no receipt."
            self._checked.notes.append(gap)

    def _take(self, recorded: Recorded) -> None:
        self._history.add(recorded)
        self._transfers.add(recorded, self._history.origin)
        self._named.add(recorded)
        self._replay.add(recorded)
        self._frontier.add(recorded.leaf)
        if recorded.entry.at < self._last_at:
            self._checked.notes.append(
                f"The archive's clock went backwards at entry {recorded.index}: "
                f"{self._last_at} to {recorded.entry.at}."
            )
        self._last_at = recorded.entry.at
        match recorded.said:
            case CosignatureReceived() as said:
                self._cosigned.append((recorded.index, said))
            case ForkReported() as fork:
                self._checked.notes.append(
                    f"FORK: entry {recorded.index} reports a checkpoint of {fork.size} entries "
                    "under this archive's key that is of another record."
                )
        self._checked.entries += 1
        self._grow(0, recorded.leaf)

    def check_outside(self) -> None:
        """Co-signatures hold, and are of this record; what is in doubt is counted."""
        own = {key.public for _, key in self._history.archive_keys}
        for index, said in self._cosigned:
            try:
                self._check_cosignature(said, own)
            except BadRecord as error:
                problem = f"The co-signature in entry {index} does not hold: {error.what}"
                self._checked.problems.append(("cosignature", problem))
        for key, after in sorted(self._history.suspect.items()):
            until = self._history.revoked[key]
            entries = self._journal.read(min(after, until), until)
            doubted = [each.index for each in entries if each.entry.by == key]
            if doubted:
                self._checked.notes.append(
                    f"SUSPECT: {len(doubted)} entries by {key}, from entry {doubted[0]} on, were "
                    f"signed when that key was in doubt (entry {self._history.doubted[key]} says "
                    "from when)."
                )

    def _check_cosignature(self, said: CosignatureReceived, own: set[bytes]) -> None:
        if not said.size <= self._checked.entries:
            raise BadRecord("It is over more entries than there are.")
        if said.size and root(said.size, node_reader(self._journal.tile)).hex() != said.root:
            raise BadRecord("It is over another record.")
        witness = WitnessKey.parse(said.witness)
        if witness.public in own:
            raise BadRecord("It is by the archive's own key.")
        text = Checkpoint(self._history.origin, said.size, bytes.fromhex(said.root)).text
        if check_encoded(text, said.signature, witness).instant != said.time:
            raise BadRecord("Its time is another.")

    def _grow(self, level: int, value: bytes) -> None:
        """Collects hashes into tiles; a full one is compared with what is stored."""
        hashes = self._tiles.setdefault(level, [])
        hashes.append(value)
        if len(hashes) == WIDTH:
            number = self._checked.entries // WIDTH ** (level + 1) - 1
            self._check_tile(Tile(level, number), hashes)
            self._grow(level + 1, fold(hashes))
            self._tiles[level] = []

    def _check_tile(self, tile: Tile, hashes: list[bytes]) -> None:
        if split(self._journal.tile(tile), tile.width) != hashes:
            code = "tile" if tile.level else "leaf"
            raise BadRecord(f"{tile.path} does not hold the hashes of its entries.", code=code)

    def _check_note(self, size: int, note: bytes) -> None:
        parsed = parse(note)
        parsed.check([self._history.key_for_size(size)])
        expected = Checkpoint(self._history.origin, size, self._frontier.root())
        if Checkpoint.parse(parsed.text) != expected:
            raise BadRecord(f"The checkpoint of size {size} is of another record.", code="root")
        self._checked.checkpoints += 1


def _check_catalog(archive: Archive, checked: Checked, replay: Replay) -> None:
    """Every row is what the record says, as far as the catalog has come by now."""
    with archive.database.read() as connection:
        size = projected_size(connection)
        if size < replay.size:
            problem = f"The catalog stands at entry {size}, the record at {replay.size}."
            checked.problems.append(("catalog", f"{problem} 'witnessmark rebuild' mends it."))
            return
        for recorded in archive.journal.read(replay.size, size):
            replay.add(recorded)
        checked.problems += [
            ("catalog", f"The catalog's {name} are not as the record says: 'witnessmark rebuild'.")
            for name in replay.differences(connection)
        ]


def _check_anchors(archive: Archive, checked: Checked) -> None:
    """Every stamp is over its checkpoint, and leads to certificates that are pinned."""
    try:
        rows = archive.queries.anchors()
    except StoreFailure as error:
        if "catalog" not in dict(checked.problems):
            checked.problems.append((error.code, error.what))
        return
    for row in rows:
        name = f"The stamp by {row.authority} over the checkpoint of {row.size} entries"
        try:
            checked.notes += stamps.recheck(archive, row)
        except WitnessmarkError as error:
            checked.problems.append(("anchor", f"{name} does not hold: {error.what}"))
        checked.anchors += 1


def _check_renewals(archive: Archive, checked: Checked) -> None:
    """Every renewal is of this record, and its stamps are over it."""
    for each in renewing.renewals(archive):
        try:
            checked.anchors += len(renewing.recheck(archive, each))
        except WitnessmarkError as error:
            what = f"The renewal of entry {each.index} does not hold: {error.what}"
            checked.problems.append(("renewal", what))


def _check_blobs(
    archive: Archive, checked: Checked, named: Named, on_progress: Callable[[int], None]
) -> None:
    present = sorted(archive.blobs.names())
    for sha256 in sorted(named.kept().keys() - set(present)):
        checked.problems.append(("object_missing", f"The object {sha256} is gone."))
    for sha256 in sorted(named.disposed & set(present)):
        what = f"The object {sha256} was disposed of, and its bytes are still here."
        checked.problems.append(("disposed_held", what))
    if named.disposed:
        checked.notes.append(
            f"{len(named.disposed)} objects or attachments were disposed of; their names stay."
        )
    if orphans := set(present) - named.keys():
        checked.notes.append(
            f"{len(orphans)} files in objects/ are not in the record (yet): a run is under way "
            "or was cut off; collecting the same source again records them."
        )
    checked.notes += [f"objects/{name} is no object of ours." for name in archive.blobs.strangers()]
    with ThreadPoolExecutor(2) as pool:  # hashing releases the interpreter: two files at once
        for sha256, found in zip(
            present, pool.map(lambda n: _hash(archive, n), present), strict=True
        ):
            checked.blobs += 1
            if isinstance(found, WitnessmarkError):
                checked.problems.append(("object_unreadable", found.what))
                continue
            checked.bytes += found[1]
            if found[0] != sha256:
                problem = f"The object {sha256} was changed: its bytes hash to {found[0]}."
                checked.problems.append(("object_changed", problem))
            elif named.get(sha256, found[1]) != found[1]:
                problem = f"The object {sha256} is not of the size that the record says."
                checked.problems.append(("object_size", problem))
            on_progress(checked.bytes)


def _hash(archive: Archive, name: str) -> tuple[str, int] | WitnessmarkError:
    digest, size = hashlib.sha256(), 0
    buffer = memoryview(bytearray(_CHUNK))
    try:
        with archive.blobs.open(name) as file:
            # typing's BinaryIO does not name readinto, which every binary file has
            while count := file.readinto(buffer):  # type: ignore[attr-defined]
                digest.update(buffer[:count])
                size += count
    except OSError as error:
        return StoreFailure(f"The object {name} cannot be read: {error.strerror}.")
    except WitnessmarkError as error:
        return error
    return digest.hexdigest(), size
