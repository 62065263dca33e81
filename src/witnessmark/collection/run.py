"""One collection run: from a collector's items to blobs, entries and a tally that sums."""

from __future__ import annotations

import dataclasses
import secrets
from collections import Counter
from collections.abc import Callable, Container, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any, BinaryIO, cast

from witnessmark.collection import clock
from witnessmark.collection.claims import DIFFERS, Digests, compared
from witnessmark.collection.kinds import sniff
from witnessmark.errors import BadRecord, StoreFailure
from witnessmark.model import (
    Attachment,
    ClaimedHash,
    Entry,
    Json,
    ObjectStored,
    Protected,
    RunRecorded,
    SightingRecorded,
    Statement,
    Tally,
)
from witnessmark.model.statement import Instant, PublicText, Sha256, Token, plain
from witnessmark.ports import (
    Blobs,
    Collector,
    Item,
    Journal,
    Project,
    Queries,
    Reached,
    Resuming,
    Seen,
    Settled,
    Stored,
    Unreadable,
    Vault,
)

#: Items per append: small enough that a kill repeats little, large enough for few syncs.
BATCH_ITEMS = 200
BATCH_BYTES = 256 << 20
#: What came with a download names people: it is kept protected, up to this length.
DESCRIPTION = "info_json"
MAX_MESSAGE = 8 << 20
_WORDS = ("name", "author", "caption", "forwarded_from", "location", "columns")
#: Dates that say nothing of what somebody wrote: the same thing seen again is the same sighting.
_NOT_CONTENT = ("file_modified", "gone")
_DISK = ("disk_reserve", "disk_full")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """Whose channel a run looks at: a party of the scope or `unknown`, and who claims that.

    Attributes:
        reference: name of the reference collection it is for; "" for the archive's own material.
        outside_scope: why it is collected though the scope does not name that party.
    """

    party: str = "unknown"
    claimed_by: str = ""
    reference: str = ""
    outside_scope: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """What a run writes to."""

    blobs: Blobs
    journal: Journal
    queries: Queries
    vault: Vault
    project: Project
    author: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Against floods: beyond this many items or bytes the rest is quarantined."""

    items: int = 1 << 60
    bytes: int = 1 << 60


#: Remembers the cheap sign under which a place was last read (`derived/`, disposable).
Remembered = Callable[[list[str]], Mapping[str, str]]
Remember = Callable[[Mapping[str, str]], None]


@dataclasses.dataclass(slots=True)
class Progress:
    """What a progress bar wants to know, after each item."""

    items: int = 0
    bytes: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class _Taken:
    """An item with what became of it."""

    item: Item
    place: str
    outcome: str
    reason: str = ""
    stored: Stored | None = None
    kind: str = "other"
    attachments: tuple[Attachment, ...] = ()
    messages: Mapping[str, Json] = dataclasses.field(default_factory=dict)
    claimed: tuple[ClaimedHash, ...] = ()
    flags: tuple[str, ...] = ()


class Run:
    """One run of one collector over one source."""

    def __init__(
        self,
        collector: Collector,
        where: str,
        stores: Stores,
        *,
        channel: Channel,
        limits: Limits,
        program: str,
        remembered: Remembered,
        remember: Remember,
        alive: Callable[[str], bool],
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self.id = secrets.token_hex(16)
        self._collector = collector
        self._where = where
        self._stores = stores
        self._channel = channel
        self._limits = limits
        self._program = program
        self._remembered = remembered
        self._remember = remember
        self._alive = alive
        self._on_progress = on_progress
        self._progress = Progress()
        self._counts: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._new_bytes = 0
        self._new_items = 0
        self._disk = ""
        self._differ = False
        self._resuming = collector if isinstance(collector, Resuming) else None

    def collect(self, notes: tuple[str, ...] = ()) -> RunRecorded:
        """Takes everything in and ends with the run's own entry.

        Raises:
            StoreFailure: the record itself could not be written.
        """
        started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        if self._resuming:
            self._resuming.recall = self._recall
        items = iter(self._collector.items(self._where))
        while batch := list(islice(items, BATCH_ITEMS)):
            self._take_batch(batch)
        if self._resuming:
            self._remember(self._reached(self._resuming.ended()))
            notes = (*notes, *sorted(self._resuming.said.keys() - set(notes)))
        parts = ("stored", "already_held", "not_included", "quarantined", "failed")
        tally = Tally(
            seen=sum(self._counts.values()),
            **{name: self._counts[name] for name in parts},
            reasons=dict(sorted(self._reasons.items())),
        )
        vault, claimed = self._stores.vault, self._channel.claimed_by
        outside = self._channel.outside_scope
        now = clock.look()
        if now.state in clock.NOTES:
            notes = (*notes, clock.NOTES[now.state][0])
        statement = RunRecorded(
            run=Token(self.id),
            source=Token(self._collector.name),
            program=Token(self._program),
            started_at=Instant(started),
            party=PublicText(self._channel.party),
            reference=PublicText(self._channel.reference) if self._channel.reference else None,
            claimed_by=vault.protect("claimed_by", claimed) if claimed else None,
            where=vault.protect("where", _clean(self._where)),
            tally=tally,
            clock=Token(now.state),
            clock_error_ms=now.error_ms,
            outside_scope=vault.protect("outside_scope", outside) if outside else None,
            notes=tuple(Token(note) for note in (*notes, *([DIFFERS] if self._differ else []))),
            interrupted=tuple(Token(run) for run in self._cut_off()),
        )
        self._append([(statement, (f"run:{self.id}",))])
        return statement

    def _recall(self, name: tuple[Json, ...]) -> str:
        key = self._reached_key(name)
        return self._remembered([key]).get(key, "")

    def _reached_key(self, name: tuple[Json, ...]) -> str:
        """What a reference collection has read the archive itself has not, and the other way."""
        whose = [self._channel.reference] if self._channel.reference else []
        return self._stores.vault.natural_key("reached", *name, *whose)

    def _reached(self, reached: Reached | None) -> dict[str, str]:
        """What a collector wants remembered; its name is keyed, as places are."""
        if reached is None:
            return {}
        return {self._reached_key(reached.name): reached.text}

    def _cut_off(self) -> list[str]:
        """Runs of this kind of source that have no end and whose process is gone."""
        return [
            row.run
            for row in self._stores.queries.runs()
            if row.tally is None and row.source == self._collector.name and not self._alive(row.run)
        ]

    def _take_batch(self, items: list[Item]) -> None:
        vault = self._stores.vault
        places = [vault.natural_key(*(_clean(part) for part in item.place)) for item in items]
        before = self._stores.queries.seen(places)
        signs = self._remembered(places)
        known = {each.sha256 for seen in before.values() for each in seen if each.sha256}
        gone = self._stores.queries.disposed(sorted(known))
        taken: list[_Taken] = []
        size = 0
        for item, place in zip(items, places, strict=True):
            seen = {each.sha256 for each in before[place]}
            same = bool(item.unchanged) and signs.get(place) == self._sign(item)
            unread = same and seen and seen.isdisjoint(gone)
            each = _Taken(item, place, "already_held") if unread else self._take(item, place)
            taken.append(each)
            size += each.stored.size if each.stored else 0
            self._progress.items += 1
            self._on_progress(self._progress)
            if size >= BATCH_BYTES:
                self._commit(taken, before)
                taken, size = [], 0
        self._commit(taken, before)

    def _take(self, item: Item, place: str) -> _Taken:
        if item.outcome or item.open is None:
            outcome = item.outcome or "not_included"
            return self._companions(_Taken(item, place, outcome, item.reason))
        if self._disk:
            return _Taken(item, place, "failed", self._disk)
        if self._new_items >= self._limits.items or self._new_bytes >= self._limits.bytes:
            return _Taken(item, place, "quarantined", "over_quota")
        try:
            with item.open() as file:
                digests = Digests(item.claimed)
                counted = _Counted(file, self._count_bytes, digests)
                stored = self._stores.blobs.put(cast(BinaryIO, counted))
                claimed = compared(item.claimed, digests.made(stored.sha256))
                taken = _Taken(item, place, "stored", "", stored, counted.kind, claimed=claimed)
                taken = self._companions(taken)
        except Unreadable as error:
            # What came with it says what it was, all the more.
            return self._companions(_Taken(item, place, error.outcome, error.reason))
        except StoreFailure as error:
            if error.code in _DISK:
                self._disk = error.code
            return _Taken(item, place, "failed", error.code)
        if stored.new:
            self._new_items += 1
            self._new_bytes += stored.size
        return taken

    def _companions(self, taken: _Taken) -> _Taken:
        """`taken` with what came along: texts are protected values, pictures are attachments."""
        attachments, messages, missing = [], {}, False
        for role, opener in taken.item.companions.items():
            if self._disk:
                break
            try:
                with opener() as file:
                    if role == DESCRIPTION:
                        messages["message"] = file.read(MAX_MESSAGE).decode("utf-8", "replace")
                        continue
                    stored = self._stores.blobs.put(file)
            except Unreadable:
                missing = taken.outcome == "stored"  # of what failed, what came along may be, too
                continue
            except StoreFailure as error:
                self._disk = error.code
                break
            sha256 = Sha256(stored.sha256)
            attachments.append(Attachment(role=Token(role), sha256=sha256, size=stored.size))
        flags = (*taken.flags, "companions_missing") if missing else taken.flags
        return dataclasses.replace(
            taken, attachments=tuple(attachments), messages=messages, flags=flags
        )

    def _count_bytes(self, count: int) -> None:
        self._progress.bytes += count
        self._on_progress(self._progress)

    def _sign(self, item: Item) -> str:
        """What was read for a reference collection was not yet read for the archive itself."""
        return f"{item.unchanged} {self._channel.reference}".rstrip()

    def _commit(self, taken: list[_Taken], before: Mapping[str, set[Seen]]) -> None:
        said: list[tuple[Statement, tuple[str, ...]]] = []
        signs: dict[str, str] = {}
        settled: list[Settled] = []
        taken = self._without_disposed(taken)
        held = self._stores.queries.held([each.stored.sha256 for each in taken if each.stored])
        for each in taken:
            outcome = each.outcome
            if each.stored and each.stored.sha256 in held:
                outcome = "already_held"
            elif each.stored:
                held.add(each.stored.sha256)
                said.append(self._object(each, each.stored))
            self._counts[outcome] += 1
            settled.append(Settled(each.item, outcome, each.reason))
            if outcome in ("not_included", "quarantined", "failed"):
                self._reasons[f"{outcome}: {each.reason}"] += 1
            self._differ |= any(claim.agrees == "different" for claim in each.claimed)
            if each.stored and each.item.unchanged:
                signs[each.place] = self._sign(each.item)
            name = each.stored.sha256 if each.stored else None
            known = Seen(name, each.outcome, each.reason, self._content(each))
            if each.outcome != "already_held" and known not in before[each.place]:
                before[each.place].add(known)
                said.append(self._sighting(each, known.content))
        if said:
            self._append(said)
        if self._resuming and settled:
            signs |= self._reached(self._resuming.settled(settled))
        self._remember(signs)

    def _without_disposed(self, taken: list[_Taken]) -> list[_Taken]:
        """`taken` without bytes that the record disposed of; those are removed again at once."""
        names = {blob.sha256 for each in taken for blob in (*each.attachments, each.stored) if blob}
        gone = self._stores.queries.disposed(sorted(names))
        objects = self._stores.queries.held(sorted(gone))
        spared = [_spared(each, gone, objects) for each in taken]
        kept = {blob.sha256 for each in spared for blob in each.attachments}
        for name in gone.keys() - kept:
            self._stores.blobs.remove(name)
        return spared

    @staticmethod
    def _object(each: _Taken, stored: Stored) -> tuple[Statement, tuple[str, ...]]:
        statement = ObjectStored(
            sha256=Sha256(stored.sha256), size=stored.size, kind=Token(each.kind)
        )
        return statement, (f"sha256:{stored.sha256}",)

    def _content(self, each: _Taken) -> str:
        """Keyed digest of what somebody wrote or dated; views and file times may change freely."""
        words = {name: _clean(each.item.protected.get(name)) for name in _WORDS}
        dates = [plain(date) for date in each.item.dates if date.what not in _NOT_CONTENT]
        whose = [self._channel.reference] if self._channel.reference else []
        said: list[Json] = [[c.by, c.algorithm, c.value] for c in each.item.claimed]
        claimed: list[Json] = [{"claimed": _clean(said)}] if said else []
        key = self._stores.vault.natural_key
        return key("content", each.place, words, dates, *claimed, *whose)

    def _sighting(self, each: _Taken, content: str) -> tuple[Statement, tuple[str, ...]]:
        about = (f"sha256:{each.stored.sha256}",) if each.stored else ()
        protected = {**each.item.protected, **each.messages}
        sighting: dict[str, Any] = {
            "run": self.id,
            "source": self._collector.name,
            "place": each.place,
            "content": content,
            "outcome": each.outcome,
            "reason": each.reason,
            "party": self._channel.party,
            "reference": self._channel.reference or None,
            "object": each.stored.sha256 if each.stored else None,
            "kind": each.item.kind,
            "dates": each.item.dates,
            "stated": each.item.stated,
            "attachments": each.attachments,
            "flags": tuple(Token(flag) for flag in dict.fromkeys((*each.item.flags, *each.flags)))
            or None,
            "claimed": (each.claimed or compared(each.item.claimed, {})) or None,
        }
        values = {name: self._protect(name, v, each.place) for name, v in protected.items()}
        return SightingRecorded(**{**sighting, **values}), (*about, f"run:{self.id}")

    def _protect(self, name: str, value: Json, place: str) -> Protected:
        try:
            return self._stores.vault.protect(name, value, place)
        except BadRecord:
            return self._stores.vault.protect(name, _clean(value), place)

    def _append(self, said: list[tuple[Statement, tuple[str, ...]]]) -> None:
        stores = self._stores
        head = stores.journal.head()
        stores.vault.flush(head.size if head else 0)
        entries = [
            Entry(type=each.TYPE, by=stores.author, about=about, fields=each.fields())
            for each, about in said
        ]
        stores.journal.append(entries, stores.project)
        stores.vault.settle()


def _spared(each: _Taken, gone: Container[str], objects: Container[str]) -> _Taken:
    """What is left of an item; of `gone`, what comes again with an object that stays is kept."""
    if each.stored is not None and each.stored.sha256 not in gone:
        gone = objects
    kept = tuple(blob for blob in each.attachments if blob.sha256 not in gone)
    each = dataclasses.replace(each, attachments=kept)
    if each.stored is None or each.stored.sha256 not in gone:
        return each
    return dataclasses.replace(each, outcome="not_included", reason="disposed", stored=None)


class _Counted:
    """Hands bytes through while counting and digesting them and looking at the first few."""

    def __init__(self, file: BinaryIO, count: Callable[[int], None], digests: Digests) -> None:
        self._file = file
        self._count = count
        self._digests = digests
        self.kind = "other"
        self._first = True

    def readinto(self, buffer: memoryview) -> int:
        # typing's BinaryIO does not name readinto, which every binary file has
        count: int = self._file.readinto(buffer)  # type: ignore[attr-defined]
        if self._first:
            self.kind = sniff(bytes(buffer[: min(count, 512)]))
            self._first = False
        self._digests.update(buffer[:count])
        self._count(count)
        return count


def _clean(value: Json) -> Json:
    """`value` with text that is not Unicode turned into its bytes, as names are written."""
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            return {"surrogates": value.encode("utf-16-le", "surrogatepass").hex()}
        return value
    if isinstance(value, Mapping):
        return {str(_clean(key)): _clean(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    return value
