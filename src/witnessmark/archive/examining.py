"""Verification by programs: examinations and matching, over what the record does not hold yet."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from io import BytesIO
from itertools import combinations
from pathlib import Path
from types import TracebackType
from typing import Self

from witnessmark.archive.archive import Archive
from witnessmark.errors import BadInput, BadRecord
from witnessmark.model import FindingRecorded, Json, LinkFound, LinkSegment, Statement
from witnessmark.model.finding import RESULTS
from witnessmark.model.statement import Sha256, Token
from witnessmark.ports import Examination, ObjectRow, Outcome, Result, Task
from witnessmark.record.canonical import MAX_SUMMARY, canonical, parse
from witnessmark.stores.durable import write_file
from witnessmark.verification import examinations, matching

#: What a kill may lose: results of this many tasks, or of this many seconds.
_BATCH, _SECONDS = 200, 5.0
_MAX_TAGS = 4 << 20
_FAILURES = {
    "crashed": "the check crashed on this file",
    "timeout": "the check took too long on this file",
    "memory": "the check ran out of memory on this file",
    "error": "the check failed on this file",
    "unreadable": "the object could not be read",
}
_NONSENSE = "the check gave an answer that makes no sense"
_NO_PICTURE = "no picture could be decoded"
Advance = Callable[[int, int], None]


def nothing(done: int, total: int) -> None:
    del done, total


class _Batch:
    """Statements recorded together, a few seconds' worth of work.

    Left by an exception it records nothing more, and what was staged in the vault for statements
    that now never come is forgotten.
    """

    def __init__(self, archive: Archive, then: Callable[[], None] = lambda: None) -> None:
        self._archive, self._then = archive, then
        self._made: list[tuple[Statement, tuple[str, ...]]] = []
        self._steps, self._since = 0, time.monotonic()

    def add(self, statement: Statement, *objects: str) -> None:
        """Takes a statement about `objects`."""
        self._made.append((statement, tuple(f"sha256:{name}" for name in objects)))

    def step(self) -> None:
        """A task is done, with or without a statement."""
        self._steps += 1
        if self._steps >= _BATCH or time.monotonic() - self._since >= _SECONDS:
            self._commit()

    def _commit(self) -> None:
        if self._made:
            self._archive.say_all(self._made)
        self._then()
        self._made, self._steps, self._since = [], 0, time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._commit()
        finally:
            self._archive.vault.discard()


# --- examinations --------------------------------------------------------------------------------


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
    with _Batch(archive) as batch, closing(engine.map(tasks)) as outcomes:
        for done, outcome in enumerate(outcomes, 1):
            check, row = waiting[outcome.key]
            bare = _inconclusive(row, check.name, check.version, tools[check.name])
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


def _inconclusive(
    row: ObjectRow, check: str, version: str, tools: dict[str, str] | None = None
) -> FindingRecorded:
    """A finding that says nothing yet."""
    return FindingRecorded(
        object=Sha256(row.sha256),
        check=Token(check),
        version=Token(version),
        tools={name: Token(each) for name, each in (tools or {}).items()},
        result=Token("inconclusive"),
        reason=Token(_NONSENSE),
    )


def _finding(archive: Archive, bare: FindingRecorded, outcome: Outcome) -> FindingRecorded:
    """`bare` with what the outcome says; a worker that was taken over can answer anything.

    The tags come last, when nothing can be refused any more: a value protected for a finding
    that is never said would stay in the vault, where nobody knows of it.
    """
    if outcome.result is None:
        return dataclasses.replace(bare, reason=Token(_FAILURES[outcome.failure]))
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


# --- matching ------------------------------------------------------------------------------------

_CHECK = ("fingerprint", matching.VERSION)
Prints = dict[ObjectRow, matching.Fingerprint]


def fingerprint_path(archive: Archive, sha256: str) -> Path:
    """Where the fingerprint of an object lies, once it is made."""
    folder = archive.derived / "fingerprints" / matching.VERSION / sha256[:2]
    return folder / sha256


def match(archive: Archive, on_progress: Advance = nothing) -> dict[str, int]:
    """Fingerprints what has none, compares the pairs not yet compared, records the links.

    Pairs are compared in this process, one after the other: workers take open files only.

    Returns:
        counts: fingerprints, failed, pairs, same_footage, same_scene, pairs_failed.
    """
    counts = dict.fromkeys(
        ("fingerprints", "failed", "pairs", "same_footage", "same_scene", "pairs_failed"), 0
    )
    rows = archive.queries.objects(("video", "picture"))
    prints = dict(_load(archive, rows))
    due = {row.sha256 for row in archive.queries.unexamined(*_CHECK)}
    missing = [row for row in rows if row not in prints and row.sha256 in due]
    prints |= _fingerprint(archive, missing, counts, on_progress)
    _compare_all(archive, prints, counts, on_progress)
    return counts


def _load(
    archive: Archive, rows: Iterable[ObjectRow]
) -> Iterator[tuple[ObjectRow, matching.Fingerprint]]:
    """The fingerprints that are there; a file that is none is removed, to be made again."""
    for row in rows:
        path = fingerprint_path(archive, row.sha256)
        try:
            yield row, matching.Fingerprint.decode(path.read_bytes())
        except FileNotFoundError:
            continue
        except BadInput:
            path.unlink()


def _fingerprint(
    archive: Archive, rows: list[ObjectRow], counts: dict[str, int], on_progress: Advance
) -> Prints:
    """Makes fingerprints; an object that none can be made of gets a finding that says so."""
    waiting = {row.sha256: row for row in rows}
    tasks = [
        Task(
            row.sha256,
            "witnessmark.verification.matching:fingerprint",
            str(archive.blobs.path(row.sha256)),
            {"size": row.size},
        )
        for row in rows
    ]
    prints: Prints = {}
    engine = archive.engine(["witnessmark.verification.matching"])
    with _Batch(archive) as batch, closing(engine.map(tasks)) as outcomes:
        for done, outcome in enumerate(outcomes, 1):
            row = waiting[outcome.key]
            made = _decoded(outcome)
            if isinstance(made, str):
                bare = _inconclusive(row, *_CHECK)
                batch.add(dataclasses.replace(bare, reason=Token(made)), row.sha256)
                counts["failed"] += 1
            else:
                path = fingerprint_path(archive, row.sha256)
                path.parent.mkdir(parents=True, exist_ok=True)
                write_file(path, made.encode())
                prints[row] = made
                counts["fingerprints"] += 1
            batch.step()
            on_progress(done, len(tasks))
    return prints


def _decoded(outcome: Outcome) -> matching.Fingerprint | str:
    """The fingerprint that a worker made, or why there is none."""
    if outcome.result is None:
        return _FAILURES[outcome.failure]
    data = outcome.result.blobs.get("fingerprint", b"")
    if not data:
        return _NO_PICTURE
    try:
        return matching.Fingerprint.decode(data)
    except BadInput:
        return _NONSENSE


def _compare_all(
    archive: Archive, prints: Prints, counts: dict[str, int], on_progress: Advance
) -> None:
    """Compares the pairs that were not; links first, so that a kill costs a comparison at most."""
    done = archive.work.compared(matching.MATCHER_VERSION)
    linked = {(row.a, row.b) for row in archive.queries.links()}
    held = {row.entry for row in prints}
    total = math.comb(len(prints), 2) - sum(held.issuperset(pair) for pair in done)
    compared: list[tuple[int, int]] = []

    def remember() -> None:
        archive.work.add_compared(compared, matching.MATCHER_VERSION)
        compared.clear()

    with _Batch(archive, remember) as batch:
        for a, b in combinations(sorted(prints, key=lambda row: row.sha256), 2):
            if (a.entry, b.entry) in done:
                continue
            try:
                link = _compare(prints[a], prints[b], a.sha256, b.sha256)
            # a fingerprint that a hostile file made up must not keep the others from being
            # compared; the pair is counted, and tried again by the next run
            except Exception:  # noqa: BLE001
                counts["pairs_failed"] += 1
                continue
            if link and (link.a, link.b) not in linked:
                batch.add(link, link.a, link.b)
                counts[link.relation] += 1
            compared.append((a.entry, b.entry))
            batch.step()
            counts["pairs"] += 1
            on_progress(counts["pairs"] + counts["pairs_failed"], total)


def _compare(
    one: matching.Fingerprint, other: matching.Fingerprint, a: str, b: str
) -> LinkFound | None:
    match = matching.match(one, other)
    if match is None:
        return None
    segments = tuple(
        LinkSegment(
            a_start=_ms(each.query[0]),
            a_end=_ms(each.query[1]),
            b_start=_ms(each.reference[0]),
            b_end=_ms(each.reference[1]),
            rate=Token(f"{each.rate:.4f}"),
            transform=Token(each.transform),
        )
        for each in match.segments
    )
    return LinkFound(
        a=Sha256(a),
        b=Sha256(b),
        relation=Token(match.relation),
        score=Token(f"{match.score:.4f}"),
        fingerprint=Token(matching.VERSION),
        matcher=Token(matching.MATCHER_VERSION),
        segments=segments,
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
