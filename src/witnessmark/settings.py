"""Frozen settings of an archive, read once from its `archive.toml`."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import re
import tomllib
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from witnessmark.errors import BadInput, BadRecord
from witnessmark.model.statement import PATTERNS, Token
from witnessmark.record.cosignature import WitnessKey

FILE = "archive.toml"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A time-stamping authority (RFC 3161).

    Attributes:
        name: as it stands in the record and on screen.
        url: where it is asked; "" when only a partner's archive asks it.
        roots: PEM file of the certificates that its tokens must lead to, roots or intermediates;
            relative to the archive.
        crls: PEM file of revocation lists; "" for none.
    """

    name: str
    url: str = ""
    roots: str
    crls: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """An OpenTimestamps calendar: its name, and where it is asked."""

    name: str
    url: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReliedUntil:
    """The day (`YYYY-MM-DD`) to which this organisation relies on a hash; "" for no end.

    There is no date that everybody agrees on: whoever keeps evidence decides, and writes it down.
    """

    sha256: str = ""
    sha384: str = ""
    sha512: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """Who stamps the record's checkpoints, and when.

    Attributes:
        every_hours: `anchor --due` asks when so much time has passed.
        direct: ask without a proxy; a rhythm from one address then tells who asks.
        restamp_days: before the end of a stamper's certificate.
        hash_days: before the end of a hash in `relied_until`.
        relied_until: see there.
        headers: file of block headers, `block <height> <160 hex>` a line; "" for none.
        headers_url: service that gives block headers by height; "" for none.
    """

    every_hours: int = 24
    direct: bool = False
    restamp_days: int = 90
    hash_days: int = 365
    relied_until: ReliedUntil = ReliedUntil()
    headers: str = ""
    headers_url: str = ""
    authorities: tuple[Authority, ...] = ()
    calendars: tuple[Calendar, ...] = ()

    @property
    def files(self) -> list[str]:
        """Files that these settings name; relative ones lie in the archive's folder."""
        found = [name for each in self.authorities for name in (each.roots, each.crls)]
        return [name for name in dict.fromkeys([*found, self.headers]) if name]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PartnerWitness:
    """A partner who co-signs our checkpoints.

    Attributes:
        name: our word for them.
        key: their witness verifier key (type 0x04), as 'witnessmark witness key' prints it there.
        url: where their witness is asked; "" when only files go to and fro.
    """

    name: str
    key: str
    url: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Telegram:
    """How channels are read live.

    Attributes:
        direct: without a proxy; the network then sees who reads.
        wait_seconds: how long one run waits in all when Telegram asks for it.
        run_mb: how much media one run takes; what does not fit comes with a later run.
        recheck: how many of the newest known messages are looked at again, for edits and deletions.
    """

    direct: bool = False
    wait_seconds: int = 900
    run_mb: int = 20_000
    recheck: int = 500


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """All settings; each has a default that fits one laptop.

    Attributes:
        reserve_mb: free space in MiB that collecting must leave on the disk; 0 for none.
        quota_items, quota_mb: what one run may bring in; more is quarantined, not lost.
        workers: processes for examining and fingerprinting; 0 means one per core.
        worker_memory_mb, worker_seconds: limits of one task on hostile bytes.
        proxy: `socks5h://host:port` or `http://host:port`, for all that anchoring and collecting
            ask.
        private: names in private networks that collecting may ask all the same, such as a club's
            own server.
        anchors, telegram: see there.
        witnesses: partners who co-sign our checkpoints.
    """

    reserve_mb: int = 2_048
    quota_items: int = 200_000
    quota_mb: int = 2_000_000
    workers: int = 0
    worker_memory_mb: int = 2_048
    worker_seconds: int = 300
    proxy: str = ""
    private: tuple[str, ...] = ()
    anchors: Anchors = Anchors()
    telegram: Telegram = Telegram()
    witnesses: tuple[PartnerWitness, ...] = ()

    @property
    def processes(self) -> int:
        """Worker processes to start."""
        return self.workers or os.cpu_count() or 1


def is_name(text: str) -> bool:
    """Whether this can name an authority, a calendar or a witness, in the record and on screen."""
    return bool(_NAME.fullmatch(text))


