"""Fingerprints and matches, kept on disk under the digest of the code that makes them."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import pickle
from pathlib import Path

import cv2

from bench.matching.sources import CACHE
from witnessmark.verification import matching
from witnessmark.verification.matching import Fingerprint, Match, Segment, match
from witnessmark.verification.matching.fingerprint import of_file

_CODE = Path(matching.__file__).parent
#: What a fingerprint depends on; a match depends on these and more.
_PRINTS = ("borders.py", "decode.py", "features.py", "fingerprint.py", "framehash.py")
_MATCHES = (*_PRINTS, "align.py", "candidates.py", "matcher.py", "motion.py", "stills.py")


@functools.cache
def code(*, prints: bool) -> str:
    """A digest of the code that a fingerprint, or a match, depends on."""
    paths = [_CODE / name for name in (_PRINTS if prints else _MATCHES)]
    text = b"".join(path.read_bytes() for path in (*paths, _CODE.parent / "media.py"))
    return hashlib.sha256(text + cv2.__version__.encode()).hexdigest()[:16]


def print_of(path: Path) -> Fingerprint:
    """The fingerprint of a file."""
    place = CACHE / "prints" / code(prints=True) / f"{key(path)}.wmfp"
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
    partial = place.with_suffix(".partial")
    partial.write_bytes(data)
    partial.rename(place)


@functools.lru_cache(maxsize=400)
def _held(path: Path) -> Fingerprint:
    return print_of(path)


def matches(query: Path, references: dict[str, Path]) -> dict[str, Match]:
    """What was found of each reference, by name; nothing found is left out."""
    told = hashlib.sha256("\n".join(sorted(references)).encode()).hexdigest()[:8]
    place = CACHE / "matches" / code(prints=False) / f"{key(query)}-{told}.json"
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
