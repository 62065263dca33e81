"""Fingerprints and matches, kept on disk under the digest of the code that makes them."""

from __future__ import annotations

import ast
import dataclasses
import functools
import hashlib
import json
import os
import pickle
from pathlib import Path

import cv2

import witnessmark
from bench.matching.sources import CACHE
from witnessmark.verification.matching import Fingerprint, Match, Segment, match
from witnessmark.verification.matching.fingerprint import of_file

_SOURCES = Path(witnessmark.__file__).parent


@functools.cache
def code(module: str) -> str:
    """A digest of a module of matching and of all of verification that it imports."""
    name = f"witnessmark.verification.matching.{module}"
    text = b"".join(path.read_bytes() for path in sorted(_imported(name)))
    return hashlib.sha256(text + cv2.__version__.encode()).hexdigest()[:16]


def _imported(name: str, seen: frozenset[Path] = frozenset()) -> frozenset[Path]:
    """The file of a module and those of what it imports, all in `verification`."""
    path = _SOURCES.joinpath(*name.split(".")[1:]).with_suffix(".py")
    if not name.startswith("witnessmark.verification.") or path in seen or not path.exists():
        return seen
    seen |= {path}
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module:
            for each in (node.module, *(f"{node.module}.{one.name}" for one in node.names)):
                seen = _imported(each, seen)
    return seen


def print_of(path: Path) -> Fingerprint:
    """The fingerprint of a file."""
    place = CACHE / "prints" / code("fingerprint") / f"{key(path)}.wmfp"
    if place.exists():
        return _load(place)
    with path.open("rb") as file:
        made = of_file(file)[0]
    keep(place, pickle.dumps(made))
    return made


def _load(place: Path) -> Fingerprint:
    made = pickle.loads(place.read_bytes())
    assert isinstance(made, Fingerprint)
    return made


def key(path: Path) -> str:
    """Stands for a file as it is now."""
    stat = path.stat()
    told = f"{path.name} {stat.st_size} {stat.st_mtime_ns}"
    return hashlib.sha256(told.encode()).hexdigest()[:24]


def keep(place: Path, data: bytes) -> None:
    """Writes a file whole or not at all."""
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_suffix(f".{os.getpid()}")
    partial.write_bytes(data)
    partial.rename(place)


@functools.lru_cache(maxsize=400)
def _held(path: Path) -> Fingerprint:
    return print_of(path)


def matches(query: Path, references: dict[str, Path]) -> dict[str, Match]:
    """What was found of each reference, by name; nothing found is left out."""
    told = hashlib.sha256("\n".join(sorted(references)).encode()).hexdigest()[:8]
    place = CACHE / "matches" / code("matcher") / f"{key(query)}-{told}.json"
    if place.exists():
        kept = json.loads(place.read_text(encoding="utf-8"))
        return {name: _from_json(each) for name, each in kept.items()}
    here = print_of(query)
    found = {name: match(here, _held(path)) for name, path in references.items()}
    some = {name: each for name, each in found.items() if each is not None}
    keep(place, json.dumps({n: dataclasses.asdict(each) for n, each in some.items()}).encode())
    return some


def _from_json(kept: dict[str, object]) -> Match:
    fields = dict(kept)
    segments = fields.pop("segments")
    assert isinstance(segments, list)
    known = {field.name for field in dataclasses.fields(Segment)}
    made = [
        Segment(**{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in each.items() if name in known
        })
        for each in segments
    ]  # fmt: skip
    return Match(**fields, segments=tuple(made))  # type: ignore[arg-type] - as it was written
