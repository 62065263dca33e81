"""Reference collections: fingerprints without video that others give us, and ours for them."""

from __future__ import annotations

import dataclasses
import re
import secrets
import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from witnessmark.archive import matching
from witnessmark.archive.archive import Archive
from witnessmark.archive.batch import FAILURES
from witnessmark.archive.collecting import check_collection
from witnessmark.archive.handing_over import check_risk
from witnessmark.archive.outgoing import NOTHING_LEFT, check_target
from witnessmark.errors import BadInput, NotFound, Refused
from witnessmark.model import Attachment, Recorded, ReferenceClaimed, ReferenceExported
from witnessmark.model.statement import PublicText, Sha256, Token
from witnessmark.ports import Outcome, ReferenceRow, Task
from witnessmark.stores.durable import write_file
from witnessmark.verification.matching import VERSION

_KEPT = "Nothing was recorded."
SUFFIX = ".wmfp"
#: Objects that one entry names at most.
MOST = 400
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d:\d\dZ)?)?)?", re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class Claim:
    """What somebody says of the fingerprints that they gave: all of it is a claim."""

    collection: str
    claimed_date: str = ""
    title: str = ""
    from_whom: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Taken:
    """What became of files with fingerprints: entries, those here before, path to reason."""

    added: tuple[Recorded, ...]
    held: int
    failed: dict[str, str]


def add(archive: Archive, files: Sequence[Path], claim: Claim) -> Taken:
    """Takes in fingerprints of videos that are not here; each file is looked at in a worker.

    Raises:
        BadInput: the collection has no proper name, or the date is none.
        Locked: nobody is at work.
    """
    check_collection(claim.collection)
    if claim.claimed_date and not _DATE.fullmatch(claim.claimed_date):
        raise BadInput(
            f"'{claim.claimed_date[:80]}' is no date.",
            kept=_KEPT,
            todo="Give a year, a day or a time: 1999, 1999-05-31, 1999-05-31T12:00:00Z.",
        )
    archive.working_person()
    there = {(row.name, row.collection) for row in archive.queries.reference_claims()}
    added, failed, held = list[Recorded](), dict[str, str](), 0
    for path, outcome in _looked_at(archive, files):
        found = _duration(outcome)
        if isinstance(found, str):
            failed[str(path)] = found
            continue
        with path.open("rb") as file:
            stored = archive.blobs.put(file)
        if (stored.sha256, claim.collection) in there:
            held += 1
            continue
        there.add((stored.sha256, claim.collection))
        blob = Attachment(role=Token("fingerprint"), sha256=Sha256(stored.sha256), size=stored.size)
        said = ReferenceClaimed(
            collection=PublicText(claim.collection),
            fingerprint=blob,
            version=Token(VERSION),
            duration=found,
            claimed_date=Token(claim.claimed_date) if claim.claimed_date else None,
            title=archive.protect("title", claim.title) if claim.title else None,
            from_whom=archive.protect("from_whom", claim.from_whom) if claim.from_whom else None,
        )
        added.append(archive.say(said, (f"sha256:{stored.sha256}",)))
    return Taken(tuple(added), held, failed)


def _looked_at(archive: Archive, files: Sequence[Path]) -> list[tuple[Path, Outcome]]:
    function = "witnessmark.verification.matching:inspect"
    tasks = [Task(str(n), function, str(path)) for n, path in enumerate(files)]
    with closing(archive.engine(["witnessmark.verification.matching"]).map(tasks)) as outcomes:
        found = {int(outcome.key): outcome for outcome in outcomes}
    return [(path, found[n]) for n, path in enumerate(files)]


def _duration(outcome: Outcome) -> int | str:
    """Milliseconds, or why the file is not taken."""
    if outcome.result is None:
        if outcome.failure == "error":
            return (
                f"it holds no fingerprint of version {VERSION}: ask whoever gave it to export again"
            )
        return FAILURES[outcome.failure]
    value = outcome.result.value
    duration = value.get("duration") if isinstance(value, dict) else None
    if isinstance(duration, bool) or not isinstance(duration, int) or not 0 <= duration < 1 << 32:
        return "the check gave an answer that makes no sense"
    return duration


# --- giving fingerprints away --------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """To whom fingerprints go, what for, and under which risk record (its entry)."""

    recipient: str
    purpose: str
    risk: int


def export(archive: Archive, folder: Path, names: Sequence[str], given: Given) -> Recorded:
    """Writes the fingerprints of objects into a new folder, `<SHA-256 of the object>.wmfp`.

    Raises:
        Refused: recipient, purpose or risk record is missing, or the risk record says no.
        NotFound: an object has no fingerprint.
    """
    for field in ("recipient", "purpose"):
        if not getattr(given, field).strip():
            raise Refused(f"The {field} is not stated.", kept=NOTHING_LEFT, todo=f"Give --{field}.")
    check_risk(archive, given.risk)
    archive.working_person()
    check_target(folder)
    chosen = tuple(dict.fromkeys(archive.queries.object(name).sha256 for name in names))
    if not 0 < len(chosen) <= MOST:
        raise BadInput(f"Name one to {MOST} objects.", kept=NOTHING_LEFT)
    prints = {name: matching.held_fingerprint(archive, name) for name in chosen}
    if missing := [name for name, found in prints.items() if found is None]:
        raise NotFound(
            f"{missing[0][:12]} has no fingerprint.",
            kept=NOTHING_LEFT,
            todo="'witnessmark match' makes them.",
        )
    said = ReferenceExported(
        recipient=archive.protect("recipient", given.recipient),
        purpose=archive.protect("purpose", given.purpose),
        risk=given.risk,
        objects=tuple(Sha256(name) for name in chosen),
        version=Token(VERSION),
    )
    building = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        building.mkdir()
        for name, found in prints.items():
            if found is not None:
                write_file(building / f"{name}{SUFFIX}", found.encode(), 0o644)
        made = archive.say(said, tuple(f"sha256:{name}" for name in chosen))
        building.rename(folder)
    except BaseException:
        archive.vault.discard()
        shutil.rmtree(building, ignore_errors=True)
        raise
    return made


def claims(archive: Archive) -> dict[str, list[ReferenceRow]]:
    """Claimed fingerprints by the SHA-256 of their bytes; several may claim the same one."""
    found: dict[str, list[ReferenceRow]] = {}
    for row in archive.queries.reference_claims():
        found.setdefault(row.name, []).append(row)
    return found
