"""Renewing hashes: everything that is here hashed by a stronger one, and that stamped.

The record stands on SHA-256. What a renewal covers stands on the stronger hash as well, from the
time of the renewal's stamps on: as RFC 4998 renews a hash tree, but not in its formats.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from io import BytesIO

from witnessmark.anchoring import certificates, tokens
from witnessmark.anchoring.http import Door, NoAnswer
from witnessmark.archive import anchoring, stamps
from witnessmark.archive.archive import Archive
from witnessmark.archive.batch import Advance, nothing
from witnessmark.archive.stamps import Outcome
from witnessmark.errors import BadInput, BadStamp, NotFound, StoreFailure, WitnessmarkError
from witnessmark.model import AnchorFailed, DigestsRenewed, Recorded, RenewalAnchored
from witnessmark.model.sighting import Attachment
from witnessmark.model.statement import Instant, Sha256, Token
from witnessmark.record import renewal as form
from witnessmark.reporting.package import Renewed
from witnessmark.settings import Authority

KIND = anchoring.RENEWAL
_CHUNK = 1 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class Renewal:
    """A renewal in the record: where, and what it says."""

    index: int
    said: DigestsRenewed


def renewals(archive: Archive) -> list[Renewal]:
    """All of them, oldest first."""
    found = []
    for index in archive.queries.acts(DigestsRenewed.TYPE):
        said = archive.journal.entry(index).said
        assert isinstance(said, DigestsRenewed)
        found.append(Renewal(index, said))
    return found


def anchored(archive: Archive, renewal: Renewal) -> dict[str, RenewalAnchored]:
    """Who has stamped a renewal; of one authority the first stamp."""
    found: dict[str, RenewalAnchored] = {}
    for index in archive.queries.acts(RenewalAnchored.TYPE):
        said = archive.journal.entry(index).said
        if isinstance(said, RenewalAnchored) and said.renewal == renewal.index:
            found.setdefault(said.authority, said)
    return found


def renew(
    archive: Archive,
    hash_name: str,
    *,
    door: Door | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    advance: Advance = nothing,
) -> tuple[Renewal, list[Outcome]]:
    """Hashes everything that is here again, records it, and has it stamped by every authority.

    A renewal by this hash after which nothing came is not made again: only who has not stamped it
    is asked.

    Raises:
        BadInput: no such hash, or no authority is named.
        StoreFailure: a file is not what its name says; nothing was recorded.
    """
    if hash_name not in form.HASHES:
        raise BadInput(f"Nothing is renewed by {hash_name}.", todo=f"Name {form.HASHES[-1]}.")
    whom = [each for each in archive.settings.anchors.authorities if each.url]
    if not whom:
        raise BadInput(
            "No authority is named that could stamp a renewal.",
            kept="Nothing was hashed or recorded.",
            todo="Name two in archive.toml; 'witnessmark anchor --help' shows how.",
            code="no_authorities",
        )
    door = door or anchoring.door_of(archive)
    _ = door.via  # shut without a proxy
    made = _latest(archive, hash_name) or _make(archive, hash_name, advance)
    row, done = stamps.blob(archive, made.said.row.sha256), anchored(archive, made)
    return made, [
        _held(made, each) if each.name in done else _ask(archive, made, row, each, door, clock)
        for each in whom
    ]


def _latest(archive: Archive, hash_name: str) -> Renewal | None:
    """The last renewal by this hash, when nothing but anchoring came after it."""
    found = [each for each in renewals(archive) if each.said.hash == hash_name]
    head = archive.journal.head()
    if not found or head is None:
        return None
    rest = archive.journal.read(found[-1].said.size, head.size)
    return None if any(each.entry.type not in anchoring.OWN for each in rest) else found[-1]


def _make(archive: Archive, hash_name: str, advance: Advance) -> Renewal:
    head = archive.journal.head()
    assert head is not None
    digests: dict[str, bytes] = {}
    row = bytearray()
    for recorded in archive.journal.read(0, head.size):
        for name in form.files_named(recorded):
            if name not in digests:
                digests[name] = _digest(archive, name, hash_name)
        row += form.element(hash_name, recorded, digests)
        advance(recorded.index + 1, head.size)
    said = DigestsRenewed(
        hash=Token(hash_name),
        size=head.size,
        row=_keep(archive, "row", bytes(row)),
        files=_keep(archive, "files", form.lines(digests)),
    )
    return Renewal(archive.say(said).index, said)


def _digest(archive: Archive, name: str, hash_name: str) -> bytes:
    """A file's digest by the stronger hash, read once; b"" when it is not here.

    Raises:
        StoreFailure: its bytes are not those of its name: a renewal would make them right.
    """
    own, other = hashlib.sha256(), hashlib.new(hash_name)
    try:
        with archive.blobs.open(name) as file:
            while block := file.read(_CHUNK):
                own.update(block)
                other.update(block)
    except NotFound:
        return b""
    except OSError as error:
        raise StoreFailure(f"The object {name} cannot be read: {error.strerror}.") from error
    if own.hexdigest() != name:
        raise StoreFailure(
            f"The object {name} was changed on the disk.",
            kept="Nothing was renewed.",
            todo="Run 'witnessmark audit', which mends it from a good copy, then renew again.",
            code="object_changed",
        )
    return other.digest()


def _keep(archive: Archive, role: str, data: bytes) -> Attachment:
    stored = archive.blobs.put(BytesIO(data))
    return Attachment(role=Token(role), sha256=Sha256(stored.sha256), size=stored.size)


# --- stamps --------------------------------------------------------------------------------------


def _ask(
    archive: Archive,
    made: Renewal,
    row: bytes,
    whom: Authority,
    door: Door,
    clock: Callable[[], datetime],
) -> Outcome:
    bare = Outcome(authority=whom.name, kind=KIND, size=made.said.size, state="stamped")
    try:
        roots, lists = stamps.pinned(archive, whom)
        question = tokens.question(row, made.said.hash)
        since = clock()
        response = door.post(whom.url, question.request, tokens.QUERY, answer=tokens.REPLY)
        stamp = tokens.check(
            response, row, roots, nonce=question.nonce, lists=lists, least=made.said.hash
        )
        stamps.check_clock(stamp.time, since, clock())
    except (NoAnswer, BadStamp, BadInput) as error:
        text = stamps.text_of(archive, made.said.size)
        failed = AnchorFailed(
            size=text.size,
            root=Sha256(text.root),
            kind=Token(KIND),
            authority=Token(whom.name),
            reason=Token(error.code),
        )
        return dataclasses.replace(
            bare, state="failed", reason=error.code, what=error.what, todo=error.todo,
            entry=archive.say(failed).index,
        )  # fmt: skip
    said = RenewalAnchored(
        renewal=made.index,
        authority=Token(whom.name),
        time=Instant(stamps.instant(stamp.time)),
        proof=_keep(archive, "timestamp_response", response),
        chain=_keep(archive, "chain", certificates.to_pem(roots)),
        via=Token(door.via),
    )
    return dataclasses.replace(bare, time=said.time, entry=archive.say(said).index)


def _held(made: Renewal, whom: Authority) -> Outcome:
    return Outcome(authority=whom.name, kind=KIND, size=made.said.size, state="held")


# --- looking again, and handing over -------------------------------------------------------------


def recheck(archive: Archive, renewal: Renewal) -> dict[str, RenewalAnchored]:
    """Looks at a renewal again: every entry, with the digests kept of the files; and its stamps.

    Returns:
        its stamps, all of which hold.

    Raises:
        BadStamp, BadRecord, NotFound, StoreFailure: something of it does not hold, or is gone.
    """
    said = renewal.said
    row = stamps.blob(archive, said.row.sha256)
    digests = form.parse_lines(stamps.blob(archive, said.files.sha256))
    size = hashlib.new(said.hash).digest_size
    fits = len(row) == size * said.size
    for recorded in archive.journal.read(0, said.size) if fits else ():
        place = recorded.index * size
        fits = fits and row[place : place + size] == form.element(said.hash, recorded, digests)
    if not fits:
        what = f"The renewal of entry {renewal.index} is not of this record."
        raise BadStamp(what, code="renewal")
    found = anchored(archive, renewal)
    for stamp in found.values():
        data = stamps.blob(archive, stamp.proof.sha256)
        ends = stamps.pinned_then(archive, stamp.chain.sha256 if stamp.chain else "")
        stands = tokens.check(data, row, ends, least=said.hash)
        if stamps.instant(stands.time) != stamp.time:
            what = "The stamp is of another time than the record says."
            raise BadStamp(what, code="wrong_time")
    return found


def digests(archive: Archive, renewal: Renewal) -> dict[str, bytes]:
    """SHA-256 of each file to its digest in a renewal; b"" for what was not held."""
    return form.parse_lines(stamps.blob(archive, renewal.said.files.sha256))


def for_package(archive: Archive, entries: Sequence[Recorded]) -> tuple[list[Renewed], list[str]]:
    """The last renewal that somebody stamped, cut down to what these entries name.

    And a sentence when it does not hold any more: with it, a package would be refused.
    """
    here = {each.index for each in entries}
    for renewal in reversed(renewals(archive)):
        if renewal.index not in here or not anchored(archive, renewal):
            continue
        try:
            found = recheck(archive, renewal)
        except WitnessmarkError as error:
            return [], [f"The renewal of entry {renewal.index} is left out: {error.what}"]
        below = [each for each in entries if each.index < renewal.said.size]
        return [_cut(archive, renewal, found.values(), below)], []
    return [], []


def _cut(
    archive: Archive,
    renewal: Renewal,
    found: Iterable[RenewalAnchored],
    entries: Iterable[Recorded],
) -> Renewed:
    known = digests(archive, renewal)
    named = {name for each in entries for name in form.files_named(each)}
    kept: dict[str, str] = {}
    for number, stamp in enumerate(found, start=1):
        kept[f"stamp-{number}.tsr"] = stamp.proof.sha256
    return Renewed(
        index=renewal.index,
        row=renewal.said.row.sha256,
        files=form.lines({name: known.get(name, b"") for name in named}),
        stamps=kept,
    )
