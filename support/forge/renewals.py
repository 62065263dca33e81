"""Renewals of hashes, made by hand from `spec/renewal.md`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from support.forge import package as b
from support.forge.package import Files, Package, Record

HELD = (b.VIDEO, b.THUMBNAIL, b.CAPTURE, b.OUTPUT)


def named(entry: bytes) -> list[str]:
    """SHA-256 of the files that an entry speaks of, in order."""
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if {"role", "sha256", "size"} <= value.keys():
                found.append(value["sha256"])
            value = list(value.values())
        for each in value if isinstance(value, list) else []:
            walk(each)

    said = json.loads(entry)
    if said["type"] == "object.stored/1":
        found.append(said["fields"]["sha256"])
    walk(said["fields"])
    return found


@dataclass
class Renewal:
    """The last entry of a record renews those before it; every stage can be bent.

    Attributes:
        held: bytes that the archive held.
        wrong: SHA-256 to bytes that are hashed in the place of the right ones.
        stamps: makes a response (DER) from the row, by file name.
        fields: of the entry, instead of the right ones.
        bend_elements, bend_row, bend_lines: before, and after the entry was made.
        bend_files: the files of the renewal's folder, by their names in it.
    """

    record: Record = field(default_factory=b.record)
    hash_name: str = "sha512"
    held: tuple[bytes, ...] = HELD
    wrong: Mapping[str, bytes] = field(default_factory=dict)
    stamps: Mapping[str, Callable[[bytes], bytes]] = field(default_factory=dict)
    fields: Mapping[str, object] = field(default_factory=dict)
    folder: int | None = None
    bend_elements: Callable[[list[bytes]], object] = id
    bend_lines: Callable[[list[str]], object] = id
    bend_files: Callable[[Files], object] = id

    def digest(self, data: bytes) -> bytes:
        return hashlib.new(self.hash_name, data).digest()

    def package(self, **more: Any) -> Package:
        """A package of the record with the renewal in it."""
        files = {b.sha256(each): each for each in self.held}
        digests = {
            name: self.digest(self.wrong.get(name, files[name]))
            for name in files.keys() & {n for e in self.record.entries for n in named(e)}
        }
        absent = bytes(len(self.digest(b"")))
        elements = [
            self.digest(b"\0" + each + b"".join(digests.get(n, absent) for n in named(each)))
            for each in self.record.entries
        ]
        self.bend_elements(elements)
        row = b"".join(elements)
        names = sorted({n for each in self.record.entries for n in named(each)})
        lines = [f"{n} {digests[n].hex() if n in digests else '-'}\n" for n in names]
        self.bend_lines(lines)
        kept = "".join(lines).encode()
        said = {"hash": self.hash_name, "size": len(self.record.entries)}
        index = self.record.add(
            "digests.renewed/1", {**said, "row": b.blob(row), "files": b.blob(kept), **self.fields}
        )
        ours = {"row": row, "files": kept}
        ours |= {name: make(row) for name, make in self.stamps.items()}
        self.bend_files(ours)
        folder = f"data/renewals/{index if self.folder is None else self.folder}/"

        def put(files: Files) -> None:
            files.update({folder + name: data for name, data in ours.items()})

        return Package(self.record, bend_payload=put, **more)
