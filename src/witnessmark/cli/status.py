"""`status`: the archive on one screen."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from witnessmark.cli.options import ArchiveOption, JsonOption, opened
from witnessmark.cli.output import dump, safe, say, size, table

if TYPE_CHECKING:
    from witnessmark.archive import Archive


def status(archive: ArchiveOption = Path(), as_json: JsonOption = False) -> None:
    """What the archive holds, for which parties, and what is left to do.

    Example: witnessmark status --archive ~/archive
    """
    from witnessmark.archive import anchoring, custodying

    with opened(archive, reading=True) as held:
        found = _found(held, archive)
        anchored = str(anchoring.newest(held))
        gaps = list(custodying.gap_sentences(held))
    if as_json:
        dump(found)
        return
    say(f"{found['origin']}: {found['objects']} objects ({size(found['bytes'])}), "
        f"{found['sightings']} sightings, {found['findings']} findings, "
        f"{found['recordings']} groups of matching footage; "
        f"{found['entries']} entries.")  # fmt: skip
    if found["references"]:
        say(f"Besides, {found['references']} objects of reference collections: not our own.")
    _say_outside(found, anchored)
    _say_parties(found)
    for name, number in found["left"].items():
        if number:
            say(f"Left to do: {number} {name}.")
    _say_keeping(found)
    for warning in (*gaps, *found["warnings"]):
        say(f"! {warning}")


def _found(held: Archive, folder: Path) -> dict[str, Any]:
    """Everything that is shown, for scripts."""
    from witnessmark.archive import anchoring, restoring
    from witnessmark.custody import place

    runs = held.queries.runs()
    head = held.journal.head()
    anchored = anchoring.newest(held)
    return {
        "origin": held.origin,
        "entries": head.size if head else 0,
        **held.queries.counts(),
        "runs_per_party": dict(
            Counter(row.party or "unfinished run" for row in runs if row.reference is None)
        ),
        "reference_runs": dict(Counter(row.reference for row in runs if row.reference)),
        "parties": list(held.scope().parties),
        "unfinished_runs": [row.run for row in runs if row.tally is None],
        "left": _left(held),
        "anchored": anchored.state == "anchored",
        "anchor": anchored.members(),
        "anchor_advice": anchoring.advice(held),
        "anchor_failures": anchoring.failures(held),
        "cosigned": _cosigned(held),
        "alarms": _alarms(held),
        "restored": restoring.stands(folder),
        "audited": _last_audit(held),
        "disposed": len(held.queries.disposed()),
        "custody_gaps": [dataclasses.asdict(gap) for gap in held.queries.custody_gaps()],
        "warnings": place.warnings(folder),
    }


def _say_outside(found: Mapping[str, Any], anchored: str) -> None:
    """What others outside have seen of the record."""
    say(f"The newest entry that is no anchor: {safe(anchored)}.")
    for line in (*found["anchor_advice"], *found["anchor_failures"]):
        say(f"! {safe(line)}")
    for each in found["cosigned"]:
        say(f"Co-signed by {safe(each['witness'])} up to {each['size']} entries, at "
            f"{each['time']}; {found['entries'] - each['size']} entries since.")  # fmt: skip
    if not found["cosigned"]:
        say("Co-signed by nobody: a rewritten record would not be noticed by a partner.")
    for alarm in found["alarms"]:
        say(f"! {safe(alarm)}")


def _say_parties(found: Mapping[str, Any]) -> None:
    """Both sides by one rule."""
    runs, parties = found["runs_per_party"], found["parties"]
    rows = [(party, runs.get(party, 0)) for party in parties]
    rows += [(party, number) for party, number in sorted(runs.items()) if party not in parties]
    say("Runs per party's channels:")
    table(rows)
    if any(runs.values()) and not all(runs.get(party) for party in parties):
        say("! One-sided collection: some party's channels were never looked at.")


def _say_keeping(found: Mapping[str, Any]) -> None:
    """Restoring, audits, disposal."""
    if stood := found["restored"]:
        say(f"! Restored at {safe(stood.get('restored_at'))} from a backup of size "
            f"{safe(stood.get('size'))}: what was recorded after that backup is lost.")  # fmt: skip
    if (last := found["audited"]) is None:
        say("Never audited: 'witnessmark audit' reads every copy.")
    else:
        say(f"Last audit {last['at']}: {last['places']} places, {last['bad']} bad copies remained.")
    if found["disposed"]:
        say(f"{found['disposed']} objects or attachments were disposed of; their names stay.")


def _last_audit(held: Archive) -> dict[str, Any] | None:
    from witnessmark.model import FixityAudited

    acts = held.queries.acts(FixityAudited.TYPE)
    if not acts:
        return None
    recorded = held.journal.entry(acts[-1])
    said = recorded.said
    assert isinstance(said, FixityAudited)
    bad = sum(each.missing + each.changed - each.repaired for each in said.places)
    return {"at": recorded.entry.at, "places": len(said.places), "bad": bad}


def _cosigned(held: Archive) -> list[dict[str, Any]]:
    """For each public key the newest co-signature, named as in archive.toml if it stands there."""
    names = {each.key.split("+", 2)[-1]: each.name for each in held.settings.witnesses}
    newest: dict[str, dict[str, Any]] = {}
    for row in held.queries.cosignatures():
        public = row.witness.split("+", 2)[-1]
        newest[public] = {
            "witness": names.get(public, row.witness), "size": row.size, "time": row.time,
        }  # fmt: skip
    return list(newest.values())


def _alarms(held: Archive) -> list[str]:
    """Forks of our record that were reported, and contradictions in partners' records."""
    from witnessmark.archive.witnessing import contradictions
    from witnessmark.model import ForkReported

    found = [
        f"FORK: entry {index} reports another record under this archive's key."
        for index in held.queries.acts(ForkReported.TYPE)
    ]
    return found + contradictions(held)


def _left(held: Archive) -> dict[str, int]:
    from importlib.metadata import entry_points

    left = {}
    for point in entry_points(group="witnessmark.examinations"):
        check = point.load()()
        left[f"objects without the check '{check.name}'"] = len(
            held.queries.unexamined(check.name, check.version)
        )
    return left


def register(app: typer.Typer) -> None:
    """Adds the command of this module."""
    app.command()(status)
