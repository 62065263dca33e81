"""People who act in the archive, known to the record by their keys alone."""

from __future__ import annotations

from witnessmark.model.protected import Protected
from witnessmark.model.statement import Statement, Token, says


@says("person.added/1")
class PersonAdded(Statement):
    """A further person and what they may do. Signed by somebody who was there before."""

    key: Token
    name: Protected
    roles: tuple[Token, ...] = ()
