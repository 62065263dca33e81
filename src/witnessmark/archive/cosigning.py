"""Partners co-sign our checkpoints: over HTTP, or by files on a stick; forks come to light."""

from __future__ import annotations

import contextlib
import dataclasses
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from witnessmark.anchoring.http import Door, NoAnswer
from witnessmark.archive import restoring
from witnessmark.archive.archive import Archive
from witnessmark.errors import BadInput, BadRecord, NotFound, Refused
from witnessmark.model import Attachment, CosignatureReceived, ForkReported
from witnessmark.model.statement import Instant, Sha256, Token
from witnessmark.record.checkpoint import Checkpoint
from witnessmark.record.cosignature import Cosignature, WitnessKey, check, parse_lines
from witnessmark.record.note import Signature, VerifierKey
from witnessmark.record.tiles import node_reader
from witnessmark.record.tree import consistency_proof, root
from witnessmark.record.witnessing import Answer, Request, Status, read_checkpoint
from witnessmark.settings import PartnerWitness

_NOTHING = "Nothing was written to the record."
_OCTETS = "application/octet-stream"
#: Two clocks of two laptops; the checker allows as much between a stamp and an entry.
_APART = timedelta(hours=1)
#: Bytes of a note that somebody shows us; a checkpoint with 32 lines has about 8,000.
MAX_NOTE = 1 << 16


@dataclasses.dataclass(frozen=True, slots=True)
class Taken:
    """A co-signature that the record holds: whose, over which size, when, and whether it is new."""

    witness: str
    size: int
    time: str
    new: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Compared:
    """A checkpoint that somebody showed us, held against our record.

    Attributes:
        size: of that checkpoint.
        entry: the `fork.reported/1` that says so, when it contradicts the record.
        witnesses: names of our witnesses who co-signed it.
    """

    size: int
    entry: int | None = None
    witnesses: tuple[str, ...] = ()


def fork_error(size: int, entry: int, restored: object = None) -> Refused:
    """The sentences for a checkpoint under our key that is not of our record.

    Args:
        size: of that checkpoint.
        entry: where the record says so.
        restored: size at which this archive was restored, if it was.
    """
    what = (
        f"FORK: somebody holds a checkpoint of {size} entries under this archive's key, and it "
        "contradicts this record."
    )
    kept = f"Both roots and the note are in the record, entry {entry}."
    if isinstance(restored, int) and restored < size:
        return Refused(
            f"{what} This archive was restored at size {restored}, and what had come after that "
            "was lost: a contradiction is expected.",
            kept=kept,
            todo="Make sure that they saw it before the loss; if not, somebody else signs with "
            "this archive's key. A witness that saw it never signs this record again: ask others, "
            "or begin a new archive and hand this one over as a package.",
            code="fork",
        )
    return Refused(
        what,
        kept=kept,
        todo="Somebody signs with this archive's key, or this folder is one of two that went on "
        "apart. Stop collecting into it, tell your partners, compare the folders and backups "
        "('witnessmark log'); if the key was stolen: 'witnessmark keys rotate --archive-key', then "
        "'keys revoke'.",
        code="fork",
    )


# --- asking ----------------------------------------------------------------------------------


def partner(archive: Archive, name: str) -> PartnerWitness:
    """A witness of ours by name; "" when there is only one. Raises `NotFound`."""
    known = archive.settings.witnesses
    found = [each for each in known if name in ("", each.name)]
    if len(found) != 1:
        raise NotFound(
            f"No witness is named {name!r}." if name else "There is no one witness to ask.",
            todo="archive.toml lists them under [[witnesses]]: "
            + (", ".join(each.name for each in known) or "none yet") + ".",
        )  # fmt: skip
    return found[0]


def question(archive: Archive, witness: PartnerWitness, old: int | None = None) -> Request:
    """What to ask for our newest checkpoint.

    Args:
        archive: ours.
        witness: whom.
        old: size that they saw last; None: the largest that our record knows of.
    """
    head = archive.journal.head()
    assert head is not None
    if old is None:
        public = WitnessKey.parse(witness.key).public
        sizes = [
            row.size
            for row in archive.queries.cosignatures()
            if WitnessKey.parse(row.witness).public == public
        ]
        old = max(sizes, default=0)
    if old > head.size:
        raise _ahead(witness.name, old, head.size)
    proof = consistency_proof(old, head.size, node_reader(archive.journal.tile)) if old else []
    return Request(old, tuple(proof), archive.journal.note(head.size))


