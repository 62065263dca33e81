"""Acts on protected values. The values are in the vault, their commitments in entries."""

from __future__ import annotations

import dataclasses

from witnessmark.model.statement import Protected, Statement, Token, says

__all__ = ["Protected", "ValueDisclosed", "ValueErased", "ValueRef"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ValueRef:
    """One protected value: the index of its entry and the name of its field."""

    entry: int
    field: Token


@says("value.disclosed/1")
class ValueDisclosed(Statement):
    """Values were given to somebody. `second` is the other person's key id, or `alone`."""

    values: tuple[ValueRef, ...]
    reason: Protected
    second: Token
    second_signature: Token = Token("")


@says("value.erased/1")
class ValueErased(Statement):
    """Values were erased for good; later runs do not collect them again.

    Attributes:
        second: the other person's key id, or `alone`, which every report shows.
        second_signature: base64 Ed25519 by `second`.
    """

    values: tuple[ValueRef, ...]
    reason: Protected
    second: Token
    second_signature: Token = Token("")
