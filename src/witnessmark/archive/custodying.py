"""Custody: received, transferred, receipted, linked, and one object's chain in order."""

from __future__ import annotations

import contextlib
import dataclasses
from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from witnessmark.archive.archive import Archive
from witnessmark.custody.receipts import Answer, Request, sign
from witnessmark.custody.vault import commitments
from witnessmark.errors import BadInput, BadRecord, Erased, Locked, NotFound, Refused
from witnessmark.model import (
    Attachment,
    CustodyReceipted,
    CustodyReceived,
    CustodyTransferred,
    ExportMade,
    FixityAudited,
    Json,
    MaterialLinked,
    ObjectDisposed,
    ObjectStored,
    Recorded,
    SightingRecorded,
    Statement,
)
from witnessmark.model.statement import PATTERNS, Instant, Sha256, Token
from witnessmark.ports import Gap
from witnessmark.record.note import check_public_key, strict_base64

METHODS = ("in_person", "courier", "post", "network", "other")
RELATIONS = ("contradicts", "supports", "context")
#: Objects that one entry names at most, in its fields and in `about`: 64 KiB hold no more.
MAX_OBJECTS = 400
_KEPT = "Nothing was recorded."
_MAX_PAPER = 64 << 20


def receive(
    archive: Archive, objects: Sequence[str], *, from_whom: str, reason: str, method: str
) -> Recorded:
    """Records that somebody gave these objects to the person at work.

    Raises:
        Refused: who or why is not stated, or there are too many objects for one entry.
        NotFound: an object is not in the archive: collect it first.
    """
    _need(reason=reason, from_whom=from_whom)
    names = _names(archive, objects)
    _need_held(archive, names)
    archive.working_person()
    said = CustodyReceived(
        objects=names,
        method=_one_of(method, METHODS, "method"),
        reason=archive.protect("reason", reason),
        from_whom=archive.protect("from_whom", from_whom),
    )
    return archive.say(said, _about(names))


def transfer(
    archive: Archive,
    objects: Sequence[str],
    *,
    to_whom: str,
    reason: str,
    method: str,
    receiver_key: str = "",
) -> Recorded:
    """Records that the person at work gave these objects away: an open gap until the receipt.

    Args:
        receiver_key: base64 Ed25519 key that is to sign the receipt.
    """
    _need(reason=reason, to_whom=to_whom)
    names = _names(archive, objects)
    _need_held(archive, names)
    archive.working_person()
    if receiver_key:
        try:
            check_public_key(strict_base64(receiver_key, "The receiver's key"))
        except BadRecord as error:
            raise BadInput(error.what, kept=_KEPT, todo="Ask the receiver for it again.") from error
    said = CustodyTransferred(
        objects=names,
        method=_one_of(method, METHODS, "method"),
        reason=archive.protect("reason", reason),
        to_whom=archive.protect("to_whom", to_whom),
        receiver_key=Token(receiver_key) if receiver_key else None,
    )
    return archive.say(said, _about(names))


# --- receipts ------------------------------------------------------------------------------------


def request(archive: Archive, number: int) -> Request:
    """What the receiver of transfer `number` is to sign. Raises `NotFound`, `Refused`."""
    said = _open_transfer(archive, number)
    return Request(
        origin=archive.origin,
        transfer=number,
        objects=said.objects,
        receiver_key=said.receiver_key or "",
    )


def answer(archive: Archive, asked: Request, received_at: str = "") -> tuple[Answer, int]:
    """The receiver's side: signs `asked` with the key of the person at work.

    Returns:
        the answer, and how many of its objects are held in the receiver's own archive.
    """
    person = archive.working_person()
    signed = sign(asked, _instant(received_at), person.signing)
    return signed, sum(archive.blobs.has(name) for name in asked.objects)


def receipt(archive: Archive, taken: Answer) -> Recorded:
    """Records a signed receipt that came back.

    Raises:
        BadInput: it is for another archive or other objects, or another key was to sign.
    """
    if taken.origin != archive.origin:
        raise BadInput(
            f"This receipt is for the archive {taken.origin}.",
            kept=_KEPT,
            todo="Take it in there; --archive names it.",
        )
    said = _open_transfer(archive, taken.transfer)
    if said.objects != taken.objects:
        raise BadInput(
            f"This receipt names other objects than transfer {taken.transfer}.",
            kept=_KEPT,
            todo="Ask the receiver to sign the request that belongs to this transfer.",
        )
    if said.receiver_key not in (None, taken.key):
        raise BadInput(
            "Another key signed this receipt than the one that the transfer names.",
            kept=_KEPT,
            todo="Only the named receiver can close this transfer.",
        )
    return archive.say(
        CustodyReceipted(
            transfer=taken.transfer,
            received_at=Instant(taken.received_at),
            receiver_key=Token(taken.key),
            receiver_signature=Token(taken.signature),
        ),
        (f"entry:{taken.transfer}", *_about(said.objects)),
    )


