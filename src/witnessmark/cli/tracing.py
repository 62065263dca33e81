"""`trace`: which copy that we hold is earliest, longest, sharpest, and which derives from which."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from witnessmark.cli.options import ArchiveOption, JsonOption, KeyFileOption, opened
from witnessmark.cli.output import dump, safe, say

if TYPE_CHECKING:
    from witnessmark.archive.tracing import Traced
    from witnessmark.model import DatedBy
    from witnessmark.verification.matching.lineage import Earliest

_WHY = {
    "no_independent_date": "no copy has a date of independent grade",
    "same_time": "several copies have the same independent date",
    "held_before": "a copy that was handed over lay here before the others were seen, and nobody "
    "independent says when it appeared",
}
_GRADES = {
    "stated": "stated in a handed-over file",
    "observed": "observed live by us",
    "captured": "captured independently by another",
    "anchored": "anchored",
}


def trace(
    name: Annotated[str, typer.Argument(metavar="OBJECT", help="Start of its SHA-256.")],
    who: Annotated[
        bool, typer.Option("--who", help="Who published the earliest copy; takes a role.")
    ] = False,
    archive: ArchiveOption = Path(),
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """The earliest copy we hold of what an object shows; the longest; which derives from which.

    Dates that handed-over files state order nothing and are shown apart, as claims. Who published
    the earliest copy is not shown unless you ask and your role lets you.

    Examples: witnessmark trace 3f9a0c51; witnessmark trace 3f9a0c51 --who
    """
    from witnessmark.archive import matching, tracing

    with opened(archive, key_file, unlock=who, reading=True) as held:
        if who:
            tracing.may_see_uploader(held)
        found = tracing.trace(held, name)
        searched = matching.coverage(held)
        for number, each in enumerate(found, 1):
            people = tracing.first_uploader(held, each.earliest) if who else None
            if as_json:
                members = _members(each)
                extra = {"first_uploader": people} if who else {}
                dump({**members, **extra, "coverage": dataclasses.asdict(searched)})
            else:
                _show(number, each, people)
        if not as_json:
            say(f"Searched: {searched}.")


def _members(each: Traced) -> dict[str, Any]:
    from witnessmark.model.statement import plain

    members: Any = plain(dataclasses.asdict(each))
    members["earliest"]["claims"] = [
        {"object": name, **date} for name, date in members["earliest"]["claims"]
    ]
    return dict(members)


def _show(number: int, each: Traced, people: list[dict[str, Any]] | None) -> None:
    objects = sorted({member.sha256 for member in each.members})
    what = "One camera's take, a person says" if each.one_take else "Matching footage"
    say(f"{what} ({number}): {len(objects)} copies")
    _show_earliest(each.earliest)
    for seen in people or ():
        rest = {k: v for k, v in seen.items() if k not in ("entry", "source", "party")}
        say(f"      entry {seen['entry']}, channel of {safe(seen['party'])}, {seen['source']}")
        for field, value in rest.items():
            say(f"        {field}: {safe(value)[:300]}")
    say(f"  longest we hold: {_short(each.longest)}")
    say(f"  most pixels: {_short(each.sharpest) or 'not known before examine'}")
    _show_descent(each)


def _show_earliest(found: Earliest) -> None:
    if found.copy is not None and found.date is not None:
        say(f"  earliest copy we hold: {found.copy[:12]}, {_dated(found.date)}")
    else:
        rivals = f" ({_short(found.rivals)})" if found.rivals else ""
        say(f"  earliest copy we hold: undetermined: {_WHY[found.why]}{rivals}")
    if found.undated:
        say(f"  without a date of independent grade, may be older: {_short(found.undated)}")
    for name, date in found.claims:
        say(f"  claim: {name[:12]}, {_dated(date)}; orders nothing")


def _dated(date: DatedBy) -> str:
    bound = "" if date.bounds_media else ", not of the video itself"
    grade = _GRADES.get(date.grade, safe(date.grade))
    return f"{safe(date.what).replace('_', ' ')} {safe(date.at)} ({grade}{bound})"


def _show_descent(each: Traced) -> None:
    if each.descent is None:
        return
    for arrow in each.descent.arrows:
        signs = ", ".join(f"{s.what} {abs(s.weight):.1f}" for s in arrow.signs)
        say(f"  estimate: {str(arrow.child)[:12]} derives from one like {str(arrow.parent)[:12]} "
            f"({signs})")  # fmt: skip
    for loose in each.descent.open:
        say(f"  estimate: {loose.a[:12]} and {loose.b[:12]}: undetermined")
    if each.not_compared:
        say(f"  not compared: {_short(each.not_compared)}")


def _short(names: tuple[str, ...]) -> str:
    return ", ".join(name[:12] for name in names)


def register(app: typer.Typer) -> None:
    """Adds the command of this module."""
    app.command()(trace)
