"""One collection run and its tally: what was there, what came in, what did not and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from witnessmark.errors import BadRecord
from witnessmark.model.protected import Protected
from witnessmark.model.statement import Instant, PublicText, Statement, Token, says


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Items of one run. `seen` is always the sum of the five outcomes.

    Attributes:
        stored: bytes that are new here.
        already_held: bytes that were here before; a new place of theirs is a new sighting.
        not_included: the source names it but does not carry it.
        quarantined: held back until a person decides.
        failed: could not be taken; the next run tries again.
        reasons: `outcome: reason` to its count, for the last three.
    """

    seen: int
    stored: int = 0
    already_held: int = 0
    not_included: int = 0
    quarantined: int = 0
    failed: int = 0
    reasons: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = (self.stored, self.already_held, self.not_included, self.quarantined, self.failed)
        if self.seen != sum(parts):
            raise BadRecord("The tally does not sum: seen is not what became of it.", code="tally")


@says("run.recorded/1")
class RunRecorded(Statement):
    """A finished run.

    Attributes:
        run: 32 hex digits, the same that its sightings carry.
        source: collector name.
        program: name and version of what ran.
        started_at: archive clock at the start.
        party: publisher's alignment; a party of the scope, or `unknown`.
        reference: as in its sightings.
        claimed_by: who claims that alignment.
        where: path or address given to the collector.
        tally: see `Tally`.
        notes: codes of what a person should know (`photos_only_export`, `file_ends_early`).
        clock: what the system says of its clock (`synchronised`, `unsynchronised`, `unknown`), and
            by how many milliseconds at most it is off then.
        outside_scope: why something was collected that the archive's scope does not name.
        interrupted: runs of this kind of source that were cut off: they have sightings, no end,
            and no process any more. Each is named once.
    """

    run: Token
    source: Token
    program: Token
    started_at: Instant
    party: PublicText
    reference: PublicText | None = None
    claimed_by: Protected | None = None
    where: Protected | None = None
    tally: Tally
    notes: tuple[Token, ...] = ()
    clock: Token | None = None
    clock_error_ms: int | None = None
    outside_scope: Protected | None = None
    interrupted: tuple[Token, ...] = ()