def receipt_on_paper(
    archive: Archive, number: int, document: Path, received_at: str = ""
) -> Recorded:
    """Records the scan of a paper that the receiver signed.

    Raises:
        Refused: the transfer names a key that is to sign.
    """
    said = _open_transfer(archive, number)
    if said.receiver_key is not None:
        raise Refused(
            f"Transfer {number} names a key that is to sign its receipt.",
            kept=_KEPT,
            todo=f"witnessmark custody receipt {number} --request FILE, for the receiver to sign.",
            code="receipt",
        )
    archive.working_person()
    at = _instant(received_at)
    with open(document, "rb") as scan:
        if not 0 < scan.seek(0, 2) <= _MAX_PAPER:
            raise BadInput(
                f"{document} is empty, or larger than {_MAX_PAPER >> 20} MiB.",
                kept=_KEPT,
                todo="Scan the one sheet that was signed.",
            )
        scan.seek(0)
        stored = archive.blobs.put(scan)
    scanned = Attachment(role=Token("receipt"), sha256=Sha256(stored.sha256), size=stored.size)
    return archive.say(
        CustodyReceipted(transfer=number, received_at=at, document=scanned),
        (f"entry:{number}", *_about(said.objects)),
    )


def _open_transfer(archive: Archive, number: int) -> CustodyTransferred:
    said = archive.journal.entry(number).said
    if not isinstance(said, CustodyTransferred):
        raise NotFound(
            f"Entry {number} is no transfer.",
            kept=_KEPT,
            todo="'witnessmark status' lists the transfers that wait for a receipt.",
        )
    if number not in {gap.entry for gap in archive.queries.custody_gaps()}:
        raise Refused(f"Transfer {number} has its receipt.", kept=_KEPT, code="receipt")
    return said


# --- what bears on what --------------------------------------------------------------------------


def link(archive: Archive, a: str, b: str, *, relation: str, reason: str) -> Recorded:
    """Records that `a` contradicts, supports or is the context of `b`."""
    _need(reason=reason)
    one, other = _names(archive, [a])[0], _names(archive, [b])[0]
    if one == other:
        raise BadInput("An object does not bear on itself.", kept=_KEPT)
    archive.working_person()
    said = MaterialLinked(
        a=one,
        b=other,
        relation=_one_of(relation, RELATIONS, "relation"),
        reason=archive.protect("reason", reason),
    )
    return archive.say(said, _about((one, other)))


# --- the chain -----------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of an object's chain of custody.

    Attributes:
        entry, at, by: where it stands, the archive's clock, who says it.
        what: `stored`, `seen`, `received`, `transferred`, `receipted`, `exported`, `damaged`,
            `disposed`, `linked`.
        facts: public members in plain words of ours.
        protected: field to value, or to {"state": "locked" or "erased"}.
        gap: a transfer that waits for its receipt.
    """

    entry: int
    at: str
    by: str
    what: str
    facts: dict[str, Json]
    protected: dict[str, Json]
    gap: bool = False


def chain(archive: Archive, name: str) -> list[Step]:
    """One object's chain of custody in the order of the record."""
    row = archive.queries.object(name)
    about = f"sha256:{row.sha256}"
    gaps = {gap.entry for gap in archive.queries.custody_gaps(row.sha256)}
    entries = {row.entry, *(seen.entry for seen in archive.queries.sightings(row.sha256))}
    acts = archive.queries.acts(*(kind.TYPE for kind in _ACTS))
    steps = []
    for index in sorted(entries | set(acts)):
        recorded = archive.journal.entry(index)
        found = _step(archive, recorded, row.sha256, row.entry)
        if found is None or (index not in entries and not _concerns(found, recorded, about)):
            continue
        what, facts = found
        steps.append(
            Step(
                entry=index,
                at=recorded.entry.at,
                by=recorded.entry.by,
                what=what,
                facts=facts,
                protected=opened(archive, recorded) if what not in _QUIET else {},
                gap=index in gaps,
            )
        )
    return steps


_ACTS: tuple[type[Statement], ...] = (
    CustodyReceived,
    CustodyTransferred,
    CustodyReceipted,
    ExportMade,
    ObjectDisposed,
    MaterialLinked,
    FixityAudited,
)
#: What a sighting says of its object is for `show`; the chain says where it came from.
_QUIET = frozenset({"seen"})
_BY_OTHER_MEANS = frozenset({"exported", "damaged", "disposed"})


def _concerns(found: tuple[str, dict[str, Json]], recorded: Recorded, about: str) -> bool:
    return found[0] in _BY_OTHER_MEANS or about in recorded.entry.about


