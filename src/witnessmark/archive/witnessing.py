"""Our archive as a partner's witness: its key, whom it watches, answers as files."""

from __future__ import annotations

from pathlib import Path

from witnessmark.archive.archive import Archive
from witnessmark.custody.witness import Witness
from witnessmark.errors import BadInput, NotFound, Refused
from witnessmark.record.cosignature import WitnessKey
from witnessmark.record.note import is_key_name
from witnessmark.record.witnessing import MAX_REQUEST, Answer, Status, read_checkpoint
from witnessmark.stores.durable import write_new_file

#: What whoever runs the witness does about a refusal.
_TODO = {
    Status.UNKNOWN: "Is it a partner's record? 'witnessmark witness add NAME KEY', then sign "
    "again.",
    Status.UNSIGNED: "Did they rotate their key? Get their new line by another way, 'witnessmark "
    "witness add NAME KEY', then sign again.",
    Status.CONFLICT: "Bring the answer back: 'witnessmark cosign --take' there says how to ask "
    "again.",
}


def witness(archive: Archive) -> Witness:
    """This archive as a witness. Raises `NotFound` when it has no witness key."""
    if not archive.is_witness:
        raise NotFound(
            "This archive co-signs for nobody yet.",
            todo="Make its witness key: 'witnessmark witness key'.",
        )
    return Witness(archive.witness_memory)


def make_key(archive: Archive, name: str = "") -> WitnessKey:
    """The archive's witness key, made at the first use; named like the record unless told.

    Raises:
        BadInput: the name cannot name a key.
    """
    name = name or f"{archive.origin}/w"
    if not is_key_name(name) or len(name) > 128:
        raise BadInput(
            f"{name!r} cannot name a witness.",
            kept="No key was made.",
            todo="No spaces, no plus sign, at most 128 characters.",
        )
    return Witness.make(archive.witness_memory, name).key


def sign(archive: Archive, request: Path, answer: Path) -> Answer:
    """Answers the question in a file with a file; a refusal is an answer too.

    Raises:
        BadInput: the question cannot be read, or the answer's file is there already.
    """
    ours = witness(archive)
    if answer.exists():
        raise BadInput(
            f"{answer} is there already.",
            kept="It was not touched. Nothing was co-signed.",
            todo="Name another file for the answer.",
        )
    try:
        with open(request, "rb") as file:
            body = file.read(MAX_REQUEST + 1)
    except OSError as error:
        raise BadInput(
            f"{request} cannot be read: {error.strerror}.",
            kept="Nothing was co-signed.",
            todo="Name the file that the partner's 'witnessmark cosign --request' wrote.",
        ) from error
    found = ours.answer(body, again=True)
    try:
        write_new_file(answer, found.encode(), 0o644)
    except FileExistsError as error:
        raise BadInput(
            f"{answer} has come there meanwhile.",
            kept="It was not touched. What was co-signed is remembered.",
            todo="Name another file: the answer is the same again.",
        ) from error
    return found


def refusal(found: Answer) -> Refused | None:
    """The sentences for the one who runs the witness; None when it co-signed."""
    if found.status is Status.COSIGNED:
        return None
    if found.loud:
        return Refused(
            f"FORK? {found.loud}",
            kept="Both checkpoints are kept ('witnessmark witness list'). Nothing was co-signed.",
            todo="Tell the partner by another way, and let them compare: the answer holds the "
            "checkpoint that was seen, for 'witnessmark cosign --take' there.",
            code="fork",
        )
    text = found.body.decode("utf-8", errors="replace").strip()
    if found.status is Status.CONFLICT:
        text = (
            f"They asked from another size than the last co-signed one, {text}. The answer says so."
        )
    return Refused(
        text,
        kept="Nothing was co-signed.",
        todo=_TODO.get(found.status, "Let the partner ask again with a new file."),
        code=f"refused_{int(found.status)}",
    )


def contradictions(archive: Archive) -> list[str]:
    """One sentence for each contradiction in partners' records that was kept."""
    if not archive.is_witness:
        return []
    memory = archive.witness_memory
    names = {log.origin: log.name for log in memory.logs()}
    found = []
    for each in memory.contradictions():
        name, size = names.get(each.origin, each.origin), read_checkpoint(each.before)[1].size
        found.append(
            f"FORK of {name}'s record, at {each.at}: two different checkpoints of {size} entries "
            "under its key."
            if each.kind == "fork"
            else f"{name}'s checkpoint of {each.size} entries came at {each.at} with a proof that "
            f"does not lead from the {size} co-signed before: ask them."
        )
    return found
