from __future__ import annotations

import contextlib
import warnings
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from witnessmark.collection import pyrepr
from witnessmark.collection.pyrepr import ReprError, read_repr

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.datetimes(timezones=st.none() | st.just(UTC))
    | st.dates()
    | st.timedeltas(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(plain)
@example(b"\\u")
@example([b"\\\\U", "\\u", "\\"])
def test_what_python_shows_is_read_back(value: Any) -> None:
    assert read_repr(repr(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(1, 'a')", [1, "a"]),
        ("()", []),
        ("{1, 2}", [1, 2]),
        ("{1}", [1]),
        ("set()", []),
        ("{1: 2}", {"1": 2}),
        ("datetime.datetime(2023, 1, 2, 3, tzinfo=tzutc())", datetime(2023, 1, 2, 3, tzinfo=UTC)),
        (
            "datetime.datetime(2023, 1, 2, tzinfo=tzoffset('X', 7200))",
            datetime(2023, 1, 2, tzinfo=timezone(timedelta(hours=2))),
        ),
        (
            "datetime.datetime(2023, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(0, 3600)))",
            datetime(2023, 1, 2, tzinfo=timezone(timedelta(hours=1))),
        ),
        ("datetime.datetime(2023, 1, 2, tzinfo=tzlocal())", datetime(2023, 1, 2)),
        ("datetime.date(2023, 1, 2)", date(2023, 1, 2)),
        ("[inf, -inf]", [float("inf"), float("-inf")]),
    ],
)
def test_other_forms(text: str, value: object) -> None:
    assert read_repr(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1",
        "1 2",
        "{'a':}",
        "{'a': 1, 'b'}",
        "{1: 2, 3}",
        "'",
        "'''",
        "f'x'",
        r"'\d'",
        r"'\N{BULLET}'",
        r"b'\u1234'",
        r"'\U00110000'",
        "'a\nb'",
        "<object at 0x7f>",
        "name",
        "[x for x in y]",
        "__import__('os').system('x')",
        "datetime.datetime(1)",
        "datetime.datetime(*[1])",
        "datetime.datetime(2023, 1, 2).__class__",
        "open('x')",
        "set(1)",
        "tzoffset(None, 'x')",
        "tzoffset(None, 1e308)",
        "tzoffset()",
        "9" * 10_000,
        "-" * 10_000 + "1",
        "[" * 100_000,
        "[" * 60 + "]" * 60,
        "{'a':" * 60 + "1" + "}" * 60,
        "set(" * 60 + ")" * 60,
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with pytest.raises(ReprError):
            read_repr(text)
    assert not warned


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyrepr, "MAX_VALUES", 5)
    assert read_repr("[1, 2, 3, 4]") == [1, 2, 3, 4]
    with pytest.raises(ReprError):
        read_repr("[1, 2, 3, 4, 5]")
    monkeypatch.setattr(pyrepr, "MAX_TEXT", 5)
    with pytest.raises(ReprError):
        read_repr("'12345'")


@settings(deadline=None)
@given(st.text(alphabet="'\"\\[](){}:,=-.0123456789abdeinfx \n", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ReprError):
        read_repr(text)
