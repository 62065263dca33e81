"""Python's `repr` of plain data, read without running any of it.

Other tools write dicts, lists and datetimes into the cells of a sheet as Python shows them. This
reads literals and a few constructors of `datetime` and `dateutil`; any other name is refused. It
keeps a bound on length, depth and number of values, since the text comes from outside.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

#: Characters of one text, how deep it may be nested, and how many values it may hold.
MAX_TEXT = 8 << 20
MAX_DEPTH = 50
MAX_VALUES = 200_000

#: Escapes that `repr` writes; at others `ast` would warn.
_ESCAPE = r"""\\(?:[\\'"nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})"""
_TOKEN = re.compile(
    rf"""\s*+(?:
      (?P<text>b?(?:'(?:[^'\\]++|{_ESCAPE})*+'|"(?:[^"\\]++|{_ESCAPE})*+"))
    | (?P<number>-?(?:\d++(?:\.\d*+)?(?:e[-+]?\d++)?|inf\b|nan\b))
    | (?P<word>[A-Za-z_][A-Za-z0-9_.]*+)
    | (?P<mark>[\[\]{{}}(),:=])
    )""",
    re.VERBOSE | re.DOTALL,
)
_WORDS = {"True": True, "False": False, "None": None}
_CLOSING = {"[": "]", "(": ")", "{": "}"}


class ReprError(ValueError):
    """Not the repr of plain data, or beyond the bounds."""


def _local() -> tzinfo | None:
    """`tzlocal()`: the zone of a machine that nobody knows, so none."""
    return None


def _offset(_name: object, seconds: object) -> timezone:
    span = seconds if isinstance(seconds, timedelta) else timedelta(seconds=float(str(seconds)))
    return timezone(span)


_CONSTANTS: dict[str, object] = {
    "datetime.timezone.utc": UTC,
    "timezone.utc": UTC,
    "datetime.UTC": UTC,
    "UTC": UTC,
}
_CALLS: dict[str, Callable[..., object]] = {
    "datetime.datetime": datetime,
    "datetime": datetime,
    "datetime.date": date,
    "datetime.timedelta": timedelta,
    "timedelta": timedelta,
    "datetime.timezone": timezone,
    "timezone": timezone,
    "tzutc": lambda: UTC,
    "tzlocal": _local,
    "tzoffset": _offset,
    "set": list,
    "frozenset": list,
}


def read_repr(text: str) -> object:
    """The value: dict, list (also for tuples and sets), str, bytes, int, float, bool, None,
    datetime, date, timedelta.

    Raises:
        ReprError: it is nothing of that, too long, or nested too deep.
    """
    if len(text) > MAX_TEXT:
        raise ReprError("too long")
    reader = _Reader(text)
    value = reader.value(0)
    if reader.kind:
        raise ReprError("more after the value")
    return value


class _Reader:
    """Goes through the tokens; `kind` and `token` are those of the next one.

    A text's token has its quotes, so that no text is taken for a mark.
    """

    def __init__(self, text: str) -> None:
        self._text = text.rstrip()
        self._at = 0
        self._count = 0
        self.kind = self.token = ""
        self._advance()

    def _advance(self) -> str:
        """Steps over the next token and gives it."""
        token = self.token
        if self._at >= len(self._text):
            self.kind = self.token = ""
            return token
        match = _TOKEN.match(self._text, self._at)
        if match is None or match.lastgroup is None:
            raise ReprError("no plain data")
        self.kind, self.token, self._at = match.lastgroup, match[match.lastgroup], match.end()
        return token

    def _expect(self, mark: str) -> None:
        if self._advance() != mark:
            raise ReprError(f"no {mark}")

    def value(self, depth: int) -> object:
        """The next value."""
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_VALUES:
            raise ReprError("too deep or too many")
        kind, token = self.kind, self._advance()
        if kind == "text":
            return _text(token)
        if kind == "number":
            return _number(token)
        if kind == "word":
            return self._word(token, depth)
        if kind == "mark" and token in ("[", "("):
            return self._list(_CLOSING[token], depth)
        if kind == "mark" and token == "{":
            return self._braces(depth)
        raise ReprError("no value")

    def _list(self, closing: str, depth: int) -> list[object]:
        values: list[object] = []
        while self.token != closing:
            values.append(self.value(depth + 1))
            if self.token != closing:
                self._expect(",")
        self._advance()
        return values

    def _braces(self, depth: int) -> object:
        """A dict, or a set as a list."""
        members: dict[str, object] = {}
        while self.token != "}":
            key = self.value(depth + 1)
            if self.token in (",", "}") and not members:
                rest = self._rest_of_set(depth)
                return [key, *rest]
            self._expect(":")
            members[key if isinstance(key, str) else str(key)] = self.value(depth + 1)
            if self.token != "}":
                self._expect(",")
        self._advance()
        return members

    def _rest_of_set(self, depth: int) -> list[object]:
        if self.token == ",":
            self._advance()
        return self._list("}", depth)

    def _word(self, word: str, depth: int) -> object:
        if self.kind == "mark" and self.token == "(":
            self._advance()
            return self._call(word, depth)
        if word in _WORDS:
            return _WORDS[word]
        if word in _CONSTANTS:
            return _CONSTANTS[word]
        raise ReprError("a name that is no plain data")

    def _call(self, word: str, depth: int) -> object:
        values: list[object] = []
        named: dict[str, object] = {}
        while self.token != ")":
            if self.kind == "word" and self._text[self._at : self._at + 1] == "=":
                name = self._advance()
                self._expect("=")
                named[name] = self.value(depth + 1)
            else:
                values.append(self.value(depth + 1))
            if self.token != ")":
                self._expect(",")
        self._advance()
        if word not in _CALLS:
            raise ReprError("a call that is no plain data")
        try:
            return _CALLS[word](*values, **named)
        except (TypeError, ValueError, OverflowError) as error:
            raise ReprError("a call that cannot be") from error


#: In bytes; after an even number of backslashes, which stand for themselves.
_NO_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\[uU]")


def _text(token: str) -> object:
    """One string literal alone, which is all that `ast` is given."""
    if token.startswith("b") and _NO_ESCAPE.search(token):
        raise ReprError("an escape that bytes do not have")
    try:
        return ast.literal_eval(token)
    except (ValueError, SyntaxError, MemoryError) as error:
        raise ReprError("a text that is none") from error


def _number(token: str) -> object:
    try:
        return float(token) if re.search(r"[.en]", token) else int(token)
    except ValueError as error:  # thousands of digits
        raise ReprError("a number that is none") from error
