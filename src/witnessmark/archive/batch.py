"""What programs find, recorded a few seconds' worth of work together."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from witnessmark.archive.archive import Archive
from witnessmark.model import FindingRecorded, Statement
from witnessmark.model.statement import Sha256, Token
from witnessmark.ports import ObjectRow

#: What a kill may lose: results of this many tasks, or of this many seconds.
BATCH, SECONDS = 200, 5.0
FAILURES = {
    "crashed": "the check crashed on this file",
    "timeout": "the check took too long on this file",
    "memory": "the check ran out of memory on this file",
    "error": "the check failed on this file",
    "unreadable": "the object could not be read",
}
NONSENSE = "the check gave an answer that makes no sense"
Advance = Callable[[int, int], None]


def nothing(done: int, total: int) -> None:
    del done, total


class Batch:
    """Statements recorded together, a few seconds' worth of work.

    Left by an exception it records nothing more, and what was staged in the vault for statements
    that now never come is forgotten.
    """

    def __init__(self, archive: Archive, then: Callable[[], None] = lambda: None) -> None:
        self._archive, self._then = archive, then
        self._made: list[tuple[Statement, tuple[str, ...]]] = []
        self._steps, self._since = 0, time.monotonic()

    def add(self, statement: Statement, *objects: str) -> None:
        """Takes a statement about `objects`."""
        self._made.append((statement, tuple(f"sha256:{name}" for name in objects)))

    def step(self) -> None:
        """A task is done, with or without a statement."""
        self._steps += 1
        if self._steps >= BATCH or time.monotonic() - self._since >= SECONDS:
            self._commit()

    def _commit(self) -> None:
        if self._made:
            self._archive.say_all(self._made)
        self._then()
        self._made, self._steps, self._since = [], 0, time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._commit()
        finally:
            self._archive.vault.discard()


def inconclusive(
    row: ObjectRow, check: str, version: str, tools: dict[str, str] | None = None
) -> FindingRecorded:
    """A finding that says nothing yet."""
    return FindingRecorded(
        object=Sha256(row.sha256),
        check=Token(check),
        version=Token(version),
        tools={name: Token(each) for name, each in (tools or {}).items()},
        result=Token("inconclusive"),
        reason=Token(NONSENSE),
    )
