"""Handing over: risk record, package, encryption, and the sheet."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, TextIO

from witnessmark.archive import (
    custodying,
    outgoing,
    outside,
    protecting,
    renewing,
    selecting,
    sharing,
)
from witnessmark.archive.archive import Archive
from witnessmark.archive.batch import Advance, nothing
from witnessmark.archive.outgoing import NOTHING_LEFT
from witnessmark.archive.selecting import COURT, PROFILES, SHARE
from witnessmark.catalog.standing import Standings
from witnessmark.errors import BadInput, Erased, NotFound, Refused
from witnessmark.model import (
    ExportMade,
    ObjectStored,
    Recorded,
    ReferenceClaimed,
    ReferenceExported,
    RiskRecorded,
    SightingRecorded,
)
from witnessmark.model.statement import STATEMENTS, Sha256, Token
from witnessmark.reporting import package, readme, sheet

ALL = "all"
#: Objects that an export's entry names one by one.
_NAMED = 400
RISKS = ("persons_depicted", "uploader", "witnesses", "analysts")
DECISIONS = ("share", "share_redacted", "do_not_share")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """What a person decides about a package.

    Attributes:
        recipient, purpose: to whom and what for.
        risk: entry index of the risk record.
        age_key: recipient's age public key; "" only with `unencrypted`.
        unencrypted: explicitly not encrypted.
        objects: SHA-256 names; empty for all.
        disclose: protected fields to disclose: `caption`, `17:caption` for one entry's, or `all`.
        profile: `court` (originals) or `share` (sanitised copies).
    """

    recipient: str
    purpose: str
    risk: int
    age_key: str = ""
    unencrypted: bool = False
    objects: Sequence[str] = ()
    disclose: Sequence[str] = ()
    profile: str = COURT


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """What was made: path, the export's entry, numbers of what is inside."""

    path: Path
    entry: int
    objects: int
    entries: int
    disclosures: int
    encrypted: bool
    notices: tuple[str, ...]


def record_risk(archive: Archive, decision: str, answers: Mapping[str, str]) -> Recorded:
    """Puts down a risk record, signed. Raises `Refused` when it is not complete."""
    missing = [name for name in RISKS if not answers.get(name, "").strip()]
    if missing or decision not in DECISIONS:
        what = f"does not say: {', '.join(missing)}" if missing else "has no decision"
        raise Refused(
            f"The risk record {what}.",
            kept="Nothing was recorded.",
            todo=f"Say for each what sharing could do; decisions are {', '.join(DECISIONS)}.",
            code="risk_record",
        )
    archive.working_person()
    protected: dict[str, Any] = {n: archive.protect(n, answers[n]) for n in RISKS}
    return archive.say(RiskRecorded(decision=Token(decision), **protected))


def export(
    archive: Archive, target: Path, order: HandOver, advance: Advance = nothing
) -> HandedOver:
    """Makes a package at `target`; see spec/package.md.

    Raises:
        Refused: recipient, purpose, risk record or a decision about encryption is missing.
    """
    check_terms(archive, target, order)
    check_risk(archive, order.risk)
    entries = _entries(archive, order, advance)
    disclosures = _disclosures(archive, entries, order.disclose)
    objects = package.objects_of(entries, order.profile)
    seen, left_out = outside.earlier(archive, entries, objects)
    renewed, not_renewed = renewing.for_package(archive, entries)
    notices = (*_notices(archive, entries), *left_out, *not_renewed)
    contents = package.Contents(
        profile=order.profile,
        entries=entries,
        disclosures=disclosures,
        earlier=seen,
        renewed=renewed,
        readme=_readme(archive, order, entries, objects, notices),
        checkers=checkers(),
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
    )
    with outgoing.staging(archive) as stage:
        built = package.build(stage / "package", contents, archive.journal, archive.blobs)
        made = _say(archive, order, built, objects, len(disclosures))
        package.seal(built, made, archive.journal)
        recipient = _recipient(order.age_key) if order.age_key else None
        outgoing.send(built.bag, target, recipient)
    return HandedOver(
        path=target,
        entry=made.index,
        objects=built.objects,
        entries=len(entries),
        disclosures=len(disclosures),
        encrypted=bool(order.age_key),
        notices=notices,
    )


def _readme(
    archive: Archive,
    order: HandOver,
    entries: Sequence[Recorded],
    objects: Sequence[str],
    notices: Sequence[str],
) -> str:
    head = archive.journal.head()
    assert head is not None
    return readme.text(
        readme.Facts(
            origin=head.origin,
            size=head.size,
            objects=len(objects),
            entries=len(entries),
            profile=order.profile,
            outside=outside.standing(archive, entries, objects),
            hashes={name: hashlib.sha256(data).hexdigest() for name, data in checkers().items()},
        ),
        notices,
    )


