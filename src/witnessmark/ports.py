"""What the inside asks of the outside. Implementations live in `stores`, `custody`, `engines`.

Everything here is a `Protocol` or a frozen value; each port has one contract suite in
`tests/contracts` that its memory fake and its real implementation both pass.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, NamedTuple, Protocol

from witnessmark.model import (
    DatedBy,
    DecidedSpan,
    Entry,
    Json,
    LinkSegment,
    Protected,
    Recorded,
)
from witnessmark.record.checkpoint import Checkpoint
from witnessmark.record.tiles import Tile

# --- blobs -------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Stored:
    """A blob that is durable: its SHA-256 (hex), size in bytes, whether it is new here."""

    sha256: str
    size: int
    new: bool


class Blobs(Protocol):
    """Immutable bytes named by their SHA-256."""

    def put(self, source: BinaryIO) -> Stored:
        """Copies `source` to its end and makes it durable before returning.

        Raises:
            StoreFailure: the disk's reserve was reached (`disk_reserve`), or writing failed.
                Nothing of the blob remains.
        """

    def open(self, sha256: str) -> BinaryIO:
        """The blob for reading. Raises `NotFound`."""

    def has(self, sha256: str) -> bool:
        """Whether the blob is there (its bytes are not looked at)."""

    def size(self, sha256: str) -> int:
        """Bytes. Raises `NotFound`."""

    def names(self) -> Iterator[str]:
        """All names, in any order."""

    def remove(self, sha256: str) -> bool:
        """Destroys the blob durably; whether it was there. Only what the record disposed of."""


# --- the record --------------------------------------------------------------------------------

#: Writes catalog rows for entries that are being appended, in the same transaction.
Project = Callable[[Any, Sequence[Recorded]], None]


class Journal(Protocol):
    """The one append-only log of an archive."""

    def append(self, entries: Sequence[Entry], project: Project) -> list[Recorded]:
        """Assigns index and time, writes entries, tiles, checkpoint and catalog rows, at once.

        Entries are durable when this returns. If `project` raises, nothing was appended.
        Processes that append at once wait for each other; the record never forks.
        """

    def head(self) -> Checkpoint | None:
        """The newest checkpoint, None before the genesis."""

    def note(self, size: int | None = None) -> bytes:
        """The signed checkpoint of that size (default: the newest). Raises `NotFound`."""

    def notes(self) -> Iterator[tuple[int, bytes]]:
        """All signed checkpoints as (size, note), smallest first."""

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Recorded]:
        """Entries in order."""

    def entry(self, index: int) -> Recorded:
        """One entry. Raises `NotFound`."""

    def tile(self, tile: Tile) -> bytes:
        """The first `tile.width` hashes of a stored tile. Raises `NotFound`."""


# --- the catalog ------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class ObjectRow:
    """An object as the catalog knows it; `entry` is where the record first names it."""

    entry: int
    sha256: str
    size: int
    kind: str


@dataclasses.dataclass(frozen=True, slots=True)
class SightingRow:
    """A sighting: its entry, what was seen, in which run, of whose channel, with which dates."""

    entry: int
    sha256: str | None
    run: str
    source: str
    party: str
    outcome: str
    reason: str
    dates: tuple[DatedBy, ...]


class Seen(NamedTuple):
    """What makes two sightings of one place the same."""

    sha256: str | None
    outcome: str
    reason: str
    content: str


@dataclasses.dataclass(frozen=True, slots=True)
class RunRow:
    """A run; `tally` is None while it has not ended, `reference` names a reference collection."""

    entry: int
    run: str
    source: str
    party: str
    started_at: str
    tally: Mapping[str, Any] | None
    reference: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class LinkRow:
    """A link with its segments as `LinkSegment`s."""

    entry: int
    a: str
    b: str
    relation: str
    score: str
    segments: tuple[LinkSegment, ...]
    matcher: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Gap:
    """A transfer without a receipt: its entry, when it was recorded, how many objects."""

    entry: int
    at: str
    objects: int


@dataclasses.dataclass(frozen=True, slots=True)
class MaterialRow:
    """What a person says bears on what: the entry, both objects, `contradicts`, ..."""

    entry: int
    a: str
    b: str
    relation: str


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """Milliseconds of an object that show a recording.

    Attributes:
        take: members with the same number are one camera's take, as people confirmed; None when
            nobody did.
    """

    sha256: str
    start: int
    end: int
    take: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class DecisionRow:
    """What a person decided about stretches of two objects; see `LinkDecided`.

    Attributes:
        key: a higher one is a later word.
        entry: where the record says it.
        span: milliseconds; None for all of both.
    """

    key: int
    entry: int
    a: str
    b: str
    decision: str
    span: DecidedSpan | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AnchorRow:
    """A stamp from outside over the checkpoint of `size`; see `AnchorReceived`.

    Attributes:
        entry: where the record has it.
        root: the checkpoint's, hex.
        proof, chain: SHA-256 of the blobs.
        received_at: by the archive's clock.
    """

    entry: int
    size: int
    root: str
    kind: str
    authority: str
    state: str
    time: str | None
    height: int | None
    proof: str
    chain: str | None
    via: str
    received_at: str

    @property
    def stands(self) -> bool:
        """Whether it is a time, and not a promise."""
        return self.state in ("stamped", "confirmed") and self.time is not None


@dataclasses.dataclass(frozen=True, slots=True)
class CosignatureRow:
    """A partner's co-signature over our checkpoint of `size`.

    Attributes:
        entry: where the record says it.
        root: of that checkpoint, hex.
        witness: their verifier key (type 0x04).
        time: by their clock, RFC 3339.
        line: the signature line for the note, with its newline.
    """

    entry: int
    size: int
    root: str
    witness: str
    time: str
    line: str


@dataclasses.dataclass(frozen=True, slots=True)
class ReferenceRow:
    """A fingerprint without its video, as somebody claims it; see `ReferenceClaimed`.

    Attributes:
        name: SHA-256 of its bytes, which the blobs hold.
    """

    entry: int
    collection: str
    name: str
    version: str
    duration: int
    claimed_date: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class ReferenceLinkRow:
    """A match of an object with a claimed fingerprint (`ReferenceRow.name`)."""

    entry: int
    object: str
    reference: str
    relation: str
    score: str
    matcher: str


class Queries(Protocol):
    """Reading the catalog. Nothing here is a protected value."""

    def seen(self, places: Sequence[str]) -> dict[str, set[Seen]]:
        """Keyed place to what was recorded there."""

    def counts(self) -> dict[str, int]:
        """Rows per noun: objects, references, derivatives, sightings, runs, findings, links,
        recordings, bytes.

        Objects are originals that the archive collected for itself, references those that are here
        only for a reference collection; `bytes` are those of all, and of derivatives.
        """

    def objects(self, kinds: Sequence[str] = ()) -> list[ObjectRow]:
        """Originals in order of arrival, of these kinds (default: all)."""

    def object(self, sha256: str) -> ObjectRow:
        """The one object whose name starts so. Raises `NotFound`, also when several do."""

    def held(self, names: Sequence[str]) -> set[str]:
        """Those of these SHA-256 names that the record has as originals."""

    def unexamined(self, check: str, version: str) -> list[ObjectRow]:
        """Originals without a finding of this check in this version."""

    def sightings(self, sha256: str | None = None) -> list[SightingRow]:
        """Sightings of one object, or all."""

    def findings(self, sha256: str) -> list[int]:
        """Entries of the findings about an object."""

    def runs(self) -> list[RunRow]:
        """All runs, oldest first."""

    def links(self, sha256: str | None = None) -> list[LinkRow]:
        """Links, of one object or all."""

    def decisions(self, sha256: str | None = None) -> list[DecisionRow]:
        """What people decided about links (`link.decided/1`), of one object or all, in order."""

    def recordings(self) -> dict[int, list[Member]]:
        """Matching footage: recording to the object segments that show it."""

    def references(self) -> dict[str, str]:
        """Originals that are here only for a reference collection, to the collection's name."""

    def reference_claims(self) -> list[ReferenceRow]:
        """Fingerprints without their video, in order of arrival."""

    def reference_links(self, sha256: str | None = None) -> list[ReferenceLinkRow]:
        """Matches with such fingerprints, of one object or all."""

    def acts(self, *types: str) -> list[int]:
        """Entries of these types (any but objects, sightings, findings and links), in order."""

    def anchors(self) -> list[AnchorRow]:
        """Stamps in order of checkpoint and arrival; promises that were kept are left out."""

    def erased(self, entry: int) -> set[str]:
        """Fields of an entry whose values were erased."""

    def risk(self, entry: int) -> str:
        """The decision of a risk record. Raises `NotFound`."""

    def custody_gaps(self, sha256: str | None = None) -> list[Gap]:
        """Transfers without a receipt, of one object or all."""

    def disposed(self, names: Sequence[str] | None = None) -> dict[str, int]:
        """SHA-256 of destroyed bytes (of these names, or all) to the entry that says so."""

    def materials(self, sha256: str | None = None) -> list[MaterialRow]:
        """What people linked (`material.linked/1`), of one object or all."""

    def cosignatures(self) -> list[CosignatureRow]:
        """Co-signatures by size; of one public key over one size, the first."""

    def people(self) -> dict[str, str]:
        """Key id of every person's key to `active`, `rotated` or `revoked`."""


