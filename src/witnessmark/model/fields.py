"""The field rules of every entry type as one table, read from the statements' own annotations."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any

from witnessmark.model.statement import (
    STATEMENTS,
    Instant,
    KeyId,
    Protected,
    PublicText,
    Sha256,
    Statement,
    Token,
)

#: Annotation to its name in spec/entry.md.
_NAMES: Mapping[object, str] = {
    Token: "token",
    Sha256: "sha256",
    KeyId: "keyid",
    Instant: "instant",
    PublicText: "text",
    Protected: "protected",
    int: "integer",
    bool: "boolean",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """The rule of one field.

    Attributes:
        name: the field.
        kind: `token`, `sha256`, `keyid`, `instant`, `text`, `protected`, `integer`, `boolean`,
            `object` (with `members`), or `table` (words to `kind`s in `members`).
        optional: whether it may be missing.
        many: whether it is a list of that kind.
        members: rules of an object's fields.
    """

    name: str
    kind: str
    optional: bool = False
    many: bool = False
    members: tuple[Rule, ...] = ()

    def __str__(self) -> str:
        inside = "; ".join(map(str, self.members))
        kind = {"object": f"{{{inside}}}", "table": f"{{{inside}}}"}.get(self.kind, self.kind)
        return f"{self.name}{'?' * self.optional}: {kind}{'[]' * self.many}"


def rules(kind: type[Any]) -> tuple[Rule, ...]:
    """Rules of a statement's fields, or of those of a dataclass inside one."""
    hints = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind) if field.name != "other"]
    return tuple(_rule(name, hints[name]) for name in names)


def table() -> dict[str, tuple[Rule, ...]]:
    """Every entry type with its rules."""
    return {name: rules(kind) for name, kind in sorted(STATEMENTS.items())}


def protected(kind: type[Statement]) -> tuple[str, ...]:
    """Names of the protected fields, in order."""
    return tuple(rule.name for rule in rules(kind) if rule.kind == "protected")


def _rule(name: str, hint: Any) -> Rule:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        inner = next(each for each in args if each is not type(None))
        return dataclasses.replace(_rule(name, inner), optional=True)
    if origin is tuple:
        return dataclasses.replace(_rule(name, args[0]), many=True)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return Rule(name, "table", members=(_rule("token", args[1]),))
    if hint in _NAMES:
        return Rule(name, _NAMES[hint])
    return Rule(name, "object", members=rules(hint))
