"""What is tortured: each act with its start, its run, and what must be true after anything.

A state is a folder with `archive/` and `out/`, which acts write to; a source stands beside it.
`run` writes a line on standard output only after the thing is acknowledged.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from support import checker, stamping
from tests.conftest import CHEAP, SECRET
from witnessmark.archive import (
    Archive,
    anchoring,
    auditing,
    backing_up,
    collecting,
    disposing,
    handing_over,
    protecting,
    restoring,
    stamps,
)
from witnessmark.archive.handing_over import RISKS, HandOver
from witnessmark.collection import run as room
from witnessmark.collection.run import Channel
from witnessmark.errors import Erased, Refused
from witnessmark.model import ExportMade, SightingRecorded, ValueErased


def tell(line: str) -> None:
    """An acknowledgement, in one write."""
    os.write(1, line.encode() + b"\n")


@dataclasses.dataclass(frozen=True)
class Act:
    """One verb under torture; all take the state's folder.

    Attributes:
        prepare: brings a new archive to where the act starts; with the source.
        run: the act itself; with the source.
        survey: asserts what must hold after any cut, beyond `aftermath.survey`; with the output.
        complete: asserts that the same command goes on to its end; with the source.
    """

    prepare: Callable[[Path, Path], None]
    run: Callable[[Path, Path], None]
    survey: Callable[[Path, str], None]
    complete: Callable[[Path, Path], None]


def _nothing(state: Path, _: object) -> None:
    del state


def _told(archive: Archive) -> Archive:
    """`archive`, which from now on tells what its journal and blobs acknowledge."""
    append, put = archive.journal.append, archive.blobs.put

    def told_append(entries: object, project: object) -> object:
        taken = append(entries, project)  # type: ignore[arg-type] # handed on as it came
        tell(f"entries {taken[-1].index + 1}")
        return taken

    def told_put(file: object) -> object:
        stored = put(file)  # type: ignore[arg-type] # handed on as it came
        tell(f"blob {stored.sha256}")
        return stored

    archive.journal.append = told_append  # type: ignore[method-assign, assignment] # a wrapper
    archive.blobs.put = told_put  # type: ignore[method-assign, assignment] # a wrapper
    return archive


# --- collect ------------------------------------------------------------------------------------


def _collect(state: Path, source: Path) -> None:
    room.BATCH_ITEMS = 2
    with Archive.open(state / "archive") as archive:
        _told(archive)
        collector = collecting.choose(str(source), "folder")
        preflight = collector.preflight(str(source))
        run = collecting.collect(archive, str(source), collector, Channel(), preflight=preflight)
        tell(f"done {run.tally.failed}")


def _collected(state: Path, source: Path) -> None:
    _collect(state, source)
    files = {path.read_bytes() for path in source.iterdir()}
    with Archive.open(state / "archive") as archive:
        assert len(archive.queries.objects()) == len(files)
        stored = [row for row in archive.queries.sightings() if row.outcome == "stored"]
        assert len(stored) == len(files), "a sighting was recorded twice or lost"


# --- erase --------------------------------------------------------------------------------------


def _sighting(archive: Archive) -> int:
    said = (each for each in archive.journal.read() if isinstance(each.said, SightingRecorded))
    return next(each.index for each in said)


def _erase(state: Path, _: object) -> None:
    with Archive.open(state / "archive") as archive:
        archive.unlock(SECRET)
        _told(archive)
        protecting.erase(archive, _sighting(archive), ["name"], "asked for")
        tell("erased")


def _erasure_is_whole(state: Path, output: str) -> None:
    with Archive.open(state / "archive") as archive:
        said = any(isinstance(each.said, ValueErased) for each in archive.journal.read())
        ref = protecting.values(archive, _sighting(archive), ["name"])["name"]
        assert archive.vault.holds(ref) != said, "the record and the vault contradict each other"
        assert said or "erased" not in output.split()


def _erased(state: Path, source: Path) -> None:
    try:
        _erase(state, source)
    except Erased:
        return  # done before the cut
    _erasure_is_whole(state, "erased")


# --- export -------------------------------------------------------------------------------------


def _export(state: Path, _: object) -> None:
    with Archive.open(state / "archive") as archive:
        archive.unlock(SECRET)
        _told(archive)
        risk = handing_over.record_risk(archive, "share", dict.fromkeys(RISKS, "none known"))
        order = HandOver(recipient="a court", purpose="a test", risk=risk.index, unencrypted=True)
        handing_over.export(archive, state / "out" / "package", order)
        tell("package")


def _package_is_whole(state: Path, output: str) -> None:
    package = state / "out" / "package"
    with Archive.open(state / "archive") as archive:
        trust = archive.trust
        said = any(isinstance(each.said, ExportMade) for each in archive.journal.read())
    assert package.exists() or "package" not in output.split()
    if package.exists():
        assert said, "a package left of which the record does not know"
        assert checker.outcome(package, trust) == ("holds", "")


def _exported(state: Path, source: Path) -> None:
    shutil.rmtree(state / "out" / "package", ignore_errors=True)
    _export(state, source)
    _package_is_whole(state, "package")


# --- dispose ------------------------------------------------------------------------------------

_SECOND = b"their own passphrase for tests"


def _two_people(state: Path, source: Path) -> None:
    _collect(state, source)
    with Archive.open(state / "archive") as archive:
        archive.unlock(SECRET)
        archive.add_person("A second person", _SECOND, CHEAP)


def _dispose(state: Path, _: object) -> None:
    with Archive.open(state / "archive") as archive:
        archive.unlock(SECRET)
        _told(archive)
        disposing.dispose(
            archive,
            [archive.queries.objects()[0].sha256],
            ground="out_of_scope",
            reason="asked for",
            second=protecting.second_person(archive, _SECOND),
        )
        tell("disposed")


def _disposal_is_whole(state: Path, output: str) -> None:
    with Archive.open(state / "archive") as archive:
        name = archive.queries.objects()[0].sha256
        said = name in archive.queries.disposed()
        assert archive.blobs.has(name) != said, "the record and the objects contradict each other"
        assert said or "disposed" not in output.split()


def _disposed(state: Path, source: Path) -> None:
    try:
        _dispose(state, source)
    except Refused:
        return  # done before the cut
    _disposal_is_whole(state, "disposed")


# --- backup -------------------------------------------------------------------------------------


def _backup(state: Path, _: object) -> None:
    with Archive.open(state / "archive") as archive:
        backing_up.backup(archive, state / "out" / "backup")
        tell("backup")


def _backup_is_whole(state: Path, output: str) -> None:
    from tests.torture import aftermath

    copy = state / "out" / "backup"
    done = "backup" in output.split()
    if done or all((copy / name).is_file() for name in backing_up.DATABASES):
        aftermath.survey_archive(copy, "")


def _backed_up(state: Path, source: Path) -> None:
    _backup(state, source)
    _backup_is_whole(state, "backup")


# --- audit --------------------------------------------------------------------------------------


def _spoilt(state: Path) -> Path:
    """The copy that is bad in the backup."""
    with Archive.open(state / "archive") as archive:
        name = archive.queries.objects()[0].sha256
    return state / "out" / "backup" / "objects" / name[:2] / name


def _spoil_a_copy(state: Path, source: Path) -> None:
    _collect(state, source)
    _backup(state, source)
    path = _spoilt(state)
    path.chmod(0o644)
    path.write_bytes(b"rotten")


def _audit(state: Path, _: object) -> None:
    with Archive.open(state / "archive") as archive:
        _told(archive)
        done = auditing.audit(archive, [state / "out" / "backup"])
        if not done.remaining:
            tell("mended")


def _nothing_was_thrown_away(state: Path, output: str) -> None:
    path = _spoilt(state)
    aside = list((state / "out" / "backup" / "damaged").glob(f"{path.name}*"))
    there = [each.read_bytes() for each in (path, *aside) if each.exists()]
    assert b"rotten" in there, "the bad bytes are gone"
    if path.exists() and path.read_bytes() != b"rotten":
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    elif path.exists():
        assert "mended" not in output.split()


def _audited(state: Path, source: Path) -> None:
    _audit(state, source)
    _nothing_was_thrown_away(state, "mended")
    _backup_is_whole(state, "backup")


# --- restore ------------------------------------------------------------------------------------


def _back_up_first(state: Path, source: Path) -> None:
    _collect(state, source)
    _backup(state, source)


def _restore(state: Path, _: object) -> None:
    restoring.restore(state / "out" / "backup", state / "out" / "again")
    tell("restored")


def _all_or_nothing(state: Path, output: str) -> None:
    from tests.torture import aftermath

    made = state / "out" / "again"
    assert made.exists() or "restored" not in output.split()
    if made.exists():
        aftermath.survey_archive(made, "")
    aftermath.survey_archive(state / "out" / "backup", "")


def _restored(state: Path, source: Path) -> None:
    shutil.rmtree(state / "out" / "again", ignore_errors=True)
    _restore(state, source)
    _all_or_nothing(state, "restored")


# --- anchor -------------------------------------------------------------------------------------


def _name_authorities(state: Path, source: Path) -> None:
    _collect(state, source)
    stamping.name_here(state / "archive")


def _anchor(state: Path, _: object) -> None:
    with Archive.open(state / "archive") as archive:
        _told(archive)
        for outcome in stamping.anchor_here(archive):
            tell(f"{outcome.state} {outcome.authority}")


def _stamps_are_whole(state: Path, output: str) -> None:
    with Archive.open(state / "archive") as archive:
        rows = archive.queries.anchors()
        for row in rows:
            stamps.recheck(archive, row)
    names = [row.authority for row in rows]
    assert len(names) == len(set(names)), "one authority stamped one checkpoint twice"
    assert {name for name in ("here", "there") if f"stamped {name}" in output} <= set(names)


def _anchored(state: Path, source: Path) -> None:
    _anchor(state, source)
    with Archive.open(state / "archive") as archive:
        assert anchoring.newest(archive).by == ("here", "there")


ACTS = {
    "collect": Act(_nothing, _collect, _nothing, _collected),
    "erase": Act(_collect, _erase, _erasure_is_whole, _erased),
    "export": Act(_collect, _export, _package_is_whole, _exported),
    "dispose": Act(_two_people, _dispose, _disposal_is_whole, _disposed),
    "anchor": Act(_name_authorities, _anchor, _stamps_are_whole, _anchored),
    "backup": Act(_collect, _backup, _backup_is_whole, _backed_up),
    "audit": Act(_spoil_a_copy, _audit, _nothing_was_thrown_away, _audited),
    "restore": Act(_back_up_first, _restore, _all_or_nothing, _restored),
}