def _ahead(name: str, theirs: int, ours: int) -> Refused:
    return Refused(
        f"ROLLBACK: {name} has co-signed {theirs} entries of this record, and this archive has "
        f"{ours}.",
        kept=_NOTHING,
        todo="Was it restored from an older backup? Look for the newer one before going on. "
        "If there is none, somebody else signs with this archive's key.",
        code="rollback",
    )


def ask(archive: Archive, name: str) -> Taken:
    """Asks a partner's witness over the network for a co-signature of our newest checkpoint.

    Raises:
        NoAnswer: they could not be reached, or refused.
        Refused: they saw another record under our key, or more of it than we have.
    """
    witness = partner(archive, name)
    if not witness.url:
        raise BadInput(
            f"{witness.name} has no address in archive.toml.",
            todo="Send a file instead: 'witnessmark cosign --request FILE'.",
        )
    settings = archive.settings
    door = Door(settings.proxy, settings.anchors.direct)
    url = witness.url.rstrip("/") + "/add-checkpoint"
    request = question(archive, witness)
    for _ in range(3):
        try:
            lines = door.post(url, request.encode(), _OCTETS)
        except NoAnswer as error:
            if error.status not in set(Status):
                raise
            answer = Answer(Status(error.status), "", error.body)
            size = _refused(archive, witness.name, answer, request)
            request = question(archive, witness, size)
            continue
        return _accept(archive, witness.name, lines, request.note)
    raise NoAnswer(f"{witness.name} sees a new size at each question.", "refused", status=409)


def _refused(archive: Archive, name: str, answer: Answer, request: Request) -> int:
    """The size to ask again from, when that is what a refusal says; else raises."""
    asked = read_checkpoint(request.note)[1].size
    text = answer.body.decode("utf-8", errors="replace").strip()
    if answer.status is Status.CONFLICT and text.isascii() and text.isdecimal():
        size = int(text[:16])
        if size > asked:
            raise _ahead(name, size, asked)
        if size != request.old:
            return size
    if answer.status in (Status.CONFLICT, Status.BAD_PROOF):
        with contextlib.suppress(BadInput):  # no note under our key came back: only their word
            compare(archive, answer.body)
        raise Refused(
            f"{name} says that this record contradicts what they saw of it before.",
            kept=_NOTHING,
            todo="Let them send you the checkpoint that they saw, and compare it: "
            "'witnessmark cosign --seen FILE'.",
            code="contradicted",
        )
    why = {
        Status.UNKNOWN: "does not know this record: give them the line of 'witnessmark keys'",
        Status.UNSIGNED: "knows this record under another key: give them the line of "
        "'witnessmark keys' again",
    }.get(answer.status, "did not understand the question")
    raise NoAnswer(f"{name} {why}.", "refused", status=answer.status, body=answer.body)


# --- taking ----------------------------------------------------------------------------------


def take(archive: Archive, data: bytes) -> list[Taken]:
    """Takes in what came back on a stick: signature lines, a whole note, or a refusal.

    Raises:
        BadInput: it is no answer.
        Refused: by nobody we know, over no checkpoint of ours, with an impossible time; or the
            witness refused.
    """
    if len(data) > MAX_NOTE:
        raise BadInput(
            "This is too large for an answer of a witness.",
            kept=_NOTHING,
            todo="Is it the file that 'witnessmark witness sign' wrote at the partner's?",
        )
    try:
        answer = Answer.parse(data)
        if answer.status is not Status.COSIGNED:
            _take_refusal(archive, answer)
        if b"\n\n" in data:
            note, checkpoint = read_checkpoint(data)
            compare(archive, data)
            return _take_lines(archive, note.signatures, checkpoint.size)
        return _take_lines(archive, parse_lines(data), None)
    except BadRecord as error:
        raise BadInput(
            f"This is no answer of a witness: {error.what}",
            kept=_NOTHING,
            todo="Is it the file that 'witnessmark witness sign' wrote at the partner's?",
        ) from error


