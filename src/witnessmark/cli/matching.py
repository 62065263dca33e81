"""`match`."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
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
    from witnessmark.verification.matching import Fingerprint, Match, Segment
    from witnessmark.verification.matching.sound import SoundMatch
    from witnessmark.verification.matching.soundprint import Soundprint

_NO_PICTURE = "no picture could be decoded"


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
    """Finds copies, excerpts and edits of the same footage, and the same sound.

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
    paths = list(dict.fromkeys([*queries, *against]))
    prints, failures = _fingerprints(paths)
    sounds, unheard = _soundprints(paths)
    # a file of sound alone has no pictures to be missed
    failed = [
        (path, why) for path, why in failures.items() if why != _NO_PICTURE or path not in sounds
    ]
    failed += [(path, f"its sound: {why}") for path, why in unheard.items() if path not in failures]
    for path, why in failed:
        if as_json:
            dump({"file": str(path), "error": why})
        else:
            say(f"! {safe(path)}: {safe(why)}")
    for query in queries:
        for reference in against:
            if query == reference:
                continue
            for row in _rows(query, reference, prints, sounds):
                if as_json:
                    dump(row)
                else:
                    _show_match(row)
    return 1 if failed else 0


def _rows(
    query: Path,
    reference: Path,
    prints: Mapping[Path, Fingerprint],
    sounds: Mapping[Path, Soundprint],
) -> Iterator[dict[str, Any]]:
    """What two files share, one row a relation."""
    from witnessmark.verification.matching import match as compare
    from witnessmark.verification.matching.sound import beside, match_sounds

    footage: Sequence[Segment] = ()
    named = {"query": str(query), "reference": str(reference)}
    if query in prints and reference in prints:
        seen = compare(prints[query], prints[reference])
        if seen is not None:
            yield {**named, **_members(seen)}
            footage = seen.segments if seen.relation == "same_footage" else ()
    if query in sounds and reference in sounds:
        heard = match_sounds(sounds[query], sounds[reference])
        heard = heard and beside(heard, footage)
        if heard is not None:
            yield {**named, **_members(heard), "evidence": heard.evidence}


def _members(found: Match | SoundMatch) -> dict[str, Any]:
    return {
        "relation": found.relation,
        "score": round(found.score, 4),
        "segments": [
            {
                "query": [round(t, 3) for t in each.query],
                "reference": [round(t, 3) for t in each.reference],
                "rate": round(each.rate, 4),
                "transform": each.transform,
            }
            for each in found.segments
        ],
    }


def _show_match(row: dict[str, Any]) -> None:
    say(f"{safe(row['query'])} ~ {safe(row['reference'])}: "
        f"{row['relation'].replace('_', ' ')}, score {row['score']}")  # fmt: skip
    for each in row["segments"]:
        (a, b), (c, d) = each["query"], each["reference"]
        verb = "sounds like" if row["relation"] == "same_sound" else "shows"
        say(f"    {a:.1f}-{b:.1f} s {verb} {c:.1f}-{d:.1f} s, rate {each['rate']}, "
            f"{each['transform']}")  # fmt: skip
    if "evidence" in row:
        say(f"    {safe(row['evidence'])}")


def _fingerprints(paths: Sequence[Path]) -> tuple[dict[Path, Fingerprint], dict[Path, str]]:
    from witnessmark.verification.matching import Fingerprint

    prints, failures = {}, {}
    for path, made in _made(paths, "witnessmark.verification.matching", "fingerprint"):
        try:
            prints[path] = Fingerprint.decode(made if isinstance(made, bytes) else b"")
        except BadInput:
            failures[path] = made if isinstance(made, str) else _NO_PICTURE
    return prints, failures


def _soundprints(paths: Sequence[Path]) -> tuple[dict[Path, Soundprint], dict[Path, str]]:
    """Files without sound, or with silence only, are in neither."""
    from witnessmark.verification.matching.soundprint import Soundprint

    sounds, failures = {}, {}
    for path, made in _made(paths, "witnessmark.verification.matching.sound", "soundprint"):
        if isinstance(made, str):
            failures[path] = made
        elif made:
            try:
                sounds[path] = Soundprint.decode(made)
            except BadInput as error:
                failures[path] = str(error)
    return sounds, failures


def _made(paths: Sequence[Path], module: str, function: str) -> Iterator[tuple[Path, bytes | str]]:
    """What a worker makes of each file, the blob named like its function, or why there is none."""
    from witnessmark.engines.local import LocalEngine
    from witnessmark.ports import Task

    def tasks() -> Iterator[Task]:
        for path in paths:
            known = {"size": path.stat().st_size if path.is_file() else 0}
            yield Task(str(path), f"{module}:{function}", str(path), known)

    engine = LocalEngine(os.cpu_count() or 1, modules=[module])
    with closing(engine.map(tasks())) as outcomes:
        for outcome in outcomes:
            if outcome.result is None:
                yield Path(outcome.key), outcome.detail or outcome.failure
            else:
                yield Path(outcome.key), outcome.result.blobs.get(function, b"")


def register(app: typer.Typer) -> None:
    """Adds the command of this module."""
    app.command()(match)
