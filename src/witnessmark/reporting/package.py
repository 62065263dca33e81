"""Building a package (spec/package.md) from the ports: what goes in, in which form."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from witnessmark.errors import StoreFailure
from witnessmark.model import (
    DerivativeMade,
    DigestsRenewed,
    Json,
    ObjectDisposed,
    ObjectStored,
    Recorded,
    attachments,
    made_from,
)
from witnessmark.ports import Blobs, Journal, Opened
from witnessmark.record.canonical import canonical
from witnessmark.record.checkpoint import Checkpoint
from witnessmark.record.note import parse
from witnessmark.record.proof import Proof
from witnessmark.record.tiles import Tile, covering, node_reader, right_edge
from witnessmark.record.tree import consistency_proof, inclusion_proof
from witnessmark.reporting.bag import Bag

#: Version of spec/package.md.
FORMAT = "1"
SEAL = "seal.tlog-proof"
#: Bytes of a line of `data/disclosures` (spec/package.md).
MAX_DISCLOSURE = 16 << 20


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """An older checkpoint that somebody outside has seen.

    Attributes:
        size: of the record then.
        cosignatures: whole lines of partners, to stand in its note.
        stamps: file name (`first.tsr`, `calendar.ots`) to the SHA-256 of the blob that is it.
    """

    size: int
    cosignatures: Sequence[bytes] = ()
    stamps: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """A renewal of hashes that goes along (spec/renewal.md).

    Attributes:
        index: its entry.
        row: SHA-256 of the blob.
        files: lines for the files that the entries here name.
        stamps: file name to the SHA-256 of the blob that is it.
    """

    index: int
    row: str
    files: bytes
    stamps: Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a package carries.

    Attributes:
        profile: `court` or `share`.
        entries: ascending; key entries included.
        disclosures: lines of `disclosure`, in the order of the file.
        earlier: older checkpoints with their stamps and co-signatures.
        renewed: the renewals that go along.
        readme: plain words.
        checkers: check.py and check.html by name.
        date: `YYYY-MM-DD`, for bag-info.
    """

    profile: str
    entries: Sequence[Recorded]
    disclosures: Sequence[bytes]
    earlier: Sequence[Earlier]
    readme: str
    checkers: Mapping[str, bytes]
    date: str
    renewed: Sequence[Renewed] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A bag that still lacks its seal."""

    bag: Bag
    checkpoint: Checkpoint
    tagmanifest: str
    objects: int


def objects_of(entries: Iterable[Recorded], profile: str = "court") -> list[str]:
    """Objects that go along: originals that are still there, or in `share` the copies of them."""
    entries = list(entries)
    stored, copies = set(), set()
    for each in entries:
        match each.said:
            case ObjectStored(sha256=name, derived_from=None):
                stored.add(name)
            case DerivativeMade(derivative=name):
                copies.add(name)
    return sorted((copies if profile == "share" else stored) - disposed(entries))


def disposed(entries: Iterable[Recorded]) -> set[str]:
    """Objects whose bytes were destroyed."""
    said = (each.said for each in entries)
    acts = (each for each in said if isinstance(each, ObjectDisposed))
    return {str(one.sha256) for act in acts for one in act.objects}


def attachments_of(entries: Iterable[Recorded]) -> list[str]:
    """Attachments that these entries point to; what was made from a destroyed object is gone.

    Those of a renewal are no attachments here: its list of all files never leaves as a whole.
    """
    entries = [each for each in entries if not isinstance(each.said, DigestsRenewed)]
    gone = disposed(entries)
    there = (each for each in entries if made_from(each.said) not in gone)
    return sorted({blob.sha256 for each in there for blob in attachments(each.said)})


def build(folder: Path, contents: Contents, journal: Journal, blobs: Blobs) -> Built:
    """Writes everything but the seal.

    Raises:
        StoreFailure: an object's bytes are not what its name says; nothing must leave like this.
    """
    bag = Bag(folder)
    note = journal.note()
    checkpoint = Checkpoint.parse(parse(note).text)
    objects = objects_of(contents.entries, contents.profile)
    others = attachments_of(contents.entries) if contents.profile == "court" else []
    here = set(objects)
    attached = [name for name in others if name not in here]
    for kind, names in (("objects", objects), ("attachments", attached)):
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
    for earlier in contents.earlier:
        _write_earlier(bag, earlier, checkpoint.size, journal, blobs)
    for renewed in contents.renewed:
        _write_renewed(bag, renewed, blobs)
    lines = [str(each.index).encode() + b" " + each.body + b"\n" for each in contents.entries]
    bag.write("record/entries", b"".join(lines))
    for tile in tiles_for([each.index for each in contents.entries], checkpoint.size):
        bag.write(f"record/{tile.path}", journal.tile(tile))
    if contents.disclosures:
        bag.write("disclosures", b"".join(contents.disclosures))
    info = {
        "Bagging-Date": contents.date,
        "External-Identifier": checkpoint.origin,
        "Witnessmark-Package": FORMAT,
        "Witnessmark-Record-Size": str(checkpoint.size),
    }
    tagmanifest = bag.close(info, {"README.txt": contents.readme.encode(), **contents.checkers})
    return Built(bag=bag, checkpoint=checkpoint, tagmanifest=tagmanifest, objects=len(objects))


def _write_earlier(bag: Bag, earlier: Earlier, size: int, journal: Journal, blobs: Blobs) -> None:
    folder = f"checkpoints/{earlier.size}"
    bag.write(f"{folder}/checkpoint", journal.note(earlier.size) + b"".join(earlier.cosignatures))
    node = node_reader(journal.tile)
    steps = consistency_proof(earlier.size, size, node) if earlier.size < size else []
    bag.write(f"{folder}/consistency", b"".join(base64.b64encode(step) + b"\n" for step in steps))
    for name, sha256 in earlier.stamps.items():
        with blobs.open(sha256) as file:
            bag.copy(f"{folder}/{name}", file)


def _write_renewed(bag: Bag, renewed: Renewed, blobs: Blobs) -> None:
    folder = f"renewals/{renewed.index}"
    bag.write(f"{folder}/files", renewed.files)
    for name, sha256 in {"row": renewed.row, **renewed.stamps}.items():
        with blobs.open(sha256) as file:
            bag.copy(f"{folder}/{name}", file)


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
    built.bag.add(SEAL, proof.encode())
