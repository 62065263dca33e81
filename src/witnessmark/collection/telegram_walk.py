"""How far a channel was read, which numbers to ask for again: small, exact, disposable."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator

_TEXT = re.compile(r"1 (\d{1,10}) ([0-9,-]*) ([0-9,-]*)")
#: Numbers that a remembered range may span; against a file that was tampered with.
_WIDEST = 1 << 24
#: Messages without media between two that have some; of more, the last are known.
_WAITING = 1 << 16


class Walk:
    """Numbers of one channel's messages.

    Attributes:
        last: the highest number that was passed in this run or an earlier one.
        known: numbers that were there, the highest `keep` of them.
        again: numbers whose media are still to be had.
    """

    def __init__(self, keep: int, text: str = "") -> None:
        self._keep = keep
        self._waiting: deque[int] = deque(maxlen=keep + _WAITING)
        self.known: set[int] = set()
        self.again: set[int] = set()
        self._settled = 0
        if match := _TEXT.fullmatch(text):
            self._settled = int(match[1])
            self.known = set(_numbers(match[2]))
            self.again = set(_numbers(match[3]))
        self.last = self._settled

    def pass_by(self, number: int) -> None:
        """A message is there; it counts as known once it is settled."""
        self.last = number
        self._waiting.append(number)

    def settle(self, number: int) -> None:
        """All up to this number is in the record."""
        while self._waiting and self._waiting[0] <= number:
            self.known.add(self._waiting.popleft())
        self._settled = max(self._settled, number)

    def gone(self, number: int) -> None:
        """It was said that this message is gone."""
        self.known.discard(number)
        self.again.discard(number)

    def text(self) -> str:
        """What to remember; known numbers above `keep` of them are forgotten here."""
        if len(self.known) > self._keep:
            self.known = set(sorted(self.known)[len(self.known) - self._keep :])
        return f"1 {self._settled} {_ranges(self.known)} {_ranges(self.again)}"


def _ranges(numbers: Iterable[int]) -> str:
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)


def _numbers(text: str) -> Iterator[int]:
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        if first.isdecimal() and (last or first).isdecimal():
            low, high = int(first), int(last or first)
            yield from range(low, min(high, low + _WIDEST) + 1)
