"""Which pairs of an archive's videos to compare when some are new to its index."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from witnessmark.verification.matching.fingerprint import Fingerprint
from witnessmark.verification.matching.index import Index

#: Candidates of one video that are compared with it. Enough for hundreds of copies; what goes
#: beyond are things like an intro of a channel, and is said.
MOST = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What to compare.

    Attributes:
        pairs: keys, the smaller first, in order.
        left_off: key of a new video to the number of its candidates that are not in `pairs`.
        only_flat: new videos of nothing but black or even pictures: nothing is compared with them.
    """

    pairs: tuple[tuple[str, str], ...]
    left_off: dict[str, int]
    only_flat: tuple[str, ...]


def plan(index: Index, new: Iterable[tuple[str, Fingerprint]], most: int = MOST) -> Plan:
    """The pairs of new videos with each other and with all others that agree enough.

    The new ones are in the index already. Agreement is mutual (see `index` for the exception), so
    asking for the new ones gives the same pairs in the end in whatever order videos came, as long
    as nothing is left off.
    """
    pairs: set[tuple[str, str]] = set()
    left_off: dict[str, int] = {}
    only_flat = []
    for key, fingerprint in new:
        found = index.candidates(fingerprint, len(index))
        others = [each.key for each in found.ranked if each.key != key]
        pairs.update((min(key, each), max(key, each)) for each in others[:most])
        if len(others) > most:
            left_off[key] = len(others) - most
        if found.only_flat:
            only_flat.append(key)
    return Plan(tuple(sorted(pairs)), left_off, tuple(only_flat))
