"""The index: which of many videos deserve to be compared with one.

    index = Index.open(folder)                  # empty when there is none of this version
    index.add(key, fingerprint)                 # found from the next `commit` on
    index.commit()
    found = index.candidates(fingerprint)
    for candidate in found.ranked:
        match(fingerprint, load(candidate.key))

A video is a candidate when enough of its sketch agrees with the query's: hashes of pictures, in any
orientation, within `multihash.RADIUS`; or words of one keyframe, as it is or mirrored. That depends
on nothing but the two videos and holds both ways, so neither the order in which videos come nor
how the index is cut into segments changes which pairs are compared. One exception: words of the
mirror image are only asked for, not stored (they would double the index), so a mirrored crop with
barely enough of them may be found from one side only. The order in the list does depend on the
others: what many videos share (a card, a logo) counts for less.

The index is derived: a file of it that is missing or damaged is left out, `keys` lacks the videos
it held, and adding them again makes it whole.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal, Self

from witnessmark.errors import StoreFailure
from witnessmark.verification.matching import ranking, segment, words
from witnessmark.verification.matching.fingerprint import VERSION as FINGERPRINT
from witnessmark.verification.matching.fingerprint import Fingerprint
from witnessmark.verification.matching.ranking import Candidates
from witnessmark.verification.matching.segment import Segment
from witnessmark.verification.matching.sketch import Sketch, mirrored, sketch

#: Of the files, the fingerprint and the vocabulary: an index of another version is made again.
VERSION = f"1-{FINGERPRINT}-{words.VERSION}"
_LIST, _END = "segments.json", ".segment"
#: So many segments of about one size become one of the next.
_FAN = 8

Merged = Literal["some", "all", "none"]
#: Puts a finished file in its place: from, to.
Settle = Callable[[Path, Path], None]


def _settled(temporary: Path, path: Path) -> None:
    temporary.replace(path)


def _named(name: object) -> bool:
    return isinstance(name, str) and name.endswith(_END) and name[: -len(_END)].isdigit()


class Index:
    """Videos that can be found by their fingerprints. One writer at a time, any readers."""

    def __init__(self, folder: Path, settle: Settle) -> None:
        self._folder, self._settle = folder, settle
        self._names: list[str] = []
        self._segments: list[Segment] = []
        self._pending: dict[str, Sketch] = {}
        self._forgotten: set[str] = set()
        self.damaged: tuple[str, ...] = ()

    @classmethod
    def open(cls, folder: Path, settle: Settle = _settled) -> Self:
        """The index in `folder`, which need not exist yet.

        Args:
            settle: renames a finished file, as durably as whoever owns the folder wants it.
        """
        index = cls(folder / VERSION, settle)
        index._load()
        return index

    def _load(self) -> None:
        damaged = []
        for name in self._listed():
            try:
                loaded = segment.load(self._folder / name)
            except StoreFailure:
                damaged.append(name)
            else:
                self._names.append(name)
                self._segments.append(loaded)
        self.damaged += tuple(damaged)

    def _listed(self) -> list[str]:
        """Names of the segments that were committed; none when the list cannot be read."""
        try:
            listed = json.loads((self._folder / _LIST).read_bytes())["segments"]
        except FileNotFoundError:
            return []
        except (ValueError, KeyError, TypeError):
            self.damaged = (_LIST,)
            return []
        if not isinstance(listed, list) or not all(_named(name) for name in listed):
            self.damaged = (_LIST,)
            return []
        return listed

    def __len__(self) -> int:
        return sum(len(each.keys) for each in self._segments)

    def keys(self) -> set[str]:
        """The videos that are found."""
        return {key for each in self._segments for key in each.keys}

    def add(self, key: str, fingerprint: Fingerprint) -> None:
        """Takes a video in with the next `commit`; what was there under its key is replaced."""
        self.add_sketch(key, sketch(fingerprint))

    def add_sketch(self, key: str, made: Sketch) -> None:
        """The same for a sketch that was made elsewhere."""
        self._pending[key] = made

    def forget(self, keys: Iterable[str]) -> None:
        """Takes videos out with the next `commit`; no file holds anything of them then."""
        gone = set(keys)
        self._forgotten |= gone
        for key in gone & self._pending.keys():
            del self._pending[key]

    def candidates(self, fingerprint: Fingerprint, most: int = ranking.MOST) -> Candidates:
        """What deserves to be compared with a fingerprint, the likeliest first.

        A video that was added under some key finds itself, too.
        """
        return ranking.ranked(self._segments, sketch(fingerprint), mirrored(fingerprint), most)

    def search(self, query: Sketch, most: int = ranking.MOST) -> Candidates:
        """The same for a sketch, which knows no words of its mirror image."""
        return ranking.ranked(self._segments, query, None, most)

    def commit(self, merged: Merged = "some") -> None:
        """Writes what was added and forgotten. A kill leaves the index as it was or as it will be.

        Args:
            merged: what becomes of earlier segments. `some` keeps them few; `all` makes one of
                everything, the fastest to search; `none` is for a long run that ends with `all`.
        """
        held = set(self._pending) & self.keys() if self._pending else set()
        self._drop(self._forgotten | held)
        if self._pending:
            self._write([segment.of_sketches(self._pending)], [])
        if merged == "all" and len(self._names) > 1:
            self._write(list(self._segments), list(self._names))
        if merged == "some":
            for old in self._due():
                self._write([self._segments[self._names.index(name)] for name in old], old)
        self._save()
        self._pending, self._forgotten = {}, set()
        self._sweep()

    def _drop(self, keys: set[str]) -> None:
        for name, each in list(zip(self._names, self._segments, strict=True)):
            if not keys.isdisjoint(each.keys):
                left = segment.without(each, keys)
                self._write([left] if left.keys else [], [name])

    def _due(self) -> Iterator[list[str]]:
        """Segments of about one size, when there are many of them; again after each merge."""
        while True:
            classes: dict[int, list[str]] = {}
            for name, each in zip(self._names, self._segments, strict=True):
                classes.setdefault(int(math.log(len(each.keys), _FAN)), []).append(name)
            full = [names for names in classes.values() if len(names) >= _FAN]
            if not full:
                return
            yield full[0]

    def _write(self, parts: list[Segment], instead: list[str]) -> None:
        """A new segment of all parts takes the place of others, not yet in the list on disk."""
        kept = [place for place, name in enumerate(self._names) if name not in instead]
        names, segments = [self._names[k] for k in kept], [self._segments[k] for k in kept]
        if parts:
            self._folder.mkdir(parents=True, exist_ok=True)
            name = f"{self._next():08d}{_END}"
            temporary = self._folder / f".{name}.{os.getpid()}"
            segment.write(temporary, parts)
            self._settle(temporary, self._folder / name)
            names.append(name)
            segments.append(segment.load(self._folder / name))
        self._names, self._segments = names, segments

    def _next(self) -> int:
        """A number that no file has, listed or left by a writer that was killed."""
        taken = [int(path.stem) for path in self._folder.glob(f"[0-9]*{_END}")]
        return max(taken, default=0) + 1

    def _save(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = self._folder / f".{_LIST}.{os.getpid()}"
        temporary.write_text(json.dumps({"segments": self._names}))
        self._settle(temporary, self._folder / _LIST)

    def _sweep(self) -> None:
        """Removes what is not listed: old segments, other versions, leftovers of killed writers."""
        for path in self._folder.iterdir():
            if path.name not in (_LIST, *self._names):
                with contextlib.suppress(OSError):  # Windows keeps what somebody still reads
                    path.unlink()
        for path in self._folder.parent.iterdir():
            if path.name != VERSION:
                shutil.rmtree(path, ignore_errors=True)
