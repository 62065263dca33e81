"""What an archive is for; nothing can be collected before it is stated (requirement R01)."""

from __future__ import annotations

import dataclasses

from witnessmark.model.statement import PublicText, Statement, says


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Purpose, all parties, places, dates and the legal basis, in the archive's own words."""

    purpose: PublicText
    parties: tuple[PublicText, ...]
    places: tuple[PublicText, ...]
    dates: PublicText
    legal_basis: PublicText
    scratch: bool = False


@says("scope.changed/1")
class ScopeChanged(Statement):
    """The whole new scope, and why it changed."""

    scope: Scope
    reason: PublicText
