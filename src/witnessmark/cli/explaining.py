"""`match --explain`: a picture of why two files match."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from witnessmark.cli.options import opened
from witnessmark.cli.output import dump, safe, say

if TYPE_CHECKING:
    from witnessmark.verification.matching import Fingerprint, Match
    from witnessmark.verification.matching.decode import Picture

Prints = tuple["Fingerprint", "Fingerprint"]


def located(names: Sequence[Path], archive: Path) -> list[Path]:
    """The files meant: files as they are, or objects of the archive by their SHA-256."""
    if all(name.is_file() for name in names):
        return list(names)
    with opened(archive, reading=True) as held:
        return [
            name if name.is_file() else held.blobs.path(held.queries.object(str(name)).sha256)
            for name in names
        ]


def explain(
    names: Sequence[Path], files: Sequence[Path], prints: Prints, out: Path, *, as_json: bool
) -> int:
    """Writes the picture to `out`, a new file; 3 when there is nothing to explain."""
    from witnessmark.errors import BadInput
    from witnessmark.stores.durable import write_new_file
    from witnessmark.verification.matching import explain as explaining
    from witnessmark.verification.matching import match

    found = match(*prints)
    if found is None:
        if as_json:
            dump({"query": str(names[0]), "reference": str(names[1]), "relation": None})
        else:
            say("Nothing in common was found, so there is nothing to draw.")
        return 3
    shown = _pictures(files, found)
    data = explaining.drawn(found, (names[0].name, names[1].name), prints, shown)
    try:
        write_new_file(out, data)
    except FileExistsError as error:
        todo = "Name another with --out."
        raise BadInput(f"{safe(out)} is there already.", todo=todo) from error
    if as_json:
        row = {"query": str(names[0]), "reference": str(names[1]), "relation": found.relation}
        dump({**row, "score": round(found.score, 4), "picture": str(out)})
    else:
        relation = found.relation.replace("_", " ")
        say(f"{safe(out)}: {relation}, {len(found.segments)} segments.")
    return 0


def _pictures(files: Sequence[Path], found: Match) -> tuple[list[Picture], list[Picture]]:
    """The moments to be shown, decoded by workers."""
    from witnessmark.engines.local import LocalEngine
    from witnessmark.errors import BadInput
    from witnessmark.ports import Task
    from witnessmark.verification.matching import explain as explaining

    moments = explaining.moments(found)
    tasks = [
        Task(
            str(side),
            "witnessmark.verification.matching.explain:pictures",
            str(path),
            {"times": [f"{moment[side + 1]:.3f}" for moment in moments]},
        )
        for side, path in enumerate(files)
    ]
    engine = LocalEngine(os.cpu_count() or 1, modules=["witnessmark.verification.matching.explain"])
    shown: list[list[Picture]] = [[], []]
    with closing(engine.map(tasks)) as outcomes:
        for outcome in outcomes:
            if outcome.result is None:
                why = outcome.detail or outcome.failure
                raise BadInput(f"The pictures of {safe(files[int(outcome.key)])} fail: {why}.")
            shown[int(outcome.key)] = explaining.read(outcome.result)
    return shown[0], shown[1]


def told_to(explain_them: bool, queries: Sequence[Path] | None, against: object) -> bool:
    """Whether `match` was asked to explain; two names are needed then."""
    if explain_them and (len(queries or ()) != 2 or against):
        raise typer.BadParameter("give two names to explain: match --explain A B")
    return explain_them
