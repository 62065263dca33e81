"""Bytes made from an original."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from witnessmark.model.statement import Sha256, Statement, Token, says


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StreamDigest:
    """One coded stream that stands unchanged in original and copy.

    Attributes:
        kind, codec: `video`, `h264`.
        packets: how many coded packets.
        sha256: over the packets' bytes in order, after the filter that `method` names.
    """

    kind: Token
    codec: Token
    packets: int
    sha256: Sha256


@says("derivative.made/1")
class DerivativeMade(Statement):
    """How a copy was made, so that whoever has the original can make it again and compare.

    Attributes:
        method, version: `sanitise`, `1`.
        tools: programs beneath, with versions.
        removed: what was taken away (`container_metadata`, `data_streams`, `h264_sei`, ...).
        streams: what is the same in both.
    """

    original: Sha256
    derivative: Sha256
    method: Token
    version: Token
    tools: Mapping[str, Token] = dataclasses.field(default_factory=dict)
    removed: tuple[Token, ...] = ()
    streams: tuple[StreamDigest, ...] = ()
