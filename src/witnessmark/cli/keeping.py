"""`dispose`, `audit`, `restore`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from witnessmark.cli.options import (
    ArchiveOption,
    JsonOption,
    KeyFileOption,
    SecondKeyOption,
    opened,
    second_person,
)
from witnessmark.cli.output import dump, safe, say, size


def dispose(
    objects: Annotated[list[str], typer.Argument(help="Starts of the objects' SHA-256.")],
    ground: Annotated[
        str,
        typer.Option(
            help="out_of_scope, duplicate_personal_data, consent_withdrawn or court_order."
        ),
    ] = "",
    reason: Annotated[str, typer.Option(help="Why (sealed).")] = "",
    contrary_reason: Annotated[
        str,
        typer.Option(help="Why they go although linked material stays (sealed; on the record)."),
    ] = "",
    second_key_file: SecondKeyOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    archive: ArchiveOption = Path(),
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Destroys the bytes of objects for good; two persons sign. Their names stay, and check.

    What was made from them goes too. They are not collected again.

    Example: witnessmark dispose 3f9a0c51 --ground consent_withdrawn --reason "she asked us to"
    """
    from witnessmark.archive import disposing

    with opened(archive, key_file, unlock=True) as held:
        going = disposing.plan(held, objects)
        if not yes and sys.stdin.isatty():
            what = f"{len(going.objects)} objects ({size(sum(going.blobs.values()))})"
            typer.confirm(f"{what} cannot be brought back. Destroy them?", abort=True)
        held.working_person()
        other = second_person(held, True, second_key_file)
        done = disposing.dispose(
            held,
            objects,
            ground=ground,
            reason=reason,
            second=other,
            contrary_reason=contrary_reason,
        )
    if as_json:
        dump({"entries": list(done.entries), "objects": sorted(done.plan.objects),
              "attachments": sorted(done.plan.attachments),
              "contrary": bool(done.plan.contrary),
              "holding": [str(each.folder) for each in done.holding],
              "unreachable": [str(each.folder) for each in done.unreachable]})  # fmt: skip
        return
    say(f"Destroyed: {len(done.plan.objects)} objects, {len(done.plan.attachments)} attachments "
        f"made from them ({size(sum(done.plan.blobs.values()))}); "
        f"recorded as entry {', '.join(map(str, done.entries))}.")  # fmt: skip
    if done.plan.contrary:
        say("! Material that is linked with them stays; the record says so.")
    for place in done.holding:
        say(f"! {safe(place.folder)} still holds copies: 'witnessmark backup' there removes them.")
    for place in done.unreachable:
        say(f"! {safe(place.folder)} is not there now and may hold copies: back up there next.")
    say("Captions, names and tags about them stay sealed; 'witnessmark erase' takes them away. "
        "Packages that were handed over keep what they had.")  # fmt: skip


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    for command in (dispose,):
        app.command()(command)
