"""`custody receive`, `transfer`, `receipt`, `sign`, `show`, `link`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from witnessmark.cli.options import ArchiveOption, JsonOption, KeyFileOption, opened
from witnessmark.cli.output import dump, safe, say
from witnessmark.errors import BadInput

custody = typer.Typer(
    name="custody",
    help="Who has had the things: received, transferred, receipted; what bears on what.\n\n"
    "Example: witnessmark custody show 3f9a0c51",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_Objects = Annotated[list[str], typer.Argument(help="Starts of the objects' SHA-256.")]
_Reason = Annotated[str, typer.Option(help="Why (sealed).")]
_Method = Annotated[str, typer.Option(help="How: in_person, courier, post, network or other.")]
_Transfer = Annotated[
    int | None, typer.Argument(min=0, max=10**15, help="Number of the transfer's entry.")
]
_ReceivedAt = Annotated[
    str, typer.Option(help="When it was received: 2026-01-02T03:04:05Z; now, if left out.")
]


def receive(
    objects: _Objects,
    from_whom: Annotated[str, typer.Option("--from", help="Who gave them (sealed).")] = "",
    reason: _Reason = "",
    method: _Method = "in_person",
    archive: ArchiveOption = Path(),
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Records under your key that somebody gave you these objects. Collect them first.

    Example: witnessmark custody receive 3f9a0c51 --from "her brother" --reason "asked us to keep"
    """
    from witnessmark.archive import custodying

    with opened(archive, key_file, unlock=True) as held:
        made = custodying.receive(held, objects, from_whom=from_whom, reason=reason, method=method)
    _tell(made.index, "received", as_json)


