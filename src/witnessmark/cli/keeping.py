"""`dispose`, `audit`, `restore`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from witnessmark.cli.options import (
    ArchiveOption,
    JsonOption,
    KeyFileOption,
    SecondKeyOption,
    opened,
    second_person,
)
from witnessmark.cli.output import dump, progress, safe, say, size
from witnessmark.errors import Refused

if TYPE_CHECKING:
    from witnessmark.archive.auditing import Audit


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
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask; needed where nobody can be asked.")
    ] = False,
    archive: ArchiveOption = Path(),
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Destroys the bytes of objects for good; two persons sign. Their names stay, and check.

    What was made from them goes too. They are not collected again.

    Example: witnessmark dispose 3f9a0c51 --ground consent_withdrawn --reason "she asked us to"
    """
    from witnessmark.archive import disposing

    if not yes and not sys.stdin.isatty():
        raise Refused(
            "Nobody can be asked here whether they are to be destroyed.",
            kept="Nothing was destroyed.",
            todo="Say --yes, or run it at a terminal.",
            code="unasked",
        )
    with opened(archive, key_file, unlock=True) as held:
        going = disposing.plan(held, objects)
        if not yes:
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


def audit(
    place: Annotated[
        list[Path] | None,
        typer.Option("--place", help="A backup to read too, besides the remembered ones."),
    ] = None,
    no_repair: Annotated[
        bool, typer.Option("--no-repair", help="Only say what is bad; mend nothing.")
    ] = False,
    forget: Annotated[
        Path | None, typer.Option("--forget", help="Instead: forget this backup, it is no more.")
    ] = None,
    archive: ArchiveOption = Path(),
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Reads and hashes every copy in every place, and mends bad ones from good ones.

    Places are the archive and all backups made of it; an interrupted audit goes on where it was.
    Bad files are kept in 'damaged' of their place. Exit status 1 when something bad remains.

    Example: witnessmark audit --place /media/stick/backup
    """
    from witnessmark.archive import auditing, places

    with opened(archive, key_file, unlock=True) as held:
        if forget is not None:
            places.forget(held, forget)
            dump({"forgotten": str(forget)}) if as_json else say(f"{safe(forget)}: forgotten.")
            return
        with progress("auditing", quiet=as_json, unit="bytes") as advance:
            done = auditing.audit(held, place or [], repair=not no_repair, on_progress=advance)
    _show_audit(done, as_json)
    raise typer.Exit(1 if done.remaining else 0)


def _show_audit(done: Audit, as_json: bool) -> None:
    where = {each.place: str(each.folder) for each in done.targets}
    if as_json:
        rows = [
            {"place": each.place, "folder": str(each.folder), "behind": each.behind,
             "still_held": each.still_held, **done.counts[each.place]}
            for each in done.targets
        ]  # fmt: skip
        bad = [{"place": each.place, "folder": where[each.place], "sha256": each.name,
                "what": each.what, "repaired": each.repaired} for each in done.bad]  # fmt: skip
        dump({"entry": done.entry, "started_at": done.started_at, "places": rows, "bad": bad,
              "remaining": len(done.remaining), "resumed": done.resumed,
              "notes": list(done.notes)})  # fmt: skip
        return
    if done.resumed:
        say(f"Gone on with the audit of {done.started_at}: {done.resumed} copies had been read.")
    for each in done.targets:
        found = done.counts[each.place]
        kinds = ("missing", "changed", "unreadable", "repaired")
        wrong = [f"{found[name]} {name}" for name in kinds if found[name]]
        say(f"{safe(each.folder)}: {found['objects']} copies, {size(found['bytes'])}; "
            f"{', '.join(wrong) or 'all good'}.")  # fmt: skip
        if each.behind:
            say(f"  {each.behind} newer objects are not in this backup: 'witnessmark backup'.")
        if each.still_held:
            say(f"  ! {each.still_held} disposed of and still there: 'witnessmark backup'.")
    for look in done.bad:
        state = "mended" if look.repaired else "BAD"
        say(f"! {state}: {look.name} was {look.what} in {safe(where[look.place])}")
    for note in done.notes:
        say(f"! {safe(note)}")
    say(f"Recorded as entry {done.entry}. " + (
        f"{len(done.remaining)} bad copies remain: connect another backup and audit again."
        if done.remaining else "Nothing bad remains."
    ))  # fmt: skip


def restore(
    backup: Annotated[Path, typer.Argument(help="The backup: a folder on another disk.")],
    into: Annotated[Path, typer.Argument(help="New folder for the archive.")],
    also: Annotated[
        list[Path] | None,
        typer.Option("--also", help="Another backup, for what is bad or missing in the first."),
    ] = None,
    seen: Annotated[
        list[Path] | None,
        typer.Option("--seen", help="A checkpoint seen elsewhere: a file, or an old archive."),
    ] = None,
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="Also when some objects are nowhere whole.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Makes an archive again from a backup; checks everything on the way.

    An interrupted restoration goes on with the same command. Keys come along: your passphrase
    opens it as before.

    Example: witnessmark restore /media/stick/backup ~/archive --seen partner-saw.checkpoint
    """
    from witnessmark.archive import restoring

    with progress("restoring", quiet=as_json, unit="bytes") as advance:
        done = restoring.restore(
            backup,
            into,
            also=also or [],
            seen=seen or [],
            incomplete=incomplete,
            on_progress=advance,
        )
    head = done.checkpoint
    if as_json:
        dump({"archive": str(into), "origin": head.origin, "size": head.size,
              "root": head.root.hex(), "at": done.at, "copied": done.copied, "held": done.held,
              "bytes": done.bytes, "missing": list(done.missing),
              "rollback": list(done.rollback),
              "unsigned": list(done.unsigned)})  # fmt: skip
        return
    say(f"{safe(into)}: {done.copied} objects copied ({size(done.bytes)}), "
        f"{done.held} taken over from before.")  # fmt: skip
    for name in done.missing:
        say(f"! Nowhere whole: {name}")
    say(f"It stands at the checkpoint of size {head.size}, root {head.root.hex()}, "
        f"of {done.at}.")  # fmt: skip
    for larger in done.rollback:
        say(f"! ROLLBACK: a record of size {larger} was seen. Entries {head.size} to {larger - 1} "
            "are not in this backup.")  # fmt: skip
    if done.unsigned:
        say("! Nobody signed these; whoever held the backup can have changed them. Compare:")
    for line in done.unsigned:
        say(f"    {safe(line)}")
    say("What was recorded later is not in it, and new entries take the same numbers:")
    say("whoever saw a later checkpoint will see a contradiction. Tell partners; keep this line.")
    say(f"Next: witnessmark check --archive {safe(into)}")


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    for command in (dispose, audit, restore):
        app.command()(command)
