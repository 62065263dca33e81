"""`export`, `backup`, `disclose`, `erase`."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from witnessmark.cli.options import (
    ArchiveOption,
    JsonOption,
    KeyFileOption,
    SecondKeyOption,
    SecondOption,
    entry_number,
    opened,
    read_table,
    second_person,
)
from witnessmark.cli.output import dump, progress, safe, say, size
from witnessmark.errors import BadInput, WitnessmarkError

if TYPE_CHECKING:
    from witnessmark.archive import Archive


def export(
    target: Annotated[
        Path | None,
        typer.Argument(help="A folder, NAME.zip, or with --to NAME.zip.age or NAME.tar.age."),
    ] = None,
    recipient: Annotated[str, typer.Option(help="Who receives it (sealed).")] = "",
    purpose: Annotated[str, typer.Option(help="What for (sealed).")] = "",
    risk: Annotated[
        str, typer.Option(help="Risk record: a JSON file to sign now, or an entry's number.")
    ] = "",
    to: Annotated[str, typer.Option("--to", help="Encrypt to this age key (age1...).")] = "",
    unencrypted: Annotated[
        bool, typer.Option("--unencrypted", help="Explicitly not encrypted.")
    ] = False,
    objects: Annotated[
        list[str] | None, typer.Option("--object", help="Only these objects and what is linked.")
    ] = None,
    disclose: Annotated[
        list[str] | None,
        typer.Option("--disclose", help="FIELD, ENTRY:FIELD or all (may be repeated)."),
    ] = None,
    profile: Annotated[
        str, typer.Option(help="court: originals; share: copies without device traces.")
    ] = "court",
    csv: Annotated[
        Path | None,
        typer.Option("--csv", help="Instead of a package: the sheet of links, with ids."),
    ] = None,
    archive: ArchiveOption = Path(),
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Makes a package that a stranger can check; or, with --csv, the sheet of collected links.

    risk.json: {"decision": "share", "persons_depicted": "...", "uploader": "...",
    "witnesses": "...", "analysts": "..."}

    Example: witnessmark export package --recipient "the court" --purpose "case 12"
    --risk risk.json --to age1...
    """
    with opened(archive, key_file, unlock=True) as held:
        if csv is not None:
            _export_sheet(held, csv, as_json)
            return
        if target is None:
            raise typer.BadParameter("name the package to make")
        from witnessmark.archive import handing_over

        order = handing_over.HandOver(
            recipient=recipient,
            purpose=purpose,
            risk=-1,
            age_key=to,
            unencrypted=unencrypted,
            objects=tuple(objects or ()),
            disclose=tuple(disclose or ()),
            profile=profile,
        )
        handing_over.check_terms(held, target, order)
        order = dataclasses.replace(order, risk=risk_record(held, risk))
        with _remembered_risk(order.risk), progress("making copies", quiet=as_json) as advance:
            made = handing_over.export(held, target, order, advance)
    if as_json:
        dump({"package": str(made.path), "entry": made.entry, "objects": made.objects,
              "entries": made.entries, "disclosures": made.disclosures,
              "encrypted": made.encrypted, "notices": list(made.notices)})  # fmt: skip
        return
    how = "encrypted" if made.encrypted else "not encrypted"
    say(f"{safe(made.path)}: {made.objects} objects, {made.entries} entries, "
        f"{made.disclosures} disclosed values; {how}; recorded as entry {made.entry}.")  # fmt: skip
    for notice in made.notices:
        say(f"! {safe(notice)}")
    if not made.encrypted:
        say(f"Next: python3 check.py {safe(made.path)} --trust KEYFILE")


@contextlib.contextmanager
def _remembered_risk(entry: int) -> Iterator[None]:
    """After a failure, the risk record that was signed for it is not made again."""
    try:
        yield
    except WitnessmarkError as error:
        if entry >= 0 and error.code not in ("risk_record", "handed_over"):
            error.todo = f"{error.todo} Its risk record is there: --risk {entry}.".strip()
        raise


def risk_record(held: Archive, given: str) -> int:
    from witnessmark.archive import handing_over
    from witnessmark.archive.outgoing import NOTHING_LEFT

    if not given:
        return -1
    if (entry := entry_number(given)) is not None:
        return entry
    answers = read_table(Path(given), NOTHING_LEFT)
    if not all(isinstance(answer, str) for answer in answers.values()):
        raise BadInput(
            f"{given} is no risk record: not every answer is a text.",
            kept=NOTHING_LEFT,
            todo="See 'witnessmark export --help'.",
        )
    return handing_over.record_risk(held, answers.pop("decision", ""), answers).index