# --- protected values --------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """A protected value with what proves it: field name, value, 32-byte salt."""

    field: str
    value: Json
    salt: bytes


class Vault(Protocol):
    """Protected values and salts. Locked, it takes values in and gives none out."""

    @property
    def locked(self) -> bool:
        """Whether values can be read."""

    def protect(self, field: str, value: Json, place: str = "") -> Protected:
        """Commits to `value` under a fresh salt; durable only after `flush`.

        What was erased before (this field of this place, or this value everywhere) is not taken
        in again: its commitment can never be opened.
        """

    def discard(self) -> None:
        """Forgets values that were protected and not flushed: their entries will not come."""

    def flush(self, since: int) -> None:
        """Makes all values given to `protect` durable; `since` is the record's size now.

        Call before appending their entries. What was flushed before and not settled stays
        unsettled: its entries were refused, and it is swept when this process is gone.
        """

    def settle(self) -> None:
        """The entries of the values flushed last are in the record now."""

    def open(self, ref: Protected) -> Opened:
        """The value. Raises `Locked`, `Erased`, or `NotFound` when the vault never had it."""

    def natural_key(self, *parts: Json) -> str:
        """32 hex digits: a keyed digest of `parts`. Works locked; tells nothing without the key."""


@dataclasses.dataclass(frozen=True, slots=True)
class SealedValue:
    """A value ready to be kept: commitment, ciphertext, and the tombstones that would forbid it."""

    commitment: bytes
    sealed: bytes
    tombstones: tuple[bytes, ...]


