"""The JSON that the record allows: strings, integers, booleans, null, lists, objects; no floats."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence

Scalar = str | int | bool | None
Json = Scalar | Sequence["Json"] | Mapping[str, "Json"]

#: Beyond this, JSON readers of other languages lose digits (RFC 8785, section 3.2.2.3).
MAX_INTEGER = 2**53


def name_to_json(name: str | bytes) -> Json:
    """A file name as JSON: text where it is UTF-8, `{"base64": ...}` where it is not.

    A `str` may carry surrogate escapes, as `os.listdir` gives them.
    """
    raw = os.fsencode(name)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode("ascii")}


def name_from_json(value: Json) -> bytes:
    """The bytes of a name written by `name_to_json`.

    Raises:
        ValueError: the value is neither text nor a base64 object.
    """
    if isinstance(value, str):
        return value.encode("utf-8")
    if isinstance(value, Mapping) and isinstance(text := value.get("base64"), str):
        return base64.b64decode(text, validate=True)
    raise ValueError("a name is text or {'base64': ...}")
