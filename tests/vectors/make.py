"""Writes `spec/vectors/*.json`: `python -m tests.vectors.make`. The same bytes every time."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from witnessmark.model import Entry, ObjectStored, key_id
from witnessmark.model.statement import Sha256, Token
from witnessmark.record import note, tiles, tree
from witnessmark.record.checkpoint import Checkpoint
from witnessmark.record.commitment import commit
from witnessmark.record.entries import encode
from witnessmark.record.proof import Proof

FOLDER = Path(__file__).parents[2] / "spec" / "vectors"
ORIGIN = "witnessmark/vectors"
KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"archive key").digest())
STRANGER = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"stranger").digest())
VERIFIER = note.VerifierKey(ORIGIN, KEY.public_key().public_bytes_raw())


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def an_entry(number: int) -> bytes:
    name = Sha256(hashlib.sha256(b"object %d" % number).hexdigest())
    said = ObjectStored(sha256=name, size=number, kind=Token("video"))
    return encode(
        Entry(
            type=said.TYPE,
            by=key_id(VERIFIER.public),
            about=(f"sha256:{name}",),
            fields=said.fields(),
            at=f"2026-01-02T03:04:05.{number:06d}Z",
        )
    )


def entries() -> dict[str, Any]:
    by = '"by":"key:' + "0" * 32 + '"'
    fields = '{"\u20ac":null,"\U0001f600":[1,true],"\ufb33":"\u00e9\\n\\u0001"}'
    head = f'{{"about":[],"at":"2026-01-02T03:04:05Z",{by}'
    unknown = f'{head},"fields":{fields},"new":{{}},"type":"future.said/2"}}'

    def nested(lists: int) -> bytes:
        """Two levels of objects and so many lists."""
        deep = "[" * lists + "]" * lists
        return f'{head},"fields":{{"a":{deep}}},"type":"future.said/2"}}'.encode()

    valid = [an_entry(n) for n in range(3)] + [unknown.encode(), nested(30)]
    good = an_entry(1)
    invalid = {
        "a space": good.replace(b'"about":', b'"about": '),
        "a member twice": good.replace(b'"type"', b'"at":"x","type"'),
        "members out of order": b'{"type":"a/1","about":[]}',
        "a fraction": good.replace(b'"size":1', b'"size":1.0'),
        "an exponent": good.replace(b'"size":1', b'"size":1e0'),
        "an integer of 2^53": good.replace(b'"size":1', b'"size":9007199254740992'),
        "a negative zero": good.replace(b'"size":1', b'"size":-0'),
        "a lone surrogate": good.replace(b'"video"', b'"\\ud800"'),
        "an escape that is not needed": good.replace(b'"video"', b'"\\u0076ideo"'),
        "bytes that are not UTF-8": good.replace(b"video", b"vid\xff"),
        "a trailing newline": good + b"\n",
        "an empty time": good.replace(b'"at":"2026-01-02T03:04:05.000001Z"', b'"at":""'),
        "an author by name": good.replace(key_id(VERIFIER.public).encode(), b"Jane"),
        "a type without a version": good.replace(b"object.stored/1", b"object.stored"),
        "33 levels": nested(31),
        "a field of the wrong kind": good.replace(b'"size":1', b'"size":"1"'),
        "a hash in capitals": good.replace(b'"sha256":"', b'"sha256":"A', 1),
    }  # fmt: skip
    return {
        "valid": [{"bytes": b64(each), "leaf": tree.leaf_hash(each).hex()} for each in valid],
        "invalid": [{"why": why, "bytes": b64(each)} for why, each in invalid.items()],
    }


def checkpoints() -> dict[str, Any]:
    text = Checkpoint(ORIGIN, 3, tree.leaf_hash(b"root")).text
    good = note.sign(text, KEY, ORIGIN)
    line = good.split(b"\n\n", 1)[1]
    stranger = note.sign(text, STRANGER, "partner").split(b"\n\n", 1)[1]
    imposter = note.sign(text, STRANGER, ORIGIN).split(b"\n\n", 1)[1]
    odd = note.sign(text, STRANGER, "odd\u00a1\u0378\u2010\ue000\U000e0080").split(b"\n\n", 1)[1]
    identity = note.VerifierKey("weak", (1).to_bytes(32, "little"))
    invalid = {
        "another size under the signature": (good.replace(b"\n3\n", b"\n4\n"), "signature"),
        "signed by a stranger under the archive's name": (
            text.encode() + b"\n" + imposter,
            "unsigned",
        ),
        "a right and a wrong signature of one key": (
            good + note.sign(text + "x\n", KEY, ORIGIN).split(b"\n\n", 1)[1],
            "signature",
        ),
        "a carriage return": (good.replace(b"\n3\n", b"\n3\r\n"), "note"),
        "no newline at the end": (good[:-1], "note"),
        "base64 that is not canonical": (good[:-3] + b"=\n", "note"),
        "33 signatures": (text.encode() + b"\n" + line * 33, "note"),
        "an extension line": (note.sign(text + "extension\n", KEY, ORIGIN), "checkpoint"),
        "a leading zero": (note.sign(text.replace("\n3\n", "\n03\n"), KEY, ORIGIN), "checkpoint"),
        **{
            f"a key name with U+{point:04X}": (
                good + stranger.replace(b"partner", f"part{chr(point)}ner".encode()), "note"
            )
            for point in (0x20, 0xA0, 0xAD, 0x180E, 0x200B, 0x202E, 0x3000, 0xFEFF, 0xE0001)
        },
    }  # fmt: skip
    return {
        "key": str(VERIFIER),
        "weak_keys": [str(identity)],
        "valid": [
            {"note": each.decode(), "size": 3, "root": tree.leaf_hash(b"root").hex()}
            for each in (good, good + stranger, good + odd)
        ],
        "invalid": [
            {"why": why, "code": code, "note": each.decode()}
            for why, (each, code) in invalid.items()
        ],
    }


def all_tiles(size: int) -> dict[str, bytes]:
    store: dict[tuple[int, int], bytes] = {}
    leaves = [tree.leaf_hash(str(n).encode()) for n in range(size)]
    for tile, data in tiles.grow(0, leaves, lambda _: b""):
        store[(tile.level, tile.index)] = data
    return {tiles.Tile(*at, len(data) // 32).path: data for at, data in store.items()}


def tiles_vectors() -> dict[str, Any]:
    return {
        "leaves": "entry n is the text of the number n in decimal",
        "trees": [
            {
                "size": size,
                "root": tree.fold([tree.leaf_hash(str(n).encode()) for n in range(size)]).hex(),
                "tiles": {
                    path: hashlib.sha256(data).hexdigest()
                    for path, data in sorted(all_tiles(size).items())
                },
            }
            for size in (1, 2, 255, 256, 257, 1204, 66_000)
        ],
        "paths": {"1234067": "tile/0/x001/x234/067", "0": "tile/0/000", "999": "tile/0/999"},
    }


def proofs() -> dict[str, Any]:
    leaves = [tree.leaf_hash(str(n).encode()) for n in range(1204)]

    def node(level: int, index: int) -> bytes:
        return tree.fold(leaves[index << level : (index + 1) << level])

    files = []
    for index, size in ((0, 1), (0, 2), (6, 7), (1203, 1204)):
        checkpoint = Checkpoint(ORIGIN, size, tree.fold(leaves[:size]))
        path = tuple(tree.inclusion_proof(index, size, node))
        proof = Proof(index, path, note.sign(checkpoint.text, KEY, ORIGIN), b"extra")
        files.append({"entry": str(index), "file": proof.encode().decode()})
    steps = [
        {
            "old": old,
            "new": new,
            "old_root": tree.fold(leaves[:old]).hex(),
            "new_root": tree.fold(leaves[:new]).hex(),
            "proof": [step.hex() for step in tree.consistency_proof(old, new, node)],
        }
        for old, new in ((1, 2), (3, 7), (4, 4), (256, 1204), (1200, 1204))
    ]
    return {"key": str(VERIFIER), "inclusion": files, "consistency": steps}


def protected() -> dict[str, Any]:
    salt = hashlib.sha256(b"salt").digest()
    values: list[tuple[str, Any]] = [
        ("caption", "the words themselves"),
        ("location", {"latitude": "40.1815", "longitude": "44.5136"}),
        ("name", {"base64": b64(b"not-utf8-\xff.mp4")}),
    ]
    opens = [
        {"field": f, "value": v, "salt": b64(salt), "commitment": commit(f, v, salt).commitment}
        for f, v in values
    ]
    wrong = [
        {**opens[0], "field": "author"},
        {**opens[0], "value": "other words"},
        {**opens[0], "salt": b64(bytes(32))},
        {**opens[0], "commitment": opens[1]["commitment"]},
    ]
    return {"opens": opens, "does_not_open": wrong}


VECTORS = {
    "entries": entries,
    "checkpoints": checkpoints,
    "tiles": tiles_vectors,
    "proofs": proofs,
    "protected": protected,
}


def text(name: str) -> str:
    """The file's text."""
    return json.dumps(VECTORS[name](), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    for name in VECTORS:
        (FOLDER / f"{name}.json").write_text(text(name))
