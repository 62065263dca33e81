"""What an entry says: the base of every noun that can stand in the record.

A statement is a frozen dataclass whose annotations are its field rules. Public text must be one
of the narrow types below; anything a person could be found by is `Protected`, a commitment.
A class with a field of any other type does not import, so no entry type can come without rules.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NewType, Self, TypeVar

from witnessmark.errors import BadRecord
from witnessmark.model.json import Json

Token = NewType("Token", str)
"""A word of ours or a decimal number as text: never somebody's free text."""
Sha256 = NewType("Sha256", str)
"""Lowercase hexadecimal SHA-256, 64 characters."""
Instant = NewType("Instant", str)
"""RFC 3339 in UTC, `2026-01-02T03:04:05Z`, with up to six digits of fraction."""
KeyId = NewType("KeyId", str)
"""`key:` and the first 32 hex digits of the SHA-256 of a public key."""
PublicText = NewType("PublicText", str)
"""Free text that the archive states openly (its scope). At most 4,000 characters."""


@dataclasses.dataclass(frozen=True, slots=True)
class Protected:
    """The commitment that stands in an entry in place of a protected value: 64 hex digits."""

    commitment: str


PATTERNS: Mapping[object, re.Pattern[str]] = {
    Token: re.compile(r"[A-Za-z0-9 ._:;/+=()%*,@-]{0,256}"),
    Sha256: re.compile(r"[0-9a-f]{64}"),
    KeyId: re.compile(r"key:[0-9a-f]{32}"),
    Instant: re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z"),
    PublicText: re.compile(r"[^\x00-\x08\x0b-\x1f\x7f]{0,4000}"),
}

STATEMENTS: dict[str, type[Statement]] = {}

Reader = Callable[[Json, str], Any]


def _text(pattern: re.Pattern[str]) -> Reader:
    def read(value: Json, where: str) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise BadRecord(f"{where} does not have the form that its type asks for.", code="field")
        return value

    return read


def _exact(kind: type) -> Reader:
    def read(value: Json, where: str) -> Json:
        if type(value) is not kind:
            raise BadRecord(f"{where} must be {kind.__name__}.", code="field")
        return value

    return read


def _protected(value: Json, where: str) -> Protected:
    digits = value.get("protected") if isinstance(value, Mapping) and len(value) == 1 else None
    if not isinstance(digits, str) or not PATTERNS[Sha256].fullmatch(digits):
        raise BadRecord(f"{where} must be a commitment, never the value itself.", code="field")
    return Protected(digits)


def _many(item: Reader) -> Reader:
    def read(value: Json, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise BadRecord(f"{where} must be a list.", code="field")
        return tuple(item(each, f"{where}[{n}]") for n, each in enumerate(value))

    return read


def _table(item: Reader) -> Reader:
    key = _text(PATTERNS[Token])

    def read(value: Json, where: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise BadRecord(f"{where} must be an object.", code="field")
        return {key(k, f"{where} key"): item(v, f"{where}.{k}") for k, v in value.items()}

    return read


def _nested(kind: type) -> Reader:
    readers = _readers(kind, inside=True)

    def read(value: Json, where: str) -> Any:
        if not isinstance(value, Mapping):
            raise BadRecord(f"{where} must be an object.", code="field")
        known, _ = _read_fields(kind, readers, value, where)
        return kind(**known)

    return read


def _reader(hint: Any, where: str, *, inside: bool = False) -> Reader:
    """The reader for an annotation; a `TypeError` for one that is no field rule.

    `inside` a list, table or object nothing may be protected: only a field of its own can be
    disclosed and erased by its name.
    """
    if hint in PATTERNS:
        return _text(PATTERNS[hint])
    if hint is Protected:
        if inside:
            raise TypeError(f"{where}: a protected value must be a field of its own")
        return _protected
    if hint in (int, bool):
        return _exact(hint)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union) and type(None) in args and len(args) == 2:
        return _reader(next(a for a in args if a is not type(None)), where, inside=inside)
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        return _many(_reader(args[0], where, inside=True))
    if origin is Mapping or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return _table(_reader(args[1], where, inside=True))
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _nested(hint)
    raise TypeError(f"{where}: {hint!r} is no field rule; use Token, PublicText, Protected, ...")


def _readers(kind: type, *, inside: bool = False) -> dict[str, Reader]:
    hints = typing.get_type_hints(kind)
    names = [f.name for f in dataclasses.fields(kind) if f.name != "other"]
    where = kind.__name__
    return {name: _reader(hints[name], f"{where}.{name}", inside=inside) for name in names}


def _read_fields(
    kind: type, readers: Mapping[str, Reader], fields: Mapping[str, Json], where: str
) -> tuple[dict[str, Any], dict[str, Json]]:
    known: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        if field.name in fields and field.name in readers:
            known[field.name] = readers[field.name](fields[field.name], f"{where}.{field.name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise BadRecord(f"{where} lacks {field.name}.", code="field")
    return known, {k: v for k, v in fields.items() if k not in readers}


def plain(value: Any) -> Json:
    """A statement's value as JSON; absent (None) members of objects are left out."""
    if isinstance(value, Protected):
        return {"protected": value.commitment}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        members = ((f.name, getattr(value, f.name)) for f in dataclasses.fields(value))
        return {name: plain(each) for name, each in members if each is not None}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    return typing.cast(Json, value)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Statement:
    """Base of all statements; `other` keeps fields that this version does not know."""

    TYPE: ClassVar[str]
    _READERS: ClassVar[dict[str, Reader]]
    other: Mapping[str, Json] = dataclasses.field(default_factory=dict)

    def fields(self) -> dict[str, Json]:
        """The JSON members that stand under `fields` in the entry."""
        names = (f.name for f in dataclasses.fields(self) if f.name != "other")
        present = {n: plain(v) for n in names if (v := getattr(self, n)) is not None}
        return {**self.other, **present}

    @classmethod
    def read(cls, fields: Mapping[str, Json]) -> Self:
        """The statement that `fields` makes.

        Raises:
            BadRecord: a field is missing or breaks its rule.
        """
        known, other = _read_fields(cls, cls._READERS, fields, cls.TYPE)
        return cls(**known, other=other)

    @classmethod
    def protected_fields(cls) -> frozenset[str]:
        """Names of the fields that hold commitments."""
        hints = typing.get_type_hints(cls)
        return frozenset(
            n for n in cls._READERS if Protected in (hints[n], *typing.get_args(hints[n]))
        )


S = TypeVar("S", bound=Statement)


@typing.dataclass_transform(frozen_default=True, kw_only_default=True)
def says(type_name: str) -> Callable[[type[S]], type[S]]:
    """Class decorator: makes a frozen dataclass a statement of entry type `type_name`."""

    def register(kind: type[S]) -> type[S]:
        made = dataclasses.dataclass(frozen=True, kw_only=True)(kind)
        made.TYPE = type_name
        made._READERS = _readers(made)
        STATEMENTS[type_name] = made
        return made

    return register
