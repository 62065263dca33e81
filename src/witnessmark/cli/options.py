"""Options that many commands share, and opening the archive they name."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from witnessmark.errors import BadInput

if TYPE_CHECKING:
    from witnessmark.archive import Archive
    from witnessmark.custody.keys import Unlocked

SCRATCH_KEY = "scratch.key"

ArchiveOption = Annotated[
    Path,
    typer.Option("--archive", "-a", envvar="WITNESSMARK_ARCHIVE", help="Folder of the archive."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="For scripts: JSON on standard output.")]
KeyFileOption = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        envvar="WITNESSMARK_KEY_FILE",
        help="File that opens your keys, if not a passphrase.",
    ),
]

SecondOption = Annotated[
    bool, typer.Option("--second", help="A second person signs too, with their own passphrase.")
]
SecondKeyOption = Annotated[
    Path | None, typer.Option("--second-key-file", help="The second person's key file.")
]


def secret(folder: Path, key_file: Path | None, *, ask: bool) -> bytes | None:
    """Passphrase or key file: from the option, the environment, the try-out, or by asking."""
    if key_file is None and (folder / SCRATCH_KEY).is_file():
        key_file = folder / SCRATCH_KEY
    if key_file is not None:
        try:
            return key_file.read_bytes()
        except OSError as error:
            raise BadInput(f"The key file {key_file} cannot be read: {error.strerror}.") from error
    if passphrase := os.environ.get("WITNESSMARK_PASSPHRASE"):
        return os.fsencode(passphrase)
    if ask and sys.stdin.isatty():
        question = "Passphrase (Enter: stay locked)"
        given = typer.prompt(question, default="", show_default=False, hide_input=True)
        return os.fsencode(given) or None
    return None


def entry_number(text: str) -> int | None:
    """The number of an entry that `text` spells; None when it spells none."""
    # isdigit() and int() also take digits of other scripts; 15 digits fit every database
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 15 else None


def read_table(path: Path, kept: str) -> dict[str, Any]:
    """A JSON object or TOML table from a file that a person wrote. Raises `BadInput`."""
    todo = "Is it the right file? Names and texts as JSON or TOML, in UTF-8."
    try:
        text = path.read_text(encoding="utf-8")
        # a JSON object begins with a brace, and no TOML does
        found = json.loads(text) if text.lstrip()[:1] == "{" else tomllib.loads(text)
    except RecursionError as error:
        raise BadInput(f"{path} is nested too deeply.", kept=kept, todo=todo) from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise BadInput(f"{path} cannot be read: {why}.", kept=kept, todo=todo) from error
    assert isinstance(found, dict)
    return found


@contextmanager
def opened(
    folder: Path,
    key_file: Path | None = None,
    *,
    unlock: bool = False,
    reading: bool = False,
) -> Iterator[Archive]:
    """The archive in `folder`; with `unlock`, a person is at work when a secret is at hand.

    With `reading`, one that cannot be written, or has lost its private.db, is opened too.
    """
    from witnessmark.archive import Archive

    with Archive.open(folder, reading=reading) as archive:
        if unlock and (given := secret(folder, key_file, ask=True)):
            archive.unlock(given)
        yield archive


def second_person(held: Archive, wanted: bool, key_file: Path | None) -> Unlocked | None:
    """The second person, by their own passphrase or key file. Raises `BadInput`."""
    from witnessmark.archive import protecting

    if key_file is None and not wanted:
        return None
    if key_file is not None:
        return protecting.second_person(held, key_file.read_bytes())
    given = os.environ.get("WITNESSMARK_SECOND_PASSPHRASE")
    if not given and sys.stdin.isatty():
        given = typer.prompt("The second person's passphrase", hide_input=True)
    if not given:
        raise BadInput(
            "The second person gave no passphrase.",
            kept="Nothing was changed.",
            todo="Set WITNESSMARK_SECOND_PASSPHRASE, or give --second-key-file.",
        )
    return protecting.second_person(held, os.fsencode(given))
