"""What outside times say of one entry: anchored, promised, or nothing yet."""

from __future__ import annotations

import dataclasses
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from witnessmark.ports import AnchorRow


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an entry stands.

    Attributes:
        state: `anchored`, `pending` (a calendar's promise, no time) or `unanchored`.
        by: names of those who stamped, or promised to stamp, the checkpoint in question.
        at: the earliest outside time over a checkpoint that holds the entry.
        size: that checkpoint's.
        since: without one, when the entry was made, by the archive's own clock.
    """

    state: str
    by: tuple[str, ...] = ()
    at: str | None = None
    size: int | None = None
    since: str | None = None

    def __str__(self) -> str:
        if self.state == "anchored":
            return f"anchored by {', '.join(self.by)}, at {self.at}"
        if self.state == "pending":
            return f"pending: promised by {', '.join(self.by)}; unanchored since {self.since}"
        return f"unanchored since {self.since}"

    def members(self) -> dict[str, Any]:
        """For scripts."""
        return {k: v for k, v in dataclasses.asdict(self).items() if v not in (None, ())}


class Standings:
    """Answers for any entry, from all stamps of an archive."""

    def __init__(self, rows: Iterable[AnchorRow]) -> None:
        rows = list(rows)
        by_size: defaultdict[int, list[AnchorRow]] = defaultdict(list)
        for row in rows:
            if row.stands:
                by_size[row.size].append(row)
        self._sizes = sorted(by_size)
        self._best: list[Standing] = []
        for size in reversed(self._sizes):
            at = min((row.time or "" for row in by_size[size]), key=_order)
            names = tuple(dict.fromkeys(row.authority for row in by_size[size]))
            made = Standing(state="anchored", by=names, at=at, size=size)
            later = self._best[-1] if self._best else made
            self._best.append(made if _order(at) <= _order(later.at or at) else later)
        self._best.reverse()
        self._promised = [row for row in rows if not row.stands]

    @property
    def size(self) -> int:
        """The largest checkpoint with an outside time; 0 without any."""
        return self._sizes[-1] if self._sizes else 0

    def of(self, entry: int, made_at: str) -> Standing:
        """How the entry at this index stands; `made_at` is its own time."""
        position = bisect_right(self._sizes, entry)
        if position < len(self._sizes):
            return self._best[position]
        promised = dict.fromkeys(row.authority for row in self._promised if row.size > entry)
        state = "pending" if promised else "unanchored"
        return Standing(state=state, by=tuple(promised), since=made_at)


def _order(instant: str) -> str:
    """Sorts as the times do, with or without a fraction."""
    return instant.removesuffix("Z")