class PrivateRows(Protocol):
    """Where the vault keeps what it sealed: rows of ciphertext, overwritten when removed."""

    def get(self, name: str) -> bytes | None:
        """A named secret (wrapped keys, settings)."""

    def names(self, prefix: str) -> list[str]:
        """Names of secrets that start so."""

    def set(self, name: str, value: bytes) -> None:
        """Puts a named secret, durably."""

    def drop(self, name: str) -> None:
        """Forgets a named secret."""

    def add(self, values: Sequence[SealedValue], batch: str, since: int) -> None:
        """Keeps values durably as `batch`, unsettled since entry `since`.

        A value with a tombstone that is there by now is left out.
        """

    def value(self, commitment: bytes) -> bytes | None:
        """A sealed value."""

    def values(self) -> Iterator[tuple[bytes, bytes]]:
        """All (commitment, sealed value) rows."""

    def remove(self, commitments: Sequence[bytes], tombstones: Sequence[bytes]) -> None:
        """Removes values for good, free pages and write-ahead log included; adds tombstones.

        Raises:
            StoreFailure: `busy`: the rows are gone, but a reader keeps the log from being cut;
                do it again later.
        """

    def unsettled(self) -> list[tuple[str, int, list[bytes]]]:
        """(batch, since, commitments) of flushed values whose entries may be missing."""

    def settle(self, batch: str) -> None:
        """Forgets that `batch` was unsettled."""


# --- witnessing --------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class WatchedLog:
    """A partner's record whose checkpoints we co-sign: our word for them, origin, verifier key."""

    name: str
    origin: str
    key: str


@dataclasses.dataclass(frozen=True, slots=True)
class Contradiction:
    """A checkpoint that did not continue what was seen, with both notes.

    Attributes:
        kind: `fork`: two roots of one size, proof by itself; `unproved`: a later checkpoint
            whose consistency proof failed. A proof is not signed, so that alone accuses nobody.
        at: by our clock, RFC 3339.
        before, note: what was co-signed, and what was refused.
    """

    origin: str
    size: int
    kind: str
    at: str
    before: bytes
    note: bytes


class WitnessMemory(Protocol):
    """What a witness must never forget: its key, whose records it watches, what it has seen.

    Key and memory are lost together or not at all: a key whose memory is older than its
    signatures would sign two branches of one record.
    """

    def key(self) -> tuple[str, bytes] | None:
        """Name and 32-byte seed of the witness's key."""

    def make_key(self, name: str, seed: bytes) -> tuple[str, bytes]:
        """Keeps a key durably unless there is one; the one that is there then."""

    def logs(self) -> list[WatchedLog]:
        """All watched records, by origin."""

    def watch(self, log: WatchedLog) -> None:
        """Watches a record from now on; another key of a known origin takes the old one's place."""

    def seen(self, origin: str, size: int) -> list[bytes]:
        """Co-signed notes: the one of that size if there is one, and last the newest."""

    def advance(self, origin: str, old: int, size: int, note: bytes) -> bool:
        """Makes `note` the newest, durably before this returns, if the newest is of size `old`.

        Two processes at once are told apart: one gets False, and nothing changed for it.
        """

    def contradict(self, found: Contradiction) -> bool:
        """Keeps a contradiction durably; False when it is kept already, or too many are."""

    def contradictions(self) -> list[Contradiction]:
        """All that were kept, oldest first."""


