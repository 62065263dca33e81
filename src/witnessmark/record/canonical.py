"""RFC 8785 canonical JSON for the record's subset, and the strict parser that goes with it.

The record has no floats, so canonical form needs only sorted members (by UTF-16 code units),
no white space and the short escapes that `json` already writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NoReturn

from witnessmark.errors import BadRecord
from witnessmark.model.json import MAX_INTEGER, Json

#: An entry must fit the 16-bit length of a tlog-tiles entry bundle.
MAX_ENTRY = 65_535
#: Summaries beyond this become attachments.
MAX_SUMMARY = 4_096
_MAX_DEPTH = 32


def _fail(why: str) -> NoReturn:
    raise BadRecord(why, code="json")


def _check(value: Json, depth: int = 0) -> None:
    """Refuses everything in `value` that the record forbids, but lone surrogates."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return
    if depth >= _MAX_DEPTH and kind is not int:
        _fail(f"JSON nested deeper than {_MAX_DEPTH} levels.")
    if isinstance(value, int):
        if abs(value) >= MAX_INTEGER:
            _fail("An integer is 2^53 or more; write it as text.")
    elif isinstance(value, Mapping):
        for key, each in value.items():
            if type(key) is not str:
                _fail("A member name is not text.")
            _check(each, depth + 1)
    elif isinstance(value, list | tuple):
        for each in value:
            _check(each, depth + 1)
    else:
        _fail(f"{kind.__name__} cannot stand in a record; write numbers as decimal text.")


def _ordered(value: Json) -> Json:
    """`value` with members in the order of their UTF-16 code units."""
    if isinstance(value, Mapping):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return {key: _ordered(value[key]) for key in keys}
    if isinstance(value, list | tuple):
        return [_ordered(each) for each in value]
    return value


def _mapping(value: object) -> dict[str, Json]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError


_SORTING = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=_mapping
)
_KEEPING = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_mapping)


def canonical(value: Json) -> bytes:
    """RFC 8785 bytes of `value`.

    Raises:
        BadRecord: a float, an integer of 2^53 or more, a lone surrogate, or nesting over 32.
    """
    _check(value)
    text = _SORTING.encode(value)
    if not text.isascii():
        # only beyond ASCII can the order of code points differ from that of UTF-16
        text = _KEEPING.encode(_ordered(value))
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        why = "Text with a lone surrogate is not Unicode; give its bytes as base64."
        raise BadRecord(why, code="json") from error


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        _fail("A member name stands twice in one object.")
    return members


def _integer(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) >= MAX_INTEGER:
        _fail("An integer is 2^53 or more.")
    return int(digits)


def _no_float(digits: str) -> NoReturn:
    _fail(f"{digits[:40]} is not a whole number; the record writes others as decimal text.")


def parse(data: bytes, *, limit: int = MAX_ENTRY) -> Json:
    """The value of canonical JSON bytes; anything not in canonical form is refused.

    Raises:
        BadRecord: too long, not UTF-8, not JSON, or not the canonical bytes of its own value.
    """
    if len(data) > limit:
        _fail(f"{len(data)} bytes of JSON; at most {limit} are allowed here.")
    try:
        value: Json = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_no_float,
            parse_constant=_no_float,
        )
    except (ValueError, RecursionError) as error:
        raise BadRecord(f"Not JSON: {error}.", code="json") from error
    if canonical(value) != data:
        _fail("JSON that is not in canonical form (RFC 8785).")
    return value
