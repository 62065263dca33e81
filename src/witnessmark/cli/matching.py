"""`match`."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from witnessmark.cli.explaining import explain as explain_match
from witnessmark.cli.explaining import located, told_to
from witnessmark.cli.options import ArchiveOption, JsonOption, opened
from witnessmark.cli.output import dump, progress, safe, say, show_unenforced
from witnessmark.errors import BadInput

if TYPE_CHECKING:
    from witnessmark.archive.matching import Tally
    from witnessmark.verification.matching import Fingerprint


def match(
    queries: Annotated[
        list[Path] | None, typer.Argument(help="Files to look for; without any, the archive.")
    ] = None,
    against: Annotated[
        list[Path] | None, typer.Option("--against", help="Files to look in: --against A B C.")
    ] = None,
    archive: ArchiveOption = Path(),
    explain: Annotated[
        bool, typer.Option("--explain", help="Draw why two match: files, or objects by SHA-256.")
    ] = False,
    out: Annotated[Path, typer.Option(help="The picture that --explain writes.")] = Path(
        "match.png"
    ),
    as_json: JsonOption = False,
) -> None:
    """Finds copies, excerpts and edits of the same footage.

    Examples: witnessmark match clip.mp4 --against old/*.mp4 --json;
    witnessmark match --archive ~/archive; witnessmark match --explain A.mp4 B.mp4 --out why.png
    """
    if told_to(explain, queries, against) and queries:
        raise typer.Exit(_explain(queries, archive, out, as_json))
    if bool(queries) != bool(against):
        raise typer.BadParameter("give files to look for and --against files to look in")
    if queries and against:
        raise typer.Exit(_match_files(queries, against, as_json))
    from witnessmark.archive import matching

    with opened(archive) as held:
        with progress("matching", quiet=as_json) as advance:
            tally = matching.match(held, advance)
        recordings = len(held.queries.recordings())
        searched = matching.coverage(held)
        unenforced = held.unenforced()
    expected = matching.expected_false_links(searched.pairs)
    if as_json:
        dump(
            {
                **tally.members(),
                **{name: tally.relations.get(name, 0) for name in ("same_footage", "same_scene")},
                "recordings": recordings,
                "coverage": dataclasses.asdict(searched),
                "expected_false_links": dataclasses.asdict(expected) if expected else None,
                "unenforced": unenforced,
            }
        )
        return
    show_unenforced(unenforced)
    _show_tally(tally)
    say(f"{safe(searched)}.")
    say(expected.sentence if expected else matching.NO_CARD)
    say(f"{recordings} groups of matching footage ('witnessmark show' lists them).")


def _explain(names: Sequence[Path], archive: Path, out: Path, as_json: bool) -> int:
    files = located(names, archive)
    prints, failures = _fingerprints(files)
    if failures:
        path, why = next(iter(failures.items()))
        raise BadInput(f"{safe(path)}: {safe(why)}.")
    return explain_match(names, files, (prints[files[0]], prints[files[1]]), out, as_json=as_json)


def _show_tally(tally: Tally) -> None:
    found = [
        f"{count} {name.replace('_', ' ')}"
        for name, count in sorted(tally.relations.items())
        if name != "none"
    ]
    say(
        f"{tally.fingerprints} fingerprints made, {tally.compared} pairs compared: "
        f"{', '.join(found) or 'nothing in common'}."
    )
    if tally.failed:
        say(f"! {tally.failed} objects could not be fingerprinted; findings say why.")
    if tally.pairs_failed or tally.given_up:
        say(f"! {tally.pairs_failed} pairs could not be compared and are tried again; "
            f"{tally.given_up} failed too often before.")  # fmt: skip
    for reason, count in sorted(tally.reasons.items()):
        say(f"    {count}: {reason}")


def _match_files(queries: Sequence[Path], against: Sequence[Path], as_json: bool) -> int:
    """1 when a file could not be fingerprinted or a pair not compared; all others are shown."""
    from witnessmark.archive.comparing import MODULE, Comparison
    from witnessmark.engines.local import LocalEngine

    prints, failures = _fingerprints(list(dict.fromkeys([*queries, *against])))
    for path, why in failures.items():
        if as_json:
            dump({"file": str(path), "error": why})
        else:
            say(f"! {safe(path)}: {safe(why)}")
    pairs = [
        (query, reference)
        for query in dict.fromkeys(queries)
        for reference in dict.fromkeys(against)
        if query in prints and reference in prints and query != reference
    ]
    with tempfile.TemporaryDirectory(prefix="witnessmark-") as folder:
        places = {path: Path(folder) / str(n) for n, path in enumerate(prints)}
        for path, place in places.items():
            place.write_bytes(prints[path].encode())
        comparison: Comparison[Path] = Comparison(
            lambda: LocalEngine(os.cpu_count() or 1, modules=[MODULE]), places.__getitem__
        )
        answers = dict(comparison.of(pairs))
    failed = len(failures)
    for pair in pairs:
        row = _row(*pair, answers[pair])
        failed += "error" in row
        if as_json and len(row) > 2:
            dump(row)
        elif len(row) > 2:
            _show_match(row)
    return 1 if failed else 0


def _row(query: Path, reference: Path, answer: dict[str, Any] | str | None) -> dict[str, Any]:
    """What came of a pair; nothing but its names when the two have nothing in common."""
    from witnessmark.archive.batch import NONSENSE
    from witnessmark.archive.comparing import number

    row: dict[str, Any] = {"query": str(query), "reference": str(reference)}
    if answer is None or isinstance(answer, str):
        return row | ({"error": answer} if answer else {})
    try:
        segments = [
            {
                "query": [round(number(t), 3) for t in each["query"]],
                "reference": [round(number(t), 3) for t in each["reference"]],
                "rate": round(number(each["rate"]), 4),
                "transform": str(each["transform"]),
            }
            for each in answer["segments"]
        ]
        score = round(number(answer["score"]), 4)
        return row | {"relation": str(answer["relation"]), "score": score, "segments": segments}
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return row | {"error": NONSENSE}


def _show_match(row: dict[str, Any]) -> None:
    if "error" in row:
        say(f"! {safe(row['query'])} ~ {safe(row['reference'])}: {row['error']}")
        return
    say(f"{safe(row['query'])} ~ {safe(row['reference'])}: "
        f"{safe(row['relation']).replace('_', ' ')}, score {row['score']}")  # fmt: skip
    for each in row["segments"]:
        (a, b), (c, d) = each["query"], each["reference"]
        say(f"    {a:.1f}-{b:.1f} s shows {c:.1f}-{d:.1f} s, rate {each['rate']}, "
            f"{safe(each['transform'])}")  # fmt: skip


def _fingerprints(paths: Sequence[Path]) -> tuple[dict[Path, Fingerprint], dict[Path, str]]:
    from witnessmark.engines.local import LocalEngine
    from witnessmark.ports import Task
    from witnessmark.verification import matching

    def tasks() -> Iterator[Task]:
        function = "witnessmark.verification.matching:fingerprint"
        for path in paths:
            known = {"size": path.stat().st_size if path.is_file() else 0}
            yield Task(str(path), function, str(path), known)

    prints, failures = {}, {}
    engine = LocalEngine(os.cpu_count() or 1, modules=["witnessmark.verification.matching"])
    with closing(engine.map(tasks())) as outcomes:
        for outcome in outcomes:
            path = Path(outcome.key)
            if outcome.result is None:
                failures[path] = outcome.detail or outcome.failure
                continue
            try:
                data = outcome.result.blobs.get("fingerprint", b"")
                prints[path] = matching.Fingerprint.decode(data)
            except BadInput:
                failures[path] = "no picture could be decoded"
    return prints, failures


def register(app: typer.Typer) -> None:
    """Adds the command of this module."""
    app.command()(match)
