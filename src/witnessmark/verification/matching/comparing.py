"""Comparing fingerprints in a worker: they were made from hostile bytes, and one may be made up."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO, TypeVar

from witnessmark.errors import BadInput
from witnessmark.model import Json
from witnessmark.ports import Result
from witnessmark.verification.matching import matcher
from witnessmark.verification.matching.fingerprint import Fingerprint

#: What a pair can come to beside a match and nothing at all.
UNREADABLE, FAILED = "unreadable", "failed"
#: A fingerprint of any kind.
P = TypeVar("P")


def compare(file: BinaryIO, params: Mapping[str, Json], *, also: Sequence[BinaryIO]) -> Result:  # noqa: ARG001 - the worker's form
    """Worker function: the fingerprint in `file` against each of `also`, in their order.

    Returns:
        for each of `also` None (nothing in common), {"failure": `unreadable` or `failed`}, or the
        match as a JSON object of the dataclass's own members. Raises `BadInput` when `file` itself
        holds no fingerprint.
    """
    query = Fingerprint.decode(file.read())
    return Result([compared(query, each, Fingerprint.decode, matcher.match) for each in also])


def inspect(file: BinaryIO, params: Mapping[str, Json]) -> Result:  # noqa: ARG001 - the worker's form
    """Worker function: whether `file` is a fingerprint of this version, from wherever it came.

    Returns:
        `duration` (milliseconds) and `samples`. Raises `BadInput` when it is none.
    """
    found = Fingerprint.decode(file.read())
    return Result({"duration": found.duration, "samples": len(found)})


def compared(
    query: P, file: BinaryIO, decode: Callable[[bytes], P], match: Callable[[P, P], object]
) -> Json:
    """What `match` finds between `query` and the fingerprint in `file`, as `compare` says it."""
    try:
        reference = decode(file.read())
    except BadInput:
        return {"failure": UNREADABLE}
    try:
        found = match(query, reference)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever made-up numbers do is this pair's outcome
        return {"failure": FAILED, "detail": type(error).__name__}
    return None if found is None else plain(found)


def plain(value: Any) -> Json:
    """Dataclasses, numbers of numpy and tuples as JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    number = float(value)
    if not math.isfinite(number):
        raise ArithmeticError("a number of the match is not finite")
    # JSON of the record has no fractions: decimal text, as everywhere in it
    return f"{number:.6f}"
