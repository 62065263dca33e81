"""Building a package (spec/package.md) from the ports: what goes in, in which form."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

from witnessmark.errors import StoreFailure
from witnessmark.model import Json, ObjectStored, Recorded, attachments
from witnessmark.ports import Blobs, Journal, Opened
from witnessmark.record.canonical import canonical
from witnessmark.record.checkpoint import Checkpoint
from witnessmark.record.note import parse
from witnessmark.record.proof import Proof
from witnessmark.record.tiles import Tile, covering, node_reader, right_edge
from witnessmark.record.tree import consistency_proof, inclusion_proof
from witnessmark.reporting.bag import Bag

SEAL = "seal.tlog-proof"
#: Bytes of a line of `data/disclosures` (spec/package.md).
MAX_DISCLOSURE = 16 << 20


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a package carries.

    Attributes:
        entries: ascending; key entries included.
        disclosures: lines of `disclosure`, in the order of the file.
        readme: plain words.
        checker: bytes of check.py.
        date: `YYYY-MM-DD`, for bag-info.
    """

    entries: Sequence[Recorded]
    disclosures: Sequence[bytes]
    readme: str
    checker: bytes
    date: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A bag that still lacks its seal."""

    folder: Path
    checkpoint: Checkpoint
    tagmanifest: str
    objects: int


def objects_of(entries: Iterable[Recorded]) -> list[str]:
    """Objects that these entries store."""
    said = (each.said for each in entries)
    return sorted({each.sha256 for each in said if isinstance(each, ObjectStored)})


def attachments_of(entries: Iterable[Recorded]) -> list[str]:
    """Attachments that these entries point to."""
    return sorted({blob.sha256 for each in entries for blob in attachments(each.said)})


def build(folder: Path, contents: Contents, journal: Journal, blobs: Blobs) -> Built:
    """Writes everything but the seal.

    Raises:
        StoreFailure: an object's bytes are not what its name says; nothing must leave like this.
    """
    bag = Bag(folder)
    note = journal.note()
    checkpoint = Checkpoint.parse(parse(note).text)
    objects = objects_of(contents.entries)
    others = [each for each in attachments_of(contents.entries) if each not in objects]
    for kind, names in (("objects", objects), ("attachments", others)):
        for name in names:
            with blobs.open(name) as file:
                if bag.copy(f"{kind}/{name}", file) != name:
                    raise StoreFailure(
                        f"The object {name} was changed on the disk.",
                        kept="Nothing was handed over.",
                        todo="Run 'witnessmark check' and restore it from a backup.",
                        code="object_changed",
                    )
    bag.write("record/checkpoint", note)
    lines = [str(each.index).encode() + b" " + each.body + b"\n" for each in contents.entries]
    bag.write("record/entries", b"".join(lines))
    for tile in tiles_for([each.index for each in contents.entries], checkpoint.size):
        bag.write(f"record/{tile.path}", journal.tile(tile))
    if contents.disclosures:
        bag.write("disclosures", b"".join(contents.disclosures))
    info = {
        "Bagging-Date": contents.date,
        "External-Identifier": checkpoint.origin,
        "Witnessmark-Record-Size": str(checkpoint.size),
    }
    tags = {"README.txt": contents.readme.encode(), "check.py": contents.checker}
    tagmanifest = bag.close(info, tags)
    return Built(
        folder=folder, checkpoint=checkpoint, tagmanifest=tagmanifest, objects=len(objects)
    )


def tiles_for(indices: Iterable[int], size: int) -> list[Tile]:
    """Tiles that lead from these entries to the root, and the right edge."""
    tiles = set(right_edge(size))
    for index in indices:
        tiles.update(covering(index, size))
    return sorted(tiles)


def disclosure(entry: int, opened: Opened) -> bytes:
    """The line that opens a protected value of an entry."""
    members: Json = {
        "entry": entry,
        "field": opened.field,
        "salt": base64.b64encode(opened.salt).decode("ascii"),
        "value": opened.value,
    }
    return canonical(members) + b"\n"


def seal(built: Built, export: Recorded, journal: Journal) -> None:
    """Writes the seal: `export` in the record, and the record a continuation of the package's."""
    note = journal.note(export.index + 1)
    head = Checkpoint.parse(parse(note).text)
    node = node_reader(journal.tile)
    steps = consistency_proof(built.checkpoint.size, head.size, node)
    extra = canonical(
        {
            "consistency": [base64.b64encode(step).decode("ascii") for step in steps],
            "entry": export.body.decode("utf-8"),
        }
    )
    path = tuple(inclusion_proof(export.index, head.size, node))
    proof = Proof(export.index, path, note, extra)
    (built.folder / SEAL).write_bytes(proof.encode())