def check_terms(archive: Archive, target: Path, order: HandOver) -> None:
    """Raises `Refused`, `BadInput` or `Locked` unless all but the risk record is in order."""
    for name in ("recipient", "purpose"):
        if not getattr(order, name).strip():
            raise Refused(f"The {name} is not stated.", kept=NOTHING_LEFT, todo=f"Give --{name}.")
    if bool(order.age_key) == order.unencrypted:
        raise Refused(
            "Whether to encrypt is not decided.",
            kept=NOTHING_LEFT,
            todo="Give the recipient's age key with --to, or say --unencrypted.",
            code="encryption",
        )
    if order.age_key:
        _recipient(order.age_key)
    if order.profile not in PROFILES:
        raise BadInput(
            f"There is no profile '{order.profile}'.",
            kept=NOTHING_LEFT,
            todo=f"Profiles are: {', '.join(PROFILES)}.",
        )
    known = set[str]().union(*(kind.protected_fields() for kind in STATEMENTS.values()))
    fields = {asked.rpartition(":")[2] for asked in order.disclose}
    if unknown := fields - known - {ALL}:
        raise BadInput(
            f"No entry has a protected field '{min(unknown)}'.",
            kept=NOTHING_LEFT,
            todo=f"Fields are: {ALL}, {', '.join(sorted(known))}.",
        )
    originals = {row.sha256 for row in archive.queries.objects()} if order.objects else set()
    for name in order.objects:
        if archive.queries.object(name).sha256 not in originals:
            raise BadInput(
                f"{name} is a copy that was made here, not an original.",
                kept=NOTHING_LEFT,
                todo="Name the original; 'witnessmark show' lists them.",
            )
    archive.working_person()
    outgoing.check_target(target)


def check_risk(archive: Archive, entry: int) -> None:
    """Raises `Refused` unless this risk record lets things be shared, and served nothing yet."""
    try:
        decision = archive.queries.risk(entry)
    except (NotFound, OverflowError) as error:
        raise Refused(
            "There is no risk record for this hand-over.",
            kept=NOTHING_LEFT,
            todo="Make one with 'witnessmark export --risk FILE' (see --help).",
            code="risk_record",
        ) from error
    if decision != "share":
        redact = "share after redacting, which this version cannot do"
        said = redact if decision == "share_redacted" else "do not share"
        raise Refused(f"The risk record says: {said}.", kept=NOTHING_LEFT, code="risk_record")
    for index in archive.queries.acts(ExportMade.TYPE, ReferenceExported.TYPE):
        said_then = archive.journal.entry(index).said
        if isinstance(said_then, ExportMade | ReferenceExported) and said_then.risk == entry:
            raise Refused(
                f"The risk record {entry} served the hand-over of entry {index}.",
                kept=NOTHING_LEFT,
                todo="Another recipient or moment has other risks: make a new risk record.",
                code="risk_record",
            )


def _entries(archive: Archive, order: HandOver, advance: Advance) -> list[Recorded]:
    """All that speaks of the chosen objects and of everything linked with them."""
    names = [archive.queries.object(name).sha256 for name in order.objects]
    wanted = selecting.with_linked(archive, names) if names else None
    copies: Mapping[str, str] = {}
    if order.profile == SHARE:
        gone = archive.queries.disposed()
        rows = [row for row in archive.queries.objects() if row.sha256 not in gone]
        rows = [row for row in rows if wanted is None or row.sha256 in wanted]
        copies = sharing.copies(archive, rows, advance)
    if wanted is not None and selecting.with_linked(archive, names) != wanted:
        return _entries(archive, order, advance)  # linked meanwhile
    claims = {
        row.reference for name in wanted or () for row in archive.queries.reference_links(name)
    }
    selection = selecting.Selection(
        wanted,
        order.risk,
        order.profile,
        copies.values(),
        claims,
        renewed=bool(renewing.renewals(archive)),
    )
    return list(selection.take(archive.journal.read()))


def _disclosures(
    archive: Archive, entries: Sequence[Recorded], asked: Sequence[str]
) -> list[bytes]:
    if not asked:
        return []
    found = []
    with archive.disclosable():
        for each in protecting.select(archive, entries, asked):
            line = package.disclosure(each.entry, archive.vault.open(each.ref))
            _check_length(each.entry, each.field, line)
            found.append(line)
    return found


