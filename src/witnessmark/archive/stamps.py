"""Stamps over checkpoints as they are kept: what to say of one, and looking at it again."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO

from cryptography import x509

from witnessmark.anchoring import blocks, calendars, certificates, tokens
from witnessmark.anchoring.certificates import Certificate
from witnessmark.archive.archive import Archive
from witnessmark.errors import BadInput, BadStamp, StoreFailure
from witnessmark.model import AnchorReceived
from witnessmark.model.sighting import Attachment
from witnessmark.model.statement import Instant, Sha256, Token
from witnessmark.ports import AnchorRow
from witnessmark.record.checkpoint import Checkpoint
from witnessmark.record.note import parse
from witnessmark.settings import Authority
from witnessmark.stores.durable import write_file

RFC3161, OPENTIMESTAMPS = "rfc3161", "opentimestamps"
#: by way of whom a stamp came, and who failed when none came that way
PARTNER = "partner"
_HEADERS = "headers.txt"
#: between an authority's clock and ours
_CLOCKS = timedelta(days=1)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of asking one authority or calendar.

    Attributes:
        state: `stamped`, `pending`, `confirmed`, `failed`, `held` (was there already), or
            `waiting` (asked later: nothing new, not yet due, not yet in a block).
        time: the outside time.
        reason: a short word, when it failed or waits.
        what: a sentence for people.
        todo: what to do about a failure.
        entry: where the record has it.
    """

    authority: str
    kind: str
    size: int
    state: str
    time: str | None = None
    reason: str = ""
    what: str = ""
    todo: str = ""
    entry: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """A checkpoint: its size, its root in hex, and its text, which is what is stamped."""

    size: int
    root: str
    data: bytes

    @property
    def digest(self) -> bytes:
        """Its SHA-256."""
        return hashlib.sha256(self.data).digest()


def text_of(archive: Archive, size: int | None = None) -> Text:
    """The checkpoint of that size (default: the newest). Raises `NotFound`."""
    text = parse(archive.journal.note(size)).text
    checkpoint = Checkpoint.parse(text)
    return Text(checkpoint.size, checkpoint.root.hex(), text.encode())


# --- statements ----------------------------------------------------------------------------------


def stamped(
    archive: Archive,
    text: Text,
    name: str,
    response: bytes,
    roots: Sequence[Certificate],
    lists: Sequence[x509.CertificateRevocationList],
    *,
    nonce: int,
    via: str,
    since: datetime,
    now: datetime,
) -> AnchorReceived:
    """What to say of an answer, asked for no earlier than `since`; its bytes are durable then.

    Raises:
        BadStamp: see `tokens.check`; `wrong_time` when its clock and ours differ by a day.
    """
    stamp = tokens.check(response, text.data, roots, nonce=nonce, lists=lists)
    check_clock(stamp.time, since, now)
    return AnchorReceived(
        size=text.size,
        root=Sha256(text.root),
        kind=Token(RFC3161),
        authority=Token(name),
        state=Token("stamped"),
        time=Instant(instant(stamp.time)),
        proof=_keep(archive, "timestamp_response", response),
        chain=_keep(archive, "chain", certificates.to_pem(roots)),
        via=Token(via),
    )


def check_clock(time: datetime, since: datetime, now: datetime) -> None:
    """Raises `BadStamp` (`wrong_time`) when an authority's clock and ours differ by a day."""
    if not since - _CLOCKS <= time <= now + _CLOCKS:
        what = f"The stamp's time is {instant(time)}, this machine's {instant(now)}."
        raise BadStamp(what, code="wrong_time", todo="Is the machine's clock right?")


def promised(
    archive: Archive, text: Text, name: str, proof: calendars.Proof, via: str
) -> AnchorReceived:
    """What to say of a calendar's promise, whose bytes are durable then."""
    return AnchorReceived(
        size=text.size,
        root=Sha256(text.root),
        kind=Token(OPENTIMESTAMPS),
        authority=Token(name),
        state=Token("pending"),
        proof=_keep(archive, "ots_proof", proof.data),
        via=Token(via),
    )


def confirmed(
    archive: Archive,
    text: Text,
    row: AnchorRow,
    proof: calendars.Proof,
    found: blocks.Confirmed,
    via: str,
) -> AnchorReceived:
    """What to say of a promise that was kept."""
    bare = promised(archive, text, row.authority, proof, via)
    when = Instant(instant(found.time))
    return dataclasses.replace(bare, state=Token("confirmed"), time=when, height=found.height)


def record(archive: Archive, said: AnchorReceived) -> Outcome:
    """Appends it, unless the record has one like it: by an interrupted go, or another process."""
    outcome = Outcome(
        authority=said.authority, kind=said.kind, size=said.size, state=said.state, time=said.time
    )
    for row in archive.queries.anchors():
        same = (row.size, row.kind, row.authority) == (said.size, said.kind, said.authority)
        if same and (row.stands or row.state == said.state):
            return dataclasses.replace(outcome, state="held", entry=row.entry)
    return dataclasses.replace(outcome, entry=archive.say(said).index)


