"""Reading the catalog: its rows, and what can be asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from witnessmark.model import DatedBy, DecidedSpan, LinkSegment


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
