"""Disposal: the bytes of objects are destroyed by two persons; what the record says stays.

The entry comes first, then the bytes go: from `objects/`, `derived/` and `damaged/`. A plan put
down before the entry lets the next opening finish what a killed process had begun.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
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
_HASH = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
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
        pairs += [(row.a, row.b) for row in archive.queries.decisions(name)]
        for a, b in dict.fromkeys(pairs):
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
    second = _need_second(archive, second)
    while True:
        head = archive.journal.head()
        size = head.size if head else 0
        going = plan(archive, names)
        _check_contrary(going, contrary_reason)
        said = [
            (_said(archive, going, part, ground, reason, contrary_reason, second), _about(part))
            for part in _parts(list(going.blobs.items()))
        ]
        mark = _PLAN + f"{os.getpid()}-{secrets.token_hex(8)}-{size}"
        archive.vault.keep(mark, True)
        try:
            taken = archive.say_all(said, functools.partial(_check_moved, archive, going, size))
        except _Moved:
            archive.vault.drop_kept(mark)
            continue
        destroy(archive, going.blobs)
        archive.vault.drop_kept(mark)
        entries = tuple(each.index for each in taken)
        return Disposal(going, entries, *_copies(archive, going.blobs))


def _need_second(archive: Archive, second: Unlocked | None) -> Unlocked:
    person = archive.working_person()
    if second is None or second.person == person.person:
        raise Refused(
            "Nobody disposes of anything alone.",
            kept=_KEPT,
            todo="A second person gives their own passphrase (see --help).",
            code="second_person",
        )
    return second


class _Moved(Exception):
    """Something was said meanwhile that may change the plan."""


def _check_moved(archive: Archive, going: Plan, size: int, now: int) -> None:
    """Raises `_Moved` if an entry since `size` names what is to go, or is a disposal too."""
    for recorded in archive.journal.read(size, now):
        named = {name.decode() for name in _HASH.findall(recorded.body)}
        if isinstance(recorded.said, ObjectDisposed) or not named.isdisjoint(going.blobs):
            raise _Moved


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
    if (archive.derived / "index").exists():
        from witnessmark.archive import searching  # only now: its libraries take long to load

        searching.forget(archive, wanted)


def remove_named(folder: Path, names: set[str]) -> None:
    """Removes all files below `folder` whose name begins with one of these 64-digit names."""
    for path in folder.rglob("*"):
        if path.name[:64] in names and path.is_file():
            path.unlink(missing_ok=True)
            sync_folder(path.parent)


def finish(archive: Archive, alive: Callable[[str], bool]) -> None:
    """Ends disposals that killed processes had begun, as far as the record says them.

    Objects that came back by another way (an older copy put in place by hand) go too. An
    attachment that is there again stays: another object's finding may be about to name it.
    """
    left = [name for name in archive.vault.kept_names(_PLAN) if not alive(name)]
    gone = archive.queries.disposed()
    wanted = {name for name in archive.queries.held(list(gone)) if archive.blobs.has(name)}
    if left:
        wanted |= _said_since(archive, min(map(_since, left))) & gone.keys()
    if wanted:
        destroy(archive, wanted)
    for name in left:
        archive.vault.drop_kept(_PLAN + name)


def _since(mark: str) -> int:
    """Size of the record when a plan was put down; 0 when its mark does not say."""
    size = mark.split("-")[2:]
    return int(size[0]) if size and size[0].isdecimal() else 0


def _said_since(archive: Archive, size: int) -> set[str]:
    """Names that disposals from entry `size` on took away."""
    found = set[str]()
    for index in archive.queries.acts(ObjectDisposed.TYPE):
        if index >= size:
            said = ObjectDisposed.read(archive.journal.entry(index).entry.fields)
            found |= {each.sha256 for each in said.objects}
    return found
