"""All commands together, and the one place where errors become sentences and exit codes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

import typer
from typer.core import TyperGroup

from witnessmark.cli import (
    anchoring,
    custody,
    handing_over,
    keeping,
    keys,
    links,
    looking,
    making,
    matching,
    references,
    searches,
    status,
    tracing,
    verifying,
    witnessing,
)
from witnessmark.cli.output import complain
from witnessmark.errors import StoreFailure, WitnessmarkError

#: Commands by phase of the work, as `--help` lists them.
PHASES = {
    "Begin": ("init", "status", "keys", "scope", "fields"),
    "Collect": ("collect", "searched", "coverage"),
    "Preserve": ("check", "audit", "backup", "restore", "rebuild", "log"),
    "Outside": ("anchor", "cosign", "witness"),
    "Look into it": ("match", "link", "trace", "reference", "examine", "show"),
    "Custody": ("custody", "dispose"),
    "Hand over": ("export", "derive", "disclose", "erase"),
}


class ByPhase(TyperGroup):
    """`--help` with the commands under their phases."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Writes each phase with its commands; those without one come last."""
        found = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        listed = {name for names in PHASES.values() for name in names}
        rest = {"More": tuple(name for name in found if name not in listed)}
        for phase, names in (PHASES | rest).items():
            commands = [(name, each) for name in names if (each := found.get(name)) is not None]
            rows = [
                (name, each.get_short_help_str(formatter.width - 14)) for name, each in commands
            ]
            if rows:
                with formatter.section(phase):
                    formatter.write_dl(rows)


app = typer.Typer(
    name="witnessmark",
    cls=ByPhase,
    help="Collect, preserve, match, examine and hand over video evidence.\n\n"
    "Exit status: 0 fine; 1 something failed and is listed; 2 wrong use.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for module in (
    making,
    matching,
    links,
    tracing,
    references,
    searches,
    verifying,
    status,
    looking,
    anchoring,
    witnessing,
    handing_over,
    keeping,
    custody,
    keys,
):
    module.register(app)


#: Options that take all words up to the next option.
_SPREAD = {"match": "--against", "audit": "--place"}


def spread(arguments: Sequence[str], option: str) -> list[str]:
    """`--against A B C` as `--against A --against B --against C`."""
    out: list[str] = []
    inside = False
    for argument in arguments:
        if argument == option:
            inside = True
        elif argument.startswith("-"):
            inside = False
            out.append(argument)
        else:
            out += [option, argument] if inside else [argument]
    return out


class Stopped(BaseException):
    """Somebody pressed Ctrl-C, or the system asks the program to end."""


def _stop(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise Stopped


def _sentences(error: Exception) -> WitnessmarkError:
    """What the system refused, or what no check of ours had foreseen, for people."""
    match error:
        case OSError(filename=None):
            what = f"The system refused: {error.strerror or error}."
        case OSError():
            what = f"{error.filename}: {error.strerror}."
        case OverflowError():
            what = "A number is too large."
        case RecursionError():
            what = "Something is nested too deeply to be read."
        case _:
            what = f"Some text is not Unicode: {error}."
    return StoreFailure(
        what,
        kept="Everything acknowledged before is safe.",
        todo="Is it the right path, and may you read and write there? 'witnessmark check' looks "
        "at the whole archive.",
        code="system",
    )


def _silence() -> None:
    """Lets nothing be written to standard output any more, also not while the program ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    """Runs the program and exits: 0 fine, 1 failed, 2 wrong use."""
    # an exception of our own, because typer turns KeyboardInterrupt into a bare "Aborted."
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    arguments = sys.argv[1:]
    if arguments[:1] and arguments[0] in _SPREAD:
        arguments = spread(arguments, _SPREAD[arguments[0]])
    try:
        try:
            app(arguments)
        finally:
            sys.stdout.flush()  # a full disk shows here, where it can be said
    except WitnessmarkError as error:
        complain(error, as_json="--json" in arguments)
        sys.exit(1)
    except Stopped:
        sys.stderr.write(
            "witnessmark: stopped.\n  kept: everything acknowledged so far.\n"
            "  next: the same command goes on with what is left.\n"
        )
        sys.exit(1)
    except BrokenPipeError:
        _silence()
        sys.exit(1)
    except (OSError, OverflowError, RecursionError, UnicodeError) as error:
        try:
            complain(_sentences(error), as_json="--json" in arguments)
            sys.stdout.flush()
        except OSError:
            _silence()
        sys.exit(1)
