"""The first entry of every record."""

from __future__ import annotations

from witnessmark.model.protected import Protected
from witnessmark.model.scope import Scope
from witnessmark.model.statement import Statement, Token, says


@says("genesis/1")
class Genesis(Statement):
    """Whose record this is: origin, archive key, first person, scope. Signed by that person.

    Attributes:
        origin: the log's name, as it stands in checkpoints.
        archive_key: C2SP verifier key that signs checkpoints from now on.
        person_key: base64 Ed25519 public key of the first person.
        person_name: commitment to that person's name.
        scope: what the archive is for.
    """

    origin: Token
    archive_key: Token
    person_key: Token
    person_name: Protected
    scope: Scope