def _take_refusal(archive: Archive, answer: Answer) -> None:
    """Says what a refusal on a stick means; always raises."""
    head = archive.journal.head()
    assert head is not None
    size = _refused(archive, "The witness", answer, Request(-1, (), archive.journal.note()))
    raise Refused(
        f"The witness saw {size} entries last, and was asked from another size.",
        kept=_NOTHING,
        todo=f"Ask again: 'witnessmark cosign --request FILE --old {size}'.",
        code="conflict",
    )


def _take_lines(archive: Archive, lines: tuple[Signature, ...], size: int | None) -> list[Taken]:
    found = [
        each
        for witness in archive.settings.witnesses
        if (each := _find(archive, lines, witness, size)) is not None
    ]
    if not found:
        raise Refused(
            "No known witness signed a checkpoint of this record in this file.",
            kept=_NOTHING,
            todo="archive.toml lists the known ones under [[witnesses]], with their keys.",
            code="cosignature",
        )
    return [_record(archive, *each) for each in found]


def _find(
    archive: Archive, lines: tuple[Signature, ...], witness: PartnerWitness, size: int | None
) -> tuple[str, Cosignature, Checkpoint] | None:
    """A witness's co-signature among `lines`, and which of our checkpoints it is over."""
    key = WitnessKey.parse(witness.key)
    if not any((line.name, line.key_id) == (key.name, key.id) for line in lines):
        return None
    for checkpoint in _candidates(archive, size):
        try:
            cosignature = check(checkpoint.text, lines, key)
        except BadRecord as error:
            if error.code != "signature":
                raise
            continue
        if cosignature is not None:
            return witness.name, cosignature, checkpoint
    raise Refused(
        f"The co-signature of {witness.name} is over no checkpoint of this record, or was changed "
        "on its way.",
        kept=_NOTHING,
        todo="Let them answer the newest request again.",
        code="cosignature",
    )


def _candidates(archive: Archive, size: int | None) -> Iterator[Checkpoint]:
    """Our checkpoint of that size; without a size all, newest first.

    An answer does not say which checkpoint it is over; it is nearly always the newest.
    """
    if size is not None:
        yield Checkpoint(archive.origin, size, our_root(archive, size))
        return
    for _, note in reversed(list(archive.journal.notes())):
        yield read_checkpoint(note)[1]


def _accept(archive: Archive, name: str, lines: bytes, note: bytes) -> Taken:
    """The answer over HTTP to our question about `note`."""
    _, checkpoint = read_checkpoint(note)
    try:
        found = _find(archive, parse_lines(lines), partner(archive, name), checkpoint.size)
    except BadRecord as error:
        raise NoAnswer(f"{name} did not answer with signature lines.", "wrong_type") from error
    if found is None:
        raise NoAnswer(f"{name} answered under another key than we know.", "wrong_type")
    return _record(archive, *found)


def _record(archive: Archive, name: str, found: Cosignature, checkpoint: Checkpoint) -> Taken:
    """Appends a co-signature, unless this public key counts for that checkpoint already."""
    public = found.witness.public
    own = {key.public for _, key in archive.history().archive_keys}
    if public in own:
        raise Refused(
            f"The key of {name} is this archive's own.",
            kept=_NOTHING,
            todo="A witness is somebody else: correct the key in archive.toml.",
            code="cosigner",
        )
    for row in archive.queries.cosignatures():
        if row.size == checkpoint.size and WitnessKey.parse(row.witness).public == public:
            return Taken(name, checkpoint.size, row.time, new=False)
    _check_time(archive, name, found, checkpoint)
    archive.say(
        CosignatureReceived(
            size=checkpoint.size,
            root=Sha256(checkpoint.root.hex()),
            witness=Token(str(found.witness)),
            time=Instant(found.instant),
            signature=Token(found.encoded),
        )
    )
    return Taken(name, checkpoint.size, found.instant, new=True)


