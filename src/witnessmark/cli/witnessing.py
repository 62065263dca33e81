"""`witness`: our archive co-signs partners' records. `cosign`: partners co-sign ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from witnessmark.cli.options import ArchiveOption, JsonOption, opened
from witnessmark.cli.output import dump, safe, say
from witnessmark.errors import BadInput

if TYPE_CHECKING:
    from witnessmark.archive import Archive
    from witnessmark.archive.cosigning import Taken

group = typer.Typer(
    name="witness",
    help="Co-signs partners' checkpoints, so that nobody can show two records.\n\n"
    "Example: witnessmark witness key; witnessmark witness add partner their-archive+1a2b3c4d+...",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@group.command()
def key(
    name: Annotated[
        str, typer.Option("--name", help="Name in the key, for ever; default: the record's.")
    ] = "",
    archive: ArchiveOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Prints this archive's witness key, for partners' archive.toml; makes it at the first use.

    Example: witnessmark witness key > our-witness.key
    """
    from witnessmark.archive import witnessing

    with opened(archive) as held:
        found = str(witnessing.make_key(held, name))
    if as_json:
        dump({"witness": found})
    else:
        say(found)


@group.command()
def add(
    name: Annotated[str, typer.Argument(help="Your word for the partner.")],
    record_key: Annotated[
        str, typer.Argument(metavar="KEY", help="What 'witnessmark keys' prints at theirs.")
    ],
    archive: ArchiveOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Co-signs a partner's record from now on; a newer key of the same record replaces the old.

    Example: witnessmark witness add partner witnessmark/3f9a0c51d2b84e77+1a2b3c4d+...
    """
    from witnessmark.archive import witnessing
    from witnessmark.custody.witness import watched_key

    with opened(archive) as held:
        watched = watched_key(record_key)
        if watched.name == held.origin:
            raise BadInput("This is this archive's own record.", todo="A witness is somebody else.")
        ours = witnessing.make_key(held)
        witnessing.witness(held).watch(name, watched)
    if as_json:
        dump({"name": name, "origin": watched.name, "witness": str(ours)})
    else:
        say(f"{safe(name)}: checkpoints of {safe(watched.name)} are co-signed from now on.")


@group.command("list")
def list_(archive: ArchiveOption = Path(), as_json: JsonOption = False) -> None:
    """Whose records are co-signed, how far, and what contradicted them (with both notes).

    Example: witnessmark witness list --json
    """
    from witnessmark.archive import witnessing
    from witnessmark.record.witnessing import read_checkpoint

    with opened(archive, reading=True) as held:
        witnessing.witness(held)  # says so when it is none
        memory = held.witness_memory
        rows = [
            {"name": log.name, "origin": log.origin, "key": log.key,
             "seen": read_checkpoint(seen[-1])[1].size if (seen := memory.seen(log.origin, -1))
             else 0}
            for log in memory.logs()
        ]  # fmt: skip
        loud = witnessing.contradictions(held)
        kept = memory.contradictions()
    if as_json:
        notes = [
            {"origin": each.origin, "kind": each.kind, "at": each.at,
             "before": each.before.decode(), "note": each.note.decode()}
            for each in kept
        ]  # fmt: skip
        dump({"logs": rows, "contradictions": notes})
        return
    for row in rows:
        say(f"{safe(row['name'])}: {safe(row['origin'])}, {row['seen']} entries seen")
    for sentence in loud:
        say(f"! {safe(sentence)}")


@group.command()
def serve(
    bind: Annotated[
        str, typer.Option("--bind", help="HOST:PORT; only this machine unless told otherwise.")
    ] = "127.0.0.1:8090",
    archive: ArchiveOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Serves partners over HTTP (C2SP tlog-witness) until it is stopped.

    Plain HTTP: for others than this machine, put an onion service or a TLS proxy before it.

    Example: witnessmark witness serve --bind 127.0.0.1:8090
    """
    import sys

    from witnessmark.anchoring.witness_server import WitnessServer, address
    from witnessmark.archive import witnessing

    def loud(sentence: str) -> None:
        sys.stderr.write(f"witnessmark: {safe(sentence)}\n")
        sys.stderr.flush()

    with opened(archive) as held:
        ours = witnessing.witness(held)
        _ = ours.key
        with WitnessServer(address(bind), ours.answer, loud) as server:
            host, port = server.server_address[:2]
            if as_json:
                dump({"host": host, "port": port})
            else:
                say(f"Witness at http://{host!s}:{port}/add-checkpoint; Ctrl-C ends it.")
            sys.stdout.flush()
            server.serve_forever()


@group.command()
def sign(
    request: Annotated[Path, typer.Argument(help="What the partner's 'cosign --request' wrote.")],
    answer: Annotated[Path, typer.Argument(help="File to write, for their 'cosign --take'.")],
    archive: ArchiveOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Answers a partner's question on a stick; a refusal is an answer too (exit status 1).

    Example: witnessmark witness sign /media/stick/request /media/stick/answer
    """
    from witnessmark.archive import witnessing

    with opened(archive) as held:
        found = witnessing.sign(held, request, answer)
    if (error := witnessing.refusal(found)) is not None:
        raise error
    if as_json:
        dump({"answer": str(answer)})
    else:
        say(f"Co-signed; bring {safe(answer)} back to the partner.")


def cosign(
    ask: Annotated[str, typer.Option("--ask", help="Ask this witness over the network.")] = "",
    request: Annotated[
        Path | None, typer.Option("--request", help="Write the question to this file.")
    ] = None,
    take: Annotated[
        Path | None, typer.Option("--take", help="Take in the answer in this file.")
    ] = None,
    seen: Annotated[
        Path | None, typer.Option("--seen", help="Compare a checkpoint that somebody shows you.")
    ] = None,
    witness: Annotated[
        str, typer.Option("--witness", help="With --request: for whom, if there are several.")
    ] = "",
    old: Annotated[
        int | None, typer.Option("--old", min=0, help="With --request: size that they saw last.")
    ] = None,
    archive: ArchiveOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Partners co-sign this archive's newest checkpoint: over the network, or by files on a stick.

    archive.toml names them under [[witnesses]]: name, key and, for --ask, url.

    Examples: witnessmark cosign --ask partner; witnessmark cosign --request /media/stick/request;
    witnessmark cosign --take /media/stick/answer; witnessmark cosign --seen their-checkpoint
    """
    if sum(each not in ("", None) for each in (ask, request, take, seen)) != 1:
        raise typer.BadParameter("give one of --ask, --request, --take, --seen")
    from witnessmark.archive import cosigning

    with opened(archive) as held:
        if request is not None:
            _request(held, request, witness, old, as_json)
        elif seen is not None:
            _seen(held, seen, as_json)
        else:
            found = (
                [cosigning.ask(held, ask)]
                if take is None
                else cosigning.take(held, _bytes(take, cosigning.MAX_NOTE))
            )
            _taken(found, as_json)


def _bytes(path: Path, most: int) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read: {error.strerror}.",
            kept="Nothing was written to the record.",
            todo="Name a file that came from the partner.",
        ) from error


def _request(held: Archive, path: Path, name: str, old: int | None, as_json: bool) -> None:
    from witnessmark.archive import cosigning
    from witnessmark.stores.durable import write_new_file

    witness = cosigning.partner(held, name)
    asked = cosigning.question(held, witness, old)
    try:
        write_new_file(path, asked.encode(), 0o644)
    except FileExistsError as error:
        raise BadInput(
            f"{path} is there already.",
            kept="It was not touched.",
            todo="Name another file for the question.",
        ) from error
    if as_json:
        dump({"request": str(path), "witness": witness.name, "old": asked.old})
    else:
        say(f"Bring {safe(path)} to {witness.name}: there, 'witnessmark witness sign'.")


def _taken(found: list[Taken], as_json: bool) -> None:
    for each in found:
        row: dict[str, Any] = {
            "witness": each.witness, "size": each.size, "time": each.time, "new": each.new,
        }  # fmt: skip
        if as_json:
            dump(row)
        else:
            before = "" if each.new else " (held already)"
            say(f"{each.witness} co-signed the first {each.size} entries at {each.time}{before}.")


def _seen(held: Archive, path: Path, as_json: bool) -> None:
    from witnessmark.archive import cosigning

    found = cosigning.compare(held, _bytes(path, cosigning.MAX_NOTE))
    if as_json:
        dump({"size": found.size, "contradicts": False, "witnesses": list(found.witnesses)})
        return
    signers = f", co-signed by {', '.join(found.witnesses)}" if found.witnesses else ""
    say(f"It is this record's checkpoint of {found.size} entries{signers}. No fork.")


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.add_typer(group)
    app.command()(cosign)