def derive(
    original: Annotated[Path, typer.Argument(help="The original.")],
    target: Annotated[
        Path | None, typer.Argument(help="Copy to make; none with --compare.")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option("--compare", help="A copy that is said to derive from it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Makes a copy without traces of the device, or compares one with its original.

    The copy is the same, byte for byte, wherever the same versions of the tools make it; with
    others the coded pictures and sounds are compared.

    Examples: witnessmark derive clip.mp4 copy.mp4; witnessmark derive clip.mp4 --compare copy.mp4
    """
    from witnessmark.archive import sharing

    if (target is None) == (compare is None):
        raise typer.BadParameter("name a copy to make, or one to --compare")
    if target is not None:
        answer: dict[str, Any] = {"copy": str(target), **sharing.make_copy(original, target)}
    else:
        assert compare is not None
        answer = {"copy": str(compare), "same": sharing.compare(original, compare)}
    if as_json:
        dump(answer)
    elif target is not None:
        say(f"{safe(target)}: without {', '.join(map(safe, answer['removed']))}.")
    elif answer["same"] == "packets":
        say(f"{safe(compare)} has the coded pictures and sounds of {safe(original)}, but at other "
            "times or in another size: look at both.")  # fmt: skip
    elif answer["same"] == "no":
        say(f"{safe(compare)} does not derive from {safe(original)} by this method.")
    else:
        how = "byte for byte" if answer["same"] == "bytes" else "in all its pictures and sounds"
        say(f"{safe(compare)} is the copy of {safe(original)}, {how}.")
    raise typer.Exit(1 if answer.get("same") in ("no", "packets") else 0)


def _export_sheet(held: Archive, path: Path, as_json: bool) -> None:
    from witnessmark.archive import handing_over

    with held.disclosable():
        if str(path) == "-":
            count = handing_over.export_sheet(held, sys.stdout)
        else:
            try:
                with open(path, "x", encoding="utf-8", newline="") as out:
                    count = handing_over.export_sheet(held, out)
            except OSError as error:
                raise BadInput(
                    f"The sheet {path} cannot be written: {error.strerror}.",
                    kept="No file that was there before was touched.",
                    todo="Choose a new name in a folder that is there.",
                ) from error
    if as_json:
        dump({"rows": count})
    elif str(path) != "-":
        say(f"{safe(path)}: {count} rows.")


def backup(
    target: Annotated[Path, typer.Argument(help="Folder on another disk.")],
    archive: ArchiveOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Brings a copy up to date that is itself an archive; nothing is copied twice.

    Example: witnessmark backup /media/stick/backup --archive ~/archive
    """
    from witnessmark.archive import backing_up
    from witnessmark.custody import place

    with opened(archive) as held, progress("copying", quiet=as_json) as advance:
        counts = backing_up.backup(held, target, advance)
    if as_json:
        dump(counts)
    else:
        say(f"{counts['copied']} objects copied ({size(counts['bytes'])}), "
            f"{counts['held']} were there.")  # fmt: skip
        for warning in place.warnings(target):
            say(f"! {warning}")
        say(f"Try it: witnessmark check --archive {safe(target)}")
        say(f"When it is needed: witnessmark restore {safe(target)} NEW-FOLDER")


_Entry = Annotated[
    int, typer.Argument(min=0, max=10**15, help="Number of the entry ('witnessmark log').")
]
_Fields = Annotated[list[str] | None, typer.Argument(help="Its protected fields; none: all.")]
_Reason = Annotated[str, typer.Option(help="Why (sealed).")]


def disclose(
    entry: _Entry,
    fields: _Fields = None,
    reason: _Reason = "",
    second: SecondOption = False,
    second_key_file: SecondKeyOption = None,
    archive: ArchiveOption = Path(),
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Opens protected values of an entry, and records that it was done.

    Example: witnessmark disclose 17 caption --reason "asked for by the court"
    """
    from witnessmark.archive import protecting

    with opened(archive, key_file, unlock=True) as held:
        other = second_person(held, second, second_key_file)
        found = protecting.disclose(held, entry, fields or [], reason, other)
    if as_json:
        dump(found)
        return
    for name, value in found.items():
        say(f"{name}: {safe(value if isinstance(value, str) else json.dumps(value))}")


def erase(
    entry: _Entry,
    fields: _Fields = None,
    reason: _Reason = "",
    second: SecondOption = False,
    second_key_file: SecondKeyOption = None,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="Equal values of all other entries too.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    archive: ArchiveOption = Path(),
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erases protected values for good; their commitments stay, and the check still holds.

    Example: witnessmark erase 17 caption --reason "asked for by the person" --everywhere
    """
    from witnessmark.archive import protecting

    if not yes and sys.stdin.isatty():
        typer.confirm("Erased values cannot be brought back. Erase them?", abort=True)
    with opened(archive, key_file, unlock=True) as held:
        other = second_person(held, second, second_key_file)
        gone = protecting.erase(
            held, entry, fields or [], reason, second=other, everywhere=everywhere
        )
    if as_json:
        dump({"erased": [{"entry": index, "field": name} for index, name in gone]})
        return
    for index, name in gone:
        say(f"erased: entry {index}, {name}")
    if other is None:
        say("! Done alone; every report says so.")


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    for command in (export, derive, backup, disclose, erase):
        app.command()(command)
