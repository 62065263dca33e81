"""Examinations: what programs find in single objects, over what the record does not hold yet."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from contextlib import closing
from io import BytesIO

from witnessmark.archive.archive import Archive
from witnessmark.archive.batch import FAILURES, Advance, Batch, inconclusive, nothing
from witnessmark.errors import BadInput, BadRecord
from witnessmark.model import FindingRecorded, Json
from witnessmark.model.finding import RESULTS
from witnessmark.model.statement import Token
from witnessmark.ports import Examination, Outcome, Result, Task
from witnessmark.record.canonical import MAX_SUMMARY, canonical, parse
from witnessmark.verification import examinations

_MAX_TAGS = 4 << 20


def examine(
    archive: Archive, names: Iterable[str] = (), on_progress: Advance = nothing
) -> dict[str, dict[str, int]]:
    """Runs every examination on every object that lacks its finding.

    A file that crashes a check gets an `inconclusive` finding, so it is not tried for ever.

    Returns:
        check to result to count, for the findings made now.

    Raises:
        BadInput: there is no check of that name.
    """
    chosen = _chosen(names)
    waiting = {
        f"{check.name} {row.sha256}": (check, row)
        for check in chosen
        for row in archive.queries.unexamined(check.name, check.version)
    }
    tasks = [
        Task(
            key,
            "witnessmark.verification.examinations:run",
            str(archive.blobs.path(row.sha256)),
            {"name": check.name, "size": row.size},
        )
        for key, (check, row) in waiting.items()
    ]
    tools = {check.name: dict(check.tools()) for check in chosen}
    counts: dict[str, dict[str, int]] = {check.name: {} for check in chosen}
    engine = archive.engine([type(check).__module__ for check in chosen])
    with Batch(archive) as batch, closing(engine.map(tasks)) as outcomes:
        for done, outcome in enumerate(outcomes, 1):
            check, row = waiting[outcome.key]
            bare = inconclusive(row, check.name, check.version, tools[check.name])
            finding = _finding(archive, bare, outcome)
            batch.add(finding, row.sha256)
            batch.step()
            results = counts[check.name]
            results[finding.result] = results.get(finding.result, 0) + 1
            on_progress(done, len(tasks))
    return counts


def _chosen(names: Iterable[str]) -> list[Examination]:
    known = examinations.load()
    names = list(names) or sorted(known)
    if unknown := set(names) - known.keys():
        raise BadInput(
            f"There is no check '{min(unknown)}'.", todo=f"Checks: {', '.join(sorted(known))}."
        )
    return [known[name] for name in dict.fromkeys(names)]


def _finding(archive: Archive, bare: FindingRecorded, outcome: Outcome) -> FindingRecorded:
    """`bare` with what the outcome says; a worker that was taken over can answer anything.

    The tags come last, when nothing can be refused any more: a value protected for a finding
    that is never said would stay in the vault, where nobody knows of it.
    """
    if outcome.result is None:
        return dataclasses.replace(bare, reason=Token(FAILURES[outcome.failure]))
    try:
        fields, tags, output = _read(outcome.result)
        finding = FindingRecorded.read({**bare.fields(), "reason": "", **fields})
    except BadRecord:
        return bare
    if output:
        stored = archive.blobs.put(BytesIO(output))
        attachment: Json = {"role": "output", "sha256": stored.sha256, "size": stored.size}
        finding = FindingRecorded.read({**finding.fields(), "output": attachment})
    if tags:
        # of the object, not of the check: erased tags do not come back with its next version
        place = archive.vault.natural_key("finding", bare.object)
        finding = dataclasses.replace(finding, tags=archive.vault.protect("tags", tags, place))
    return finding


def _read(result: Result) -> tuple[dict[str, Json], dict[str, Json], bytes]:
    """Public fields, tags and full output of a report, each in bounds. Raises `BadRecord`."""
    report = result.value
    if not isinstance(report, dict) or report.get("result") not in RESULTS:
        raise BadRecord("The report has no result.")
    fields = {
        name: report[name] for name in ("result", "reason", "range", "values") if name in report
    }
    tags = report.get("tags") or {}
    if not isinstance(tags, dict) or not all(isinstance(each, str) for each in tags.values()):
        raise BadRecord("The tags are not texts.")
    if len(canonical(fields.get("values"))) > MAX_SUMMARY or len(canonical(tags)) > _MAX_TAGS:
        raise BadRecord("The report is too long.")
    output = result.blobs.get("output", b"")
    if output:
        parse(output, limit=64 << 20)
    elif report.get("output") is not None:
        output = canonical(report["output"])
    return fields, tags, output
