"""Stamps through a partner's archive: a question on a stick, and what came of it.

The partner sees digests alone: not whose record it is, nor how large. What comes back is checked
here as if it had come over the network. A partner can withhold, and where two authorities of ours
have the same roots, say which of the two it was; nothing more.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from witnessmark.anchoring import calendars, hashes, tokens
from witnessmark.anchoring.http import Door, NoAnswer
from witnessmark.archive import anchoring, stamps
from witnessmark.archive.archive import Archive
from witnessmark.archive.stamps import OPENTIMESTAMPS, PARTNER, RFC3161, Outcome, Text
from witnessmark.errors import (
    BadInput,
    BadRecord,
    BadStamp,
    NotFound,
    StoreFailure,
    WitnessmarkError,
)
from witnessmark.model import AnchorFailed
from witnessmark.model.statement import Sha256, Token
from witnessmark.record.canonical import canonical, parse
from witnessmark.record.note import strict_base64
from witnessmark.settings import Authority, is_name
from witnessmark.stores.durable import write_new_file

_REQUEST, _ANSWER = "anchor-request/1", "anchor-answer/1"
_LARGEST, _MANY = 16 << 20, 64
_COPY_AGAIN = (
    "Copy it again from where it was written; if it is the same there, let it be made anew."
)
_ANSWER_AGAIN = (
    "Let the partner answer anew: 'witnessmark anchor --for-partner QUESTION --into FILE'."
)
_OTHER = (
    "Look for the file that 'witnessmark anchor' wrote: --request here, --into at the partner's."
)


def ask(archive: Archive, path: Path) -> int:
    """Writes a question over the newest checkpoint for a partner; the checkpoint's size."""
    text = stamps.text_of(archive)
    hash_name = hashes.to_ask(archive.settings.anchors, datetime.now(UTC))
    question, name = tokens.question(text.data, hash_name), secrets.token_hex(16)
    archive.work.add_question(name, text.size, question.nonce)
    members = {"id": name, "digest": text.digest.hex(), "query": _encode(question.request)}
    _write(path, {"witnessmark": _REQUEST, **members})
    return text.size


def ask_for(
    archive: Archive, request: Path, answer: Path, door: Door | None = None
) -> dict[str, str]:
    """At the partner: asks the own authorities and calendars a question from elsewhere.

    Nothing of it enters the own record.

    Returns:
        name of each who was asked to "" or why there is no answer.

    Raises:
        BadInput: `request` is none, or nobody is named who could be asked.
    """
    members = _read(request, _REQUEST)
    digest, query = _text(members, "digest"), _decode(members, "query")
    if not tokens.is_question(query, digest):
        raise BadInput(
            f"{request} is no question that can be passed on.",
            kept="Nothing was sent.",
            todo="Let them write a new one: 'witnessmark anchor --request FILE'.",
        )
    anchors = archive.settings.anchors
    door = door or anchoring.door_of(archive)
    went: dict[str, str] = {}
    found: list[dict[str, str]] = []
    for whom in anchors.authorities:
        if whom.url:
            try:
                data = door.post(whom.url, query, tokens.QUERY, answer=tokens.REPLY)
                found.append({"kind": RFC3161, "name": whom.name, "data": _encode(data)})
            except (NoAnswer, BadInput) as error:
                went[whom.name] = error.code
    for calendar in anchors.calendars:
        try:
            data = calendars.submit(door, calendar.url, bytes.fromhex(digest)).data
            bare = {"kind": OPENTIMESTAMPS, "name": calendar.name, "url": calendar.url}
            found.append({**bare, "data": _encode(data)})
        except (NoAnswer, BadStamp, BadInput) as error:
            went[calendar.name] = error.code
    if not found and not went:
        raise BadInput(
            "Nobody is named here who could stamp.", todo="Name authorities in archive.toml."
        )
    _write(answer, {"witnessmark": _ANSWER, "id": _text(members, "id"), "answers": found})
    return {**{each["name"]: "" for each in found}, **went}


def take(archive: Archive, path: Path) -> list[Outcome]:
    """Checks and records what a partner brought back.

    Raises:
        BadInput: `path` is no answer.
        NotFound: it answers nothing that this archive asked.
    """
    members = _read(path, _ANSWER)
    question = archive.work.question(_text(members, "id"))
    answers = members.get("answers")
    if not isinstance(answers, list) or len(answers) > _MANY:
        raise BadInput(
            f"{path} is no answer: it lists none, or more than {_MANY}.",
            kept="Nothing was recorded.",
            todo=_ANSWER_AGAIN,
        )
    if question is None:
        raise NotFound(
            f"{path} answers nothing that this archive has asked.",
            kept="Nothing was recorded.",
            todo="Was it asked by another archive? Else ask again with --request.",
        )
    size, nonce = question
    text = stamps.text_of(archive, size)
    since = datetime.fromisoformat(archive.journal.entry(size - 1).entry.at)
    return [_take(archive, each, text, nonce, since) for each in answers]


