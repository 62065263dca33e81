"""Examinations: one method a file, found as entry points, run on hostile bytes in a worker."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import BinaryIO

from witnessmark.model import Json
from witnessmark.ports import Examination, Result
from witnessmark.record.canonical import canonical

__all__ = ["GROUP", "load", "run"]

GROUP = "witnessmark.examinations"
#: A larger full output travels as a blob, so that a finding keeps it as an attachment.
INLINE = 2048


@functools.cache
def load() -> dict[str, Examination]:
    """All registered examinations by name; the built-in ones come in by the same door.

    Raises:
        ValueError: two of them share a name.
    """
    found: dict[str, Examination] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        examination: Examination = entry.load()()
        if examination.name in found:
            raise ValueError(f"two examinations are called {examination.name}")
        found[examination.name] = examination
    return found


def run(file: BinaryIO, params: Mapping[str, Json]) -> Result:
    """Worker function: the report of examination `params["name"]` on `params["size"]` bytes.

    Returns:
        The members of `Report`, and `output` as canonical JSON in the blob "output" (None in
        the value) when it is larger than `INLINE`.

    Raises:
        KeyError: no such examination.
        ValueError: `size` is not a number of bytes.
    """
    size = params["size"]
    if not isinstance(size, int) or size < 0:
        raise ValueError("size must be a number of bytes")
    report = load()[str(params["name"])].examine(file, size)
    blobs: dict[str, bytes] = {}
    output = report.output
    if output is not None and len(data := canonical(output)) > INLINE:
        output, blobs = None, {"output": data}
    value: dict[str, Json] = {
        "result": report.result,
        "reason": report.reason,
        "range": report.range,
        "values": dict(report.values),
        "tags": dict(report.tags),
        "output": output,
    }
    return Result(value, blobs)


# A worker imports this module, closes its sandbox, and can open no file from then on: plug-ins
# and the codec that canonical form sorts by must be there already.
load()
canonical({"": ""})
