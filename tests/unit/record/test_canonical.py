"""RFC 8785 form and the strict parser."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from witnessmark.errors import BadRecord
from witnessmark.record.canonical import canonical, parse

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_round_trip(value: object) -> None:
    data = canonical(value)
    assert parse(data) == value
    assert canonical(parse(data)) == data
    assert json.loads(data) == value


def test_members_are_sorted_by_utf16() -> None:
    # the order of RFC 8785 section 3.2.3: the smiley's surrogates sort before U+FB33
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    data = canonical(dict.fromkeys(names, 0))
    assert list(json.loads(data)) == [
        "\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33",
    ]  # fmt: skip


def test_escapes_are_the_short_ones() -> None:
    assert canonical('\b\f\n\r\t"\\\x01\x7f/é') == '"\\b\\f\\n\\r\\t\\"\\\\\\u0001\x7f/é"'.encode()


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'{"a":1}\n',
        b"1.0",
        b"1e3",
        b"-0",
        b"NaN",
        b"Infinity",
        b"9007199254740992",
        b"-9007199254740992",
        b'"\\ud800"',
        b'"\\u0041"',
        b'"\xff"',
        b'\xef\xbb\xbf"a"',
        b"[" * 40 + b"]" * 40,
        b"[" * 100_000 + b"]" * 100_000,
        b"",
        b"{",
        b"1" * 5000,
        b'"' + b"a" * 70_000 + b'"',
    ],
)
def test_everything_else_is_refused(data: bytes) -> None:
    with pytest.raises(BadRecord):
        parse(data, limit=300_000 if data.startswith(b"[") else 65_535)


@pytest.mark.parametrize("value", [1.5, float("nan"), 2**53, "\ud800", {1: 2}, {"a": b"x"}, {1, 2}])
def test_what_the_record_cannot_hold_is_not_written(value: object) -> None:
    with pytest.raises(BadRecord):
        canonical(value)


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    try:
        value = parse(data)
    except BadRecord:
        return
    assert canonical(value) == data
