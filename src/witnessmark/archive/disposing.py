"""Disposal: the bytes of objects are destroyed by two persons; what the record says stays.

The entry comes first, then the bytes go: from `objects/`, `derived/` and `damaged/`. A plan put
down before the entry lets the next opening finish what a killed process had begun.
"""

from __future__ import annotations

import dataclasses
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from witnessmark.archive import protecting
from witnessmark.custody.keys import Unlocked
from witnessmark.errors import BadInput, Refused
from witnessmark.model import (
    Disposed,
    ObjectDisposed,
    ObjectStored,
    attachments,
    made_from,
)
from witnessmark.model.statement import Sha256, Token
from witnessmark.stores.durable import sync_folder

if TYPE_CHECKING:
    from witnessmark.archive.archive import Archive
    from witnessmark.archive.places import Place

GROUNDS = ("out_of_scope", "duplicate_personal_data", "consent_withdrawn", "court_order")
#: Objects that one entry names at most, in its fields and in `about`; more take several entries.
_ENTRY_OBJECTS = 250
_PLAN = "disposing."
_KEPT = "Nothing was destroyed."


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What goes when these objects go.

    Attributes:
        objects: the objects, and what was derived from them, with sizes.
        attachments: what was made from them alone (full outputs, thumbnails), with sizes.
        contrary: (object, other): links with material that stays.
    """

    objects: dict[str, int]
    attachments: dict[str, int]
    contrary: tuple[tuple[str, str], ...]

    @property
    def blobs(self) -> dict[str, int]:
        """All names with sizes."""
        return {**self.objects, **self.attachments}


@dataclasses.dataclass(frozen=True, slots=True)
class Disposal:
    """What was done: the plan, the entries that say so, and places that still hold copies.

    Attributes:
        holding: remembered backups in which copies lie.
        unreachable: remembered backups that are not there now, and may.
    """

    plan: Plan
    entries: tuple[int, ...]
    holding: tuple[Place, ...]
    unreachable: tuple[Place, ...]


def plan(archive: Archive, names: Sequence[str]) -> Plan:
    """What would go with these objects.

    Raises:
        NotFound: an object is not in the archive.
        Refused: one was disposed of before.
    """
    if not names:
        raise BadInput("No object is named.", kept=_KEPT, todo="Name them by their SHA-256.")
    rows = [archive.queries.object(name) for name in names]
    chosen = {row.sha256: row.size for row in rows}
    if done := archive.queries.disposed(list(chosen)):
        name, entry = next(iter(done.items()))
        raise Refused(f"{name} was disposed of before (entry {entry}).", kept=_KEPT)
    before = set(archive.queries.disposed())
    objects, attached, stays = dict(chosen), dict[str, int](), set[str]()
    for recorded in archive.journal.read():
        match recorded.said:
            case ObjectStored(sha256=name, size=size, derived_from=original):
                if original in objects and name not in stays:
                    objects[name] = size
                elif name not in chosen and original not in before:
                    # a copy that two originals have in common stays with the other one
                    stays.add(name)
                    objects.pop(name, None)
        blobs: dict[str, int] = {each.sha256: each.size for each in attachments(recorded.said)}
        if (source := made_from(recorded.said)) in objects:
            attached |= blobs
        elif source not in before:
            stays |= blobs.keys()
    objects = {name: size for name, size in objects.items() if name not in before}
    stays |= objects.keys() | before
    attached = {name: size for name, size in attached.items() if name not in stays}
    return Plan(objects, attached, tuple(_contrary(archive, objects)))


def _contrary(archive: Archive, objects: Iterable[str]) -> Iterator[tuple[str, str]]:
    gone = {*objects, *archive.queries.disposed()}
    for name in objects:
        pairs = [(row.a, row.b) for row in archive.queries.links(name)]
        pairs += [(row.a, row.b) for row in archive.queries.materials(name)]
        for a, b in pairs:
            other = b if a == name else a
            if other not in gone:
                yield name, other


def dispose(
    archive: Archive,
    names: Sequence[str],
    *,
    ground: str,
    reason: str,
    second: Unlocked | None,
    contrary_reason: str = "",
) -> Disposal:
    """Destroys the bytes of objects, and of all that was made from them alone.

    Args:
        ground: one of `GROUNDS`.
        second: another person than the one at work; nobody disposes alone.
        contrary_reason: why linked material that stays does not keep them here.

    Raises:
        Refused: nobody else signs, no reason, or linked material stays and it is not said why.
    """
    protecting.need_reason(reason)
    if ground not in GROUNDS:
        what = f"'{ground[:80]}' is no ground for disposal."
        raise BadInput(what, kept=_KEPT, todo=f"One of {', '.join(GROUNDS)}.")
    person = archive.working_person()
    if second is None or second.person == person.person:
        raise Refused(
            "Nobody disposes of anything alone.",
            kept=_KEPT,
            todo="A second person gives their own passphrase (see --help).",
            code="second_person",
        )
    going = plan(archive, names)
    _check_contrary(going, contrary_reason)
    mark = _PLAN + f"{os.getpid()}-{secrets.token_hex(8)}"
    archive.vault.keep(mark, sorted(going.blobs))
    said = [
        (_said(archive, going, part, ground, reason, contrary_reason, second), _about(part))
        for part in _parts(list(going.blobs.items()))
    ]
    taken = archive.say_all(said)
    destroy(archive, going.blobs)
    archive.vault.drop_kept(mark)
    entries = tuple(each.index for each in taken)
    return Disposal(going, entries, *_copies(archive, going.blobs))


Blobs = list[tuple[str, int]]


def _parts(blobs: Blobs) -> Iterator[Blobs]:
    for start in range(0, len(blobs), _ENTRY_OBJECTS):
        yield blobs[start : start + _ENTRY_OBJECTS]


def _about(part: Blobs) -> tuple[str, ...]:
    return tuple(f"sha256:{name}" for name, _ in part)


def _said(
    archive: Archive,
    going: Plan,
    part: Blobs,
    ground: str,
    reason: str,
    contrary_reason: str,
    second: Unlocked,
) -> ObjectDisposed:
    contrary = bool(going.contrary)
    said = ObjectDisposed(
        objects=tuple(Disposed(sha256=Sha256(name), size=size) for name, size in part),
        ground=Token(ground),
        reason=archive.protect("reason", reason),
        contrary=contrary,
        contrary_reason=archive.protect("contrary_reason", contrary_reason) if contrary else None,
        second=protecting.ALONE,
    )
    return protecting.with_second(archive, said, second)


def _check_contrary(going: Plan, contrary_reason: str) -> None:
    if going.contrary and not contrary_reason.strip():
        links = "; ".join(f"{name[:12]} with {other[:12]}" for name, other in going.contrary[:5])
        raise Refused(
            f"These objects are linked with material that stays: {links}.",
            kept=_KEPT,
            todo="Somebody may need them against it. If they must go all the same, say why with "
            "--contrary-reason; the record then says that contrary material was disposed of.",
            code="contrary",
        )


def _copies(archive: Archive, names: Iterable[str]) -> tuple[tuple[Place, ...], tuple[Place, ...]]:
    from witnessmark.archive import places

    known = places.remembered(archive)
    wanted = list(names)
    holding = [each for each in known if any(each.holds(name) for name in wanted)]
    return tuple(holding), tuple(each for each in known if not each.reachable)


# --- bytes ---------------------------------------------------------------------------------------


def destroy(archive: Archive, names: Iterable[str]) -> None:
    """Removes all files of these names: the blobs, and what `derived/` and `damaged/` have."""
    wanted = set(names)
    for name in wanted:
        archive.blobs.remove(name)
    for folder in (archive.derived, archive.folder / "damaged"):
        remove_named(folder, wanted)


def remove_named(folder: Path, names: set[str]) -> None:
    """Removes all files below `folder` whose name begins with one of these 64-digit names."""
    for path in folder.rglob("*"):
        if path.name[:64] in names and path.is_file():
            path.unlink(missing_ok=True)
            sync_folder(path.parent)


def finish(archive: Archive, alive: Callable[[str], bool]) -> None:
    """Ends disposals that killed processes had begun, as far as the record says them.

    Bytes that came back by another way (an older copy put in place by hand) go too.
    """
    left = [name for name in archive.vault.kept_names(_PLAN) if not alive(name)]
    gone = archive.queries.disposed()
    if left or any(archive.blobs.has(name) for name in gone):
        destroy(archive, gone)
    for name in left:
        archive.vault.drop_kept(_PLAN + name)