def read(folder: Path) -> Settings:
    """The settings of the archive in `folder`.

    Raises:
        BadInput: `archive.toml` is not TOML, or has a name or a value that is not a setting.
    """
    try:
        table = tomllib.loads((folder / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{FILE} cannot be read: {error}.", todo="Correct that line.") from error
    found: Settings = _table(Settings, table, "")
    names = [each.name for each in found.anchors.authorities]
    names += [each.name for each in found.anchors.calendars]
    for name in names:
        if not is_name(name) or names.count(name) > 1:
            raise BadInput(
                f"{FILE}: '{name}' cannot name an authority or calendar.",
                todo="Letters, digits, spaces and . _ - up to 40; each name once.",
            )
    _check_dates(found.anchors.relied_until)
    _check_witnesses(found.witnesses)
    return found


def _check_dates(relied: ReliedUntil) -> None:
    for name, day in dataclasses.asdict(relied).items():
        try:
            right = not day or dt.date.fromisoformat(day).isoformat() == day
        except ValueError:
            right = False
        if not right:
            raise BadInput(
                f"{FILE}: 'anchors.relied_until.{name} = {day}' is not a day.",
                todo="Write it as 2031-12-31.",
            )


def _check_witnesses(witnesses: Sequence[PartnerWitness]) -> None:
    """Refuses names that are no names, and one public key that would count twice."""
    names, keys = [each.name for each in witnesses], []
    for each in witnesses:
        if not is_name(each.name) or names.count(each.name) > 1:
            raise BadInput(
                f"{FILE}: '{each.name}' cannot name a witness.",
                todo="Letters, digits, spaces and . _ - up to 40; each name once.",
            )
        try:
            keys.append(WitnessKey.parse(each.key).public)
        except BadRecord as error:
            raise BadInput(
                f"{FILE}: the key of the witness {each.name} cannot be used: {error.what}",
                todo="It is the line that 'witnessmark witness key' prints at the partner's.",
            ) from error
        if not PATTERNS[Token].fullmatch(each.key):
            raise BadInput(
                f"{FILE}: the record cannot hold the name in the key of the witness {each.name}.",
                todo="The partner names their witness with letters, digits and . _ : / - only.",
            )
    if len(set(keys)) < len(keys):
        raise BadInput(
            f"{FILE}: two witnesses have one public key.", todo="One key counts once: remove one."
        )


def _table(kind: Any, table: Mapping[str, Any], where: str) -> Any:
    """A settings class from a TOML table, by its annotations."""
    hints, fields = typing.get_type_hints(kind), dataclasses.fields(kind)
    for name in table:
        if name not in hints:
            known = ", ".join(sorted(hints))
            raise BadInput(
                f"{FILE}: '{where}{name} = {table[name]}' is not a setting.",
                todo=f"Settings here are {known}.",
            )
    for field in fields:
        if field.default is dataclasses.MISSING and field.name not in table:
            raise BadInput(f"{FILE}: '{where}{field.name}' is missing.", todo="Add that line.")
    return kind(**{name: _value(hints[name], value, where + name) for name, value in table.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    """One value, of the type that its annotation says."""
    if hint is int and type(value) is int and value >= 0:
        return value
    if hint in (bool, str) and type(value) is hint:
        return value
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return _table(hint, value, f"{where}.")
    if typing.get_origin(hint) is tuple and isinstance(value, list):
        item = typing.get_args(hint)[0]
        return tuple(_value(item, each, f"{where}[{n}]") for n, each in enumerate(value))
    form = {int: "a whole number", bool: "true or false", str: "a text"}.get(hint, "a table")
    raise BadInput(f"{FILE}: '{where} = {value}' is not a setting.", todo=f"It is {form}.")


_WHO = """
## Who stamps the record from outside; see 'witnessmark anchor --help'. At least two authorities:
## [[anchors.authorities]]
## name = "First"
## url = "https://stamps.example.org/tsr"
## roots = "first.pem"
## [[anchors.calendars]]
## name = "Calendar"
## url = "https://calendar.example.org"
## To which day you rely on a hash; see 'witnessmark anchor --help':
## [anchors.relied_until]
## sha256 = "2035-12-31"

## Partners who co-sign our checkpoints; see 'witnessmark cosign --help'.
## [[witnesses]]
## name = "Partner"
## key = "partner.example.org/w+1a2b3c4d+..."
## url = "https://witness.example.org"
"""


def text() -> str:
    """The `archive.toml` that a new archive gets: every setting, commented out."""
    lines = ["# Settings of this archive; remove the # to change one.", *_lines(Settings)]
    lines.append("# private = []")
    lines += ["# [anchors]", *_lines(Anchors), "# [telegram]", *_lines(Telegram)]
    return "\n".join(lines) + "\n" + _WHO


def _lines(kind: Any) -> list[str]:
    """Settings that are no tables, with their defaults."""
    values = [(each.name, each.default) for each in dataclasses.fields(kind)]
    return [f"# {n} = {json.dumps(v)}" for n, v in values if isinstance(v, int | str)]
