"""Sanitised copies of originals, made once and kept: derivatives, never mixed with originals."""

from __future__ import annotations

import filecmp
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from witnessmark.archive import outgoing
from witnessmark.archive.archive import Archive
from witnessmark.archive.batch import Advance
from witnessmark.collection.kinds import sniff
from witnessmark.engines.local import LocalEngine
from witnessmark.errors import BadInput, BadRecord, Refused
from witnessmark.model import DerivativeMade, Json, ObjectStored
from witnessmark.model.statement import Sha256, Token
from witnessmark.ports import ObjectRow, Outcome, Task
from witnessmark.verification import sanitise
from witnessmark.verification.sanitise import METHOD, VERSION

_MODULE = sanitise.__name__
#: Kinds that there is a way for; documents and the rest carry words that no copy could lose.
KINDS = ("video", "sound", "picture")


def copies(archive: Archive, originals: Sequence[ObjectRow], advance: Advance) -> dict[str, str]:
    """Original to its sanitised copy, for all of them; those that are missing are made now.

    Raises:
        Refused: some cannot be sanitised; the others' copies are kept.
    """
    made = recorded(archive)
    failed = {row.sha256: f"a {row.kind}" for row in originals if row.kind not in KINDS}
    missing = [row for row in originals if row.sha256 not in made | failed]
    with outgoing.staging(archive, "copies") as folder:
        tasks = [_task(archive, row, folder) for row in missing]
        waiting = {row.sha256: row for row in missing}
        with closing(archive.engine([_MODULE]).map(tasks)) as outcomes:
            for done, outcome in enumerate(outcomes, 1):
                row = waiting[outcome.key]
                why = _take(archive, row, outcome, folder / row.sha256, made)
                if why:
                    failed[row.sha256] = why
                advance(done, len(tasks))
    if failed:
        raise _cannot(failed)
    return {row.sha256: made[row.sha256] for row in originals}


def recorded(archive: Archive) -> dict[str, str]:
    """Original to its sanitised copy, for those that the record has by the method of today."""
    found = {}
    for index in archive.queries.acts(DerivativeMade.TYPE):
        said = archive.journal.entry(index).said
        if isinstance(said, DerivativeMade) and (said.method, said.version) == (METHOD, VERSION):
            found[str(said.original)] = str(said.derivative)
    return found


def _task(archive: Archive, row: ObjectRow, folder: Path) -> Task:
    return Task(
        row.sha256,
        f"{_MODULE}:sanitise",
        str(archive.blobs.path(row.sha256)),
        {"kind": row.kind},
        str(folder / row.sha256),
    )


def _take(
    archive: Archive, row: ObjectRow, outcome: Outcome, path: Path, made: dict[str, str]
) -> str:
    """Puts a copy away and into the record; or why there is none."""
    report = outcome.result.value if outcome.result else None
    if not isinstance(report, dict):
        return outcome.failure or "no answer"
    if "reason" in report:
        return str(report["reason"])[:80]
    try:
        with open(path, "rb") as file:
            stored = archive.blobs.put(file)
        if archive.queries.disposed([stored.sha256]):
            archive.blobs.remove(stored.sha256)
            return "the same bytes were disposed of"
        derived = _statement(row.sha256, stored.sha256, report)
    except BadRecord:
        return "an answer that makes no sense"
    kept = ObjectStored(
        sha256=Sha256(stored.sha256),
        size=stored.size,
        kind=Token(row.kind),
        derived_from=Sha256(row.sha256),
    )
    about = (f"sha256:{row.sha256}", f"sha256:{stored.sha256}")
    archive.say_all([(kept, about[1:]), (derived, about)])
    made[row.sha256] = stored.sha256
    path.unlink()
    return ""


def _statement(original: str, copy: str, report: Mapping[str, Json]) -> DerivativeMade:
    """What a worker says of its copy, in bounds. Raises `BadRecord`."""
    said = {name: report.get(name) for name in ("removed", "streams", "tools")}
    return DerivativeMade.read(
        {
            **{name: value for name, value in said.items() if value is not None},
            "original": original,
            "derivative": copy,
            "method": METHOD,
            "version": VERSION,
        }
    )


def make_copy(original: Path, target: Path) -> dict[str, Json]:
    """Sanitises a plain file; what was removed, and what is the same in both.

    Raises:
        BadInput: it cannot be sanitised, or `target` is there already.
    """
    if target.exists():
        raise BadInput(f"{target} is there already.", todo="Choose a new name.")
    kind = _kind(original)
    task = Task("copy", f"{_MODULE}:sanitise", str(original), {"kind": kind}, str(target))
    outcome = _run(task)
    report = outcome.result.value if outcome.result else None
    if not isinstance(report, dict) or "reason" in report:
        target.unlink(missing_ok=True)
        why = report["reason"] if isinstance(report, dict) else outcome.detail or outcome.failure
        raise BadInput(f"{original} has no copy without traces: {why}.", kept="Nothing was made.")
    return report


def compare(original: Path, copy: Path) -> str:
    """How a copy stands to what would be made of the original now.

    Returns:
        `bytes`: the same file; `streams`: the same coded pictures and sounds, at the same times
        and sizes; `packets`: the same coded ones, at other times or sizes; `no`.

    Raises:
        BadInput: one of them cannot be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / "again"
        make_copy(original, again)
        if filecmp.cmp(again, copy, shallow=False):
            return "bytes"
        said: list[Any] = [_digests(path, _kind(original)) for path in (again, copy)]
    if said[0] == said[1]:
        return "streams"
    same = all(isinstance(each, dict) for each in said) and said[0]["packets"] == said[1]["packets"]
    return "packets" if same else "no"


def _digests(path: Path, kind: str) -> Json:
    outcome = _run(Task("digests", f"{_MODULE}:streams", str(path), {"kind": kind}))
    return outcome.result.value if outcome.result else str(path)


def _kind(path: Path) -> str:
    """Raises `BadInput` when there is no way for this kind of file."""
    try:
        with open(path, "rb") as file:
            kind = sniff(file.read(512))
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    if kind not in KINDS:
        raise BadInput(f"{path} is no video, sound or picture.", kept="Nothing was made.")
    return kind


def _run(task: Task) -> Outcome:
    with closing(LocalEngine(1, modules=[_MODULE]).map([task])) as outcomes:
        return next(outcomes)


def _cannot(failed: Mapping[str, str]) -> Refused:
    named = ", ".join(f"{name[:12]} ({why})" for name, why in sorted(failed.items())[:5])
    more = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
    return Refused(
        f"{len(failed)} of the objects have no copy without traces: {named}{more}.",
        kept="Nothing left the archive; the copies that could be made are kept.",
        todo="Choose others with --object, or hand over the originals: --profile court.",
        code="no_copy",
    )
