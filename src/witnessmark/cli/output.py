"""Printing for people and for scripts. Whatever came from outside is escaped for the screen."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from witnessmark.errors import WitnessmarkError

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def safe(text: object) -> str:
    """`text` with control, bidi and other invisible characters written as `\\u{...}`."""
    return "".join(
        f"\\u{{{ord(c):x}}}" if unicodedata.category(c) in _HIDDEN else c for c in str(text)
    )


def say(line: str = "") -> None:
    """One line for people."""
    sys.stdout.write(line + "\n")


def dump(value: Any) -> None:
    """One JSON value on a line of its own."""
    sys.stdout.write(json.dumps(value, ensure_ascii=True, sort_keys=True) + "\n")


def complain(error: WitnessmarkError, *, as_json: bool = False) -> None:
    """The three sentences of an error, on the error stream; for scripts, as JSON too."""
    sys.stderr.write(f"witnessmark: {safe(error.what)}\n")
    for mark, sentence in (("kept: ", error.kept), ("next: ", error.todo)):
        if sentence:
            sys.stderr.write(f"  {mark}{safe(sentence)}\n")
    if as_json:
        members = {"error": error.code, "what": error.what, "kept": error.kept, "todo": error.todo}
        dump(members)


def table(rows: Sequence[Sequence[object]], indent: str = "  ") -> None:
    """Columns under each other; numbers to the right."""
    if not rows:
        return
    texts = [[safe(cell) for cell in row] for row in rows]
    widths = [max(len(row[n]) for row in texts) for n in range(len(texts[0]))]
    for row, raw in zip(texts, rows, strict=True):
        cells = [
            cell.rjust(width) if isinstance(value, int) else cell.ljust(width)
            for cell, width, value in zip(row, widths, raw, strict=True)
        ]
        say((indent + "  ".join(cells)).rstrip())


def size(count: int) -> str:
    """Bytes for people."""
    value = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            return f"{count} bytes" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError


Advance = Callable[[int, int | None], None]


@contextmanager
def progress(title: str, *, quiet: bool, unit: str = "") -> Iterator[Advance]:
    """A bar with the time left on the error stream; nothing when it is not a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(title), BarColumn(), TextColumn("{task.fields[count]}"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bars:
        task = bars.add_task(title, total=None, count="")

        def advance(done: int, total: int | None) -> None:
            shown = size(done) if unit == "bytes" else f"{done} of {total}" if total else str(done)
            bars.update(task, completed=done, total=total, count=shown)

        yield advance


def tally_rows(tally: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The sum of a run as rows."""
    rows = [("seen", tally["seen"])]
    for name in ("stored", "already_held", "not_included", "quarantined", "failed"):
        label = {"stored": "= stored"}.get(name, "+ " + name.replace("_", " "))
        rows.append((label, tally[name]))
        for reason, count in sorted(tally["reasons"].items()):
            outcome, _, why = reason.partition(": ")
            if outcome == name:
                rows.append((f"    {why.replace('_', ' ')}", count))
    return rows


def show_unenforced(unenforced: Mapping[str, str]) -> None:
    """Says what the system did not enforce on the workers, and why."""
    for means, why in unenforced.items():
        say(f"! Hostile files are less shut in here: {means} is not enforced ({safe(why)}).")
