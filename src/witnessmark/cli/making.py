"""`init` and `collect`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from witnessmark.cli.options import (
    SCRATCH_KEY,
    ArchiveOption,
    JsonOption,
    KeyFileOption,
    opened,
    read_table,
)
from witnessmark.cli.output import dump, progress, safe, say, size, table, tally_rows
from witnessmark.errors import BadInput

if TYPE_CHECKING:
    from witnessmark.archive import Archive
    from witnessmark.model import RunRecorded
    from witnessmark.ports import Collector

_KEPT = "Nothing was made."
_LISTS = ("parties", "places")
_QUESTIONS = {
    "purpose": "What is the archive for?",
    "parties": "All parties to the conflict (comma between them)",
    "places": "Which places (comma between them)",
    "dates": "Which dates",
    "legal_basis": "On what legal basis do you collect",
    "person": "Your name (sealed in the vault)",
}


def init(
    folder: Annotated[Path, typer.Argument(help="New folder for the archive.")],
    scope: Annotated[
        Path | None, typer.Option(help="Take the answers from this TOML or JSON file.")
    ] = None,
    scratch: Annotated[
        bool, typer.Option("--scratch", help="A try-out: no questions, a key file beside it.")
    ] = False,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Makes an archive: asks what it is for, then makes its keys.

    Example: witnessmark init ~/archive --scope scope.toml

    scope.toml: purpose = "...", parties = ["Party A", "Party B"], places = ["..."],
    dates = "...", legal_basis = "...", person = "your name"
    """
    from witnessmark.archive import Archive
    from witnessmark.custody import place

    try:
        _check_new(folder)
        answers = _answers(scope, scratch)
        given = _new_secret(folder, key_file, scratch)
        archive = Archive.create(
            folder, stated_scope(answers, scratch), str(answers["person"]), given
        )
    except OSError as error:
        raise BadInput(
            f"{folder} cannot be made: {error.strerror}.",
            kept=_KEPT,
            todo="Choose another place, or a shorter name.",
        ) from error
    if scratch and key_file is None:
        (folder / SCRATCH_KEY).write_bytes(given)
        (folder / SCRATCH_KEY).chmod(0o600)
    warnings = place.warnings(folder)
    result = {"archive": str(folder), "origin": archive.origin, "trust": archive.trust}
    archive.close()
    if as_json:
        dump({**result, "warnings": warnings})
        return
    say(f"Archive {safe(folder)} made: {result['origin']}.")
    for warning in warnings:
        say(f"! {warning}")
    if scratch:
        say("! A try-out: its keys lie beside it. Do not use it for real material.")
    say("Give this line to those who will check your packages, by another way than the packages:")
    say(f"  {result['trust']}")
    say(f"Next: witnessmark collect EXPORT-OR-FOLDER --archive {safe(folder)}")


def _check_new(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} is no folder.", kept=_KEPT, todo="Choose another name.")
    if folder.resolve() == Path.cwd():
        # it is put in place as a whole, and whoever stands in a folder keeps hold of the old one
        raise BadInput(
            "This is the folder that you are in.",
            kept=_KEPT,
            todo="Name a new one: witnessmark init NAME.",
        )


def _answers(scope: Path | None, scratch: bool) -> Mapping[str, Any]:
    if scope is not None:
        return {"person": "", **read_scope(scope)}
    if scratch:
        return dict.fromkeys(_QUESTIONS, "") | {"purpose": "try-out", "person": "nobody"}
    if not sys.stdin.isatty():
        raise BadInput(
            "There is nobody to ask what the archive is for.",
            kept=_KEPT,
            todo="Give the answers with --scope FILE, or make a try-out with --scratch.",
        )
    return {name: typer.prompt(question) for name, question in _QUESTIONS.items()}


def read_scope(path: Path) -> dict[str, Any]:
    found = read_table(path, _KEPT)
    if unknown := found.keys() - _QUESTIONS.keys():
        raise BadInput(
            f"{path}: '{min(unknown)}' is not asked for.",
            kept=_KEPT,
            todo=f"Answers are: {', '.join(_QUESTIONS)}.",
        )
    for name, value in found.items():
        parts = value if name in _LISTS and isinstance(value, list) else [value]
        if not all(isinstance(part, str) for part in parts):
            form = "a text or a list of texts" if name in _LISTS else "a text"
            raise BadInput(f"{path}: '{name}' is not {form}.", kept=_KEPT, todo="Correct it.")
    return found


def stated_scope(answers: Mapping[str, Any], scratch: bool) -> Any:
    from witnessmark.model import Scope
    from witnessmark.model.statement import PATTERNS, PublicText

    def text(name: str, value: str) -> PublicText:
        if not PATTERNS[PublicText].fullmatch(value.strip()):
            raise BadInput(
                f"'{name}' is over 4,000 characters, or has invisible ones.",
                kept=_KEPT,
                todo="Say it in fewer and plain words.",
            )
        return PublicText(value.strip())

    def several(name: str) -> tuple[PublicText, ...]:
        value = answers.get(name, "")
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(text(name, part) for part in parts if part.strip())

    def one(name: str) -> PublicText:
        return text(name, answers.get(name, ""))

    return Scope(
        purpose=one("purpose"),
        parties=several("parties"),
        places=several("places"),
        dates=one("dates"),
        legal_basis=one("legal_basis"),
        scratch=scratch,
    )


