"""C2SP tlog-proof: one entry's inclusion with its checkpoint, in one text file."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from witnessmark.errors import BadRecord
from witnessmark.record.checkpoint import is_size
from witnessmark.record.note import strict_base64

_HEADER = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class Proof:
    """`extra` is opaque and not authenticated; `checkpoint` is the signed note's bytes."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes = b""

    def encode(self) -> bytes:
        """The file's bytes."""
        lines = [_HEADER]
        if self.extra:
            lines.append("extra " + base64.b64encode(self.extra).decode("ascii"))
        lines.append(f"index {self.index}")
        lines += [base64.b64encode(step).decode("ascii") for step in self.path]
        return "\n".join([*lines, "", ""]).encode() + self.checkpoint

    @staticmethod
    def parse(data: bytes) -> Proof:
        """The proof in `data`.

        Raises:
            BadRecord: any departure from the format.
        """
        head, blank, checkpoint = data.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as error:
            raise BadRecord("The proof is not text.", code="proof") from error
        if not blank or lines[0] != _HEADER:
            raise BadRecord("This is not a tlog-proof.", code="proof")
        rest, extra = lines[1:], b""
        if rest and rest[0].startswith("extra "):
            extra = strict_base64(rest.pop(0)[6:], "The proof's extra data")
            if not extra:
                raise BadRecord("The proof's extra line is empty.", code="proof")
        index = rest.pop(0)[6:] if rest and rest[0].startswith("index ") else ""
        if not is_size(index):
            raise BadRecord("The proof has no index.", code="proof")
        path = tuple(strict_base64(line, "A hash of the proof") for line in rest)
        if any(len(step) != 32 for step in path) or len(path) > 64:
            raise BadRecord("The proof's hashes are malformed.", code="proof_length")
        return Proof(int(index), path, checkpoint, extra)