def _check_length(entry: int, field: str, line: bytes) -> None:
    if len(line) > package.MAX_DISCLOSURE:
        raise Refused(
            f"'{field}' of entry {entry} is too large to be disclosed in a package.",
            kept=NOTHING_LEFT,
            todo="Leave the entry's object or this field out, and hand the value over by "
            f"itself: witnessmark disclose {entry} {field}.",
        )


def _say(
    archive: Archive,
    order: HandOver,
    built: package.Built,
    objects: Sequence[str],
    disclosures: int,
) -> Recorded:
    """Of a package with many objects, the manifest alone names them: an entry is short."""
    named = [f"sha256:{name}" for name in objects] if len(objects) <= _NAMED else []
    return archive.say(
        ExportMade(
            recipient=archive.protect("recipient", order.recipient),
            purpose=archive.protect("purpose", order.purpose),
            risk=order.risk,
            tagmanifest=Sha256(built.tagmanifest),
            record_size=built.checkpoint.size,
            record_root=Sha256(built.checkpoint.root.hex()),
            objects=built.objects,
            disclosures=disclosures,
            encrypted=bool(order.age_key),
            profile=Token(order.profile),
        ),
        (f"entry:{order.risk}", *named),
    )


def _notices(archive: Archive, entries: Sequence[Recorded]) -> tuple[str, ...]:
    """What whoever reads the package must know of its limits."""
    here = {recorded.index for recorded in entries}
    gaps = [gap for gap in archive.queries.custody_gaps() if gap.entry in here]
    gone = len(package.disposed(entries))
    disposed = f"{gone} objects or attachments named here were disposed of" if gone else ""
    said = [_one_sided(archive), *map(custodying.gap_sentence, gaps), disposed]
    return tuple(filter(None, [*said, *_references(archive, entries)]))


def _references(archive: Archive, entries: Sequence[Recorded]) -> Iterator[str]:
    """What in the package is there only to compare with."""
    stored = {each.said.sha256 for each in entries if isinstance(each.said, ObjectStored)}
    if count := len(stored & archive.queries.references().keys()):
        yield (
            f"{count} of the objects are of reference collections: older footage to compare with, "
            "not material that this archive collected"
        )
    if count := sum(isinstance(each.said, ReferenceClaimed) for each in entries):
        yield (
            f"{count} entries are of fingerprints without their video: they, and every date given "
            "with them, are somebody's claim"
        )


def _one_sided(archive: Archive) -> str:
    runs = Counter(row.party for row in archive.queries.runs() if row.reference is None)
    return readme.one_sided(archive.scope().parties, runs)


def checkers() -> dict[str, bytes]:
    """check.py and check.html, as installed or as in a source checkout."""
    installed = files("witnessmark") / "checker"
    folder = installed if installed.is_dir() else Path(__file__).parents[3] / "checker"
    return {name: (folder / name).read_bytes() for name in ("check.py", "check.html")}


def _recipient(text: str) -> Any:
    """The age public key that `text` spells. Raises `BadInput`."""
    import pyrage

    try:
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        raise BadInput(f"'{text[:80]}' is not an age key: {error}.", kept=NOTHING_LEFT) from error


def export_sheet(archive: Archive, out: TextIO) -> int:
    """Writes the rows of all sheets that were collected, with ids and outcomes; how many.

    One row a place. Its columns are as they were seen last; its outcome is that of the latest
    sighting with an object, because a link that is dead today was still collected.
    """
    latest: dict[str, SightingRecorded] = {}
    taken: dict[str, SightingRecorded] = {}
    stands: dict[str, str] = {}
    standings = Standings(archive.queries.anchors())
    for recorded in archive.journal.read():
        seen = recorded.said
        if isinstance(seen, SightingRecorded) and seen.columns is not None:
            latest[seen.place] = seen
            if seen.object or seen.place not in taken:
                stands[seen.place] = str(standings.of(recorded.index, recorded.entry.at))
            if seen.object:
                taken[seen.place] = seen
    rows = []
    for place, last in latest.items():
        best = taken.get(place, last)
        ours = {
            sheet.ID: place,
            "witnessmark_outcome": best.outcome,
            "witnessmark_reason": best.reason,
            "witnessmark_sha256": best.object or "",
            "witnessmark_anchor": stands[place],
        }
        rows.append((ours, _columns(archive, last)))
    sheet.write(rows, out)
    return len(rows)


def _columns(archive: Archive, seen: SightingRecorded) -> list[tuple[str, str]]:
    assert seen.columns is not None
    try:
        columns = archive.vault.open(seen.columns).value
    except Erased:
        return []
    assert isinstance(columns, list)
    return [(str(name), str(text)) for name, text in columns]