def _keep(archive: Archive, role: str, data: bytes) -> Attachment:
    stored = archive.blobs.put(BytesIO(data))
    return Attachment(role=Token(role), sha256=Sha256(stored.sha256), size=stored.size)


# --- what is pinned ------------------------------------------------------------------------------


def pinned(
    archive: Archive, whom: Authority
) -> tuple[list[Certificate], list[x509.CertificateRevocationList]]:
    """Roots and revocation lists of an authority. Raises `BadStamp` (`no_roots`)."""
    try:
        roots = certificates.from_pem((archive.folder / whom.roots).read_bytes())
        lists = (
            certificates.lists_from_pem((archive.folder / whom.crls).read_bytes())
            if whom.crls
            else []
        )
    except (OSError, ValueError, BadStamp) as error:
        what = f"The certificates pinned for {whom.name} cannot be read: {error}."
        todo = "Put them beside archive.toml, in the file that it names."
        raise BadStamp(what, code="no_roots", todo=todo) from error
    return roots, lists


def ends(archive: Archive, row: AnchorRow) -> list[Certificate]:
    """What was pinned when the stamp came."""
    return pinned_then(archive, row.chain or "")


def pinned_then(archive: Archive, chain: str) -> list[Certificate]:
    """The certificates kept with a stamp. Raises `BadStamp`, `NotFound`, `StoreFailure`."""
    try:
        return certificates.from_pem(blob(archive, chain))
    except ValueError as error:
        raise BadStamp("The certificates that came with the stamp cannot be read.") from error


def headers(archive: Archive) -> dict[int, bytes]:
    """Block headers of the settings' file, and those that a service gave before.

    Raises:
        BadStamp: the settings' file cannot be used.
    """
    try:
        found = blocks.parse((archive.derived / _HEADERS).read_text(encoding="utf-8"))
    except (OSError, ValueError, BadInput, BadStamp):
        found = {}  # they are asked for again
    name = archive.settings.anchors.headers
    try:
        text = (archive.folder / name).read_text(encoding="utf-8") if name else ""
        return found | blocks.parse(text)
    except (OSError, ValueError, BadInput) as error:
        raise BadStamp(f"The headers in {name} cannot be read: {error}.", code="header") from error


def remember_header(archive: Archive, height: int, header: bytes) -> None:
    """Keeps what a service gave and a proof fits, for looking again without asking."""
    found = headers(archive) | {height: header}
    lines = [f"block {number} {each.hex()}\n" for number, each in sorted(found.items())]
    write_file(archive.derived / _HEADERS, "".join(lines).encode())


def blob(archive: Archive, sha256: str) -> bytes:
    """A blob's bytes. Raises `NotFound`, or `StoreFailure` when they were changed."""
    with archive.blobs.open(sha256) as file:
        data = file.read()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise StoreFailure(f"The object {sha256} was changed.", code="object_changed")
    return data


# --- looking again -------------------------------------------------------------------------------


def recheck(archive: Archive, row: AnchorRow) -> list[str]:
    """Looks at a stored stamp again: is it over that checkpoint, and does it lead to its roots.

    Returns:
        notes, when it holds.

    Raises:
        BadStamp: it does not.
        NotFound, StoreFailure: a part of it is gone.
    """
    text, data = text_of(archive, row.size), blob(archive, row.proof)
    if text.root != row.root:
        raise BadStamp("The stamp names another root than the record has.", code="wrong_imprint")
    if row.kind == RFC3161:
        return _recheck_token(archive, row, text, data)
    proof = calendars.read(data, text.digest)
    if not row.stands:
        return []
    found = blocks.confirm(proof, headers(archive))
    if found is None:
        return [f"The header of block {row.height} is not at hand: its time was not looked at."]
    if instant(found.time) != row.time:
        raise BadStamp("The block is of another time than the record says.", code="wrong_time")
    return []


def _recheck_token(archive: Archive, row: AnchorRow, text: Text, data: bytes) -> list[str]:
    notes = []
    named = {each.name: each for each in archive.settings.anchors.authorities}
    lists: list[x509.CertificateRevocationList] = []
    try:
        if row.authority not in named:
            raise BadStamp("It is not in archive.toml any more.")
        roots, lists = pinned(archive, named[row.authority])
    except BadStamp as error:
        roots = ends(archive, row)
        notes.append(f"{row.authority} was checked by what was pinned then. {error.what}")
    if instant(tokens.check(data, text.data, roots, lists=lists).time) != row.time:
        raise BadStamp("The stamp is of another time than the record says.", code="wrong_time")
    return notes


def instant(moment: datetime) -> str:
    """As it stands in entries."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".")
    return f"{text}Z"


def moment(instant: str) -> datetime:
    return datetime.fromisoformat(instant)
