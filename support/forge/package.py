"""A whole package made by hand from the specification pages, for the tests of the checker.

Nothing here comes from the product: a package that both accept was described by the pages alone.
Every stage of the making can be bent, so that an attack can compute again whatever follows it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ORIGIN = "witnessmark/3f9a0c51d2b84e77"
AT = "2026-01-02T03:04:05.000006Z"
#: A witness, and when they signed: 2026-01-02T06:00:00Z.
WITNESS, COSIGNED = "witness.example/w", 1_767_333_600
PAYLOAD_MANIFEST, TAG_MANIFEST = "manifest-sha256.txt", "tagmanifest-sha256.txt"
CHECKPOINT, ENTRIES = "data/record/checkpoint", "data/record/entries"
SEAL, DISCLOSURES = "seal.tlog-proof", "data/disclosures"

Files = dict[str, bytes]
Fields = dict[str, object]
Bend = Callable[[Files], None]


def nothing(files: Files) -> None:
    """Leave everything as it is."""


def canonical(value: object) -> bytes:
    """Canonical JSON for the values of these tests (names in ASCII)."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@dataclass(frozen=True)
class Signer:
    """A key made from a number, so that every run of the tests makes the same package."""

    number: int

    @property
    def private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"%d" % self.number).digest())

    @property
    def public(self) -> bytes:
        return self.private.public_key().public_bytes_raw()

    @property
    def id(self) -> str:
        return "key:" + sha256(self.public)[:32]

    def sign(self, data: bytes) -> bytes:
        return self.private.sign(data)

    def verifier(self, name: str = ORIGIN) -> str:
        return verifier_key(name, self.public)

    def line(self, text: bytes, name: str = ORIGIN) -> bytes:
        """A signature line over a note's text."""
        blob = note_id(name, self.public) + self.sign(text)
        return f"\u2014 {name} {b64(blob)}\n".encode()

    def witness(self, name: str = WITNESS) -> str:
        """The same key as a witness's."""
        return verifier_key(name, self.public, 4)

    def cosign(self, text: bytes, seconds: int = COSIGNED, name: str = WITNESS) -> bytes:
        """A co-signature line over a checkpoint's text."""
        words = f"cosignature/v1\ntime {seconds}\n".encode() + text
        blob = note_id(name, self.public, 4) + seconds.to_bytes(8, "big") + self.sign(words)
        return f"\u2014 {name} {b64(blob)}\n".encode()


def note_id(name: str, public: bytes, kind: int = 1) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def verifier_key(name: str, public: bytes, kind: int = 1) -> str:
    return f"{name}+{note_id(name, public, kind).hex()}+{b64(bytes([kind]) + public)}"


By = Signer | str | None  # who speaks: a person, who signs; a key id; or the archive
ARCHIVE, NEW_ARCHIVE, ANNA, BOHDAN, STRANGER = (Signer(number) for number in range(1, 6))


# The tree of RFC 6962, written as its definitions stand there -------------------------------


def leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def split(size: int) -> int:
    """The largest power of two below a size."""
    return 1 << (size - 1).bit_length() - 1


def root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return hashlib.sha256(b"\1" + root(leaves[:k]) + root(leaves[k:])).digest()


def inclusion(index: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*inclusion(index, leaves[:k]), root(leaves[k:])]
    return [*inclusion(index - k, leaves[k:]), root(leaves[:k])]


def consistency(size: int, leaves: list[bytes], whole: bool = True) -> list[bytes]:
    if size == len(leaves):
        return [] if whole else [root(leaves)]
    k = split(len(leaves))
    if size <= k:
        return [*consistency(size, leaves[:k], whole), root(leaves[k:])]
    return [*consistency(size - k, leaves[k:], False), root(leaves[:k])]


