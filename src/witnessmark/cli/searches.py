"""`searched add`, `searched list`, `coverage`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from witnessmark.cli.options import ArchiveOption, JsonOption, KeyFileOption, opened
from witnessmark.cli.output import dump, safe, say, table

searched = typer.Typer(
    name="searched",
    help="The search log: what was looked for, where, in which language, by whom, and what came "
    "of it. A search that finds nothing says something, too: put it down.\n\n"
    'Example: witnessmark searched add "name of a village" --on telegram --language uk --results 0',
    no_args_is_help=True,
    rich_markup_mode=None,
)


def add(
    terms: Annotated[str, typer.Argument(help="What was looked for (sealed).")],
    on: Annotated[str, typer.Option("--on", help="Platform, one word: telegram, web.")],
    language: Annotated[str, typer.Option(help="Of the terms: uk, hy, en; und for none.")],
    results: Annotated[int, typer.Option(help="How many things came up; 0 is a result.")],
    taken: Annotated[int, typer.Option(help="How many of them were collected.")] = 0,
    party: Annotated[str, typer.Option(help="Whose side this looked at.")] = "unknown",
    at: Annotated[str, typer.Option(help="When, with its zone; left out: now.")] = "",
    where: Annotated[str, typer.Option(help="Channel or address, if not all of it (sealed).")] = "",
    remark: Annotated[str, typer.Option(help="What else should be known (sealed).")] = "",
    archive: ArchiveOption = Path(),
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Puts down a search, under your key.

    Example: witnessmark searched add "name of a village" --on telegram --language uk --results 0
    """
    from witnessmark.archive import search_log

    search = search_log.Search(
        terms=terms, platform=on, language=language, results=results, taken=taken, party=party,
        at=at, where=where, remark=remark,
    )  # fmt: skip
    with opened(archive, key_file, unlock=True) as held:
        made = search_log.record(held, search)
    if as_json:
        dump({"entry": made.index})
    else:
        say(f"Recorded as entry {made.index}.")


def list_searches(archive: ArchiveOption = Path(), as_json: JsonOption = False) -> None:
    """All searches in the order they were put down; their terms stay sealed ('show' opens them).

    Example: witnessmark searched list --json
    """
    from witnessmark.archive import search_log

    with opened(archive, reading=True) as held:
        found = [_public(each) for each in search_log.searches(held)]
    if as_json:
        dump(found)
        return
    names = ("entry", "searched_at", "platform", "language", "party", "results", "taken", "by")
    table([tuple(name.replace("_", " ") for name in names),
           *[tuple(str(each[name]) for name in names) for each in found]])  # fmt: skip
    if not found:
        say("No search was put down.")


def _public(recorded: Any) -> dict[str, Any]:
    fields = recorded.said.fields()
    names = ("searched_at", "platform", "language", "party", "results", "taken")
    by = recorded.entry.by.removeprefix("key:")[:8]
    return {"entry": recorded.index, "by": by, **{name: fields[name] for name in names}}


def coverage(archive: ArchiveOption = Path(), as_json: JsonOption = False) -> None:
    """What was looked at and taken in for each party, and what was not.

    Numbers of videos say nothing of the parties before this was read: who is looked at more is
    found more.

    Example: witnessmark coverage
    """
    from witnessmark.archive import search_log

    with opened(archive, reading=True) as held:
        rows = search_log.coverage(held)
    if as_json:
        dump([dataclasses.asdict(row) for row in rows])
        return
    head = ("party", "runs", "seen", "stored", "not taken", "searches", "found nothing", "last")
    lines = [
        (row.party, row.runs, row.seen, row.stored, row.not_taken, row.searches,
         row.without_result, row.last[:10] or "-")
        for row in rows
    ]  # fmt: skip
    table([head, *[tuple(str(cell) for cell in line) for line in lines]])
    for row in rows:
        if row.searches:
            say(f"{safe(row.party)}: searched on {', '.join(row.platforms)} in "
                f"{', '.join(row.languages)}.")  # fmt: skip
        else:
            say(f"! {safe(row.party)}: no search was put down; nobody can say what was missed.")


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    searched.command()(add)
    searched.command("list")(list_searches)
    app.add_typer(searched)
    app.command()(coverage)
