"""Fixity audit: every copy in every place is read and hashed; bad ones are mended from good ones.

A bad copy is never the source of anything, and is not thrown away: a repair first writes the good
bytes beside it, verified on the way, then moves the bad file to `damaged/` of its place, then puts
the good one under its name.
"""

from __future__ import annotations

import dataclasses
import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

from witnessmark.archive import places
from witnessmark.archive.archive import Archive
from witnessmark.archive.backing_up import check_prefix
from witnessmark.archive.checking import Named
from witnessmark.errors import Locked, Refused, WitnessmarkError
from witnessmark.model import Attachment, AuditedPlace, BadCopy, FixityAudited
from witnessmark.model.statement import Instant, Sha256, Token, plain
from witnessmark.record.canonical import canonical
from witnessmark.stores import copies
from witnessmark.stores.durable import alone
from witnessmark.stores.work import Look

ARCHIVE = "archive"
#: Bad copies that stand in the entry itself (`model.custody.FixityAudited`).
MAX_BAD = 200
#: What an interruption may cost: looks of this many seconds.
_SECONDS = 5.0
#: An audit that was cut off longer ago is begun anew: its looks say little about today.
_STALE = timedelta(days=7)
Advance = Callable[[int, int], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """A place to audit.

    Attributes:
        place: `archive`, or the keyed digest.
        folder: where it is.
        expected: names that are to be there, with sizes.
        behind: names of the record that its copy of the record does not know yet.
        still_held: names that were disposed of, and lie there still.
    """

    place: str
    folder: Path
    expected: dict[str, int]
    behind: int = 0
    still_held: int = 0

    def path(self, name: str) -> Path:
        """Where the copy of that name is or would be."""
        return self.folder / "objects" / name[:2] / name


@dataclasses.dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found and did.

    Attributes:
        entry: its entry in the record.
        started_at: when it began, also when it was cut off in between.
        targets: the places.
        counts: per place: objects, bytes, missing, changed, unreadable, repaired.
        bad: every bad copy, repaired or not.
        notes: what was not looked at, and why repairs failed.
        resumed: copies that an interrupted audit had read before.
    """

    entry: int
    started_at: str
    targets: tuple[Target, ...]
    counts: dict[str, Counter[str]]
    bad: tuple[Look, ...]
    notes: tuple[str, ...]
    resumed: int

    @property
    def remaining(self) -> list[Look]:
        """Bad copies that are still bad."""
        return [each for each in self.bad if not each.repaired]


def audit(
    archive: Archive,
    folders: Sequence[Path] = (),
    *,
    repair: bool = True,
    on_progress: Advance = lambda *_: None,
) -> Audit:
    """Audits the archive, the remembered backups, and `folders`; goes on where one was cut off.

    Raises:
        BadInput, Refused, StoreFailure: one of `folders` is no backup of this archive.
        Refused: another program audits this archive now.
    """
    with alone(archive.derived / "audit.lock") as free:
        if not free:
            raise Refused(
                "Another program audits this archive now.",
                kept="That audit goes on.",
                todo="Let it end.",
                code="busy",
            )
        return _audit(archive, folders, repair, on_progress)


def _audit(archive: Archive, folders: Sequence[Path], repair: bool, on_progress: Advance) -> Audit:
    targets, notes = _targets(archive, folders)
    key = " ".join([str(repair), *sorted(each.place for each in targets)])
    started_at, done = _begin(archive, key)
    work = _Work(archive, targets, done, repair, on_progress)
    work.run()
    looks = [*done, *work.looks]
    bad = tuple(sorted((each for each in looks if each.what), key=lambda e: (e.name, e.place)))
    counts = {each.place: _count(each.place, looks) for each in targets}
    entry = _say(archive, started_at, counts, bad)
    archive.work.end_audit()
    return Audit(entry, started_at, tuple(targets), counts, bad, (*notes, *work.notes), len(done))


def _targets(archive: Archive, folders: Sequence[Path]) -> tuple[list[Target], list[str]]:
    named = Named()
    for recorded in archive.journal.read():
        named.add(recorded)
    kept, notes = named.kept(), []
    targets = {ARCHIVE: Target(ARCHIVE, archive.folder, kept)}
    for folder in folders:
        if _is_own(archive, folder):
            notes.append(f"{folder} is the archive itself: it is read once.")
            continue
        target = _target(archive, places.place(archive, folder), named, kept)
        targets[target.place] = target
    try:
        known = places.remembered(archive)
    except Locked:
        known = []
        notes.append("Remembered backups were not looked at: locked. Unlock, or give --place.")
    for place in known:
        if place.digest in targets or _is_own(archive, place.folder):
            continue
        if not place.reachable:
            notes.append(f"Not looked at, it is not there: {place.folder}.")
            continue
        try:
            targets[place.digest] = _target(archive, place, named, kept)
        except WitnessmarkError as error:
            notes.append(f"Not looked at: {error.what}")
    return list(targets.values()), notes


def _is_own(archive: Archive, folder: Path) -> bool:
    """Whether it is the archive's own folder, by whatever name: an opened backup knows itself."""
    return folder.exists() and folder.samefile(archive.folder)


def _target(archive: Archive, place: places.Place, named: Named, kept: dict[str, int]) -> Target:
    theirs = check_prefix(archive, place.folder)
    expected = {name: size for name, size in kept.items() if named.since[name] < theirs.size}
    held = sum(place.holds(name) for name in named.disposed)
    return Target(place.digest, place.folder, expected, len(kept) - len(expected), held)


def _begin(archive: Archive, key: str) -> tuple[str, list[Look]]:
    """When the audit began, and what an interrupted one had read."""
    now = datetime.now(UTC)
    cut_off = archive.work.audit()
    if cut_off and cut_off[0] == key and now - datetime.fromisoformat(cut_off[1]) < _STALE:
        return cut_off[1], archive.work.audited()
    started_at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    archive.work.begin_audit(key, started_at)
    return started_at, []


def _count(place: str, looks: Sequence[Look]) -> Counter[str]:
    mine = [each for each in looks if each.place == place]
    found = Counter(each.what for each in mine if each.what)
    found["objects"] = len(mine)
    found["bytes"] = sum(each.size for each in mine if each.what != "missing")
    found["repaired"] = sum(each.repaired for each in mine)
    return found


class _Work:
    """The reading and mending; what was read is put down every few seconds.

    Attributes:
        looks: copies read by this process.
        notes: why repairs failed.
    """

    def __init__(
        self,
        archive: Archive,
        targets: Sequence[Target],
        done: Sequence[Look],
        repair: bool,
        on_progress: Advance,
    ) -> None:
        self._archive = archive
        self._targets = targets
        self._repair = repair
        self._on_progress = on_progress
        self._seen = {(each.name, each.place) for each in done}
        self._total = sum(sum(each.expected.values()) for each in targets)
        self._done = sum(each.size for each in done)
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self.looks: list[Look] = []
        self.notes: list[str] = []

    def run(self) -> None:
        """Reads everything that is left."""
        names = sorted(set[str]().union(*(each.expected for each in self._targets)))
        saved, since = 0, time.monotonic()
        try:
            # one thread a place: two disks are read at once
            with ThreadPoolExecutor(len(self._targets)) as pool:
                for name in names:
                    self._look_everywhere(pool, name)
                    if time.monotonic() - since >= _SECONDS:
                        self._archive.work.add_audited(self.looks[saved:])
                        saved, since = len(self.looks), time.monotonic()
        finally:
            self._archive.work.add_audited(self.looks[saved:])

    def _look_everywhere(self, pool: ThreadPoolExecutor, name: str) -> None:
        waiting = [
            each
            for each in self._targets
            if name in each.expected and (name, each.place) not in self._seen
        ]
        if not waiting:
            return
        try:
            found = list(pool.map(lambda each: self._look(each, name), waiting))
        except BaseException:
            self._stopped.set()  # so that leaving the pool does not wait for large files
            raise
        if any(found) and self._archive.queries.disposed([name]):
            return  # destroyed while this audit was under way: nothing to mend
        for target, what in zip(waiting, found, strict=True):
            repaired = bool(what) and self._repair and self._mend(target, name)
            size = target.expected[name]
            self.looks.append(Look(name, target.place, size, what, repaired))

    def _look(self, target: Target, name: str) -> str:
        """`` for a good copy; else what is wrong with it."""
        try:
            found = copies.digest(target.path(name), self._count)
        except FileNotFoundError:
            return "missing"
        except OSError:
            return "unreadable"
        return "" if found == name else "changed"

    def _count(self, count: int) -> None:
        if self._stopped.is_set():
            raise InterruptedError
        with self._lock:
            self._done += count
            self._on_progress(self._done, self._total)

    def _mend(self, target: Target, name: str) -> bool:
        """Puts a verified copy from the first place that has a good one."""
        why = "no good copy in any place that was looked at"
        for source in self._targets:
            if source is target or name not in source.expected:
                continue
            try:
                with open(source.path(name), "rb", buffering=0) as file:
                    copies.copy(file, target.path(name), name, aside=_aside(target, name))
            except FileNotFoundError:
                continue
            except OSError as error:
                why = f"{error.strerror or error}"
            except WitnessmarkError:
                continue
            else:
                return True
        self.notes.append(f"Not mended, {why}: {name} in {target.folder}.")
        return False


def _aside(target: Target, name: str) -> Path:
    """A new name for a bad copy: the object's, and the time."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    return target.folder / places.DAMAGED / f"{name}.{moment}"


def _say(
    archive: Archive, started_at: str, counts: dict[str, Counter[str]], bad: Sequence[Look]
) -> int:
    named = tuple(
        BadCopy(
            place=Token(each.place),
            sha256=Sha256(each.name),
            what=Token(each.what),
            repaired=each.repaired,
        )
        for each in bad
    )
    more = None
    if len(named) > MAX_BAD:
        whole = canonical([plain(each) for each in named])
        stored = archive.blobs.put(BytesIO(whole))
        assert stored.sha256 == hashlib.sha256(whole).hexdigest()
        more = Attachment(role=Token("bad_copies"), sha256=Sha256(stored.sha256), size=stored.size)
    said = FixityAudited(
        started_at=Instant(started_at),
        places=tuple(
            AuditedPlace(
                place=Token(place),
                objects=found["objects"],
                bytes=found["bytes"],
                missing=found["missing"],
                # bytes that cannot be read are not what their name says either
                changed=found["changed"] + found["unreadable"],
                repaired=found["repaired"],
            )
            for place, found in counts.items()
        ),
        bad=named[:MAX_BAD],
        more=more,
    )
    return archive.say(said).index
