"""The immutable output of one check of one object. Never pass or fail."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from witnessmark.model.protected import Protected
from witnessmark.model.sighting import Attachment
from witnessmark.model.statement import Sha256, Statement, Token, says

RESULTS = ("observed", "not_observed", "not_applicable", "inconclusive")


@says("finding.recorded/1")
class FindingRecorded(Statement):
    """What one version of one check reports.

    Attributes:
        object: input hash.
        check, version: which examination.
        tools: programs and libraries beneath it, with versions.
        parameters: settings that change the output.
        range: what was looked at (`bytes 0-1048576`, `whole file`).
        result: one of `RESULTS`.
        reason: why, when inconclusive or not applicable.
        values: the raw values, at most 4 KiB; names and numbers of ours, no text of the file's.
        output: the full output, when it is larger.
        tags: text found inside the file (titles, places, device serials), protected.
    """

    object: Sha256
    check: Token
    version: Token
    tools: Mapping[str, Token] = dataclasses.field(default_factory=dict)
    parameters: Mapping[str, Token] = dataclasses.field(default_factory=dict)
    range: Token = Token("whole file")
    result: Token
    reason: Token = Token("")
    values: Mapping[str, Token] = dataclasses.field(default_factory=dict)
    output: Attachment | None = None
    tags: Protected | None = None
