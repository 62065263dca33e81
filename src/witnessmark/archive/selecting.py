"""Which entries go into a package: all that speaks of the chosen objects, for and against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from witnessmark.archive.archive import Archive
from witnessmark.model import (
    AnchorReceived,
    CustodyReceipted,
    DerivativeMade,
    DigestsRenewed,
    FindingRecorded,
    LinkDecided,
    LinkFound,
    MaterialLinked,
    ObjectStored,
    Recorded,
    ReferenceClaimed,
    ReferenceMatched,
    RenewalAnchored,
    RunRecorded,
    SightingRecorded,
    ValueDisclosed,
    ValueErased,
)
from witnessmark.record.history import KEY_ENTRIES

COURT, SHARE = "court", "share"
PROFILES = (COURT, SHARE)
#: renewals, and what binds older stamps into them
_RENEWING = (AnchorReceived, DigestsRenewed, RenewalAnchored)


def with_linked(archive: Archive, chosen: Iterable[str]) -> set[str]:
    """The chosen objects and all that is linked with them, over any number of links.

    By programs (`link.found`) or by people (`link.decided`, `material.linked`): so nothing that
    speaks against an item can be left behind by choosing.
    """
    found, waiting = set[str](), list(chosen)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        waiting += (other for row in archive.queries.materials(name) for other in (row.a, row.b))
        waiting += (other for row in archive.queries.decisions(name) for other in (row.a, row.b))
        waiting += (other for link in archive.queries.links(name) for other in (link.a, link.b))
    return found


class Selection:
    """What goes along, entry by entry, in the order of the record.

    Args:
        wanted: objects; None for all.
        risk: index of the risk record.
        copies: in `share`, original to its sanitised copy.
        claims: fingerprints without their video that the objects match.
        renewed: a renewal of hashes goes along, and with it the entries of all stamps.
    """

    def __init__(
        self,
        wanted: set[str] | None,
        risk: int,
        profile: str,
        copies: Iterable[str] = (),
        claims: Iterable[str] = (),
        *,
        renewed: bool = False,
    ) -> None:
        self._renewed = renewed
        self._wanted, self._risk, self._share = wanted, risk, profile == SHARE
        self._claims = set(claims)
        self._copies = set(copies)
        self._chosen: set[int] = set()
        self._runs: set[str] = set()

    def take(self, entries: Iterable[Recorded]) -> Iterator[Recorded]:
        """Those of `entries` that go along; runs and receipts follow what they belong to."""
        for recorded in entries:
            if recorded.index == self._risk or self._goes(recorded):
                self._chosen.add(recorded.index)
                if isinstance(recorded.said, SightingRecorded):
                    self._runs.add(recorded.said.run)
                yield recorded

    def _goes(self, recorded: Recorded) -> bool:
        if recorded.entry.type in KEY_ENTRIES:
            return True
        if self._share and not self._may_be_shared(recorded):
            return False
        if self._wanted is None or (self._renewed and isinstance(recorded.said, _RENEWING)):
            return True
        match recorded.said:
            case LinkFound() | LinkDecided() | MaterialLinked() as link:
                return {link.a, link.b} <= self._wanted
            case ReferenceClaimed(fingerprint=blob):
                return blob.sha256 in self._claims
            case RunRecorded(run=run):
                return run in self._runs
            case CustodyReceipted(transfer=transfer):
                return transfer in self._chosen
            case ValueDisclosed(values=values) | ValueErased(values=values):
                return any(each.entry in self._chosen for each in values)
            case ObjectStored(sha256=name, derived_from=original):
                return (original or name) in self._wanted
        return any(about.removeprefix("sha256:") in self._wanted for about in recorded.entry.about)

    def _may_be_shared(self, recorded: Recorded) -> bool:
        """Findings say what a file's device and tools were; copies are made to leave that out.

        What others claim of their footage is theirs to share.
        """
        match recorded.said:
            case FindingRecorded() | ReferenceClaimed() | ReferenceMatched():
                return False
            case ObjectStored(sha256=name, derived_from=original):
                return original is None or name in self._copies
            case DerivativeMade(derivative=name):
                return name in self._copies
        return True