def _new_secret(folder: Path, key_file: Path | None, scratch: bool) -> bytes:
    import os
    import secrets

    from witnessmark.cli.options import secret

    if scratch and key_file is None:
        return secrets.token_bytes(32)
    given = secret(folder, key_file, ask=False)
    if given is None and sys.stdin.isatty():
        given = os.fsencode(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True))
    if not given or len(given) < 8:
        raise BadInput(
            "There is no passphrase of at least 8 characters.",
            kept=_KEPT,
            todo="Set WITNESSMARK_PASSPHRASE, or give a --key-file; "
            f"a good one: head -c 32 /dev/urandom > my.key ({os.name}).",
        )
    return given


def collect(
    where: Annotated[
        str,
        typer.Argument(
            help="An export, a folder, a web archive, a sheet with links, telegram:CHANNEL."
        ),
    ],
    archive: ArchiveOption = Path(),
    source: Annotated[str, typer.Option(help="Kind of source, when the guess is wrong.")] = "",
    party: Annotated[str, typer.Option(help="Whose channel this is: a party, or unknown.")] = (
        "unknown"
    ),
    claimed_by: Annotated[str, typer.Option(help="Who says that it is theirs (sealed).")] = "",
    reference: Annotated[
        str,
        typer.Option(
            help="For a reference collection of this public name: never our own material."
        ),
    ] = "",
    outside_scope: Annotated[
        str,
        typer.Option(help="Why a party is collected that the scope does not name (sealed)."),
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not stop at warnings.")] = False,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Takes in everything a source has, and accounts for what did not come.

    Sources, guessed from what is given: folder; telegram_export (Telegram Desktop, JSON or HTML);
    whatsapp (a chat's export, folder or ZIP); wacz (web archives, WACZ and WARC); ytdlp_folder
    (what yt-dlp wrote); auto_archiver (its records and sheets); links (CSV or XLSX, downloaded);
    telegram (a channel, live: telegram:NAME or its t.me address; needs an account and a proxy).
    Running it again adds what is new and nothing twice.

    Example: witnessmark collect ~/Downloads/ChatExport --party "Party A" --claimed-by "its admin"
    """
    from witnessmark.archive import collecting
    from witnessmark.collection.run import Channel, Progress

    if not where.strip():  # an empty variable in a script would take the current folder
        raise BadInput(
            "The path is empty.", kept="Nothing was collected.", todo="Say what to collect."
        )
    with _connected(archive, where, source, key_file) as (held, collector):
        preflight = collector.preflight(where)
        if not as_json:
            expected = [f"{preflight.items} items"] if preflight.items is not None else []
            expected += [size(preflight.bytes)] if preflight.bytes is not None else []
            say(f"{safe(where)}: {collector.name}" + "".join(f", {each}" for each in expected))
            for note in preflight.notes.values():
                say(f"! {safe(note)}")
        _go_on(bool(preflight.notes) and not yes and not as_json)
        with progress("collecting", quiet=as_json, unit="bytes") as advance:

            def on_progress(now: Progress) -> None:
                advance(now.bytes, preflight.bytes)

            run = collecting.collect(
                held,
                where,
                collector,
                Channel(
                    party=party,
                    claimed_by=claimed_by,
                    reference=reference,
                    outside_scope=outside_scope,
                ),
                preflight=preflight,
                on_progress=on_progress,
            )
    tally = run.fields()["tally"]
    assert isinstance(tally, dict)
    later = _notes(run, collector)
    found = dict(preflight.notes) | later
    if as_json:
        dump({"run": run.run, "source": run.source, "party": run.party,
              "reference": run.reference, "tally": tally,
              "notes": found, "interrupted": list(run.interrupted)})  # fmt: skip
    else:
        say(f"For the reference collection: {safe(reference)}." if reference else
            f"Channel of: {safe(party)}.")  # fmt: skip
        table(tally_rows(tally))
        for note in later.values():
            say(f"! {note}")
        if run.interrupted:
            say(f"  (an earlier run was cut off: {', '.join(r[:8] for r in run.interrupted)})")
    raise typer.Exit(1 if run.tally.failed else 0)


@contextmanager
def _connected(
    archive: Path, where: str, source: str, key_file: Path | None
) -> Iterator[tuple[Archive, Collector]]:
    """The archive and the collector; the vault is opened only for an account that is in it."""
    from witnessmark.archive import collecting, telegram_account
    from witnessmark.cli.options import secret

    with opened(archive) as held:
        chosen = collecting.choose(where, source)
        if chosen.name == "telegram" and not telegram_account.from_environment():
            given = secret(archive, key_file, ask=True)
            if given:
                held.unlock(given)
        with collecting.connected(held, chosen) as collector:
            yield held, collector


def _notes(run: RunRecorded, collector: Collector) -> dict[str, str]:
    """What the run itself found that a person should know."""
    from witnessmark.collection import claims, clock
    from witnessmark.ports import Resuming

    said = dict(collector.said) if isinstance(collector, Resuming) else {}
    known = said | {claims.DIFFERS: claims.SENTENCE} | dict(clock.NOTES.values())
    return {note: known[note] for note in run.notes if note in known}


def _go_on(ask: bool) -> None:
    if ask and sys.stdin.isatty() and not typer.confirm("Collect it all the same?", default=True):
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command()(init)
    app.command()(collect)
