"""C2SP tlog-checkpoint: origin, size and root of the record, as the text of a signed note."""

from __future__ import annotations

import base64
from typing import NamedTuple

from witnessmark.errors import BadRecord
from witnessmark.record.note import strict_base64

#: 2^53, the largest number that the record holds, has sixteen.
_MAX_DIGITS = 16


def is_size(digits: str) -> bool:
    """Whether `digits` spell a size: decimal, no leading zeros, not beyond what records hold."""
    plain = len(digits) <= _MAX_DIGITS and digits.isascii() and digits.isdecimal()
    return plain and str(int(digits)) == digits


class Checkpoint(NamedTuple):
    """The head of a record: its origin, number of entries, 32-byte root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The note text."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode('ascii')}\n"

    @staticmethod
    def parse(text: str) -> Checkpoint:
        """The checkpoint that a note's text states. Extension lines are refused.

        Raises:
            BadRecord: not three lines, a size with leading zeros, or a root of another length.
        """
        lines = text.split("\n")
        if len(lines) != 4 or not lines[0] or lines[3]:
            raise BadRecord("A checkpoint has three lines: origin, size, root.", code="checkpoint")
        if not is_size(lines[1]):
            raise BadRecord("The checkpoint's size is not a plain number.", code="checkpoint")
        root = strict_base64(lines[2], "The checkpoint's root")
        if len(root) != 32:
            raise BadRecord("The checkpoint's root is not 32 bytes.", code="checkpoint")
        return Checkpoint(lines[0], int(lines[1]), root)
