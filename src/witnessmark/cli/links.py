"""`link list`, `confirm`, `split`, `merge`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from witnessmark.cli.options import ArchiveOption, JsonOption, KeyFileOption, opened
from witnessmark.cli.output import dump, say

if TYPE_CHECKING:
    from witnessmark.archive import Archive
    from witnessmark.archive.linking import Standing
    from witnessmark.model import DecidedSpan

links = typer.Typer(
    name="link",
    help="Links between objects, and what people say of them. A person's word wins over a "
    "program's, and a later word over an earlier one, so every decision can be taken back.\n\n"
    "Example: witnessmark link list",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_First = Annotated[str, typer.Argument(metavar="A", help="Start of an object's SHA-256.")]
_Second = Annotated[str, typer.Argument(metavar="B", help="Start of the other one's.")]
_Spans = Annotated[
    list[str] | None,
    typer.Option("--span", help="Seconds of A and of B: 12-30.5=0-18.5 (may be repeated)."),
]
_Reason = Annotated[str, typer.Option(help="Why (sealed).")]


#: What each command for a person's word says of itself.
_DECISIONS = {
    "confirm": "Says under your key that a link is right: one camera's take. "
    "Without --span, all of it.\n\n"
    'Example: witnessmark link confirm 3f9a0c51 77b0aa12 --reason "same shadows, same hands"',
    "split": "Says under your key that these are not the same footage, "
    "whatever a program finds.\n\n"
    'Example: witnessmark link split 3f9a0c51 77b0aa12 --span 0-9=4-13 --reason "another day"',
    "merge": "Says under your key that these stretches are the same footage, "
    "though no program found it.\n\n"
    'Example: witnessmark link merge 3f9a0c51 77b0aa12 --span 12-30=0-18 --reason "filmed off it"',
}


def _deciding(decision: str) -> Callable[..., None]:
    """The command that records `decision`."""

    def decide(
        a: _First,
        b: _Second,
        span: _Spans = None,
        reason: _Reason = "",
        archive: ArchiveOption = Path(),
        key_file: KeyFileOption = None,
        as_json: JsonOption = False,
    ) -> None:
        from witnessmark.archive import linking

        spans = [_span(text) for text in span or ()]
        with opened(archive, key_file, unlock=True) as held:
            made = linking.decide(held, a, b, decision, reason=reason, spans=spans)
            groups = _groups(held)
        if as_json:
            dump({"entry": made.index, "recordings": groups})
        else:
            say(f"Recorded as entry {made.index}: {decision}. "
                f"There are {groups} groups of matching footage now.")  # fmt: skip

    return decide


def list_links(
    name: Annotated[
        str, typer.Argument(metavar="OBJECT", help="Only its links: start of its SHA-256.")
    ] = "",
    archive: ArchiveOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """All links with what stands of them, and the splits that other links go around.

    Examples: witnessmark link list; witnessmark link list 3f9a0c51 --json
    """
    from witnessmark.archive import linking

    with opened(archive, reading=True) as held:
        sha256 = held.queries.object(name).sha256 if name else None
        found = linking.standings(held, sha256)
        joined = [row for row in linking.still_joined(held) if sha256 in (None, row.a, row.b)]
    if as_json:
        dump(
            {
                "links": [_members(each) for each in found],
                "still_joined": [dataclasses.asdict(row) for row in joined],
            }
        )
        return
    for each in found:
        say(line(each))
    if not found:
        say("No link is recorded. 'witnessmark match' looks for them.")
    for row in joined:
        say(
            f"! {row.a[:12]} and {row.b[:12]} are not the same footage, a person says "
            f"(entry {row.entry}), and other links still join them: somebody should look."
        )


def line(each: Standing) -> str:
    """A link in one line, for people."""
    by = "on a person's word"
    if each.link:
        by = f"score {each.link.score} by matcher {each.link.matcher}"
    decided = "".join(f", entry {entry}" for entry in each.decided_by)
    state = "" if each.state == "found" else f"; {each.state}{decided}"
    return f"{each.a[:12]} ~ {each.b[:12]}: {each.relation.replace('_', ' ')}, {by}{state}"


def _members(each: Standing) -> dict[str, Any]:
    from witnessmark.model.statement import plain

    members = {
        "a": each.a,
        "b": each.b,
        "relation": each.relation,
        "state": each.state,
        "decided_by": list(each.decided_by),
    }
    if each.link is None:
        return members | {"by": "person"}
    segments = [plain(segment) for segment in each.link.segments]
    found = {"by": "program", "entry": each.link.entry, "score": each.link.score}
    found["matcher"] = each.link.matcher
    return members | found | {"segments": segments}


def _groups(held: Archive) -> int:
    return len(held.queries.recordings())


def _span(text: str) -> DecidedSpan:
    """`12-30.5=0-18.5`, in seconds."""
    from witnessmark.model import DecidedSpan

    number = r"(\d{1,9}(?:\.\d{1,3})?)"
    found = re.fullmatch(rf"{number}-{number}={number}-{number}", text, re.ASCII)
    if not found:
        raise typer.BadParameter(f"{text!r} is not of the form 12-30.5=0-18.5 (seconds)")
    ends = [round(float(each) * 1000) for each in found.groups()]
    return DecidedSpan(a_start=ends[0], a_end=ends[1], b_start=ends[2], b_end=ends[3])


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    links.command("list")(list_links)
    for decision, said in _DECISIONS.items():
        links.command(decision, help=said)(_deciding(decision))
    app.add_typer(links)
