"""Protected values: disclose and erase, with a reason and a second person or a recorded `alone`."""

from __future__ import annotations

import dataclasses
from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from witnessmark.custody.keys import Unlocked
from witnessmark.custody.vault import commitments
from witnessmark.errors import Erased, NotFound, Refused, StoreFailure
from witnessmark.model import (
    FindingRecorded,
    Json,
    Protected,
    SightingRecorded,
    ValueDisclosed,
    ValueErased,
)
from witnessmark.model.protected import ValueRef
from witnessmark.model.statement import Token
from witnessmark.record.history import second_bytes

if TYPE_CHECKING:
    from witnessmark.archive.archive import Archive

ALONE = Token("alone")
#: Values that one entry names at most; more take several entries.
_ENTRY_VALUES = 500


def values(archive: Archive, entry: int, fields: Sequence[str] = ()) -> dict[str, Protected]:
    """Protected fields of an entry, those named or all.

    Raises:
        NotFound: no such entry or field.
    """
    found = commitments(archive.journal.entry(entry))
    if missing := [name for name in fields if name not in found]:
        raise NotFound(
            f"Entry {entry} has no protected '{missing[0]}'.",
            todo=f"It has: {', '.join(found) or 'none'}.",
        )
    return {name: found[name] for name in fields or found}


def disclose(
    archive: Archive, entry: int, fields: Sequence[str], reason: str, second: Unlocked | None = None
) -> dict[str, Json]:
    """Opens values for somebody and records that it was done; field to value."""
    _need_reason(reason)
    refs = values(archive, entry, fields)
    opened = {name: archive.vault.open(ref).value for name, ref in refs.items()}
    archive.say(
        _signed(
            archive,
            ValueDisclosed(
                values=tuple(ValueRef(entry=entry, field=Token(name)) for name in opened),
                reason=archive.protect("reason", reason),
                second=ALONE,
            ),
            second,
        ),
        (f"entry:{entry}",),
    )
    return opened


def erase(
    archive: Archive,
    entry: int,
    fields: Sequence[str],
    reason: str,
    *,
    second: Unlocked | None = None,
    everywhere: bool = False,
) -> list[tuple[int, str]]:
    """Erases values for good, the record first and then the vault; what was erased.

    Args:
        everywhere: also every equal value of the same field, in all entries; and it is not
            collected again from anywhere. Otherwise it is not collected again from that place.
    """
    _need_reason(reason)
    refs = {(entry, name): ref for name, ref in values(archive, entry, fields).items()}
    if everywhere:
        refs |= _equal(archive, refs)
    refs = {key: ref for key, ref in refs.items() if archive.vault.holds(ref)}
    if not refs:
        raise Erased("These values were erased before.", kept="Nothing was changed.")
    archive.working_person()
    head = archive.journal.head()
    plan = archive.vault.plan_erasure(
        [(ref, field, _place(archive, number)) for (number, field), ref in refs.items()],
        head.size if head else 0,
        everywhere=everywhere,
    )
    order = sorted(refs)
    for start in range(0, len(order), _ENTRY_VALUES):
        part = order[start : start + _ENTRY_VALUES]
        archive.say(
            _signed(
                archive,
                ValueErased(
                    values=tuple(ValueRef(entry=n, field=Token(name)) for n, name in part),
                    reason=archive.protect("reason", reason),
                    second=ALONE,
                ),
                second,
            ),
            (f"entry:{entry}",),
        )
    archive.vault.finish_erasure(plan, {ref.commitment for ref in refs.values()})
    return order


def finish(archive: Archive, alive: Callable[[str], bool]) -> None:
    """Ends erasures that killed processes had begun, as far as the record says them."""
    for name, (since, _) in archive.vault.planned_erasures().items():
        if alive(name):
            continue
        said = {
            ref.commitment
            for recorded in archive.journal.read(since)
            if isinstance(recorded.said, ValueErased)
            for value in recorded.said.values
            for ref in values(archive, value.entry, [value.field]).values()
        }
        try:
            archive.vault.finish_erasure(name, said)
        except StoreFailure as error:
            if error.code != "busy":  # the plan stays, the next opening tries again
                raise


def _equal(
    archive: Archive, refs: dict[tuple[int, str], Protected]
) -> dict[tuple[int, str], Protected]:
    wanted: set[str] = set()
    for (_, name), ref in refs.items():
        value = archive.vault.open(ref).value
        wanted |= {same.commitment for same in archive.vault.same_values(name, value)}
    return {
        (recorded.index, name): ref
        for recorded in archive.journal.read()
        for name, ref in commitments(recorded).items()
        if ref.commitment in wanted
    }


def _place(archive: Archive, entry: int) -> str:
    """The keyed place that an erased field is not collected from again."""
    match archive.journal.entry(entry).said:
        case SightingRecorded(place=place):
            return place
        case FindingRecorded(object=sha256):
            return archive.vault.natural_key("finding", sha256)
    return ""


Act = TypeVar("Act", ValueDisclosed, ValueErased)


def _signed(archive: Archive, said: Act, second: Unlocked | None) -> Act:
    """`said` with the second person's signature; as it is when done alone."""
    if second is None:
        return said
    said = dataclasses.replace(said, second=Token(second.person))
    signature = second.signing.sign(second_bytes(said, archive.origin))
    return dataclasses.replace(said, second_signature=Token(b64encode(signature).decode("ascii")))


def second_person(archive: Archive, secret: bytes) -> Unlocked:
    """The second person, by their own passphrase or key file.

    Raises:
        Locked: it opens nobody's keys.
        Refused: it is the person at work.
    """
    second = archive.identify(secret)
    if second.person == archive.working_person().person:
        raise Refused(
            "The second person is the first.",
            kept="Nothing was changed.",
            todo="Another person gives their own passphrase; or leave it out: done alone.",
        )
    return second


def _need_reason(reason: str) -> None:
    if not reason.strip():
        raise Refused(
            "The reason is not stated.", kept="Nothing was changed.", todo="Give --reason."
        )
