"""What a collector sees, and how it is asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO, NamedTuple, Protocol, runtime_checkable

from witnessmark.model import DatedBy, Json


@dataclasses.dataclass(frozen=True, slots=True)
class Claim:
    """A hash that came along: who says it, of which algorithm (`sha256`, `md5`, `pdq`), its digits.

    The run compares it with the bytes, where it is one of bytes.
    """

    by: str
    algorithm: str
    value: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that a collector saw: a file in a folder, a message's media, a sheet's row.

    Attributes:
        place: what names this place in its source, for ever; goes into the keyed natural key.
        open: opens the bytes for reading; None when there are none to take.
        outcome, reason: what the collector already knows: `` (take the bytes), `not_included`,
            `quarantined` or `failed`, with a short word of ours.
        unchanged: cheap sign (size and times) that lets a later run skip reading; "" to read.
        kind: what the source calls it.
        dates, stated: as in the sighting.
        companions: role to opener, for files that came along (thumbnails).
        flags: words of ours for what a reader must know of this sighting.
        claimed: hashes that came along.
        protected: field name of the sighting to its value.
    """

    place: tuple[Json, ...]
    open: Callable[[], AbstractContextManager[BinaryIO]] | None = None
    outcome: str = ""
    reason: str = ""
    unchanged: str = ""
    kind: str = "file"
    dates: tuple[DatedBy, ...] = ()
    stated: Mapping[str, int] = dataclasses.field(default_factory=dict)
    companions: Mapping[str, Callable[[], AbstractContextManager[BinaryIO]]] = dataclasses.field(
        default_factory=dict
    )
    flags: tuple[str, ...] = ()
    claimed: tuple[Claim, ...] = ()
    protected: Mapping[str, Json] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What a look at the source says before anything is taken.

    Attributes:
        items: how many items to expect, None when unknown.
        bytes: how many bytes, None when unknown.
        notes: code to sentence, for what a person should know first.
    """

    items: int | None = None
    bytes: int | None = None
    notes: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Collector(Protocol):
    """One kind of source, one file, one entry point of the group `witnessmark.collectors`."""

    name: str
    live: bool
    """Whether it takes things from where they are public, and not from somebody's hands."""
    workdir: str | None
    """Where it may put temporary files; the archive sets it. None: where the system likes."""

    def recognises(self, where: str) -> bool:
        """Whether this path or address looks like this kind of source."""

    def preflight(self, where: str) -> Preflight:
        """Looks before taking. Raises `BadInput` when there is nothing here to collect."""

    def items(self, where: str) -> Iterator[Item]:
        """Everything seen, in a stable order. What cannot be read is an item too."""


@runtime_checkable
class Asking(Protocol):
    """A collector that asks others over the network: through this proxy, names included."""

    proxy: str
    """As in the settings; the archive sets it before `preflight`. "": directly."""
    allowed: frozenset[str]
    """Names in private networks that may be asked all the same."""


class Settled(NamedTuple):
    """An item that is in the record now, and what became of it: as in the tally."""

    item: Item
    outcome: str
    reason: str


class Reached(NamedTuple):
    """How far a source was read: its name (as a place), and a text that only its reader reads."""

    name: tuple[Json, ...]
    text: str


@runtime_checkable
class Resuming(Protocol):
    """A collector that goes on where it stopped. What it remembers is disposable."""

    recall: Callable[[tuple[Json, ...]], str]
    """The text remembered under a name, "" for none; the run sets it before `items`."""
    said: Mapping[str, str]
    """Notes that came up while collecting: code to sentence."""

    def settled(self, items: Sequence[Settled]) -> Reached:
        """Told after each commit, in the order of `items`; what to remember from now on."""

    def ended(self) -> Reached | None:
        """Told when all that `items` gave is settled, also if it gave nothing."""

    def close(self) -> None:
        """Lets go of connections. May be called again."""


class Unreadable(Exception):
    """Raised by an item's opener or reader: the item failed, for `reason`."""

    outcome = "failed"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LeftOut(Unreadable):
    """Raised by an item's opener: there are bytes, and this run does not take them."""

    outcome = "not_included"
