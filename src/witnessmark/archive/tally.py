"""What became of every object and of every pair of a matching run."""

from __future__ import annotations

import dataclasses

from witnessmark.model import Json

#: A pair that failed so often is not tried again by this matcher.
TRIES = 3


@dataclasses.dataclass(slots=True)
class Tally:
    """What became of every object and of every pair that was due; both sums hold.

    Attributes:
        objects: = held + fingerprints + failed + failed_before.
        held: had a fingerprint.
        fingerprints: got one now.
        failed, failed_before: none could be made, now or earlier; findings say why.
        due: pairs = compared + pairs_failed + given_up.
        relations: relation to the number of pairs, `none` for nothing in common.
        pairs_failed: could not be compared now; tried again, up to `TRIES` times.
        given_up: failed too often before.
        links: entries that came of it; a link that was there already is none.
        left_off: candidates of the search index that were too many to compare.
        only_flat: objects of nothing but black or even pictures, which no search finds.
        reasons: why objects and pairs failed, to how many.
    """

    objects: int = 0
    held: int = 0
    fingerprints: int = 0
    failed: int = 0
    failed_before: int = 0
    due: int = 0
    relations: dict[str, int] = dataclasses.field(default_factory=dict)
    pairs_failed: int = 0
    given_up: int = 0
    links: int = 0
    left_off: int = 0
    only_flat: int = 0
    reasons: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def compared(self) -> int:
        return sum(self.relations.values())

    def because(self, reason: str) -> None:
        self.reasons[reason] = self.reasons.get(reason, 0) + 1

    def came_to(self, relation: str) -> None:
        self.relations[relation] = self.relations.get(relation, 0) + 1

    def members(self) -> dict[str, Json]:
        """For scripts."""
        return {**dataclasses.asdict(self), "pairs": self.compared}
