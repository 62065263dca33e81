"""Throws mutations at one target until a number or a time is reached."""

from __future__ import annotations

import random
import time
from pathlib import Path

from tests.fuzz.mutate import mutated
from tests.fuzz.targets import Target

#: A parser that needs longer for an input of a few kilobytes has a bound missing.
SLOW = 5.0


class FoundError(AssertionError):
    """An input that a parser did not survive; its bytes are in `path`."""


def throw(name: str, target: Target, *, count: int, seconds: float, seed: int, keep: Path) -> int:
    """How many mutations were thrown; the first that is not survived raises `FoundError`."""
    chance, seeds = random.Random(f"{name} {seed}"), target.seeds()
    accepted = [_try(name, target, data, keep) for data in seeds]
    assert any(accepted), f"{name} accepts none of its seeds"
    end, thrown = time.monotonic() + seconds, 0
    while thrown < count and time.monotonic() < end:
        data = mutated(seeds, chance)
        _try(name, target, data, keep)
        thrown += 1
    return thrown


def _try(name: str, target: Target, data: bytes, keep: Path) -> bool:
    """Whether the parser accepts `data`."""
    started, accepted = time.monotonic(), False
    try:
        target.read(data)
        accepted = True
    except target.refuses:
        pass
    except (Exception, RecursionError) as error:
        raise _found(name, data, keep, f"{type(error).__name__}: {error}") from error
    if (took := time.monotonic() - started) > SLOW:
        raise _found(name, data, keep, f"took {took:.1f} s")
    return accepted


def _found(name: str, data: bytes, keep: Path, why: str) -> FoundError:
    path = keep / f"{name.replace(' ', '-')}-{random.Random(data).getrandbits(32):08x}"
    path.write_bytes(data)
    return FoundError(f"{name} did not survive an input, kept at {path}: {why}")
