"""`match`."""

from __future__ import annotations

import dataclasses
import os
import tempfile
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
    from witnessmark.archive.comparing import Answer
    from witnessmark.archive.tally import Tally
    from witnessmark.verification.matching import Fingerprint, Segment
    from witnessmark.verification.matching.soundprint import Soundprint

_NO_PICTURE = "no picture could be decoded"
_Pair = tuple[Path, Path]


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
    from witnessmark.archive import matching, sounding

    with opened(archive) as held:
        with progress("matching", quiet=as_json) as advance:
            tally = matching.match(held, advance)
        with progress("matching sound", quiet=as_json) as advance:
            heard = sounding.match(held, advance)
        recordings = len(held.queries.recordings())
        searched = matching.coverage(held)
        unenforced = held.unenforced()
    expected = matching.expected_false_links(searched.pairs)
    if as_json:
        dump(
            {
                **tally.members(),
                **{name: tally.relations.get(name, 0) for name in ("same_footage", "same_scene")},
                "same_sound": heard.relations.get("same_sound", 0),
                "sound": heard.members(),
                "recordings": recordings,
                "coverage": dataclasses.asdict(searched),
                "expected_false_links": dataclasses.asdict(expected) if expected else None,
                "unenforced": unenforced,
            }
        )
        return
    show_unenforced(unenforced)
    _show_tally(tally)
    _show_tally(heard, "sound ")
    if heard.relations.get("same_sound"):
        say(f"Of sound: {matching.NO_CARD[0].lower()}{matching.NO_CARD[1:]}")
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


def _show_tally(tally: Tally, of: str = "") -> None:
    found = [
        f"{count} {name.replace('_', ' ')}"
        for name, count in sorted(tally.relations.items())
        if name != "none"
    ]
    say(
        f"{tally.fingerprints} {of}fingerprints made, {tally.compared} pairs compared: "
        f"{', '.join(found) or 'nothing in common'}."
    )
    if tally.failed:
        mark = "" if of else "! "  # many videos have no sound
        say(f"{mark}{tally.failed} objects have no {of}fingerprint; findings say why.")
    if tally.pairs_failed or tally.given_up:
        say(f"! {tally.pairs_failed} pairs could not be compared and are tried again; "
            f"{tally.given_up} failed too often before.")  # fmt: skip
    for reason, count in sorted(tally.reasons.items()):
        say(f"    {count}: {reason}")
    if tally.left_off:
        say(f"! {tally.left_off} candidates were too many to compare: the least alike.")
    if tally.only_flat:
        say(f"! {tally.only_flat} objects show nothing but black or even pictures.")


def _match_files(queries: Sequence[Path], against: Sequence[Path], as_json: bool) -> int:
    """1 when a file could not be fingerprinted or a pair not compared; all others are shown."""
    paths = list(dict.fromkeys([*queries, *against]))
    prints, unseen = _fingerprints(paths)
    sounds, unheard = _soundprints(paths)
    # a file of sound alone has no pictures to be missed
    failed = [
        (path, why) for path, why in unseen.items() if why != _NO_PICTURE or path not in sounds
    ]
    failed += [(path, f"its sound: {why}") for path, why in unheard.items() if path not in unseen]
    for path, why in failed:
        if as_json:
            dump({"file": str(path), "error": why})
        else:
            say(f"! {safe(path)}: {safe(why)}")
    pairs = [
        (query, reference)
        for query in dict.fromkeys(queries)
        for reference in dict.fromkeys(against)
        if query != reference
    ]
    failures = len(failed)
    for row in _rows(pairs, prints, sounds):
        failures += "error" in row
        if as_json:
            dump(row)
        else:
            _show_match(row)
    return 1 if failures else 0


def _rows(
    pairs: Sequence[_Pair], prints: Mapping[Path, Fingerprint], sounds: Mapping[Path, Soundprint]
) -> Iterator[dict[str, Any]]:
    """What files have in common, a row a relation, and what could not be compared."""
    from witnessmark.archive.comparing import MODULE, SOUND_MODULE
    from witnessmark.verification.matching.sound import explained

    seen = _answers(pairs, prints, MODULE, "compare")
    heard = _answers(pairs, sounds, SOUND_MODULE, "compare_sounds")
    for pair in pairs:
        sight, ear = _row(*pair, seen.get(pair)), _row(*pair, heard.get(pair))
        shown = sight["segments"] if sight.get("relation") == "same_footage" else ()
        footage = [_segment(each) for each in shown]
        if "relation" in ear:
            left = [each for each in ear["segments"] if not explained(_segment(each), footage)]
            ear |= {"segments": left}
        for row in (sight, ear):
            if "error" in row or row.get("segments"):
                yield row


def _segment(shown: Mapping[str, Any]) -> Segment:
    from witnessmark.verification.matching import Segment

    (a, b), (c, d) = shown["query"], shown["reference"]
    return Segment((a, b), (c, d), shown["rate"], shown["transform"])


def _answers(
    pairs: Sequence[_Pair],
    prints: Mapping[Path, Fingerprint] | Mapping[Path, Soundprint],
    module: str,
    function: str,
) -> dict[_Pair, Answer]:
    """What workers say of each pair whose fingerprints are there."""
    from witnessmark.archive.comparing import Comparison
    from witnessmark.engines.local import LocalEngine

    with tempfile.TemporaryDirectory(prefix="witnessmark-") as folder:
        places = {path: Path(folder) / str(n) for n, path in enumerate(prints)}
        for path, place in places.items():
            place.write_bytes(prints[path].encode())
        comparison: Comparison[Path] = Comparison(
            lambda: LocalEngine(os.cpu_count() or 1, modules=[module]),
            places.__getitem__,
            f"{module}:{function}",
        )
        due = [pair for pair in pairs if pair[0] in prints and pair[1] in prints]
        return dict(comparison.of(due))


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
        row |= {"relation": str(answer["relation"]), "score": score, "segments": segments}
        return row | ({"evidence": str(answer["evidence"])} if "evidence" in answer else {})
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
        verb = "sounds like" if row["relation"] == "same_sound" else "shows"
        say(f"    {a:.1f}-{b:.1f} s {verb} {c:.1f}-{d:.1f} s, rate {each['rate']}, "
            f"{safe(each['transform'])}")  # fmt: skip
    if "evidence" in row:
        say(f"    {safe(row['evidence'])}")


def _fingerprints(paths: Sequence[Path]) -> tuple[dict[Path, Fingerprint], dict[Path, str]]:
    from witnessmark.archive.comparing import MODULE
    from witnessmark.verification.matching import Fingerprint

    prints, failures = {}, {}
    for path, made in _made(paths, MODULE, "fingerprint"):
        try:
            prints[path] = Fingerprint.decode(made if isinstance(made, bytes) else b"")
        except BadInput:
            failures[path] = made if isinstance(made, str) else _NO_PICTURE
    return prints, failures


def _soundprints(paths: Sequence[Path]) -> tuple[dict[Path, Soundprint], dict[Path, str]]:
    """Files without sound, or with silence only, are in neither."""
    from witnessmark.archive.comparing import SOUND_MODULE
    from witnessmark.verification.matching.soundprint import Soundprint

    sounds, failures = {}, {}
    for path, made in _made(paths, SOUND_MODULE, "soundprint"):
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
