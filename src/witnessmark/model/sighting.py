"""An object, or the trace of one, seen somewhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from witnessmark.model.protected import Protected
from witnessmark.model.statement import (
    Instant,
    PublicText,
    Sha256,
    Signed,
    Statement,
    Token,
    says,
)

#: Who vouches for a time, weakest first. Only the last three order a lineage.
GRADES = ("stated", "observed", "captured", "anchored")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DatedBy:
    """A time from a source.

    Attributes:
        what: `posted`, `edited`, `file_modified`, `original_posted`, ...
        at: the time.
        grade: one of `GRADES`.
        bounds_media: whether the object itself existed then. An edited post bounds its media
            only by the edit; a file system time bounds nothing.
    """

    what: Token
    at: Instant
    grade: Token
    bounds_media: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A recorded blob: a thumbnail that came along, a check's full output."""

    role: Token
    sha256: Sha256
    size: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedHash:
    """What another tool, or a sheet, says the bytes hash to: its claim, compared with them.

    Attributes:
        by: that tool.
        algorithm: `sha256`, `md5`, `pdq`, ...
        value: as it says, in hexadecimal digits where they are.
        agrees: `same`, `different`, or `not_compared` for what no bytes were taken of, or what is
            no hash of bytes.
    """

    by: Token
    algorithm: Token
    value: Token
    agrees: Token


@says("sighting.recorded/1")
class SightingRecorded(Statement):
    """What one run saw in one place of one source.

    Attributes:
        run: the run's 32 hex digits.
        source: collector name.
        place: 32 hex digits, a keyed digest of where this is, so that the same thing at the same
            place is recorded once; without the archive's secret it says nothing.
        content: 32 hex digits, a keyed digest of the words and dates that came with it, so that an
            edited caption is a sighting of its own.
        outcome: `stored`, `not_included`, `quarantined` or `failed`.
        reason: word for the last three.
        party: publisher's alignment as the run was told; see `RunRecorded`.
        reference: name of the reference collection that this was taken in for; None for what the
            archive collects for itself.
        object: the bytes, when they were taken.
        kind: what the source calls it (`video_file`, `photo`, `file`).
        dates: times from the source with their grade.
        stated: whole numbers that the source states (`width`, `duration_seconds`).
        attachments: blobs that came along.
        flags: words of what a reader must know of this sighting (`below_minimum_capture_set`).
        claimed: hashes that came along.
        where, name, author, caption, forwarded_from, location: protected values.
        columns: the row of the sheet this came from, protected.
        message: everything that the source gave, in its own words, protected.
    """

    run: Token
    source: Token
    place: Token
    content: Token
    outcome: Token
    reason: Token = Token("")
    party: PublicText = PublicText("unknown")
    reference: PublicText | None = None
    object: Sha256 | None = None
    kind: Token = Token("file")
    dates: tuple[DatedBy, ...] = ()
    stated: Mapping[str, Signed] = dataclasses.field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    flags: tuple[Token, ...] | None = None
    claimed: tuple[ClaimedHash, ...] | None = None
    where: Protected | None = None
    name: Protected | None = None
    author: Protected | None = None
    caption: Protected | None = None
    forwarded_from: Protected | None = None
    location: Protected | None = None
    columns: Protected | None = None
    message: Protected | None = None
