"""The specification's vectors are what this code makes, and what this code accepts and refuses."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.vectors import make
from witnessmark.errors import BadRecord
from witnessmark.model import Protected
from witnessmark.record import note, tiles, tree
from witnessmark.record.checkpoint import Checkpoint
from witnessmark.record.commitment import opens
from witnessmark.record.entries import recorded
from witnessmark.record.proof import Proof


def load(name: str) -> dict[str, Any]:
    return json.loads((make.FOLDER / f"{name}.json").read_text())


def refused(work: Callable[..., object], *arguments: object) -> str:
    """The code under which `work` refuses its arguments, or ``."""
    try:
        work(*arguments)
    except BadRecord as error:
        return error.code
    return ""


def head_of(data: bytes, key: note.VerifierKey) -> Checkpoint:
    parsed = note.parse(data)
    parsed.check([key])
    return Checkpoint.parse(parsed.text)


@pytest.mark.parametrize("name", make.VECTORS)
def test_the_files_are_up_to_date(name: str) -> None:
    assert (make.FOLDER / f"{name}.json").read_text() == make.text(name)


def test_entries() -> None:
    vectors = load("entries")
    for each in vectors["valid"]:
        body = base64.b64decode(each["bytes"])
        assert recorded(0, body).leaf.hex() == each["leaf"]
    for each in vectors["invalid"]:
        assert refused(recorded, 0, base64.b64decode(each["bytes"])), each["why"]


def test_checkpoints() -> None:
    vectors = load("checkpoints")
    key = note.VerifierKey.parse(vectors["key"])
    for weak in vectors["weak_keys"]:
        assert refused(note.VerifierKey.parse, weak) == "weak_key"
    for each in vectors["valid"]:
        parsed = note.parse(each["note"].encode())
        assert parsed.check([key]) == [key]
        head = Checkpoint.parse(parsed.text)
        assert (head.size, head.root.hex()) == (each["size"], each["root"])
    for each in vectors["invalid"]:
        code = refused(head_of, each["note"].encode(), key)
        # base64 inside a note is a matter of the note for the specification
        assert {"base64": "note"}.get(code, code) == each["code"], each["why"]


def test_tiles() -> None:
    vectors = load("tiles")
    for case in vectors["trees"]:
        made = make.all_tiles(case["size"])
        hashes = {path: hashlib.sha256(data).hexdigest() for path, data in made.items()}
        assert hashes == case["tiles"]

        def read(tile: tiles.Tile, made: dict[str, bytes] = made) -> bytes:
            paths = {t.level * 10**9 + t.index: p for p in made for t in [tiles.parse_path(p)]}
            return made[paths[tile.level * 10**9 + tile.index]][: tile.width * 32]

        assert tiles.root_from_edge(case["size"], read).hex() == case["root"]
    for number, path in vectors["paths"].items():
        assert tiles.Tile(0, int(number)).path == path


def test_proofs() -> None:
    vectors = load("proofs")
    key = note.VerifierKey.parse(vectors["key"])
    for each in vectors["inclusion"]:
        proof = Proof.parse(each["file"].encode())
        parsed = note.parse(proof.checkpoint)
        assert parsed.check([key])
        head = Checkpoint.parse(parsed.text)
        leaf = tree.leaf_hash(each["entry"].encode())
        tree.check_inclusion(leaf, proof.index, head.size, proof.path, head.root)
    for each in vectors["consistency"]:
        roots = bytes.fromhex(each["old_root"]), bytes.fromhex(each["new_root"])
        steps = [bytes.fromhex(step) for step in each["proof"]]
        tree.check_consistency(each["old"], each["new"], steps, *roots)


def test_protected_values() -> None:
    vectors = load("protected")

    def fits(each: dict[str, Any]) -> bool:
        salt = base64.b64decode(each["salt"])
        return opens(Protected(each["commitment"]), each["field"], each["value"], salt)

    assert all(fits(each) for each in vectors["opens"])
    assert not any(fits(each) for each in vectors["does_not_open"])