def _step(
    archive: Archive, recorded: Recorded, sha256: str, since: int
) -> tuple[str, dict[str, Json]] | None:
    """What an entry says of the object in one word, and its facts; None when nothing."""
    match recorded.said:
        case ObjectStored() as said:
            return "stored", {"size": said.size}
        case SightingRecorded() as said:
            return "seen", {"source": said.source, "party": said.party}
        case CustodyReceived() as said:
            return "received", {"method": said.method}
        case CustodyTransferred() as said:
            return "transferred", {"method": said.method, "objects": len(said.objects)}
        case CustodyReceipted() as said:
            how = "signed by the receiver" if said.receiver_signature else "stated by us"
            on = "a paper" if said.document else ""
            return "receipted", {"transfer": said.transfer, "received_at": said.received_at,
                                 "how": " with ".join(filter(None, (how, on)))}  # fmt: skip
        case ExportMade() as said if since < said.record_size:
            return _exported(archive, recorded, said, sha256)
        case ObjectDisposed() as said if sha256 in {each.sha256 for each in said.objects}:
            return "disposed", {"ground": said.ground, "contrary": said.contrary}
        case MaterialLinked() as said:
            other = said.b if said.a == sha256 else said.a
            return "linked", {"relation": said.relation, "other": other}
        case FixityAudited() as said:
            bad = [each for each in said.bad if each.sha256 == sha256]
            facts: dict[str, Json] = {each.place: _mended(each.what, each.repaired) for each in bad}
            return ("damaged", facts) if bad else None
    return None


def _mended(what: str, repaired: bool) -> str:
    return f"{what}, repaired" if repaired else what


def _exported(
    archive: Archive, recorded: Recorded, said: ExportMade, sha256: str
) -> tuple[str, dict[str, Json]] | None:
    """An export that carried the object, or may have: the record names a package, not its list.

    Its entry may name the objects in `about`; a package of all objects carried this one too.
    """
    named = [each for each in recorded.entry.about if each.startswith("sha256:")]
    if named and f"sha256:{sha256}" not in named:
        return None
    stored = sum(row.entry < said.record_size for row in archive.queries.objects())
    certain = bool(named) or said.objects >= stored
    return "exported", {"objects": said.objects, "encrypted": said.encrypted,
                        "carried": "yes" if certain else "its manifest tells"}  # fmt: skip


def opened(archive: Archive, recorded: Recorded) -> dict[str, Json]:
    """Protected values of an entry, or why they cannot be read."""
    found: dict[str, Json] = {}
    for field, ref in commitments(recorded).items():
        try:
            found[field] = archive.vault.open(ref).value
        except Locked:
            found[field] = {"state": "locked"}
        except Erased:
            found[field] = {"state": "erased"}
    return found


# --- small things --------------------------------------------------------------------------------


def public_key(archive: Archive) -> str:
    """The key of the person at work, for the giver to name in a transfer: base64."""
    public = archive.working_person().signing.public_key().public_bytes_raw()
    return b64encode(public).decode("ascii")


def _names(archive: Archive, given: Sequence[str]) -> tuple[Sha256, ...]:
    """Full names in the order given, each once."""
    if not given:
        raise BadInput("No object is named.", kept=_KEPT, todo="Name them by their SHA-256.")
    names = dict.fromkeys(archive.queries.object(each).sha256 for each in given)
    if len(names) > MAX_OBJECTS:
        raise Refused(
            f"One entry names at most {MAX_OBJECTS} objects.",
            kept=_KEPT,
            todo="Record them in several parts.",
        )
    return tuple(Sha256(each) for each in names)


def _need_held(archive: Archive, names: Sequence[str]) -> None:
    """Refuses to hand over what was destroyed."""
    for name, entry in archive.queries.disposed(list(names)).items():
        raise Refused(
            f"{name} was disposed of (entry {entry}): there is nothing to give or to take.",
            kept=_KEPT,
            todo="Leave it out.",
            code="disposed",
        )


def _about(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"sha256:{name}" for name in names)


def _need(**answers: str) -> None:
    for name, text in answers.items():
        if not text.strip():
            option = {"from_whom": "from", "to_whom": "to"}.get(name, name)
            raise Refused(
                f"'{option}' is not stated.", kept=_KEPT, todo=f"Give --{option}; it is sealed."
            )


def _one_of(word: str, words: Sequence[str], what: str) -> Token:
    if word not in words:
        raise BadInput(
            f"'{word[:80]}' is no {what}.", kept=_KEPT, todo=f"One of {', '.join(words)}."
        )
    return Token(word)


def _instant(text: str) -> Instant:
    """A time as in the record; now, when none is given."""
    if not text:
        return Instant(datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    with contextlib.suppress(ValueError):
        given = datetime.fromisoformat(text)
        if given.tzinfo is not None:
            text = given.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if PATTERNS[Instant].fullmatch(text):
            return Instant(text)
    raise BadInput(
        f"'{text[:80]}' is no time.", kept=_KEPT, todo="Write it as 2026-01-02T03:04:05Z."
    )


def gap_sentence(gap: Gap) -> str:
    """What every report says of a transfer that lacks its receipt."""
    what = f"the transfer of {gap.objects} objects (entry {gap.entry}, {gap.at})"
    return f"Open gap: {what} has no receipt."


def gap_sentences(archive: Archive, name: str | None = None) -> Iterator[str]:
    """One sentence for every transfer that lacks its receipt."""
    return map(gap_sentence, archive.queries.custody_gaps(name))
