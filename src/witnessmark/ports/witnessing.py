"""What a witness of partners' records remembers."""

from __future__ import annotations

import dataclasses
from typing import Protocol


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