def transfer(
    objects: _Objects,
    to_whom: Annotated[str, typer.Option("--to", help="Who gets them (sealed).")] = "",
    reason: _Reason = "",
    method: _Method = "in_person",
    receiver_key: Annotated[
        str, typer.Option(help="The key that is to sign the receipt ('custody sign --key').")
    ] = "",
    archive: ArchiveOption = Path(),
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Records under your key that you gave these objects away. Until its receipt: an open gap.

    Example: witnessmark custody transfer 3f9a0c51 --to "the court's clerk" --reason "case 12"
    """
    from witnessmark.archive import custodying

    with opened(archive, key_file, unlock=True) as held:
        made = custodying.transfer(
            held,
            objects,
            to_whom=to_whom,
            reason=reason,
            method=method,
            receiver_key=receiver_key,
        )
    _tell(made.index, "transferred; an open gap until its receipt", as_json)
    if not as_json:
        say(f"Next: witnessmark custody receipt {made.index} --request FILE, for the receiver.")


def receipt(
    number: _Transfer = None,
    request: Annotated[
        Path | None, typer.Option("--request", help="Write the request for the receiver here.")
    ] = None,
    take: Annotated[
        Path | None, typer.Option("--take", help="Take in the signed answer from this file.")
    ] = None,
    document: Annotated[
        Path | None, typer.Option("--document", help="Scan of a signed paper instead.")
    ] = None,
    received_at: _ReceivedAt = "",
    archive: ArchiveOption = Path(),
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """The receipt for a transfer: ask for it by file, take the answer in, or a signed paper.

    Examples: witnessmark custody receipt 17 --request ask.json;
    witnessmark custody receipt --take answer.json;
    witnessmark custody receipt 17 --document scan.pdf
    """
    from witnessmark.archive import custodying
    from witnessmark.custody.receipts import Answer

    if sum(each is not None for each in (request, take, document)) != 1:
        raise typer.BadParameter("give one of --request, --take and --document")
    if number is None and take is None:
        raise typer.BadParameter("name the transfer's entry")
    with opened(archive, key_file, unlock=request is None) as held:
        if take is not None:
            answer = Answer.decode(_small(take))
            _tell(custodying.receipt(held, answer).index, "receipted", as_json)
        elif document is not None and number is not None:
            made = custodying.receipt_on_paper(held, number, document, received_at)
            _tell(made.index, "receipted on paper", as_json)
        elif request is not None and number is not None:
            _write_new(request, custodying.request(held, number).encode())
            if as_json:
                dump({"request": str(request), "transfer": number})
            else:
                say(f"{safe(request)}: give it to the receiver, who runs "
                    "'witnessmark custody sign' on it.")  # fmt: skip


def sign(
    request: Annotated[Path | None, typer.Argument(help="The request that came.")] = None,
    answer: Annotated[Path | None, typer.Argument(help="Write the signed receipt here.")] = None,
    key: Annotated[
        bool, typer.Option("--key", help="Only print your key, for the giver to name.")
    ] = False,
    received_at: _ReceivedAt = "",
    archive: ArchiveOption = Path(),
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """The receiver's side: signs a receipt with your key. Look first whether all is there.

    Examples: witnessmark custody sign ask.json answer.json; witnessmark custody sign --key
    """
    from witnessmark.archive import custodying
    from witnessmark.custody.receipts import Request

    with opened(archive, key_file, unlock=True) as held:
        if key:
            public = custodying.public_key(held)
            dump({"key": public}) if as_json else say(public)
            return
        if request is None or answer is None:
            raise typer.BadParameter("name the request and the file to write")
        asked = Request.decode(_small(request))
        signed, here = custodying.answer(held, asked, received_at)
        _write_new(answer, signed.encode())
    if as_json:
        dump({"answer": str(answer), "origin": asked.origin, "transfer": asked.transfer,
              "objects": list(asked.objects), "held_here": here})  # fmt: skip
        return
    say(f"You sign that you received {len(asked.objects)} objects of {safe(asked.origin)}:")
    for name in asked.objects:
        say(f"  {name}")
    say(f"{here} of them are in this archive. Give {safe(answer)} back to the giver.")


def show(
    name: Annotated[
        str, typer.Argument(help="Start of an object's SHA-256; without one: all open gaps.")
    ] = "",
    archive: ArchiveOption = Path(),
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """One object's chain of custody in order, hand-overs and gaps included.

    Example: witnessmark custody show 3f9a0c51 --json
    """
    from witnessmark.archive import anchoring, custodying

    with opened(archive, key_file, unlock=bool(name), reading=True) as held:
        standings = anchoring.standings(held)
        gaps = list(custodying.gap_sentences(held, name or None))
        steps = custodying.chain(held, name) if name else []
        rows = [dataclasses.asdict(gap) for gap in held.queries.custody_gaps(name or None)]
    if as_json:
        chain = [
            {**dataclasses.asdict(step), "anchor": standings.of(step.entry, step.at).members()}
            for step in steps
        ]
        dump({"chain": chain, "gaps": rows})
        return
    for step in steps:
        facts = ", ".join(f"{k.replace('_', ' ')} {safe(v)}" for k, v in step.facts.items())
        say(f"{step.entry:>8}  {step.at}  {step.by[:12]}  {step.what:<12} {facts}")
        say(f"{'':>10}{safe(standings.of(step.entry, step.at))}")
        for field, value in step.protected.items():
            state = value.get("state") if isinstance(value, dict) and len(value) == 1 else None
            text = f"({state})" if state else value if isinstance(value, str) else json.dumps(value)
            say(f"{'':>10}{field}: {safe(text)[:300]}")
    for gap in gaps:
        say(f"! {gap}")
    if not name and not gaps:
        say("Every transfer has its receipt.")


def link(
    a: Annotated[str, typer.Argument(help="Start of an object's SHA-256.")],
    b: Annotated[str, typer.Argument(help="The object that it bears on.")],
    relation: Annotated[
        str, typer.Option(help="contradicts, supports or context.")
    ] = "contradicts",
    reason: _Reason = "",
    archive: ArchiveOption = Path(),
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Records under your key that A bears on B; a hand-over then carries both.

    Example: witnessmark custody link 3f9a 77b0 --relation contradicts --reason "shows no smoke"
    """
    from witnessmark.archive import custodying

    with opened(archive, key_file, unlock=True) as held:
        made = custodying.link(held, a, b, relation=relation, reason=reason)
    _tell(made.index, relation, as_json)


def _tell(entry: int, what: str, as_json: bool) -> None:
    if as_json:
        dump({"entry": entry})
    else:
        say(f"Recorded as entry {entry}: {what}.")


def _small(path: Path) -> bytes:
    """A file of at most 1 MiB that somebody handed in."""
    with open(path, "rb") as file:
        data = file.read((1 << 20) + 1)
    if len(data) > 1 << 20:
        raise BadInput(f"{path} is too large for a receipt.", kept="Nothing was changed.")
    return data


def _write_new(path: Path, data: bytes) -> None:
    from witnessmark.stores.durable import write_new_file

    try:
        write_new_file(path, data, 0o644)
    except FileExistsError as error:
        raise BadInput(
            f"{path} is there already.", kept="It was not touched.", todo="Name another."
        ) from error


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    for command in (receive, transfer, receipt, sign, show, link):
        custody.command()(command)
    app.add_typer(custody)
