"""The do-no-harm record, filled in before anything is shared (requirement R04)."""

from __future__ import annotations

from witnessmark.model.protected import Protected
from witnessmark.model.statement import Statement, Token, says


@says("risk.recorded/1")
class RiskRecorded(Statement):
    """What sharing could do to whom, in a person's words, and that person's decision.

    Attributes:
        decision: `share`, `share_redacted` or `do_not_share`.
        persons_depicted, uploader, witnesses, analysts: the risk to each, protected.
    """

    decision: Token
    persons_depicted: Protected
    uploader: Protected
    witnesses: Protected
    analysts: Protected
