"""What somebody looked for where, found or not: else nobody can say what was not looked at."""

from __future__ import annotations

from witnessmark.model.protected import Protected
from witnessmark.model.statement import Instant, PublicText, Statement, Token, says


@says("search.recorded/1")
class SearchRecorded(Statement):
    """One search, under the key of who made it.

    Attributes:
        platform: where, as a word (`telegram`, `web`).
        language: of the words looked for, BCP 47 (`uk`, `hy`), `und` for none.
        party: whose channels or whose side it was about; a party of the scope, or `unknown`.
        searched_at: when, as that person says.
        results: how many things came up; zero is a result.
        taken: how many of them were collected.
        terms: what was looked for.
        where: a channel, a group, an address, when it was not the whole platform.
        remark: what else should be known.
    """

    platform: Token
    language: Token
    party: PublicText
    searched_at: Instant
    results: int
    taken: int
    terms: Protected
    where: Protected | None = None
    remark: Protected | None = None
