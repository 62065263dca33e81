"""`anchor`."""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from witnessmark.cli.options import ArchiveOption, JsonOption, opened
from witnessmark.cli.output import dump, progress, safe, say

if TYPE_CHECKING:
    from witnessmark.archive import Archive
    from witnessmark.archive.stamps import Outcome


def anchor(
    due: Annotated[
        bool, typer.Option("--due", help="Only what is due; for a scheduler that runs hourly.")
    ] = False,
    spread: Annotated[
        int, typer.Option(min=0, max=720, help="With --due: first wait up to so many minutes.")
    ] = 0,
    request: Annotated[
        Path | None, typer.Option(help="Write a question for a partner to this file.")
    ] = None,
    for_partner: Annotated[
        Path | None, typer.Option(help="At the partner: ask this question, answer --into a file.")
    ] = None,
    into: Annotated[Path | None, typer.Option(help="File for the answer.")] = None,
    take: Annotated[
        Path | None, typer.Option(help="Check and record the answer that a partner brought.")
    ] = None,
    renew: Annotated[
        str | None,
        typer.Option(metavar="HASH", help="Hash everything again by sha384 or sha512; stamp that."),
    ] = None,
    archive: ArchiveOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Has the record stamped from outside, so that others can see by when it existed.

    Who stamps stands in archive.toml, beside the proxy through which they are asked:

    \b
      proxy = "socks5h://127.0.0.1:9050"
      [[anchors.authorities]]
      name = "First"
      url = "https://stamps.example.org/tsr"
      roots = "first.pem"

    roots is a file with the certificates that its stamps must lead to: get it by another way.
    Name at least two, and [[anchors.calendars]] (name, url) for OpenTimestamps. On a schedule,
    without a rhythm that shows, as a line for cron:

    \b
      17 * * * * witnessmark anchor --due --spread 40 -a ARCHIVE

    (or a systemd timer: OnCalendar=hourly, RandomizedDelaySec=40min, anchor --due)

    A stamp is made anew before a certificate beneath it ends (restamp_days): the newer
    checkpoint holds the older stamp. So it is before a hash ages, by the next hash (hash_days):
    to which day you rely on which one is yours to say:

    \b
      [anchors.relied_until]
      sha256 = "2035-12-31"

    The record itself stands on SHA-256. --renew sha512 reads every file, records what all of it
    hashes to by that hash, and has that stamped; packages then carry it.

    Through a partner: --request question; there, --for-partner question --into answer;
    here again, --take answer.

    Example: witnessmark anchor --archive ~/archive
    """
    if len([each for each in (request, for_partner, take, renew) if each]) > 1:
        raise typer.BadParameter("one of --request, --for-partner, --take and --renew at a time")
    if renew and due:
        raise typer.BadParameter("--renew is never due by itself: it reads every file")
    if (for_partner is None) != (into is None):
        raise typer.BadParameter("--for-partner goes with --into")
    if spread and not due:
        raise typer.BadParameter("--spread goes with --due")
    if spread:
        # no secret hangs on it: it only has to look like nobody's clock
        time.sleep(random.SystemRandom().uniform(0, spread * 60))
    with opened(archive) as held:
        if request:
            _request(held, request, as_json)
        elif for_partner and into:
            raise typer.Exit(_for_partner(held, for_partner, into, as_json))
        elif renew:
            raise typer.Exit(_renew(held, renew, as_json))
        else:
            raise typer.Exit(_anchor(held, due, take, as_json))


def _anchor(held: Archive, due: bool, take: Path | None, as_json: bool) -> int:
    from witnessmark.archive import anchoring, anchoring_by_file

    found = anchoring_by_file.take(held, take) if take else anchoring.anchor(held, due=due)
    advice = anchoring.advice(held)
    if as_json:
        rows = [{k: v for k, v in dataclasses.asdict(each).items() if v} for each in found]
        dump({"outcomes": rows, "advice": advice})
    else:
        _show(found, advice)
    return 1 if any(each.state == "failed" for each in found) else 0


def _renew(held: Archive, hash_name: str, as_json: bool) -> int:
    from witnessmark.archive import renewing

    with progress("renewing", quiet=as_json) as advance:
        made, found = renewing.renew(held, hash_name, advance=advance)
    if as_json:
        rows = [{k: v for k, v in dataclasses.asdict(each).items() if v} for each in found]
        members = {"entry": made.index, "hash": made.said.hash, "size": made.said.size}
        dump({"renewal": members, "outcomes": rows})
    else:
        say(f"Entry {made.index}: {made.said.size} entries and their files by {made.said.hash}")
        _show(found, ())
    return 1 if any(each.state == "failed" for each in found) else 0


def _show(outcomes: Sequence[Outcome], advice: Sequence[str]) -> None:
    for each in outcomes:
        of = "renewal" if each.kind == "renewal" else "checkpoint"
        what = f"{of} of {each.size} entries"
        match each.state:
            case "stamped" | "confirmed":
                say(f"{safe(each.authority)}: {what} {each.state}, at {each.time}")
            case "pending":
                say(f"{safe(each.authority)}: {what} promised; pending until a block holds it")
            case "held":
                say(f"{safe(each.authority)}: {what} was recorded before")
            case "failed":
                say(f"! {safe(each.authority)}: {safe(each.what)} [{each.reason}]")
                if each.todo:
                    say(f"  {safe(each.todo)}")
            case _:
                say(f"{safe(each.authority)}: {safe(each.what)}")
    for line in advice:
        say(f"! {safe(line)}")
    if any(each.state == "failed" for each in outcomes):
        say("  Failures are in the record. The same command asks again; nothing waits for it.")


def _request(held: Archive, path: Path, as_json: bool) -> None:
    from witnessmark.archive import anchoring_by_file

    size = anchoring_by_file.ask(held, path)
    if as_json:
        dump({"size": size})
    else:
        say(f"{safe(path)}: a question over the checkpoint of {size} entries. It holds digests "
            "alone.")  # fmt: skip
        say(f"There: witnessmark anchor --for-partner {safe(path.name)} --into answer")


def _for_partner(held: Archive, request: Path, into: Path, as_json: bool) -> int:
    from witnessmark.archive import anchoring_by_file

    went = anchoring_by_file.ask_for(held, request, into)
    if as_json:
        dump({"answered": sorted(name for name, why in went.items() if not why),
              "failed": {name: why for name, why in went.items() if why}})  # fmt: skip
    else:
        for name, why in went.items():
            say(f"! {safe(name)} gave no answer [{why}]" if why else f"{safe(name)} answered")
        say(f"{safe(into)} is for whoever asked: witnessmark anchor --take {safe(into.name)}")
    return 1 if any(went.values()) else 0


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command()(anchor)