def _take(archive: Archive, answer: object, text: Text, nonce: int, since: datetime) -> Outcome:
    members = answer if isinstance(answer, dict) else {}
    kind = RFC3161 if members.get("kind") == RFC3161 else OPENTIMESTAMPS
    try:
        data = _decode(members, "data")
        if kind == RFC3161:
            whom = _whose(archive, data, text, nonce, members.get("name"))
            roots, lists = stamps.pinned(archive, whom)
            said = stamps.stamped(
                archive, text, whom.name, data, roots, lists,
                nonce=nonce, via=PARTNER, since=since, now=datetime.now(UTC),
            )  # fmt: skip
        else:
            name = _calendar(archive, members)
            proof = calendars.read(data, text.digest)
            said = stamps.promised(archive, text, name, proof, PARTNER)
        return stamps.record(archive, said)
    except (BadStamp, BadInput) as error:
        return _failed(archive, kind, text, error)


def _whose(archive: Archive, data: bytes, text: Text, nonce: int, name: object) -> Authority:
    """That authority of ours whose roots an answer leads to.

    Where it leads to the roots of several, the partner's `name` for it decides, as nothing else
    does. But a signer who has stamped this checkpoint for one of them stays that one's: nobody
    counts as two.

    Raises:
        BadStamp: it leads to none.
    """
    problem = BadStamp(
        "No authority is pinned in archive.toml.",
        code="untrusted",
        todo="Name authorities there, with their roots; 'witnessmark anchor --help' shows how.",
    )
    found: list[Authority] = []
    for whom in archive.settings.anchors.authorities:
        try:
            roots, lists = stamps.pinned(archive, whom)
            tokens.check(data, text.data, roots, nonce=nonce, lists=lists)
            found.append(whom)
        except BadStamp as error:
            problem = error
    if not found:
        raise problem
    signers = _signers(archive, text) if len(found) > 1 else {}
    signer = tokens.signer(data).raw
    free = [whom for whom in found if whom.name not in signers]
    ranked = [
        *(whom for whom in found if signers.get(whom.name) == signer),
        *(whom for whom in free if whom.name == name),
        *free,
        *found,
    ]
    return ranked[0]


def _signers(archive: Archive, text: Text) -> dict[str, bytes | None]:
    """Who has stamped this checkpoint: the signer's certificate (DER), None when it is gone."""
    found: dict[str, bytes | None] = {}
    for row in archive.queries.anchors():
        if (row.kind, row.size) == (RFC3161, text.size):
            try:
                found[row.authority] = tokens.signer(stamps.blob(archive, row.proof)).raw
            except (BadStamp, NotFound, StoreFailure):
                found[row.authority] = None  # 'check' says so
    return found


def _calendar(archive: Archive, members: Mapping[str, Any]) -> str:
    """Our name of the partner's calendar; else theirs, when it is a name."""
    for each in archive.settings.anchors.calendars:
        if each.url == members.get("url"):
            return each.name
    name = members.get("name")
    return name if isinstance(name, str) and is_name(name) else PARTNER


def _failed(archive: Archive, kind: str, text: Text, error: WitnessmarkError) -> Outcome:
    said = AnchorFailed(
        size=text.size,
        root=Sha256(text.root),
        kind=Token(kind),
        authority=Token(PARTNER),
        reason=Token(error.code),
    )
    entry = archive.say(said).index
    return Outcome(
        authority=PARTNER, kind=kind, size=text.size, state="failed",
        reason=error.code, what=error.what, todo=error.todo, entry=entry,
    )  # fmt: skip


# --- files ---------------------------------------------------------------------------------------


def _write(path: Path, members: Mapping[str, Any]) -> None:
    try:
        write_new_file(path, canonical(dict(members)) + b"\n", 0o644)
    except FileExistsError as error:
        raise BadInput(
            f"{path} is there already.", kept="It was not touched.", todo="Name another file."
        ) from error
    except OSError as error:
        raise BadInput(
            f"{path} cannot be written: {error.strerror}.",
            todo="Name a file in a folder that is there, on a disk with room.",
        ) from error


def _read(path: Path, kind: str) -> Mapping[str, Any]:
    try:
        with open(path, "rb") as file:
            members = parse(file.read(_LARGEST + 1).removesuffix(b"\n"), limit=_LARGEST)
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read: {error.strerror}.", todo="Is it where you say, and yours?"
        ) from error
    except BadRecord as error:
        raise BadInput(
            f"{path} is not what 'witnessmark anchor' writes: {error.what}", todo=_COPY_AGAIN
        ) from error
    if not isinstance(members, dict) or members.get("witnessmark") != kind:
        found = members.get("witnessmark") if isinstance(members, dict) else None
        raise BadInput(
            f"{path} is not of the kind {kind}.",
            todo="It is the other file of the two." if found in (_REQUEST, _ANSWER) else _OTHER,
        )
    return members


def _text(members: Mapping[str, Any], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or len(value) > _LARGEST:
        raise BadInput(f"The file does not say its {name}.", todo=_COPY_AGAIN)
    return value


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decode(members: Mapping[str, Any], name: str) -> bytes:
    try:
        return strict_base64(_text(members, name), f"The file's {name}")
    except BadRecord as error:
        raise BadInput(error.what, todo=_COPY_AGAIN) from error
