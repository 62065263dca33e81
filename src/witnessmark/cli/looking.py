"""`show`, `log`, `fields`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from witnessmark.cli.options import ArchiveOption, JsonOption, KeyFileOption, entry_number, opened
from witnessmark.cli.output import dump, safe, say, size

if TYPE_CHECKING:
    from witnessmark.archive import Archive
    from witnessmark.catalog.standing import Standing
    from witnessmark.ports import ReferenceLinkRow, SightingRow


def show(
    what: Annotated[
        str, typer.Argument(help="Start of an object's SHA-256, or an entry's number.")
    ] = "",
    archive: ArchiveOption = Path(),
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Shows matching footage with its sightings; or one object; or one entry.

    Protected values are shown when you are unlocked (passphrase or key file).

    Examples: witnessmark show; witnessmark show 3f9a0c51; witnessmark show 17
    """
    with opened(archive, key_file, unlock=bool(what), reading=True) as held:
        if not what:
            _show_footage(held, as_json)
        elif (entry := entry_number(what)) is not None and not _is_object(held, what, entry):
            _show_entry(held, entry, as_json)
        else:
            _show_object(held, what, as_json)


def _is_object(held: Archive, what: str, entry: int) -> bool:
    """Whether digits are the start of an object's name and not the number of an entry."""
    from witnessmark.errors import NotFound

    try:
        held.queries.object(what)
    except NotFound:
        return False
    head = held.journal.head()
    return head is None or entry >= head.size


def _show_footage(held: Archive, as_json: bool) -> None:
    from witnessmark.archive.linking import is_take

    recordings = held.queries.recordings()
    sightings: dict[str, list[SightingRow]] = {}
    for row in held.queries.sightings():
        if row.sha256:
            sightings.setdefault(row.sha256, []).append(row)
    stands, references = _standing(held), held.queries.references()
    for number, (recording, members) in enumerate(sorted(recordings.items()), 1):
        rows: list[dict[str, Any]] = [
            {
                "object": member.sha256,
                "start": member.start / 1000,
                "end": member.end / 1000,
                "reference": references.get(member.sha256),
                "anchor": stands(member.sha256).members(),
                "sightings": [_sighting(row) for row in sightings.get(member.sha256, [])],
            }
            for member in members
        ]
        if as_json:
            dump({"recording": recording, "one_take": is_take(members), "members": rows})
            continue
        what = "One camera's take, a person says" if is_take(members) else "Matching footage"
        say(f"{what} ({number}): {len({member.sha256 for member in members})} objects")
        for shown in rows:
            say(
                f"  {shown['object'][:12]}  {shown['start']:.1f}-{shown['end']:.1f} s; "
                f"{_reference(shown['reference'])}{safe(stands(shown['object']))}"
            )
            for seen in shown["sightings"]:
                say(f"      channel of {safe(seen['party'] or 'unknown')}, {seen['source']}"
                    f"{_dates(seen['dates'])}")  # fmt: skip
    if not recordings and not as_json:
        say("No matching footage is recorded. 'witnessmark match' looks for it.")
    if not as_json:
        _say_gaps(held)


def _reference(collection: str | None) -> str:
    return f"reference collection '{safe(collection)}', not our own; " if collection else ""


def _say_gaps(held: Archive, name: str | None = None) -> None:
    from witnessmark.archive import custodying

    for gap in custodying.gap_sentences(held, name):
        say(f"! {gap}")


def _standing(held: Archive) -> Callable[[str], Standing]:
    """How an object stands, by its name: the entry that first named it."""
    from witnessmark.archive.anchoring import standings

    found = standings(held)

    def of(sha256: str) -> Standing:
        entry = held.queries.object(sha256).entry
        return found.of(entry, held.journal.entry(entry).entry.at)

    return of


def _sighting(row: SightingRow) -> dict[str, Any]:
    from witnessmark.model.statement import plain

    return {
        "entry": row.entry,
        "party": row.party,
        "source": row.source,
        "outcome": row.outcome,
        "dates": [plain(date) for date in row.dates],
    }


_GRADES = {"stated": "stated in a handed-over file", "observed": "observed live by us"}


def _dates(dates: list[dict[str, Any]]) -> str:
    return "".join(
        f"; {safe(each['what']).replace('_', ' ')} {safe(each['at'])} "
        f"({_GRADES.get(each['grade'], each['grade'])})"
        for each in dates
    )


