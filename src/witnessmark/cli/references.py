"""`reference add`, `list`, `export`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from witnessmark.cli.options import ArchiveOption, JsonOption, KeyFileOption, opened
from witnessmark.cli.output import dump, safe, say, show_unenforced

if TYPE_CHECKING:
    from witnessmark.ports import ReferenceRow

references = typer.Typer(
    name="reference",
    help="Older footage to compare with: earlier conflicts, films, games, exercises. With the "
    "video: 'witnessmark collect FOLDER --reference NAME'. As fingerprints only: here; they, and "
    "every date given with them, are shown as somebody's claim.\n\n"
    "Example: witnessmark reference list",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def add(
    files: Annotated[list[Path], typer.Argument(help="Files that 'reference export' made.")],
    name: Annotated[str, typer.Option(help="The collection; public, so name no person.")] = "",
    claimed_date: Annotated[
        str, typer.Option(help="When it is said to be from: 1999, 1999-05-31 or a time.")
    ] = "",
    title: Annotated[str, typer.Option(help="What it is said to be (sealed).")] = "",
    from_whom: Annotated[str, typer.Option("--from", help="Who gave them (sealed).")] = "",
    archive: ArchiveOption = Path(),
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Takes in fingerprints of videos that are not here, under your key, as somebody's claim.

    Example: witnessmark reference add theirs/*.wmfp --name "Exercises" --claimed-date 2011
    """
    from witnessmark.archive import referencing

    with opened(archive, key_file, unlock=True) as held:
        claim = referencing.Claim(name, claimed_date, title, from_whom)
        taken = referencing.add(held, files, claim)
        unenforced = held.unenforced()
    if as_json:
        dump(
            {
                "entries": [each.index for each in taken.added],
                "held": taken.held,
                "failed": taken.failed,
            }
        )
    else:
        show_unenforced(unenforced)
        say(f"{len(taken.added)} fingerprints taken in, {taken.held} were here; "
            f"{len(taken.failed)} files were none.")  # fmt: skip
        for path, why in taken.failed.items():
            say(f"! {safe(path)}: {why}")
        say("'witnessmark match' compares them with everything here.")
    raise typer.Exit(1 if taken.failed else 0)


def list_references(archive: ArchiveOption = Path(), as_json: JsonOption = False) -> None:
    """All reference collections, and what matches claimed fingerprints.

    Example: witnessmark reference list --json
    """
    from witnessmark.archive import referencing

    with opened(archive, reading=True) as held:
        objects = held.queries.references()
        claims = referencing.claims(held)
        links = held.queries.reference_links()
    if as_json:
        said = [dataclasses.asdict(each) for rows in claims.values() for each in rows]
        found = [dataclasses.asdict(link) for link in links]
        dump({"objects": objects, "claims": said, "links": found})
        return
    for collection in sorted(set(objects.values())):
        count = sum(name == collection for name in objects.values())
        say(f"{safe(collection)}: {count} objects with their bytes")
    counts: dict[str, int] = {}
    for rows in claims.values():
        for row in rows:
            counts[row.collection] = counts.get(row.collection, 0) + 1
    for collection, count in sorted(counts.items()):
        say(f"{safe(collection)}: {count} fingerprints without their video, claims all")
    for link in links:
        words = "; ".join(claim_words(row) for row in claims.get(link.reference, ()))
        say(f"  {link.object[:12]}: {link.relation.replace('_', ' ')} as {words}, "
            f"score {link.score}")  # fmt: skip
    if not objects and not claims:
        say("There is no reference collection.")


def claim_words(row: ReferenceRow) -> str:
    """A claimed fingerprint for people: whose collection, and what date is claimed."""
    date = f", claimed to be of {row.claimed_date}" if row.claimed_date else ""
    return f"a fingerprint claimed for '{safe(row.collection)}'{date} (entry {row.entry})"


def export(
    objects: Annotated[list[str], typer.Argument(help="Starts of the objects' SHA-256.")],
    to: Annotated[Path, typer.Option("--to", help="New folder for the fingerprints.")],
    recipient: Annotated[str, typer.Option(help="To whom (sealed).")] = "",
    purpose: Annotated[str, typer.Option(help="What for (sealed).")] = "",
    risk: Annotated[
        str, typer.Option(help="Risk record: a file, or the entry of one; see 'export --help'.")
    ] = "",
    archive: ArchiveOption = Path(),
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Writes fingerprints for a partner, who can then look for copies without your videos.

    A fingerprint holds very small grey pictures: treat it like a picture.

    Example: witnessmark reference export 3f9a0c51 --to prints --recipient "Club B"
    --purpose "finding copies" --risk risk.json
    """
    from witnessmark.archive import referencing
    from witnessmark.cli.handing_over import risk_record

    with opened(archive, key_file, unlock=True) as held:
        entry = risk_record(held, risk) if risk else -1
        given = referencing.Given(recipient=recipient, purpose=purpose, risk=entry)
        made = referencing.export(held, to, objects, given)
    if as_json:
        dump({"entry": made.index, "folder": str(to)})
    else:
        say(f"{safe(to)}: recorded as entry {made.index}. The partner takes them in with "
            "'witnessmark reference add'.")  # fmt: skip


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    references.command()(add)
    references.command("list")(list_references)
    references.command()(export)
    app.add_typer(references)