# --- engine ------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """One idempotent piece of work on hostile bytes.

    Attributes:
        key: what it is, unique in its batch.
        function: `package.module:name`; called in the worker as
            `function(file: BinaryIO, params: Mapping) -> Result`.
        path: the file to open read-only; the worker gets the open file, never the path.
        params: JSON for the function.
        output: a new file for what the function emits; then it is called with a third argument,
            `emit(data: bytes)`. Without a result no such file is left.
        also: more files to open read-only, at most 63; the function then gets them open, in this
            order, as the keyword `also`. One that cannot be opened fails the whole task.
    """

    key: str
    function: str
    path: str
    params: Mapping[str, Json] = dataclasses.field(default_factory=dict)
    output: str = ""
    also: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What a worker's function returns: JSON, and named byte strings beside it."""

    value: Json
    blobs: Mapping[str, bytes] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """A finished task: a result, or `failure` (`crashed`, `timeout`, `memory`, `error`)."""

    key: str
    result: Result | None = None
    failure: str = ""
    detail: str = ""


class Engine(Protocol):
    """Maps tasks over workers that have no keys, no network and no archive."""

    def map(self, tasks: Iterable[Task]) -> Generator[Outcome]:
        """Outcomes as they come, in any order. Closing the generator ends the workers."""


# --- examination -------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an examination found in one file.

    Attributes:
        result: `observed`, `not_observed`, `not_applicable` or `inconclusive`.
        reason: why, when inconclusive or not applicable; a short word of ours.
        range: what was looked at.
        values: raw values as short texts without anything that the file says in words.
        tags: texts found inside the file; they may name people, devices and places.
        output: the full output, any JSON without texts from the file; None if `values` is all.
    """

    result: str
    reason: str = ""
    range: str = "whole file"
    values: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    output: Json = None


class Examination(Protocol):
    """One method, one file, one entry point of the group `witnessmark.examinations`."""

    name: str
    version: str

    def tools(self) -> Mapping[str, str]:
        """Libraries beneath it and their versions."""

    def examine(self, file: BinaryIO, size: int) -> Report:
        """Looks at `size` bytes of hostile input, in a worker. Bounded in time and memory."""


# --- collection --------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that a collector saw: a file in a folder, a message's media, a sheet's row.

    Attributes:
        place: what names this place in its source, for ever; goes into the keyed natural key.
        open: opens the bytes for reading; None when there are none to take.
        outcome, reason: what the collector already knows: `` (take the bytes), `not_included`,
            `quarantined` or `failed`, with a short word of ours.
        unchanged: cheap sign (size and times) that lets a later run skip reading; "" to read.
        kind: what the source calls it.
        dates, stated: as in the sighting.
        companions: role to opener, for files that came along (thumbnails).
        protected: field name of the sighting to its value.
    """

    place: tuple[Json, ...]
    open: Callable[[], AbstractContextManager[BinaryIO]] | None = None
    outcome: str = ""
    reason: str = ""
    unchanged: str = ""
    kind: str = "file"
    dates: tuple[DatedBy, ...] = ()
    stated: Mapping[str, int] = dataclasses.field(default_factory=dict)
    companions: Mapping[str, Callable[[], AbstractContextManager[BinaryIO]]] = dataclasses.field(
        default_factory=dict
    )
    protected: Mapping[str, Json] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What a look at the source says before anything is taken.

    Attributes:
        items: how many items to expect, None when unknown.
        bytes: how many bytes, None when unknown.
        notes: code to sentence, for what a person should know first.
    """

    items: int | None = None
    bytes: int | None = None
    notes: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Collector(Protocol):
    """One kind of source, one file, one entry point of the group `witnessmark.collectors`."""

    name: str
    live: bool
    """Whether it takes things from where they are public, and not from somebody's hands."""
    workdir: str | None
    """Where it may put temporary files; the archive sets it. None: where the system likes."""

    def recognises(self, where: str) -> bool:
        """Whether this path or address looks like this kind of source."""

    def preflight(self, where: str) -> Preflight:
        """Looks before taking. Raises `BadInput` when there is nothing here to collect."""

    def items(self, where: str) -> Iterator[Item]:
        """Everything seen, in a stable order. What cannot be read is an item too."""


class Unreadable(Exception):
    """Raised by an item's opener or reader: the item failed, for `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