def _show_object(held: Archive, name: str, as_json: bool) -> None:
    from witnessmark.archive import linking
    from witnessmark.cli.links import line

    row = held.queries.object(name)
    sightings = [_sighting(each) for each in held.queries.sightings(row.sha256)]
    findings = [held.journal.entry(index) for index in held.queries.findings(row.sha256)]
    links = linking.standings(held, row.sha256)
    stands = _standing(held)(row.sha256)
    materials = held.queries.materials(row.sha256)
    disposed = held.queries.disposed([row.sha256]).get(row.sha256)
    reference = held.queries.references().get(row.sha256)
    claimed = held.queries.reference_links(row.sha256)
    if as_json:
        dump(
            {
                "object": row.sha256,
                "size": row.size,
                "kind": row.kind,
                "entry": row.entry,
                "anchor": stands.members(),
                "sightings": sightings,
                "findings": [dict(each.entry.fields) for each in findings],
                "links": [
                    [
                        each.a,
                        each.b,
                        each.relation,
                        each.link.score if each.link else "",
                        each.state,
                    ]
                    for each in links
                ],
                "materials": [dataclasses.asdict(each) for each in materials],
                "disposed_by": disposed,
                "reference": reference,
                "claimed_matches": [dataclasses.asdict(each) for each in claimed],
                "custody_gaps": [
                    dataclasses.asdict(gap) for gap in held.queries.custody_gaps(row.sha256)
                ],
            }
        )
        return
    say(f"{row.sha256}\n  {row.kind}, {size(row.size)}; entry {row.entry}; "
        f"{_reference(reference)}{safe(stands)}")  # fmt: skip
    if disposed is not None:
        say(f"  disposed of: its bytes are gone (entry {disposed})")
    for each in sightings:
        say(f"  seen: entry {each['entry']}, channel of {safe(each['party'])}"
            f"{_dates(each['dates'])}")  # fmt: skip
        _show_protected(held, each["entry"], indent="      ")
    for finding in findings:
        fields = finding.entry.fields
        say(f"  {fields['check']}: {fields['result']} {fields.get('reason', '')}".rstrip())
    for link in links:
        say(f"  {line(link)}")
    _say_claims(held, claimed)
    for said in materials:
        say(f"  {said.a[:12]} {said.relation} {said.b[:12]}, a person says (entry {said.entry})")
    _say_gaps(held, row.sha256)


def _say_claims(held: Archive, found: Sequence[ReferenceLinkRow]) -> None:
    from witnessmark.archive.referencing import claims
    from witnessmark.cli.references import claim_words

    known = claims(held) if found else {}
    for each in found:
        said = "; ".join(claim_words(row) for row in known.get(each.reference, ()))
        say(f"  {each.relation.replace('_', ' ')} as {said}, score {each.score}")


def _show_entry(held: Archive, index: int, as_json: bool) -> None:
    from witnessmark.archive.anchoring import standings

    recorded = held.journal.entry(index)
    members = json.loads(recorded.body)
    stands = standings(held).of(index, recorded.entry.at)
    if as_json:
        dump({"index": index, "leaf": recorded.leaf.hex(), "entry": members,
              "anchor": stands.members(),
              "protected": _protected(held, index)})  # fmt: skip
        return
    say(f"entry {index} of {held.origin}, leaf {recorded.leaf.hex()}; {safe(stands)}")
    say(json.dumps(members, ensure_ascii=True, indent=2, sort_keys=True))
    _show_protected(held, index, indent="  ")


def _protected(held: Archive, index: int) -> Mapping[str, Any]:
    from witnessmark.archive.protecting import values
    from witnessmark.errors import Erased, Locked

    found: dict[str, Any] = {}
    for name, ref in values(held, index).items():
        try:
            found[name] = held.vault.open(ref).value
        except Locked:
            found[name] = {"state": "locked"}
        except Erased:
            found[name] = {"state": "erased"}
    return found


def _show_protected(held: Archive, index: int, indent: str) -> None:
    for name, value in _protected(held, index).items():
        state = value.get("state") if isinstance(value, dict) and len(value) == 1 else None
        if state == "locked":
            continue
        text = f"({state})" if state else value if isinstance(value, str) else json.dumps(value)
        say(f"{indent}{name}: {safe(text)[:300]}")


def log(
    last: Annotated[int, typer.Option("--last", "-n", help="How many entries.")] = 20,
    archive: ArchiveOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """The newest entries of the record.

    Example: witnessmark log -n 50
    """
    with opened(archive, reading=True) as held:
        head = held.journal.head()
        end = head.size if head else 0
        for each in held.journal.read(max(0, end - last)):
            entry = each.entry
            if as_json:
                dump({"index": each.index, "entry": json.loads(each.body)})
            else:
                about = " ".join(name[:19] for name in entry.about)
                say(f"{each.index:>8}  {entry.at}  {entry.by[:12]}  {entry.type:<22} {about}")


def fields(
    type_name: Annotated[
        str, typer.Argument(metavar="TYPE", help="Only this entry type; its beginning will do.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """What entries may say: the rule of every field, and which are protected.

    Example: witnessmark fields sighting
    """
    from witnessmark.errors import NotFound
    from witnessmark.model.fields import table as rules

    found = {name: each for name, each in rules().items() if name.startswith(type_name)}
    if not found:
        raise NotFound(f"There is no entry type '{type_name}'.", todo="'witnessmark fields'.")
    if as_json:
        dump({name: [dataclasses.asdict(rule) for rule in each] for name, each in found.items()})
        return
    for name, each in found.items():
        say(name)
        for rule in each:
            say(f"  {'*' if rule.kind == 'protected' else ' '} {rule}")
    say("* a commitment stands in the entry; the value is sealed, can be disclosed and erased.")


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    for command in (show, log, fields):
        app.command()(command)
