"""Collection: choose the collector, look first, then run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path

from witnessmark.archive import telegram_account
from witnessmark.archive.archive import PROGRAM, Archive, is_alive
from witnessmark.collection.run import Channel, Limits, Progress, Run, Stores
from witnessmark.errors import BadInput
from witnessmark.model import RunRecorded
from witnessmark.model.statement import PATTERNS, PublicText
from witnessmark.ports import Asking, Collector, Preflight, Resuming

GROUP = "witnessmark.collectors"


def collectors() -> dict[str, Collector]:
    """All collectors by name; a new one is one file and one entry point."""
    return {point.name: point.load()() for point in entry_points(group=GROUP)}


def choose(where: str, source: str = "") -> Collector:
    """The collector for a path or address: the one named, or the first that recognises it.

    Raises:
        BadInput: no such collector, or none recognises it.
    """
    known = collectors()
    if source:
        if source not in known:
            names = ", ".join(sorted(known))
            raise BadInput(f"There is no source '{source}'.", todo=f"Sources are: {names}.")
        return known[source]
    # the folder collector takes any folder, so it is asked last
    for name in sorted(known, key=lambda name: (name == "folder", name)):
        if known[name].recognises(where):
            return known[name]
    raise BadInput(
        f"{where} is no folder, export or sheet that can be collected.",
        todo="Is the path right? 'witnessmark collect --help' lists the sources.",
    )


def _direct(archive: Archive, collector: Collector) -> None:
    """Says by which way the collector asks the network."""
    if isinstance(collector, Asking):
        collector.proxy = archive.settings.proxy
        collector.allowed = frozenset(archive.settings.private)


@contextmanager
def connected(archive: Archive, collector: Collector) -> Iterator[Collector]:
    """The collector with what this archive gives it; connections end after."""
    _direct(archive, collector)
    telegram_account.equip(archive, collector)
    try:
        yield collector
    finally:
        if isinstance(collector, Resuming):
            collector.close()


def collect(
    archive: Archive,
    where: str,
    collector: Collector,
    channel: Channel,
    *,
    preflight: Preflight,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> RunRecorded:
    """One run; see `collection.run.Run`. A live collector comes from `connected`.

    Raises:
        BadInput: the channel's party is not in the archive's scope, or its reference collection
            has no proper name.
    """
    parties = archive.scope().parties
    outside = channel.party != "unknown" and channel.party not in parties
    if outside and not channel.outside_scope.strip():
        raise BadInput(
            f"'{channel.party}' is not a party of this archive's scope.",
            kept="Nothing was collected.",
            todo=f"Parties are: {', '.join(parties)}; or leave it out for 'unknown'; or say with "
            "--outside-scope why it is collected all the same.",
        )
    if outside and not PATTERNS[PublicText].fullmatch(channel.party):
        raise BadInput("This cannot be the name of a party.", kept="Nothing was collected.")
    if channel.reference:
        check_collection(channel.reference)
    _check_place(archive, where)
    incoming = archive.derived / "incoming"
    incoming.mkdir(exist_ok=True)
    collector.workdir = str(incoming)
    _direct(archive, collector)
    stores = Stores(
        blobs=archive.blobs,
        journal=archive.journal,
        queries=archive.queries,
        vault=archive.vault,
        project=archive.project,
        author=archive.author,
    )
    limits = Limits(items=archive.settings.quota_items, bytes=archive.settings.quota_mb << 20)
    run = Run(
        collector,
        where,
        stores,
        channel=channel,
        limits=limits,
        program=PROGRAM,
        remembered=archive.work.remembered,
        remember=archive.work.remember,
        alive=lambda run: is_alive(archive.work.process(run)),
        on_progress=on_progress,
    )
    archive.work.begin(run.id, os.getpid())
    try:
        return run.collect(tuple(sorted(preflight.notes)))
    finally:
        archive.work.end(run.id)


def check_collection(name: str) -> None:
    """Raises `BadInput` unless this can be the public name of a reference collection."""
    if not PATTERNS[PublicText].fullmatch(name) or not name.strip() or len(name) > 200:
        raise BadInput(
            "The name of the reference collection is not of up to 200 plain characters.",
            kept="Nothing was collected.",
            todo="Its name is public: name no person in it.",
        )


def _check_place(archive: Archive, where: str) -> None:
    """Refuses a source that holds the archive or lies in it: its keys must not become objects."""
    if not os.path.lexists(where):  # an address, which would look like a path inside of this folder
        return
    source, own = Path(where).resolve(), archive.folder.resolve()
    if source == own or source in own.parents or own in source.parents:
        raise BadInput(
            f"The archive {own} lies in the folder to collect, or the folder in the archive.",
            kept="Nothing was collected.",
            todo="Keep the archive apart from the material; collect a folder beside it.",
        )