def _check_time(archive: Archive, name: str, found: Cosignature, checkpoint: Checkpoint) -> None:
    """Refuses a time before the last entry it speaks of, or in the future, by more than an hour."""
    at = archive.journal.entry(checkpoint.size - 1).entry.at if checkpoint.size else ""
    time, now = datetime.fromtimestamp(found.time, UTC), datetime.now(UTC)
    early = bool(at) and time < datetime.fromisoformat(at) - _APART
    if early or time > now + _APART:
        when = "before the entries it speaks of" if early else "in the future"
        raise Refused(
            f"{name} co-signed at {found.instant}: {when}, by this archive's clock.",
            kept=_NOTHING,
            todo="One of the two clocks is wrong. Correct it, then ask again.",
            code="clock",
        )


# --- forks -----------------------------------------------------------------------------------


def our_root(archive: Archive, size: int) -> bytes:
    """The root of our record when it had `size` entries."""
    return root(size, node_reader(archive.journal.tile))


def compare(archive: Archive, data: bytes) -> Compared:
    """Holds a checkpoint that somebody shows us against our record.

    Raises:
        BadInput: it is no checkpoint of this archive, or not under its key: it proves nothing.
        Refused: `fork`: it contradicts our record, which now says so; or `rollback`: it is of
            more entries than we have.
    """
    if len(data) > MAX_NOTE:
        raise BadInput(
            "This is too large for a checkpoint.",
            kept=_NOTHING,
            todo="A checkpoint has a few lines: is it another file, a package perhaps?",
        )
    head = archive.journal.head()
    assert head is not None
    try:
        note, shown = read_checkpoint(data)
    except BadRecord as error:
        raise BadInput(
            f"This is no checkpoint: {error.what}",
            kept=_NOTHING,
            todo="Let them send the checkpoint again, as a file and unchanged.",
        ) from error
    if shown.origin != head.origin:
        raise BadInput(
            f"This is a checkpoint of {shown.origin[:80]}, and this archive is {head.origin}.",
            kept=_NOTHING,
            todo="A partner's checkpoint is compared by 'witnessmark witness sign'.",
        )
    keys = [key for _, key in archive.history().archive_keys]
    try:
        note.check(keys)
    except BadRecord as error:
        raise BadInput(
            f"No key of this archive signed this checkpoint: it proves nothing. ({error.what})",
            kept=_NOTHING,
            todo="Was it changed on its way? Let them send it again; else it can be left alone.",
        ) from error
    if shown.size > head.size:
        raise _ahead("Whoever made this file", shown.size, head.size)
    if our_root(archive, shown.size) != shown.root:
        entry = _report(archive, shown, _evidence(data, keys))
        restored = restoring.stands(archive.folder) or {}
        raise fork_error(shown.size, entry, restored.get("size"))
    return Compared(shown.size, witnesses=_signers(archive, note.text, note.signatures))


def _evidence(data: bytes, keys: list[VerifierKey]) -> bytes:
    """The note as far as it proves something: its text and the lines of our own keys.

    Lines of strangers could hold anything, and what is in the record stays in it.
    """
    note, _ = read_checkpoint(data)
    wanted = {(key.name, key.id) for key in keys}
    lines = sorted({each.line for each in note.signatures if (each.name, each.key_id) in wanted})
    return (note.text + "\n" + "".join(lines)).encode()


def _signers(archive: Archive, text: str, lines: tuple[Signature, ...]) -> tuple[str, ...]:
    names = []
    for witness in archive.settings.witnesses:
        try:
            if check(text, lines, WitnessKey.parse(witness.key)):
                names.append(witness.name)
        except BadRecord:
            continue
    return tuple(names)


def _report(archive: Archive, shown: Checkpoint, evidence: bytes) -> int:
    """The entry about a fork; of one root at one size there is one."""
    for index in archive.queries.acts(ForkReported.TYPE):
        said = archive.journal.entry(index).said
        if isinstance(said, ForkReported) and (said.size, said.theirs) == (
            shown.size, shown.root.hex(),
        ):  # fmt: skip
            return index
    stored = archive.blobs.put(io.BytesIO(evidence))
    attachment = Attachment(
        role=Token("checkpoint"), sha256=Sha256(stored.sha256), size=stored.size
    )
    fork = ForkReported(
        size=shown.size,
        ours=Sha256(our_root(archive, shown.size).hex()),
        theirs=Sha256(shown.root.hex()),
        note=attachment,
    )
    return archive.say(fork).index