def tiles(leaves: list[bytes], included: set[int]) -> Files:
    """The tiles that cover the included entries, and all partial ones (up to 65,536 entries)."""
    files: Files = {}
    level, hashes, needed = 0, leaves, {index // 256 for index in included}
    while hashes:
        full = len(hashes) // 256
        for number in range(full + 1):
            part = hashes[256 * number : 256 * number + 256]
            if part and (len(part) < 256 or number in needed):
                name = f"{number:03d}" if len(part) == 256 else f"{number:03d}.p/{len(part)}"
                files[f"data/record/tile/{level}/{name}"] = b"".join(part)
        hashes = [root(hashes[256 * n : 256 * n + 256]) for n in range(full)]
        level, needed = level + 1, {number // 256 for number in needed if number < full}
    return files


# The record ---------------------------------------------------------------------------------


@dataclass
class Record:
    """Entries, and the keys that speak in them."""

    entries: list[bytes] = field(default_factory=list)
    archive: Signer = ARCHIVE
    origin: str = ORIGIN

    def entry(self, kind: str, fields: Fields, by: By = None, **members: object) -> bytes:
        """An entry: signed when a person says it. `None` for a member leaves it out."""
        author = by if isinstance(by, str) else (by or self.archive).id
        value = {"type": kind, "by": author, "about": [], "fields": fields, "at": AT} | members
        value = {name: member for name, member in value.items() if member is not None}
        if isinstance(by, Signer) and "signature" not in members:
            said = {name: member for name, member in value.items() if name != "at"}
            words = f"witnessmark/entry/1\n{self.origin}\n".encode() + canonical(said)
            value["signature"] = b64(by.sign(words))
        return canonical(value)

    def add(self, kind: str, fields: Fields, by: By = None, **members: object) -> int:
        self.entries.append(self.entry(kind, fields, by, **members))
        return len(self.entries) - 1

    def leaves(self) -> list[bytes]:
        return [leaf(entry) for entry in self.entries]

    def text(self, size: int | None = None) -> bytes:
        """The text of the checkpoint of that size: of all entries by default."""
        leaves = self.leaves()[:size]
        return f"{self.origin}\n{len(leaves)}\n{b64(root(leaves))}\n".encode()

    def checkpoint(self, signer: Signer | None = None) -> bytes:
        return sign_note(self.text(), signer or self.archive)

    def copy(self) -> Record:
        return Record(list(self.entries), self.archive, self.origin)


def sign_note(text: bytes, *signers: Signer) -> bytes:
    return text + b"\n" + b"".join(signer.line(text) for signer in signers)


def salt(number: int) -> bytes:
    return hashlib.sha256(b"salt %d" % number).digest()


def protect(name: str, value: object, number: int = 0) -> dict[str, str]:
    message = b"witnessmark/protected/1\n" + name.encode() + b"\n" + canonical(value)
    return {"protected": hmac.new(salt(number), message, hashlib.sha256).hexdigest()}


# One statement of every type that the pages know ----------------------------------------------

VIDEO, THUMBNAIL = b"the very bytes of a video" * 40, b"a smaller picture"
CAPTURE, OUTPUT = b"<html>the page</html>", b'{"boxes":[]}'
SCOPE: Fields = {
    "purpose": "To keep what is shown",
    "parties": ["one side", "the other"],
    "places": ["\u0425\u0430\u0440\u043a\u0456\u0432"],
    "dates": "2022-02-24 on",
    "legal_basis": "consent",
    "scratch": False,
}
TALLY: Fields = {
    "seen": 6,
    "stored": 2,
    "already_held": 1,
    "not_included": 1,
    "quarantined": 1,
    "failed": 1,
    "reasons": {"too large": 1},
}


def genesis() -> Fields:
    return {
        "origin": ORIGIN,
        "archive_key": ARCHIVE.verifier(),
        "person_key": b64(ANNA.public),
        "person_name": protect("person_name", "Anna", 1),
        "scope": SCOPE,
    }


def person(signer: Signer) -> Fields:
    return {"key": b64(signer.public), "name": protect("name", "B", 2), "roles": ["reviewer"]}


def stored(data: bytes) -> Fields:
    return {"sha256": sha256(data), "size": len(data), "kind": "video"}


def blob(data: bytes) -> Fields:
    return {"role": "capture", "sha256": sha256(data), "size": len(data)}


def statements() -> dict[str, Fields]:
    """Right fields of every type but the genesis, persons and keys."""
    values = {
        "values": [{"entry": 4, "field": "caption"}],
        "reason": protect("reason", "asked", 3),
        "second": "alone",
        "second_signature": "",
    }
    video = sha256(VIDEO)
    segment = {"a_start": 0, "a_end": 900, "b_start": 100, "b_end": 1000}
    return {
        "run.recorded/1": {
            "run": "run:" + "0" * 32,
            "source": "folder",
            "program": "tests 1.0",
            "started_at": "2026-01-02T03:04:05Z",
            "party": "one side",
            "tally": TALLY,
            "notes": [],
            "interrupted": [],
            "clock": "synchronised",
            "clock_error_ms": 12,
            "where": protect("where", "/home", 4),
        },
        "object.stored/1": stored(VIDEO),
        "sighting.recorded/1": {
            "run": "run:" + "0" * 32,
            "source": "folder",
            "place": "folder:1",
            "outcome": "stored",
            "party": "Party A",
            "content": "0" * 32,
            "reason": "",
            "kind": "video",
            "object": video,
            "dates": [{"what": "posted", "at": AT, "grade": "stated", "bounds_media": False}],
            "stated": {"views": 12},
            "attachments": [blob(CAPTURE)],
            "flags": ["below_minimum_capture_set"],
            "claimed": [
                {"by": "a tool", "algorithm": "md5", "value": "0" * 32, "agrees": "not_compared"}
            ],
            "caption": protect("caption", "the words themselves", 5),
            "author": protect("author", {"base64": "/w=="}, 6),
        },
        "finding.recorded/1": {
            "object": video,
            "check": "container",
            "version": "1",
            "range": "whole",
            "result": "observed",
            "reason": "",
            "tools": {"reader": "2.0"},
            "parameters": {},
            "values": {"boxes": "12"},
            "output": blob(OUTPUT),
        },
        "link.found/1": {
            "a": video,
            "b": sha256(THUMBNAIL),
            "relation": "same",
            "score": "0.98",
            "fingerprint": "f/1",
            "matcher": "m/1",
            "segments": [{**segment, "rate": "1", "transform": "none"}],
        },
        "risk.recorded/1": {
            "decision": "share",
            **{
                name: protect(name, "nobody", 7)
                for name in ("persons_depicted", "uploader", "witnesses", "analysts")
            },
        },
        "scope.changed/1": {"scope": SCOPE, "reason": "a new place"},
        "value.disclosed/1": values,
        "value.erased/1": values,
        "weather.noted/1": {"sky": "clear"},
    }


def later_statements() -> dict[str, Fields]:
    """Right fields of the types about anchors, custody and copies, but for two persons' acts."""
    video, thumbnail = sha256(VIDEO), sha256(THUMBNAIL)
    place = {"place": "archive", "objects": 2, "bytes": 9, "missing": 0, "changed": 1}
    bad = {"place": "archive", "sha256": video, "what": "changed", "repaired": True}
    stream = {"kind": "video", "codec": "h264", "packets": 9, "sha256": video}
    stamp: Fields = {"size": 3, "root": video, "kind": "rfc3161", "authority": "first"}
    return {
        "anchor.received/1": {
            **stamp, "state": "stamped", "via": "direct", "time": AT, "proof": blob(OUTPUT),
        },
        "anchor.failed/1": {**stamp, "reason": "unreachable", "attempts": 3},
        "cosignature.received/1": {
            "size": 3, "root": video, "witness": "w", "time": AT, "signature": "x",
        },
        "fork.reported/1": {"size": 3, "ours": video, "theirs": thumbnail, "note": blob(OUTPUT)},
        "custody.received/1": {
            "objects": [video], "method": "in_person", "reason": protect("reason", "r", 10),
            "from_whom": protect("from_whom", "C", 11),
        },
        "custody.transferred/1": {
            "objects": [video], "method": "courier", "reason": protect("reason", "r", 12),
            "to_whom": protect("to_whom", "D", 13),
        },
        "material.linked/1": {
            "a": video, "b": thumbnail, "relation": "contradicts",
            "reason": protect("reason", "r", 14),
        },
        "link.decided/1": {
            "a": video, "b": thumbnail, "decision": "split",
            "spans": [{"a_start": 0, "a_end": 900, "b_start": 100, "b_end": 1000}],
            "reason": protect("reason", "r", 15),
        },
        "reference.claimed/1": {
            "collection": "Invented films", "fingerprint": blob(OUTPUT), "version": "1",
            "duration": 9000, "claimed_date": "1999", "title": protect("title", "t", 16),
        },
        "reference.matched/1": {
            "object": video, "reference": thumbnail, "relation": "same_footage", "score": "0.9",
            "fingerprint": "1", "matcher": "1", "segments": [],
        },
        "reference.exported/1": {
            "recipient": protect("recipient", "E", 17), "purpose": protect("purpose", "p", 18),
            "risk": 1, "objects": [video], "version": "1",
        },
        "search.recorded/1": {
            "platform": "telegram", "language": "uk", "party": "Party A", "searched_at": AT,
            "results": 0, "taken": 0, "terms": protect("terms", "a village", 19),
        },
        "derivative.made/1": {
            "original": video, "derivative": thumbnail, "method": "sanitise", "version": "1",
            "tools": {}, "removed": ["container_metadata"], "streams": [stream],
        },
        "fixity.audited/1": {"started_at": AT, "places": [{**place, "repaired": 1}], "bad": [bad]},
    }  # fmt: skip


def receipt(record: Record, transfer: int, signer: Signer | None = None) -> Fields:
    """Fields of the receipt for a transfer; signed by the receiver when there is one."""
    said = json.loads(record.entries[transfer])["fields"]
    if signer is None:
        return {"transfer": transfer, "received_at": AT}
    words = canonical({"objects": said["objects"], "received_at": AT, "transfer": transfer})
    domain = f"witnessmark/receipt/1\n{record.origin}\n".encode()
    return {
        "transfer": transfer,
        "received_at": AT,
        "receiver_key": b64(signer.public),
        "receiver_signature": b64(signer.sign(domain + words)),
    }


SIGNED = (
    *("risk.recorded/1", "scope.changed/1", "value.disclosed/1", "value.erased/1"),
    *("custody.received/1", "custody.transferred/1", "custody.receipted/1", "material.linked/1"),
    *("link.decided/1", "reference.claimed/1", "reference.exported/1", "search.recorded/1"),
)


def record() -> Record:
    """A small record that holds everything but changes of keys."""
    made = Record()
    made.add("genesis/1", genesis(), ANNA)
    made.add("person.added/1", person(BOHDAN), ANNA, said_at="2026-01-02T03:04:00Z")
    for kind, fields in statements().items():
        made.add(kind, fields, BOHDAN if kind in SIGNED else None)
    made.add("object.stored/1", {**stored(THUMBNAIL), "derived_from": sha256(VIDEO)})
    return made


def disclosure(entry: int, name: str, value: object, number: int) -> Fields:
    return {"entry": entry, "field": name, "salt": b64(salt(number)), "value": value}


# The package --------------------------------------------------------------------------------


@dataclass
class Earlier:
    """An earlier checkpoint in a package; what is None is made as it should be.

    Attributes:
        stamps: file name to what makes its bytes from the checkpoint's text.
        cosigners: lines that make a co-signature from that text.
    """

    stamps: dict[str, Callable[[bytes], bytes]] = field(default_factory=dict)
    cosigners: list[Callable[[bytes], bytes]] = field(default_factory=list)
    signer: Signer | None = None
    checkpoint: bytes | None = None
    consistency: bytes | None = None

    def files(self, record: Record, size: int) -> Files:
        folder, text = f"data/checkpoints/{size}/", record.text(size)
        note = sign_note(text, self.signer or record.archive)
        note += b"".join(make(text) for make in self.cosigners)
        steps = consistency(size, record.leaves()) if size <= len(record.entries) else []
        proof = b"".join(b64(step).encode() + b"\n" for step in steps)
        return {
            folder + "checkpoint": note if self.checkpoint is None else self.checkpoint,
            folder + "consistency": proof if self.consistency is None else self.consistency,
            **{folder + name: make(text) for name, make in self.stamps.items()},
        }


@dataclass
class Seal:
    """The parts of a seal, to be bent before they are put together."""

    entry: bytes
    index: int
    path: list[bytes]
    consistency: list[bytes]
    checkpoint: bytes

    def write(self) -> bytes:
        steps = [b64(step) for step in self.consistency]
        extra = canonical({"entry": self.entry.decode(), "consistency": steps})
        lines = ["c2sp.org/tlog-proof@v1", f"extra {b64(extra)}", f"index {self.index}"]
        lines += [b64(step) for step in self.path]
        return "\n".join(lines).encode() + b"\n\n" + self.checkpoint


@dataclass
class Package:
    """What goes into a package, and how each stage of its making is bent."""

    record: Record = field(default_factory=record)
    objects: list[bytes] = field(default_factory=lambda: [VIDEO, THUMBNAIL])
    attachments: list[bytes] = field(default_factory=lambda: [CAPTURE, OUTPUT])
    disclosures: list[Fields] = field(
        default_factory=lambda: [
            disclosure(0, "person_name", "Anna", 1),
            disclosure(4, "author", {"base64": "/w=="}, 6),
            disclosure(4, "caption", "the words themselves", 5),
        ]
    )
    earlier: dict[int, Earlier] = field(default_factory=dict)
    cosigners: list[Callable[[bytes], bytes]] = field(default_factory=list)
    included: set[int] | None = None
    export: Fields = field(default_factory=dict)
    export_entry: Callable[[Record, Fields], bytes] | None = None
    sealed_in: Record | None = None
    bend_payload: Bend = nothing
    bend_tags: Bend = nothing
    bend_tag_manifest: Bend = nothing
    bend_seal: Callable[[Seal], object] = id  # leaves it as it is
    bend_files: Bend = nothing

    def files(self) -> Files:
        """All files of the package, by path."""
        files = self.payload()
        self.bend_payload(files)
        files |= tag_files(files)
        self.bend_tags(files)
        tags = [name for name in files if not name.startswith("data/")]
        files[TAG_MANIFEST] = manifest(files, tags)
        self.bend_tag_manifest(files)
        seal = self.seal(files)
        self.bend_seal(seal)
        files[SEAL] = seal.write()
        self.bend_files(files)
        return files

    def payload(self) -> Files:
        entries = self.record.entries
        included = set(range(len(entries))) if self.included is None else self.included
        files = {f"data/objects/{sha256(data)}": data for data in self.objects}
        files |= {f"data/attachments/{sha256(data)}": data for data in self.attachments}
        files[CHECKPOINT] = self.record.checkpoint()
        files[CHECKPOINT] += b"".join(make(self.record.text()) for make in self.cosigners)
        for size, earlier in self.earlier.items():
            files |= earlier.files(self.record, size)
        files[ENTRIES] = b"".join(b"%d %s\n" % (i, entries[i]) for i in sorted(included))
        files |= tiles(self.record.leaves(), included)
        if self.disclosures:
            files[DISCLOSURES] = b"".join(canonical(item) + b"\n" for item in self.disclosures)
        return files

    def seal(self, files: Files) -> Seal:
        size = len(self.record.entries)
        fields: Fields = {
            "recipient": protect("recipient", "court", 8),
            "risk": 8,
            "encrypted": False,
            "purpose": protect("purpose", "trial", 9),
            "profile": "court",
            "record_size": size,
            "record_root": root(self.record.leaves()).hex(),
            "objects": sum(name.startswith("data/objects/") for name in files),
            "disclosures": files.get(DISCLOSURES, b"").count(b"\n"),
            "tagmanifest": sha256(files.get(TAG_MANIFEST, b"")),
            **self.export,
        }
        later = (self.sealed_in or self.record).copy()
        if self.export_entry is None:
            later.add("export.made/1", fields, ANNA)
        else:
            later.entries.append(self.export_entry(later, fields))
        leaves, index = later.leaves(), len(later.entries) - 1
        path, steps = inclusion(index, leaves), consistency(size, leaves)
        return Seal(later.entries[index], index, path, steps, later.checkpoint())

    def write(self, folder: Path) -> Path:
        for name, data in self.files().items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return folder


def tag_files(files: Files) -> Files:
    """The tag files that do not depend on others."""
    payload = sorted(name for name in files if name.startswith("data/"))
    oxum = f"{sum(len(files[name]) for name in payload)}.{len(payload)}"
    return {
        "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "bag-info.txt": (
            f"Bagging-Date: 2026-01-02\nWitnessmark-Package: 1\nPayload-Oxum: {oxum}\n".encode()
        ),
        "README.txt": b"What this is, and what it does not prove.\n",
        "check.py": b"# a checker\n",
        "check.html": b"<!doctype html>\n",
        PAYLOAD_MANIFEST: manifest(files, payload),
    }


def manifest(files: Files, names: list[str]) -> bytes:
    return b"".join(f"{sha256(files[name])}  {name}\n".encode() for name in sorted(names))


def rotation(use: str, old: str, new: str, signer: Signer) -> dict[str, object]:
    """Fields of a `key.rotated/1` whose proof `signer` made."""
    words = f"witnessmark/rotation/1\n{ORIGIN}\n{new}".encode()
    return {"use": use, "old": old, "new": new, "proof": b64(signer.sign(words))}


def seconded(kind: str, second: Signer, signer: Signer) -> Fields:
    """Fields of an act that names `second`, with a second signature by `signer`."""
    disposed = {
        "objects": [{"sha256": sha256(VIDEO), "size": len(VIDEO)}],
        "ground": "consent_withdrawn",
        "reason": protect("reason", "asked", 15),
        "contrary": False,
    }
    fields = {**{**statements(), "object.disposed/1": disposed}[kind], "second": second.id}
    fields.pop("second_signature", None)
    words = f"witnessmark/second/1\n{ORIGIN}\n".encode()
    words += canonical({"fields": fields, "type": kind})
    return {**fields, "second_signature": b64(signer.sign(words))}
