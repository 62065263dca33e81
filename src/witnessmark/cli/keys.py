"""`keys` and `scope`: what the archive is, who speaks in it, and how that changes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from witnessmark.cli.options import ArchiveOption, JsonOption, KeyFileOption, opened, secret
from witnessmark.cli.output import dump, safe, say
from witnessmark.errors import BadInput

if TYPE_CHECKING:
    from witnessmark.archive.key_care import KnownKey

group = typer.Typer(name="keys", rich_markup_mode=None)
scope_group = typer.Typer(name="scope", rich_markup_mode=None)

NewKeyFile = Annotated[
    Path | None, typer.Option("--new-key-file", help="That person's (new) key file.")
]
Who = Annotated[str, typer.Argument(metavar="KEYID", help="Key id (its start), or a name.")]


@group.callback(invoke_without_command=True)
def keys(
    context: typer.Context,
    add_person: Annotated[
        str, typer.Option("--add-person", help="Give this person keys of their own.")
    ] = "",
    role: Annotated[
        list[str] | None,
        typer.Option("--role", help="With --add-person: 'sources' may see who published first."),
    ] = None,
    new_key_file: NewKeyFile = None,
    archive: ArchiveOption = Path(),
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """The archive's key, to give to others by another way; its people's keys and their changes.

    Examples: witnessmark keys --archive ~/archive > our-archive.key;
    witnessmark keys --add-person "Her Name"
    """
    if context.invoked_subcommand is not None:
        _nothing_before(context)
        return
    if add_person:
        _add_person(add_person, role or [], new_key_file, archive, key_file, as_json)
        return
    with opened(archive, reading=True) as held:
        history = held.history()
        if as_json:
            dump({"archive": held.trust, "people": sorted(history.people),
                  "revoked": sorted(history.revoked)})  # fmt: skip
            return
        say(f"# {held.origin}: people {', '.join(sorted(history.people))}")
        say(held.trust)


def _nothing_before(context: typer.Context) -> None:
    """Refuses options before the inner command, which would otherwise not be heeded."""
    for name in context.params:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(f"options stand after '{context.invoked_subcommand}'")


def _add_person(
    name: str,
    roles: Sequence[str],
    new_key_file: Path | None,
    archive: Path,
    key_file: Path | None,
    as_json: bool,
) -> None:
    given = _new_secret(new_key_file, "The new person's passphrase")
    if len(given) < 8:
        raise BadInput(
            "The new person has no passphrase of at least 8 characters.",
            kept="Nothing was changed.",
            todo="They set WITNESSMARK_NEW_PASSPHRASE, or give a --new-key-file.",
        )
    with opened(archive, key_file, unlock=True) as held:
        added = held.add_person(name, given, roles=roles)
    if as_json:
        dump({"person": added})
    else:
        say(f"{added} added. Each person opens the vault with their own passphrase.")


def _new_secret(new_key_file: Path | None, prompt: str) -> bytes:
    """A new passphrase or key file; b"" when none was given."""
    if new_key_file is not None:
        try:
            return new_key_file.read_bytes()
        except OSError as error:
            raise BadInput(f"{new_key_file} cannot be read: {error.strerror}.") from error
    given = os.environ.get("WITNESSMARK_NEW_PASSPHRASE", "")
    if not given and prompt and sys.stdin.isatty():
        given = typer.prompt(prompt, hide_input=True, confirmation_prompt=True)
    return given.encode()


@group.command("list")
def list_(
    archive: ArchiveOption = Path(), key_file: KeyFileOption = None, as_json: JsonOption = False
) -> None:
    """All keys of the record, which are in force, what ended the others; names when unlocked.

    Example: witnessmark keys list
    """
    import dataclasses

    from witnessmark.archive import key_care

    with opened(archive, key_file, unlock=True, reading=True) as held:
        found = key_care.known(held)
    for each in found:
        if as_json:
            dump({k: v for k, v in dataclasses.asdict(each).items() if v not in (None, "")})
        else:
            say(_line(each))


def _line(each: KnownKey) -> str:
    name = f" {safe(each.name)}" if each.name else ""
    ended = f" by entry {each.ended}" if each.ended is not None else ""
    reason = f" ({each.reason})" if each.reason else ""
    doubt = ""
    if each.suspect_after is not None:
        doubt = f"; SUSPECT from size {each.suspect_after} on"
    since = f"{each.key}  {each.use}{name}, since entry {each.entry}"
    return f"{since}: {each.state}{ended}{reason}{doubt}"


@group.command()
def rotate(
    of_archive: Annotated[
        bool, typer.Option("--archive-key", help="The archive's own key.")
    ] = False,
    person: Annotated[
        str, typer.Option("--person", help="Your own key: your name or key id.")
    ] = "",
    new_key_file: NewKeyFile = None,
    archive: ArchiveOption = Path(),
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Puts a new key in the place of the archive's (--archive-key) or of your own (--person).

    Give the archive's new line to all who check your packages. A person's new key opens with
    WITNESSMARK_NEW_PASSPHRASE or --new-key-file, or else with the passphrase in use.

    Examples: witnessmark keys rotate --archive-key; witnessmark keys rotate --person "Her Name"
    """
    from witnessmark.archive import key_care

    if of_archive == bool(person):
        raise typer.BadParameter("give either --archive-key or --person")
    given = secret(archive, key_file, ask=True)
    with opened(archive) as held:
        if given:
            held.unlock(given)
        if of_archive:
            new = str(key_care.rotate_archive(held))
        else:
            held.working_person()
            assert given is not None
            new = key_care.rotate_person(held, person, _new_secret(new_key_file, "") or given)
    if as_json:
        dump({"new": new})
    elif of_archive:
        say("The archive has a new key. Give this line to those who check your packages, and to "
            "the partners who co-sign ('witnessmark witness add' again):")  # fmt: skip
        say(f"  {new}")
        say("Packages made before still check with the line given before.")
    else:
        say(f"Your key is {new} from now on; the old one is destroyed.")


