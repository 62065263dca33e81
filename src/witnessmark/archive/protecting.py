"""Protected values: disclose and erase, with a reason and a second person or a recorded `alone`."""

from __future__ import annotations

import dataclasses
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from witnessmark.custody.keys import Unlocked
from witnessmark.custody.vault import commitments
from witnessmark.errors import BadInput, Erased, NotFound, Refused, StoreFailure
from witnessmark.model import (
    FindingRecorded,
    Json,
    ObjectDisposed,
    Protected,
    Recorded,
    SightingRecorded,
    ValueDisclosed,
    ValueErased,
)
from witnessmark.model.protected import ValueRef
from witnessmark.model.statement import STATEMENTS, Token
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


@dataclasses.dataclass(frozen=True, slots=True)
class Listed:
    """A protected value of an entry; `held` is False once it was erased."""

    entry: int
    field: str
    ref: Protected
    held: bool


def listed(archive: Archive, entries: Iterable[Recorded]) -> list[Listed]:
    """All protected values of these entries, in order; works locked."""
    return [
        Listed(recorded.index, field, ref, archive.vault.holds(ref))
        for recorded in entries
        for field, ref in commitments(recorded).items()
    ]


def select(archive: Archive, entries: Iterable[Recorded], wanted: Sequence[str]) -> list[Listed]:
    """The values of these entries that are to be disclosed; erased ones are left out.

    Args:
        wanted: nothing for none; `all`; or fields (`caption`), and fields of one entry
            (`17:caption`).

    Raises:
        BadInput: no entry type has such a field, or no such value is among these entries.
    """
    known = set[str]().union(*(kind.protected_fields() for kind in STATEMENTS.values()))
    every = listed(archive, entries)
    chosen: set[tuple[int, str]] = set()
    for word in wanted:
        number, colon, name = word.rpartition(":")
        found = {
            (each.entry, each.field)
            for each in every
            if word == "all" or (each.field == name and (not colon or str(each.entry) == number))
        }
        if word != "all" and (name not in known or (colon and not found)):
            raise BadInput(
                f"There is no protected value '{word[:80]}' here.",
                kept="Nothing was disclosed.",
                todo=f"Say 'all', FIELD or ENTRY:FIELD; fields are: {', '.join(sorted(known))}.",
            )
        chosen |= found
    return [each for each in every if each.held and (each.entry, each.field) in chosen]


def disclose(
    archive: Archive, entry: int, fields: Sequence[str], reason: str, second: Unlocked | None = None
) -> dict[str, Json]:
    """Opens values for somebody and records that it was done; field to value."""
    need_reason(reason)
    refs = values(archive, entry, fields)
    opened = {name: archive.vault.open(ref).value for name, ref in refs.items()}
    archive.say(
        with_second(
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
    need_reason(reason)
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
            with_second(
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


Act = TypeVar("Act", ValueDisclosed, ValueErased, ObjectDisposed)


def with_second(archive: Archive, said: Act, second: Unlocked | None) -> Act:
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
        Refused: it is the person at work, or their key was revoked.
    """
    second = archive.identify(secret)
    if second.person == archive.working_person().person:
        raise Refused(
            "The second person is the first.",
            kept="Nothing was changed.",
            todo="Another person gives their own passphrase; or leave it out: done alone.",
        )
    return second


def need_reason(reason: str) -> None:
    """Raises `Refused` for a reason that says nothing."""
    if not reason.strip():
        raise Refused(
            "The reason is not stated.", kept="Nothing was changed.", todo="Give --reason."
        )