@group.command()
def revoke(
    who: Who,
    reason: Annotated[str, typer.Option("--reason", help="lost, stolen, left or superseded.")] = "",
    suspect_after: Annotated[
        int | None,
        typer.Option("--suspect-after", min=0, help="Size of the record from which on to doubt."),
    ] = None,
    archive: ArchiveOption = Path(),
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ends a key: somebody left, lost their passphrase, or it was stolen. It cannot be undone.

    Example: witnessmark keys revoke 1f0c4a5e --reason stolen --suspect-after 1204
    """
    from witnessmark.archive import key_care

    with opened(archive, key_file, unlock=True) as held:
        key = key_care.revoke(held, who, reason, suspect_after)
    if as_json:
        dump({"revoked": key, "reason": reason, "suspect_after": suspect_after})
        return
    say(f"{key} signs nothing valid any more.")
    if reason == "stolen" and suspect_after is None:
        say("! Nothing that it signed before is called into doubt. If it may have been in other "
            f"hands earlier: 'witnessmark keys suspect {key} --after SIZE'.")  # fmt: skip


@group.command()
def suspect(
    who: Who,
    after: Annotated[
        int, typer.Option("--after", min=0, help="Size of the last checkpoint before the doubt.")
    ],
    reason: Annotated[
        str, typer.Option("--reason", help="Of a key that was only replaced: why it is revoked.")
    ] = "",
    archive: ArchiveOption = Path(),
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Calls into doubt, under your signature, what an ended key signed from a size on.

    A key that was replaced and not revoked is revoked by this.

    Example: witnessmark keys suspect 1f0c4a5e --after 1204
    """
    from witnessmark.archive import key_care

    with opened(archive, key_file, unlock=True) as held:
        key = key_care.suspect(held, who, after, reason)
    if as_json:
        dump({"suspect": key, "after": after})
    else:
        say(f"What {key} signed from size {after} on is in doubt; 'check' and packages say so.")


@scope_group.callback(invoke_without_command=True)
def scope(
    context: typer.Context, archive: ArchiveOption = Path(), as_json: JsonOption = False
) -> None:
    """What the archive is for, as it stated last.

    Example: witnessmark scope --archive ~/archive
    """
    if context.invoked_subcommand is not None:
        _nothing_before(context)
        return
    from witnessmark.model.statement import plain

    with opened(archive, reading=True) as held:
        found = plain(held.scope())
    assert isinstance(found, dict)
    if as_json:
        dump(found)
        return
    for name, value in found.items():
        say(f"{name}: {safe(', '.join(value) if isinstance(value, list) else value)}")


@scope_group.command()
def change(
    scope: Annotated[Path, typer.Option("--scope", help="The whole new scope, as for 'init'.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, publicly: name no person.")] = "",
    archive: ArchiveOption = Path(),
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """States a new scope under your signature; the earlier ones stay in the record.

    Example: witnessmark scope change --scope scope.toml --reason "a new district"
    """
    from witnessmark.cli.making import read_scope, stated_scope

    answers = read_scope(scope)
    with opened(archive, key_file, unlock=True) as held:
        said = held.change_scope(stated_scope(answers, scratch=False), reason)
    if as_json:
        dump({"entry": said.index})
    else:
        say(f"The new scope stands in entry {said.index}.")


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.add_typer(group)
    app.add_typer(scope_group)
